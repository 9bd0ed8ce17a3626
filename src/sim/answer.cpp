// How this works: tokens are drawn one at a time, each with the instant it is due on an absolute
// schedule. Tokens that are due already gather in one buffer and leave in one write; a wait
// therefore never moves the schedule, and a late server catches up. Faults strike in front of a
// token. First come the tokens of the reasoning, then those of the text, then those of tool calls;
// what they look like is said in words.cpp.
#include <algorithm>
#include <optional>

#include "chimera/base/text.hpp"
#include "chimera/sys/clock.hpp"
#include "chimera/wire/chunked.hpp"
#include "document.hpp"
#include "engine.hpp"
#include "plan.hpp"
#include "words.hpp"

namespace chimera::sim {
namespace {

constexpr size_t kMostGathered = 16 * 1024;  // bytes of one write, when tokens come that fast
// A timer wakes us 40 to 80 us late (200 tokens/s on a virtual machine with two cores; with this,
// 7 us in the median), so the last stretch is spent yielding, while others are served.
constexpr Nanos kLastStretch = 90 * kMicro;
constexpr int64_t kBytesPerPromptToken = 4;
constexpr uint32_t kLoopLength = 5;   // TR115's loops were 4,092 and 8,179 tokens instead of 1,100
constexpr const char* kLoop[] = {" the", " same", " again", ","};
enum Salt : uint64_t { kLengthSalt = 1, kTextSalt, kGapSalt, kThinkingSalt, kCallSalt };

// How many tokens an answer has, part by part; what the request's limit leaves of them.
struct Tokens {
  uint32_t thinking, text, calls;  // all calls together
  uint32_t call;                   // one call
  uint32_t all() const { return thinking + text + calls; }
};

Tokens lengths_of(const Settings& settings, const Ask& ask, const Job& job, uint32_t document,
                  std::string_view arguments) {
  uint32_t left = ask.num_predict > 0 && ask.num_predict < UINT32_MAX
                      ? static_cast<uint32_t>(ask.num_predict)
                      : UINT32_MAX;
  const auto take = [&left](uint32_t tokens) {
    tokens = std::min(tokens, left);
    left -= tokens;
    return tokens;
  };
  const bool thinks = ask.think && ask.dialect != Dialect::openai_text;
  uint32_t text =
      document > 0 ? document : draw_length(settings.tokens, mix_seed(job.seed, kLengthSalt));
  if (job.fault.kind == FaultKind::loop) text = std::min(text, 1u << 29) * kLoopLength;
  Tokens n{};
  n.thinking = take(thinks ? settings.thinking : 0);
  n.text = take(text);
  n.call = count_tokens(arguments);
  n.calls = take(n.call * settings.tool_calls);
  return n;
}

std::string arguments_of(const Settings& settings, const Ask& ask, uint64_t seed) {
  if (settings.tool_calls == 0 || ask.tool.empty()) return {};
  return document_for(ask.tool_schema, mix_seed(seed, kCallSalt));
}

std::string document_of(const Ask& ask, uint64_t seed) {
  return ask.structured ? document_for(ask.schema, mix_seed(seed, kTextSalt)) : std::string();
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
  rt::Task<bool> send_whole(const Reply& reply);
  void plan(Nanos begin);
  Piece next_piece(uint32_t& tokens);
  void say(const Piece& piece, uint32_t tokens, std::string& text);
  void add_event(uint32_t tokens, Nanos due);
  size_t add_documents(std::string_view documents);
  void add_chunk(std::string_view data);
  Figures figures(Nanos due) const;
  int64_t stamp(Nanos due) const { return kEpoch + on_its_clock(due - began_); }
  Nanos on_its_clock(Nanos n) const;
  void mark(const char* name, uint32_t index, Nanos planned, Nanos sent, uint64_t hash = 0);

  Engine& engine_;
  Job& job_;
  const Ask& ask_;
  const Words& words_;
  Said said_;
  const std::string document_;  // what a structured answer says
  const Tokens tokens_;
  const int64_t prompt_tokens_;
  Text text_;
  std::optional<Text> aside_;  // of the reasoning, then of one call after the other
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
  struct Unsent {
    Nanos planned;
    size_t end;                         // in buffer_, of the line that holds it
  };
  std::vector<Unsent> unsent_;          // the tokens in there, for the truth
  uint32_t sent_ = 0;                   // tokens that have left, of a streamed answer
};

Answer::Answer(Engine& engine, Job& job, const Ask& ask)
    : engine_(engine),
      job_(job),
      ask_(ask),
      words_(words_of(ask.dialect)),
      said_{ask, job.seed, arguments_of(engine.settings, ask, job.seed), {}, {}},
      document_(document_of(ask, job.seed)),
      tokens_(lengths_of(engine.settings, ask, job, count_tokens(document_), said_.arguments)),
      prompt_tokens_((static_cast<int64_t>(ask.prompt.size()) + kBytesPerPromptToken - 1) /
                     kBytesPerPromptToken),
      text_(document_.empty()
                ? Text(genre_of(ask.prompt), tokens_.text, mix_seed(job.seed, kTextSalt))
                : Text(document_)),
      schedule_(engine.settings, mix_seed(job.seed, kGapSalt)),
      fault_(job.fault),
      chunked_(job.request.minor_version > 0),
      after_(job.fault.kind == FaultKind::rst ? net::After::abort : net::After::close),
      hash_(job.seed) {
  const uint32_t part = fault_.kind == FaultKind::loop ? 2 * kLoopLength : 2;
  if (fault_.tokens < 0 && fault_.bytes < 0) fault_.tokens = tokens_.all() / part;
  if (ask.stream) {
    head_ = net::response_head(200, words_.type, chunked_ ? net::kChunked : net::kUntilClose,
                               job.request.keep_alive);
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

// Each becomes a chunk of its own, or several; how many bytes they came to.
size_t Answer::add_documents(std::string_view documents) {
  std::string framed;
  std::string_view document;
  size_t bytes = 0;
  while (next_line(documents, document)) {
    framed.clear();
    append_framed(framed, document, words_.events, fault_.kind);
    bytes += framed.size();
    size_t start = 0;
    // A chunk ends in front of every continuation byte.
    for (size_t i = 1; fault_.kind == FaultKind::split_utf8 && i < framed.size(); ++i) {
      if ((static_cast<unsigned char>(framed[i]) & 0xc0) != 0x80) continue;
      add_chunk(std::string_view(framed).substr(start, i - start));
      start = i;
    }
    add_chunk(std::string_view(framed).substr(start));
  }
  return bytes;
}

// What comes next, and at most so many tokens of it: a piece is of one part, of one call.
Piece Answer::next_piece(uint32_t& tokens) {
  Piece piece{Part::thinking, false, false, {}};
  uint32_t left = tokens_.thinking;
  uint32_t at = made_;
  if (at >= tokens_.thinking) {
    piece.part = Part::text;
    at -= tokens_.thinking;
    left = tokens_.text;
    if (at >= tokens_.text) {
      piece.part = Part::call;
      at = (at - tokens_.text) % tokens_.call;
      left = std::min(tokens_.call, tokens_.all() - made_ + at);
    }
  }
  tokens = std::min(tokens, left - at);
  piece.first = at == 0;
  piece.last = at + tokens == tokens_.call;
  return piece;
}

void Answer::say(const Piece& piece, uint32_t tokens, std::string& text) {
  Text* from = &text_;
  if (piece.part != Part::text) {
    if (piece.first && piece.part == Part::call) aside_.emplace(said_.arguments);
    if (piece.first && piece.part == Part::thinking) {
      aside_.emplace(Genre::analysis, tokens_.thinking, mix_seed(job_.seed, kThinkingSalt));
    }
    from = &*aside_;
  }
  const bool loops = fault_.kind == FaultKind::loop && piece.part == Part::text;
  for (uint32_t i = 0; i < tokens; ++i) {
    const int64_t index = made_ + i;
    if (loops && index >= fault_.tokens) {
      text += kLoop[index % 4];
    } else {
      from->next(text);
    }
  }
}

// That many tokens from `made_` on, in one line or event.
void Answer::add_event(uint32_t tokens, Nanos due) {
  std::string text, documents;
  if (made_ == 0) {
    first_at_ = sys::now();
    if (ask_.stream) words_.begin(documents, said_);
    if (ask_.stream && words_.events && fault_.kind == FaultKind::bom) add_chunk(kByteOrderMark);
  }
  Piece piece = next_piece(tokens);
  say(piece, tokens, text);
  piece.text = text;
  for (const char c : text) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  hash_ = mix_seed(hash_, static_cast<uint64_t>(due - first_due_));
  made_ += tokens;
  engine_.tokens += tokens;
  if (ask_.stream) {
    words_.piece(documents, said_, piece, stamp(due));
    const size_t bytes = add_documents(documents);
    if (engine_.truth.on()) unsent_.insert(unsent_.end(), tokens, {due, buffer_.size()});
    Witness* const witness = engine_.witness;
    if (witness != nullptr) witness->on_event(job_.number, text, bytes, due);
    ++lines_;
  } else if (piece.part != Part::call) {
    (piece.part == Part::thinking ? said_.thinking : said_.text) += text;
  }
  said_.calls += piece.part == Part::call && piece.last;
}

// What passed of our time, on the server's clock.
Nanos Answer::on_its_clock(Nanos n) const {
  const double speed = engine_.settings.speed;
  return speed == 1 ? n : static_cast<Nanos>(static_cast<double>(n) * speed);
}

// Durations are the planned ones too, which the schedule keeps; without a rate there is no plan for
// the tokens, and the clock is asked. Time in the queue counts in whole milliseconds.
Figures Answer::figures(Nanos due) const {
  Figures f;
  f.limited = ask_.num_predict > 0 && tokens_.all() == ask_.num_predict;
  const Nanos eval = due > first_due_ ? due - first_due_ : sys::now() - first_at_;
  const Nanos queued = (began_ - job_.arrived) / kMilli * kMilli;
  f.total = on_its_clock(queued + (first_due_ - began_) + eval);
  f.load = on_its_clock(loaded_ - began_);
  f.prompt_tokens = prompt_tokens_ < ask_.num_ctx ? prompt_tokens_ : ask_.num_ctx;
  f.prompt_time = on_its_clock(first_due_ - loaded_);
  f.thinking = std::min(made_, tokens_.thinking);
  f.tokens = made_;
  f.time = on_its_clock(eval);
  return f;
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
  const Nanos length = fault_.duration < 0 ? kSlowHead : fault_.duration;
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
  const size_t head = head_.size();
  if (head != 0) {
    mark("head", 0, first_due_, at);
    buffer_.insert(0, head_);
    head_.clear();
  }
  const uint64_t before = job_.out.sent();
  const bool sent = co_await job_.out.send(buffer_);
  for (const Unsent& u : unsent_) {
    if (head + u.end <= job_.out.sent() - before) mark("token", sent_++, u.planned, at);
  }
  unsent_.clear();
  buffer_.clear();
  if (engine_.witness != nullptr) engine_.witness->on_sent(job_.number, at);
  lines_ = 0;
  co_return sent;
}

// ---- misbehaviour -------------------------------------------------------------------------------

rt::Task<bool> Answer::strike() {
  if (fault_.kind == FaultKind::bad_json && ask_.stream) {
    add_documents(words_.events ? R"({"id":"broken","choices":[{"delta":{"content":" tok)"
                                : R"({"model":"broken","response":" tok)");
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
    failure.openai = is_openai(ask_.dialect);
    failure.error(500, "an error was encountered while running the model: injected fault");
    after_ = net::After::keep;
    if (ask_.stream) {
      add_documents(failure.body);
      if (chunked_) buffer_ += wire::kLastChunk;
      co_await flush();
    } else {
      job_.status = failure.status;
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
  bool struck = fault_.tokens < 0;
  while (made_ < tokens_.all()) {
    const Nanos due = later(first_due_, schedule_.next());
    if (due > sys::now() || gathered_enough()) {
      const bool on = co_await wait_until(due);
      if (!on) co_return false;
    }
    uint32_t n = engine_.settings.tokens_per_event;
    (void)next_piece(n);
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
  const Nanos at = sys::now();
  Reply reply;
  words_.end(reply.body, said_, figures(due), fault_, stamp(due));
  bool sent = true;
  if (ask_.stream) {
    add_documents(reply.body);
    if (chunked_ && fault_.kind != FaultKind::no_last_chunk) buffer_ += wire::kLastChunk;
    sent = co_await flush();
  } else {
    reply.body.pop_back();
    if (fault_.kind == FaultKind::bad_json) reply.body.pop_back();
    sent = co_await send_whole(reply);
  }
  if (sent) mark("done", made_, due, at, hash_);
  co_return sent;
}

rt::Task<bool> Answer::send_whole(const Reply& reply) {
  if (fault_.kind == FaultKind::slow_head) {
    head_ = net::response_head(200, kJsonType, static_cast<int64_t>(reply.body.size()),
                               job_.request.keep_alive);
    const bool on = co_await send_head();
    if (!on) co_return false;
    co_return co_await job_.out.send(reply.body);
  }
  const net::After after = co_await engine_.send(job_, reply);
  co_return after == net::After::keep;
}

rt::Task<net::After> Answer::run() {
  plan(sys::now());
  bool complete = co_await send_tokens();
  if (complete) complete = co_await finish();
  if (!complete) mark("gone", sent_, 0, sys::now());
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
