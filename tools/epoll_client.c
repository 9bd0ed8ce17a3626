// The limit that chimera is measured against: the least a program can do for the same requests.
//
//   epoll_client [-a AGENTS] [-r REQUESTS] [-n TOKENS] [-p PROMPT_BYTES] [-t FILE] [-v] URL...
//
// AGENTS (2) connections, agent i to URL[i mod n], each sends REQUESTS (2) streaming
// POST /api/generate one after the other and reads the answers: chunked framing, one JSON object
// per line, searched for "response" and "done":true and no further. One thread, level-triggered
// epoll, one read buffer of 1 KB for all; an agent owns memory only while something incomplete is
// kept. Connections are made in groups of 10, 1 ms apart. Prints "<n> tokens <n> reads";
// exit 1 on any surprise.
//
//   -t FILE   writes "<agent> <ns>" for each token: the monotonic instant its read returned
//   -v        prints "wall <seconds>" and "agent <i> <seconds>", from the dialling to the last byte
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
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { kReadSize = 1024, kKeptMax = 1 << 16, kMaxAgents = 10000, kBatch = 64 };
enum { kGroup = 10, kGroupMs = 1 };

enum State { st_head, st_size, st_extension, st_data, st_data_end, st_trailer };

struct Agent {
  int fd;
  int requests_left;
  size_t sent;           // of the request; less than its length: waiting to write
  enum State state;
  int done;              // "done":true was seen in this answer
  size_t chunk_left;
  size_t trailer_len;    // bytes in the current trailer line
  char* kept;            // an incomplete head or line
  size_t kept_len, kept_room;
  long long began, ended;
};

static struct Agent* agents;
static char* request;
static size_t request_len;
static long tokens, reads;
static int poller;
static FILE* trace;
static long long read_at;   // when the last read returned; only known with a trace
static struct Note { long long agent, at; }* notes;
static size_t n_notes, note_room;

static void die(const char* what) {
  fprintf(stderr, "epoll_client: %s: %s\n", what, errno ? strerror(errno) : "unexpected");
  exit(1);
}

static long long now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
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
  a->began = now_ns();
  a->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (a->fd < 0) die("socket");
  const int on = 1;
  setsockopt(a->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(a->fd, (struct sockaddr*)&to, sizeof to) != 0 && errno != EINPROGRESS) die("connect");
  errno = 0;
  watch(a, EPOLL_CTL_ADD, EPOLLOUT);
}

static void send_more(struct Agent* a) {
  const ssize_t n = write(a->fd, request + a->sent, request_len - a->sent);
  if (n < 0 && errno == EAGAIN) return;
  if (n < 0) die("write");
  a->sent += (size_t)n;
  if (a->sent == request_len) watch(a, EPOLL_CTL_MOD, EPOLLIN);
}

static void start_request(struct Agent* a) {
  a->sent = 0;
  a->state = st_head;
  a->kept_len = 0;
  a->done = 0;
  const ssize_t n = write(a->fd, request, request_len);
  if (n < 0 && errno != EAGAIN) die("write");
  if (n > 0) a->sent = (size_t)n;
  if (a->sent < request_len) watch(a, EPOLL_CTL_MOD, EPOLLOUT);
}

static void keep(struct Agent* a, const char* p, size_t n) {
  if (a->kept_len + n > kKeptMax) die("head or line too long");
  if (a->kept_len + n > a->kept_room) {
    a->kept_room = a->kept_len + n > kReadSize ? kKeptMax : kReadSize;
    a->kept = realloc(a->kept, a->kept_room);
    if (a->kept == NULL) die("realloc");
  }
  memcpy(a->kept + a->kept_len, p, n);
  a->kept_len += n;
}

static void note(const struct Agent* a) {
  if (n_notes == note_room) {
    note_room = note_room * 2 + 1024;
    notes = realloc(notes, note_room * sizeof *notes);
    if (notes == NULL) die("realloc");
  }
  notes[n_notes++] = (struct Note){a - agents, read_at};
}

static void on_line(struct Agent* a, const char* line, size_t n) {
  static const char key[] = "\"response\":\"";
  const char* text = memmem(line, n, key, sizeof key - 1);
  if (text != NULL && text[sizeof key - 1] != '"') {
    ++tokens;
    if (trace != NULL) note(a);
  }
  if (memmem(line, n, "\"done\":true", 11) != NULL) a->done = 1;
}

static void on_data(struct Agent* a, const char* p, size_t n) {
  while (n > 0) {
    const char* end = memchr(p, '\n', n);
    if (end == NULL) {
      keep(a, p, n);
      return;
    }
    const size_t part = (size_t)(end - p);
    if (a->kept_len == 0) {
      on_line(a, p, part);
    } else {
      keep(a, p, part);
      on_line(a, a->kept, a->kept_len);
      a->kept_len = 0;
    }
    p += part + 1;
    n -= part + 1;
  }
}

