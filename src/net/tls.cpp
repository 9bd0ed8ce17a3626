// How this works: mbedTLS runs over two buffers. It asks for bytes that have not come: the caller
// reads on. What it writes is collected. So no call of it ever waits.
#include "tls.hpp"

#include <string.h>

#include <atomic>
#include <vector>

#include "chimera/rt/runnable.hpp"
#include "chimera/sys/clock.hpp"

#ifndef MBEDTLS_PRIVATE
#define MBEDTLS_PRIVATE(member) member   // mbedTLS 2
#endif
#ifndef MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION
#define MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION MBEDTLS_ERR_SSL_BAD_HS_PROTOCOL_VERSION
#endif

namespace chimera::net {
namespace {

constexpr int64_t kYear2020 = 1'577'836'800'000'000'000;   // no clock that is set says less

// ---- sessions -----------------------------------------------------------------------------------

// The last session with each server, so that the next connection needs no new one.
struct Session {
  std::string key;
  std::string bytes;
};
constexpr size_t kSessions = 64;
rt::SpinLock g_lock;
std::vector<Session>* g_sessions = nullptr;   // never freed

void put_session(const std::string& key, std::string bytes) {
  g_lock.lock();
  if (g_sessions == nullptr) g_sessions = new std::vector<Session>;
  size_t i = 0;
  while (i < g_sessions->size() && (*g_sessions)[i].key != key) ++i;
  if (i == g_sessions->size() && i < kSessions) g_sessions->push_back({key, {}});
  if (i < g_sessions->size()) (*g_sessions)[i].bytes.swap(bytes);
  g_lock.unlock();
}

std::string get_session(const std::string& key) {
  std::string bytes;
  g_lock.lock();
  if (g_sessions != nullptr) {
    for (const Session& s : *g_sessions) {
      if (s.key == key) bytes = s.bytes;
    }
  }
  g_lock.unlock();
  return bytes;
}

// ---- who is it ----------------------------------------------------------------------------------

// A handshake uses the keys of the trusted certificates, in which mbedTLS 2 keeps tables of powers.
std::atomic_flag g_shaking = ATOMIC_FLAG_INIT;

bool same(const mbedtls_x509_buf& a, const mbedtls_x509_buf& b) {
  return a.len == b.len && memcmp(a.p, b.p, a.len) == 0;
}

// RFC 5280 section 4.2.1.6: an iPAddress is the address's bytes. mbedTLS 2 does not look at them.
bool names_address(const mbedtls_x509_crt& certificate, const sys::Address& address) {
  constexpr int kIpAddress = MBEDTLS_ASN1_CONTEXT_SPECIFIC | 7;
  const size_t size = address.family == sys::Address::Family::v4 ? 4 : 16;
  for (const mbedtls_x509_sequence* s = &certificate.subject_alt_names; s != nullptr; s = s->next) {
    const mbedtls_x509_buf& name = s->buf;
    if (name.tag == kIpAddress && name.len == size && memcmp(name.p, address.ip, size) == 0) {
      return true;
    }
  }
  return false;
}

const char* words_of_alert(int alert) {
  switch (alert) {
    case MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE:
    case MBEDTLS_SSL_ALERT_MSG_INSUFFICIENT_SECURITY:
      return "no version or cipher of TLS in common";
    case MBEDTLS_SSL_ALERT_MSG_PROTOCOL_VERSION: return "no version of TLS in common";
    case MBEDTLS_SSL_ALERT_MSG_UNRECOGNIZED_NAME: return "it does not know this name";
    case MBEDTLS_SSL_ALERT_MSG_NO_CERT:
    case 116: return "it wants a certificate of ours";
    default: return "it refused the handshake";
  }
}

bool is_of_x509(int code) { return -code >= 0x2080 && -code <= 0x3000; }

}  // namespace

Tls::Tls(const wire::Url& origin) : key_(origin.authority()) {
  mbedtls_ssl_init(&ssl_);
  std::string host = origin.host;
  if (host.ends_with('.')) host.pop_back();
  const auto address = sys::parse_ip(host, origin.port);
  if (address) address_ = *address;
  failed_ = mbedtls_ssl_setup(&ssl_, &tls_config());
  // RFC 6066 section 3: no address in SNI.
  if (failed_ == 0) failed_ = mbedtls_ssl_set_hostname(&ssl_, address ? nullptr : host.c_str());
  mbedtls_ssl_set_verify(&ssl_, judge, this);
  mbedtls_ssl_set_bio(&ssl_, this, give_bytes, take_bytes, nullptr);
  if (failed_ == 0) resume();
}

Tls::~Tls() { mbedtls_ssl_free(&ssl_); }

int Tls::take_bytes(void* self, unsigned char* to, size_t room) {
  Tls& t = *static_cast<Tls*>(self);
  const size_t left = t.incoming_.size() - t.taken_;
  if (left == 0) return t.ended_ ? 0 : MBEDTLS_ERR_SSL_WANT_READ;
  const size_t n = room < left ? room : left;
  memcpy(to, t.incoming_.data() + t.taken_, n);
  t.taken_ += n;
  return static_cast<int>(n);
}

int Tls::give_bytes(void* self, const unsigned char* from, size_t size) {
  static_cast<Tls*>(self)->outgoing.append(reinterpret_cast<const char*>(from), size);
  return static_cast<int>(size);
}

int Tls::judge(void* self, mbedtls_x509_crt* certificate, int depth, uint32_t* flags) {
  Tls& t = *static_cast<Tls*>(self);
  if (depth != 0) return 0;
  // The library leaves a certificate out whose signature it does not know.
  if (certificate->raw.p == nullptr) *flags |= MBEDTLS_X509_BADCERT_BAD_MD;
  t.self_signed_ = same(certificate->issuer_raw, certificate->subject_raw);
  const bool by_address = t.address_.family != sys::Address::Family::none;
  if (by_address && !names_address(*certificate, t.address_)) {
    *flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
  }
  return 0;
}

// A session that cannot be used costs nothing: the handshake is then a whole one.
void Tls::resume() {
  const std::string bytes = get_session(key_);
  if (bytes.empty()) return;
  mbedtls_ssl_session session;
  mbedtls_ssl_session_init(&session);
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  if (mbedtls_ssl_session_load(&session, data, bytes.size()) == 0) {
    (void)mbedtls_ssl_set_session(&ssl_, &session);
  }
  mbedtls_ssl_session_free(&session);
}

void Tls::remember() {
  mbedtls_ssl_session session;
  mbedtls_ssl_session_init(&session);
  if (mbedtls_ssl_get_session(&ssl_, &session) == 0) {
    size_t size = 0;
    (void)mbedtls_ssl_session_save(&session, nullptr, 0, &size);
    std::string bytes(size, '\0');
    auto* data = reinterpret_cast<unsigned char*>(bytes.data());
    if (mbedtls_ssl_session_save(&session, data, size, &size) == 0) {
      put_session(key_, std::move(bytes));
    }
  }
  mbedtls_ssl_session_free(&session);
}

void Tls::feed(std::string_view bytes) {
  if (taken_ == incoming_.size()) {
    incoming_.clear();
    taken_ = 0;
  }
  incoming_.append(bytes);
}

Result<Tls::Shake> Tls::shake() {
  if (failed_ == 0) {
    if (g_shaking.test_and_set(std::memory_order_acquire)) return Shake::busy;
    do {
      failed_ = mbedtls_ssl_handshake(&ssl_);
    } while (failed_ == MBEDTLS_ERR_SSL_WANT_READ && taken_ != incoming_.size());
    g_shaking.clear(std::memory_order_release);
  }
  if (failed_ == MBEDTLS_ERR_SSL_WANT_READ) {
    failed_ = 0;
    return Shake::wants_bytes;
  }
  if (failed_ != 0) return fail(why_not(failed_));
  remember();
  return Shake::done;
}

Result<std::optional<std::string_view>> Tls::open() {
  for (;;) {
    auto* to = reinterpret_cast<unsigned char*>(plain_);
    const int n = failed_ != 0 ? failed_ : mbedtls_ssl_read(&ssl_, to, sizeof plain_);
    if (n > 0) return std::string_view(plain_, static_cast<size_t>(n));
    if (n == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) return std::string_view();
    if (n == 0) return fail(Errc::truncated, "the end of TLS is missing");
#ifdef MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET
    if (n == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
      remember();
      continue;
    }
#endif
    if (n != MBEDTLS_ERR_SSL_WANT_READ) {
      failed_ = n;
      const bool alert = n == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE;
      return fail(Errc::protocol, alert ? "a fatal alert of TLS" : "a record of TLS");
    }
    if (taken_ == incoming_.size() && !ended_) return std::optional<std::string_view>();
  }
}

bool Tls::has_unread() const {
  return taken_ != incoming_.size() || mbedtls_ssl_get_bytes_avail(&ssl_) != 0;
}

std::string Tls::seal(std::string_view plain) {
  while (!plain.empty() && failed_ == 0) {
    const auto* from = reinterpret_cast<const unsigned char*>(plain.data());
    const int n = mbedtls_ssl_write(&ssl_, from, plain.size());
    if (n > 0) {
      plain.remove_prefix(static_cast<size_t>(n));
    } else {
      failed_ = n != 0 ? n : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
    }
  }
  return std::exchange(outgoing, {});
}

Error Tls::why_not_trusted(uint32_t flags) const {
  const auto because = [](const char* words) { return Error{Errc::tls, 0, words}; };
  const auto has = [flags](uint32_t any) { return (flags & any) != 0; };
  const uint32_t weak = MBEDTLS_X509_BADCERT_BAD_MD | MBEDTLS_X509_BADCERT_BAD_PK |
                        MBEDTLS_X509_BADCERT_BAD_KEY;
  if (has(MBEDTLS_X509_BADCERT_FUTURE)) {
    if (sys::unix_now_ns() < kYear2020) return because("the clock of this machine is not set");
    return because("its certificate is not valid yet, by the clock of this machine");
  }
  if (has(weak)) return because("its certificate has a weak key or signature");
  if (has(MBEDTLS_X509_BADCERT_NOT_TRUSTED)) {
    if (self_signed_) return because("its certificate is self-signed: give it with --cacert");
    return because("its certificate is of an unknown CA: give that one's with --cacert");
  }
  if (has(MBEDTLS_X509_BADCERT_EXPIRED)) return because("its certificate has expired");
  if (has(MBEDTLS_X509_BADCERT_CN_MISMATCH)) return because("its certificate is for another name");
  return because("its certificate is not one for servers");
}

Error Tls::why_not(int code) const {
  const auto because = [](const char* words) { return Error{Errc::tls, 0, words}; };
  const uint32_t flags = mbedtls_ssl_get_verify_result(&ssl_);
  const bool looked = flags != 0 && flags != UINT32_MAX;
  if (looked && !tls_insecure()) return why_not_trusted(flags);
  switch (code) {
    case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
      return because(words_of_alert(ssl_.MBEDTLS_PRIVATE(in_msg)[1]));
    case MBEDTLS_ERR_SSL_CONN_EOF: return because("it hung up in the handshake");
    case MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION: return because("no version of TLS in common");
    case MBEDTLS_ERR_SSL_INVALID_RECORD: return because("it does not speak TLS: try http://");
    case MBEDTLS_ERR_SSL_ALLOC_FAILED: return because("out of memory");
    default: break;
  }
  return because(is_of_x509(code) ? "its certificate cannot be read" : "the handshake went wrong");
}

}  // namespace chimera::net
