// What the setters of the option table (options.cpp) are made of. Each takes a value as text and
// says in an error's `where` what it would take.
//
// Thread: main thread, before the runtime starts. Errors: usage, bad_input; those of files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chimera/cli/settings.hpp"

namespace chimera::cli {

inline constexpr double kLeastRate = 1e-6;   // a second: one in eleven days

using Value = std::string_view;

Result<void> wrong(const char* why);
Result<void> set_duration(Nanos& out, Value v);
// `range` says the two limits in words.
Result<void> set_int(int& out, Value v, int least, int most, const char* range);
Result<void> set_size(uint32_t& out, Value v, uint64_t least);
// A model option by its Ollama name. Integers and decimals are checked here, not by the server.
Result<void> set_model_option(llm::Options& o, Value name, Value v);
Result<void> common_option(Settings& s, const Option& o, Value v);
Result<void> chimera_option(Settings& s, const Option& o, Value v);
Result<void> chimera2_option(Settings& s, const Option& o, Value v);
// NAME=VALUE
Result<void> free_option(Settings& s, const Option&, Value v);
Result<void> add_url(Settings& s, const Option&, Value v);
// upstream's names for the servers of the first and the second agent
Result<void> place_url(Settings& s, const Option& o, Value v);
Result<void> add_header(Settings& s, const Option&, Value v);
Result<void> key_file(Settings& s, const Option&, Value v);
Result<void> sim_key(Settings& s, const Option& o, Value v);
// Keys of simulated servers; `key` is one with its '=' when it has an option of its own.
Result<void> sim_more(Settings& s, const char* key, Value v);
// hgrm:METRIC
bool set_hgrm(Settings& s, Value name);
// Those that the option's command has.
Result<void> set_format(Settings& s, const Option& o, Value v);
// Numbers from 1 to `most`, with commas between them.
Result<void> set_list(std::vector<uint32_t>& out, Value v, uint64_t most,
                                       const char* range);
Result<void> set_output(Settings& s, const Option&, Value v);
// `words` names both.
Result<void> on_off(bool& out, Value v, const char* on, const char* off, const char* words);
Result<void> set_kind(Settings& s, const Option&, Value v);
Result<void> set_think(Settings& s, const Option&, Value v);
// Two fields share the name: the connection's (on, off) and the model's (a time, as Ollama takes
// it).
Result<void> keep_alive(Settings& s, const Option& o, Value v);
// FILE, or the JSON itself when it begins with a brace or a bracket.
Result<std::string> json_of(Value v);
Result<void> set_schema(Settings& s, const Option&, Value v);
// A declaration as {"type":"function","function":{...}}, or what is behind "function" alone; or an
// array of them.
Result<void> add_tool(Settings& s, const Option&, Value v);
Result<void> add_image(Settings& s, const Option&, Value v);
Result<void> set_thinking(Settings& s, const Option&, Value v);
// on, off: of trials; a number: of requests.
Result<void> set_warm_up(Settings& s, const Option& o, Value v);
Result<void> set_rate(Settings& s, const Option& o, Value v);

}  // namespace chimera::cli
