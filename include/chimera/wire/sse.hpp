// Server-sent events from a byte stream that is cut anywhere.
// Source: WHATWG HTML, "Server-sent events", sections 9.2.5 and 9.2.6. Beyond it: an event at the
// end of the stream counts without its blank line, and a field named "error" is an `error` event
// with that data (llama.cpp's server writes failures so).
//
// Thread: any, one at a time.
// Cost: data of one line that arrives whole is handed on without a copy; only an incomplete line
//       and the data of an incomplete event are kept (a stream between events holds nothing).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "chimera/base/own.hpp"
#include "chimera/base/result.hpp"

namespace chimera::wire {

inline constexpr size_t kEventLimit = 16u << 20;   // of a line, and of an event's data

// Views are valid during the call only. `id` and `retry` fields are for browsers and left out.
struct SseEvent {
  std::string_view type;   // of the `event` field; "" when there was none
  std::string_view data;   // lines joined by "\n"
};

class EventSplitter {
 public:
  using Sink = FunctionRef<Result<void>(const SseEvent& event)>;

  explicit EventSplitter(size_t limit = kEventLimit) : limit_(limit) {}
  // Calls `sink` for every event that is now complete; those without a data field are left out.
  // Stops at the sink's first error and returns it. Errors: too_large ("line", "event").
  Result<void> feed(std::string_view bytes, Sink sink);
  // The stream has ended: what is incomplete is handed on as it is.
  Result<void> finish(Sink sink);

 private:
  Result<void> take_line(std::string_view line, bool kept, Sink sink);
  Result<void> take_data(std::string_view value, bool kept);
  Result<void> dispatch(Sink sink);
  void settle();

  std::string line_;        // an incomplete line
  std::string type_;
  std::string data_;        // of an incomplete event
  std::string_view here_;   // its only data line, where that still lies in the caller's bytes
  size_t limit_;
  bool has_data_ = false;
  bool in_here_ = false;
  bool begun_ = false;      // the first line is over: what looks like a BOM is none
  bool skip_lf_ = false;    // the last line ended with a CR
};

}  // namespace chimera::wire
