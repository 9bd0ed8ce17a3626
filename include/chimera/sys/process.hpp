// This process and its children: figures for the record, environment, signals, the terminal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "chimera/base/result.hpp"
#include "chimera/base/time.hpp"
#include "chimera/sys/handle.hpp"

namespace chimera::sys {

// What this process has used since its start (getrusage). Thread: any.
struct Usage {
  int64_t max_rss_kib = 0;       // left 0: see peak_rss_kib()
  Nanos user = 0, system = 0;
  int64_t voluntary_switches = 0, involuntary_switches = 0;
};
Usage usage();
// The most memory that this program had in use so far. Cost: 30 us, a file of /proc.
int64_t peak_rss_kib();

// What the reports say about the machine. Empty where the system does not tell. Thread: any.
struct SystemInfo {
  std::string os;        // "linux", "windows"
  std::string arch;      // "x86_64", "aarch64"
  std::string hostname;
  std::string kernel;    // "6.1.0"
};
SystemInfo system_info();
int64_t executable_bytes();     // size of the running program's file; 0 when unknown

// Environment variable, or an empty view. Thread: any.
std::string_view env(const char* name);
// The folder for a user's files of that kind: `below` HOME, on Windows %APPDATA%. Empty when the
// environment does not tell.
std::string home_folder(std::string_view below);
// All of them, "NAME=value", a null at the end. Thread: any.
const char* const* environment();
// For this process and its children; a literal, "NAME=value". Thread: before there are others.
void set_variable(const char* literal);

// A child running this same program with other arguments; its stdin is empty, its stdout is a pipe
// to us, its stderr is ours. The child dies with us where the system can arrange that.
class Child {
 public:
  // `arguments`: each with a NUL behind it.
  // Errors: io, also when it cannot be run.
  static Result<Child> start_self(std::string_view arguments);
  // Another program, or "" for this one. Its stderr comes through the same pipe as its stdout, and
  // it is killed at once when we die. Errors: io, also when it cannot be run.
  static Result<Child> start(const std::string& program, std::string_view arguments);
  Child() = default;
  Child(Child&& o) noexcept;
  Child& operator=(Child&& o) noexcept;
  ~Child();                          // stop()
  // The next line of its stdout without the newline. Blocks until `deadline` (absolute).
  // Errors: timed_out, closed when it ended first, too_large over 64 KiB.
  Result<std::string> read_line(Nanos deadline);
  // Its exit code when it has ended, 128 + N for signal N. Errors: timed_out.
  Result<int> wait(Nanos deadline);
  void stop();                       // asks its group to end, then makes it; reaps. Idempotent.

 private:
  static Result<Child> spawn(const char* name, const char* program, std::string_view arguments,
                             bool whole);
  int64_t pid_ = 0;
  Handle out_ = kNoHandle;
  std::string pending_;
};

// Signals that end the program. The first SIGINT or SIGTERM calls `on_stop(argument)` from the
// signal handler (so it must be async-signal-safe); a second one ends the process at once with
// 128 + number. SIGPIPE is ignored: writes report it.
void catch_stop_signals(void (*on_stop)(void*), void* argument);
int stop_signal();                   // the number of the first one caught, or 0

// To be called first in main. Takes the numbers 0, 1 and 2 as far as they are closed, so that no
// file or socket of ours gets them; what would read or write them still fails with EBADF. Makes
// main's arguments UTF-8 and the terminal understand us, where they are not and it does not.
void begin_program(int& count, char**& arguments);

// Lets this process have `count` descriptors (files, sockets) at once, as far as the system allows.
// Errors: io, with `where` = what is in the way.
Result<void> allow_handles(uint64_t count);

// What nobody can guess: for keys. Not on Windows. Thread: any.
void random_bytes(void* to, size_t size);

bool is_terminal(int stream);        // 0, 1, 2
int terminal_columns();              // width of stderr's terminal, 80 when unknown

[[noreturn]] void exit_now(int code);

}  // namespace chimera::sys
