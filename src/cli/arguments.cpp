// Long options take their value behind '=' or as the next argument, short ones as the next argument
// or joined ("-t5s"); switches may be joined ("-vv"). "--" ends the options. An option is looked up
// in the one table (options.cpp).
#include <string.h>

#include "chimera/base/text.hpp"
#include "chimera/cli/explain.hpp"
#include "chimera/cli/presets.hpp"
#include "chimera/sys/process.hpp"

namespace chimera::cli {
void append_quoted(std::string& out, std::string_view word) {
  bool plain = !word.empty();
  for (const char c : word)
    plain = plain && (is_alpha(c) || is_digit(c) || strchr("_./:=,@%+-", c));
  if (plain) {
    out.append(word);
    return;
  }
  out.push_back('\'');
  for (const char c : word) {
    if (c == '\'') out.append("'\\'");
    out.push_back(c);
  }
  out.push_back('\'');
}

namespace {

bool value_optional(const Option& o) { return o.metavar != nullptr && o.metavar[0] == '['; }
// A quoted metavar is one value that may hold blanks.
bool takes_two(const Option& o) {
  return o.metavar != nullptr && o.metavar[0] != '\'' && strchr(o.metavar, ' ') != nullptr;
}

class Parser {
 public:
  Parser(Commands command, std::span<char* const> arguments, Settings& s, std::string& what)
      : command_(command), rest_(arguments), s_(s), what_(what) {}

  Result<void> run() {
    while (!rest_.empty()) {
      const std::string_view a = take();
      if (a == "--") {
        s_.command.append(" --");
        while (!rest_.empty()) positional(take());
      } else if (a.size() > 2 && a.starts_with("--")) {
        CHI_TRY_VOID(long_option(a.substr(2)));
      } else if (a.size() > 1 && a[0] == '-') {
        CHI_TRY_VOID(short_options(a.substr(1)));
      } else {
        positional(a);
      }
    }
    return {};
  }

 private:
  std::string_view take() {
    const std::string_view a = rest_.front();
    rest_ = rest_.subspan(1);
    return a;
  }

  void positional(std::string_view a) {
    s_.positional.emplace_back(a);
    s_.command.push_back(' ');
    append_quoted(s_.command, a);
  }

  Result<void> wrong(std::string_view option, std::string_view why) {
    what_ = option;
    what_.append(": ").append(why);
    return fail(Errc::usage, "arguments");
  }

  Result<void> long_option(std::string_view text) {
    const size_t equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    std::string shown = "--";
    shown.append(name);
    const Option* o = find_option(command_, name);
    if (o == nullptr) return wrong(shown, "no such option here");
    if (equals != std::string_view::npos) {
      if (o->metavar == nullptr) return wrong(shown, "takes no value");
      return set(*o, shown, text.substr(equals + 1));
    }
    return with_next(*o, shown);
  }

  Result<void> short_options(std::string_view letters) {
    while (!letters.empty()) {
      std::string shown = "-";
      shown.push_back(letters[0]);
      const Option* o = find_option(command_, letters[0]);
      if (o == nullptr) return wrong(shown, "no such option here");
      letters.remove_prefix(1);
      if (o->metavar == nullptr) {
        CHI_TRY_VOID(set(*o, shown, {}));
        continue;
      }
      if (letters.empty() || takes_two(*o)) return with_next(*o, shown);
      return set(*o, shown, letters);
    }
    return {};
  }

  // "PATH...": also what follows, up to the next option.
  Result<void> with_next(const Option& o, std::string_view shown) {
    CHI_TRY_VOID(with_one(o, shown));
    const bool many = o.metavar != nullptr && strcmp(o.metavar, "PATH...") == 0;
    while (many && !rest_.empty() && rest_.front()[0] != '-') CHI_TRY_VOID(set(o, shown, take()));
    return {};
  }

  Result<void> with_one(const Option& o, std::string_view shown) {
    if (o.metavar == nullptr || value_optional(o)) return set(o, shown, {});
    if (rest_.empty()) return wrong(shown, "needs a value");
    if (!takes_two(o)) return set(o, shown, take());
    std::string pair(take());
    if (rest_.empty()) return wrong(shown, "needs two values");
    pair.push_back('=');
    pair.append(take());
    return set(o, shown, pair);
  }

