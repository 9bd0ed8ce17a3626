// What others do with the same bytes. Not part of chimera: the sources come from packages
// (tools/bench/peers.sh) at the time of the benchmark; a peer that is not there is left out.
#pragma once

#include <string>
#include <string_view>

namespace bench {

// picohttpparser: SSE-free when the compiler may not assume SSE 4.2, as in the product.
bool have_pico();
// Parses a response head; returns the number of fields, < 0 on an error.
int pico_head(std::string_view head);
// Decodes the chunked body in place, in reads of `step` bytes; returns the bytes of data.
size_t pico_chunks(char* bytes, size_t size, size_t step);

// simdjson's on-demand reader, with the kernel it picks for this processor (AVX2, AVX-512). It does
// not look at the grammar of what the caller does not ask for.
bool have_simdjson();
// `padded` is followed by simdjson's padding. Appends "response" to `text`; returns "done".
bool simdjson_record(std::string_view padded, std::string& text);
inline constexpr size_t kPadding = 64;

// The parser of tools/epoll_client.c, fed from memory: framing, lines, a search for two strings.
// Returns the tokens it counted.
long bare_client(std::string_view body, size_t step);

}  // namespace bench
