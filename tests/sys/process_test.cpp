// Child starts "this same program", which here is the test binary: the skipped cases below named
// "child: ..." are what such a child runs.
#include "chimera/sys/process.hpp"
#include "chimera/base/text.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include <atomic>

#include "chimera/base/number.hpp"
#include "chimera/sys/clock.hpp"
#include "chimera/sys/file.hpp"
#include "tests/check.hpp"

using namespace chimera;
using namespace chimera::sys;

namespace {

void pause_ms(int ms) {
  const Nanos end = now() + ms * kMilli;
  while (now() < end) poll(nullptr, 0, 1);
}

void say(const std::string& line) { (void)write_stream(Stream::out, line + "\n"); }

Child start(const char* helper) {
  std::string words;
  chimera::add_word(words, "--test-case=child: ", helper);
  for (const char* w : {"--no-skip", "--no-version", "a b", ""}) chimera::add_word(words, w);
  Result<Child> c = Child::start_self(words);
  REQUIRE(c.has_value());
  return std::move(*c);
}

// The rest of the first line that begins with `word`; doctest prints lines of its own before.
std::string line_after(Child& c, const std::string& word, Nanos wait = 20 * kSecond) {
  for (;;) {
    const Result<std::string> line = c.read_line(now() + wait);
    if (!line) return "error " + std::to_string(static_cast<int>(line.error().code));
    if (line->starts_with(word + " ")) return line->substr(word.size() + 1);
  }
}

pid_t pid_of(Child& c) { return atoi(line_after(c, "pid").c_str()); }

bool have_children() { return waitpid(-1, nullptr, WNOHANG) != -1 || errno != ECHILD; }

// Gone, or dead and only not yet reaped by whoever inherited it.
bool dead(pid_t pid) {
  const Result<std::string> stat = read_file("/proc/" + std::to_string(pid) + "/stat", 4096);
  if (!stat) return true;
  return stat->substr(stat->rfind(')')).starts_with(") Z");
}

bool dies(pid_t pid, Nanos wait) {
  for (const Nanos end = now() + wait; now() < end; poll(nullptr, 0, 5)) {
    if (dead(pid)) return true;
  }
  return false;
}

// The open descriptors that a program we become would have. Who started the tests may have left
// some.
std::string inherited() {
  std::string out;
  for (int fd = 0; fd < 1024; ++fd) {
    const int flags = fcntl(fd, F_GETFD);
    if (flags != -1 && (flags & FD_CLOEXEC) == 0) out += " " + std::to_string(fd);
  }
  return out;
}

std::string own_pid() { return "pid " + std::to_string(getpid()); }

struct Outcome {
  bool exited = false;
  int code = 0;  // exit code or signal number
};

// Runs `body` in a fork; it should end the process itself.
Outcome in_fork(void (*body)()) {
  const pid_t pid = fork();
  if (pid == 0) {
    body();
    _exit(99);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return {WIFEXITED(status), WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status)};
}

std::atomic<int> stops{0};
void count_stop(void* p) {
  stops.fetch_add(1);
  *static_cast<int*>(p) = stop_signal();
}

bool ignored(int number) {
  struct sigaction action {};
  sigaction(number, nullptr, &action);
  return action.sa_handler == SIG_IGN;
}

}  // namespace

// --- what the children run ---

TEST_CASE("child: lines" * doctest::skip()) {
  say(own_pid());
  const Result<std::string> in = read_stdin(100);
  say("stdin " + (in ? std::to_string(in->size()) : std::string("error")));
  say("group " + std::to_string(getpgid(0) == getpid()));
  sigset_t blocked;
  sigprocmask(SIG_SETMASK, nullptr, &blocked);
  int clean = 0;
  for (const int s : {SIGINT, SIGTERM, SIGPIPE}) clean += !ignored(s) && !sigismember(&blocked, s);
  say("signals " + std::to_string(clean));
  say("open" + inherited());
  say("started " + std::to_string(process_start()));
  for (;;) pause();
}

TEST_CASE("child: arguments" * doctest::skip()) {
  std::string all = *read_file("/proc/self/cmdline", 10000);
  for (char& c : all) {
    if (c == '\0') c = '|';
  }
  say("arguments " + all);
}

