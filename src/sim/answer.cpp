// How this works: tokens are drawn one at a time, each with the instant it is due on an absolute
// schedule. Tokens that are due already gather in one buffer and leave in one write; a wait
// therefore never moves the schedule, and a late server catches up. Faults strike in front of a
// token.
#include <algorithm>

#include "chimera/base/number.hpp"
#include "chimera/sys/clock.hpp"
#include "chimera/wire/chunked.hpp"
#include "chimera/wire/json.hpp"
#include "engine.hpp"
#include "plan.hpp"

namespace chimera::sim {
namespace {

constexpr size_t kMostGathered = 16 * 1024;  // bytes of one write, when tokens come that fast
// A timer wakes us 40 to 80 us late (200 tokens/s on a virtual machine with two cores; with this,
// 7 us in the median), so the last stretch is spent yielding, while others are served.
constexpr Nanos kLastStretch = 90 * kMicro;
constexpr int64_t kEpoch = 1'735'689'600 * kSecond;  // 2025-01-01T00:00:00Z
constexpr int64_t kBytesPerPromptToken = 4;
constexpr uint32_t kLoopLength = 5;   // TR115's loops were 4,092 and 8,179 tokens instead of 1,100
constexpr const char* kLoop[] = {" the", " same", " again", ","};
constexpr int64_t kLongLine = 1'000'000;
enum Salt : uint64_t { kLengthSalt = 1, kTextSalt, kGapSalt };

uint32_t answer_length(const Settings& settings, const Ask& ask, const Job& job) {
  uint32_t drawn = draw_length(settings.tokens, mix_seed(job.seed, kLengthSalt));
  if (job.fault.kind == FaultKind::loop) drawn = std::min(drawn, 1u << 29) * kLoopLength;
  return ask.num_predict > 0 && ask.num_predict < drawn ? static_cast<uint32_t>(ask.num_predict)
                                                        : drawn;
}

class Answer {
 public:
  Answer(Engine& engine, Job& job, const Ask& ask);
  rt::Task<net::After> run();

 private:
  // All of these: false = the response is over.
  rt::Task<bool> wait_until(Nanos due);
  bool gathered_enough() const;
  rt::Task<bool> flush();
  rt::Task<bool> send_head();
  rt::Task<bool> strike();
  rt::Task<bool> send_tokens();
  rt::Task<bool> finish();
  void plan(Nanos begin);
  void add_event(uint32_t tokens, Nanos due);
  void add_line(std::string_view json);
  void add_chunk(std::string_view data);
  void write_start(wire::JsonWriter& json, std::string_view text, Nanos due) const;
  void write_end(std::string& out, Nanos due);
  Nanos on_its_clock(Nanos n) const;
  void mark(const char* name, uint32_t index, Nanos planned, Nanos sent, uint64_t hash = 0);

  Engine& engine_;
  Job& job_;
  const Ask& ask_;
  const uint32_t tokens_;  // of the whole answer
  const int64_t prompt_tokens_;
  Text text_;
  Schedule schedule_;
  Fault fault_;
  bool chunked_;
  net::After after_;  // what an incomplete answer ends with

