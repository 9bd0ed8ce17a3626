#include "chimera/base/result.hpp"

#include <signal.h>
#include <sys/wait.h>

#include <new>
#include <string>
#include <vector>

#include "chimera/base/own.hpp"
#include "tests/check.hpp"

using namespace chimera;

namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return fail(Errc::bad_input, "odd", n);
  return n / 2;
}

Result<int> quarter(int n) {
  CHI_TRY(const int h, half(n));
  CHI_TRY(const int q, half(h));
  return q;
}

Result<void> check_even(int n) {
  CHI_TRY_VOID(half(n));
  return {};
}

// The signal that ended a child running `body`, and what it wrote to stderr.
template <class Body>
int signal_of(Body body, std::string& said) {
  int fds[2];
  REQUIRE(pipe(fds) == 0);
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGABRT, SIG_DFL);  // not doctest's handler
    dup2(fds[1], 2);
    body();
    _exit(0);
  }
  close(fds[1]);
  char buffer[512];
  const ssize_t n = read(fds[0], buffer, sizeof buffer);
  said.assign(buffer, n > 0 ? static_cast<size_t>(n) : 0);
  close(fds[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

struct Counted {
  explicit Counted(int* count) : count_(count) { ++*count_; }
  ~Counted() { --*count_; }
  int* count_;
};

struct alignas(128) Line {
  char bytes[128];
};

}  // namespace

TEST_CASE("CHI_TRY hands an error up unchanged, or names the value") {
  CHECK(quarter(12).value() == 3);
  const auto first = quarter(7);
  REQUIRE_FALSE(first);
  CHECK(first.error().code == Errc::bad_input);
  CHECK(first.error().os == 7);
  CHECK(std::string_view(first.error().where) == "odd");
  CHECK(quarter(6).error().os == 3);
  CHECK(check_even(2));
  CHECK(check_even(3).error().os == 3);
}

TEST_CASE("CHI_CHECK aborts with the condition and the place on one line") {
  std::string said;
  CHECK(signal_of([] { CHI_CHECK(1 + 1 == 3); }, said) == SIGABRT);
  CHECK(said.starts_with("chimera: broken promise: 1 + 1 == 3 ("));
  CHECK(said.find("result_test.cpp:") != said.npos);
  CHECK(said.find('\n') == said.size() - 1);
  CHECK(signal_of([] { CHI_CHECK(1 + 1 == 2); }, said) == 0);
  CHECK(said.empty());
}

TEST_CASE("the standard library's own checks abort with one line") {
  std::string said;
  const auto out_of_range = [] {
    volatile size_t at = 3;
    std::string s("ab");
    s.insert(at, "x");
  };
  CHECK(signal_of(out_of_range, said) == SIGABRT);
  CHECK(said == "chimera: standard library check failed\n");
  const auto too_long = [] {
    volatile size_t n = SIZE_MAX / 2 + 10;
    std::string s;
    s.reserve(n);
  };
  CHECK(signal_of(too_long, said) == SIGABRT);
  CHECK(said == "chimera: standard library check failed\n");
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("exhausted memory aborts with one line") {
  std::string said;
  const auto huge = [] {
    volatile size_t n = PTRDIFF_MAX - 4096;
    *static_cast<volatile char*>(operator new(n)) = 1;
  };
  CHECK(signal_of(huge, said) == SIGABRT);
  CHECK(said == "chimera: out of memory\n");
  const auto huge_aligned = [] {
    volatile size_t n = SIZE_MAX - 64;
    *static_cast<volatile char*>(operator new(n, std::align_val_t{128})) = 1;
  };
  CHECK(signal_of(huge_aligned, said) == SIGABRT);
  CHECK(said == "chimera: out of memory\n");
}
#endif

TEST_CASE("over-aligned objects are aligned") {
  std::vector<Own<Line>> lines;
  for (int i = 0; i < 20; ++i) {
    lines.push_back(make_own<Line>());
    memset(lines.back()->bytes, i, sizeof(Line));
    CHECK(reinterpret_cast<uintptr_t>(lines.back().get()) % alignof(Line) == 0);
  }
  for (int i = 0; i < 20; ++i) CHECK(lines[static_cast<size_t>(i)]->bytes[127] == i);
  operator delete(static_cast<void*>(nullptr), std::align_val_t{128});
}

TEST_CASE("Own destroys once, and moves") {
  int alive = 0;
  {
    Own<Counted> a = make_own<Counted>(&alive);
    Own<Counted> b = std::move(a);
    CHECK_FALSE(a);
    CHECK(alive == 1);
    a = make_own<Counted>(&alive);
    CHECK(alive == 2);
    a = std::move(b);
    CHECK(alive == 1);
    a.reset();
    CHECK(alive == 0);
    a.reset(new Counted(&alive));
  }
  CHECK(alive == 0);
}

TEST_CASE("FunctionRef calls what it borrows") {
  int sum = 0;
  auto add = [&](int n) { return sum += n; };
  const FunctionRef<int(int)> f = add;
  const FunctionRef<int(int)> copy = f;
  CHECK(f(2) == 2);
  CHECK(copy(3) == 5);
}
