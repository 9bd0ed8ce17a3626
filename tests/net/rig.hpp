// What the tests of net share: a coroutine run to its end in a runtime of its own, and the other
// side of a connection as a script on plain blocking sockets in a thread of its own.
#pragma once

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <functional>
#include <optional>
#include <thread>

#include "chimera/net/stream.hpp"
#include "chimera/rt/runtime.hpp"
#include "chimera/rt/scope.hpp"
#include "chimera/sys/clock.hpp"
#include "tests/check.hpp"

namespace chimera_test {

using namespace chimera;

inline constexpr int kPatienceMs = 10000;   // of a script: then it gives up, and so the test fails
inline constexpr Nanos kPrompt = 3 * kSecond;  // "at once" on a machine that has other things to do

inline size_t open_descriptors() {
  DIR* d = opendir("/proc/self/fd");
  size_t n = 0;
  while (readdir(d) != nullptr) ++n;
  closedir(d);
  return n;
}

// The other side's thread may still be on its way to closing its own.
inline bool descriptors_come_down_to(size_t n) {
  for (int i = 0; i < 2000 && open_descriptors() != n; ++i) usleep(1000);
  return open_descriptors() == n;
}

template <class T>
rt::Task<void> keep(rt::Task<T> task, std::optional<T>& out) {
  T value = co_await task;
  out.emplace(std::move(value));
}

// Waits, then ends everything.
inline rt::Task<void> stop_after(Nanos delay) {
  rt::Sleep sleep(sys::now() + delay);
  co_await sleep;
  rt::Runtime::current()->stop();
}

template <class T>
rt::Task<void> keep_and_stop(rt::Task<T> task, std::optional<T>& out, Nanos delay) {
  rt::Scope scope;
  scope.start(stop_after(delay), rt::Place::here());
  T value = co_await task;
  out.emplace(std::move(value));
  co_await scope.join();
}

// What `task` comes to, in a local runtime of its own. With `stop_at` != 0 the runtime is stopped
// that long after the start. SIGALRM ends the program when the task never ends.
template <class T>
T finish(rt::Task<T> task, uint32_t read_size = 1024, Nanos stop_at = 0) {
  watch(120);
  rt::RuntimeConfig config;
  config.kind = rt::Kind::local;
  config.read_size = read_size;
  rt::Runtime runtime;
  REQUIRE(runtime.open(config).has_value());
  std::optional<T> out;
  if (stop_at != 0) {
    runtime.run(keep_and_stop(std::move(task), out, stop_at));
  } else {
    runtime.run(keep(std::move(task), out));
  }
  watch(0);
  REQUIRE(out.has_value());
  return std::move(*out);
}

inline socklen_t raw_address(const char* ip, uint16_t port, sockaddr_storage& out) {
  out = {};
  if (strchr(ip, ':') != nullptr) {
    auto& a = reinterpret_cast<sockaddr_in6&>(out);
    a.sin6_family = AF_INET6;
    a.sin6_port = htons(port);
    inet_pton(AF_INET6, ip, &a.sin6_addr);
    return sizeof a;
  }
  auto& a = reinterpret_cast<sockaddr_in&>(out);
  a.sin_family = AF_INET;
  a.sin_port = htons(port);
  inet_pton(AF_INET, ip, &a.sin_addr);
  return sizeof a;
}

// A bound socket; `port` 0 picks one and says which. -1 when it is taken.
inline int bound_socket(const char* ip, int type, uint16_t& port) {
  sockaddr_storage at;
  const socklen_t size = raw_address(ip, port, at);
  const int fd = socket(at.ss_family, type | SOCK_CLOEXEC, 0);
  const int on = 1;
  if (type == SOCK_STREAM) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, reinterpret_cast<sockaddr*>(&at), size) != 0) {
    close(fd);
    return -1;
  }
  socklen_t room = sizeof at;
  getsockname(fd, reinterpret_cast<sockaddr*>(&at), &room);
  port = ntohs(reinterpret_cast<sockaddr_in&>(at).sin_port);   // at the same place in both families
  return fd;
}

// A port of `ip` where nothing listens.
inline uint16_t free_port(const char* ip) {
  uint16_t port = 0;
  const int fd = bound_socket(ip, SOCK_STREAM, port);
  REQUIRE(fd >= 0);
  close(fd);
  return port;
}

inline bool readable(int fd, int ms = kPatienceMs) {
  pollfd p{fd, POLLIN, 0};
  return poll(&p, 1, ms) == 1;
}

// One accepted connection of a script.
class Peer {
 public:
  explicit Peer(int fd) : fd_(fd) {
    const int on = 1;   // each send is a packet of its own, and leaves at once
    if (fd >= 0) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  Peer(Peer&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
  Peer& operator=(Peer&& o) noexcept {
    std::swap(fd_, o.fd_);
    return *this;
  }
  ~Peer() { hang_up(); }

  bool ok() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
  }
  // Up to the end of a head and a body of `body` bytes; what came when the other side ends earlier.
  std::string request(size_t body = 0) {
    std::string got;
    size_t want = 0;
    while (want == 0 || got.size() < want) {
      char buffer[4096];
      const ssize_t n = readable(fd_) ? recv(fd_, buffer, sizeof buffer, 0) : 0;
      if (n <= 0) break;
      got.append(buffer, static_cast<size_t>(n));
      const size_t end = got.find("\r\n\r\n");
      if (end != got.npos) want = end + 4 + body;
    }
    return got;
  }
  // Until the other side closes. False when it does not.
  bool wait_closed() {
    char buffer[4096];
    while (readable(fd_)) {
      if (recv(fd_, buffer, sizeof buffer, 0) <= 0) return true;
    }
    return false;
  }
  void hang_up() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  void reset() {
    const linger now{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    hang_up();
  }

 private:
  int fd_;
};

// A listening socket, and a script that runs in a thread until it returns.
class Server {
 public:
  using Script = std::function<void(Server&)>;
  explicit Server(Script script, const char* ip = "127.0.0.1") {
    fd_ = bound_socket(ip, SOCK_STREAM, port);
    REQUIRE(fd_ >= 0);
    REQUIRE(listen(fd_, 64) == 0);
    address = *sys::parse_ip(ip, port);
    thread_ = std::thread([this, script] { script(*this); });
  }
  ~Server() {
    join();
    close(fd_);
  }
  void join() {
    if (thread_.joinable()) thread_.join();
  }
  Peer accept(int ms = kPatienceMs) {
    return Peer(readable(fd_, ms) ? ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC) : -1);
  }

  uint16_t port = 0;
  sys::Address address;

 private:
  int fd_ = -1;
  std::thread thread_;
};

}  // namespace chimera_test
