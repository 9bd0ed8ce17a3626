# chimera: `make` builds build/chimera, `make help` lists the rest. No configure step.
#
# What belongs to which binary is said in src/files.txt and tools/list.sh. Every variant (product,
# musl, asan, tsan) keeps its objects in build/<variant>/obj and rebuilds only what changed: sources,
# headers (-MMD) or its flags (build/<variant>/flags).

VERSION := 0.1.0
CXX := g++
CLANG := clang++-19
STRIP := strip
PREFIX := /usr/local

MAKEFLAGS += --no-print-directory
.SUFFIXES:
.DELETE_ON_ERROR:
SHELL := /bin/bash

PRODUCT := $(shell tools/list.sh product)
LIBRARY := $(shell tools/list.sh library)
VIRTUAL := $(shell tools/list.sh virtual)
TSAN := $(shell tools/list.sh tsan)
UNIT_TESTS := $(shell tools/list.sh tests-unit)
VIRTUAL_TESTS := $(shell tools/list.sh tests-virtual)
TSAN_TESTS := $(shell tools/list.sh tests-tsan)
E2E := $(shell tools/list.sh tests-e2e)

# A tagged or untagged commit follows the version; a tree without git has the version alone.
REVISION := $(shell git describe --always --exclude='*' --abbrev=10 2>/dev/null)
FULL_VERSION := $(VERSION)$(if $(REVISION),+$(REVISION))
USES_VERSION := $(if $(PRODUCT),$(shell grep -ls CHIMERA_VERSION $(PRODUCT)))

WARN := -Wall -Wextra -Wshadow -Wconversion -Werror
LANG_FLAGS := -std=c++23 -Iinclude
LEAN := -fno-exceptions -fno-rtti -fno-math-errno -ffp-contract=off
# Of the musl release: -Oz saves 2.1 KB over -Os, no jump tables 2.7 KB, big functions that are not
# inlined into bigger ones (they spill) 3.9 KB, one partition for the link 1.3 KB.
SMALL := -Oz -flto -flto-partition=one -fno-asynchronous-unwind-tables -fno-threadsafe-statics \
  -fno-jump-tables -fno-inline-functions-called-once -ffunction-sections -fdata-sections -fno-pie
SMALL_LINK := -static -no-pie $(SMALL) -Wl,--gc-sections -Wl,--build-id=none -Wl,-z,norelro \
  -Wl,-z,noseparate-code

# What runs for every token is built for speed: 5,700 instead of 8,800 instructions a token, for 14 KB.
HOT := src/wire/json.cpp src/wire/chunked.cpp src/wire/ndjson.cpp src/llm/ollama.cpp \
  src/rt/worker.cpp src/sys/linux/port.cpp src/net/http_client.cpp

product_FLAGS := $(LANG_FLAGS) $(LEAN) $(SMALL) $(WARN)
asan_FLAGS := $(LANG_FLAGS) $(LEAN) -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all $(WARN)
tsan_FLAGS := $(LANG_FLAGS) $(LEAN) -O1 -g -fsanitize=thread -Wno-tsan $(WARN)
# Tests keep exceptions: doctest leaves a failed REQUIRE with one.
TEST_FLAGS := -I. -fexceptions -Wno-shadow -Wno-conversion -Wno-error

.PHONY: all
all: build/chimera  ## build build/chimera: static, stripped

.PHONY: help
help:  ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile
	@echo "  PREFIX=/usr/local for install, V=1 shows the commands"

Q := $(if $(V),,@)
SAY = $(if $(V),@:,@printf '%-5s %s\n' $(1) $@)

# --- one set of rules per variant -------------------------------------------------------------

# $(1) variant, $(2) compiler
define variant
build/$(1)/flags: FORCE
	@mkdir -p $$(@D); echo '$(2) $$($(1)_FLAGS) $$(TEST_FLAGS)' | cmp -s - $$@ || echo '$(2) $$($(1)_FLAGS) $$(TEST_FLAGS)' > $$@
build/$(1)/obj/%.o: %.cpp build/$(1)/flags
	$$(call SAY,C++)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$(2) $$($(1)_FLAGS) $$(DEFINES) -frandom-seed=$$< -MMD -MP -c $$< -o $$@
build/$(1)/obj/tests/%.o: tests/%.cpp build/$(1)/flags
	$$(call SAY,C++)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$(2) $$($(1)_FLAGS) $$(TEST_FLAGS) -MMD -MP -c $$< -o $$@
