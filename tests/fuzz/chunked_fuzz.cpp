// The chunked coding: whole and cut give the same body and the same end; an error is for ever.
// Input: a count, that many cut lengths, the message.
#include "chimera/wire/chunked.hpp"

#include <vector>

#include "tests/fuzz/fuzz.hpp"

namespace chimera_fuzz {
namespace {

using chimera::wire::ChunkDecoder;

struct Decoded {
  std::string body;
  bool done = false;
  chimera::Error error{};
  bool failed = false;
  size_t left = 0;  // bytes of the input that were not taken
};

// Nothing comes out of a decoder that is done or has failed, and it takes nothing.
void check_ended(ChunkDecoder& decoder, bool failed) {
  std::string_view more = "1\r\nx\r\n0\r\n\r\n";
  const size_t size = more.size();
  const auto piece = decoder.next(more);
  FUZZ_CHECK(piece.has_value() == !failed && (failed || piece->empty()));
  FUZZ_CHECK(more.size() == size && decoder.done() == !failed);
}

// Feeds one piece. False when the decoder needs no more.
bool feed(ChunkDecoder& decoder, std::string_view& piece, Decoded& out) {
  while (!piece.empty() && !decoder.done()) {
    const size_t before = piece.size();
    const auto data = decoder.next(piece);
    out.failed = !data;
    if (!data) {
      out.error = data.error();
      return false;
    }
    FUZZ_CHECK(piece.size() < before);
    out.body += *data;
  }
  return !decoder.done();
}

Decoded decode(std::string_view input, std::string_view cuts, bool whole) {
  Decoded out;
  ChunkDecoder decoder;
  size_t at = 0;
  bool more = true;
  while (more && !input.empty()) {
    std::string_view next = input;
    if (whole) input = {};
    if (!whole) next = take_cut(input, cuts, at);
    const std::vector<char> copy(next.begin(), next.end());  // its end is guarded
    std::string_view piece(copy.data(), copy.size());
    more = feed(decoder, piece, out);
    out.left = piece.size() + input.size();
  }
  out.done = decoder.done();
  if (!more) check_ended(decoder, out.failed);
  return out;
}

}  // namespace

int fuzz_chunked(std::string_view input) {
  const size_t count = take_byte(input) % 8;
  const std::string_view cuts = input.substr(0, count);
  input.remove_prefix(cuts.size());

  const Decoded whole = decode(input, cuts, true), cut = decode(input, cuts, false);
  FUZZ_CHECK(whole.body == cut.body && whole.done == cut.done && whole.left == cut.left);
  FUZZ_CHECK(whole.failed == cut.failed && whole.error.code == cut.error.code);
  FUZZ_CHECK(std::string_view(whole.error.where) == cut.error.where);
  FUZZ_CHECK(whole.body.size() <= input.size());

  if (input.empty()) return 0;
  std::string coded;
  chimera::wire::append_chunk(coded, input);
  coded += chimera::wire::kLastChunk;
  const Decoded back = decode(coded, cuts, false);
  FUZZ_CHECK(back.done && back.body == input && back.left == 0);
  return 0;
}

}  // namespace chimera_fuzz

FUZZ_ENTRY(fuzz_chunked)
