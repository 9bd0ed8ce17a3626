// What `chimera worker` says on stdout: an event a line (README: chimera worker).
#pragma once

#include <string>
#include <string_view>

#include "chimera/llm/call.hpp"
#include "chimera/rt/scope.hpp"
#include "job_queue.hpp"

namespace chimera::cli {

// Collects events until they are written: what several tasks say in one turn shares a write.
//
// Thread: something() and those behind it on the worker that made this; the others any (under
// bridge pieces come on an I/O worker).
class Events {
 public:
  void accepted(std::string_view id);
  void token(std::string_view id, std::string_view text, bool thinking);
  void done(const LiveJob& job, const llm::Call& call, std::string_view text,
            std::string_view server);
  void cancelled(std::string_view id);
  // `id` empty: null, and with `line` != 0 the number of the line. `text`: what had come of the
  // answer.
  void error(std::string_view id, const char* kind, std::string_view message, int exit_code,
             std::string_view text = {}, uint64_t line = 0);

  // Waits until there is something to write, or for ever, until wake(); write_some() arms it again.
  // The caller is behind everybody who is ready at that moment.
  rt::Gate::Acquire something() { return gate_.acquire(); }
  void wake();
  size_t size();                   // bytes that are to be written
  // Writes the next of them, whole lines together as far as a pipe takes them at once, and says how
  // many: 0 = the reader takes none for now. With `wait` it waits for the reader, and the worker
  // with it. Errors: those of sys::write_stream.
  Result<size_t> write_some(bool wait);
  void drop();                     // what there is, and all that comes

 private:
  void add(std::string_view line);
  void take();
  rt::SpinLock lock_;
  rt::Gate gate_{1};
  std::string buffer_;
  std::string taken_;              // of it, what is being written
  size_t at_ = 0;                  // and how much of that is
  bool awake_ = false;             // the gate has a permit, or is about to
  bool dead_ = false;
};

}  // namespace chimera::cli
