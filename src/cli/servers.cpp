// Which servers, in which dialect, with which key: what the options say, and what the variables of
// Ollama and OpenAI say where those do not.
#include "chimera/base/text.hpp"
#include "chimera/cli/explain.hpp"
#include "chimera/cli/settings.hpp"
#include "chimera/rt/build.hpp"
#include "chimera/sys/process.hpp"
#include "chimera/sys/socket.hpp"

namespace chimera::cli {
namespace {

using llm::Api;

bool speaks_openai(const Settings& s) {
  return s.client.api == Api::openai || s.client.api == Api::openai_completions;
}

std::string_view openai_base() {
  const std::string_view base = trim(sys::env("OPENAI_BASE_URL"));
  return base.empty() ? trim(sys::env("OPENAI_API_BASE")) : base;
}

bool this_machine(const wire::Url& u) {
  const auto ip = sys::parse_ip(u.host, u.port);
  return ip ? ip->loopback() : u.host == "localhost";
}

Result<void> take_ollama_host(std::vector<wire::Url>& urls, std::vector<std::string>* warnings) {
  std::string_view hosts = sys::env("OLLAMA_HOST");
  std::string_view one;
  while (next_part(hosts, ',', one)) {
    bool bad_port = false;
    auto url = wire::parse_ollama_host(one, &bad_port);
    if (!url) return fail(Errc::bad_config, "OLLAMA_HOST");
    if (bad_port && warnings != nullptr)
      warnings->push_back("OLLAMA_HOST: invalid port in '" + printable(one, false) +
                          "', using the default");
    urls.push_back(std::move(*url));
  }
  bool bad_port = false;
  if (urls.empty()) urls.push_back(*wire::parse_ollama_host("", &bad_port));
  return {};
}

Result<void> take_openai_base(std::vector<wire::Url>& urls) {
  auto url = wire::parse_url(openai_base());
  if (!url) return fail(Errc::bad_config, "OPENAI_BASE_URL");
  wire::strip_slashes(*url);
  urls.push_back(std::move(*url));
  return {};
}

// OpenAI's variable counts for its dialects; without --api also, unless Ollama's is set.
Result<void> take_servers(Settings& s, std::vector<std::string>& warnings) {
  const bool open = !s.api_given || s.client.api == Api::automatic;
  const bool ollama = !sys::env("OLLAMA_HOST").empty();
  if (!openai_base().empty() && (speaks_openai(s) || (open && !ollama))) {
    CHI_TRY_VOID(take_openai_base(s.urls));
    s.servers_from = "env OPENAI_BASE_URL";
    if (!rt::kTls && s.urls[0].https) {
      return fail(Errc::unsupported,
                  "https, which OPENAI_BASE_URL asks for and `make TLS=1` builds");
    }
    if (s.api_given) return {};
    s.client.api = Api::openai;
    add_word(s.bench.forwarded, "--api=openai");
    return {};
  }
  if (ollama) s.servers_from = "env OLLAMA_HOST";
  return take_ollama_host(s.urls, &warnings);
}

// Whether all servers are among `known`, or on this machine.
bool all_among(std::span<const wire::Url> urls, std::span<const wire::Url> known) {
  for (const wire::Url& u : urls) {
    bool found = this_machine(u);
    for (const wire::Url& k : known) {
      found = found || (u.host == k.host && u.port == k.port && u.https == k.https);
    }
    if (!found) return false;
  }
  return true;
}

bool all_verified(const Settings& s, std::span<const wire::Url> urls) {
  bool all = rt::kTls && !s.trust.insecure;
  for (const wire::Url& u : urls) all = all && (u.https || this_machine(u));
  return all;
}

// A key of the environment, and which servers it may go to: those of its own kind. Of which kind a
// server is when that is asked of it, or does not matter (fetch), the variables with URLs say.
// OpenAI's key is worth money: in clear it goes to this machine, and to the server that was named
// along with it.
struct Key {
  const char* name;
  bool may_go;
};
Key key_for(const Settings& s, std::span<const wire::Url> urls) {
  std::vector<wire::Url> openai, ollama;
  if (!openai_base().empty()) (void)take_openai_base(openai);
  (void)take_ollama_host(ollama, nullptr);
  const bool automatic = s.client.api == Api::automatic;
  const bool theirs = all_among(urls, openai);
  if (speaks_openai(s) || (automatic && theirs && !openai.empty())) {
    return {"env OPENAI_API_KEY", theirs || all_verified(s, urls)};
  }
  return {"env OLLAMA_API_KEY", !automatic || all_among(urls, ollama)};
}

std::string_view key_of_environment(Settings& s, std::vector<std::string>& warnings) {
  const Key key = key_for(s, s.urls);
  const std::string_view value = trim(sys::env(key.name + 4));
  s.key_from = key.name;
  if (key.may_go || value.empty()) return value;
  if (speaks_openai(s)) {
    warnings.emplace_back("OPENAI_API_KEY is not sent without TLS: OPENAI_BASE_URL does not name "
                          "this server, and there is no --api-key-file");
  }
  return {};
}

bool has_authorization(std::string_view fields) {
  for (wire::Field f; wire::next_field(fields, f);) {
    if (iequals(f.name, "Authorization")) return true;
  }
  return false;
}

// A header that was given takes the place of any key. A key must not be able to smuggle in a header
// line of its own.
Result<void> take_key(Settings& s, std::vector<std::string>& warnings) {
  if (has_authorization(s.headers)) return {};
  std::string_view key = s.api_key;
  if (key.empty()) key = key_of_environment(s, warnings);
  if (key.empty()) {
    s.key_from = "";
    return {};
  }
  if (!wire::valid_field("Authorization", key))
    return fail(Errc::bad_config, "the API key has control characters");
  s.client.extra_fields.append("Authorization: Bearer ").append(key).append("\r\n");
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
    far = far || !this_machine(u);
  }
  const bool proxy = !sys::env("http_proxy").empty() || !sys::env("HTTP_PROXY").empty();
  if (far && proxy) warnings.push_back("HTTP_PROXY is set but not used: connecting directly");
}

// Ollama has nothing below /v1 that its own dialect would be sent to.
void guess_dialect(Settings& s) {
  bool openai = !s.api_given && !s.urls.empty();
  for (const wire::Url& u : s.urls) openai = openai && u.path.ends_with("/v1");
  if (openai) s.client.api = Api::openai;
}

// The one warning that --quiet does not silence.
Result<void> take_trust(const Settings& s) {
  if (rt::kTls && s.trust.insecure) say("warning: --insecure: no server of https is verified");
  for (const wire::Url& u : s.urls) CHI_TRY_VOID(prepare(s, u));
  return {};
}

}  // namespace

Result<void> prepare(const Settings& s, const wire::Url& url) {
  if (!url.https) return {};
  if constexpr (rt::kTls) return net::open_tls(s.trust);
  return fail(Errc::unsupported, rt::kNoTls);
}

Result<void> complete(Settings& s, std::vector<std::string>& warnings) {
  CHI_TRY_VOID(check_together(s));
  s.client.extra_fields = s.headers;
  if (s.urls.empty() && !s.simulate) CHI_TRY_VOID(take_servers(s, warnings));
  guess_dialect(s);
  CHI_TRY_VOID(take_key(s, warnings));
  mention_proxy(s, warnings);
  return take_trust(s);
}

llm::ClientSettings client_for(const Settings& s, const wire::Url& url) {
  llm::ClientSettings client = s.client;
  const Key key = key_for(s, {&url, 1});
  const bool same = s.key_from == std::string_view(key.name) && key.may_go;
  if (s.key_from[0] != 0 && !same) client.extra_fields = s.headers;
  return client;
}

}  // namespace chimera::cli
