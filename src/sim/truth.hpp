// The truth channel: what the server planned and when it acted, as NDJSON.
//
// Lines are gathered in memory and written at the end of an answer, because a write to a file may
// block and other answers are being paced meanwhile.
//
// Thread: one at a time.
#pragma once

#include <cstdint>
#include <string>

#include "chimera/base/time.hpp"
#include "chimera/sys/append_file.hpp"

namespace chimera::sim {

// All instants are of sys::now(). `planned` is 0 where nothing was planned.
struct Mark {
  const char* name;    // "request", "head", "token", "done", "gone" (ended early)
  uint32_t index = 0;  // of the token, from 0; for done and gone: tokens sent (of a whole
                       // answer, which is not streamed, all or none)
  Nanos planned = 0;
  Nanos sent = 0;  // when the bytes were handed to the system
};

class Truth {
 public:
  ~Truth() { flush(); }
  Result<void> open(const std::string& path) { return file_.open(path); }
  void set_port(uint16_t port) { port_ = port; }
  bool on() const { return file_.is_open(); }
  // `hash` of texts and schedule: equal for equal seeds; 0 = leave out.
  void add(uint64_t request, uint64_t connection, const Mark& mark, uint64_t hash = 0);
  // What cannot be written is lost: pacing goes on.
  void flush();

 private:
  sys::AppendFile file_;
  std::string lines_;
  uint16_t port_ = 0;  // tells servers that share a file apart
};

}  // namespace chimera::sim