TEST_CASE("child: ends" * doctest::skip()) {
  say(own_pid());
  say("first line");
  (void)write_stream(Stream::out, "cut off");
  _exit(3);
}

TEST_CASE("child: trickles" * doctest::skip()) {
  for (const char* piece : {"slow ", "a", "b", "\nslow c\nslow d", "\nslow \r\n"}) {
    (void)write_stream(Stream::out, piece);
    pause_ms(30);
  }
  for (;;) pause();
}

TEST_CASE("child: shouts" * doctest::skip()) {
  say(own_pid());
  say("long " + std::string(64 * 1024 - 5, 'x'));
  say("long " + std::string(64 * 1024 - 4, 'y'));
  for (;;) pause();
}

TEST_CASE("child: floods" * doctest::skip()) {
  catch_stop_signals(nullptr, nullptr);
  say(own_pid());
  while (write_stream(Stream::out, std::string(1000, 'x'))) {
  }
}

TEST_CASE("child: stubborn" * doctest::skip()) {
  signal(SIGTERM, SIG_IGN);
  say(own_pid());
  for (;;) pause();
}

TEST_CASE("child: nested" * doctest::skip()) {
  Child inner = start("lines");
  say("inner " + std::to_string(pid_of(inner)));
  say(own_pid());
  for (;;) pause();
}

TEST_CASE("child: waits for stdin" * doctest::skip()) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  dup2(ends[0], 0);
  static int seen;
  catch_stop_signals(count_stop, &seen);
  say(own_pid());
  const Result<std::string> r = read_stdin(100);
  say("read " + std::to_string(!r && r.error().code == Errc::cancelled));
  pause_ms(100);
}

// --- the cases ---

TEST_CASE("a child has an empty stdin, its own group, default signals, no private descriptor") {
  const int secret = open("/dev/null", O_RDONLY | O_CLOEXEC);
  catch_stop_signals(nullptr, nullptr);  // SIGPIPE is ignored here, but not there
  const std::string ours = inherited();
  const Nanos before = now();
  Child c = start("lines");
  const pid_t pid = pid_of(c);
  CHECK(getpgid(pid) == pid);
  CHECK(line_after(c, "stdin") == "0");
  CHECK(line_after(c, "group") == "1");
  CHECK(line_after(c, "signals") == "3");
  CHECK(" " + line_after(c, "open") == ours);
  const Result<int64_t> started = parse_i64(line_after(c, "started"));
  REQUIRE(started.has_value());
  CHECK(*started >= before - 20 * kMilli);  // the kernel rounds down to 10 ms
  CHECK(*started <= now());
  close(secret);
  c.stop();
  CHECK(dead(pid));
  CHECK_FALSE(have_children());
  c.stop();
  CHECK(c.read_line(now() + kSecond).error().code == Errc::closed);
  signal(SIGINT, SIG_DFL);
  signal(SIGTERM, SIG_DFL);
  signal(SIGPIPE, SIG_DFL);
}

TEST_CASE("a child gets its arguments as they are") {
  Child c = start("arguments");
  const std::string all = line_after(c, "arguments");
  CHECK(all.ends_with("|--test-case=child: arguments|--no-skip|--no-version|a b||"));
}

TEST_CASE("the end of a child is told after its lines, and again") {
  Child c = start("ends");
  const pid_t pid = pid_of(c);
  CHECK(c.read_line(now() + 20 * kSecond).value() == "first line");
  for (int i = 0; i < 2; ++i) {
    const Result<std::string> r = c.read_line(now() + 20 * kSecond);
    REQUIRE_FALSE(r.has_value());
    CHECK(r.error().code == Errc::closed);
  }
  CHECK(dies(pid, 5 * kSecond));
  CHECK(have_children());  // not reaped before stop
  c.stop();
  CHECK_FALSE(have_children());
}

TEST_CASE("nothing stays open of a child that was waited for") {
  const size_t before = list_directory("/proc/self/fd")->size();
  Child c = start("ends");
  CHECK(c.wait(now() + 20 * kSecond).has_value());
  CHECK(list_directory("/proc/self/fd")->size() == before);
}

