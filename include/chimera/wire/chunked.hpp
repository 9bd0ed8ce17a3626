// The chunked transfer coding (RFC 9112 section 7.1), decoded one byte range at a time,
// and encoded.
//
// Strict: CRLF only, 1 to 15 hex digits, no sign, blank or 0x; extensions and trailers are skipped
// but must be lines without control characters. Framing cannot outweigh data for ever: at most
// 16 KiB for one size line with its extensions, over a whole message at most 16 KiB of extensions
// beyond twice the data, and 64 KiB for the trailers.
//
// Thread: any, one at a time. Errors: protocol, too_large; the decoder then refuses all
// further input.
// Cost: looks at each framing byte once and at data not at all; allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "chimera/base/result.hpp"

namespace chimera::wire {

class ChunkDecoder {
 public:
  // Consumes from the front of `input` and returns the next piece of body data, a view into it.
  // An empty piece means: the input is used up, or done(). Bytes behind the message stay in
  // `input`.
  Result<std::string_view> next(std::string_view& input);
  bool done() const { return state_ == State::done; }
  void reset() { *this = ChunkDecoder(); }

 private:
  enum class State : uint8_t {
    size, blank, extension, size_lf, data, data_cr, data_lf,
    trailer_start, trailer, trailer_lf, end_lf, done, failed,
  };
  size_t plain_framing(const char* begin, const char* end);
  Result<void> step(char c);
  Result<void> size_step(char c);
  Result<void> blank_step(char c);
  Result<void> skip_step(char c, State at_cr);
  Result<void> expect(char c, char wanted, State then);
  State end_size_line();

  uint64_t left_ = 0;          // data bytes of this chunk still to come
  uint32_t overhead_ = 0;      // framing bytes not yet paid for by data
  uint8_t digits_ = 0;
  State state_ = State::size;
};

// Appends one chunk; `data` must not be empty (an empty chunk would end the message).
void append_chunk(std::string& out, std::string_view data);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace chimera::wire
