#include "chimera/sys/process.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/sys/clock.hpp"
#include "chimera/sys/file.hpp"

namespace chimera::sys {
namespace {

constexpr size_t kMaxLine = 64 * 1024;
constexpr int kStopStepMs = 5;
constexpr int kStopSteps = 400;  // 2 s to end in good order

// `timeout` signals the program and then its whole group, so one wish arrives twice, microseconds
// apart. Nobody asks again that soon.
constexpr Nanos kSameWish = 20 * kMilli;

// What runs, which is there even after its file was replaced by a newer build; without /proc the
// name that it was started by.
const char* own_program() {
  static constexpr char kSelf[] = "/proc/self/exe";
  if (access(kSelf, X_OK) == 0) return kSelf;
  return reinterpret_cast<const char*>(getauxval(AT_EXECFN));   // NOLINT(performance-no-int-to-ptr)
}

Nanos duration(const timeval& t) {
  return int64_t{t.tv_sec} * kSecond + int64_t{t.tv_usec} * kMicro;
}

// --- the first part of a child's life: after fork, only async-signal-safe calls ---

// What a child is made of. `whole`: its stderr goes where its stdout goes, and it dies with us.
// `trouble` takes the number of the error that kept it from running; running closes it.
struct Birth {
  const char* program;
  char* const* arguments;
  int out;
  int trouble;
  bool whole;
};

[[noreturn]] void give_up(const Birth& birth) {
  const int why = errno;
  (void)!write(birth.trouble, &why, sizeof why);
  _exit(127);
}

// Ends at once when it is read; -1 and errno when there is no descriptor left. An empty root has no
// /dev/null: then the end of a pipe that nobody writes to.
int nothing_to_read() {
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  int ends[2];
  if (null >= 0 || errno != ENOENT || pipe2(ends, O_CLOEXEC) != 0) return null;
  close(ends[1]);
  return ends[0];
}

[[noreturn]] void become_child(const Birth& birth, pid_t parent) {
  const int out = birth.out;
  // The signal comes when the thread that forked ends, not only the process: children are started
  // by a thread that stays. The parent may have gone before the call.
  prctl(PR_SET_PDEATHSIG, birth.whole ? SIGKILL : SIGTERM);
  if (getppid() != parent) _exit(127);
  setpgid(0, 0);  // Ctrl-C is the parent's to handle; it stops us then
  for (const int s : {SIGINT, SIGTERM, SIGPIPE, SIGXFSZ}) signal(s, SIG_DFL);
  // The pipe first: its second number is then free for /dev/null. A full table of descriptors is
  // met by the program itself, which can say so.
  if (dup2(out, STDOUT_FILENO) < 0) give_up(birth);
  if (birth.whole && dup2(STDOUT_FILENO, STDERR_FILENO) < 0) give_up(birth);
  if (out != STDOUT_FILENO) close(out);
  const int in = nothing_to_read();
  if (in < 0 || dup2(in, STDIN_FILENO) < 0) give_up(birth);
  // dup2 onto itself keeps the close-on-exec mark (a parent that had no stdin or stdout).
  fcntl(STDIN_FILENO, F_SETFD, 0);
  fcntl(STDOUT_FILENO, F_SETFD, 0);
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
  execv(birth.program, birth.arguments);
  give_up(birth);
}

// Signals stay blocked until the child has its own dispositions: our handler must not run in it.
pid_t fork_child(const Birth& birth) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t parent = getpid();
  // Not fork(), which runs the library's handlers first; in glibc they bring stdio.
  const pid_t pid = _Fork();
  if (pid == 0) become_child(birth, parent);
  const int why = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = why;
  return pid;
}

// True when it has ended (or is no longer ours to wait for).
bool reap(pid_t pid, int flags, int* status = nullptr) {
  pid_t got;
  do {
    got = waitpid(pid, status, flags);
  } while (got < 0 && errno == EINTR);
  return got != 0;
}

// What give_up() wrote; 0 when the program runs.
int trouble_of(int from) {
  int why = 0;
  while (read(from, &why, sizeof why) < 0 && errno == EINTR) {
  }
  return why;
}

Result<pid_t> run_child(Birth birth) {
  int trouble[2];
  if (pipe2(trouble, O_CLOEXEC) != 0) return fail(Errc::io, "pipe", errno);
  birth.trouble = trouble[1];
  const pid_t pid = fork_child(birth);
  int why = errno;
  close(trouble[1]);
  if (pid > 0) why = trouble_of(trouble[0]);
  close(trouble[0]);
  if (pid < 0) return fail(Errc::io, "fork", why);
  if (why == 0) return pid;
  reap(pid, 0);
  return fail(Errc::io, "the program cannot be run", why);
}

// A child is the leader of a group, but for its first moments.
void signal_group(pid_t pid, int number) {
  if (kill(-pid, number) != 0) kill(pid, number);
}

// Milliseconds until `deadline` for poll, rounded up so that it never wakes early; -1 for kNever.
int poll_timeout(Nanos deadline) {
  if (deadline == kNever) return -1;
  const Nanos left = std::max<Nanos>(0, deadline - now());
  return static_cast<int>(std::min<Nanos>(left / kMilli + (left % kMilli != 0), 1 << 30));
}

// --- stop signals ---

std::atomic<int> g_stop{0};
std::atomic<Nanos> g_stopped_at{0};
void (*g_on_stop)(void*) = nullptr;
void* g_on_stop_argument = nullptr;

void handle_stop(int number) {
  const int saved = errno;
  int first = 0;
  if (g_stop.compare_exchange_strong(first, number)) {
    g_stopped_at.store(now());
    if (g_on_stop != nullptr) g_on_stop(g_on_stop_argument);
  } else if (first != number || now() - g_stopped_at.load() > kSameWish) {
    _exit(128 + number);
  }
  errno = saved;
}

}  // namespace

