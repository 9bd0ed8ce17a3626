// One connection's TLS, as a function from bytes to bytes: what has come is fed, what is to be sent
// lies in `outgoing`. It knows no socket; net/tls_client.cpp carries the bytes.
//
// Thread: one task at a time.
#pragma once

#include <mbedtls/ssl.h>

#include <optional>
#include <string>
#include <string_view>

#include "chimera/base/result.hpp"
#include "chimera/net/tls.hpp"
#include "chimera/sys/socket.hpp"
#include "chimera/wire/url.hpp"

namespace chimera::net {

// What all connections have in common (net/tls_trust.cpp); open_tls() has been called.
const mbedtls_ssl_config& tls_config();
bool tls_insecure();

class Tls {
 public:
  explicit Tls(const wire::Url& origin);
  ~Tls();
  Tls(const Tls&) = delete;
  Tls& operator=(const Tls&) = delete;

  enum class Shake : uint8_t { done, wants_bytes, busy };
  // Goes on with the handshake. `outgoing` is to be sent first, whatever comes back. busy: another
  // worker is at it; once more in a moment. Errors: tls.
  Result<Shake> shake();

  void feed(std::string_view bytes);
  void end() { ended_ = true; }            // nothing more will come
  // The next piece of what the server says, or nothing: more is to be fed. Empty at the end that
  // the server has announced. Valid until the next call. Errors: truncated (an end without that),
  // protocol.
  Result<std::optional<std::string_view>> open();
  bool has_unread() const;                 // fed, and not given out
  // The message in records, behind what is in `outgoing`. After a failure open() says why.
  std::string seal(std::string_view plain);

  std::string outgoing;

 private:
  static int take_bytes(void* self, unsigned char* to, size_t room);
  static int give_bytes(void* self, const unsigned char* from, size_t size);
  static int judge(void* self, mbedtls_x509_crt* certificate, int depth, uint32_t* flags);
  Error why_not(int code) const;
  Error why_not_trusted(uint32_t flags) const;
  void resume();
  void remember();

  mbedtls_ssl_context ssl_;
  std::string key_;                        // of its sessions: host and port
  sys::Address address_;                   // when the host is one
  std::string incoming_;
  size_t taken_ = 0;                       // of incoming_
  int failed_ = 0;                         // mbedTLS's number
  bool ended_ = false;
  bool self_signed_ = false;
  bool handshaken_ = false;
  char plain_[4096];
};

}  // namespace chimera::net
