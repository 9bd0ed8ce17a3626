#include "chimera/sys/file.hpp"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "chimera/sys/thread.hpp"
#include "tests/sys/file_rig.hpp"

using namespace chimera;
using namespace chimera::sys;
using namespace chimera_test::files;

// The C library's, which this takes the place of: it can fail.
static int g_syncs = 0, g_sync_error = 0;
extern "C" int fsync(int fd) {
  ++g_syncs;
  errno = g_sync_error;
  return g_sync_error != 0 ? -1 : static_cast<int>(syscall(SYS_fsync, fd));
}

namespace {

size_t entries(const TempDir& dir) { return list_directory(dir.path())->size(); }

}  // namespace

TEST_CASE("files of every size around the read sizes come whole") {
  const TempDir dir;
  for (const size_t size : {0ul, 1ul, 2ul, 4095ul, 4096ul, 16383ul, 16384ul, 16385ul, 1000003ul}) {
    CAPTURE(size);
    const std::string data = pattern(size);
    put(dir / "f", data);
    const Result<std::string> r = read_file(dir / "f", size);
    REQUIRE(r.has_value());
    CHECK(*r == data);
    if (size == 0) continue;
    const Result<std::string> over = read_file(dir / "f", size - 1);
    REQUIRE_FALSE(over.has_value());
    CHECK(over.error().code == Errc::too_large);
  }
}

TEST_CASE("a file whose size lies is read to its end, and its limit holds") {
  const Result<std::string> maps = read_file("/proc/self/maps", SIZE_MAX);  // size 0, many pages
  REQUIRE(maps.has_value());
  CHECK(maps->size() > 500);
  CHECK(maps->find("[stack]") != std::string::npos);
  const Result<std::string> over = read_file("/proc/self/maps", 100);
  REQUIRE_FALSE(over.has_value());
  CHECK(over.error().code == Errc::too_large);
  const Result<std::string> none = read_file("/proc/self/maps", 0);
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().code == Errc::too_large);
}

TEST_CASE("what cannot be read says why, and nothing hangs") {
  const TempDir dir;
  put(dir / "plain", "x");
  REQUIRE(mkfifo((dir / "fifo").c_str(), 0600) == 0);
  REQUIRE(symlink("loop-b", (dir / "loop-a").c_str()) == 0);
  REQUIRE(symlink("loop-a", (dir / "loop-b").c_str()) == 0);
  REQUIRE(symlink("nowhere", (dir / "dangling").c_str()) == 0);
  REQUIRE(mkdir((dir / "sub").c_str(), 0700) == 0);
  struct Case {
    const char* name;
    std::string path;
    Errc code;
    int os;
  };
  const Case cases[] = {
      {"not there", dir / "missing", Errc::not_found, ENOENT},
      {"directory not there", dir / "missing/file", Errc::not_found, ENOENT},
      {"below a file", dir / "plain/file", Errc::not_found, ENOTDIR},
      {"dangling link", dir / "dangling", Errc::not_found, ENOENT},
      {"empty path", "", Errc::not_found, ENOENT},
      {"link loop", dir / "loop-a", Errc::io, ELOOP},
      {"name too long", dir / std::string(300, 'n'), Errc::io, ENAMETOOLONG},
      {"directory", dir / "sub", Errc::bad_input, EISDIR},
      {"FIFO", dir / "fifo", Errc::bad_input, 0},
      {"device", "/dev/zero", Errc::bad_input, 0},
      {"NUL inside", (dir / "plain") + std::string(1, '\0') + "x", Errc::bad_input, 0},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    const Result<std::string> r = read_file(c.path, 100);
    REQUIRE_FALSE(r.has_value());
    CHECK(r.error().code == c.code);
    CHECK(r.error().os == c.os);
  }
}

TEST_CASE("a file is on the disk before it has its name") {
  const TempDir dir;
  const int before = g_syncs;
  REQUIRE(write_file_atomic(dir / "a", "one").has_value());
  CHECK(g_syncs > before);
  g_sync_error = EIO;
  const Result<void> bad = write_file_atomic(dir / "a", "two");
  g_sync_error = 0;
  REQUIRE_FALSE(bad.has_value());
  CHECK(bad.error().os == EIO);
  CHECK(get(dir / "a") == "one");
  CHECK(entries(dir) == 1);
}