// The peak in /proc is this program's own; getrusage's outlives exec, so that a small program would
// report what its parent weighed when it forked.
int64_t peak_rss_kib() {
  rusage r{};
  getrusage(RUSAGE_SELF, &r);
  const int64_t otherwise = r.ru_maxrss;
  const Result<std::string> status = read_file("/proc/self/status", 64 << 10);
  const size_t at = status ? status->find("VmHWM:") : std::string::npos;
  if (at == std::string::npos) return otherwise;
  const std::string_view behind = trim_left(std::string_view(*status).substr(at + 6));
  const size_t end = behind.find(' ');
  return parse_i64(behind.substr(0, end)).value_or(otherwise);
}

Usage usage() {
  rusage r{};
  getrusage(RUSAGE_SELF, &r);
  return {.user = duration(r.ru_utime),
          .system = duration(r.ru_stime),
          .voluntary_switches = r.ru_nvcsw,
          .involuntary_switches = r.ru_nivcsw};
}

SystemInfo system_info() {
  utsname u{};
  if (uname(&u) != 0) return {};
  return {.os = lowered(u.sysname), .arch = u.machine, .hostname = u.nodename, .kernel = u.release};
}

int64_t executable_bytes() {
  struct stat st;
  return stat(own_program(), &st) == 0 ? int64_t{st.st_size} : 0;
}

