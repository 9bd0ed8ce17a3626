// Bytes: chunks, heads, records.
#include <string.h>

#include <string>
#include <string_view>
#include <vector>

#include "bench.hpp"
#include "chimera/base/number.hpp"
#include "chimera/llm/answer.hpp"
#include "chimera/wire/chunked.hpp"
#include "chimera/wire/http1.hpp"
#include "chimera/wire/json.hpp"
#include "chimera/wire/ndjson.hpp"
#include "peers.hpp"

using namespace chimera;

extern "C" long bare_client_tokens(const char* bytes, size_t size, size_t step);

namespace bench {

long bare_client(std::string_view body, size_t step) {
  return bare_client_tokens(body.data(), body.size(), step);
}

namespace {

constexpr int kTokens = 200;

// A token as Ollama sends it: with nanoseconds in the date; every eighth with an escape.
std::string record(int i) {
  static constexpr const char* kPieces[] = {" the",  " runtime", " of", " measured",
                                            " tail", "s",        ",",   ".\\n\\n"};
  std::string line = R"({"model":"gemma3:latest","created_at":"2025-11-14T09:26:53.58979)";
  append_i64(line, 1000 + i);
  line.append(R"(Z","response":")").append(kPieces[i % 8]).append(R"(","done":false})");
  return line;
}

std::string whole_body() {
  std::string body;
  for (int i = 0; i < kTokens; ++i) wire::append_chunk(body, record(i) + "\n");
  return body;
}

// Pieces of a body as reads bring them.
template <class F>
void in_reads(std::string_view bytes, size_t step, F on_read) {
  for (; !bytes.empty(); bytes.remove_prefix(step < bytes.size() ? step : bytes.size())) {
    on_read(bytes.substr(0, step));
  }
}

size_t decode(wire::ChunkDecoder& decoder, std::string_view read) {
  size_t total = 0;
  while (!read.empty()) {
    const auto piece = decoder.next(read);
    if (!piece) return 0;
    keep(*piece);
    total += piece->size();
  }
  return total;
}

