// The standard streams: read and written whole, whatever the other side does.
#include "chimera/sys/file.hpp"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/wait.h>
#include <poll.h>
#include <time.h>

#include "chimera/sys/process.hpp"
#include "chimera/sys/clock.hpp"
#include "chimera/sys/thread.hpp"
#include "tests/sys/file_rig.hpp"

using namespace chimera;
using namespace chimera::sys;
using namespace chimera_test::files;

namespace {

// Replaces one of our standard descriptors until the end of the scope. Nothing is checked
// meanwhile: the report goes there too.
class Redirect {
 public:
  Redirect(int standard, int fd) : standard_(standard), saved_(dup(standard)) {
    dup2(fd, standard);
  }
  ~Redirect() {
    dup2(saved_, standard_);
    close(saved_);
  }

 private:
  int standard_, saved_;
};

struct Drain {
  int fd;
  std::string got;
};

void drain_slowly(void* p) {
  Drain& d = *static_cast<Drain*>(p);
  char bytes[10000];
  const timespec pause{.tv_sec = 0, .tv_nsec = 200'000};
  for (;;) {
    const ssize_t n = read(d.fd, bytes, sizeof bytes);
    if (n <= 0) return;
    d.got.append(bytes, static_cast<size_t>(n));
    nanosleep(&pause, nullptr);
  }
}

struct Feed {
  int fd;
  std::string data;
};

void feed_in_pieces(void* p) {
  Feed& f = *static_cast<Feed*>(p);
  std::string_view rest = f.data;
  const timespec pause{.tv_sec = 0, .tv_nsec = 300'000};
  while (!rest.empty()) {
    const size_t n = rest.size() < 7001 ? rest.size() : 7001;
    if (write(f.fd, rest.data(), n) < 0) break;
    rest.remove_prefix(n);
    nanosleep(&pause, nullptr);
  }
  close(f.fd);
}

// read_stdin with `data` coming through a pipe in pieces; the pipe's ends are non-blocking at will.
Result<std::string> read_fed(std::string data, size_t limit, bool non_blocking) {
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  if (non_blocking) fcntl(ends[0], F_SETFL, O_NONBLOCK);
  Feed feed{ends[1], std::move(data)};
  const auto before = signal(SIGPIPE, SIG_IGN);
  Thread t = *Thread::start(feed_in_pieces, &feed);
  Result<std::string> out;
  {
    Redirect in(0, ends[0]);
    close(ends[0]);
    out = read_stdin(limit);
  }
  t.join();
  signal(SIGPIPE, before);
  return out;
}

}  // namespace

TEST_CASE("stdin is read to its end however it comes") {
  for (const bool non_blocking : {false, true}) {
    for (const size_t size : {0ul, 1ul, 16384ul, 16385ul, 200003ul}) {
      CAPTURE(non_blocking);
      CAPTURE(size);
      const std::string data = pattern(size);
      const Result<std::string> r = read_fed(data, size, non_blocking);
      REQUIRE(r.has_value());
      CHECK(*r == data);
    }
  }
  const Result<std::string> over = read_fed(pattern(100001), 100000, false);
  REQUIRE_FALSE(over.has_value());
  CHECK(over.error().code == Errc::too_large);
}

TEST_CASE("stdin may be a file, or not be readable") {
  const TempDir dir;
  put(dir / "f", "from a file");
  Result<std::string> file, directory;
  {
    const int fd = open((dir / "f").c_str(), O_RDONLY);
    Redirect in(0, fd);
    close(fd);
    file = read_stdin(100);
  }
  {
    const int fd = open(dir.path().c_str(), O_RDONLY);
    Redirect in(0, fd);
    close(fd);
    directory = read_stdin(100);
  }
  REQUIRE(file.has_value());
  CHECK(*file == "from a file");
  REQUIRE_FALSE(directory.has_value());
  CHECK(directory.error().code == Errc::io);
  CHECK(directory.error().os == EISDIR);
}

TEST_CASE("a stream is written whole to a slow reader, blocking or not") {
  const std::string data = pattern(700001);
  for (const bool non_blocking : {false, true}) {
    for (const Stream s : {Stream::out, Stream::err}) {
      CAPTURE(non_blocking);
      int ends[2];
      REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
      if (non_blocking) fcntl(ends[1], F_SETFL, O_NONBLOCK);
      Drain drain{ends[0], {}};
      Thread t = *Thread::start(drain_slowly, &drain);
      Result<void> r;
      {
        Redirect to(static_cast<int>(s), ends[1]);
        close(ends[1]);
        r = write_stream(s, data);
      }
      t.join();
      close(ends[0]);
      CHECK(r.has_value());
      CHECK(drain.got == data);
    }
  }
}

TEST_CASE("once the program is to stop, a pipe that nobody reads from does not hold it") {
  struct Case {
    const char* name;
    bool non_blocking, before;       // the signal comes before the write, or 100 ms later
  };
  static const Case cases[] = {{"blocking, signal before", false, true},
                               {"blocking, signal in the write", false, false},
                               {"non-blocking, signal in the wait", true, false}};
  for (const Case& c : cases) {
    CAPTURE(c.name);
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC | (c.non_blocking ? O_NONBLOCK : 0)) == 0);
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);
      dup2(ends[1], 1);
      catch_stop_signals(nullptr, nullptr);
      if (c.before) raise(SIGTERM);
      const Nanos start = now();
      const Result<void> r = write_stream(Stream::out, pattern(200001));
      const Nanos took = now() - start;
      const bool good = !r && r.error().code == Errc::cancelled;
      _exit(good && took >= kSecond && took < 10 * kSecond ? 7 : 1);
    }
    if (!c.before) {
      poll(nullptr, 0, 200);
      kill(child, SIGTERM);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 7);
    close(ends[0]);
    close(ends[1]);
  }
}

