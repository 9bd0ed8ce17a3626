// image ELF IMAGE HEADER: what a static x86-64 program looks like in memory, ready to be
// compressed, and what tools/pack/stub.c has to know of it.
//
// IMAGE gets the bytes from the lowest to the highest that come from the file, with the targets of
// calls and jumps made absolute (E8 and E9): the same function called from ten places is then the
// same five bytes ten times, which is a tenth of the packed size. HEADER gets #defines.
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

int main(int argc, char **argv) {
  if (argc != 4) fail("usage: image ELF IMAGE HEADER");
  size_t size;
  const unsigned char *file = read_all(argv[1], &size);
  const Elf64_Ehdr *elf = (const Elf64_Ehdr *)file;
  if (size < sizeof *elf || memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0 ||
      elf->e_ident[EI_CLASS] != ELFCLASS64 || elf->e_machine != EM_X86_64 || elf->e_type != ET_EXEC)
    fail("not a static x86-64 program at a fixed address");
  const Elf64_Phdr *part = (const Elf64_Phdr *)(file + elf->e_phoff);
  uint64_t low = UINT64_MAX, stored = 0, high = 0, code = 0, headers = 0;
  for (int i = 0; i < elf->e_phnum; ++i) {
    if (part[i].p_type == PT_INTERP) fail("the program is not static");
    if (part[i].p_type != PT_LOAD) continue;
    const uint64_t at = part[i].p_vaddr, end = at + part[i].p_memsz;
    if (at < low) low = at;
    if (part[i].p_filesz != 0 && at + part[i].p_filesz > stored) stored = at + part[i].p_filesz;
    if (end > high) high = end;
    if ((part[i].p_flags & PF_X) != 0 && end > code) code = end;
    if (part[i].p_offset <= elf->e_phoff && elf->e_phoff < part[i].p_offset + part[i].p_filesz)
      headers = at + elf->e_phoff - part[i].p_offset;
  }
  low &= ~(uint64_t)4095;
  if (headers == 0) fail("its program headers are not in memory");
  unsigned char *image = calloc(1, stored - low);
  for (int i = 0; image && i < elf->e_phnum; ++i)
    if (part[i].p_type == PT_LOAD)
      memcpy(image + part[i].p_vaddr - low, file + part[i].p_offset, part[i].p_filesz);
  make_absolute(image, (int32_t)(stored - low));
  FILE *f = fopen(argv[2], "wb");
  if (!f || fwrite(image, 1, stored - low, f) != stored - low || fclose(f) != 0)
    fail("cannot write the image");
  // Whole pages that hold code alone; the page it shares with data stays writable.
  f = fopen(argv[3], "w");
  if (!f || fprintf(f,
                    "#define LOW 0x%lx\n#define STORED %lu\n#define WHOLE %lu\n#define CODE %lu\n"
                    "#define ENTRY 0x%lx\n#define HEADERS 0x%lx\n#define HEADER_COUNT %d\n",
                    low, stored - low, high - low, (code - low) & ~4095ul, elf->e_entry, headers,
                    elf->e_phnum) < 0 ||
      fclose(f) != 0)
    fail("cannot write the header");
  return 0;
}
