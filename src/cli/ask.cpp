// chimera ask: one prompt, the answer to stdout as it comes.
//
// How this works: ask_command() puts the prompt together (arguments, stdin, the conversation so
// far), opens the way to the servers and runs ask(): one call, or one after the other until an
// answer fits the schema. Answer is told of each piece and prints it.
#include "calls.hpp"
#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/cli/commands.hpp"
#include "chimera/cli/explain.hpp"
#include "chimera/lab/record.hpp"
#include "chimera/sys/process.hpp"
#include "session.hpp"

namespace chimera::cli {
namespace {

constexpr size_t kPromptLimit = 64u << 20;
constexpr Nanos kFirstByte = 2 * kSecond;   // of a pipe beside a prompt that could do without it

// ---- the prompt ---------------------------------------------------------------------------------

// What is on stdin, if it is to be read: "-" among the arguments, or a pipe or file is there. A
// pipe that somebody left open, and says nothing, must not stop a prompt that stands on its own.
Result<std::string> piped_text(const Settings& s, bool asked, bool needed) {
  if (s.ask.no_stdin || (!asked && !sys::stdin_is_data())) return std::string();
  if (!asked && !needed && !sys::stdin_speaks(kFirstByte)) {
    if (!s.quiet) say("nothing came on stdin for 2 s: going on without it (- waits for it)");
    return std::string();
  }
  CHI_TRY(std::string text, sys::read_stdin(kPromptLimit));
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  if (!is_utf8(text)) {
    if (!s.quiet) say("warning: stdin is not UTF-8: what is not is sent as U+FFFD");
    text = to_valid_utf8(text);
  }
  return text;
}

std::string joined(std::string words, const std::string& piped) {
  if (piped.empty()) return words;
  size_t at = words.find("{}");
  if (at == std::string::npos) return words.empty() ? piped : piped + "\n\n" + words;
  for (; at != std::string::npos; at = words.find("{}", at + piped.size())) {
    words.replace(at, 2, piped);
  }
  return words;
}

Result<std::string> whole_prompt(const Settings& s) {
  std::string words;
  bool asked = false;
  for (const std::string& a : s.positional) {
    asked = asked || a == "-";
    if (a != "-") words.append(words.empty() ? "" : " ").append(a);
  }
  const bool needed = trim(words).empty() || words.find("{}") != std::string::npos;
  CHI_TRY(const std::string piped, piped_text(s, asked, needed));
  return joined(std::move(words), piped);
}

// ---- the answer ---------------------------------------------------------------------------------

class Answer final : public llm::PieceSink {
 public:
  explicit Answer(const Settings& s) : s_(s) {
    const bool seen = on_terminal_[2] && !s.quiet;
    thinking_ = s.ask.thinking != Thinking::unset ? s.ask.thinking
                : seen                            ? Thinking::err
                                                  : Thinking::hide;
    // What must fit, or is cut out, is shown when it is whole.
    streaming_ = s.format != Format::json && s.calls.schema.empty() && !s.calls.extract;
  }

  void on_piece(std::string_view visible, Nanos) override {
    if (!streaming_) return;
    if (s_.format == Format::ndjson) return event("token", "content", visible);
    end_thinking();
    print(visible);
  }
  void on_thinking(std::string_view text, Nanos) override {
    if (s_.format == Format::ndjson && streaming_) event("thinking", "thinking", text);
    if (s_.format != Format::text || thinking_ == Thinking::hide) return;
    const bool err = thinking_ == Thinking::err;
    if (!err && !streaming_) return;
    if (!thought_ && !err) write("<think>\n");
    thought_ = true;
    ends_line_ = text.ends_with('\n');
    if (!err) return print(text);
    (void)sys::write_stream(sys::Stream::err, shown(text, sys::Stream::err));
  }
  void on_tool_call(const llm::ToolCall& call) override {
    if (streaming_) tell(call);
  }

  // The answer is complete and fits; `text` is what is wanted of it.
  void finish(const llm::Call& call, std::string_view text) {
    if (s_.format == Format::json) return document(call, text);
    for (const llm::ToolCall& c : call.tool_calls) {
      if (!streaming_) tell(c);
    }
    if (s_.format == Format::ndjson) {
      if (!streaming_) event("token", "content", text);
      return last_event(call);
    }
    end_thinking();
    if (!streaming_ && !text.empty()) print(text);
    const bool line = !streaming_ || on_terminal_[1];
    if (line && !text.empty()) end_line();
  }
  // It failed; what came of it stays.
  void fail_with(const llm::Call& call, const Error& e, std::string_view words) {
    if (s_.format == Format::text) {
      if (on_terminal_[1]) end_line();
      return;
    }
    if (s_.format != Format::ndjson) return;
    std::string line;
    wire::JsonWriter w(line, wire::JsonWriter::Style::compact);
    w.begin_object().field("type", "error").field("model", s_.model);
    w.field("error", explain(e, s_.urls[call.server].text(), words));
    w.field("exit_code", exit_code(e)).field("done", true).end_object();
    write(line.append("\n"));
  }