$$(USES_VERSION:%.cpp=build/$(1)/obj/%.o): DEFINES = -DCHIMERA_VERSION='"$$(FULL_VERSION)"'
$$(USES_VERSION:%.cpp=build/$(1)/obj/%.o): build/version
endef
$(HOT:%.cpp=build/product/obj/%.o) $(HOT:%.cpp=build/musl/obj/%.o): DEFINES += -O2
objects = $(patsubst %.cpp,build/$(1)/obj/%.o,$(2))
# $(1) variant, $(2) extra link flags. The object list lives in $^; `build/version` and lists drop out.
link = $(CXX) $($(1)_FLAGS) $(2) $(filter %.o,$^) -o $@

$(eval $(call variant,product,$(CXX)))
$(eval $(call variant,asan,$(CXX)))
$(eval $(call variant,tsan,$(CXX)))

# Rewritten only when the words change.
build/version: FORCE
	@mkdir -p build; echo '$(FULL_VERSION)' | cmp -s - $@ || echo '$(FULL_VERSION)' > $@

.PHONY: FORCE
FORCE:

# --- the product ------------------------------------------------------------------------------

build/product/chimera: $(call objects,product,$(PRODUCT)) src/files.txt
	$(call SAY,LINK)
	$(Q)$(CXX) $(SMALL_LINK) $(filter %.o,$^) -o $@

build/chimera: build/product/chimera
	$(call SAY,STRIP)
	$(Q)$(STRIP) -s -R .comment -o $@ $<

# The release. Debian's libstdc++ is built for glibc; only its headers are used and, of its archive,
# what needs no glibc. Three definitions make the headers at home on musl: __GLIBC_PREREQ is a macro
# of glibc's features.h, __locale_t glibc's name of locale_t, and pthread_cond_clockwait (which musl
# lacks) stands in an inline function of std::__condvar, pulled in by <atomic>, that nothing calls.
MUSL := /usr/lib/x86_64-linux-musl
musl_FLAGS = $(product_FLAGS) -nostdinc "-D__GLIBC_PREREQ(a,b)=0" -D__locale_t=locale_t \
  "-Dpthread_cond_clockwait(c,m,k,t)=pthread_cond_timedwait(c,m,t)" \
  -isystem /usr/include/c++/$(GCC_VERSION) -isystem /usr/include/$(GCC_ARCH)/c++/$(GCC_VERSION) \
  -isystem /usr/include/x86_64-linux-musl -isystem $(GCC_INCLUDE)
GCC_VERSION := $(shell $(CXX) -dumpversion)
GCC_ARCH := $(shell $(CXX) -print-multiarch)
GCC_INCLUDE := $(shell $(CXX) -print-file-name=include)
$(eval $(call variant,musl,$(CXX)))

build/musl/chimera.full: $(call objects,musl,$(PRODUCT)) src/files.txt
	$(call SAY,LINK)
	$(Q)$(CXX) -specs $(MUSL)/musl-gcc.specs $(SMALL_LINK) $(filter %.o,$^) -o $@
build/musl/chimera: build/musl/chimera.full
	$(call SAY,STRIP)
	$(Q)$(STRIP) -s -R .comment -o $@ $<

.PHONY: musl
musl:  ## build/musl/chimera: the release, static on musl
	@tools/need.sh musl-tools
	@$(MAKE) build/musl/chimera

.PHONY: run
run: build/chimera  ## the main job on two simulated servers and the sample folder
	build/chimera run samples/notes --sim=tokens=240,rate=60

.PHONY: install
install: build/chimera  ## copy the binary to $(DESTDIR)$(PREFIX)/bin
	install -D -m 755 build/chimera $(DESTDIR)$(PREFIX)/bin/chimera

.PHONY: asan tsan
asan: build/asan/chimera  ## build/asan/chimera: with Address- and UndefinedBehaviorSanitizer
tsan: build/tsan/chimera  ## build/tsan/chimera: with ThreadSanitizer
build/asan/chimera: $(call objects,asan,$(PRODUCT)) src/files.txt
	$(call SAY,LINK)
	$(Q)$(call link,asan)
build/tsan/chimera: $(call objects,tsan,$(PRODUCT)) src/files.txt
	$(call SAY,LINK)
	$(Q)$(call link,tsan)

# --- tests ------------------------------------------------------------------------------------

# unit: the real world. virtual: the scripted port and clock. tsan: what threads touch.
build/asan/unit: $(call objects,asan,tests/main.cpp $(UNIT_TESTS) $(LIBRARY))
	$(call SAY,LINK)
	$(Q)$(call link,asan)
