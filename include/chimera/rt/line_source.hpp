// The lines of standard input or of a file, as they come and no faster than they are taken: for
// pipes, files and terminals alike (sys/feed.hpp).
//
// Thread: one task at a time, which may move. Memory: 64 KiB, the line being read, and what the
// feed holds.
#pragma once

#include <cstdint>
#include <string>

#include "chimera/rt/task.hpp"
#include "chimera/rt/worker.hpp"
#include "chimera/sys/feed.hpp"

namespace chimera::rt {

class LineSource {
 public:
  static constexpr size_t kLimit = 16u << 20;   // bytes of a line (contract section 5)

  LineSource() = default;
  LineSource(const LineSource&) = delete;
  LineSource& operator=(const LineSource&) = delete;
  ~LineSource();
  // `path`: a file; empty = standard input. Nothing is read that is not asked for by and by.
  // Errors: not_found, bad_input (a folder), io. A file that cannot be read shows in next().
  Result<void> open(const std::string& path);

  // On a worker: it reads for this source from now on, else the one where the first line is asked
  // for does. A `stop` has to be of that one.
  void stay_here() { home_ = Worker::current(); }
  // The next line, also an empty one, without its "\n" or "\r\n"; the last may lack both. False at
  // the end, and from then on.
  // Errors: too_large ("line over 16 MiB"; the next call goes on behind it), cancelled by the
  // runtime's end or by `stop`, io.
  Task<Result<bool>> next(std::string& line, Stop* stop = nullptr);
  // Which line of the input it was that came last, from 1.
  uint64_t number() const { return number_; }

 private:
  Task<Result<void>> refill(Stop* stop);
  bool take(std::string& line);
  sys::Feed feed_;
  sys::Handle socket_ = sys::kNoHandle;
  Worker* home_ = nullptr;
  std::string buffer_;
  size_t at_ = 0, filled_ = 0;     // what of the buffer is still to be taken
  uint64_t number_ = 0;
  bool ended_ = false;
};

}  // namespace chimera::rt
