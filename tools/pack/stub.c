// The program that a packed binary begins with: it makes the pages of the real one, decodes it into
// them and jumps to its entry, with the stack as the kernel left it. It needs no second file, no
// memfd and no /proc.
//
// The code is LZMA as `xz --format=raw --lzma1` writes it (I. Pavlov, "LZMA specification", 2015);
// then, on an x86, calls and jumps are made relative again (image.c).
#include <elf.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "image.h"

#define POSITIONS (1 << PB)

typedef uint16_t Prob;

// The probabilities of a tree of n bits are numbered from 1.
typedef struct {
  Prob choice, choice2, low[POSITIONS][8], mid[POSITIONS][8], high[256];
} Length;

typedef struct {
  Prob is_match[12][POSITIONS], is_rep0_long[12][POSITIONS];
  Prob is_rep[12], is_rep_g0[12], is_rep_g1[12], is_rep_g2[12];
  Prob slot[4][64], special[128], align[16];
  Length match, rep;
  Prob literal[0x300 << (LC + LP)];
} Model;

typedef struct {
  const uint8_t *in;
  uint32_t range, code;
} Coder;

extern const uint8_t blob[], blob_end[];
__asm__(".section .rodata.blob,\"a\"\n"
        ".globl blob, blob_end\n"
        "blob: .incbin \"" BLOB "\"\n"
        "blob_end:\n.text\n");

// With this stack, go on there.
#if defined __x86_64__
#define JUMP "mov %0, %%rsp; jmp *%1"
#elif defined __i386__
#define JUMP "mov %0, %%esp; jmp *%1"
#elif defined __aarch64__
#define JUMP "mov sp, %0; br %1"
#elif defined __arm__
#define JUMP "mov sp, %0; bx %1"
#elif defined __mips__
#define JUMP "move $sp, %0; move $t9, %1; jr $t9"
#elif defined __powerpc64__
#define JUMP "mr 1, %0; mr 12, %1; mtctr 12; bctr"
#elif defined __s390x__
#define JUMP "lgr %%r15, %0; br %1"
#elif defined __riscv
#define JUMP "mv sp, %0; jr %1"
#endif

#ifdef __x86_64__   // where every byte counts: no C library
__asm__(".globl _start\n_start:\n  mov %rsp, %rdi\n  call unpack\n");

static long call(long n, long a, long b, long c, long d, long e) {
  register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = 0;
  __asm__ volatile("syscall" : "+a"(n) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return n;
}
void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t from) {
  (void)from;
  return (void *)call(SYS_mmap, (long)at, (long)size, protection, flags, fd);
}
int mprotect(void *at, size_t size, int protection) {
  return (int)call(SYS_mprotect, (long)at, (long)size, protection, 0, 0);
}
ssize_t write(int fd, const void *bytes, size_t size) {
  return call(SYS_write, fd, (long)bytes, (long)size, 0, 0);
}
_Noreturn void _exit(int code) {
  for (;;) call(SYS_exit_group, code, 0, 0, 0, 0);
}
#endif

static uint32_t normalized(Coder *c, uint32_t bit) {
  if (c->range < 1u << 24) {
    c->range <<= 8;
    c->code = c->code << 8 | *c->in++;
  }
  return bit;
}

static uint32_t decode_bit(Coder *c, Prob *p) {
  const uint32_t bound = (c->range >> 11) * *p;
  if (c->code < bound) {
    c->range = bound;
    *p = (Prob)(*p + ((2048 - *p) >> 5));
    return normalized(c, 0);
  }
  c->range -= bound;
  c->code -= bound;
  *p = (Prob)(*p - (*p >> 5));
  return normalized(c, 1);
}

static uint32_t decode_tree(Coder *c, Prob *tree, int bits) {
  uint32_t n = 1;
  for (int i = 0; i < bits; ++i) n = n << 1 | decode_bit(c, tree + n);
  return n - (1u << bits);
}

static uint32_t decode_reverse(Coder *c, Prob *tree, int bits) {
  uint32_t n = 1, value = 0;
  for (int i = 0; i < bits; ++i) {
    const uint32_t bit = decode_bit(c, tree + n);
    n = n << 1 | bit;
    value |= bit << i;
  }
  return value;
}

static uint32_t decode_length(Coder *c, Length *l, uint32_t position) {
  if (!decode_bit(c, &l->choice)) return 2 + decode_tree(c, l->low[position], 3);
  if (!decode_bit(c, &l->choice2)) return 10 + decode_tree(c, l->mid[position], 3);
  return 18 + decode_tree(c, l->high, 8);
}

static uint32_t decode_distance(Coder *c, Model *m, uint32_t length) {
  const uint32_t slot = decode_tree(c, m->slot[length < 6 ? length - 2 : 3], 6);
  if (slot < 4) return slot;
  const int bits = (int)(slot >> 1) - 1;
  const uint32_t base = (2 | (slot & 1)) << bits;
  if (slot < 14) return base + decode_reverse(c, m->special + base - slot, bits);
  uint32_t high = 0;
  for (int i = 4; i < bits; ++i) {   // bits of equal probability
    c->range >>= 1;
    const uint32_t bit = c->code >= c->range;
    if (bit) c->code -= c->range;
    high = high << 1 | normalized(c, bit);
  }
  return base + (high << 4) + decode_reverse(c, m->align, 4);
}

