// One answer of a server, as far as it has come. Bodies in http_client.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "chimera/net/http_client.hpp"

namespace chimera::net {

struct HttpClient::Answer {
  Answer(const HttpRequest& r, BodySink& s, Exchange& e, const ReadPolicy& p)
      : request(r), sink(s), out(e), coalesce(p.coalesce), head_request(r.method == "HEAD") {}

  const HttpRequest& request;
  BodySink& sink;
  Exchange& out;
  Error unsent;                    // why the request is not out, unless it is `written`
  Nanos asked = 0;                 // it was out, as far as it got
  Nanos last_byte = 0;
  std::string kept;                // an incomplete head, or what `coalesce` withholds of the body
  wire::ChunkDecoder chunks;
  uint64_t left = 0;               // of Framing::length
  uint32_t coalesce;
  uint32_t interim_bytes = 0;      // of 1xx heads so far
  wire::Framing framing = wire::Framing::none;
  bool written = false;
  bool head_request;
  bool in_body = false;
  bool complete = false;
  bool given_up = false;           // on the end of a body that has said all
  bool reusable = false;
  bool excused = false;            // `last_byte` is when we came back to read on

  Result<void> take(const Result<std::string_view>& bytes);
  bool excuse(const Stream::ReadSome& read);
  Result<void> end_of_stream();
  Result<void> flush(Nanos at);    // hands over what is withheld

 private:
  Result<void> feed(std::string_view bytes, Nanos at);
  Result<void> feed_head(std::string_view bytes, Nanos at);
  Result<void> start_body(const wire::ResponseHead& head, Nanos at);
  Result<void> feed_body(std::string_view bytes, Nanos at);
  Result<void> deliver(std::string_view piece, Nanos at);
  Result<void> finish(Nanos at);
};

}  // namespace chimera::net
