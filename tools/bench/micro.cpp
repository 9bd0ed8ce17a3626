// Micro-benchmarks of what runs for every token, task and timer, each beside a peer or a limit.
//
//   micro [quick] [-k PART]      PART: only rows whose name contains it
//
// Linked from the product's own objects, built as the product is. Exit 1 when a limit is broken.
#include <stdio.h>
#include <string.h>

#include "bench.hpp"

int main(int argc, char** argv) {
  bool quick = false;
  const char* only = "";
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "quick") == 0) {
      quick = true;
    } else if (strcmp(argv[i], "-k") == 0 && i + 1 < argc) {
      only = argv[++i];
    } else {
      fprintf(stderr, "usage: micro [quick] [-k PART]\n");
      return 2;
    }
  }
  bench::Table table(only, quick);
  bench::wire_rows(table);
  bench::runtime_rows(table);
  return table.ok() ? 0 : 1;
}