static int is_chunked(const char* head, size_t n) {
  static const char coding[] = "transfer-encoding: chunked";
  for (; n >= sizeof coding - 1; ++head, --n) {
    if (strncasecmp(head, coding, sizeof coding - 1) == 0) return 1;
  }
  return 0;
}

// Takes bytes of the head; returns how many belonged to it.
static size_t on_head(struct Agent* a, const char* p, size_t n) {
  const size_t before = a->kept_len;
  if (before > 0) keep(a, p, n);
  const char* head = before > 0 ? a->kept : p;
  const size_t len = before > 0 ? a->kept_len : n;
  const char* end = memmem(head, len, "\r\n\r\n", 4);
  if (end == NULL) {
    if (before == 0) keep(a, p, n);
    return n;
  }
  const size_t size = (size_t)(end + 4 - head);
  if (size < 12 || memcmp(head, "HTTP/1.1 200", 12) != 0) die("status is not 200");
  if (!is_chunked(head, size)) die("answer is not chunked");
  a->kept_len = 0;
  a->state = st_size;
  a->chunk_left = 0;
  return size - before;
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
  ++reads;
  if (n == 0) die("the server closed early");
  if (trace != NULL) read_at = now_ns();
  if (!on_bytes(a, buffer, (size_t)n)) return 0;
  if (!a->done) die("no \"done\":true");
  if (--a->requests_left > 0) {
    start_request(a);
    return 0;
  }
  a->ended = now_ns();
  close(a->fd);
  return 1;
}

// Agents [from, n) as far as a group goes; returns where the next one begins.
static int dial_group(int from, int n, char** urls, int n_urls) {
  const int to = n - from < kGroup ? n : from + kGroup;
  for (int i = from; i < to; ++i) dial(&agents[i], urls[i % n_urls]);
  return to;
}

static void work(int n_agents, char** urls, int n_urls) {
  int running = n_agents, dialled = dial_group(0, n_agents, urls, n_urls);
  long long next = dialled < n_agents ? now_ns() + kGroupMs * 1000000LL : 0;
  while (running > 0) {
    struct epoll_event ready[kBatch];
    const int n = epoll_wait(poller, ready, kBatch, dialled < n_agents ? kGroupMs : -1);
    if (n < 0 && errno != EINTR) die("epoll_wait");
    for (int i = 0; i < n; ++i) {
      struct Agent* a = ready[i].data.ptr;
      if (a->sent < request_len) send_more(a);
      else running -= read_more(a);
    }
    if (dialled < n_agents && now_ns() >= next) {
      dialled = dial_group(dialled, n_agents, urls, n_urls);
      next += kGroupMs * 1000000LL;
    }
  }
}

static void write_trace(void) {
  for (size_t i = 0; i < n_notes; ++i) fprintf(trace, "%lld %lld\n", notes[i].agent, notes[i].at);
  if (fclose(trace) != 0) die("trace");
}

static void print_times(int n_agents, long long began) {
  long long ended = began;
  for (int i = 0; i < n_agents; ++i) {
    if (agents[i].ended > ended) ended = agents[i].ended;
    printf("agent %d %.9f\n", i, (double)(agents[i].ended - agents[i].began) / 1e9);
  }
  printf("wall %.9f\n", (double)(ended - began) / 1e9);
}

int main(int argc, char** argv) {
  int n_agents = 2, n_requests = 2, verbose = 0, option;
  long num_predict = 128;
  size_t prompt_bytes = 4096;
  while ((option = getopt(argc, argv, "a:r:n:p:t:v")) != -1) {
    if (option == 'a') n_agents = atoi(optarg);
    else if (option == 'r') n_requests = atoi(optarg);
    else if (option == 'n') num_predict = atol(optarg);
    else if (option == 'p') prompt_bytes = (size_t)atol(optarg);
    else if (option == 't' && (trace = fopen(optarg, "w")) == NULL) die(optarg);
    else if (option == 'v') verbose = 1;
    else if (option == '?') return 2;
  }
  const int n_urls = argc - optind;
  if (n_urls < 1 || n_agents < 1 || n_agents > kMaxAgents || n_requests < 1) return 2;

  make_request(num_predict, prompt_bytes);
  poller = epoll_create1(EPOLL_CLOEXEC);
  if (poller < 0) die("epoll_create1");
  agents = calloc((size_t)n_agents, sizeof *agents);
  if (agents == NULL) die("calloc");
  for (int i = 0; i < n_agents; ++i) agents[i].requests_left = n_requests;
  const long long began = now_ns();
  work(n_agents, argv + optind, n_urls);
  if (verbose) print_times(n_agents, began);
  printf("%ld tokens %ld reads\n", tokens, reads);
  if (trace != NULL) write_trace();
  return 0;
}