build/asan/virtual: $(call objects,asan,tests/main.cpp $(VIRTUAL_TESTS) $(VIRTUAL))
	$(call SAY,LINK)
	$(Q)$(call link,asan)
build/tsan/unit: $(call objects,tsan,tests/main.cpp $(TSAN_TESTS) $(TSAN))
	$(call SAY,LINK)
	$(Q)$(call link,tsan)

SUITES := $(if $(UNIT_TESTS),build/asan/unit) $(if $(VIRTUAL_TESTS),build/asan/virtual) \
  $(if $(TSAN_TESTS),build/tsan/unit)

.PHONY: test test-suites
test-suites: $(SUITES)
test:  ## build and run every test; installs what it needs when it may
	@tools/need.sh doctest-dev python3
	@$(MAKE) build/chimera test-suites
	@tools/run_tests.sh --summary build/test-summary build/chimera $(SUITES) $(E2E)

# --- fuzzing ----------------------------------------------------------------------------------

# clang's libFuzzer over every parser. What is kept of it (tests/fuzz/corpus, regress) goes through
# the same functions in `make test`, without clang. hooks.cpp stays out: it asks in GCC's way whether
# a sanitizer brings its own allocator.
FUZZERS := $(patsubst tests/fuzz/%_fuzz.cpp,build/fuzz/%,$(wildcard tests/fuzz/*_fuzz.cpp))
FUZZ_SECONDS := 20
fuzz_FLAGS := $(LANG_FLAGS) $(LEAN) -O1 -g -fsanitize=fuzzer-no-link,address,undefined \
  -fno-sanitize-recover=all -DCHIMERA_LIBFUZZER $(WARN)
$(eval $(call variant,fuzz,$(CLANG)))

$(FUZZERS): build/fuzz/%: build/fuzz/obj/tests/fuzz/%_fuzz.o \
    $(call objects,fuzz,$(filter-out src/base/hooks.cpp,$(LIBRARY)))
	$(call SAY,LINK)
	$(Q)$(CLANG) $(fuzz_FLAGS) -fsanitize=fuzzer $(filter %.o,$^) -o $@

.PHONY: fuzz fuzzers
fuzzers: $(FUZZERS)
fuzz:  ## fuzz every parser for FUZZ_SECONDS (20) each, with clang
	@tools/need.sh clang-19 libclang-rt-19-dev
	@$(MAKE) fuzzers
	@tests/fuzz/run.sh $(FUZZ_SECONDS) $(FUZZERS)

# --- checks -----------------------------------------------------------------------------------

# A second opinion on every source: clang sees dropped results of co_await, GCC 12 does not.
CLANG_OK := $(PRODUCT:%.cpp=build/clang/%.ok)
build/clang/flags: FORCE
	@mkdir -p $(@D); echo '$(CLANG) $(LANG_FLAGS) $(LEAN) $(WARN)' | cmp -s - $@ || echo '$(CLANG) $(LANG_FLAGS) $(LEAN) $(WARN)' > $@
build/clang/%.ok: %.cpp build/clang/flags
	$(call SAY,CLANG)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(LANG_FLAGS) $(LEAN) $(WARN) -DCHIMERA_VERSION='""' -fsyntax-only -MMD -MP -MT $@ -MF $(@:.ok=.d) $<
	$(Q)touch $@

.PHONY: clang-pass
clang-pass: $(CLANG_OK)

.PHONY: check
check:  ## layers, lint, headers alone, source list, clang warnings, size budget
	@tools/need.sh clang-19
	@tools/check.sh --summary build/check-summary

.PHONY: size
size: build/chimera  ## bytes per layer and the size budgets
	@tools/size.sh

.PHONY: bench
bench: build/chimera build/epoll_client build/measure  ## startup, CPU per token, memory against a bare C client
	@tools/need.sh python3
	@python3 tools/bench.py build/chimera build/epoll_client build/measure $(BENCH)

# The limit that `make bench` measures against, linked like the product, and what measures both.
build/epoll_client build/measure: build/%: tools/%.c
	$(call SAY,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -O2 -Wall -Wextra -static -s $< -o $@

.PHONY: sources
sources:  ## write src/files.txt from the tree
	@tools/make_sources.sh

.PHONY: clean
clean:  ## remove build/
	rm -rf build

-include $(shell find build -name '*.d' 2>/dev/null)
