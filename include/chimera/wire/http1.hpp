// HTTP/1.1 message heads (RFC 9110, RFC 9112), read and written. Pure functions over bytes.
//
// Strict about framing, because a lenient reader agrees with nobody about where a message ends:
// CRLF line ends (a bare LF ends a line too, RFC 9112 2.2, but never a bare CR), no white space
// before a colon, no folded lines (but in fields of a response that say nothing of framing, where
// the RFC wants them read), no control characters in values, one Content-Length value
// (repeated equal values count as one), never Content-Length together with Transfer-Encoding, no
// transfer coding but "chunked" and that as the last and only one. HTTP/1.0 never has
// Transfer-Encoding.
//
// Thread: any. Errors: protocol (framing, syntax), too_large (head limits). Cost: one pass, no
// allocation; views point into the input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "chimera/base/result.hpp"

namespace chimera::wire {

inline constexpr size_t kHeadLimit = 64u << 10;    // contract section 5: the whole head, 64 KiB
inline constexpr int kFieldLimit = 256;            // header lines in one head

enum class Framing : uint8_t { none, length, chunked, until_close };

// What both kinds of head share. `fields` is the raw text of the header lines.
struct MessageHead {
  std::string_view fields;
  size_t size = 0;               // bytes of the whole head, with the empty line
  int minor_version = 1;         // HTTP/1.x
  Framing framing = Framing::none;
  uint64_t content_length = 0;   // for Framing::length
  bool keep_alive = false;       // the connection may carry another message after this one

  // The value of the first field of that name (case-insensitive), trimmed, with its line ends when
  // it is folded; nullopt when absent.
  std::optional<std::string_view> field(std::string_view name) const;
};
struct ResponseHead : MessageHead {
  int status = 0;                // 100..599
  std::string_view reason;
  bool interim() const { return status >= 100 && status < 200; }
};
struct RequestHead : MessageHead {
  std::string_view method, target;
};

// nullopt = the head is not complete yet: call again with more bytes behind the same ones.
// Framing follows RFC 9112 section 6.3: 1xx, 204, 304 and answers to HEAD have no body.
Result<std::optional<ResponseHead>> parse_response_head(std::string_view bytes, bool head_request);
// Framing of a request without Content-Length or Transfer-Encoding is `none`.
Result<std::optional<RequestHead>> parse_request_head(std::string_view bytes);

// Walks the header lines of a parsed head.
struct Field {
  std::string_view name, value;
};
bool next_field(std::string_view& fields, Field& out);

// True when `name: value` is safe to send: a token, and a value without control characters.
bool valid_field(std::string_view name, std::string_view value);
// True for the fields that say where a message ends and whether another one follows: only who sends
// the message can know. Content-Length, Transfer-Encoding, Connection; case-insensitive.
bool reserved_field(std::string_view name);

}  // namespace chimera::wire