void chunk_rows(Table& table) {
  const std::string body = whole_body();
  const double bytes = static_cast<double>(body.size());
  std::string copy = body;
  // pico decodes in place, so both begin with a fresh copy.
  auto ours = [&] {
    memcpy(copy.data(), body.data(), body.size());
    wire::ChunkDecoder decoder;
    in_reads(copy, 8192, [&](std::string_view read) { decode(decoder, read); });
  };
  auto pico = [&] {
    memcpy(copy.data(), body.data(), body.size());
    keep(pico_chunks(copy.data(), copy.size(), 8192));
  };
  // A plain loop that is told the framing: look for line ends, copy the lines out.
  auto plain = [&] {
    memcpy(copy.data(), body.data(), body.size());
    char line[8192];
    const char *at = copy.data(), *end = at + copy.size();
    while (at < end) {
      const char* stop = static_cast<const char*>(memchr(at, '\n', static_cast<size_t>(end - at)));
      memcpy(line, at, static_cast<size_t>(stop - at));
      keep(line);
      at = stop + 1;
    }
  };
  const Row against_pico{"chunks: token lines, 8k reads", kTokens, bytes, "picohttpparser", 1.5};
  table.compare(against_pico, ours, pico, have_pico());
  const Row against_plain{"chunks: token lines, against a loop", kTokens, bytes,
                          "memchr + memcpy of lines"};
  table.compare(against_plain, ours, plain);

  std::string big;
  wire::append_chunk(big, std::string(60'000, 'x'));
  const std::string big_body = big;
  auto our_big = [&] {
    memcpy(big.data(), big_body.data(), big_body.size());
    wire::ChunkDecoder decoder;
    in_reads(big, 8192, [&](std::string_view read) { decode(decoder, read); });
  };
  auto pico_big = [&] {
    memcpy(big.data(), big_body.data(), big_body.size());
    keep(pico_chunks(big.data(), big.size(), 8192));
  };
  const Row big_row{"chunks: one of 60 KB, 8k reads", 1, static_cast<double>(big_body.size()),
                    "picohttpparser", 1.25};
  table.compare(big_row, our_big, pico_big, have_pico());
}

constexpr std::string_view kOllamaHead =
    "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"
    "Date: Fri, 14 Nov 2025 09:26:53 GMT\r\nTransfer-Encoding: chunked\r\n\r\n";
constexpr std::string_view kLongHead =
    "HTTP/1.1 200 OK\r\nServer: nginx/1.24.0 (Ubuntu)\r\nDate: Fri, 14 Nov 2025 09:26:53 GMT\r\n"
    "Content-Type: application/x-ndjson; charset=utf-8\r\nTransfer-Encoding: chunked\r\n"
    "Connection: keep-alive\r\nCache-Control: no-cache, no-store, must-revalidate\r\n"
    "Access-Control-Allow-Origin: *\r\nX-Accel-Buffering: no\r\nVary: Accept-Encoding, Origin\r\n"
    "Strict-Transport-Security: max-age=31536000; includeSubDomains; preload\r\n"
    "X-Request-Id: 0f2b8c3a-7d54-4e21-9a55-61d0b2a7c9ee\r\nX-Content-Type-Options: nosniff\r\n\r\n";

// One head comes with a hundred tokens or more. Ours is built for size, and decides about framing
// as well: it may take its time.
void head_rows(Table& table) {
  struct Case {
    const char* name;
    std::string_view head;
  };
  for (const Case& c : {Case{"head: Ollama's, 4 lines", kOllamaHead},
                        Case{"head: behind a proxy, 13 lines", kLongHead}}) {
    auto ours = [&] {
      const auto head = wire::parse_response_head(c.head, false);
      keep(head);
    };
    auto pico = [&] { keep(pico_head(c.head)); };
    const Row row{c.name, 1, static_cast<double>(c.head.size()), "picohttpparser", 10};
    table.compare(row, ours, pico, have_pico());
  }
}

void record_rows(Table& table) {
  std::vector<std::string> lines;
  double bytes = 0;
  for (int i = 0; i < kTokens; ++i) {
    lines.push_back(record(i));
    bytes += static_cast<double>(lines.back().size());
    lines.back().reserve(lines.back().size() + kPadding);
  }
  llm::Call call;
  std::string text;
  auto ours = [&] {
    call = llm::Call();
    llm::AnswerReader reader(llm::Api::ollama, call, nullptr);
    for (const std::string& line : lines) keep(reader.take(line, 1));
  };
  auto simd = [&] {
    text = std::string();
    for (const std::string& line : lines) keep(simdjson_record(line, text));
  };
  const Row row{"record: token line into the call", kTokens, bytes, "simdjson 3, on demand", 1.25};
  table.compare(row, ours, simd, have_simdjson());

  auto check = [&] {
    for (const std::string& line : lines) keep(wire::check_json(line));
  };
  const Row grammar{"record: strict grammar alone", kTokens, bytes, "simdjson 3, on demand"};
  table.compare(grammar, check, simd, have_simdjson());
}

// From body bytes to text, gaps and counts: everything between read() and the agent.
void token_rows(Table& table) {
  const std::string body = whole_body();
  llm::Call call;
  struct Case {
    const char* name;
    size_t step;
  };
  for (const Case& c : {Case{"token: read to record, 1k reads", 1024},
                        Case{"token: read to record, 8k reads", 8192},
                        Case{"token: read to record, 64k reads", 65536}}) {
    auto ours = [&] {
      call = llm::Call();
      wire::ChunkDecoder decoder;
      llm::AnswerReader reader(llm::Api::ollama, call, nullptr);
      in_reads(body, c.step, [&](std::string_view read) {
        while (!read.empty()) keep(reader.feed(decoder.next(read).value_or(""), 1));
      });
    };
    auto bare = [&] { keep(bare_client(body, c.step)); };
    const double bytes = static_cast<double>(body.size());
    const Row row{c.name, kTokens, bytes, "the bare client's parser", 1.15};
    table.compare(row, ours, bare);
  }
}

// Same bytes, same answers: else the figures beside each other mean nothing.
bool peers_agree() {
  const std::string body = whole_body();
  std::string data, text, copy = body;
  wire::ChunkDecoder decoder;
  for (std::string_view rest = body; !rest.empty();) data += decoder.next(rest).value_or("");
  llm::Call call;
  llm::AnswerReader reader(llm::Api::ollama, call, nullptr);
  for (int i = 0; i < kTokens; ++i) {
    std::string line = record(i);
    line.reserve(line.size() + kPadding);
    if (!reader.take(line, 1)) return false;
    if (have_simdjson()) simdjson_record(line, text);
  }
  return bare_client(body, 1000) == kTokens && call.pieces == kTokens &&
         (!have_simdjson() || text == call.text) &&
         (!have_pico() || pico_chunks(copy.data(), copy.size(), copy.size()) == data.size()) &&
         (!have_pico() || pico_head(kLongHead) > 0);
}

}  // namespace

void wire_rows(Table& table) {
  if (!peers_agree()) table.fail("a peer says something else about the same bytes");
  chunk_rows(table);
  head_rows(table);
  record_rows(table);
  token_rows(table);
}

}  // namespace bench