  bool streams() const { return streaming_; }   // what is shown cannot be taken back
  const Result<void>& written() const { return written_; }

 private:
  std::string shown(std::string_view text, sys::Stream to) const {
    return s_.ask.raw ? std::string(text) : harmless(text, on_terminal_[static_cast<int>(to)]);
  }
  void write(std::string_view text) {
    if (!written_) return;
    written_ = sys::write_stream(sys::Stream::out, text);
    if (!written_) rt::Runtime::current()->stop();
    printed_ = true;
  }
  void print(std::string_view text) {
    ends_line_ = text.ends_with('\n');
    write(shown(text, sys::Stream::out));
  }
  void end_line() {
    if (printed_ && !ends_line_) write("\n");
    ends_line_ = true;
  }
  void end_thinking() {
    if (!thought_) return;
    thought_ = false;
    if (thinking_ == Thinking::in_line) {
      end_line();
      return write("</think>\n\n");
    }
    (void)sys::write_stream(sys::Stream::err, ends_line_ ? "\n" : "\n\n");
    ends_line_ = true;
  }

  void tell(const llm::ToolCall& call) {
    if (s_.format == Format::text) end_line();
    std::string line;
    wire::JsonWriter w(line, wire::JsonWriter::Style::compact);
    w.begin_object().field("type", "tool_call").field("model", s_.model).key("message");
    w.begin_object().field("role", "assistant").field("content", "");
    write_tool_calls(w, std::span(&call, 1));
    w.end_object().field("done", false).end_object();
    write(line.append("\n"));
  }
  // A line of Ollama's /api/chat, and its "type".
  void event(const char* type, const char* field, std::string_view text) {
    std::string line;
    wire::JsonWriter w(line, wire::JsonWriter::Style::compact);
    w.begin_object().field("type", type).field("model", s_.model).key("message");
    w.begin_object().field("role", "assistant").field("content", field[0] == 'c' ? text : "");
    if (field[0] != 'c') w.field(field, text);
    w.end_object().field("done", false).end_object();
    write(line.append("\n"));
  }
  void last_event(const llm::Call& call) {
    std::string line;
    wire::JsonWriter w(line, wire::JsonWriter::Style::compact);
    w.begin_object().field("type", "done").field("model", s_.model).key("message");
    w.begin_object().field("role", "assistant").field("content", "").end_object();
    w.field("done", true);
    write_figures(w, s_, call);
    w.end_object();
    write(line.append("\n"));
  }
  void document(const llm::Call& call, std::string_view text) {
    std::string out;
    wire::JsonWriter w(out, wire::JsonWriter::Style::pretty);
    w.begin_object().field("schema", "chimera.ask/1").field("model", s_.model).field("text", text);
    if (!s_.calls.schema.empty()) w.key("json").raw(trim(text));
    if (!call.thinking.empty()) w.field("thinking", call.thinking);
    if (!call.tool_calls.empty()) write_tool_calls(w, call.tool_calls);
    write_figures(w, s_, call);
    w.end_object();
    write(out.append("\n"));
  }

