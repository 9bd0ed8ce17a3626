// chimera fetch URL: one GET, the decoded body to stdout. The HTTP client alone.
#include "chimera/base/number.hpp"
#include "chimera/cli/commands.hpp"
#include "chimera/cli/explain.hpp"
#include "chimera/net/http_client.hpp"
#include "chimera/rt/scope.hpp"
#include "chimera/sys/file.hpp"
#include "chimera/sys/process.hpp"
#include "run_parts.hpp"

namespace chimera::cli {
namespace {

constexpr int kRedirects = 10;
constexpr size_t kPage = 4096;     // what is read of the page of an error or a redirect

// Passes a successful body on as it comes; keeps the words of an error and the place of a redirect.
class Output : public net::BodySink {
 public:
  explicit Output(bool to_file) : to_file_(to_file) {}

  Result<void> on_head(const wire::ResponseHead& head) override {
    status = head.status;
    body.clear();
    const auto place = head.field("location");
    location = place ? std::string(*place) : std::string();
    return {};
  }
  Result<void> on_body(std::string_view bytes, Nanos) override {
    if (status >= 300) {
      body.append(bytes.substr(0, kPage - body.size()));
      return body.size() < kPage ? Result<void>() : fail(Errc::too_large, "page");
    }
    if (!to_file_) return sys::write_stream(sys::Stream::out, bytes);
    if (body.size() + bytes.size() > (1u << 30)) return fail(Errc::too_large, "1 GiB into a file");
    body.append(bytes);
    return {};
  }
  bool redirect() const {
    return status > 300 && status < 309 && status != 304 && !location.empty();
  }
  // What counts has come: an error is one however its page ends, and of a redirect's nobody reads
  // the rest.
  bool enough() const { return status >= 400 || (status >= 300 && body.size() == kPage); }

  int status = 0;
  std::string body, location;

 private:
  bool to_file_;
};

bool same_origin(const wire::Url& a, const wire::Url& b) {
  return a.host == b.host && a.port == b.port && a.https == b.https;
}

struct Job {
  Settings& settings;
  wire::Url url;
  Output sink;
  Result<void> outcome;
  std::string elsewhere;   // the place of a redirect that is not followed
};

rt::Task<void> fetch(Job& job) {
  const net::Deadline whole =
      net::deadline_in(rt::now(), job.settings.client.timeouts.total, "total");
  for (int i = 0; i <= kRedirects; ++i) {
    net::HttpClient client(job.url, job.settings.client.policy, job.settings.client.timeouts);
    const std::string target = job.url.target();
    net::HttpRequest request;
    request.target = target;
    request.extra_fields = job.settings.client.extra_fields;
    request.deadline = whole.at;
    job.sink.status = 0;
    job.sink.body.clear();
    net::Exchange exchange;
    rt::IoSide io;
    co_await io.run(client.exchange(request, job.sink, exchange));
    job.outcome = job.sink.enough() ? Result<void>() : exchange.outcome;
    if (!job.outcome || !job.sink.redirect()) co_return;
    auto next = wire::resolve(job.url, job.sink.location);
    if (!next) {
      job.outcome = fail(Errc::protocol, "redirect to something that is no URL");
      co_return;
    }
    if (!same_origin(*next, job.url)) {
      job.elsewhere = next->text();
      co_return;
    }
    job.url = std::move(*next);
  }
  job.outcome = fail(Errc::protocol, "more than 10 redirects");
}

int finish(Job& job) {
  const std::string where = job.url.text();
  const bool keep = !job.settings.output.empty() && job.outcome && job.sink.status / 100 == 2;
  if (keep) {
    const auto written = sys::write_file_atomic(job.settings.output, job.sink.body);
    if (!written) {
      complain("cannot write", written.error(), job.settings.output);
      return 74;
    }
  }
  if (sys::stop_signal() != 0) return 128 + sys::stop_signal();
  if (!job.elsewhere.empty()) {
    std::string line = "fetch: ";
    line.append(where).append(" answered with a redirect to ").append(job.elsewhere);
    append_i64(line.append(" (HTTP "), job.sink.status);
    say(line.append("): not followed"));
    return 22;
  }
  Result<void> outcome = job.outcome;
  if (outcome && job.sink.status >= 300) outcome = fail(llm::error_of_status(job.sink.status, {}));
  if (outcome) return 0;
  if (outcome.error().code == Errc::closed) return 141;
  const std::string words = llm::error_words(job.sink.status >= 300 ? job.sink.body : "");
  complain("fetch", outcome.error(), where,
           llm::without_secrets(words, job.settings.client.extra_fields));
  return exit_code(outcome.error());
}

}  // namespace

int fetch_command(Settings& s) {
  if (s.positional.size() != 1) {
    say("fetch takes one URL: see chimera fetch --help");
    return 2;
  }
  auto url = wire::parse_url(s.positional[0]);
  if (!url) {
    const bool secret = s.positional[0].find('@') != std::string::npos;
    say("not a URL: " + (secret ? "" : s.positional[0] + ": ") + url.error().where);
    return 2;
  }
  s.urls.push_back(*url);
  s.client.api = llm::Api::automatic;   // a key of the environment, only where it belongs
  s.api_given = true;
  std::vector<std::string> warnings;
  const auto complete_settings = complete(s, warnings);
  if (!complete_settings) {
    complain("fetch", complete_settings.error(), url->text());
    return exit_code(complete_settings.error());
  }
  for (const std::string& w : warnings) {
    if (!s.quiet) say("warning: " + w);
  }
  prefer_local(s);
  rt::Runtime runtime;
  const auto opened = open_runtime(runtime, s);
  if (!opened) {
    complain("fetch", opened.error(), {});
    return exit_code(opened.error());
  }
  Job job{s, std::move(*url), Output(!s.output.empty()), {}, {}};
  runtime.run(fetch(job));
  return finish(job);
}

}  // namespace chimera::cli
