#include "truth.hpp"

#include "chimera/wire/json.hpp"

namespace chimera::sim {
namespace {
constexpr size_t kGathered = 4u << 20;  // a long answer does not fill the memory
}

void Truth::add(uint64_t request, uint64_t connection, const Mark& mark, uint64_t hash) {
  if (!on()) return;
  wire::JsonWriter json(lines_, wire::JsonWriter::Style::compact);
  json.begin_object().field("server", uint64_t{port_}).field("request", request);
  json.field("connection", connection).field("event", mark.name);
  json.field("index", uint64_t{mark.index}).field("planned_ns", mark.planned);
  json.field("sent_ns", mark.sent);
  if (hash != 0) json.field("hash", hash);
  json.end_object();
  lines_ += '\n';
  if (lines_.size() > kGathered) flush();
}

void Truth::flush() {
  if (!on() || lines_.empty()) return;
  (void)file_.write(lines_);
  lines_.clear();
}

}  // namespace chimera::sim