TEST_CASE("lines come whole from pieces; a deadline fires and loses nothing") {
  Child c = start("trickles");
  CHECK(line_after(c, "slow") == "ab");
  CHECK(c.read_line(kNever).value() == "slow c");
  CHECK(c.read_line(now() + 20 * kSecond).value() == "slow d");
  CHECK(c.read_line(now() + 20 * kSecond).value() == "slow \r");
  const Nanos begin = now();
  const Result<std::string> late = c.read_line(begin + 50 * kMilli);
  REQUIRE_FALSE(late.has_value());
  CHECK(late.error().code == Errc::timed_out);
  CHECK(now() - begin >= 50 * kMilli);
  CHECK(now() - begin < 5 * kSecond);
  CHECK(c.read_line(now() - kSecond).error().code == Errc::timed_out);
}

TEST_CASE("a line of 64 KiB is read, a longer one is refused") {
  Child c = start("shouts");
  CHECK(line_after(c, "long") == std::string(64 * 1024 - 5, 'x'));
  const Result<std::string> over = c.read_line(now() + 20 * kSecond);
  REQUIRE_FALSE(over.has_value());
  CHECK(over.error().code == Errc::too_large);
}

TEST_CASE("stopping is quick for whoever listens, also in the middle of a write") {
  for (const char* helper : {"lines", "floods"}) {
    CAPTURE(helper);
    Child c = start(helper);
    const pid_t pid = pid_of(c);
    pause_ms(50);  // the flood fills its pipe
    const Nanos begin = now();
    c.stop();
    CHECK(now() - begin < kSecond);
    CHECK(dead(pid));
    CHECK_FALSE(have_children());
  }
}

TEST_CASE("a child that does not listen is made to end") {
  Child c = start("stubborn");
  const pid_t pid = pid_of(c);
  const Nanos begin = now();
  c.stop();
  CHECK(now() - begin >= 1900 * kMilli);
  CHECK(now() - begin < 10 * kSecond);
  CHECK(dead(pid));
  CHECK_FALSE(have_children());
}

TEST_CASE("a child is moved, and ends with its owner") {
  Child none;
  none.stop();
  CHECK(none.read_line(kNever).error().code == Errc::closed);
  pid_t first = 0, second = 0;
  {
    Child a = start("lines");
    first = pid_of(a);
    Child b = std::move(a);
    a.stop();
    CHECK_FALSE(dead(first));
    CHECK(line_after(b, "stdin") == "0");
    Child c = start("lines");
    second = pid_of(c);
    b = std::move(c);
    CHECK(dead(first));
    CHECK_FALSE(dead(second));
    CHECK(line_after(b, "stdin") == "0");
  }
  CHECK(dead(second));
  CHECK_FALSE(have_children());
}

TEST_CASE("a child dies with us") {
  Child c = start("nested");
  const pid_t inner = atoi(line_after(c, "inner").c_str());
  const pid_t outer = pid_of(c);
  REQUIRE(inner > 0);
  CHECK_FALSE(dead(inner));
  kill(outer, SIGKILL);
  CHECK(dies(inner, 5 * kSecond));
}

TEST_CASE("a stop signal ends the wait for stdin") {
  Child c = start("waits for stdin");
  const pid_t pid = pid_of(c);
  kill(pid, SIGINT);
  CHECK(line_after(c, "read") == "1");
}

TEST_CASE("the first stop signal is a wish, the second an order") {
  static int seen;
  CHECK(stop_signal() == 0);
  Outcome o = in_fork([] {
    catch_stop_signals(count_stop, &seen);
    raise(SIGTERM);
    const bool once = stops == 1 && seen == SIGTERM && stop_signal() == SIGTERM;
    if (!once || !ignored(SIGPIPE)) _exit(1);
    pause_ms(40);
    raise(SIGTERM);
  });
  CHECK(o.exited);
  CHECK(o.code == 128 + SIGTERM);

  // Another signal is an order at any time.
  o = in_fork([] {
    catch_stop_signals(count_stop, &seen);
    raise(SIGTERM);
    raise(SIGINT);
  });
  CHECK(o.exited);
  CHECK(o.code == 128 + SIGINT);

  // `timeout` sends its signal twice.
  o = in_fork([] {
    catch_stop_signals(count_stop, &seen);
    raise(SIGINT);
    raise(SIGINT);
    exit_now(stops == 1 && stop_signal() == SIGINT ? 7 : 1);
  });
  CHECK(o.exited);
  CHECK(o.code == 7);

  o = in_fork([] {
    catch_stop_signals(nullptr, nullptr);
    raise(SIGPIPE);
    raise(SIGINT);
    exit_now(stop_signal() == SIGINT ? 8 : 1);
  });
  CHECK(o.code == 8);
}

