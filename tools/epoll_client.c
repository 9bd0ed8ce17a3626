// The limit that chimera is measured against: the least a program can do for the same requests.
//
//   epoll_client [-a AGENTS] [-r REQUESTS] [-n TOKENS] [-p PROMPT_BYTES] URL...
//
// AGENTS (2) connections, agent i to URL[i mod n], each sends REQUESTS (2) streaming
// POST /api/generate one after the other and reads the answers: chunked framing, one JSON object
// per line, searched for "response" and "done":true and no further. One thread, level-triggered
// epoll, reads of 1 KB, no allocation after the start. Prints the number of tokens; exit 1 on any
// surprise.
//
// What it leaves out on purpose, and chimera does: JSON grammar, deadlines, strict framing, keeping
// the text, records, reports. Only http://<IPv4 address>:<port> is understood.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { kReadSize = 1024, kLineMax = 1 << 16, kHeadMax = 1 << 13, kMaxAgents = 64 };

enum State { st_head, st_size, st_extension, st_data, st_data_end, st_trailer };

struct Agent {
  int fd;
  int requests_left;
  int writing;           // the request is not yet all out
  size_t sent;
  enum State state;
  size_t chunk_left;
  size_t trailer_len;    // bytes in the current trailer line
  size_t head_len;
  size_t line_len;
  int done;              // "done":true was seen in this answer
  char head[kHeadMax];
  char line[kLineMax];
};

static struct Agent agents[kMaxAgents];
static char* request;
static size_t request_len;
static long tokens;
static int poller;

static void die(const char* what) {
  fprintf(stderr, "epoll_client: %s: %s\n", what, errno ? strerror(errno) : "unexpected");
  exit(1);
}

static void make_request(long num_predict, size_t prompt_bytes) {
  char* prompt = malloc(prompt_bytes + 1);
  request = malloc(prompt_bytes + 1024);
  if (prompt == NULL || request == NULL) die("malloc");
  memset(prompt, 'x', prompt_bytes);
  prompt[prompt_bytes] = 0;
  char tail[128];
  const int tail_len = snprintf(tail, sizeof tail,
      "\",\"stream\":true,\"options\":{\"num_predict\":%ld}}", num_predict);
  const char front[] = "{\"model\":\"gemma3:latest\",\"prompt\":\"";
  const size_t body = sizeof front - 1 + prompt_bytes + (size_t)tail_len;
  request_len = (size_t)sprintf(request,
      "POST /api/generate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
      "Content-Length: %zu\r\n\r\n%s%s%s", body, front, prompt, tail);
  free(prompt);
}

static void watch(struct Agent* a, int how, unsigned events) {
  struct epoll_event e = {.events = events, .data.ptr = a};
  if (epoll_ctl(poller, how, a->fd, &e) != 0) die("epoll_ctl");
}

static void dial(struct Agent* a, const char* url) {
  char host[64];
  unsigned port = 0;
  if (sscanf(url, "http://%63[0-9.]:%u", host, &port) != 2) {
    fprintf(stderr, "epoll_client: not http://<IPv4>:<port>: %s\n", url);
    exit(2);
  }
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  inet_pton(AF_INET, host, &to.sin_addr);
  a->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (a->fd < 0) die("socket");
  const int on = 1;
  setsockopt(a->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(a->fd, (struct sockaddr*)&to, sizeof to) != 0 && errno != EINPROGRESS) die("connect");
  errno = 0;
  a->writing = 1;
  watch(a, EPOLL_CTL_ADD, EPOLLOUT);
}

static void send_more(struct Agent* a) {
  const ssize_t n = write(a->fd, request + a->sent, request_len - a->sent);
  if (n < 0 && errno == EAGAIN) return;
  if (n < 0) die("write");
  a->sent += (size_t)n;
  if (a->sent < request_len) return;
  a->writing = 0;
  watch(a, EPOLL_CTL_MOD, EPOLLIN);
}

static void start_request(struct Agent* a) {
  a->sent = 0;
  a->state = st_head;
  a->head_len = a->line_len = a->done = 0;
  const ssize_t n = write(a->fd, request, request_len);
  if (n < 0 && errno != EAGAIN) die("write");
  if (n > 0) a->sent = (size_t)n;
  if (a->sent == request_len) return;
  a->writing = 1;
  watch(a, EPOLL_CTL_MOD, EPOLLOUT);
}

static void on_line(struct Agent* a) {
  static const char key[] = "\"response\":\"";
  const char* text = memmem(a->line, a->line_len, key, sizeof key - 1);
  if (text != NULL && text[sizeof key - 1] != '"') ++tokens;
  if (memmem(a->line, a->line_len, "\"done\":true", 11) != NULL) a->done = 1;
  a->line_len = 0;
}