TEST_CASE("names are bytes") {
  const TempDir dir;
  for (const char* name : {"two\nlines", " ", "-", "\xff\xfe", "tab\there", "*", "\xc3\xa9"}) {
    CAPTURE(name);
    REQUIRE(write_file_atomic(dir / name, name).has_value());
    CHECK(get(dir / name) == name);
    CHECK(file_info(dir / name, true)->kind == FileInfo::Kind::regular);
  }
  CHECK(entries(dir) == 7);
}

TEST_CASE("writing makes and replaces files, and leaves nothing else") {
  const TempDir dir;
  const std::string long_name(NAME_MAX, 'n');
  for (const std::string& name : {std::string("f"), long_name}) {
    for (const size_t size : {5ul, 0ul, 3000017ul, 1ul}) {
      CAPTURE(size);
      const std::string data = pattern(size);
      REQUIRE(write_file_atomic(dir / name, data).has_value());
      CHECK(get(dir / name) == data);
    }
  }
  CHECK(entries(dir) == 2);
}

TEST_CASE("a relative path is written where the process is") {
  const TempDir dir;
  const int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  REQUIRE(chdir(dir.path().c_str()) == 0);
  const bool written = write_file_atomic("plain", "a").has_value() &&
                       make_directories("deep/er").has_value() &&
                       write_file_atomic("deep/er/file", "b").has_value();
  REQUIRE(fchdir(here) == 0);
  close(here);
  CHECK(written);
  CHECK(get(dir / "plain") == "a");
  CHECK(get(dir / "deep/er/file") == "b");
}

TEST_CASE("a new file has the mode the umask leaves") {
  const TempDir dir;
  const mode_t before = umask(027);
  const bool written = write_file_atomic(dir / "f", "x").has_value();
  umask(before);
  REQUIRE(written);
  struct stat st;
  REQUIRE(stat((dir / "f").c_str(), &st) == 0);
  CHECK((st.st_mode & 07777) == 0640);
}

TEST_CASE("who has the old file open keeps it") {
  const TempDir dir;
  put(dir / "f", "old");
  const int fd = open((dir / "f").c_str(), O_RDONLY);
  REQUIRE(write_file_atomic(dir / "f", "new!").has_value());
  char bytes[8];
  CHECK(read(fd, bytes, sizeof bytes) == 3);
  CHECK(memcmp(bytes, "old", 3) == 0);
  close(fd);
  CHECK(get(dir / "f") == "new!");
}

TEST_CASE("writing through a link keeps the link") {
  const TempDir dir;
  REQUIRE(mkdir((dir / "sub").c_str(), 0700) == 0);
  put(dir / "sub/real", "old");
  REQUIRE(symlink("sub/real", (dir / "link").c_str()) == 0);
  REQUIRE(write_file_atomic(dir / "link", "new").has_value());
  CHECK(get(dir / "sub/real") == "new");
  CHECK(list_directory(dir.path())->at(0).is_link);
  CHECK(list_directory(dir / "sub")->size() == 1);
}

TEST_CASE("a write that fails says why, leaves the old file and no temporary one") {
  const TempDir dir;
  put(dir / "plain", "kept");
  REQUIRE(mkdir((dir / "sub").c_str(), 0700) == 0);
  REQUIRE(symlink("loop", (dir / "loop").c_str()) == 0);
  struct Case {
    const char* name;
    std::string path;
    Errc code;
    int os;
  };
  const Case cases[] = {
      {"below a file", dir / "plain/f", Errc::io, ENOTDIR},
      {"directory not there", dir / "missing/f", Errc::io, ENOENT},
      {"onto a directory", dir / "sub", Errc::io, EISDIR},
      {"a directory's name", dir / "missing/", Errc::io, ENOENT},
      {"empty path", "", Errc::io, ENOENT},
      {"name too long", dir / std::string(300, 'n'), Errc::io, ENAMETOOLONG},
      {"link loop", dir / "loop", Errc::io, ELOOP},
      {"full device", "/dev/full", Errc::io, ENOSPC},
      {"NUL inside", (dir / "plain") + std::string(1, '\0') + "x", Errc::bad_input, 0},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    const Result<void> r = write_file_atomic(c.path, "data");
    REQUIRE_FALSE(r.has_value());
    CHECK(r.error().code == c.code);
    CHECK(r.error().os == c.os);
    CHECK(entries(dir) == 3);
    CHECK(list_directory(dir / "sub")->empty());
  }
  CHECK(get(dir / "plain") == "kept");
}

