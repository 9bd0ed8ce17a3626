#include "peers.hpp"

#ifdef PEER_SIMDJSON
#include <simdjson.h>

namespace bench {

bool have_simdjson() { return true; }

bool simdjson_record(std::string_view padded, std::string& text) {
  static simdjson::ondemand::parser parser;
  simdjson::ondemand::document record;
  const simdjson::padded_string_view line(padded.data(), padded.size(),
                                          padded.size() + simdjson::SIMDJSON_PADDING);
  if (parser.iterate(line).get(record)) return false;
  std::string_view response;
  bool done = false;
  if (record["response"].get(response)) return false;
  text.append(response);
  if (record["done"].get(done)) return false;
  return done;
}

}  // namespace bench

#else

namespace bench {
bool have_simdjson() { return false; }
bool simdjson_record(std::string_view, std::string&) { return false; }
}  // namespace bench

#endif
