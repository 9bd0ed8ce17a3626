// What the tests of rt share: a runtime under a watchdog, forked death tests, and a pair of
// connected streams.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "chimera/net/stream.hpp"
#include "chimera/rt/runtime.hpp"
#include "chimera/rt/scope.hpp"
#include "chimera/sys/clock.hpp"
#include "tests/check.hpp"

namespace chimera_test {

using namespace chimera;

inline int here() { return rt::Worker::current()->index(); }

// A peer that sends back what it gets, `times` reads of it, and then hears the end.
inline rt::Task<void> echo(net::Listener& listener, int times) {
  const net::Deadline none;
  Result<net::Stream> stream = co_await listener.accept();
  REQUIRE(stream.has_value());
  for (int i = 0; i < times; ++i) {
    Result<std::string_view> part = co_await stream->read_some(none);
    REQUIRE(part.has_value());
    const std::string copy(*part);
    Result<void> sent = co_await stream->write_all(copy, none);
    REQUIRE(sent.has_value());
  }
  Result<std::string_view> end = co_await stream->read_some(none);
  CHECK((!end.has_value() || end->empty()));   // or the runtime stops
}

// Two tasks that let each other in, `hops` times in all; `count` is guarded by the gates alone.
inline rt::Task<void> play(rt::Gate& mine, rt::Gate& theirs, uint64_t hops,
                           std::atomic<uint64_t>& shown, uint64_t& count) {
  for (uint64_t i = 0; i < hops / 2; ++i) {
    co_await mine.acquire();
    ++count;
    shown.store(count, std::memory_order_relaxed);
    theirs.release();
  }
}
inline rt::Task<void> ping_pong(uint64_t hops, std::atomic<uint64_t>& shown, uint64_t& count,
                                rt::Place one, rt::Place other) {
  rt::Gate ping(1), pong(1);
  co_await pong.acquire();
  rt::Scope scope;
  scope.start(play(ping, pong, hops, shown, count), one);
  scope.start(play(pong, ping, hops, shown, count), other);
  co_await scope.join();
}

// The virtual clock moves only when somebody waits.
inline bool clock_is_virtual() {
  const Nanos start = sys::now();
  for (int i = 0; i < 100000; ++i)
    if (sys::now() != start) return false;
  return true;
}

// A runtime whose run() ends the program, with the state of every worker on stderr, when it takes
// longer than `seconds`. `progress` is printed too; a test counts its steps there.
class Bench {
 public:
  explicit Bench(rt::Kind kind = rt::Kind::local, int threads = 0, uint32_t read_size = 1024) {
    rt::RuntimeConfig config;
    config.kind = kind;
    config.threads = threads;
    config.read_size = read_size;
    REQUIRE(runtime.open(config).has_value());
  }
  void run(rt::Task<void> root, int seconds = 30) {
    std::atomic<bool> over{false};
    std::thread dog([&] { watch(over, seconds); });
    runtime.run(std::move(root));
    over = true;
    dog.join();
  }

  rt::Runtime runtime;
  std::atomic<uint64_t> progress{0};

 private:
  void watch(const std::atomic<bool>& over, int seconds) {
    for (int ms = 0; ms < seconds * 1000; ms += 2) {
      if (over) return;
      usleep(2000);
    }
    fprintf(stderr, "WATCHDOG: not finished after %d s; progress %llu\n", seconds,
            static_cast<unsigned long long>(progress.load()));
    for (int i = 0; i < runtime.workers(); ++i) {
      const rt::WorkerCounters c = runtime.worker(i).counters();   // torn perhaps, but it tells
      fprintf(stderr, "  worker %d: turns %llu resumes %llu parks %llu posted %llu polls %llu\n", i,
              (unsigned long long)c.turns, (unsigned long long)c.resumes,
              (unsigned long long)c.parks, (unsigned long long)c.posted,
              (unsigned long long)c.port.polls);
    }
    _exit(1);
  }
};

struct Death {
  int signal = 0;          // that ended the process; 0 = it exited
  int code = 0;
  std::string words;       // what it said on stderr
};

// Runs `body` in a process of its own, which must not take longer than 20 s.
template <class Body>
Death in_a_fork(Body body) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  fflush(nullptr);   // or both processes print what waits
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGABRT, SIG_DFL);   // doctest's own handler would report it as a failed test
    alarm(20);
    dup2(ends[1], 2);
    body();
    _exit(0);
  }
  close(ends[1]);
  Death death;
  char part[512];
  for (ssize_t n; (n = read(ends[0], part, sizeof part)) > 0;)
    death.words.append(part, static_cast<size_t>(n));
  close(ends[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  if (WIFSIGNALED(status)) death.signal = WTERMSIG(status);
  if (WIFEXITED(status)) death.code = WEXITSTATUS(status);
  return death;
}

inline size_t open_descriptors() {
  size_t n = 0;
  DIR* all = opendir("/proc/self/fd");
  while (readdir(all) != nullptr) ++n;
  closedir(all);
  return n;
}

inline void spin_for(Nanos time) {
  const Nanos end = sys::now() + time;
  while (sys::now() < end) {
  }
}

// Two ends of one connection, made inside a runtime.
struct Ends {
  net::Stream client, server;
};

inline rt::Task<void> dial_into(sys::Address to, net::Stream& stream) {
  const net::Deadline never;
  Result<net::Stream> dialled = co_await net::dial(to, never);
  REQUIRE(dialled.has_value());
  stream = std::move(*dialled);
}

inline rt::Task<void> connect(Ends& ends) {
  net::Listener listener;
  REQUIRE(listener.open(*sys::parse_ip("127.0.0.1", 0)).has_value());
  rt::Scope scope;
  scope.start(dial_into(*listener.address(), ends.client), rt::Place::here());
  Result<net::Stream> accepted = co_await listener.accept();
  REQUIRE(accepted.has_value());
  ends.server = std::move(*accepted);
  co_await scope.join();
}

}  // namespace chimera_test