TEST_CASE("once the program is to stop, who reads still gets everything") {
  const std::string data = pattern(100001);
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    dup2(ends[1], 1);
    close(ends[0]);
    catch_stop_signals(nullptr, nullptr);
    raise(SIGTERM);
    _exit(write_stream(Stream::out, data) ? 7 : 1);
  }
  close(ends[1]);
  Drain drain{ends[0], {}};
  drain_slowly(&drain);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 7);
  CHECK(drain.got == data);
  close(ends[0]);
}

TEST_CASE("write_now: as much as there is room for, and never a wait") {
  const std::string data = pattern(300001);
  for (const bool non_blocking : {false, true}) {
    CAPTURE(non_blocking);
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC | (non_blocking ? O_NONBLOCK : 0)) == 0);
    std::string got;
    size_t sent = 0, refused = 0;
    bool good = true;
    {
      Redirect to(1, ends[1]);
      close(ends[1]);
      alarm(20);
      while (sent < data.size() && good) {
        const Result<size_t> n = write_now(Stream::out, std::string_view(data).substr(sent));
        good = n.has_value() && *n <= PIPE_BUF;
        if (good) sent += *n;
        if (!good || *n != 0) continue;
        ++refused;   // it is full
        char some[50000];
        const ssize_t k = read(ends[0], some, sizeof some);
        if (k > 0) got.append(some, static_cast<size_t>(k));
      }
      alarm(0);
    }
    char byte[4096];
    for (ssize_t k; (k = read(ends[0], byte, sizeof byte)) > 0;) {
      got.append(byte, static_cast<size_t>(k));
    }
    close(ends[0]);
    CHECK(good);
    CHECK(refused > 1);
    CHECK(got == data);
  }
}

TEST_CASE("a stream that is not there is closed") {
  const pid_t child = fork();
  if (child == 0) {
    close(1);
    const Result<void> r = write_stream(Stream::out, "x");
    const Result<size_t> n = write_now(Stream::out, "x");
    const bool both = !r && !n && n.error().code == Errc::closed;
    _exit(both && r.error().code == Errc::closed ? 7 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 7);
}

TEST_CASE("a stream that nobody reads is closed, a full one is an error") {
  const auto before = signal(SIGPIPE, SIG_IGN);
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  close(ends[0]);
  Result<void> broken, nothing, full;
  Result<size_t> broken_now, full_now;
  {
    Redirect to(1, ends[1]);
    broken_now = write_now(Stream::out, "x");
    broken = write_stream(Stream::out, "x");
    nothing = write_stream(Stream::out, "");
  }
  close(ends[1]);
  {
    const int fd = open("/dev/full", O_WRONLY);
    Redirect to(2, fd);
    close(fd);
    full = write_stream(Stream::err, "x");
    full_now = write_now(Stream::err, "x");
  }
  signal(SIGPIPE, before);
  REQUIRE_FALSE(broken_now.has_value());
  CHECK(broken_now.error().code == Errc::closed);
  REQUIRE_FALSE(full_now.has_value());
  CHECK(full_now.error().code == Errc::io);
  REQUIRE_FALSE(broken.has_value());
  CHECK(broken.error().code == Errc::closed);
  CHECK(nothing.has_value());
  REQUIRE_FALSE(full.has_value());
  CHECK(full.error().code == Errc::io);
  CHECK(full.error().os == ENOSPC);
}
