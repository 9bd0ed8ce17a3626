#include "worker_events.hpp"

#include "calls.hpp"

namespace chimera::cli {
namespace {

constexpr size_t kTogether = 4096;       // what a pipe takes in one piece (PIPE_BUF)

// A line under construction: its event and its job.
struct Line {
  Line(const char* event, std::string_view id) {
    json.begin_object().field("event", event).key("id").raw(id.empty() ? "null" : id);
  }
  std::string_view end() {
    json.end_object();
    text.push_back('\n');
    return text;
  }
  std::string text;
  wire::JsonWriter json{text, wire::JsonWriter::Style::compact};
};

}  // namespace

void Events::add(std::string_view line) {
  lock_.lock();
  if (!dead_) buffer_.append(line);
  lock_.unlock();
  wake();
}

void Events::wake() {
  lock_.lock();
  const bool asleep = !awake_;
  awake_ = true;
  lock_.unlock();
  if (asleep) gate_.release();
}

size_t Events::size() {
  lock_.lock();
  const size_t bytes = buffer_.size();
  lock_.unlock();
  return bytes;
}

// From now on nobody needs to write down anything.
void Events::die() {
  lock_.lock();
  dead_ = true;
  lock_.unlock();
}

Result<void> Events::flush() {
  lock_.lock();
  awake_ = false;
  const std::string all = std::move(buffer_);
  buffer_.clear();
  lock_.unlock();
  std::string_view rest = all;
  while (!rest.empty()) {
    size_t end = rest.size() <= kTogether ? rest.size() : rest.rfind('\n', kTogether - 1) + 1;
    if (end == 0) end = rest.find('\n') + 1;
    const Result<void> written = sys::write_stream(sys::Stream::out, rest.substr(0, end));
    if (!written) {
      die();
      return written;
    }
    rest.remove_prefix(end);
  }
  return {};
}

void Events::accepted(std::string_view id) { add(Line("accepted", id).end()); }

void Events::cancelled(std::string_view id) { add(Line("cancelled", id).end()); }

void Events::token(std::string_view id, std::string_view text, bool thinking) {
  Line line("token", id);
  line.json.field(thinking ? "thinking" : "text", text);
  add(line.end());
}

void Events::error(std::string_view id, const char* kind, std::string_view message, int exit_code,
                   std::string_view text, uint64_t number) {
  Line line("error", id);
  line.json.field("class", kind).field("message", message).field("exit_code", exit_code);
  if (number != 0) line.json.field("line", number);
  if (!text.empty()) line.json.field("text", text);
  add(line.end());
}

void Events::done(const LiveJob& job, const llm::Call& call, std::string_view text,
                  std::string_view server) {
  Line line("done", job.id);
  wire::JsonWriter& json = line.json;
  json.field("model", job.model).field("text", text);
  if (!call.thinking.empty()) json.field("thinking", call.thinking);
  write_tool_calls(json, call.tool_calls);
  write_figures(json, server, call);
  json.field("queued_ms", to_ms(call.started - job.accepted));
  add(line.end());
}

}  // namespace chimera::cli
