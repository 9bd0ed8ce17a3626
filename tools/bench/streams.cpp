// The product's client library as the bare client is: N streams at once and nothing around them.
//
//   streams [-a STREAMS] [-r REQUESTS] [-n TOKENS] [-p PROMPT_BYTES] [-t FILE] [-k RUNTIME] URL...
//
// Options, arrangement and output are those of tools/epoll_client.c. What `run` adds (reading the
// folder, prompts, records, reports) is not in it, and it takes more streams than `run` has agents:
// this is what 1,000 paced and 10,000 idle streams are measured with.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <string>
#include <utility>
#include <vector>

#include "chimera/llm/endpoint.hpp"
#include "chimera/rt/scope.hpp"

using namespace chimera;

namespace {

constexpr int kGroup = 10;
constexpr Nanos kGroupPause = kMilli;

struct Options {
  int streams = 2, requests = 2;
  int64_t tokens = 128;
  size_t prompt_bytes = 4096;
  const char* trace = nullptr;
  rt::Kind kind = rt::Kind::fixed;
  std::vector<wire::Url> urls;
};

struct Trace final : llm::PieceSink {
  void on_piece(std::string_view, Nanos at) override { instants.push_back(at); }
  std::vector<Nanos> instants;
};

// One stream's result, and what all of them share.
struct Work {
  Work(const Options& o, std::string p) : options(o), prompt(std::move(p)) {}

  const Options& options;
  std::string prompt;
  llm::Options model;
  llm::ClientSettings client;
  llm::Dialect dialect;               // settled: it is Ollama's
  llm::Request request{"gemma3:latest", prompt, {}, model};
  std::vector<uint32_t> pieces;       // per stream
  std::vector<uint32_t> reads;        // per stream
  std::vector<Trace> traces;          // per stream, when asked for
  std::vector<const char*> failures;  // per stream, null = none
};

rt::Task<void> stream(Work& work, size_t i) {
  const std::vector<wire::Url>& urls = work.options.urls;
  llm::Endpoint endpoint(urls[i % urls.size()], work.client, work.dialect);
  llm::PieceSink* sink = work.traces.empty() ? nullptr : &work.traces[i];
  for (int r = 0; r < work.options.requests; ++r) {
    llm::Call call;
    co_await endpoint.generate(work.request, sink, call);
    work.pieces[i] += call.pieces;
    work.reads[i] += call.reads;
    if (call.failed) work.failures[i] = call.error.where;
    if (call.failed) co_return;
  }
}

rt::Task<void> all_streams(Work& work) {
  rt::Scope scope;
  const size_t n = work.pieces.size();
  for (size_t i = 0; i < n; ++i) {
    if (i > 0 && i % kGroup == 0) {
      rt::Sleep pause(rt::now() + kGroupPause);
      co_await pause;
    }
    scope.start(stream(work, i));
  }
  co_await scope.join();
}

bool parse(int argc, char** argv, Options& o) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (!name.starts_with('-')) {
      auto url = wire::parse_url(name);
      if (!url) return false;
      o.urls.push_back(std::move(*url));
      continue;
    }
    const char* value = i + 1 < argc ? argv[++i] : "";
    if (name == "-a") {
      o.streams = atoi(value);
    } else if (name == "-r") {
      o.requests = atoi(value);
    } else if (name == "-n") {
      o.tokens = atol(value);
    } else if (name == "-p") {
      o.prompt_bytes = static_cast<size_t>(atol(value));
    } else if (name == "-t") {
      o.trace = value;
    } else if (name == "-k") {
      const auto kind = rt::parse_kind(value);
      if (!kind) return false;
      o.kind = *kind;
    } else {
      return false;
    }
  }
  return !o.urls.empty() && o.streams > 0;
}

bool write_trace(const Work& work) {
  FILE* file = fopen(work.options.trace, "w");
  if (file == nullptr) return false;
  for (size_t i = 0; i < work.traces.size(); ++i) {
    for (const Nanos at : work.traces[i].instants) {
      fprintf(file, "%zu %lld\n", i, static_cast<long long>(at));
    }
  }
  return fclose(file) == 0;
}

int report(const Work& work) {
  unsigned long long tokens = 0, reads = 0;
  for (size_t i = 0; i < work.pieces.size(); ++i) {
    tokens += work.pieces[i];
    reads += work.reads[i];
    if (work.failures[i] == nullptr) continue;
    fprintf(stderr, "streams: stream %zu: %s\n", i, work.failures[i]);
    return 1;
  }
  printf("%llu tokens %llu reads\n", tokens, reads);
  return work.traces.empty() || write_trace(work) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    fprintf(stderr, "usage: streams [-a STREAMS] [-r REQUESTS] [-n TOKENS] [-p PROMPT_BYTES]\n"
                    "               [-t FILE] [-k RUNTIME] URL...\n");
    return 2;
  }
  const size_t n = static_cast<size_t>(options.streams);
  Work work(options, std::string(options.prompt_bytes, 'x'));
  work.model.num_predict = options.tokens;
  work.pieces.resize(n);
  work.reads.resize(n);
  work.failures.resize(n);
  if (options.trace != nullptr) work.traces.resize(n);
  rt::RuntimeConfig config;
  config.kind = options.kind;
  rt::Runtime runtime;
  if (!runtime.open(config)) {
    fprintf(stderr, "streams: no runtime\n");
    return 1;
  }
  runtime.run(all_streams(work));
  return report(work);
}
