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
  const size_t n = buffer_.size();
  lock_.unlock();
  return n + taken_.size() - at_;
}

void Events::take() {
  lock_.lock();
  awake_ = false;
  taken_ = std::move(buffer_);
  buffer_.clear();
  lock_.unlock();
  at_ = 0;
}

Result<size_t> Events::write_some(bool wait) {
  if (at_ == taken_.size()) take();
  std::string_view piece = std::string_view(taken_).substr(at_, kTogether);
  const size_t lines = piece.rfind('\n') + 1;
  if (lines != 0) piece = piece.substr(0, lines);
  Result<size_t> written = piece.size();
  if (wait) {
    const Result<void> all = sys::write_stream(sys::Stream::out, piece);
    if (!all) written = fail(all.error());
  } else if (!piece.empty()) {
    written = sys::write_now(sys::Stream::out, piece);
  }
  if (written) at_ += *written;
  return written;
}

void Events::drop() {
  lock_.lock();
  dead_ = true;
  buffer_.clear();
  lock_.unlock();
  taken_.clear();
  at_ = 0;
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
