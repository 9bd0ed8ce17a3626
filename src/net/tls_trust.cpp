// Whom to believe, and what all connections by TLS have in common.
#include <mbedtls/ssl.h>
#ifdef MBEDTLS_PSA_CRYPTO_C
#include <psa/crypto.h>
#endif

#include <string>

#include "chimera/sys/file.hpp"
#include "chimera/sys/process.hpp"
#include "tls.hpp"

// TLS 1.3 computes by PSA, whose keys are the whole program's.
#if defined(MBEDTLS_PSA_CRYPTO_C) && !defined(MBEDTLS_THREADING_C)
#error "mbedTLS with PSA and without MBEDTLS_THREADING_C: workers are threads"
#endif

namespace chimera::net {
namespace {

struct Common {
  mbedtls_ssl_config config;
  mbedtls_x509_crt ca;
  bool insecure, open;
};
constinit Common g_common = {};

constexpr const char* kBundles[] = {
    "/etc/ssl/certs/ca-certificates.crt",                  // Debian, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",                    // Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",                              // openSUSE
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",   // CentOS
    "/etc/ssl/cert.pem",                                   // OpenWrt
};
constexpr size_t kBundleLimit = 16u << 20;

// With forward secrecy and authenticated encryption. What a library does not know it leaves out.
// First TLS 1.3 with AES-128-GCM, ChaCha20, AES-256-GCM; then those by ECDHE with ECDSA and RSA.
constexpr int kCiphers[] = {0x1301, 0x1303, 0x1302, 0xc02b, 0xc02f,
                            0xcca9, 0xcca8, 0xc02c, 0xc030, 0};

#if MBEDTLS_VERSION_NUMBER >= 0x03020000
// ECDSA, RSA, RSA-PSS. mbedTLS 3.6.6 offers RSA-PSS first and then does not take it in TLS 1.2.
constexpr uint16_t kSignatures[] = {0x0403, 0x0503, 0x0603, 0x0401, 0x0501,
                                    0x0601, 0x0804, 0x0805, 0x0806, 0};
#endif

constinit const char* g_protocols[] = {"http/1.1", nullptr};

int random(void*, unsigned char* to, size_t size) {
  sys::random_bytes(to, size);
  return 0;
}

Result<std::string> bundle() {
  const std::string given(sys::env("SSL_CERT_FILE"));
  if (!given.empty()) {
    Result<std::string> pem = sys::read_file(given, kBundleLimit);
    return pem ? pem : fail(Errc::bad_config, "SSL_CERT_FILE: cannot be read", pem.error().os);
  }
  for (const char* path : kBundles) {
    Result<std::string> pem = sys::read_file(path, kBundleLimit);
    if (pem) return pem;
  }
  return fail(Errc::bad_config,
              "no CA certificates on this machine: install ca-certificates, or give --cacert");
}

// Certificates that the library cannot read are left out.
Result<void> take(const std::string& pem, const char* wrong) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(pem.c_str());
  (void)mbedtls_x509_crt_parse(&g_common.ca, bytes, pem.size() + 1);   // a text ends with its 0
  return g_common.ca.raw.p != nullptr ? Result<void>() : fail(Errc::bad_config, wrong);
}

Result<void> load(std::string_view given) {
  if (!given.empty()) return take(std::string(given), "--cacert: no certificate in it");
  CHI_TRY(const std::string pem, bundle());
  return take(pem, sys::env("SSL_CERT_FILE").empty() ? "no certificate in the system's bundle"
                                                     : "SSL_CERT_FILE: no certificate in it");
}

void configure_version(mbedtls_ssl_config& c) {
#if MBEDTLS_VERSION_NUMBER >= 0x03020000
  mbedtls_ssl_conf_min_tls_version(&c, MBEDTLS_SSL_VERSION_TLS1_2);
  mbedtls_ssl_conf_sig_algs(&c, kSignatures);
#else
  mbedtls_ssl_conf_min_version(&c, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
#endif
}

bool configure(mbedtls_ssl_config& c, bool insecure) {
  mbedtls_ssl_config_init(&c);
  if (mbedtls_ssl_config_defaults(&c, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                  MBEDTLS_SSL_PRESET_DEFAULT) != 0) {
    return false;
  }
  configure_version(c);
  mbedtls_ssl_conf_ciphersuites(&c, kCiphers);
  mbedtls_ssl_conf_authmode(&c, insecure ? MBEDTLS_SSL_VERIFY_OPTIONAL
                                         : MBEDTLS_SSL_VERIFY_REQUIRED);
  mbedtls_ssl_conf_ca_chain(&c, &g_common.ca, nullptr);
  mbedtls_ssl_conf_rng(&c, random, nullptr);
#if defined(MBEDTLS_SSL_PROTO_TLS1_3) && MBEDTLS_VERSION_NUMBER >= 0x03060100
  mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
      &c, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
#endif
  return mbedtls_ssl_conf_alpn_protocols(&c, g_protocols) == 0;
}

}  // namespace

const mbedtls_ssl_config& tls_config() {
  CHI_CHECK(g_common.open);
  return g_common.config;
}
bool tls_insecure() { return g_common.insecure; }

Result<void> open_tls(const TlsTrust& trust) {
  if (g_common.open) return {};
#ifdef MBEDTLS_PSA_CRYPTO_C
  if (psa_crypto_init() != PSA_SUCCESS) return fail(Errc::bad_config, "mbedTLS does not start");
#endif
  mbedtls_x509_crt_init(&g_common.ca);
  if (!trust.insecure) CHI_TRY_VOID(load(trust.ca));
  g_common.insecure = trust.insecure;
  g_common.open = configure(g_common.config, trust.insecure);
  return g_common.open ? Result<void>() : fail(Errc::bad_config, "mbedTLS does not start");
}

}  // namespace chimera::net

#ifdef MBEDTLS_PSA_CRYPTO_EXTERNAL_RNG
extern "C" psa_status_t mbedtls_psa_external_get_random(mbedtls_psa_external_random_context_t*,
                                                        uint8_t* to, size_t size, size_t* got) {
  chimera::sys::random_bytes(to, size);
  *got = size;
  return PSA_SUCCESS;
}
#endif
