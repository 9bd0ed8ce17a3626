// How this works: the two routes of Ollama differ in where they keep their text, and so do the two
// of OpenAI; so there is one set of functions for each pair.
#include "words.hpp"

#include "chimera/base/number.hpp"
#include "chimera/base/words.hpp"
#include "chimera/wire/json.hpp"

namespace chimera::sim {
namespace {

constexpr int64_t kLongLine = 1'000'000;

// The array of numbers that makes a line long, or nothing.
std::string long_array(const Fault& fault) {
  std::string s;
  if (fault.kind != FaultKind::long_line) return s;
  const auto size = static_cast<size_t>(fault.bytes < 0 ? kLongLine : fault.bytes);
  s = "[1000";
  for (uint64_t i = 1; s.size() < size; ++i) {
    s += ',';
    append_u64(s, 1000 + i % 250000);
  }
  return s += ']';
}

// ---- Ollama -------------------------------------------------------------------------------------

struct OllamaTexts {
  std::string_view text, thinking;
  uint32_t calls = 0;
};

void start(wire::JsonWriter& json, const Said& said, const OllamaTexts& texts, int64_t at) {
  std::string stamp;
  append_rfc3339(stamp, at);
  json.begin_object().field("model", said.ask.model).field("created_at", stamp);
  const bool chat = said.ask.dialect == Dialect::chat;
  if (chat) json.key("message").begin_object().field("role", "assistant");
  json.field(chat ? "content" : "response", texts.text);
  if (!texts.thinking.empty()) json.field("thinking", texts.thinking);
  if (texts.calls > 0) {
    json.key("tool_calls").begin_array();
    for (uint32_t i = 0; i < texts.calls; ++i) {
      json.begin_object().key("function").begin_object().field("name", said.ask.tool);
      json.key("arguments").raw(said.arguments).end_object().end_object();
    }
    json.end_array();
  }
  if (chat) json.end_object();
}

void ollama_begin(std::string&, const Said&) {}

// A tool call comes out whole, with its last token.
void ollama_piece(std::string& out, const Said& said, const Piece& piece, int64_t at) {
  OllamaTexts texts;
  if (piece.part == Part::call) {
    if (!piece.last) return;
    texts.calls = 1;
  } else {
    (piece.part == Part::thinking ? texts.thinking : texts.text) = piece.text;
  }
  wire::JsonWriter json(out, wire::JsonWriter::Style::compact);
  start(json, said, texts, at);
  json.field("done", false).end_object();
  out += '\n';
}

void write_figure(wire::JsonWriter& json, const char* name, int64_t value) {
  if (value > 0) json.field(name, value);
}

void ollama_end(std::string& out, const Said& said, const Figures& f, const Fault& fault,
                int64_t at) {
  wire::JsonWriter json(out, wire::JsonWriter::Style::compact);
  const uint32_t calls = said.ask.stream ? 0 : said.calls;
  start(json, said, {said.text, said.thinking, calls}, at);
  const char* reason = f.limited ? "length" : "stop";
  json.field("done", true).field("done_reason", f.reason != nullptr ? f.reason : reason);
  const std::string context = long_array(fault);
  if (!context.empty()) json.key("context").raw(context);
  write_figure(json, "total_duration", f.total);
  write_figure(json, "load_duration", f.load);
  write_figure(json, "prompt_eval_count", f.prompt_tokens);
  write_figure(json, "prompt_eval_duration", f.prompt_time);
  write_figure(json, "eval_count", f.tokens);
  write_figure(json, "eval_duration", f.time);
  json.end_object();
  out += '\n';
}

// ---- OpenAI -------------------------------------------------------------------------------------

std::string quoted(std::string_view text) {
  std::string s;
  wire::append_json_string(s, text);
  return s;
}

std::string decimal(uint64_t n) {
  std::string s;
  append_u64(s, n);
  return s;
}

// Up to the first choice.
void head(std::string& out, const Said& said) {
  const bool chat = said.ask.dialect == Dialect::openai_chat;
  compose(out, R"({"id":"%s-%s","object":"%s%s","created":%s,"model":%s,"choices":[)",
          {chat ? "chatcmpl" : "cmpl", decimal(said.id),
           chat ? "chat.completion" : "text_completion", chat && said.ask.stream ? ".chunk" : "",
           decimal(kEpoch / kSecond), quoted(said.ask.model)});
}

// One choice, begun; `text` is JSON, and `more` further members of its delta.
void choice(std::string& out, const Said& said, std::string_view more, std::string_view text) {
  const bool chat = said.ask.dialect == Dialect::openai_chat;
  compose(out, chat ? R"({"index":0,"%s":{%s%s%s},)" : R"({"index":0,"logprobs":null,%s%s%s%s,)",
          {chat ? said.ask.stream ? "delta" : "message" : "", more,
           text.empty() ? "" : chat ? R"("content":)" : R"("text":)", text});
}

void openai_chunk(std::string& out, const Said& said, std::string_view more,
                  std::string_view text) {
  head(out, said);
  choice(out, said, more, text);
  out += "\"finish_reason\":null}]}\n";
}

void openai_begin(std::string& out, const Said& said) {
  if (said.ask.dialect != Dialect::openai_chat) return;
  openai_chunk(out, said, R"("role":"assistant",)", R"("")");
}

// A call with its name, and all of its arguments or the beginning of them.
void call(std::string& out, const Said& said, uint32_t index, std::string_view arguments) {
  const std::string number = decimal(index);
  compose(out, said.ask.stream ? R"({"index":%s,)" : "{", {number});
  compose(out, R"("id":"call_%s_%s","type":"function","function":{"name":%s,"arguments":%s}})",
          {decimal(said.id), number, quoted(said.ask.tool), quoted(arguments)});
}

void openai_piece(std::string& out, const Said& said, const Piece& piece, int64_t) {
  std::string more;
  if (piece.part == Part::text) return openai_chunk(out, said, more, quoted(piece.text));
  if (piece.part == Part::thinking) {
    compose(more, R"("reasoning_content":%s)", {quoted(piece.text)});
    return openai_chunk(out, said, more, {});
  }
  if (piece.first) {
    more = R"("tool_calls":[)";
    call(more, said, said.calls, {});
    openai_chunk(out, said, more += ']', {});
    more.clear();
  }
  compose(more, R"("tool_calls":[{"index":%s,"function":{"arguments":%s}}])",
          {decimal(said.calls), quoted(piece.text)});
  openai_chunk(out, said, more, {});
}

// The choices are over.
void usage(std::string& out, const Figures& f) {
  compose(out,
          R"(],"usage":{"prompt_tokens":%s,"completion_tokens":%s,"total_tokens":%s,)"
          R"("completion_tokens_details":{"reasoning_tokens":%s}}})",
          {decimal(static_cast<uint64_t>(f.prompt_tokens)),
           decimal(static_cast<uint64_t>(f.tokens)),
           decimal(static_cast<uint64_t>(f.prompt_tokens + f.tokens)),
           decimal(static_cast<uint64_t>(f.thinking))});
}

// The members in front of a whole message's text.
std::string message_start(const Said& said) {
  std::string s;
  if (said.ask.dialect != Dialect::openai_chat) return s;
  s = R"("role":"assistant",)";
  if (!said.thinking.empty()) {
    compose(s, R"("reasoning_content":%s,)", {quoted(said.thinking)});
  }
  for (uint32_t i = 0; i < said.calls; ++i) {
    s += i == 0 ? R"("tool_calls":[)" : ",";
    call(s, said, i, said.arguments);
  }
  return said.calls > 0 ? s += "]," : s;
}

void openai_end(std::string& out, const Said& said, const Figures& f, const Fault& fault, int64_t) {
  head(out, said);
  const bool stream = said.ask.stream, text = said.ask.dialect == Dialect::openai_text;
  if (stream) {
    choice(out, said, {}, text ? R"("")" : "");
  } else {
    choice(out, said, message_start(said), quoted(said.text));
  }
  const char* reason = f.limited ? "length" : said.calls > 0 ? "tool_calls" : "stop";
  const bool null = fault.kind == FaultKind::null_finish;
  const std::string context = long_array(fault);
  compose(out, context.empty() ? R"("finish_reason":%s})" : R"("finish_reason":%s,"context":%s})",
          {null ? std::string("null") : quoted(reason), context});
  if (!stream) {
    usage(out, f);
    out += '\n';
    return;
  }
  out += "]}\n";
  if (said.ask.usage) {
    head(out, said);
    usage(out, f);
    out += '\n';
  }
  if (fault.kind != FaultKind::no_done) out += "[DONE]\n";
}

constexpr Words kOllama = {"application/x-ndjson", false, ollama_begin, ollama_piece, ollama_end};
constexpr Words kOpenai = {"text/event-stream", true, openai_begin, openai_piece, openai_end};

}  // namespace

const Words& words_of(Dialect dialect) {
  return is_openai(dialect) ? kOpenai : kOllama;
}

void append_framed(std::string& out, std::string_view document, bool events, FaultKind fault) {
  const bool cr = events && fault == FaultKind::cr;
  const char* end = fault == FaultKind::crlf ? "\r\n" : cr ? "\r" : "\n";
  if (events) {
    constexpr int kStorm = 3;
    for (int i = 0; fault == FaultKind::comments && i < kStorm; ++i) {
      out.append(": keep-alive").append(end).append(end);
    }
    out += fault == FaultKind::no_space ? "data:" : "data: ";
    if (fault == FaultKind::multi_line && document.starts_with('{')) {
      out.append("{").append(end).append("data: ");
      document.remove_prefix(1);
    }
  }
  out.append(document).append(end);
  if (events) out += end;
}

}  // namespace chimera::sim
