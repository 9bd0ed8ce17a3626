#include "session.hpp"

#include <algorithm>

#include "calls.hpp"
#include "chimera/sys/process.hpp"
#include "chimera/wire/json_schema.hpp"

namespace chimera::cli {
namespace {

constexpr size_t kMost = 256u << 20;   // bytes of a conversation: pictures are in it

llm::ToolCall parse_tool_call(std::string_view json) {
  llm::ToolCall call;
  wire::append_decoded(call.id, wire::json_member(json, "id"));
  const std::string_view function = wire::json_member(json, "function");
  wire::append_decoded(call.name, wire::json_member(function, "name"));
  const std::string_view arguments = wire::json_member(function, "arguments");
  // OpenAI writes them as a string that holds JSON.
  if (arguments.starts_with('"')) {
    wire::append_decoded(call.arguments, arguments);
  } else {
    call.arguments = arguments;
  }
  return call;
}

}  // namespace

Result<llm::Message> parse_message(std::string_view json) {
  llm::Message m;
  const std::string_view content = wire::json_member(json, "content");
  wire::append_decoded(m.role, wire::json_member(json, "role"));
  wire::append_decoded(m.content, content);
  if (m.role.empty()) return fail(Errc::bad_input, "a message needs a role");
  if (!content.empty() && content[0] != '"' && content != "null") {
    return fail(Errc::bad_input, "the content of a message is not text");
  }
  for (wire::JsonWalk images(wire::json_member(json, "images")); images.next();) {
    wire::append_decoded(m.images.emplace_back(), images.value);
  }
  for (wire::JsonWalk calls(wire::json_member(json, "tool_calls")); calls.next();) {
    m.tool_calls.push_back(parse_tool_call(calls.value));
  }
  wire::append_decoded(m.tool_name, wire::json_member(json, "tool_name"));
  wire::append_decoded(m.tool_call_id, wire::json_member(json, "tool_call_id"));
  return m;
}

std::string default_session() {
  // A relative one is to be ignored (XDG Base Directory Specification).
  std::string path(sys::env("XDG_STATE_HOME"));
  if (!sys::is_absolute(path)) path = sys::home_folder("/.local/state");
  if (path.empty()) return path;
  return path.append("/chimera/session.json");
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? "." : path.substr(0, std::max<size_t>(slash, 1));
}

Result<void> load_session(const std::string& path, std::vector<llm::Message>& messages) {
  const auto text = sys::read_file(path, kMost);
  if (!text && text.error().code == Errc::not_found) return {};
  if (!text) return fail(text.error());
  if (!wire::check_json(*text)) return fail(Errc::bad_input, "not JSON");
  const std::string_view list = wire::json_member(*text, "messages");
  if (!list.starts_with('[')) return fail(Errc::bad_input, "not a conversation of chimera");
  for (wire::JsonWalk walk(list); walk.next();) {
    CHI_TRY(llm::Message m, parse_message(walk.value));
    messages.push_back(std::move(m));
  }
  return {};
}

Result<void> save_session(const std::string& path, const std::vector<llm::Message>& messages) {
  std::string text;
  wire::JsonWriter w(text, wire::JsonWriter::Style::pretty);
  w.begin_object().field("schema", "chimera.session/1").key("messages").begin_array();
  for (const llm::Message& m : messages) write_message(w, m);
  w.end_array().end_object();
  if (path == default_session()) CHI_TRY_VOID(sys::make_directories(folder_of(path)));
  return sys::write_file_atomic(path, text.append("\n"));
}

}  // namespace chimera::cli
