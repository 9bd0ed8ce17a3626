// runs: linux tsan
#include "chimera/rt/line_source.hpp"

#include <sys/socket.h>
#include <sys/stat.h>

#include "tests/rt/rig.hpp"

using namespace chimera;
using namespace chimera_test;

namespace {

std::string temporary_file(std::string_view content) {
  char name[] = "/tmp/chimera-lines-XXXXXX";
  const int fd = mkstemp(name);
  REQUIRE(write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  close(fd);
  return name;
}

// Our standard input is `fd` until the end of the scope.
class Input {
 public:
  explicit Input(int fd) : saved_(dup(0)) {
    dup2(fd, 0);
    close(fd);
  }
  ~Input() {
    if (saved_ < 0) close(0);
    if (saved_ >= 0) dup2(saved_, 0);
    if (saved_ >= 0) close(saved_);
  }

 private:
  int saved_;
};

// All lines, joined by "|"; an error is "!" and what it is.
struct Got {
  std::string lines;
  size_t longest = 0;
  uint64_t numbers = 0;
  Error last;
};

rt::Task<void> read_all(rt::LineSource& source, Got& got, rt::Stop* stop = nullptr) {
  std::string line;
  for (;;) {
    const Result<bool> next = co_await source.next(line, stop);
    if (!next) {
      got.last = next.error();
      got.lines.append("!").append(next.error().where).append("|");
      if (next.error().code == Errc::cancelled) co_return;
      continue;
    }
    if (!*next) break;
    if (line.size() > got.longest) got.longest = line.size();
    if (line.size() < 100) got.lines.append(line).append("|");
    got.numbers = source.number();
  }
  const Result<bool> again = co_await source.next(line);
  CHECK((again.has_value() && !*again));
}

Got read_file(std::string_view content, rt::Kind kind = rt::Kind::local) {
  const std::string name = temporary_file(content);
  Got got;
  Bench bench(kind);
  rt::LineSource source;
  REQUIRE(source.open(name).has_value());
  bench.run(read_all(source, got));
  unlink(name.c_str());
  return got;
}

struct Pieces {
  int fd;
  std::vector<std::string> pieces;
};

void write_pieces(void* p) {
  Pieces& w = *static_cast<Pieces*>(p);
  for (const std::string& piece : w.pieces) {
    if (write(w.fd, piece.data(), piece.size()) < 0) break;
    usleep(500);
  }
  close(w.fd);
}

rt::Task<void> stop_soon(rt::Stop& stop) {
  rt::Sleep moment(sys::now() + 20 * kMilli);
  co_await moment;
  stop.request();
}

rt::Task<void> read_and_stop(rt::LineSource& source, Got& got, rt::Stop& stop) {
  rt::Scope scope;
  scope.start(stop_soon(stop), rt::Place::here());
  co_await read_all(source, got, &stop);
  co_await scope.join();
}

// Who waits for a line is on worker 1, who stops it here.
rt::Task<void> read_elsewhere(rt::LineSource& source, Got& got, rt::Stop& stop) {
  rt::Scope scope;
  source.stay_here();
  scope.start(read_all(source, got, &stop), rt::Place::on(1));
  scope.start(stop_soon(stop), rt::Place::here());
  co_await scope.join();
}

// What is read at one end while a thread writes the pieces into the other.
std::string lines_of(const int (&ends)[2], std::vector<std::string> pieces) {
  Pieces writer{ends[1], std::move(pieces)};
  Got got;
  Input input(ends[0]);
  Bench bench;
  rt::LineSource source;
  REQUIRE(source.open("").has_value());
  Result<sys::Thread> thread = sys::Thread::start(write_pieces, &writer);
  REQUIRE(thread.has_value());
  bench.run(read_all(source, got));
  thread->join();
  return got.lines;
}

rt::Task<void> read_one(rt::LineSource& source, std::string& line) {
  const Result<bool> next = co_await source.next(line);
  CHECK((next.has_value() && *next));
}

rt::Task<void> nap(Nanos time) {
  rt::Sleep moment(sys::now() + time);
  co_await moment;
}

}  // namespace

TEST_CASE("line source: every line of a file, numbered, under every runtime") {
  for (const rt::Kind kind :
       {rt::Kind::local, rt::Kind::fixed, rt::Kind::steal, rt::Kind::bridge}) {
    const Got got = read_file("one\n\ntwo\r\n\r\n \nlast", kind);
    CHECK(got.lines == "one||two|| |last|");
    CHECK(got.numbers == 6);
  }
  CHECK(read_file("").lines.empty());
  CHECK(read_file("\n").lines == "|");
  CHECK(read_file("a\n").lines == "a|");
  CHECK(read_file("a\rb\n").lines == "a\rb|");
}

TEST_CASE("line source: lines of any length, across all buffers") {
  std::string content;
  std::string expected;
  for (int i = 0; i < 3000; ++i) {
    const std::string line(static_cast<size_t>(i) % 99, static_cast<char>('a' + i % 26));
    content.append(line).append(std::string(i % 200 == 0 ? 70'000 : 0, '.')).append("\n");
    if (i % 200 != 0) expected.append(line).append("|");
  }
  const Got got = read_file(content);
  CHECK(got.lines == expected);
  CHECK(got.numbers == 3000);
}

TEST_CASE("line source: a line over the limit is an error, and the next one comes") {
  const size_t limit = rt::LineSource::kLimit;
  const Got fits = read_file("a\n" + std::string(limit, 'x') + "\r\nb\n");
  CHECK(fits.lines == "a|b|");
  CHECK(fits.longest == limit);
  const Got over = read_file("a\n" + std::string(limit + 1, 'x') + "\nb\n");
  CHECK(over.lines == "a|!line over 16 MiB|b|");
  CHECK(over.last.code == Errc::too_large);
  CHECK(over.numbers == 3);
  CHECK(read_file(std::string(limit + 70'000, 'x')).lines == "!line over 16 MiB|");
}

TEST_CASE("line source: a pipe in any cuts") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  CHECK(lines_of(ends, {"o", "ne\ntw", "o", "\r", "\nthree\n\n", "f", "our"}) ==
        "one|two|three||four|");
}

TEST_CASE("line source: a non-blocking pipe and a socket are waited for") {
  for (const bool socket : {false, true}) {
    int ends[2];
    REQUIRE((socket ? socketpair(AF_UNIX, SOCK_STREAM, 0, ends) : pipe(ends)) == 0);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    CHECK(lines_of(ends, {"a\n", "b\n"}) == "a|b|");
  }
}

TEST_CASE("line source: a silent input keeps nobody") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  Input input(ends[0]);
  SUBCASE("a stop") {
    Got got;
    rt::Stop stop;
    Bench bench;
    rt::LineSource source;
    REQUIRE(source.open("").has_value());
    bench.run(read_and_stop(source, got, stop));
    CHECK(got.last.code == Errc::cancelled);
  }
  SUBCASE("a stop on another worker") {
    for (const rt::Kind kind : {rt::Kind::fixed, rt::Kind::steal}) {
      CAPTURE(rt::name_of(kind));
      Got got;
      rt::Stop stop;
      Bench bench(kind, 2);
      rt::LineSource source;
      REQUIRE(source.open("").has_value());
      REQUIRE(write(ends[1], "a\n", 2) == 2);
      bench.run(read_elsewhere(source, got, stop));
      CHECK(got.lines == "a|!read|");
      CHECK(got.last.code == Errc::cancelled);
    }
  }
  SUBCASE("the runtime's end") {
    Got got;
    Bench bench(rt::Kind::fixed);
    rt::LineSource source;
    REQUIRE(source.open("").has_value());
    std::thread other([&] {
      usleep(20'000);
      bench.runtime.stop();
    });
    bench.run(read_all(source, got));
    other.join();
    CHECK(got.last.code == Errc::cancelled);
  }
  SUBCASE("nobody ever asked") {
    rt::LineSource source;
    REQUIRE(source.open("").has_value());
  }
  SUBCASE("gone behind the runtime") {
    rt::LineSource source;
    REQUIRE(source.open("").has_value());
    REQUIRE(write(ends[1], "a\n", 2) == 2);
    std::string line;
    Bench bench;
    bench.run(read_one(source, line));
    CHECK(line == "a");
  }
  close(ends[1]);
}

TEST_CASE("line source: what nobody takes is not read") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  fcntl(ends[1], F_SETFL, O_NONBLOCK);
  Input input(ends[0]);
  const std::string block(4096, '\n');
  size_t accepted = 0;
  std::string line;
  Bench bench;
  rt::LineSource source;
  REQUIRE(source.open("").has_value());
  bool full = false;
  auto fill = [&] {
    for (int quiet = 0; quiet < 50 && accepted < (8u << 20);) {
      const ssize_t n = write(ends[1], block.data(), block.size());
      accepted += n > 0 ? static_cast<size_t>(n) : 0;
      quiet = n > 0 ? 0 : quiet + 1;
      if (n <= 0) usleep(2000);
    }
    full = accepted < (8u << 20);
  };
  fill();
  CHECK(full);
  CHECK(accepted < (1u << 20));
  bench.run(read_one(source, line));   // and the destructor ends a thread that is in send()
  close(ends[1]);
}

TEST_CASE("line source: what cannot be read") {
  rt::LineSource missing;
  const auto absent = missing.open("/nowhere/at/all");
  REQUIRE(!absent.has_value());
  CHECK(absent.error().code == Errc::not_found);

  rt::LineSource folder;
  const auto opened = folder.open("/tmp");
  REQUIRE(!opened.has_value());
  CHECK(opened.error().code == Errc::bad_input);
  CHECK(opened.error().os == EISDIR);

  Got closed;
  {
    Input input(open("/dev/null", O_WRONLY));
    Bench bench;
    rt::LineSource source;
    REQUIRE(source.open("").has_value());
    bench.run(read_all(source, closed));
  }
  CHECK(closed.last.os == EBADF);
}

TEST_CASE("line source: no descriptor stays open") {
  const size_t before = open_descriptors();
  for (int i = 0; i < 5; ++i) read_file("a\nb\n", i % 2 == 0 ? rt::Kind::local : rt::Kind::steal);
  CHECK(open_descriptors() == before);
  {
    Bench bench;
    rt::LineSource missing;
    CHECK(!missing.open("/nowhere").has_value());
    bench.run(nap(kMilli));
  }
  CHECK(open_descriptors() == before);
}
