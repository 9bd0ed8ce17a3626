// A byte-driven state machine for the framing; data is handed on in ranges. Nothing is kept but the
// state, so where the input was cut cannot matter.
#include "chimera/wire/chunked.hpp"

#include "chimera/base/text.hpp"

namespace chimera::wire {
namespace {

constexpr uint32_t kSizeLineLimit = 16u << 10;
constexpr uint32_t kTrailerLimit = 64u << 10;
// What every chunk may spend on framing: 15 digits and two line ends, so that a message without
// extensions never runs into the limit.
constexpr uint64_t kFreeFraming = 19;
constexpr uint8_t kMaxDigits = 15;   // below 2^60: the size cannot overflow

}  // namespace

Result<std::string_view> ChunkDecoder::next(std::string_view& input) {
  if (state_ == State::failed) return fail(Errc::protocol, "input behind a bad chunk");
  const char* p = input.data();
  const char* const end = p + input.size();
  std::string_view piece;
  while (p != end && state_ != State::done) {
    if (state_ == State::data) {
      const size_t here = static_cast<size_t>(end - p);
      const size_t n = left_ < here ? static_cast<size_t>(left_) : here;
      piece = {p, n};
      p += n;
      left_ -= n;
      if (left_ == 0) state_ = State::data_cr;
      break;
    }
    if (const size_t n = plain_framing(p, end); n != 0) {
      p += n;
      continue;
    }
    const Result<void> ok = step(*p);
    if (!ok) {
      state_ = State::failed;
      input = {p, static_cast<size_t>(end - p)};   // from the offending byte on
      return fail(ok.error());
    }
    ++p;
  }
  input = {p, static_cast<size_t>(end - p)};
  return piece;
}

// A whole piece of plain framing, as it almost always is: the CRLF behind data, or a size line
// without extensions. Returns its size; 0 when it is something else: byte by byte then.
size_t ChunkDecoder::plain_framing(const char* const begin, const char* const end) {
  if (overhead_ >= kSizeLineLimit - kFreeFraming) return 0;
  if (state_ == State::data_cr) {
    if (end - begin < 2 || begin[0] != '\r' || begin[1] != '\n') return 0;
    overhead_ += 2;
    state_ = State::size;
    return 2;
  }
  if (state_ != State::size || digits_ != 0) return 0;
  const char* p = begin;
  uint64_t size = 0;
  for (; p != end && p - begin < kMaxDigits; ++p) {
    const int value = hex_digit(*p);
    if (value < 0) break;
    size = size << 4 | static_cast<unsigned>(value);
  }
  if (end - p < 2 || p[0] != '\r' || p[1] != '\n' || size == 0) return 0;
  p += 2;
  overhead_ += static_cast<uint32_t>(p - begin);
  left_ = size;
  state_ = end_size_line();
  return static_cast<size_t>(p - begin);
}

Result<void> ChunkDecoder::step(char c) {
  const bool in_trailers = state_ >= State::trailer_start;
  if (++overhead_ > (in_trailers ? kTrailerLimit : kSizeLineLimit)) {
    return fail(Errc::too_large, in_trailers ? "chunk trailers" : "chunk extensions");
  }
  switch (state_) {
    case State::size: return size_step(c);
    case State::blank: return blank_step(c);
    case State::extension: return skip_step(c, State::size_lf);
    case State::size_lf: return expect(c, '\n', end_size_line());
    case State::data_cr: return expect(c, '\r', State::data_lf);
    case State::data_lf: return expect(c, '\n', State::size);
    case State::trailer_start:
      state_ = State::trailer;
      return skip_step(c, State::end_lf);
    case State::trailer: return skip_step(c, State::trailer_lf);
    case State::trailer_lf: return expect(c, '\n', State::trailer_start);
    case State::end_lf: return expect(c, '\n', State::done);
    case State::data:
    case State::done:
    case State::failed: break;   // not reached: next() deals with these
  }
  return fail(Errc::protocol, "chunk");
}

Result<void> ChunkDecoder::size_step(char c) {
  const int value = hex_digit(c);
  if (value >= 0) {
    if (++digits_ > kMaxDigits) return fail(Errc::protocol, "chunk size");
    left_ = left_ << 4 | static_cast<unsigned>(value);
    return {};
  }
  if (digits_ == 0) return fail(Errc::protocol, "chunk size");
  if (c != '\r') return blank_step(c);
  state_ = State::size_lf;
  return {};
}

// Blanks may stand in front of an extension, and nothing else but one behind them (RFC 9112 section
// 7.1.1).
Result<void> ChunkDecoder::blank_step(char c) {
  if (c != ' ' && c != '\t' && c != ';') return fail(Errc::protocol, "chunk size");
  state_ = c == ';' ? State::extension : State::blank;
  return {};
}

// One byte of a line nobody reads.
Result<void> ChunkDecoder::skip_step(char c, State at_cr) {
  if (c == '\r') {
    state_ = at_cr;
  } else if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) {
    return fail(Errc::protocol, "control character in chunk framing");
  }
  return {};
}

Result<void> ChunkDecoder::expect(char c, char wanted, State then) {
  if (c != wanted) return fail(Errc::protocol, "chunk line end");
  state_ = then;
  return {};
}

// What follows the size line: data, which pays for framing, or the trailers when the size was zero.
ChunkDecoder::State ChunkDecoder::end_size_line() {
  digits_ = 0;
  const uint64_t paid = left_ == 0 ? overhead_ : kFreeFraming + 2 * left_;
  overhead_ = paid >= overhead_ ? 0 : static_cast<uint32_t>(overhead_ - paid);
  return left_ == 0 ? State::trailer_start : State::data;
}

void append_chunk(std::string& out, std::string_view data) {
  CHI_CHECK(!data.empty());
  const uint64_t size = data.size();
  int digits = 1;
  while (digits < 16 && size >> (4 * digits) != 0) ++digits;
  for (int i = digits - 1; i >= 0; --i) out += "0123456789abcdef"[size >> (4 * i) & 15];
  out.append("\r\n").append(data).append("\r\n");
}

}  // namespace chimera::wire
