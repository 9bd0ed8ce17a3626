// Small documents of a model server: its version, its models, and by them which dialect it speaks.
//
// Thread: one task at a time.
#pragma once

#include <string>
#include <string_view>

#include "chimera/llm/endpoint.hpp"

namespace chimera::llm {

// One server, over one connection as long as it lasts.
class Documents {
 public:
  static constexpr size_t kLimit = 4u << 20;     // bytes of a document
  // Both stay the caller's.
  Documents(const wire::Url& server, const ClientSettings& settings);
  // GET of a path behind the server's own; the document is then body(). Errors: those of the
  // exchange, too_large, http_status, auth, busy, no_model; words() has what the server says of it.
  rt::Task<Result<void>> get(std::string_view path, Nanos deadline = kNever,
                             rt::Stop* stop = nullptr);
  const std::string& body() const { return body_; }
  const std::string& words() const { return words_; }
  const net::Exchange& exchange() const { return exchange_; }   // of the last one
  Nanos connect_time() const { return connect_time_; }          // of its connection
  const wire::Url& server() const { return client_.origin(); }

 private:
  const ClientSettings& settings_;
  net::HttpClient client_;
  rt::IoSide io_;
  net::Exchange exchange_;
  Nanos connect_time_ = 0;
  std::string body_, words_;
};

// Which dialect a server speaks: Ollama's when it tells its version, OpenAI's when it lists models
// as that does, or when the URL ends in /v1 (then it is not asked). Errors: as get(); protocol.
rt::Task<Result<Api>> detect(Documents& documents, Nanos deadline = kNever,
                             rt::Stop* stop = nullptr);

}  // namespace chimera::llm