// `context`: the low bits of the position, then the high bits of the byte before.
static uint8_t decode_literal(Coder *c, Model *m, uint32_t context, uint32_t match, int state) {
  Prob *probs = m->literal + 0x300 * context;
  uint32_t n = 1;
  while (state >= 7 && n < 0x100) {
    const uint32_t expected = match >> 7 & 1;
    match <<= 1;
    const uint32_t bit = decode_bit(c, probs + ((1 + expected) << 8) + n);
    n = n << 1 | bit;
    if (bit != expected) break;
  }
  while (n < 0x100) n = n << 1 | decode_bit(c, probs + n);
  return (uint8_t)n;
}

// Makes the distance that was used `which` times ago the newest.
static void renew(uint32_t *reps, int which) {
  const uint32_t taken = reps[which];
  for (; which > 0; --which) reps[which] = reps[which - 1];
  reps[0] = taken;
}

// A piece that stood before: its length; how far back, less one, is in reps[0].
static uint32_t decode_match(Coder *c, Model *m, uint32_t position, int *state, uint32_t *reps) {
  const int s = *state;
  if (!decode_bit(c, &m->is_rep[s])) {
    const uint32_t length = decode_length(c, &m->match, position);
    renew(reps, 3);
    reps[0] = decode_distance(c, m, length);
    *state = s < 7 ? 7 : 10;
    return length;
  }
  if (!decode_bit(c, &m->is_rep_g0[s])) {
    if (!decode_bit(c, &m->is_rep0_long[s][position])) {
      *state = s < 7 ? 9 : 11;
      return 1;
    }
  } else if (!decode_bit(c, &m->is_rep_g1[s])) {
    renew(reps, 1);
  } else {
    renew(reps, 2 + (int)decode_bit(c, &m->is_rep_g2[s]));
  }
  *state = s < 7 ? 8 : 11;
  return decode_length(c, &m->rep, position);
}

static void decode(uint8_t *out, uint32_t size) {
  Model model, *m = &model;
  for (Prob *p = (Prob *)m; p < (Prob *)(m + 1); ++p) *p = 1024;
  Coder coder = {blob + 1, 0xffffffff, 0}, *c = &coder;
  for (int i = 0; i < 4; ++i) c->code = c->code << 8 | *c->in++;
  uint32_t reps[4] = {0, 0, 0, 0};
  int state = 0;
  for (uint32_t at = 0; at < size;) {
    const uint32_t position = at & (POSITIONS - 1);
    if (decode_bit(c, &m->is_match[state][position])) {
      uint32_t length = decode_match(c, m, position, &state, reps);
      for (; length > 0; --length, ++at) out[at] = out[at - reps[0] - 1];
      continue;
    }
    const uint32_t before = at != 0 ? out[at - 1] : 0;
    const uint32_t match = state >= 7 ? out[at - reps[0] - 1] : 0;
    const uint32_t context = (at & ((1 << LP) - 1)) << LC | before >> (8 - LC);
    out[at++] = decode_literal(c, m, context, match, state);
    state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
  }
}

#if X86
static void make_relative(uint8_t *image, int32_t size) {
  for (int32_t i = 0; i + 5 <= size; ++i) {
    if ((image[i] & 0xfe) != 0xe8) continue;
    int32_t value;
    const int32_t from = i + 5;
    __builtin_memcpy(&value, image + from - 4, 4);
    if (value >= -from && value < size) {
      value = value >= 0 ? value - from : value + size;
      __builtin_memcpy(image + from - 4, &value, 4);
    }
    i += 4;
  }
}
#else
// Written as data, to be run as instructions.
static void make_relative(uint8_t *image, int32_t size) {
#ifdef __powerpc64__   // GCC has nothing for it there
  for (uint8_t *at = image; at < image + size; at += 32)
    __asm__ volatile("dcbst 0, %0" ::"r"(at) : "memory");
  __asm__ volatile("sync" ::: "memory");
  for (uint8_t *at = image; at < image + size; at += 32)
    __asm__ volatile("icbi 0, %0" ::"r"(at) : "memory");
  __asm__ volatile("sync; isync" ::: "memory");
#else
  __builtin___clear_cache((char *)image, (char *)image + size);
#endif
}
#endif

// The C library finds its thread-local data by the program headers that the kernel names. Returns
// the size of a page.
static unsigned long tell_headers(long *stack) {
  unsigned long page = 4096;
  stack += stack[0] + 2;               // argc, arguments, 0
  while (*stack != 0) ++stack;         // environment
  for (++stack; stack[0] != AT_NULL; stack += 2) {
    if (stack[0] == AT_PHDR) stack[1] = HEADERS;
    if (stack[0] == AT_PHNUM) stack[1] = HEADER_COUNT;
    if (stack[0] == AT_ENTRY) stack[1] = ENTRY;
    if (stack[0] == AT_PAGESZ) page = (unsigned long)stack[1];
  }
  return page;
}

_Noreturn void unpack(long *stack) {
  uint8_t *const image = (uint8_t *)LOW;
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  if (mmap(image, WHOLE, PROT_READ | PROT_WRITE, flags, -1, 0) != image) {
    static const char words[] = "chimera: cannot unpack itself: no memory\n";
    const ssize_t written = write(2, words, sizeof words - 1);
    (void)written;
    _exit(127);
  }
  decode(image, STORED);
  make_relative(image, STORED);
  // Whole pages that hold code alone; the page it shares with data stays writable.
  const unsigned long page = tell_headers(stack);
  mprotect(image, CODE & ~(page - 1), PROT_READ | PROT_EXEC);
  __asm__ volatile(JUMP ::"r"(stack), "r"((long)ENTRY) : "memory");
  __builtin_unreachable();
}

#ifndef __x86_64__
int main(int argc, char **argv) {
  (void)argc;
  unpack((long *)argv - 1);
}
#endif
