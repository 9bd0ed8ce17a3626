#include "peers.hpp"

#ifdef PEER_PICO
#include "picohttpparser.h"

#include <algorithm>

namespace bench {

bool have_pico() { return true; }

int pico_head(std::string_view head) {
  int minor = 0, status = 0;
  const char* words = nullptr;
  size_t words_size = 0;
  phr_header fields[64];
  size_t n = 64;
  const int used = phr_parse_response(head.data(), head.size(), &minor, &status, &words,
                                      &words_size, fields, &n, 0);
  return used == static_cast<int>(head.size()) ? static_cast<int>(n) : -1;
}

size_t pico_chunks(char* bytes, size_t size, size_t step) {
  phr_chunked_decoder decoder = {};
  decoder.consume_trailer = 1;
  size_t total = 0;
  for (size_t at = 0; at < size; at += step) {
    size_t n = std::min(step, size - at);
    const ssize_t left = phr_decode_chunked(&decoder, bytes + at, &n);
    if (left == -1) return 0;
    total += n;
  }
  return total;
}

}  // namespace bench

#else

namespace bench {
bool have_pico() { return false; }
int pico_head(std::string_view) { return -1; }
size_t pico_chunks(char*, size_t, size_t) { return 0; }
}  // namespace bench

#endif
