// Newline-delimited lines from a byte stream that is cut anywhere.
//
// Thread: any, one at a time.
// Cost: a line that arrives whole in one piece is handed on without a copy; only an incomplete line
//       is kept (so a stream between tokens holds nothing).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "chimera/base/own.hpp"
#include "chimera/base/result.hpp"

namespace chimera::wire {

inline constexpr size_t kLineLimit = 16u << 20;   // contract section 5: 16 MiB

class LineSplitter {
 public:
  using Sink = FunctionRef<Result<void>(std::string_view line)>;

  explicit LineSplitter(size_t limit = kLineLimit) : limit_(limit) {}
  // Calls `sink` for every line that is now complete, without its "\n" or "\r\n". Empty lines and
  // lines of blanks are left out. Stops at the sink's first error and returns it.
  // Errors: too_large for a line over the limit.
  Result<void> feed(std::string_view bytes, Sink sink);
  // The stream has ended: an unterminated last line is handed on.
  Result<void> finish(Sink sink);

 private:
  std::string kept_;
  size_t limit_;
};

}  // namespace chimera::wire
