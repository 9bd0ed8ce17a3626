#include "chimera/cli/explain.hpp"

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/sys/errors.hpp"
#include "chimera/sys/file.hpp"
#include "chimera/wire/url.hpp"

namespace chimera::cli {
namespace {

// One row a class: its exit code, and its words. "@" stands for the place (host and port of a URL,
// or the file), "?" for Error::where.
struct Row {
  Errc code;
  const char* name;
  int exit;
  const char* words;
  const char* remedy;     // nullptr = none known
};
constexpr Row kRows[] = {
    {Errc::resolve, "resolve", 6, "cannot find the address of @",
     "check the name, or use an IP address"},
    {Errc::refused, "refused", 7, "nothing listens on @", nullptr},
    {Errc::timed_out, "deadline", 28, "the ? deadline fired", nullptr},
    {Errc::reset, "reset", 56, "@ broke the connection", nullptr},
    {Errc::closed, "closed", 141, "the output was closed", nullptr},
    {Errc::truncated, "truncated", 18, "the answer ended early (?)", nullptr},
    {Errc::protocol, "protocol", 56, "@ sent what the protocol forbids (?)", nullptr},
    {Errc::too_large, "too_large", 56, "a limit was exceeded (?)", nullptr},
    {Errc::http_status, "http_status", 22, "@ answered with an error", nullptr},
    {Errc::auth, "auth", 77, "@ refused access", "give --api-key-file, or a header with -H"},
    {Errc::no_model, "no_model", 69, "@ does not have the model",
     "fetch it with `ollama pull`, or give -m one that `chimera probe` lists"},
    {Errc::busy, "busy", 75, "@ is busy", "try again later, or raise --max-retries"},
    {Errc::server_error, "server_error", 22, "@ reported an error", nullptr},
    {Errc::tls, "tls", 7, "no secure connection to @: ?", nullptr},
    {Errc::cancelled, "cancelled", 130, "stopped", nullptr},
    {Errc::bad_input, "bad_data", 65, "bad data (?)", nullptr},
    {Errc::bad_config, "bad_config", 78, "bad configuration (?)", nullptr},
    {Errc::usage, "usage", 2, "?", nullptr},
    {Errc::io, "io", 74, "?", nullptr},
    {Errc::not_found, "not_found", 65, "no such file or folder", nullptr},
    {Errc::unsupported, "unsupported", 1, "not in this build: ?", nullptr},
};

const Row& row_of(Errc code) {
  for (const Row& r : kRows) {
    if (r.code == code) return r;
  }
  return kRows[0];
}

std::string place_of(std::string_view subject) {
  if (subject.find("://") == std::string_view::npos) return std::string(subject);
  const auto url = wire::parse_url(subject);
  if (!url) return std::string(subject);
  std::string place = url->ipv6 ? "[" + url->host + "]" : url->host;
  place.push_back(':');
  append_u64(place, url->port);
  return place;
}

// Who does not listen is most often an Ollama that was not started, or one elsewhere that hears its
// own machine only, as it does by default.
std::string_view start_what(std::string_view place) {
  if (!place.ends_with(":11434")) return "start the server there, or check host and port";
  const bool here = place.starts_with("127.") || place.starts_with("localhost:") ||
                    place.starts_with("[::1]:");
  return here ? "start Ollama, or add --sim" : "start Ollama there with OLLAMA_HOST=0.0.0.0";
}

bool is_http(Errc code) {
  return code == Errc::http_status || code == Errc::auth || code == Errc::busy ||
         code == Errc::no_model;
}

// The status, or the system's words for its number where they say more than ours.
void append_number(std::string& s, const Error& e) {
  if (e.os == 0 || e.code == Errc::not_found) return;
  if (!is_http(e.code)) {
    s.append(": ").append(sys::error_words(e.os));
    return;
  }
  s.append(" (HTTP ");
  append_i64(s, e.os);
  s.push_back(')');
}

// The remedy for a deadline is the option that sets it.
std::string_view option_of(std::string_view deadline) {
  if (deadline == "connect") return "raise --connect-timeout";
  if (deadline == "first-token") return "raise --first-token-timeout";
  if (deadline == "idle") return "raise --idle-timeout";
  return "raise --timeout";
}

// The remedies are for calls of a model: `fetch` talks to any server, and `probe` takes neither
// --api nor --max-retries.
bool has_remedy(std::string_view command, const Error& e) {
  if (command == "fetch") return e.code == Errc::timed_out;
  return command != "probe" || (e.code != Errc::http_status && e.code != Errc::busy);
}

}  // namespace

const char* class_of(const Error& e) { return row_of(e.code).name; }
// A file of ours that is too large or may not be read is bad input, and not a bad reply or output.
int exit_code(const Error& e) {
  const std::string_view where = e.where;
  const bool file = (e.code == Errc::too_large && where == "file size") ||
                    (e.code == Errc::io && where == sys::kUnreadable);
  return file ? 65 : row_of(e.code).exit;
}

std::string explain(const Error& e, std::string_view subject, std::string_view words,
                    bool with_remedy) {
  Row row = row_of(e.code);
  const bool no_route = e.code == Errc::refused && std::string_view(e.where) == "no route";
  if (no_route) {
    row = {e.code, row.name, row.exit, "cannot reach @", "check the address and the network"};
  }
  const std::string place = subject.empty() ? std::string("the server") : place_of(subject);
  std::string s;
  for (const char* c = row.words; *c != 0; ++c) {
    if (*c == '@') {
      s.append(place);
    } else if (*c == '?') {
      s.append(e.where);
    } else {
      s.push_back(*c);
    }
  }
  append_number(s, e);
  if (!words.empty() && words != subject) s.append(": ").append(words);
  const bool no_listener = e.code == Errc::refused && !no_route;
  const bool no_route_there = e.code == Errc::http_status && (e.os == 404 || e.os == 405);
  const std::string_view remedy = e.code == Errc::timed_out ? option_of(e.where)
                                  : no_route_there          ? "try another --api"
                                  : no_listener             ? start_what(place)
                                  : row.remedy != nullptr   ? row.remedy
                                                            : "";
  if (with_remedy && !remedy.empty()) s.append(": ").append(remedy);
  return printable(s, false);
}

std::string did_you_mean(std::string_view before, std::string_view name) {
  std::string s;
  if (!name.empty()) s.append("; did you mean ").append(before).append(name).append("?");
  return s;
}

std::string with_help(std::string words, std::string_view command) {
  if (words.ends_with('?') || words.find(" --help") != words.npos) return words;
  words.append(": see chimera ").append(command).append(command.empty() ? "" : " ");
  return words.append("--help");
}

void say(std::string_view line) {
  std::string s = "chimera: ";
  s.append(printable(line, false)).push_back('\n');
  (void)sys::write_stream(sys::Stream::err, s);
}

int print(std::string_view text) {
  const auto written = sys::write_stream(sys::Stream::out, text);
  if (written) return 0;
  if (written.error().code != Errc::closed) {
    complain("cannot write", written.error(), "standard output");
  }
  return exit_code(written.error());
}

void complain(std::string_view what, const Error& e, std::string_view subject,
              std::string_view words) {
  std::string line = printable(what, false);
  line.append(": ").append(explain(e, subject, words, has_remedy(what, e)));
  if (!subject.empty()) line.append(" (").append(printable(subject, false)).append(")");
  say(line);
}

}  // namespace chimera::cli
