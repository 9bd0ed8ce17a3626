// Value or error, without exceptions.
//
// Every function that can fail returns Result<T>. An Error is 16 bytes, trivially copyable and
// never allocates: a class the caller can switch on, the operating system's number if there was
// one, and the step that failed. Words for people are composed once, in cli/explain.
//
// Thread: any.
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>
#include <utility>

namespace chimera {

// What went wrong, in the classes a caller decides by. Each maps to one exit code
// (cli/explain.cpp).
enum class Errc : uint8_t {
  // the conversation with a server
  resolve,        // the name has no address
  refused,        // nothing listens there, or no route
  timed_out,      // a deadline fired; `where` names it: "connect", "first-token", "idle", "total"
  reset,          // the peer or the network broke the connection
  closed,         // orderly end of stream where more was not required
  truncated,      // the stream ended before the message did
  protocol,       // bytes that the protocol forbids
  too_large,      // a stated limit was exceeded; `where` names it
  http_status,    // an HTTP error status; `os` holds it
  auth,           // 401, 403
  no_model,       // the server is up, the model is not there
  busy,           // 429, 503
  server_error,   // an {"error": ...} inside a 200 stream
  tls,            // no secure connection; `where` says why
  // the caller's side
  cancelled,      // somebody asked for it to stop
  bad_input,      // data that does not parse or fit
  bad_config,     // the configuration file or an environment variable
  usage,          // the command line
  io,             // a local file or descriptor; `os` holds errno
  not_found,      // a local file that is not there
  unsupported,    // this build or platform cannot do it; `where` says what
};

struct Error {
  Errc code{};
  int32_t os = 0;           // errno or HTTP status; 0 when there is none
  const char* where = "";   // a string literal that names the step: "dial", "chunk size"
};
static_assert(sizeof(Error) <= 16);

template <class T>
using Result = std::expected<T, Error>;

// The failing return value: `return fail(Errc::protocol, "chunk size");`
[[nodiscard]] constexpr std::unexpected<Error> fail(Errc code, const char* where, int os = 0) {
  return std::unexpected<Error>(Error{code, os, where});
}
[[nodiscard]] constexpr std::unexpected<Error> fail(const Error& e) {
  return std::unexpected<Error>(e);
}

// Writes the line to stderr and aborts; allocates nothing. The platform defines it (sys).
[[noreturn]] void die(std::string_view line);

// Aborts with file and line. Only for broken promises of our own code: input can never abort us.
[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace chimera

#define CHI_CHECK(cond) \
  do { \
    if (!(cond)) [[unlikely]] ::chimera::check_failed(#cond, __FILE__, __LINE__); \
  } while (0)

#define CHI_CAT_(a, b) a##b
#define CHI_CAT(a, b) CHI_CAT_(a, b)
#define CHI_TRY_(ret, tmp, decl, expr) \
  auto tmp = (expr); \
  if (!tmp) [[unlikely]] ret std::unexpected<::chimera::Error>(tmp.error()); \
  decl = std::move(*tmp)
#define CHI_TRY_VOID_(ret, tmp, expr) \
  do { \
    auto tmp = (expr); \
    if (!tmp) [[unlikely]] ret std::unexpected<::chimera::Error>(tmp.error()); \
  } while (0)

// `CHI_TRY(auto n, parse_u64(text));` hands an error to the caller, or names the value.
// The CO forms are for coroutines. Statement expressions would read better, but GCC miscompiles
// them inside coroutines (GCC PR 115851).
#define CHI_TRY(decl, expr) CHI_TRY_(return, CHI_CAT(chi_r_, __COUNTER__), decl, expr)
#define CHI_TRY_VOID(expr) CHI_TRY_VOID_(return, CHI_CAT(chi_r_, __COUNTER__), expr)
#define CHI_CO_TRY(decl, expr) CHI_TRY_(co_return, CHI_CAT(chi_r_, __COUNTER__), decl, expr)
#define CHI_CO_TRY_VOID(expr) CHI_TRY_VOID_(co_return, CHI_CAT(chi_r_, __COUNTER__), expr)
