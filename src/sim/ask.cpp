// How this works: a table says which field of a request is read as what, and in which dialects.
// Fields with further JSON in them are taken as they are written, and looked into once they are
// known to be well-formed. The first thing that is wrong is kept, and ends every loop.
#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/wire/json.hpp"
#include "document.hpp"
#include "engine.hpp"

namespace chimera::sim {
namespace {

using wire::JsonReader;
using Event = JsonReader::Event;

// ---- the fields ---------------------------------------------------------------------------------

constexpr uint8_t kGenerate = 1, kChat = 2, kOpenaiChat = 4, kOpenaiText = 8;   // bits of Dialect
constexpr uint8_t kOllama = kGenerate | kChat, kOpenai = kOpenaiChat | kOpenaiText;
constexpr uint8_t kChats = kChat | kOpenaiChat;

enum class Field : uint8_t {
  model, prompt, content, messages, stream, options, keep_alive, think, format, tools, limit, seed,
  stream_options, response_format, tool_choice,
};
constexpr struct {
  const char* name;
  uint8_t dialects;
  Field field;
} kFields[] = {
    {"model", kOllama | kOpenai, Field::model},
    {"prompt", kGenerate, Field::prompt},
    {"prompt", kOpenaiText, Field::content},
    {"messages", kChats, Field::messages},
    {"stream", kOllama | kOpenai, Field::stream},
    {"options", kOllama, Field::options},
    {"keep_alive", kOllama, Field::keep_alive},
    {"think", kOllama, Field::think},
    {"reasoning_effort", kOpenaiChat, Field::think},
    {"format", kOllama, Field::format},
    {"tools", kChats, Field::tools},
    {"tool_choice", kOpenaiChat, Field::tool_choice},
    {"max_tokens", kOpenai, Field::limit},
    {"max_completion_tokens", kOpenaiChat, Field::limit},
    {"seed", kOpenai, Field::seed},
    {"stream_options", kOpenai, Field::stream_options},
    {"response_format", kOpenai, Field::response_format},
};

void add_to_key(std::string& key, const char* name, int64_t value) {
  key.append("\n").append(name);
  append_i64(key, value);
}

class Parser {
 public:
  Parser(std::string_view body, Ask& ask) : body_(body), in_(body), ask_(ask) {}
  // Words about what is wrong, or nullptr.
  const char* parse();

 private:
  // Reads the beginning of a value. False when it is null, or something else, which is wrong.
  bool take(Event wanted, const char* words);
  bool next_key();   // false at the end of the object
  bool next_item();  // false at the end of the array; the event is in event_
  std::string_view raw();
  void text(std::string& out);
  bool integer(int64_t& out);
  void skip();
  void read(Field field);
  void options();
  void keep_alive();
  void think();
  void content();
  void message(std::string& spoke);
  void messages();
  void schema(std::string_view raw);
  void format(std::string_view raw);
  void response_format(std::string_view raw);
  void tools();