static void on_data(struct Agent* a, const char* p, size_t n) {
  while (n > 0) {
    const char* end = memchr(p, '\n', n);
    const size_t part = end != NULL ? (size_t)(end - p) : n;
    if (a->line_len + part >= kLineMax) die("line too long");
    memcpy(a->line + a->line_len, p, part);
    a->line_len += part;
    if (end == NULL) return;
    on_line(a);
    p += part + 1;
    n -= part + 1;
  }
}

// Takes bytes of the head; returns how many belonged to it.
static size_t on_head(struct Agent* a, const char* p, size_t n) {
  const size_t before = a->head_len;
  const size_t part = n < kHeadMax - before - 1 ? n : kHeadMax - before - 1;
  memcpy(a->head + before, p, part);
  a->head_len += part;
  const char* end = memmem(a->head, a->head_len, "\r\n\r\n", 4);
  if (end == NULL) {
    if (part < n) die("head too long");
    return n;
  }
  a->head[end - a->head] = 0;
  if (memcmp(a->head, "HTTP/1.1 200", 12) != 0) die("status is not 200");
  if (strcasestr(a->head, "transfer-encoding: chunked") == NULL) die("answer is not chunked");
  a->state = st_size;
  a->chunk_left = 0;
  return (size_t)(end + 4 - a->head) - before;
}

static void on_size_byte(struct Agent* a, char c) {
  if (c >= '0' && c <= '9') a->chunk_left = a->chunk_left * 16 + (size_t)(c - '0');
  else if (c >= 'a' && c <= 'f') a->chunk_left = a->chunk_left * 16 + (size_t)(c - 'a' + 10);
  else if (c >= 'A' && c <= 'F') a->chunk_left = a->chunk_left * 16 + (size_t)(c - 'A' + 10);
  else if (c == '\n') a->state = a->chunk_left > 0 ? st_data : st_trailer, a->trailer_len = 0;
  else a->state = st_extension;
}

// Returns 1 when the message is complete.
static int on_bytes(struct Agent* a, const char* p, size_t n) {
  while (n > 0) {
    size_t used = 1;
    switch (a->state) {
      case st_head: used = on_head(a, p, n); break;
      case st_size: on_size_byte(a, *p); break;
      case st_extension:
        if (*p == '\n') a->state = a->chunk_left > 0 ? st_data : st_trailer, a->trailer_len = 0;
        break;
      case st_data:
        used = n < a->chunk_left ? n : a->chunk_left;
        on_data(a, p, used);
        a->chunk_left -= used;
        if (a->chunk_left == 0) a->state = st_data_end;
        break;
      case st_data_end:
        if (*p == '\n') a->state = st_size;
        break;
      case st_trailer:
        if (*p == '\n' && a->trailer_len == 0) return 1;
        if (*p == '\n') a->trailer_len = 0;
        else if (*p != '\r') ++a->trailer_len;
        break;
    }
    p += used;
    n -= used;
  }
  return 0;
}

// Returns 1 when the agent has had all its answers.
static int read_more(struct Agent* a) {
  static char buffer[kReadSize];
  const ssize_t n = read(a->fd, buffer, sizeof buffer);
  if (n < 0 && errno == EAGAIN) return 0;
  if (n < 0) die("read");
  errno = 0;
  if (n == 0) die("the server closed early");
  if (!on_bytes(a, buffer, (size_t)n)) return 0;
  if (!a->done) die("no \"done\":true");
  if (--a->requests_left > 0) {
    start_request(a);
    return 0;
  }
  close(a->fd);
  return 1;
}

int main(int argc, char** argv) {
  int n_agents = 2, n_requests = 2, option;
  long num_predict = 128;
  size_t prompt_bytes = 4096;
  while ((option = getopt(argc, argv, "a:r:n:p:")) != -1) {
    if (option == 'a') n_agents = atoi(optarg);
    else if (option == 'r') n_requests = atoi(optarg);
    else if (option == 'n') num_predict = atol(optarg);
    else if (option == 'p') prompt_bytes = (size_t)atol(optarg);
    else return 2;
  }
  const int n_urls = argc - optind;
  if (n_urls < 1 || n_agents < 1 || n_agents > kMaxAgents || n_requests < 1) return 2;

  make_request(num_predict, prompt_bytes);
  poller = epoll_create1(EPOLL_CLOEXEC);
  if (poller < 0) die("epoll_create1");
  for (int i = 0; i < n_agents; ++i) {
    agents[i].requests_left = n_requests;
    dial(&agents[i], argv[optind + i % n_urls]);
  }
  int running = n_agents;
  while (running > 0) {
    struct epoll_event ready[kMaxAgents];
    const int n = epoll_wait(poller, ready, kMaxAgents, -1);
    if (n < 0 && errno != EINTR) die("epoll_wait");
    for (int i = 0; i < n; ++i) {
      struct Agent* a = ready[i].data.ptr;
      if (a->writing) send_more(a);
      else running -= read_more(a);
    }
  }
  printf("%ld\n", tokens);
  return 0;
}