TEST_CASE("a device or a FIFO is written to, not replaced") {
  REQUIRE(write_file_atomic("/dev/null", "data").has_value());
  CHECK(file_info("/dev/null", false)->kind == FileInfo::Kind::other);
  CHECK(file_info("/dev/full", false)->kind == FileInfo::Kind::other);  // written to above

  const TempDir dir;
  REQUIRE(mkfifo((dir / "fifo").c_str(), 0600) == 0);
  const int reader = open((dir / "fifo").c_str(), O_RDONLY | O_NONBLOCK);
  REQUIRE(write_file_atomic(dir / "fifo", "through").has_value());
  char bytes[16];
  CHECK(read(reader, bytes, sizeof bytes) == 7);
  close(reader);
  CHECK(entries(dir) == 1);
}

TEST_CASE("a write that runs out of room in the middle leaves nothing") {
  const TempDir dir;
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  const rlimit small{.rlim_cur = 10000, .rlim_max = before.rlim_max};
  const auto handler = signal(SIGXFSZ, SIG_IGN);
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  const Result<void> r = write_file_atomic(dir / "f", pattern(20000));
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, handler);
  REQUIRE_FALSE(r.has_value());
  CHECK(r.error().code == Errc::io);
  CHECK(r.error().os == EFBIG);
  CHECK(entries(dir) == 0);
}

TEST_CASE("writers at the same time do not disturb each other") {
  struct Job {
    std::string path;
    std::string data;
    bool good = true;
  };
  const TempDir dir;
  Job jobs[4];
  Thread threads[4];
  for (size_t i = 0; i < 4; ++i) {
    jobs[i] = {dir / "f", std::string(50000, static_cast<char>('a' + i))};
    threads[i] = *Thread::start(
        [](void* p) {
          Job& j = *static_cast<Job*>(p);
          for (int n = 0; n < 20; ++n) j.good &= write_file_atomic(j.path, j.data).has_value();
        },
        &jobs[i]);
  }
  for (Thread& t : threads) t.join();
  for (const Job& j : jobs) CHECK(j.good);
  const std::string last = get(dir / "f");
  CHECK(last.size() == 50000);
  CHECK(last.find_first_not_of(last[0]) == std::string::npos);  // one writer's, whole
  CHECK(entries(dir) == 1);
}

TEST_CASE("directories are made with their parents") {
  const TempDir dir;
  for (const char* name : {"a/b/c", "a/b/c", "a", "d/", "e//f/", "a/./g", "a/../h"}) {
    CAPTURE(name);
    REQUIRE(make_directories(dir / name).has_value());
    CHECK(file_info(dir / name, true)->kind == FileInfo::Kind::directory);
  }
  CHECK(make_directories("/").has_value());
  CHECK(make_directories(".").has_value());
  CHECK(make_directories("/proc/self").has_value());  // exists, though nothing can be made there

  put(dir / "file", "x");
  REQUIRE(symlink("a", (dir / "link").c_str()) == 0);
  CHECK(make_directories(dir / "link/below").has_value());
  struct Case {
    const char* name;
    int os;
  };
  for (const Case& c : {Case{"file", EEXIST}, Case{"file/below", EEXIST}}) {
    CAPTURE(c.name);
    const Result<void> r = make_directories(dir / c.name);
    REQUIRE_FALSE(r.has_value());
    CHECK(r.error().code == Errc::io);
    CHECK(r.error().os == c.os);
  }
  CHECK(make_directories("").error().os == ENOENT);
}