  std::string_view body_;
  JsonReader in_;
  Ask& ask_;
  Event event_ = Event::end;
  const char* wrong_ = nullptr;
  std::string_view tools_;
  bool no_tools_ = false;
};

bool Parser::take(Event wanted, const char* words) {
  event_ = in_.next();
  if (event_ != wanted && event_ != Event::null) {
    wrong_ = event_ == Event::error ? in_.what() : words;
  }
  return event_ == wanted;
}

bool Parser::next_key() {
  if (wrong_ != nullptr) return false;
  event_ = in_.next();
  if (event_ == Event::error) wrong_ = in_.what();
  return event_ == Event::key;
}

bool Parser::next_item() {
  if (wrong_ != nullptr) return false;
  event_ = in_.next();
  if (event_ == Event::error) wrong_ = in_.what();
  return wrong_ == nullptr && event_ != Event::array_end;
}

void Parser::skip() {
  if (!in_.skip()) wrong_ = in_.what();
}

// The next value as it is written; empty for null.
std::string_view Parser::raw() {
  const size_t begin = in_.offset();
  skip();
  const std::string_view value = trim(body_.substr(begin, in_.offset() - begin));
  return value == "null" ? std::string_view() : value;
}

void Parser::text(std::string& out) {
  if (!take(Event::string, "a field that must be a string is not")) return;
  out.clear();
  in_.string(out);
}

bool Parser::integer(int64_t& out) {
  constexpr const char* kWords = "an option that must be an integer is not";
  if (!take(Event::number, kWords)) return false;
  const Result<int64_t> n = in_.integer();
  if (!n) wrong_ = kWords;
  out = n.value_or(0);
  return n.has_value();
}

void Parser::options() {
  if (!take(Event::object_begin, "options must be an object")) return;
  std::optional<int64_t> gpu;
  while (next_key()) {
    const bool predict = in_.is("num_predict"), context = in_.is("num_ctx"), seed = in_.is("seed");
    int64_t n = 0;
    if (!predict && !context && !seed && !in_.is("num_gpu")) {
      skip();
    } else if (!integer(n)) {
      continue;
    } else if (predict) {
      ask_.num_predict = n;
    } else if (context) {
      ask_.num_ctx = n > 0 ? n : ask_.num_ctx;
    } else {
      (seed ? ask_.seed : gpu) = n;
    }
  }
  if (gpu) add_to_key(ask_.load_key, "gpu", *gpu);
}

// "0", 0, "0s": the model is to leave the memory at once.
void Parser::keep_alive() {
  if (take(Event::string, "keep_alive must be a duration")) {
    ask_.unload = in_.is("0") || in_.is("0s") || in_.is("0m");
  } else if (event_ == Event::number) {
    wrong_ = nullptr;
    ask_.unload = in_.raw() == "0";
  }
}

// true, false, or how much: "low", "none".
void Parser::think() {
  if (take(Event::boolean, "how much to think must be a boolean or a string")) {
    ask_.think = in_.boolean();
  } else if (event_ == Event::string) {
    wrong_ = nullptr;
    ask_.think = !in_.is("none");
  }
}

// What is said: a string, or a list of strings and of parts that may have a text.
void Parser::content() {
  const bool plain = take(Event::string, "what is asked must be a string or a list of parts");
  if (!plain && event_ != Event::array_begin) return;
  if (!ask_.prompt.empty()) ask_.prompt += '\n';
  if (plain) return in_.string(ask_.prompt);
  wrong_ = nullptr;
  while (next_item()) {
    if (event_ == Event::string) {
      in_.string(ask_.prompt);
      continue;
    }
    if (event_ != Event::object_begin) wrong_ = "a part must be a string or an object";
    while (next_key()) {
      std::string said;
      in_.is("text") ? text(said) : skip();
      ask_.prompt += said;
    }
  }
}

void Parser::message(std::string& spoke) {
  spoke.clear();
  while (next_key()) {
    if (in_.is("role")) {
      text(spoke);
    } else {
      in_.is("content") ? content() : skip();
    }
  }
  if (wrong_ == nullptr && spoke.empty()) wrong_ = "a message must have a role";
}

// Who has the results of its calls is not asked to call again.
void Parser::messages() {
  if (!take(Event::array_begin, "messages must be a list")) return;
  std::string spoke;
  while (next_item()) {
    if (event_ != Event::object_begin) wrong_ = "a message must be an object";
    message(spoke);
    ask_.asks = true;
  }
  no_tools_ |= spoke == "tool";
}

void Parser::schema(std::string_view raw) {
  if (raw.empty() || raw == "null") return;
  if (!raw.starts_with('{')) wrong_ = "a schema must be an object";
  if (raw.size() > kSchemaLimit) wrong_ = "the schema is too long (64 KiB)";
  ask_.schema = raw;
}

// "json", or a schema.
void Parser::format(std::string_view raw) {
  if (raw.empty() || raw == R"("")") return;
  ask_.structured = true;
  if (raw != R"("json")") schema(raw);
}

void Parser::response_format(std::string_view raw) {
  std::string type;
  if (raw.empty()) return;
  append_text(type, member(raw, "type"));
  if (type != "text" && type != "json_object" && type != "json_schema") {
    wrong_ = "response_format: its type is text, json_object or json_schema";
  }
  ask_.structured = type != "text";
  schema(member(member(raw, "json_schema"), "schema"));
}

void Parser::tools() {
  if (tools_.empty() || no_tools_) return;
  if (!tools_.starts_with('[')) wrong_ = "tools must be a list";
  const std::string_view first = first_item(tools_);
  if (first.empty()) return;
  const std::string_view function = member(first, "function");
  append_text(ask_.tool, member(function, "name"));
  if (ask_.tool.empty()) wrong_ = "a tool must have a function with a name";
  const std::string_view parameters = member(function, "parameters");
  if (parameters.size() > kSchemaLimit) wrong_ = "a tool's parameters are too long (64 KiB)";
  ask_.tool_schema = parameters.starts_with('{') ? parameters : R"({"type":"object"})";
}

void Parser::read(Field field) {
  int64_t n = 0;
  switch (field) {
    case Field::model: return text(ask_.model);
    case Field::prompt: return text(ask_.prompt);
    case Field::content: return content();
    case Field::messages: return messages();
    case Field::options: return options();
    case Field::keep_alive: return keep_alive();
    case Field::think: return think();
    case Field::stream:
      if (take(Event::boolean, "stream must be a boolean")) ask_.stream = in_.boolean();
      return;
    case Field::limit:
      if (integer(n)) ask_.num_predict = n;
      return;
    case Field::seed:
      if (integer(n)) ask_.seed = n;
      return;
    default: break;
  }
  const std::string_view value = raw();
  if (wrong_ != nullptr) return;
  switch (field) {
    case Field::format: return format(value);
    case Field::response_format: return response_format(value);
    case Field::stream_options:
      if (!value.empty() && value[0] != '{') wrong_ = "stream_options must be an object";
      ask_.usage = member(value, "include_usage") == "true";
      return;
    case Field::tool_choice: no_tools_ |= value == R"("none")"; return;
    default: tools_ = value; return;
  }
}

const char* Parser::parse() {
  if (body_.empty()) return "missing request body";
  constexpr const char* kWords = "the request must be an object";
  if (!take(Event::object_begin, kWords)) return wrong_ != nullptr ? wrong_ : kWords;
  const auto dialect = static_cast<uint8_t>(1u << static_cast<unsigned>(ask_.dialect));
  while (next_key()) {
    size_t i = 0;
    while (i < std::size(kFields) &&
           ((kFields[i].dialects & dialect) == 0 || !in_.is(kFields[i].name))) {
      ++i;
    }
    i < std::size(kFields) ? read(kFields[i].field) : skip();
  }
  if (wrong_ != nullptr) return wrong_;
  if (in_.next() != Event::end) return in_.what();
  tools();
  return wrong_;
}

}  // namespace

std::string whole_name(std::string_view model) {
  std::string name(model);
  if (model.find(':') == model.npos) name += ":latest";
  return name;
}

Result<Ask> parse_ask(std::string_view body, Dialect dialect) {
  Ask ask;
  ask.dialect = dialect;
  ask.stream = !is_openai(dialect);
  const char* wrong = Parser(body, ask).parse();
  if (wrong == nullptr && dialect == Dialect::openai_chat && !ask.asks) {
    wrong = "messages are missing";
  }
  if (wrong != nullptr) return fail(Errc::bad_input, wrong);
  ask.asks |= !ask.prompt.empty() || dialect == Dialect::openai_text;
  add_to_key(ask.load_key, "ctx", ask.num_ctx);
  ask.load_key += '\n';
  ask.load_key += whole_name(ask.model);
  return ask;
}

}  // namespace chimera::sim
