#include "chimera/wire/url.hpp"

#include "tests/check.hpp"

using namespace chimera;
using namespace chimera::wire;
using chimera_test::Guarded;
using namespace std::string_view_literals;

TEST_CASE("URLs that are read") {
  struct Case {
    std::string_view text;
    bool https;
    const char* host;
    uint16_t port;
    const char* path;
    const char* query;
    const char* again;       // text()
    const char* authority;
  };
  static const Case cases[] = {
      {"http://host", false, "host", 80, "/", "", "http://host", "host"},
      {"host", false, "host", 80, "/", "", "http://host", "host"},
      {"host:8080", false, "host", 8080, "/", "", "http://host:8080", "host:8080"},
      {"https://host", true, "host", 443, "/", "", "https://host", "host"},
      {"HTTPS://Host.EXAMPLE/Path", true, "host.example", 443, "/Path", "",
       "https://host.example/Path", "host.example"},
      {"HtTp://h", false, "h", 80, "/", "", "http://h", "h"},
      {"http://h:80/", false, "h", 80, "/", "", "http://h", "h"},
      {"https://h:443/", true, "h", 443, "/", "", "https://h", "h"},
      {"http://h:443/", false, "h", 443, "/", "", "http://h:443", "h:443"},
      {"https://h:80/", true, "h", 80, "/", "", "https://h:80", "h:80"},
      {"http://h:00080", false, "h", 80, "/", "", "http://h", "h"},
      {"http://h:1", false, "h", 1, "/", "", "http://h:1", "h:1"},
      {"http://h:65535", false, "h", 65535, "/", "", "http://h:65535", "h:65535"},
      {"http://h:/a", false, "h", 80, "/a", "", "http://h/a", "h"},
      {"https://h:", true, "h", 443, "/", "", "https://h", "h"},
      {"http://[::1]:", false, "::1", 80, "/", "", "http://[::1]", "[::1]"},
      {"http://h/v1/", false, "h", 80, "/v1/", "", "http://h/v1/", "h"},
      {"http://h/a/./b/../c", false, "h", 80, "/a/c", "", "http://h/a/c", "h"},
      {"http://h/../..?a/../b", false, "h", 80, "/", "a/../b", "http://h/?a/../b", "h"},
      {"http://h/a/..//b/.", false, "h", 80, "//b/", "", "http://h//b/", "h"},
      {"http://h/v1///", false, "h", 80, "/v1///", "", "http://h/v1///", "h"},
      {"http://h//", false, "h", 80, "//", "", "http://h//", "h"},
      {"http://h//a", false, "h", 80, "//a", "", "http://h//a", "h"},
      {"http://h/a/b?c=d/", false, "h", 80, "/a/b", "c=d/", "http://h/a/b?c=d/", "h"},
      {"http://h?a=b", false, "h", 80, "/", "a=b", "http://h/?a=b", "h"},
      {"http://h/a/?b?c", false, "h", 80, "/a/", "b?c", "http://h/a/?b?c", "h"},
      {"http://h/?", false, "h", 80, "/", "", "http://h", "h"},
      {"http://h/a#frag?b", false, "h", 80, "/a", "", "http://h/a", "h"},
      {"http://h#/a", false, "h", 80, "/", "", "http://h", "h"},
      {"h/go?to=http://other", false, "h", 80, "/go", "to=http://other",
       "http://h/go?to=http://other", "h"},
      {"h/a@b:c", false, "h", 80, "/a@b:c", "", "http://h/a@b:c", "h"},
      {"http://1.2.3.4:5", false, "1.2.3.4", 5, "/", "", "http://1.2.3.4:5", "1.2.3.4:5"},
      {"http://my_box-1.local.", false, "my_box-1.local.", 80, "/", "", "http://my_box-1.local.",
       "my_box-1.local."},
      {"http://[::1]", false, "::1", 80, "/", "", "http://[::1]", "[::1]"},
      {"[::1]:80", false, "::1", 80, "/", "", "http://[::1]", "[::1]"},
      {"https://[::1]:80/x", true, "::1", 80, "/x", "", "https://[::1]:80/x", "[::1]:80"},
      {"http://[2001:DB8::A]:8080", false, "2001:db8::a", 8080, "/", "",
       "http://[2001:db8::a]:8080", "[2001:db8::a]:8080"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const Guarded text(c.text);
    const auto url = parse_url(text.view());
    REQUIRE(url);
    CHECK(url->https == c.https);
    CHECK(url->host == c.host);
    CHECK(url->port == c.port);
    CHECK(url->path == c.path);
    CHECK(url->query == c.query);
    CHECK(url->ipv6 == (url->host.find(':') != std::string::npos));
    CHECK(url->text() == c.again);
    CHECK(url->authority() == c.authority);
    const auto again = parse_url(url->text());
    REQUIRE(again);
    CHECK(again->text() == c.again);
  }
}

TEST_CASE("URLs that are refused, and the part that is named") {
  struct Case { std::string_view text; const char* where; };
  static const Case cases[] = {
      {"", "host"}, {"http://", "host"}, {"http:///a", "host"}, {"/a", "host"}, {":80", "host"},
      {"http://?a", "host"}, {"http://a,b", "host"}, {"http://a%20b", "host"},
      {"http://a\\b", "host"}, {"http://a:b:c", "host"}, {"http://::1", "host"},
      {"http://[::1", "host"}, {"http://[::1]x", "host"}, {"http://[]", "host"},
      {"http://[1.2.3.4]", "host"}, {"http://[host]", "host"}, {"http://[::g]", "host"},
      {"http://[fe80::1%25eth0]", "host"}, {"http://a]", "host"},
      {"http:/host", "port"},
      {"ftp://host", "scheme"}, {"://host", "scheme"}, {"httpx://host", "scheme"},
      {"file:///etc/passwd", "scheme"},
      {"h:", "port"}, {"[::1]:/a", "port"}, {"http://h:0", "port"}, {"http://h:65536", "port"},
      {"http://h:-1", "port"}, {"http://h:+1", "port"}, {"http://h:8x", "port"},
      {"http://h:18446744073709551696", "port"}, {"http://h:80:", "host"},
      {"http://[::1]:0", "port"},
      {"http://user@h", "user information in the URL"},
      {"http://user:secret@h/", "user information in the URL"},
      {"user@h", "user information in the URL"}, {"http://@h", "user information in the URL"},
      {" http://h", "character in the URL"}, {"http://h ", "character in the URL"},
      {"http://h/a b", "character in the URL"}, {"http://h/a\r\nX: y", "character in the URL"},
      {"http://h/\t", "character in the URL"}, {"http://h/\0"sv, "character in the URL"},
      {"http://h/\x7f", "character in the URL"}, {"http://h/caf\xc3\xa9", "character in the URL"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const Guarded text(c.text);
    const auto url = parse_url(text.view());
    REQUIRE(!url);
    CHECK(url.error().code == Errc::bad_input);
    CHECK(url.error().where == std::string_view(c.where));
  }
  CHECK(parse_url(std::string(254, 'a')).has_value());
  CHECK(!parse_url(std::string(255, 'a')));
}

TEST_CASE("IPv6 literals") {
  static const char* const good[] = {
      "::", "::1", "1::", "1::8", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8",
      "::ffff:1.2.3.4", "1:2:3:4:5:6:1.2.3.4", "::1.2.3.4", "fe80::abcd:0012", "1::5:6:7:8"};
  static const char* const bad[] = {
      ":", ":::", ":1", "1:", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::",
      "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "1:::2", "::1.2.3", "::1.2.3.4.5", "::1.2.3.256",
      "::1.2.3.04", "::1.2.3.4.", "::.1.2.3", "1.2.3.4::", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3.4:5",
      "::1:", "::-1", "::1%1"};
  for (const char* text : good) {
    CAPTURE(text);
    const auto url = parse_url("[" + std::string(text) + "]");
    REQUIRE(url);
    CHECK(url->host == text);
  }
  for (const char* text : bad) {
    CAPTURE(text);
    CHECK(!parse_url("[" + std::string(text) + "]"));
  }
}

TEST_CASE("every prefix and every changed byte of a URL") {
  const std::string wire = "https://[2001:db8::1.2.3.4]:8080/a/b/?c=d#e";
  for (size_t n = 0; n <= wire.size(); ++n) {
    const Guarded cut(std::string_view(wire).substr(0, n));
    bool bad_port = false;
    const auto whole = parse_url(cut.view());
    if (whole) CHECK(parse_url(whole->text())->text() == whole->text());
    if (const auto url = parse_ollama_host(cut.view(), &bad_port)) CHECK(url->port != 0);
  }
  for (size_t i = 0; i < wire.size(); ++i) {
    for (int b = 0; b < 256; ++b) {
      std::string changed = wire;
      changed[i] = static_cast<char>(b);
      const Guarded g(changed);
      const auto url = parse_url(g.view());
      if (!url) continue;
      CHECK(url->port != 0);
      CHECK(url->target().find_first_of(" \r\n\t#") == std::string::npos);
      CHECK(parse_url(url->text())->text() == url->text());
    }
  }
}

TEST_CASE("a request path behind a base") {
  struct Case { const char* base; const char* path; const char* target; };
  static const Case cases[] = {
      {"http://h", "/api/tags", "/api/tags"},
      {"http://h/", "/api/tags", "/api/tags"},
      {"http://h/ollama/", "/api/tags", "/ollama/api/tags"},
      {"http://h/v1", "models", "/v1/models"},
      {"http://h", "models", "/models"},
      {"http://h/v1?version=2", "/models", "/v1/models?version=2"},
      {"http://h/v1?version=2", "/models?a=b", "/v1/models?a=b"},
      {"http://h", "/", "/"},
      {"http://h/v1", "/", "/v1/"},
      {"http://h//", "/", "/"},
      {"http://h/v1//?a", "/models", "/v1/models?a"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.base);
    CAPTURE(c.path);
    const Url url = join(*parse_url(c.base), c.path);
    CHECK(url.target() == c.target);
    CHECK(url.text() == "http://h" + (url.target() == "/" ? "" : url.target()));
  }
}

TEST_CASE("slashes at the end are stripped on request") {
  struct Case { const char* text; const char* path; };
  static const Case cases[] = {{"http://h", "/"},       {"http://h/", "/"},  {"http://h///", "/"},
                               {"http://h/a//", "/a"},  {"h/a", "/a"},       {"h/a/b/?c/", "/a/b"}};
  for (const Case& c : cases) {
    CAPTURE(c.text);
    Url url = *parse_url(c.text);
    strip_slashes(url);
    CHECK(url.path == c.path);
  }
}

TEST_CASE("references: the examples of RFC 3986 section 5.4, and what is no place to go") {
  struct Case { const char* reference; const char* want; };   // null = refused
  static const Case cases[] = {
      {"g", "http://a/b/c/g"}, {"./g", "http://a/b/c/g"}, {"g/", "http://a/b/c/g/"},
      {"/g", "http://a/g"}, {"//g", "http://g"}, {"?y", "http://a/b/c/d;p?y"},
      {"g?y", "http://a/b/c/g?y"}, {"#s", "http://a/b/c/d;p?q"}, {"g#s", "http://a/b/c/g"},
      {"g?y#s", "http://a/b/c/g?y"}, {";x", "http://a/b/c/;x"}, {"g;x", "http://a/b/c/g;x"},
      {"", "http://a/b/c/d;p?q"}, {".", "http://a/b/c/"}, {"./", "http://a/b/c/"},
      {"..", "http://a/b/"}, {"../", "http://a/b/"}, {"../g", "http://a/b/g"},
      {"../..", "http://a"}, {"../../", "http://a"}, {"../../g", "http://a/g"},
      {"../../../g", "http://a/g"}, {"../../../../g", "http://a/g"}, {"/./g", "http://a/g"},
      {"/../g", "http://a/g"}, {"g.", "http://a/b/c/g."}, {".g", "http://a/b/c/.g"},
      {"g..", "http://a/b/c/g.."}, {"..g", "http://a/b/c/..g"}, {"./../g", "http://a/b/g"},
      {"./g/.", "http://a/b/c/g/"}, {"g/./h", "http://a/b/c/g/h"}, {"g/../h", "http://a/b/c/h"},
      {"g;x=1/./y", "http://a/b/c/g;x=1/y"}, {"g;x=1/../y", "http://a/b/c/y"},
      {"g?y/./x", "http://a/b/c/g?y/./x"}, {"g?y/../x", "http://a/b/c/g?y/../x"},
      {"http://x/y/../z", "http://x/z"}, {"HTTPS://x:8/", "https://x:8"},
      {"//x:8/y//z/", "http://x:8/y//z/"}, {"g?to=http://x/", "http://a/b/c/g?to=http://x/"},
      {"http:g", nullptr}, {"g:h", nullptr}, {"javascript:x", nullptr}, {"ftp://x/", nullptr},
      {"http://[", nullptr}, {"//", nullptr}, {"a b", nullptr}, {"//user@h/", nullptr},
      {"g\r\nX: y", nullptr},
  };
  const Url base = *parse_url("http://a/b/c/d;p?q");
  for (const Case& c : cases) {
    CAPTURE(c.reference);
    const Guarded reference(c.reference);
    const auto url = resolve(base, reference.view());
    REQUIRE(url.has_value() == (c.want != nullptr));
    if (url) CHECK(url->text() == c.want);
  }
  CHECK(resolve(*parse_url("https://[::1]:8/x"), "y")->text() == "https://[::1]:8/y");
  CHECK(resolve(*parse_url("https://h/x"), "//i/y")->text() == "https://i/y");
}

TEST_CASE("OLLAMA_HOST, as Ollama reads it") {
  struct Case { const char* text; const char* want; bool bad_port; };
  static const Case cases[] = {
      {"", "http://127.0.0.1:11434", false},
      {"  ", "http://127.0.0.1:11434", false},
      {"\"\"", "http://127.0.0.1:11434", false},
      {" \"1.2.3.4\" ", "http://1.2.3.4:11434", false},
      {" \" 1.2.3.4 \" ", "http://1.2.3.4:11434", false},
      {"'1.2.3.4'", "http://1.2.3.4:11434", false},
      {"1.2.3.4", "http://1.2.3.4:11434", false},
      {"1.2.3.4:56789", "http://1.2.3.4:56789", false},
      {"example.com", "http://example.com:11434", false},
      {"example.com:1234", "http://example.com:1234", false},
      {":1234", "http://127.0.0.1:1234", false},
      {"::1", "http://[::1]:11434", false},
      {"[::1]", "http://[::1]:11434", false},
      {"[::1]:5000", "http://[::1]:5000", false},
      {"http://1.2.3.4", "http://1.2.3.4", false},
      {"http://1.2.3.4:4321", "http://1.2.3.4:4321", false},
      {"https://1.2.3.4", "https://1.2.3.4", false},
      {"https://1.2.3.4:4321", "https://1.2.3.4:4321", false},
      {"http://", "http://127.0.0.1", false},
      {"http://0.0.0.0:5000", "http://127.0.0.1:5000", false},
      {"0.0.0.0", "http://127.0.0.1:11434", false},
      {"00", "http://00:11434", false},
      {"::", "http://[::1]:11434", false},
      {"[::]:11434", "http://[::1]:11434", false},
      {"[0:0:0:0:0:0:0:0]", "http://[::1]:11434", false},
      {"example.com/ollama", "http://example.com:11434/ollama", false},
      {"example.com:80/ollama/", "http://example.com/ollama", false},
      {"https://example.com:443/ollama/", "https://example.com/ollama", false},
      {"ollama.com", "https://ollama.com", false},
      {"1.2.3.4:66000", "http://1.2.3.4:11434", true},
      {"1.2.3.4:-1", "http://1.2.3.4:11434", true},
      {"1.2.3.4:abc", "http://1.2.3.4:11434", true},
      {"1.2.3.4:0", "http://1.2.3.4:11434", true},
      {"1.2.3.4:", "http://1.2.3.4:11434", true},
      {"[::1]:99999", "http://[::1]:11434", true},
      {"http://1.2.3.4:66000", "http://1.2.3.4", true},
      {"https://1.2.3.4:abc/x", "https://1.2.3.4/x", true},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    bool bad_port = !c.bad_port;
    const Guarded text(c.text);
    const auto url = parse_ollama_host(text.view(), &bad_port);
    REQUIRE(url);
    CHECK(url->text() == c.want);
    CHECK(bad_port == c.bad_port);
  }
  bool bad_port = false;
  for (const char* text : {"ftp://h", "a b", "user@h", "::1:5:", "a:b:c", "[::1", "h/a b", "h\"x",
                           "::1:11434x"}) {
    CAPTURE(text);
    CHECK(!parse_ollama_host(text, &bad_port));
  }
}