TEST_CASE("what a file is") {
  const TempDir dir;
  put(dir / "f", "12345");
  REQUIRE(symlink("f", (dir / "link").c_str()) == 0);
  REQUIRE(mkfifo((dir / "fifo").c_str(), 0600) == 0);
  const timespec times[2] = {{.tv_sec = 1'000'000'000, .tv_nsec = 0},
                             {.tv_sec = 1'234'567'890, .tv_nsec = 5}};
  REQUIRE(utimensat(AT_FDCWD, (dir / "f").c_str(), times, 0) == 0);

  const FileInfo f = *file_info(dir / "f", false);
  CHECK(f.kind == FileInfo::Kind::regular);
  CHECK(f.size == 5);
  CHECK(f.mtime_s == 1'234'567'890);
  const FileInfo through = *file_info(dir / "link", true);
  CHECK(through.inode == f.inode);
  CHECK(through.device == f.device);
  CHECK(through.kind == FileInfo::Kind::regular);
  CHECK(file_info(dir / "link", false)->kind == FileInfo::Kind::other);
  CHECK(file_info(dir / "link", false)->inode != f.inode);
  CHECK(file_info(dir / "fifo", true)->kind == FileInfo::Kind::other);
  CHECK(file_info(dir.path(), true)->kind == FileInfo::Kind::directory);
  CHECK(file_info(dir / "none", true).error().code == Errc::not_found);
  CHECK(file_info(dir / "f/none", true).error().code == Errc::not_found);
}

TEST_CASE("a listing is sorted by bytes and knows links") {
  const TempDir dir;
  const std::vector<std::string> names = {"\n",  " ",  "...", ".hidden", "10", "9", "A",
                                          "a",   "aa", "b",   "link",    "sub", "\xc3\xa9", "\xff"};
  for (size_t i = names.size(); i-- > 0;) {
    if (names[i] == "sub") REQUIRE(mkdir((dir / "sub").c_str(), 0700) == 0);
    else if (names[i] == "link") REQUIRE(symlink("sub", (dir / "link").c_str()) == 0);
    else put(dir / names[i], "");
  }
  const Result<std::vector<DirectoryEntry>> got = list_directory(dir.path());
  REQUIRE(got.has_value());
  REQUIRE(got->size() == names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    CAPTURE(i);
    CHECK(got->at(i).name == names[i]);
    CHECK(got->at(i).is_link == (names[i] == "link"));
  }
  CHECK(list_directory(dir / "sub")->empty());
  CHECK(list_directory(dir / "none").error().code == Errc::not_found);
  CHECK(list_directory(dir / "a").error().os == ENOTDIR);
}

TEST_CASE("a large folder is listed in order") {
  const TempDir dir;
  for (int i = 0; i < 1500; ++i) put(dir / std::to_string(i * 7919 % 1500), "");
  const std::vector<DirectoryEntry> got = *list_directory(dir.path());
  REQUIRE(got.size() == 1500);
  int out_of_order = 0;
  for (size_t i = 1; i < got.size(); ++i) out_of_order += !(got[i - 1].name < got[i].name);
  CHECK(out_of_order == 0);
}

TEST_CASE("a last line without its end is cut off, and nothing else") {
  const TempDir dir;
  const std::string line(4095, 'x'), longer(9000, 'y');
  const std::pair<std::string, std::string> cases[] = {   // before, behind
      {"", ""},
      {"\n", "\n"},
      {"a", ""},
      {"a\n", "a\n"},
      {"a\nb", "a\n"},
      {"a\n\nb", "a\n\n"},
      {line + "\n", line + "\n"},                         // as much as is read at once
      {"a\n" + line, "a\n"},
      {"a\n" + line + "x", "a\n"},
      {"a\n" + line + "\n" + longer, "a\n" + line + "\n"},
      {longer, ""},
  };
  for (const auto& [before, behind] : cases) {
    CAPTURE(before.size());
    put(dir / "f", before);
    CHECK(cut_last_line(dir / "f").has_value());
    CHECK(get(dir / "f") == behind);
  }
  CHECK(cut_last_line(dir / "none").has_value());
  CHECK_FALSE(file_info(dir / "none", true).has_value());
  CHECK(cut_last_line("/dev/null").has_value());
  CHECK(cut_last_line(dir.path()).error().code == Errc::io);
}