  const Settings& s_;
  const bool on_terminal_[3] = {false, sys::is_terminal(1), sys::is_terminal(2)};
  Thinking thinking_;
  bool streaming_;
  bool thought_ = false;       // the last that was shown was reasoning
  bool printed_ = false;       // something is on stdout
  bool ends_line_ = true;
  Result<void> written_;
};

// ---- the command --------------------------------------------------------------------------------

struct Job {
  Settings& settings;
  CallWays& ways;
  Answer& answer;
  std::string prompt;
  std::string session;                     // a file, or empty
  std::vector<llm::Message> messages;      // so far
  Fitted result;
};

// A conversation has its system prompt in front.
llm::Request request_of(const Job& job) {
  const Settings& s = job.settings;
  llm::Request request = request_of(s.model, s.calls, s.common, job.prompt);
  request.messages = job.messages;
  if (!job.messages.empty() && job.messages[0].role == "system") request.system = {};
  return request;
}

rt::Task<void> ask(Job& job) {
  Settings& s = job.settings;
  llm::Caller caller(*job.ways.servers);
  const llm::Request request = request_of(job);
  const int retries = job.answer.streams() ? 0 : s.client.max_retries;
  co_await fitting_call(caller, request, s.calls, s.common, retries, &job.answer, !s.quiet,
                        job.result);
  if (job.result.outcome) job.answer.finish(job.result.call, job.result.text);
}

void tell(const Job& job) {
  const llm::Call& c = job.result.call;
  std::string line;
  append_u64(line, c.tokens());
  line.append(" tokens, TTFT ");
  append_fixed(line, to_ms(c.ttft()), 1);
  line.append(" ms, ");
  append_duration(line, c.ended - c.started);
  append_fixed(line.append(", "), lab::tokens_per_second(c), 1);
  line.append(" tok/s");
  say(line.append(" (").append(job.settings.urls[c.server].text()).append(")"));
}

// The prompt and its answer, behind what was said before.
int keep(Job& job) {
  if (job.session.empty()) return 0;
  std::vector<llm::Message>& all = job.messages;
  if (!job.settings.calls.system.empty() && (all.empty() || all[0].role != "system")) {
    all.insert(all.begin(), llm::Message{"system", job.settings.calls.system, {}, {}, {}, {}});
  }
  all.push_back({"user", std::move(job.prompt), job.settings.calls.images, {}, {}, {}});
  all.push_back({"assistant", job.result.call.text, {}, job.result.call.tool_calls, {}, {}});
  const auto saved = save_session(job.session, all);
  if (saved) return 0;
  complain("cannot keep the conversation", saved.error(), job.session);
  return 74;
}

int finish(Job& job) {
  const Fitted& r = job.result;
  if (!r.outcome) job.answer.fail_with(r.call, r.outcome.error(), r.words);
  if (!job.answer.written()) {
    const Error& e = job.answer.written().error();
    if (e.code != Errc::closed) complain("cannot write", e, "standard output");
    return e.code == Errc::closed ? 141 : 74;
  }
  const std::string where = job.settings.urls[job.result.call.server].text();
  if (sys::stop_signal() != 0) return 128 + sys::stop_signal();
  if (job.result.outcome) {
    if (r.call.done_reason == "content_filter" && !job.settings.quiet) {
      say("warning: a content filter has cut the answer short (" + where + ")");
    }
    if (job.settings.verbose) tell(job);
    return keep(job);
  }
  const Error& e = job.result.outcome.error();
  if (job.result.call.failed) {
    complain("ask", e, where, job.result.words);
  } else {
    say("ask: " + job.result.words + " (" + where + ")");
  }
  return exit_code(e);
}

int refuse(const Error& e, std::string_view subject) {
  complain("ask", e, subject);
  return exit_code(e);
}

// What was said before, with this time's system prompt in place of an older one.
Result<void> recall(Job& job) {
  const Settings& s = job.settings;
  job.session = s.ask.session;
  if (s.ask.go_on && job.session.empty()) job.session = default_session();
  if (job.session.empty()) {
    if (s.ask.go_on) return fail(Errc::usage, "-c needs HOME; or give --session FILE");
    return {};
  }
  if (!s.ask.anew) CHI_TRY_VOID(load_session(job.session, job.messages));
  if (!s.calls.system.empty() && !job.messages.empty() && job.messages[0].role == "system") {
    job.messages[0].content = s.calls.system;
  }
  return {};
}

// No answer is asked for that could not be kept.
int check_folder(const std::string& session) {
  const std::string folder = folder_of(session);
  const auto there = sys::file_info(folder, true);
  if (session.empty() || there) return 0;
  complain("cannot keep the conversation", there.error(), folder);
  return 74;
}

int dry_run(const Job& job) {
  const Settings& s = job.settings;
  return print(request_text(s.urls[0], s.client, request_of(job)));
}

}  // namespace

int ask_command(Settings& s) {
  CallWays ways;
  Answer answer(s);
  Job job{s, ways, answer, {}, {}, {}, {}};
  const int unkept = check_folder(s.ask.session);
  if (unkept != 0) return unkept;
  const auto recalled = recall(job);
  if (!recalled) return refuse(recalled.error(), job.session);
  auto prompt = whole_prompt(s);
  if (!prompt) return refuse(prompt.error(), "standard input");
  job.prompt = std::move(*prompt);
  if (trim(job.prompt).empty() && s.calls.images.empty()) {
    say("no prompt: give one as arguments or on stdin: see chimera ask --help");
    return 2;
  }
  const int opened = open_calls(s, "ask", true, ways);
  if (opened != 0) return opened;
  if (s.dry_run) return dry_run(job);
  ways.runtime.run(ask(job));
  return finish(job);
}

}  // namespace chimera::cli
