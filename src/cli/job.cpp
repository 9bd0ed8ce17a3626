#include "job.hpp"

#include "chimera/base/text.hpp"
#include "chimera/wire/json.hpp"

namespace chimera::cli {
namespace {

using Event = wire::JsonReader::Event;

constexpr double kLongestMs = 1e12;   // 30 years

Result<void> wrong(const char* wanted) { return fail(Errc::bad_input, wanted); }

// One line being read. The functions below are called behind a key and take its value.
struct Reader {
  explicit Reader(std::string_view line) : text(line), json(line) {}

  // The value's own text; empty when it is not JSON, or null.
  Result<std::string_view> raw() {
    const size_t from = json.offset();
    if (!json.skip()) return fail(json.error());
    const std::string_view value = trim(text.substr(from, json.offset() - from));
    return value == "null" ? std::string_view() : value;
  }
  // A string; null leaves it as it is.
  Result<void> string(std::string& out) {
    const Event e = json.next();
    if (e == Event::null) return {};
    if (e != Event::string) return e == Event::error ? fail(json.error()) : wrong("not a string");
    out.clear();
    json.string(out);
    return {};
  }
  // True when an array begins; false for null.
  Result<bool> array() {
    const Event e = json.next();
    if (e == Event::error) return fail(json.error());
    if (e != Event::array_begin && e != Event::null) return fail(Errc::bad_input, "not a list");
    return e == Event::array_begin;
  }

