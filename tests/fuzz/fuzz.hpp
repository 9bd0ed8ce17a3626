// One function per parser, given any bytes: it parses them and traps when a promise of the parser's
// header does not hold. libFuzzer calls them (`make fuzz`), and so does replay_test.cpp, with what
// is kept in corpus/ and regress/. They touch no file and no socket and always return 0.
#pragma once

#include <stdio.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace chimera_fuzz {

int fuzz_chunked(std::string_view input);
int fuzz_cli(std::string_view input);
int fuzz_config(std::string_view input);
int fuzz_csv(std::string_view input);
int fuzz_dns(std::string_view input);
int fuzz_http1(std::string_view input);
int fuzz_http_date(std::string_view input);
int fuzz_job(std::string_view input);
int fuzz_json(std::string_view input);
int fuzz_load(std::string_view input);
int fuzz_map(std::string_view input);
int fuzz_markdown(std::string_view input);
int fuzz_ndjson(std::string_view input);
int fuzz_number(std::string_view input);
int fuzz_record(std::string_view input);
int fuzz_resolv(std::string_view input);
int fuzz_sim_ask(std::string_view input);
int fuzz_sim_settings(std::string_view input);
int fuzz_sse(std::string_view input);
int fuzz_text(std::string_view input);
int fuzz_toml(std::string_view input);
int fuzz_trials(std::string_view input);
int fuzz_url(std::string_view input);

// What is being tried, for the message of a broken promise.
inline const char* input_name = "input";

// True when `view` lies inside `whole`; an empty view may point anywhere.
inline bool inside(std::string_view view, std::string_view whole) {
  return view.empty() ||
         (view.data() >= whole.data() && view.data() + view.size() <= whole.data() + whole.size());
}

// Takes the first byte off `input`; 0 when there is none.
inline uint8_t take_byte(std::string_view& input) {
  if (input.empty()) return 0;
  const auto byte = static_cast<uint8_t>(input.front());
  input.remove_prefix(1);
  return byte;
}

// The next piece of `rest`: its lengths come, again and again, from the low bits of `cuts`.
inline std::string_view take_cut(std::string_view& rest, std::string_view cuts, size_t& at) {
  const size_t length = cuts.empty() ? 1 : static_cast<size_t>(cuts[at++ % cuts.size()] & 0x1f) + 1;
  const std::string_view piece = rest.substr(0, length);
  rest.remove_prefix(piece.size());
  return piece;
}

}  // namespace chimera_fuzz

// A promise that must hold, whatever the input. A trap ends the program before a test framework can
// say where it was: so the input's name is printed here.
#define FUZZ_CHECK(condition)                                                           \
  do {                                                                                  \
    if (!(condition)) [[unlikely]] {                                                    \
      fprintf(stderr, "%s:%d: broken: %s (%s)\n", __FILE__, __LINE__, #condition,       \
              chimera_fuzz::input_name);                                                \
      __builtin_trap();                                                                 \
    }                                                                                   \
  } while (0)

// The entry point that libFuzzer looks for; one per program.
#ifdef CHIMERA_LIBFUZZER
#define FUZZ_ENTRY(function)                                                    \
  extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {     \
    return chimera_fuzz::function({reinterpret_cast<const char*>(data), size}); \
  }
#else
#define FUZZ_ENTRY(function)
#endif