  // For the record; what may be secret is not.
  Result<void> note(const Option& o, std::string_view value) {
    s_.command.append(" --").append(o.name);
    if (o.metavar == nullptr || (value_optional(o) && value.empty())) return {};
    s_.command.push_back(takes_two(o) ? ' ' : '=');
    const size_t equals = takes_two(o) ? value.find('=') : std::string_view::npos;
    if (equals != std::string_view::npos) {
      append_quoted(s_.command, value.substr(0, equals));
      s_.command.push_back(' ');
      value.remove_prefix(equals + 1);
    }
    append_quoted(s_.command, o.letter == 'H' ? "***" : value);
    return {};
  }

  void forward(const Option& o, std::string_view value) {
    std::string& words = s_.bench.forwarded;
    words.append("--").append(o.name);
    add_word(words, o.metavar == nullptr ? "" : "=", value);
  }

  Result<void> set(const Option& o, std::string_view shown, std::string_view value) {
    const Result<void> done = o.set(s_, o, value);
    if (done && (o.commands & kForwarded) != 0 && command_ == kBench) forward(o, value);
    if (done) return note(o, value);
    const Error& e = done.error();
    const bool file = e.code != Errc::usage && e.code != Errc::bad_input;
    if (file) {
      what_ = std::string(shown).append(": ").append(explain(e, value, {}));
      return done;
    }
    // What may hold a secret is not shown: a header, or the password of a URL.
    const bool secret = o.letter == 'H' || value.find('@') != std::string_view::npos;
    std::string why = secret ? "the value" : "'" + printable(value, false) + "'";
    why.append(" is not valid");
    if (e.code == Errc::usage) why.append(" (").append(e.where).append(")");
    return wrong(shown, why);
  }

  Commands command_;
  std::span<char* const> rest_;
  Settings& s_;
  std::string& what_;
};

// A key must not be able to smuggle in a header line of its own.
Result<void> take_key(Settings& s) {
  std::string_view key = s.api_key;
  if (key.empty()) key = trim(sys::env("OLLAMA_API_KEY"));
  if (key.empty()) return {};
  if (!wire::valid_field("Authorization", key))
    return fail(Errc::bad_config, "the API key has control characters");
  s.client.extra_fields.append("Authorization: Bearer ").append(key).append("\r\n");
  return {};
}

Result<void> take_ollama_host(Settings& s, std::vector<std::string>& warnings) {
  std::string_view hosts = sys::env("OLLAMA_HOST");
  std::string_view one;
  while (next_part(hosts, ',', one)) {
    bool bad_port = false;
    auto url = wire::parse_ollama_host(one, &bad_port);
    if (!url) return fail(Errc::bad_config, "OLLAMA_HOST");
    if (bad_port)
      warnings.push_back("OLLAMA_HOST: invalid port in '" + printable(one, false) +
                         "', using the default");
    s.urls.push_back(std::move(*url));
  }
  bool bad_port = false;
  if (s.urls.empty()) s.urls.push_back(*wire::parse_ollama_host("", &bad_port));
  return {};
}

// Options that cannot both be meant.
Result<void> check_together(const Settings& s) {
  if (s.simulate && !s.urls.empty()) return fail(Errc::usage, "give --sim or -u, not both");
  if (!s.simulate && s.sim_servers != 0) return fail(Errc::usage, "--sim-servers goes with --sim");
  return {};
}

// Proxies are not spoken to; who has set one should know.
void mention_proxy(const Settings& s, std::vector<std::string>& warnings) {
  bool far = false;
  for (const wire::Url& u : s.urls) {
    const auto ip = sys::parse_ip(u.host, u.port);
    far = far || !(ip ? ip->loopback() : u.host == "localhost");
  }
  const bool proxy = !sys::env("http_proxy").empty() || !sys::env("HTTP_PROXY").empty();
  if (far && proxy) warnings.push_back("HTTP_PROXY is set but not used: connecting directly");
}

}  // namespace

Result<void> parse_arguments(Commands command, std::span<char* const> arguments, Settings& s,
                             std::string& what) {
  if ((command & kCalls) != 0) s.client.max_retries = 2;
  if (command == kMap) s.format = Format::ndjson;
  CHI_TRY_VOID(Parser(command, arguments, s, what).run());
  return settle_knobs(s, what);
}

Result<void> complete(Settings& s, std::vector<std::string>& warnings) {
  CHI_TRY_VOID(check_together(s));
  s.client.extra_fields = s.headers;
  CHI_TRY_VOID(take_key(s));
  if (s.urls.empty() && !s.simulate) CHI_TRY_VOID(take_ollama_host(s, warnings));
  for (const wire::Url& u : s.urls) {
    if (u.https) return fail(Errc::unsupported, "https, which needs TLS");
  }
  mention_proxy(s, warnings);
  return {};
}

}  // namespace chimera::cli