  std::string_view text;
  wire::JsonReader json;
  std::string within;              // of the key's value, for words: ".num_ctx"
};

Result<void> read_strings(Reader& in, std::vector<std::string>& out) {
  CHI_TRY(const bool some, in.array());
  while (some) {
    const Event e = in.json.next();
    if (e == Event::array_end) break;
    if (e != Event::string) return e == Event::error ? fail(in.json.error()) : wrong("not a list of strings");
    in.json.string(out.emplace_back());
  }
  return {};
}

// ---- messages -----------------------------------------------------------------------------------

// {"id", "function": {"name", "arguments"}}; Ollama's arguments are an object, OpenAI's JSON text.
Result<void> read_call(Reader& in, llm::ToolCall& call) {
  for (;;) {
    const Event e = in.json.next();
    if (e == Event::error) return fail(in.json.error());
    if (e == Event::object_end) return {};
    if (in.json.is("function")) {
      if (in.json.next() != Event::object_begin) return wrong("not a list of tool calls");
      CHI_TRY_VOID(read_call(in, call));
    } else if (in.json.is("id")) {
      CHI_TRY_VOID(in.string(call.id));
    } else if (in.json.is("name")) {
      CHI_TRY_VOID(in.string(call.name));
    } else if (in.json.is("arguments")) {
      CHI_TRY(const std::string_view value, in.raw());
      call.arguments = value;
      if (!value.starts_with('"')) continue;
      wire::JsonReader quoted(value);
      quoted.next();
      call.arguments.clear();
      quoted.string(call.arguments);
    } else if (!in.json.skip()) {
      return fail(in.json.error());
    }
  }
}

Result<void> read_calls(Reader& in, std::vector<llm::ToolCall>& out) {
  CHI_TRY(const bool some, in.array());
  while (some) {
    const Event e = in.json.next();
    if (e == Event::array_end) break;
    if (e != Event::object_begin) return wrong("not a list of tool calls");
    CHI_TRY_VOID(read_call(in, out.emplace_back()));
  }
  return {};
}

Result<void> read_message(Reader& in, llm::Message& m) {
  struct Text { std::string_view key; std::string llm::Message::*field; };
  static constexpr Text kTexts[] = {{"role", &llm::Message::role},
                                    {"content", &llm::Message::content},
                                    {"tool_name", &llm::Message::tool_name},
                                    {"name", &llm::Message::tool_name},
                                    {"tool_call_id", &llm::Message::tool_call_id}};
  for (;;) {
    const Event e = in.json.next();
    if (e == Event::error) return fail(in.json.error());
    if (e == Event::object_end) break;
    std::string* text = nullptr;
    for (const Text& t : kTexts) {
      if (in.json.is(t.key)) text = &(m.*t.field);
    }
    if (text != nullptr) {
      CHI_TRY_VOID(in.string(*text));
    } else if (in.json.is("images")) {
      CHI_TRY_VOID(read_strings(in, m.images));
    } else if (in.json.is("tool_calls")) {
      CHI_TRY_VOID(read_calls(in, m.tool_calls));
    } else if (!in.json.skip()) {
      return fail(in.json.error());
    }
  }
  return m.role.empty() ? wrong("a message without a role") : Result<void>();
}

Result<void> read_messages(Reader& in, Job& job) {
  CHI_TRY(const bool some, in.array());
  while (some) {
    const Event e = in.json.next();
    if (e == Event::array_end) break;
    if (e != Event::object_begin) return e == Event::error ? fail(in.json.error()) : wrong("not a list of objects");
    CHI_TRY_VOID(read_message(in, job.messages.emplace_back()));
  }
  return {};
}

// ---- the other keys -----------------------------------------------------------------------------

Result<void> read_id(Reader& in, Job& job) {
  const Event e = in.json.next();
  if (e == Event::null) return {};
  if (e == Event::number) {
    job.id = in.json.raw();
    return {};
  }
  if (e != Event::string) return e == Event::error ? fail(in.json.error()) : wrong("neither a string nor a number");
  std::string id;
  in.json.string(id);
  job.id.clear();
  wire::append_json_string(job.id, id);
  return {};
}

Result<void> read_cancel(Reader& in, Job& job) {
  job.cancel = true;
  return read_id(in, job);
}

Result<void> read_options(Reader& in, Job& job) {
  Event e = in.json.next();
  if (e == Event::null) return {};
  if (e != Event::object_begin) return e == Event::error ? fail(in.json.error()) : wrong("not an object");
  std::string name;
  while ((e = in.json.next()) == Event::key) {
    name.clear();
    in.json.string(name);
    CHI_TRY(const std::string_view value, in.raw());
    in.within = "." + name;
    if (!value.empty()) CHI_TRY_VOID(add_model_option(job.options, name, value));
  }
  return e == Event::object_end ? Result<void>() : fail(in.json.error());
}

Result<void> read_deadline(Reader& in, Job& job) {
  const Event e = in.json.next();
  if (e == Event::null) return {};
  if (e != Event::number) return e == Event::error ? fail(in.json.error()) : wrong("not a number");
  CHI_TRY(const double ms, in.json.number());
  if (!(ms >= 0 && ms <= kLongestMs)) return wrong("not 0 or more milliseconds");
  job.deadline = static_cast<Nanos>(ms * 1e6 + 0.5);
  return {};
}

Result<void> read_priority(Reader& in, Job& job) {
  const Event e = in.json.next();
  if (e == Event::null) return {};
  if (e != Event::number) return e == Event::error ? fail(in.json.error()) : wrong("not a number");
  const Result<int64_t> n = in.json.integer();
  if (!n) return wrong("not a whole number");
  job.priority = *n;
  return {};
}

Result<void> read_think(Reader& in, Job& job) {
  CHI_TRY(std::string_view value, in.raw());
  if (value.empty()) return {};
  for (const char* level : {"true", "false", "\"low\"", "\"medium\"", "\"high\""}) {
    if (value != level) continue;
    if (value[0] == '"') value = value.substr(1, value.size() - 2);
    job.options.think = value;
    return {};
  }
  return wrong("none of true, false, \"low\", \"medium\", \"high\"");
}

Result<void> read_format(Reader& in, Job& job) {
  CHI_TRY(const std::string_view value, in.raw());
  if (!value.empty() && value != "\"json\"" && value[0] != '{') return wrong("neither \"json\" nor a schema");
  if (!value.empty()) job.format = value;
  return {};
}

Result<void> read_tools(Reader& in, Job& job) {
  CHI_TRY(const std::string_view value, in.raw());
  if (!value.empty() && value[0] != '[') return wrong("not a list");
  if (!value.empty()) job.tools = value;
  return {};
}

Result<void> read_keep_alive(Reader& in, Job& job) {
  CHI_TRY(const std::string_view value, in.raw());
  const bool quoted = value.size() > 2 && value[0] == '"';
  job.options.keep_alive = quoted ? value.substr(1, value.size() - 2) : value;
  return {};
}

template <std::string Job::*field>
Result<void> read_text(Reader& in, Job& job) { return in.string(job.*field); }
Result<void> read_images(Reader& in, Job& job) {
  job.images.clear();
  return read_strings(in, job.images);
}

struct Key {
  std::string_view name;
  Result<void> (*read)(Reader& in, Job& job);
};
constexpr Key kKeys[] = {
    {"id", read_id},           {"cancel", read_cancel},     {"prompt", read_text<&Job::prompt>},
    {"messages", read_messages}, {"model", read_text<&Job::model>},
    {"system", read_text<&Job::system>}, {"url", read_text<&Job::url>},
    {"options", read_options}, {"deadline_ms", read_deadline}, {"priority", read_priority},
    {"format", read_format},   {"tools", read_tools},       {"images", read_images},
    {"think", read_think},     {"keep_alive", read_keep_alive}};

Result<void> read_value(Reader& in, Job& job, std::string& name) {
  for (const Key& key : kKeys) {
    if (name == key.name) return key.read(in, job);
  }
  if (job.unknown.empty()) job.unknown = name;
  return in.json.skip() ? Result<void>() : fail(in.json.error());
}

// A last message of the user is what is asked now.
void settle_messages(Job& job) {
  if (!job.prompt.empty() || job.messages.empty() || job.messages.back().role != "user") return;
  llm::Message& last = job.messages.back();
  job.prompt = std::move(last.content);
  for (std::string& image : last.images) job.images.push_back(std::move(image));
  job.messages.pop_back();
}

Result<void> read_job(Reader& in, Job& job, std::string& why) {
  Event e = in.json.next();
  if (e != Event::object_begin) {
    if (e != Event::error) why = "not an object";
    return fail(e == Event::error ? in.json.error() : Error{Errc::bad_input, 0, "job"});
  }
  std::string name;
  while ((e = in.json.next()) == Event::key) {
    name.clear();
    in.json.string(name);
    const Result<void> read = read_value(in, job, name);
    if (read) continue;
    if (read.error().where != in.json.what()) {
      why = name + in.within + ": " + read.error().where;
    }
    return read;
  }
  if (e == Event::object_end) e = in.json.next();
  return e == Event::end ? Result<void>() : fail(in.json.error());
}

}  // namespace

Result<void> parse_job(std::string_view line, const Settings& defaults, Job& job,
                       std::string& why) {
  job.model = defaults.model;
  job.system = defaults.calls.system;
  job.format = defaults.calls.schema;
  job.tools = defaults.calls.tools;
  job.images = defaults.calls.images;
  job.options = defaults.common;
  Reader in(line);
  Result<void> read = read_job(in, job, why);
  if (!read && why.empty()) why = std::string("not JSON: ") + read.error().where;
  if (read && job.cancel && job.id.empty()) {
    why = "cancel: no id";
    read = wrong("cancel");
  }
  if (!read || job.cancel) return read;
  settle_messages(job);
  if (!job.prompt.empty() || !job.messages.empty()) return {};
  why = "no prompt, and no messages";
  return wrong("prompt");
}

}  // namespace chimera::cli
