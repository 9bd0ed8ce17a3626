#include "job.hpp"

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/wire/json_schema.hpp"
#include "session.hpp"

namespace chimera::cli {
namespace {

using Value = std::string_view;   // JSON text of a value, which is not null

constexpr double kLongestMs = 1e12;   // 30 years

Result<void> wrong(const char* why) { return fail(Errc::bad_input, why); }
bool is_string(Value v) { return v[0] == '"'; }
Value unquoted(Value v) { return is_string(v) ? v.substr(1, v.size() - 2) : v; }

Result<void> set_text(std::string& out, Value v) {
  if (!is_string(v)) return wrong("not a string");
  out.clear();
  wire::append_decoded(out, v);
  return {};
}

Result<void> set_id(Job& job, Value v) {
  if (!is_string(v) && !parse_double(v)) return wrong("neither a string nor a number");
  job.id = v;
  if (!is_string(v)) return {};
  std::string id;
  wire::append_decoded(id, v);
  job.id.clear();
  wire::append_json_string(job.id, id);
  return {};
}
Result<void> set_cancel(Job& job, Value v) {
  job.cancel = true;
  return set_id(job, v);
}

Result<void> set_messages(Job& job, Value v) {
  if (v[0] != '[') return wrong("not a list");
  for (wire::JsonWalk walk(v); walk.next();) {
    CHI_TRY(llm::Message m, parse_message(walk.value));
    job.messages.push_back(std::move(m));
  }
  return {};
}

Result<void> set_images(Job& job, Value v) {
  if (v[0] != '[') return wrong("not a list");
  job.calls.images.clear();
  for (wire::JsonWalk walk(v); walk.next();) {
    CHI_TRY_VOID(set_text(job.calls.images.emplace_back(), walk.value));
  }
  return {};
}

Result<void> set_options(Job& job, Value v, std::string& why) {
  if (v[0] != '{') return wrong("not an object");
  for (wire::JsonWalk walk(v); walk.next();) {
    why.assign("options.").append(walk.key);
    if (walk.value != "null") CHI_TRY_VOID(add_model_option(job.options, walk.key, walk.value));
  }
  return {};
}

Result<void> set_deadline(Job& job, Value v) {
  const Result<double> ms = parse_double(v);
  if (!ms || *ms < 0) return wrong("not a number of milliseconds");
  job.deadline = static_cast<Nanos>((*ms < kLongestMs ? *ms : kLongestMs) * 1e6 + 0.5);
  return {};
}

Result<void> set_priority(Job& job, Value v) {
  const Result<int64_t> n = parse_i64(v);
  if (!n) return wrong("not a whole number");
  job.priority = *n;
  return {};
}

Result<void> set_think(Job& job, Value v) {
  for (const char* level : {"true", "false", "\"low\"", "\"medium\"", "\"high\""}) {
    if (v != level) continue;
    job.options.think = unquoted(v);
    return {};
  }
  return wrong("none of true, false, \"low\", \"medium\" and \"high\"");
}

Result<void> set_format(Job& job, Value v) {
  if (v[0] != '{' && v != "\"json\"") return wrong("neither \"json\" nor a schema");
  job.calls.schema = v;
  return {};
}

Result<void> set_tools(Job& job, Value v) {
  if (v[0] != '[') return wrong("not a list");
  job.calls.tools = v;
  return {};
}

Result<void> set_keep_alive(Job& job, Value v) {
  job.options.keep_alive = unquoted(v);
  return {};
}

struct Key {
  std::string_view name;
  Result<void> (*set)(Job& job, Value v);
};
constexpr Key kKeys[] = {
    {"id", set_id},
    {"cancel", set_cancel},
    {"prompt", [](Job& job, Value v) { return set_text(job.prompt, v); }},
    {"messages", set_messages},
    {"model", [](Job& job, Value v) { return set_text(job.model, v); }},
    {"system", [](Job& job, Value v) { return set_text(job.calls.system, v); }},
    {"url", [](Job& job, Value v) { return set_text(job.url, v); }},
    {"deadline_ms", set_deadline},
    {"priority", set_priority},
    {"format", set_format},
    {"tools", set_tools},
    {"images", set_images},
    {"think", set_think},
    {"keep_alive", set_keep_alive}};

Result<void> set_value(Job& job, const std::string& name, Value v, std::string& why) {
  if (name == "options") return v == "null" ? Result<void>() : set_options(job, v, why);
  for (const Key& key : kKeys) {
    if (name == key.name) return v == "null" ? Result<void>() : key.set(job, v);
  }
  if (job.unknown.empty()) job.unknown = name;
  return {};
}

// A conversation may bring a system prompt of its own; then that of the options is not meant.
void settle_system(std::string_view line, Job& job) {
  const bool own = !job.messages.empty() && job.messages[0].role == "system";
  const std::string_view given = wire::json_member(line, "system");
  if (own && (given.empty() || given == "null")) job.calls.system.clear();
}

// The id comes first, so that whatever else is wrong has one.
Result<void> read_values(std::string_view line, Job& job, std::string& why) {
  why = "id";
  const std::string_view id = wire::json_member(line, "id");
  if (!id.empty() && id != "null") CHI_TRY_VOID(set_id(job, id));
  for (wire::JsonWalk walk(line); walk.next();) {
    why = walk.key;
    CHI_TRY_VOID(set_value(job, walk.key, walk.value, why));
  }
  why.clear();
  return {};
}

Result<void> check(Job& job) {
  if (job.cancel) return job.id.empty() ? wrong("cancel: no id") : Result<void>();
  // A last message of the user is what is asked now.
  if (job.prompt.empty() && !job.messages.empty() && job.messages.back().role == "user") {
    llm::Message& last = job.messages.back();
    job.prompt = std::move(last.content);
    for (std::string& image : last.images) job.calls.images.push_back(std::move(image));
    job.messages.pop_back();
  }
  const bool nothing = job.prompt.empty() && job.messages.empty() && job.calls.images.empty();
  return nothing ? wrong("no prompt, and no messages") : Result<void>();
}

}  // namespace

Result<void> parse_job(std::string_view line, const Settings& defaults, Job& job,
                       std::string& why) {
  job.model = defaults.model;
  job.calls = defaults.calls;
  job.options = defaults.common;
  Result<void> read = wire::check_json(line);
  if (!read) why = "not JSON";
  if (read && !trim_left(line).starts_with('{')) read = wrong("not an object");
  if (read) read = read_values(line, job, why);
  if (read) settle_system(line, job);
  if (read) read = check(job);
  if (!read) why.append(why.empty() ? "" : ": ").append(read.error().where);
  return read;
}

}  // namespace chimera::cli
