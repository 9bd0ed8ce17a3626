#include "chimera/sys/append_file.hpp"

#include <stdlib.h>
#include <unistd.h>

#include "chimera/sys/file.hpp"
#include "tests/check.hpp"

using namespace chimera;
using namespace chimera_test;

namespace {

TEST_CASE("two writers add to one file, and what was there stays") {
  char path[] = "/tmp/chimera_append_XXXXXX";
  close(mkstemp(path));
  REQUIRE(sys::write_file_atomic(path, "old\n").has_value());
  {
    sys::AppendFile a, b;
    CHECK(!a.is_open());
    REQUIRE(a.open(path).has_value());
    REQUIRE(b.open(path).has_value());
    CHECK(a.write("a1\n").has_value());
    CHECK(b.write("b1\n").has_value());
    CHECK(a.write("").has_value());
    CHECK(a.write("a2\n").has_value());
  }
  CHECK(sys::read_file(path, 100).value() == "old\na1\nb1\na2\n");
  unlink(path);
}

TEST_CASE("an append file that cannot be had") {
  sys::AppendFile a;
  const Result<void> r = a.open("/tmp/chimera_no_such_directory/x");
  REQUIRE(!r.has_value());
  CHECK(r.error().code == Errc::not_found);
  CHECK(!a.is_open());
  sys::AppendFile full;
  REQUIRE(full.open("/dev/full").has_value());
  CHECK(full.write("x").error().code == Errc::io);
}

}  // namespace
