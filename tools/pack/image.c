// image ELF IMAGE HEADER: what a static program of any machine looks like in memory, ready to be
// compressed, and what tools/pack/stub.c has to know of it.
//
// IMAGE gets the bytes from the lowest to the highest that come from the file; those of an x86
// with the targets of calls and jumps made absolute (E8 and E9): the same function called from ten
// places is then the same five bytes ten times, which is a tenth of the packed size. HEADER gets
// #defines.
#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *what) {
  fprintf(stderr, "pack: %s\n", what);
  exit(1);
}

static unsigned char *read_all(const char *path, size_t *size) {
  FILE *f = fopen(path, "rb");
  if (!f || fseek(f, 0, SEEK_END) != 0) fail("cannot read the program");
  *size = (size_t)ftell(f);
  rewind(f);
  unsigned char *bytes = malloc(*size);
  if (!bytes || fread(bytes, 1, *size, f) != *size) fail("cannot read the program");
  fclose(f);
  return bytes;
}

// An ELF file of any machine: 32 or 64 bits, in either order of bytes.
typedef struct {
  const unsigned char *bytes;
  size_t size;
  int wide, big;
} Elf;

typedef struct {
  uint64_t type, flags, offset, at, stored, memory;
} Part;

static uint64_t number(const Elf *e, size_t at, int bytes) {
  if (at + (size_t)bytes > e->size) fail("the program is cut off");
  uint64_t value = 0;
  for (int i = 0; i < bytes; ++i)
    value = value << 8 | e->bytes[at + (size_t)(e->big ? i : bytes - 1 - i)];
  return value;
}

static uint64_t word(const Elf *e, size_t at) { return number(e, at, e->wide ? 8 : 4); }

static uint64_t headers_at(const Elf *e) { return word(e, e->wide ? 32 : 28); }

static int parts(const Elf *e) { return (int)number(e, e->wide ? 56 : 44, 2); }

static Part part(const Elf *e, int index) {
  const size_t each = e->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
  const size_t at = headers_at(e) + (size_t)index * each;
  const size_t w = e->wide ? 8 : 4;
  Part p = {.type = number(e, at, 4), .offset = word(e, at + w), .at = word(e, at + 2 * w),
            .stored = word(e, at + 4 * w), .memory = word(e, at + 5 * w)};
  p.flags = number(e, at + (e->wide ? 4 : 24), 4);
  if (p.type == PT_LOAD && p.offset + p.stored > e->size) fail("the program is cut off");
  return p;
}

// Of a target inside the image, relative to absolute; of the values that this would produce twice,
// the other ones move out of the way. The stub does the reverse with the same conditions.
static void make_absolute(unsigned char *image, int32_t size) {
  for (int32_t i = 0; i + 5 <= size; ++i) {
    if ((image[i] & 0xfe) != 0xe8) continue;
    int32_t relative, from = i + 5;
    memcpy(&relative, image + from - 4, 4);
    if (relative >= -from && relative < size) {
      const int32_t value = relative < size - from ? relative + from : relative - size;
      memcpy(image + from - 4, &value, 4);
    }
    i += 4;
  }
}

static Elf open_elf(const char *path) {
  Elf e = {0};
  e.bytes = read_all(path, &e.size);
  if (e.size < sizeof(Elf64_Ehdr) || memcmp(e.bytes, ELFMAG, SELFMAG) != 0) fail("not a program");
  e.wide = e.bytes[EI_CLASS] == ELFCLASS64;
  e.big = e.bytes[EI_DATA] == ELFDATA2MSB;
  if (number(&e, 16, 2) != ET_EXEC) fail("not a static program at a fixed address");
  return e;
}

int main(int argc, char **argv) {
  if (argc != 4) fail("usage: image ELF IMAGE HEADER");
  const Elf elf = open_elf(argv[1]);
  const uint64_t machine = number(&elf, 18, 2), table = headers_at(&elf);
  uint64_t low = UINT64_MAX, stored = 0, high = 0, code = 0, headers = 0;
  for (int i = 0; i < parts(&elf); ++i) {
    const Part p = part(&elf, i);
    if (p.type == PT_INTERP) fail("the program is not static");
    if (p.type != PT_LOAD) continue;
    const uint64_t end = p.at + p.memory;
    if (p.at < low) low = p.at;
    if (p.stored != 0 && p.at + p.stored > stored) stored = p.at + p.stored;
    if (end > high) high = end;
    if ((p.flags & PF_X) != 0 && end > code) code = end;
    if (p.offset <= table && table < p.offset + p.stored) headers = p.at + table - p.offset;
  }
  low &= ~(uint64_t)4095;
  if (headers == 0) fail("its program headers are not in memory");
  unsigned char *image = calloc(1, stored - low);
  for (int i = 0; image && i < parts(&elf); ++i) {
    const Part p = part(&elf, i);
    if (p.type == PT_LOAD) memcpy(image + p.at - low, elf.bytes + p.offset, p.stored);
  }
  // Instructions of an x86 begin anywhere; those of the others at whole words, or half ones.
  const int x86 = machine == EM_X86_64 || machine == EM_386;
  if (x86) make_absolute(image, (int32_t)(stored - low));
  FILE *f = fopen(argv[2], "wb");
  if (!f || fwrite(image, 1, stored - low, f) != stored - low || fclose(f) != 0)
    fail("cannot write the image");
  // The stub begins at the next 16 MB.
  f = fopen(argv[3], "w");
  if (!f || fprintf(f,
                    "#define LOW 0x%lx\n#define STORED %lu\n#define WHOLE %lu\n#define CODE %lu\n"
                    "#define ENTRY 0x%lx\n#define HEADERS 0x%lx\n#define HEADER_COUNT %d\n"
                    "#define STUB 0x%lx\n#define X86 %d\n"
                    "#define LC %d\n#define LP %d\n#define PB %d\n",
                    low, stored - low, high - low, code - low, word(&elf, 24), headers,
                    parts(&elf), (high + 0xffffff) & ~0xfffffful, x86, x86 ? 3 : 1, x86 ? 0 : 2,
                    x86 ? 0 : 2) < 0 ||
      fclose(f) != 0)
    fail("cannot write the header");
  return 0;
}