std::string_view env(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

std::string home_folder(std::string_view below) {
  std::string path(env("HOME"));
  return path.empty() ? path : path.append(below);
}

const char* const* environment() { return environ; }

// In front of what may be there: the first counts. (putenv would be ten times the code.)
void set_variable(const char* literal) {
  size_t count = 1;
  while (environ[count - 1] != nullptr) ++count;
  char** const variables = new char*[count + 1];
  variables[0] = const_cast<char*>(literal);
  for (size_t i = 0; i < count; ++i) variables[i + 1] = environ[i];
  environ = variables;
}

Result<Child> Child::start_self(std::string_view arguments) {
  // For lists of processes.
  char name[4096];
  const ssize_t length = readlink(own_program(), name, sizeof name - 1);
  if (length > 0) name[length] = '\0';
  return spawn(length > 0 ? name : own_program(), own_program(), arguments, false);
}

Result<Child> Child::start(const std::string& program, std::string_view arguments) {
  const char* const name = program.empty() ? own_program() : program.c_str();
  return spawn(name, name, arguments, true);
}

Result<Child> Child::spawn(const char* name, const char* program, std::string_view arguments,
                           bool whole) {
  size_t count = 2;   // the name, and a null at the end
  for (const char c : arguments) count += c == '\0';
  std::vector<char*> pointers(count);
  char** next = pointers.data();
  *next = const_cast<char*>(name);
  std::string_view argument;
  while (next_part(arguments, '\0', argument)) *++next = const_cast<char*>(argument.data());
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return fail(Errc::io, "pipe", errno);
  const auto pid = run_child({program, pointers.data(), ends[1], -1, whole});
  close(ends[1]);
  if (!pid) {
    close(ends[0]);
    return fail(pid.error());
  }
  Child child;
  child.pid_ = *pid;
  child.out_ = ends[0];
  return child;
}

Result<std::string> Child::read_line(Nanos deadline) {
  for (;;) {
    const size_t end = pending_.find('\n');
    if (std::min(end, pending_.size()) > kMaxLine) return fail(Errc::too_large, "child's line");
    if (end != pending_.npos) {
      std::string line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      return line;
    }
    if (out_ == kNoHandle) return fail(Errc::closed, "child");
    pollfd p{.fd = out_, .events = POLLIN, .revents = 0};
    const int ready = poll(&p, 1, poll_timeout(deadline));
    if (ready == 0 && now() >= deadline) return fail(Errc::timed_out, "child");
    if (ready <= 0) continue;
    char bytes[4096];
    const ssize_t n = read(out_, bytes, sizeof bytes);
    if (n == 0) return fail(Errc::closed, "child");
    if (n > 0) pending_.append(bytes, static_cast<size_t>(n));
    if (n < 0 && errno != EINTR) return fail(Errc::io, "child", errno);
  }
}

Result<int> Child::wait(Nanos deadline) {
  int status = 0;
  while (!reap(static_cast<pid_t>(pid_), WNOHANG, &status)) {
    if (now() >= deadline) return fail(Errc::timed_out, "child");
    poll(nullptr, 0, kStopStepMs);
  }
  pid_ = 0;
  if (out_ != kNoHandle) close(std::exchange(out_, kNoHandle));
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void Child::stop() {
  if (pid_ == 0) return;
  const pid_t pid = static_cast<pid_t>(pid_);
  signal_group(pid, SIGTERM);
  close(out_);  // now, so that a child stuck in a write to a full pipe gets on with ending
  bool ended = reap(pid, WNOHANG);
  for (int step = 0; !ended && step < kStopSteps; ++step) {
    poll(nullptr, 0, kStopStepMs);
    ended = reap(pid, WNOHANG);
  }
  if (!ended) {
    signal_group(pid, SIGKILL);
    reap(pid, 0);
  }
  pid_ = 0;
  out_ = kNoHandle;
  pending_.clear();
}

void catch_stop_signals(void (*on_stop)(void*), void* argument) {
  g_on_stop = on_stop;
  g_on_stop_argument = argument;
  // Without SA_RESTART: a call that waits for a terminal or a pipe must return and look around.
  struct sigaction action = {};
  sigemptyset(&action.sa_mask);
  action.sa_handler = handle_stop;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, nullptr);
}

int stop_signal() { return g_stop.load(); }

void begin_program(int&, char**&) {
  signal(SIGXFSZ, SIG_IGN);   // a file over the limit: the write says so
  signal(SIGCHLD, SIG_DFL);   // ignored, which is inherited, nobody would tell how a child ended
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) continue;
    // The lowest free number is this one. The wrong way round: a use of it stays an error.
    (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

Result<void> allow_handles(uint64_t count) {
  rlimit limit{};   // prlimit: musl's setrlimit brings 2 KB
  if (prlimit(0, RLIMIT_NOFILE, nullptr, &limit) != 0) return fail(Errc::io, "prlimit", errno);
  if (limit.rlim_cur >= count) return {};
  if (limit.rlim_max < count) return fail(Errc::io, "too few descriptors allowed (ulimit -Hn)");
  limit.rlim_cur = count;
  if (prlimit(0, RLIMIT_NOFILE, &limit, nullptr) != 0) return fail(Errc::io, "prlimit", errno);
  return {};
}

bool is_terminal(int stream) { return isatty(stream) == 1; }

int terminal_columns() {
  winsize size{};
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

void exit_now(int code) { _exit(code); }

}  // namespace chimera::sys