  Nanos began_ = 0, loaded_ = 0;        // in the slot; the model is in memory
  Nanos first_due_ = 0, first_at_ = 0;  // of the first token: planned, generated
  uint32_t made_ = 0;                   // tokens generated
  uint64_t hash_;                       // of what was generated and when it was due
  std::string head_;                    // until it is sent
  std::string buffer_;                  // framed, not sent yet
  uint32_t lines_ = 0;                  // in there
  std::vector<Nanos> unsent_;           // planned instants of the tokens in there
  std::string whole_;                   // the text so far, when it is not streamed
};

Answer::Answer(Engine& engine, Job& job, const Ask& ask)
    : engine_(engine),
      job_(job),
      ask_(ask),
      tokens_(answer_length(engine.settings, ask, job)),
      prompt_tokens_((static_cast<int64_t>(ask.prompt.size()) + kBytesPerPromptToken - 1) /
                     kBytesPerPromptToken),
      text_(genre_of(ask.prompt), tokens_, mix_seed(job.seed, kTextSalt)),
      schedule_(engine.settings, mix_seed(job.seed, kGapSalt)),
      fault_(job.fault),
      chunked_(job.request.minor_version > 0),
      after_(job.fault.kind == FaultKind::rst ? net::After::abort : net::After::close),
      hash_(job.seed) {
  const uint32_t part = fault_.kind == FaultKind::loop ? 2 * kLoopLength : 2;
  if (fault_.tokens < 0 && fault_.bytes < 0) fault_.tokens = tokens_ / part;
  if (ask.stream) {
    head_ = net::response_head(200, "application/x-ndjson",
                               chunked_ ? net::kChunked : net::kUntilClose, job.request.keep_alive);
  }
}

// The server keeps only as much of a prompt as fits the context.
void Answer::plan(Nanos begin) {
  began_ = begin;
  loaded_ = engine_.ready_at(ask_, begin);
  const Settings& s = engine_.settings;
  const int64_t read = prompt_tokens_ < ask_.num_ctx ? prompt_tokens_ : ask_.num_ctx;
  const double work = static_cast<double>(s.prefill) * static_cast<double>(read);
  first_due_ = later(later(loaded_, s.ttft), work < 9e18 ? static_cast<Nanos>(work) : kNever);
}

void Answer::mark(const char* name, uint32_t index, Nanos planned, Nanos sent, uint64_t hash) {
  const Mark m{name, index, planned, sent};
  engine_.truth.add(job_.number, job_.request.connection, m, hash);
}

// ---- what is said -------------------------------------------------------------------------------

void Answer::add_chunk(std::string_view data) {
  if (chunked_) {
    wire::append_chunk(buffer_, data);
  } else {
    buffer_ += data;
  }
}

void Answer::add_line(std::string_view json) {
  std::string line(json);
  line += fault_.kind == FaultKind::crlf ? "\r\n" : "\n";
  if (fault_.kind != FaultKind::split_utf8) return add_chunk(line);
  // A chunk ends in front of every continuation byte.
  size_t start = 0;
  for (size_t i = 1; i < line.size(); ++i) {
    if ((static_cast<unsigned char>(line[i]) & 0xc0) != 0x80) continue;
    add_chunk(std::string_view(line).substr(start, i - start));
    start = i;
  }
  add_chunk(std::string_view(line).substr(start));
}

// Stamped by the plan and not by the clock: the same seed gives the same bytes.
void Answer::write_start(wire::JsonWriter& json, std::string_view text, Nanos due) const {
  std::string stamp;
  append_rfc3339(stamp, kEpoch + on_its_clock(due - began_));
  json.begin_object().field("model", ask_.model).field("created_at", stamp).field("response", text);
}

// Tokens `made_` to `made_ + tokens`, as one line.
void Answer::add_event(uint32_t tokens, Nanos due) {
  if (made_ == 0) first_at_ = sys::now();
  std::string text, line;
  for (uint32_t i = 0; i < tokens; ++i) {
    const int64_t index = made_ + i;
    if (fault_.kind == FaultKind::loop && index >= fault_.tokens) {
      text += kLoop[index % 4];
    } else {
      text_.next(text);
    }
    if (ask_.stream && engine_.truth.on()) unsent_.push_back(due);
  }
  for (const char c : text) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  hash_ = mix_seed(hash_, static_cast<uint64_t>(due - first_due_));
  made_ += tokens;
  if (!ask_.stream) {
    whole_ += text;
    return;
  }
  wire::JsonWriter json(line, wire::JsonWriter::Style::compact);
  write_start(json, text, due);
  json.field("done", false).end_object();
  add_line(line);
  Witness* const witness = engine_.witness;
  if (witness != nullptr) witness->on_event(job_.number, text, line.size() + 1, due);
  ++lines_;
}

// As in Ollama, a figure that is zero is left out.
void write_figure(wire::JsonWriter& json, const char* name, int64_t value) {
  if (value > 0) json.field(name, value);
}

// What passed of our time, on the server's clock.
Nanos Answer::on_its_clock(Nanos n) const {
  const double speed = engine_.settings.speed;
  return speed == 1 ? n : static_cast<Nanos>(static_cast<double>(n) * speed);
}

// Durations are the planned ones too, which the schedule keeps; without a rate there is no plan for
// the tokens, and the clock is asked. Time in the queue counts in whole milliseconds.
void Answer::write_end(std::string& out, Nanos due) {
  wire::JsonWriter json(out, wire::JsonWriter::Style::compact);
  write_start(json, whole_, due);
  const bool limited = ask_.num_predict > 0 && tokens_ == ask_.num_predict;
  json.field("done", true).field("done_reason", limited ? "length" : "stop");
  if (fault_.kind == FaultKind::long_line) {
    const size_t end =
        out.size() + static_cast<size_t>(fault_.bytes < 0 ? kLongLine : fault_.bytes);
    json.key("context").begin_array();
    for (uint64_t i = 0; out.size() < end; ++i) json.unsigned_integer(1000 + i % 250000);
    json.end_array();
  }
  const Nanos eval = due > first_due_ ? due - first_due_ : sys::now() - first_at_;
  const Nanos queued = (began_ - job_.arrived) / kMilli * kMilli;
  write_figure(json, "total_duration", on_its_clock(queued + (first_due_ - began_) + eval));
  write_figure(json, "load_duration", on_its_clock(loaded_ - began_));
  const int64_t read = prompt_tokens_ < ask_.num_ctx ? prompt_tokens_ : ask_.num_ctx;
  write_figure(json, "prompt_eval_count", read);
  write_figure(json, "prompt_eval_duration", on_its_clock(first_due_ - loaded_));
  write_figure(json, "eval_count", made_);
  write_figure(json, "eval_duration", on_its_clock(eval));
  json.end_object();
}

// ---- when it is said ----------------------------------------------------------------------------

// False when the response is over: the client has gone, or the program is to stop.
rt::Task<bool> Answer::wait_until(Nanos due) {
  const bool sent = co_await flush();
  if (!sent) co_return false;
  if (due - sys::now() > kLastStretch) {
    rt::Sleep wait(due == kNever ? kNever : due - kLastStretch, &job_.peer.gone);
    const int64_t outcome = co_await wait;
    if (outcome != 0) co_return false;
  }
  co_await rt::yield();
  Nanos last = 0;
  for (Nanos at = sys::now(); at < due && !job_.peer.gone.requested(); at = sys::now()) {
    if (at == last) {  // a clock that stands still while somebody is busy: the virtual world's
      rt::Sleep rest(due, &job_.peer.gone);
      co_await rest;
    } else {
      co_await rt::yield();
    }
    last = at;
  }
  co_return !job_.peer.gone.requested();
}

// The head trickles when the fault says so, and is sent with the first tokens otherwise.
rt::Task<bool> Answer::send_head() {
  const Nanos begin = sys::now();
  const Nanos length = fault_.duration < 0 ? kSecond : fault_.duration;
  const int64_t size = static_cast<int64_t>(head_.size());
  for (int64_t i = 0; i < size; ++i) {
    rt::Sleep wait(later(begin, length / size * i), &job_.peer.gone);
    const int64_t outcome = co_await wait;
    if (outcome != 0) co_return false;
    const bool sent =
        co_await job_.out.send(std::string_view(head_).substr(static_cast<size_t>(i), 1));
    if (!sent) co_return false;
  }
  head_.clear();
  co_return true;
}

rt::Task<bool> Answer::flush() {
  if (buffer_.empty()) co_return true;
  if (fault_.kind == FaultKind::slow_head && !head_.empty()) {
    const bool sent = co_await send_head();
    if (!sent) co_return false;
  }
  const Nanos at = sys::now();
  if (!head_.empty()) {
    mark("head", 0, first_due_, at);
    buffer_.insert(0, head_);
    head_.clear();
  }
  const bool sent = co_await job_.out.send(buffer_);
  uint32_t index = made_ - static_cast<uint32_t>(unsent_.size());
  for (const Nanos planned : unsent_) mark("token", index++, planned, at);
  unsent_.clear();
  buffer_.clear();
  if (engine_.witness != nullptr) engine_.witness->on_sent(job_.number, at);
  lines_ = 0;
  co_return sent;
}

// ---- misbehaviour -------------------------------------------------------------------------------

rt::Task<bool> Answer::strike() {
  if (fault_.kind == FaultKind::bad_json && ask_.stream) {
    add_line(R"({"model":"broken","response":" tok)");
  } else if (fault_.kind == FaultKind::bad_chunk && ask_.stream && chunked_) {
    buffer_ += "zz\r\n";
  } else if (fault_.kind == FaultKind::stall) {
    const Nanos until = fault_.duration < 0 ? kNever : later(sys::now(), fault_.duration);
    co_return co_await wait_until(until);
  } else if (fault_.kind == FaultKind::fin || fault_.kind == FaultKind::rst) {
    co_await flush();
    co_return false;
  } else if (fault_.kind == FaultKind::error) {
    Reply failure;
    failure.error(500, "an error was encountered while running the model: injected fault");
    after_ = net::After::keep;
    if (ask_.stream) {
      add_line(failure.body);
      if (chunked_) buffer_ += wire::kLastChunk;
      co_await flush();
    } else {
      co_await engine_.send(job_, failure);
    }
    co_return false;
  }
  co_return true;
}

// ---- the whole ----------------------------------------------------------------------------------

bool Answer::gathered_enough() const {
  const uint32_t most = engine_.settings.batch;
  return buffer_.size() >= kMostGathered || (most != 0 && lines_ >= most);
}

rt::Task<bool> Answer::send_tokens() {
  const int64_t per_event = engine_.settings.tokens_per_event;
  bool struck = fault_.tokens < 0;
  while (made_ < tokens_) {
    const Nanos due = later(first_due_, schedule_.next());
    if (due > sys::now() || gathered_enough()) {
      const bool on = co_await wait_until(due);
      if (!on) co_return false;
    }
    const int64_t left = tokens_ - made_;
    const uint32_t n = static_cast<uint32_t>(per_event < left ? per_event : left);
    if (!struck && made_ + n > fault_.tokens) {
      struck = true;
      const bool on = co_await strike();
      if (!on) co_return false;
    }
    add_event(n, due);
    for (uint32_t i = 1; i < n; ++i) schedule_.next();
  }
  co_return true;
}

// One gap behind the last token, so that eval_count / eval_duration is the rate.
rt::Task<bool> Answer::finish() {
  const Nanos due = later(first_due_, schedule_.next());
  if (due > sys::now()) {
    const bool on = co_await wait_until(due);
    if (!on) co_return false;
  }
  mark("done", made_, due, sys::now(), hash_);
  Reply reply;
  write_end(reply.body, due);
  if (ask_.stream) {
    add_line(reply.body);
    if (chunked_ && fault_.kind != FaultKind::no_last_chunk) buffer_ += wire::kLastChunk;
    co_return co_await flush();
  }
  if (fault_.kind == FaultKind::bad_json) reply.body.pop_back();
  const net::After after = co_await engine_.send(job_, reply);
  co_return after == net::After::keep;
}

rt::Task<net::After> Answer::run() {
  plan(sys::now());
  bool complete = co_await send_tokens();
  if (complete) complete = co_await finish();
  if (!complete) mark("gone", made_, 0, sys::now());
  const bool keeps = chunked_ && fault_.kind != FaultKind::no_last_chunk &&
                     fault_.kind != FaultKind::drop_keep_alive &&
                     fault_.kind != FaultKind::bad_chunk;
  co_return complete&& keeps ? net::After::keep : after_;
}

}  // namespace

rt::Task<net::After> answer(Engine& engine, Job& job, const Ask& ask) {
  Answer a(engine, job, ask);
  co_return co_await a.run();
}

}  // namespace chimera::sim
