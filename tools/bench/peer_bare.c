/* tools/epoll_client.c as a parser without a socket: its own functions, fed from memory. */
#define main epoll_client_main
int epoll_client_main(int argc, char** argv);
#include "../epoll_client.c"
#undef main

long bare_client_tokens(const char* bytes, size_t size, size_t step);
long bare_client_tokens(const char* bytes, size_t size, size_t step) {
  static struct Agent one;
  struct Agent* a = agents = &one;
  a->state = st_size;
  a->chunk_left = a->kept_len = 0;
  tokens = 0;
  for (size_t at = 0; at < size; at += step) {
    on_bytes(a, bytes + at, size - at < step ? size - at : step);
  }
  return tokens;
}
