// Errors in words: the exit codes of contract section 4, one sentence for each, and that nothing
// from outside reaches a terminal or a file as it came.
#include "chimera/cli/explain.hpp"

#include <set>

#include "tests/check.hpp"

using namespace chimera;
using namespace chimera::cli;

namespace {

constexpr const char* kOllama = "http://127.0.0.1:11434";

struct Case {
  Error error;
  int exit;
  const char* name;
};
constexpr Case kCases[] = {
    {{Errc::resolve}, 6, "resolve"},
    {{Errc::refused}, 7, "refused"},
    {{Errc::timed_out, 0, "idle"}, 28, "deadline"},
    {{Errc::reset}, 56, "reset"},
    {{Errc::closed}, 141, "closed"},
    {{Errc::truncated}, 18, "truncated"},
    {{Errc::protocol}, 56, "protocol"},
    {{Errc::too_large, 0, "head"}, 56, "too_large"},
    {{Errc::too_large, 0, "file size"}, 65, "too_large"},
    {{Errc::http_status, 500}, 22, "http_status"},
    {{Errc::auth, 401}, 77, "auth"},
    {{Errc::no_model, 404}, 69, "no_model"},
    {{Errc::busy, 503}, 75, "busy"},
    {{Errc::server_error}, 22, "server_error"},
    {{Errc::tls, 0, "expired"}, 7, "tls"},
    {{Errc::cancelled}, 130, "cancelled"},
    {{Errc::bad_input}, 65, "bad_data"},
    {{Errc::bad_config}, 78, "bad_config"},
    {{Errc::usage, 0, "no server"}, 2, "usage"},
    {{Errc::io, 28, "write"}, 74, "io"},
    {{Errc::not_found, 2}, 65, "not_found"},
    {{Errc::unsupported, 0, "https"}, 1, "unsupported"},
};

bool harmless(std::string_view s) {
  for (const char c : s) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  }
  return s.find("\xe2\x80\xae") == s.npos;     // U+202E, right to left from here
}

}  // namespace

TEST_CASE("explain: every class has its exit code, its name and a sentence of its own") {
  std::set<std::string> sentences;
  for (const Case& c : kCases) {
    CAPTURE(c.name);
    CHECK(exit_code(c.error) == c.exit);
    CHECK(std::string(class_of(c.error)) == c.name);
    const std::string s = explain(c.error, kOllama, {});
    CHECK(!s.empty());
    CHECK(s.find('@') == s.npos);
    CHECK(s.back() != ' ');
    CHECK(sentences.insert(s).second);
  }
}

TEST_CASE("explain: words from outside come out harmless") {
  const std::string evil =
      "no \x1b[31mred\x1b]0;title\x07 \xe2\x80\xae" "txt.exe\r\nchimera: all is well";
  for (const Case& c : kCases) {
    CAPTURE(c.name);
    CHECK(harmless(explain(c.error, kOllama, evil)));
    CHECK(harmless(explain(c.error, evil, {})));
    CHECK(harmless(explain(c.error, evil, evil, false)));
  }
  const std::string s = explain({Errc::server_error}, kOllama, evil);
  CHECK(s.starts_with("127.0.0.1:11434 reported an error: no "));
  CHECK(s.find("chimera: all is well") != s.npos);
}

TEST_CASE("explain: what to do about it is said where it is known and wanted") {
  CHECK(explain({Errc::refused}, kOllama, {}) ==
        "nothing listens on 127.0.0.1:11434: start Ollama, or add --sim");
  CHECK(explain({Errc::refused}, "http://desk:11434", {}) ==
        "nothing listens on desk:11434: start Ollama there with OLLAMA_HOST=0.0.0.0");
  CHECK(explain({Errc::refused}, "http://[::1]:11434", {}) ==
        "nothing listens on [::1]:11434: start Ollama, or add --sim");
  CHECK(explain({Errc::refused}, "http://desk:80", {}) ==
        "nothing listens on desk:80: start the server there, or check host and port");
  CHECK(explain({Errc::refused, 0, "no route"}, kOllama, {}) ==
        "cannot reach 127.0.0.1:11434: check the address and the network");
  CHECK(explain({Errc::refused}, kOllama, {}, false) == "nothing listens on 127.0.0.1:11434");
  CHECK(explain({Errc::timed_out, 0, "connect"}, kOllama, {}) ==
        "the connect deadline fired: raise --connect-timeout");
  CHECK(explain({Errc::timed_out, 0, "first-token"}, kOllama, {}) ==
        "the first-token deadline fired: raise --first-token-timeout");
  CHECK(explain({Errc::timed_out, 0, "total"}, kOllama, {}) ==
        "the total deadline fired: raise --timeout");
  CHECK(explain({Errc::http_status, 404}, kOllama, {}) ==
        "127.0.0.1:11434 answered with an error (HTTP 404): try another --api");
  CHECK(explain({Errc::http_status, 500}, kOllama, "out of memory") ==
        "127.0.0.1:11434 answered with an error (HTTP 500): out of memory");
}

TEST_CASE("explain: without a server it is \"the server\", and nothing is said twice") {
  CHECK(explain({Errc::busy, 429}, {}, {}, false) == "the server is busy (HTTP 429)");
  CHECK(explain({Errc::reset}, "desk", "desk") == "desk broke the connection");
}

TEST_CASE("explain: help is pointed to once") {
  CHECK(with_help("no such option", "run") == "no such option: see chimera run --help");
  CHECK(with_help("no such command", "") == "no such command: see chimera --help");
  CHECK(with_help("no such option; did you mean --api?", "run") ==
        "no such option; did you mean --api?");
  CHECK(with_help("see chimera map --help", "run") == "see chimera map --help");
  CHECK(did_you_mean("--", "api") == "; did you mean --api?");
  CHECK(did_you_mean("--", "").empty());
}