TEST_CASE("closed streams are taken, and using them stays an error") {
  static int closed, file;
  for (closed = 0; closed < 8; ++closed) {   // a bit for each of 0, 1, 2
    CAPTURE(closed);
    file = open("/dev/null", O_RDWR);
    const Outcome o = in_fork([] {
      for (int fd = 0; fd < 3; ++fd) dup2(file, fd);
      for (int fd = 0; fd < 3; ++fd) {
        if (closed >> fd & 1) close(fd);
      }
      int count = 0;
      char** arguments = nullptr;
      begin_program(count, arguments);
      const int next = open("/dev/null", O_RDONLY);
      int bad = next < 3;
      char byte = 0;
      for (int fd = 0; fd < 3; ++fd) {
        const ssize_t n = fd == 0 ? read(fd, &byte, 1) : write(fd, &byte, 1);
        bad += (n < 0 && errno == EBADF) != ((closed >> fd & 1) != 0);
      }
      _exit(bad == 0 ? 7 : 1);
    });
    close(file);
    CHECK(o.exited);
    CHECK(o.code == 7);
  }
}

TEST_CASE("a child starts with the last descriptors") {
  std::vector<int> fillers;
  for (int fd; (fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) {
    fillers.push_back(fd);
    if (fillers.size() < 200) continue;
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    rlimit lower = limit;
    lower.rlim_cur = static_cast<rlim_t>(fd) + 1;      // full from here on
    setrlimit(RLIMIT_NOFILE, &lower);
    for (int i = 0; i < 4; ++i) {                      // but for two pipes
      close(fillers.back());
      fillers.pop_back();
    }
    const std::string said = [] {
      Child c = start("lines");
      return line_after(c, "stdin");
    }();
    setrlimit(RLIMIT_NOFILE, &limit);
    CHECK(said == "0");
    break;
  }
  for (const int f : fillers) close(f);
  CHECK(fillers.size() == 196);
}

TEST_CASE("another program: both its streams, and how it ended") {
  const auto shell = [](const char* script) {
    std::string words;
    for (const char* w : {"-c", script}) chimera::add_word(words, w);
    Result<Child> c = Child::start("/bin/sh", words);
    REQUIRE(c.has_value());
    return std::move(*c);
  };
  Child c = shell("echo one; echo two >&2; exit 7");
  CHECK(c.read_line(now() + 20 * kSecond).value() == "one");
  CHECK(c.read_line(now() + 20 * kSecond).value() == "two");
  CHECK(c.wait(now() + 20 * kSecond).value() == 7);
  CHECK_FALSE(have_children());
  c = shell("kill -9 $$");
  CHECK(c.wait(now() + 20 * kSecond).value() == 128 + SIGKILL);
  c = shell("sleep 60");
  CHECK(c.wait(now() + 20 * kMilli).error().code == Errc::timed_out);
  c.stop();
  CHECK_FALSE(have_children());
}

TEST_CASE("a program that cannot be run says why, and nothing is left of it") {
  const auto open_now = [] { return list_directory("/proc/self/fd")->size(); };
  const size_t before = open_now();
  const std::pair<const char*, int> cases[] = {{"/no/such/program", ENOENT}, {"/dev/null", EACCES}};
  for (const auto& [program, why] : cases) {
    CAPTURE(program);
    const Result<Child> c = Child::start(program, {});
    REQUIRE_FALSE(c.has_value());
    CHECK(c.error().code == Errc::io);
    CHECK(c.error().os == why);
    CHECK_FALSE(have_children());
    CHECK(open_now() == before);
  }
}

TEST_CASE("no room for another process") {
  const Outcome o = in_fork([] {
    const rlimit none{0, 0};   // root may do what it likes: nobody may not
    if (getuid() == 0 && setresuid(65534, 65534, 65534) != 0) _exit(1);
    if (setrlimit(RLIMIT_NPROC, &none) != 0) _exit(1);
    const Result<Child> c = Child::start("/bin/sh", {});
    const bool told = !c && c.error().os == EAGAIN && std::string_view(c.error().where) == "fork";
    _exit(told ? 7 : 2);
  });
  CHECK(o.exited);
  CHECK(o.code == 7);
}

TEST_CASE("usage grows with what is used") {
  const Usage before = usage();
  CHECK(peak_rss_kib() > 1000);
  CHECK(peak_rss_kib() < 64 * 1024 * 1024);
  const Nanos end = now() + 5 * kSecond;
  while (usage().user + usage().system - before.user - before.system < 30 * kMilli && now() < end) {
    for (volatile int i = 0; i < 1'000'000; i = i + 1) {
    }
  }
  CHECK(usage().user - before.user > usage().system - before.system);
  const Usage after = usage();
  CHECK(after.user + after.system - before.user - before.system >= 30 * kMilli);
  CHECK(after.user + after.system < 3600 * kSecond);
  for (int i = 0; i < 5; ++i) poll(nullptr, 0, 1);
  CHECK(usage().voluntary_switches >= after.voluntary_switches + 5);
  CHECK(usage().involuntary_switches >= before.involuntary_switches);
}

TEST_CASE("the most memory there was is not forgotten") {
  constexpr size_t kBytes = 100u << 20;
  void* p = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(p != MAP_FAILED);
  memset(p, 1, kBytes);
  munmap(p, kBytes);
  CHECK(peak_rss_kib() > 100 * 1000);
}

TEST_CASE("the machine and the program") {
  utsname u{};
  REQUIRE(uname(&u) == 0);
  const SystemInfo info = system_info();
  CHECK(info.os == "linux");
  CHECK(info.arch == u.machine);
  CHECK(info.hostname == u.nodename);
  CHECK(info.kernel == u.release);
  CHECK(executable_bytes() == static_cast<int64_t>(file_info("/proc/self/exe", true)->size));
  CHECK(executable_bytes() > 100000);
}

TEST_CASE("environment") {
  setenv("CHIMERA_TEST_SET", "value", 1);
  setenv("CHIMERA_TEST_EMPTY", "", 1);
  CHECK(env("CHIMERA_TEST_SET") == "value");
  CHECK(env("CHIMERA_TEST_EMPTY").empty());
  CHECK(env("CHIMERA_TEST_NOT_SET").empty());
}

TEST_CASE("terminals") {
  const int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  REQUIRE(master >= 0);
  REQUIRE(grantpt(master) == 0);
  REQUIRE(unlockpt(master) == 0);
  const int terminal = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
  REQUIRE(terminal >= 0);
  const int file = open("/dev/null", O_RDWR | O_CLOEXEC);
  const int saved = dup(2);
  dup2(file, 2);
  const bool null_is = is_terminal(2);
  const int null_columns = terminal_columns();
  dup2(terminal, 2);
  const bool is = is_terminal(2);
  const int unset = terminal_columns();  // a new terminal has no size
  winsize size{};
  size.ws_col = 123;
  ioctl(terminal, TIOCSWINSZ, &size);
  const int set = terminal_columns();
  dup2(saved, 2);
  for (const int fd : {master, terminal, file, saved}) close(fd);
  CHECK_FALSE(null_is);
  CHECK(null_columns == 80);
  CHECK(is);
  CHECK(unset == 80);
  CHECK(set == 123);
}

TEST_CASE("more descriptors, as far as the hard limit allows") {
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit low{128, before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_NOFILE, &low) == 0);
  const Result<void> fewer = allow_handles(100);
  rlimit after_fewer{}, after_more{};
  getrlimit(RLIMIT_NOFILE, &after_fewer);
  const Result<void> more = allow_handles(200);
  getrlimit(RLIMIT_NOFILE, &after_more);
  const bool limited = before.rlim_max != RLIM_INFINITY;
  const Result<void> too_many = limited ? allow_handles(before.rlim_max + 1) : Result<void>();
  setrlimit(RLIMIT_NOFILE, &before);
  CHECK(fewer.has_value());
  CHECK(after_fewer.rlim_cur == 128);
  CHECK(more.has_value());
  CHECK(after_more.rlim_cur == 200);
  if (limited) {
    REQUIRE_FALSE(too_many.has_value());
    CHECK(too_many.error().code == Errc::io);
  }
}
