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
  while (!input.empty() && state_ != State::done) {
    if (state_ == State::data) {
      const size_t n = left_ < input.size() ? static_cast<size_t>(left_) : input.size();
      const std::string_view piece = input.substr(0, n);
      input.remove_prefix(piece.size());
      left_ -= piece.size();
      if (left_ == 0) state_ = State::data_cr;
      return piece;
    }
    const Result<void> ok = step(input[0]);
    if (!ok) {
      state_ = State::failed;
      return fail(ok.error());
    }
    input.remove_prefix(1);
  }
  return std::string_view();
}

Result<void> ChunkDecoder::step(char c) {
  const bool in_trailers = state_ >= State::trailer_start;
  if (++overhead_ > (in_trailers ? kTrailerLimit : kSizeLineLimit)) {
    return fail(Errc::too_large, in_trailers ? "chunk trailers" : "chunk extensions");
  }
  switch (state_) {
    case State::size: return size_step(c);
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
  if (digits_ == 0 || (c != '\r' && c != ';')) return fail(Errc::protocol, "chunk size");
  state_ = c == '\r' ? State::size_lf : State::extension;
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
