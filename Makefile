# chimera: `make` builds build/chimera, `make help` lists the rest. No configure step.
#
# What belongs to which binary is said in src/files.txt and tools/list.sh. Every variant (product,
# musl, asan, tsan) keeps its objects in build/<variant>/obj and rebuilds only what changed: sources,
# headers (-MMD) or its flags (build/<variant>/flags).
#
#   make RUNTIME=steal|fixed|local|bridge [READ_SIZE=n] [COALESCE=n] [PERMITS=n]   exactly one runtime
#   make MINIMAL=1 ...                                                             `run` and `ask` alone; on musl packed
#   make TLS=1 ...                                                                 https, by mbedTLS
#   make PACK=1 musl                                                               packed (PACK=0: not)
#   make WHOLE_LIBC=1 ...                                                          glibc as it is

VERSION := 0.1.0
CXX := g++
CLANG := clang++-19
STRIP := strip
PREFIX := /usr/local
BINDIR = $(PREFIX)/bin
MANDIR = $(PREFIX)/share/man
BASHDIR = $(PREFIX)/share/bash-completion/completions
ZSHDIR = $(PREFIX)/share/zsh/site-functions
FISHDIR = $(PREFIX)/share/fish/vendor_completions.d

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

# What a binary holds, and its defaults: the words of a kind, such as `RUNTIME=fixed READ_SIZE=1024`,
# are the macros of include/chimera/rt/build.hpp. Few sources look at them. Those have their objects
# in a folder per kind, all others are shared. No word: everything, in obj.
HOLDS := RUNTIME READ_SIZE COALESCE PERMITS MINIMAL TLS
KIND := $(strip $(foreach word,$(HOLDS),$(if $(filter command%,$(origin $(word))),$(if $($(word)),$(word)=$($(word))))))
KIND_SOURCES := $(shell tools/list.sh kind)
$(if $(filter-out RUNTIME=steal RUNTIME=fixed RUNTIME=local RUNTIME=bridge,$(filter RUNTIME=%,$(KIND))),\
  $(error RUNTIME is one of steal fixed local bridge))

WARN := -Wall -Wextra -Wshadow -Wconversion -Werror
LANG_FLAGS := -std=c++23 -Iinclude
LEAN := -fno-exceptions -fno-rtti -fno-math-errno -ffp-contract=off
# Of the musl release: -Oz saves 2.1 KB over -Os, no jump tables 2.7 KB, big functions that are not
# inlined into bigger ones (they spill) 3.9 KB, one partition for the link 1.3 KB. A growth of 1
# allowed to inlining saves 2.5 KB: std::string_view's constructor is then a length known beforehand.
SMALL := -Oz --param max-inline-insns-size=1 -flto -flto-partition=one \
  -fno-asynchronous-unwind-tables -fno-threadsafe-statics -fno-jump-tables \
  -fno-inline-functions-called-once -ffunction-sections -fdata-sections -fno-pie
# A small common page keeps the linker from padding the file up to a page in front of the data.
SMALL_LINK := -static -no-pie $(SMALL) -Wl,--gc-sections -Wl,--build-id=none -Wl,-z,norelro \
  -Wl,-z,noseparate-code -Wl,-z,common-page-size=64
product_LINK := $(SMALL_LINK)

# What pays for speed is built for it: 350 of 3,200 instructions a token for 2.3 KB. The other files
# a token runs through (json, chunked, worker, port, http_client) would save 120 more for 9 KB.
HOT := $(shell tools/list.sh hot)
FAST := -O2 -fno-inline-functions
product_HOT := $(FAST)

# With our own malloc, and without half a megabyte that glibc would bring for nothing
# (sys/linux/libc.cpp). WHOLE_LIBC=1 leaves it as it is, should another version of it not link.
STATIC := $(if $(WHOLE_LIBC),,-DCHIMERA_STATIC)
product_FLAGS := $(LANG_FLAGS) $(LEAN) $(SMALL) $(STATIC) $(WARN)
asan_FLAGS := $(LANG_FLAGS) $(LEAN) -O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all $(WARN)
tsan_FLAGS := $(LANG_FLAGS) $(LEAN) -O1 -g1 -fsanitize=thread -Wno-tsan $(WARN)
# The test cases themselves are compiled more often than they run.
asan_TESTS := -O0
tsan_TESTS := -O0
wintest_TESTS := -O0
# Tests keep exceptions: doctest leaves a failed REQUIRE with one.
TEST_FLAGS := -I. -fexceptions -Wno-missing-field-initializers -Wno-shadow -Wno-conversion -Wno-error

.PHONY: all
all: build/chimera  ## build build/chimera: static, stripped

.PHONY: help
help:  ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile
	@echo "  RUNTIME=steal|fixed|local|bridge READ_SIZE=n COALESCE=n PERMITS=n MINIMAL=1 TLS=1: what the binary holds"
	@echo "  PREFIX=/usr/local for install, V=1 shows the commands"

Q := $(if $(V),,@)
SAY = $(if $(V),@:,@printf '%-5s %s\n' $(1) $@)

# --- one set of rules per variant -------------------------------------------------------------

# $(1) variant, $(2) compiler
define variant
build/$(1)/flags: FORCE
	@mkdir -p $$(@D); echo '$(2) $$(call all_flags,$(1))' | cmp -s - $$@ || echo '$(2) $$(call all_flags,$(1))' > $$@
build/$(1)/obj/%.o: %.cpp build/$(1)/flags
	$$(call SAY,C++)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$(2) $$($(1)_FLAGS) $$(call own_flags,$(1),$$<) -MMD -MP -c $$< -o $$@
build/$(1)/obj/tests/%.o: tests/%.cpp build/$(1)/flags
	$$(call SAY,C++)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$(2) $$($(1)_FLAGS) $$(TEST_FLAGS) $$($(1)_TESTS) -MMD -MP -c $$< -o $$@
$$(USES_VERSION:%.cpp=build/$(1)/obj/%.o): build/version
endef
# $(1) variant: whatever changes one of its files when it changes.
all_flags = $($(1)_FLAGS) $(if $($(1)_HOT),$($(1)_HOT) $(HOT)) $($(1)_LINK) $(TEST_FLAGS) $($(1)_TESTS) $(MBEDTLS)
# $(1) variant, $(2) source: what this one file gets besides.
own_flags = $(if $(filter $(2),$(HOT)),$($(1)_HOT)) -frandom-seed=$(2) \
  $(if $(filter $(2),$(USES_VERSION)),-DCHIMERA_VERSION='"$(FULL_VERSION)"')

# $(1) variant, $(2) compiler, $(3) kind
define kind_rules
build/$(1)/$(call kind_folder,$(3))/%.o: %.cpp build/$(1)/flags $(if $(filter TLS=%,$(3)),| $($(1)_MBEDTLS_THERE))
	$$(call SAY,C++)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$(2) $$($(1)_FLAGS) $$(call own_flags,$(if $(filter MINIMAL=%,$(3)),,$(1)),$$<) \
	  $(patsubst %,-DCHIMERA_%,$(3)) $(if $(filter TLS=%,$(3)),$($(1)_MBEDTLS)) -MMD -MP -c $$< -o $$@
$$(patsubst %.cpp,build/$(1)/$(call kind_folder,$(3))/%.o,$$(filter $$(KIND_SOURCES),$$(USES_VERSION))): build/version
endef
kind_folder = $(or $(subst =,-,$(subst $(subst ,, ),_,$(1))),obj)
objects = $(patsubst %.cpp,build/$(1)/obj/%.o,$(2))
# $(1) kind: the sources of its own. The minimal binary is small, not fast: nothing in it is hot.
kind_sources = $(KIND_SOURCES) $(if $(filter MINIMAL=%,$(1)),$(HOT)) $(if $(filter TLS=%,$(1)),$(TLS_SOURCES))
# $(1) variant, $(2) kind: all objects of such a binary.
kind_objects = $(call objects,$(1),$(filter-out $(call kind_sources,$(2)),$(PRODUCT))) \
  $(patsubst %.cpp,build/$(1)/$(call kind_folder,$(2))/%.o,$(sort $(call kind_sources,$(2))))
# $(1) variant, $(2) kind: what is linked behind them.
kind_libraries = $(if $(filter TLS=%,$(2)),$($(1)_MBEDTLS_LIBRARIES))
# $(1) variant, $(2) extra link flags. The object list lives in $^; `build/version` and lists drop out.
link = $(CXX) $($(1)_FLAGS) $(2) $(filter %.o,$^) -o $@

# https: Debian's mbedTLS on glibc. For musl it is compiled here, with no more than a client needs, from
# Debian's source package. MBEDTLS=FOLDER is another source tree, of 2.28 or 3.x, for both.
TLS_SOURCES := $(shell tools/list.sh tls)
MBEDTLS_SOURCE := $(or $(MBEDTLS),build/mbedtls/source)
MBEDTLS_OWN := -isystem $(MBEDTLS_SOURCE)/include -DMBEDTLS_CONFIG_FILE='"$(CURDIR)/src/net/mbedtls_config.h"'
product_MBEDTLS := $(if $(MBEDTLS),$(MBEDTLS_OWN))
product_MBEDTLS_LIBRARIES := $(if $(MBEDTLS),-Wno-stringop-overflow build/product/libmbedtls.a,-lmbedtls -lmbedx509 -lmbedcrypto)
product_MBEDTLS_THERE := $(if $(MBEDTLS),$(MBEDTLS_SOURCE)/library/version.c)
musl_MBEDTLS := $(MBEDTLS_OWN)
musl_MBEDTLS_THERE := $(MBEDTLS_SOURCE)/library/version.c
# (The library finishes SHA-512 where it has room for 384 bits, which it has asked for.)
musl_MBEDTLS_LIBRARIES := -Wno-stringop-overflow build/musl/libmbedtls.a
$(if $(MBEDTLS),,build/mbedtls/source/library/version.c): tools/mbedtls.sh tools/apt_source.sh
	$(call SAY,FETCH)
	$(Q)tools/need.sh dpkg-dev
	$(Q)tools/mbedtls.sh source build/mbedtls/source
	$(Q)touch $@
# C by the flags of C++, as far as they fit.
build/product/libmbedtls.a build/musl/libmbedtls.a: build/%/libmbedtls.a: tools/mbedtls.sh src/net/mbedtls_config.h \
    build/%/flags $(MBEDTLS_SOURCE)/library/version.c
	$(call SAY,C)
	$(Q)tools/mbedtls.sh archive $(MBEDTLS_SOURCE) $@ $(CC) $(SMALL) $($*_C)
musl_C := -nostdinc -isystem /usr/include/$(shell uname -m)-linux-musl -isystem $(shell $(CC) -print-file-name=include)

$(eval $(call variant,product,$(CXX)))
$(eval $(call variant,asan,$(CXX)))
$(eval $(call variant,tsan,$(CXX)))

# Rewritten only when the words change.
build/version: FORCE
	@mkdir -p build; echo '$(FULL_VERSION)' | cmp -s - $@ || echo '$(FULL_VERSION)' > $@

.PHONY: FORCE
FORCE:

# --- the product ------------------------------------------------------------------------------

# What build/chimera and build/musl/chimera hold at the moment.
build/product/kind: KIND_WORDS := $(KIND)
build/musl/kind: KIND_WORDS = $(strip $(KIND) $(if $(PACKED),packed))
build/product/kind build/musl/kind: FORCE
	@mkdir -p $(@D); echo '$(KIND_WORDS)' | cmp -s - $@ || echo '$(KIND_WORDS)' > $@

build/product/chimera: $(call kind_objects,product,$(KIND)) src/files.txt build/product/kind build/product/flags \
    $(filter %.a,$(call kind_libraries,product,$(KIND)))
	$(call SAY,LINK)
	$(Q)$(CXX) $(product_LINK) $(filter %.o,$^) $(call kind_libraries,product,$(KIND)) -o $@

# Started once: should another glibc miss what is left out of it, that shows here and not at a user's.
build/chimera: build/product/chimera
	$(call SAY,STRIP)
	$(Q)$(STRIP) -s -R .comment -o $@ $<
	$(Q)$@ --version > /dev/null || { echo "$@ does not start: try make WHOLE_LIBC=1" >&2; rm $@; exit 1; }

# The release. Debian's libstdc++ is built for glibc; only its headers are used and, of its archive,
# what needs no glibc. Three definitions make the headers at home on musl: __GLIBC_PREREQ is a macro
# of glibc's features.h, __locale_t glibc's name of locale_t, and pthread_cond_clockwait (which musl
# lacks) stands in an inline function of std::__condvar, pulled in by <atomic>, that nothing calls.
# $(1) variant, $(2) compiler, $(3) folder of libstdc++'s headers, $(4) of the machine's part of them,
# $(5) of musl's, $(6) specs of gcc for musl, $(7) what else the machine needs
define musl_variant
$(1)_FLAGS := $$(product_FLAGS) -nostdinc "-D__GLIBC_PREREQ(a,b)=0" -D__locale_t=locale_t \
  "-Dpthread_cond_clockwait(c,m,k,t)=pthread_cond_timedwait(c,m,t)" \
  -isystem $(3) -isystem $(4) -isystem $(5) -isystem $$(shell $(2) -print-file-name=include) $(7)
$(1)_LINK := -specs $(6) $$(SMALL_LINK) $(7)
$(1)_HOT := $$(FAST)
$$(eval $$(call variant,$(1),$(2)))
endef
GCC_VERSION := $(shell $(CXX) -dumpversion)
GCC_ARCH := $(shell $(CXX) -print-multiarch)
MUSL_SPECS := /usr/lib/x86_64-linux-musl/musl-gcc.specs
$(eval $(call musl_variant,musl,$(CXX),/usr/include/c++/$(GCC_VERSION),/usr/include/$(GCC_ARCH)/c++/$(GCC_VERSION),\
  /usr/include/x86_64-linux-musl,$(MUSL_SPECS)))
musl_LINK += -Wl,-T,src/pages.ld

build/musl/chimera.full: $(call kind_objects,musl,$(KIND)) src/files.txt build/musl/kind build/musl/flags \
    $(filter %.a,$(call kind_libraries,musl,$(KIND)))
	$(call SAY,LINK)
	$(Q)$(CXX) $(musl_LINK) $(filter %.o,$^) $(call kind_libraries,musl,$(KIND)) -o $@
build/musl/chimera: build/musl/chimera.full build/pack/image tools/pack/stub.c
	$(if $(PACKED),$(call SAY,PACK),$(call SAY,STRIP))
	$(Q)$(if $(PACKED),$(pack),$(STRIP) -s -R .comment -o $@ $<)

.PHONY: musl
musl:  ## build/musl/chimera: the release, static on musl
	@tools/need.sh musl-tools xz-utils
	@$(MAKE) build/musl/chimera

# The same for other machines, with Debian's cross compilers: build/cross/MACHINE/chimera. musl comes out
# of its package into build/cross/MACHINE/musl; nothing of this machine's own packages changes.
# libatomic has what a machine cannot do itself, such as 64 bits at once on mipsel.
CROSS := $(shell tools/list.sh cross)
cross_part = $(word $(2),$(subst :, ,$(1)))
# MACHINES='armel s390x': only those.
MACHINES := $(foreach c,$(CROSS),$(call cross_part,$(c),1))
CROSS_ASKED = $(foreach c,$(CROSS),$(if $(filter $(MACHINES),$(call cross_part,$(c),1)),$(c)))
cross_packages = $(foreach c,$(CROSS_ASKED),g++-$(call cross_part,$(c),2))
# The x87 computes with more bits than are stored, so that other figures came out.
i386_NEEDS := -msse2 -mfpmath=sse
# Addresses in the instructions, of 32 bits. The usual ones come out of a table, and the program is
# 33 KB larger, 11 KB packed; that of mips64el 145 KB.
mipsel_NEEDS := -mplt -mno-shared
mips64el_NEEDS := -msym32 -mplt -mno-shared
mips64el_PLACE := -Wl,-Ttext-segment=0x10000000
# The size that musl takes for granted.
ppc64el_NEEDS := -mlong-double-64

# $(1) machine, $(2) of its compiler, $(3) of its musl package
define cross_target
build/cross/$(1)/musl/specs: tools/cross_musl.sh
	$$(call SAY,MUSL)
	$$(Q)tools/cross_musl.sh $(2) $(3) $$(@D)
$$(eval $$(call musl_variant,cross/$(1),$(2)-g++,/usr/$(2)/include/c++/$(GCC_VERSION),/usr/$(2)/include/c++/$(GCC_VERSION)/$(2),\
  build/cross/$(1)/musl/include,build/cross/$(1)/musl/specs,$$($(1)_NEEDS)))
build/cross/$(1)/flags: build/cross/$(1)/musl/specs
build/cross/$(1)/chimera.full: $(call objects,cross/$(1),$(PRODUCT)) src/files.txt build/cross/$(1)/flags
	$$(call SAY,LINK)
	$$(Q)$(2)-g++ $$(cross/$(1)_LINK) $$($(1)_PLACE) $$(filter %.o,$$^) -latomic -o $$@
	$$(Q)! $(2)-nm $$@ | grep ' i ' || { echo '$$@: musl does not resolve IFUNC symbols' >&2; exit 1; }
build/cross/$(1)/chimera: build/cross/$(1)/chimera.full
	$$(call SAY,STRIP)
	$$(Q)$(2)-strip -s -R .comment -o $$@ $$<
build/cross/$(1)/packed: build/cross/$(1)/chimera.full build/pack/image tools/pack/pack.sh tools/pack/stub.c
	$$(call SAY,PACK)
	$$(Q)CC='$(2)-gcc -Os -specs build/cross/$(1)/musl/specs $$($(1)_NEEDS)' STRIP=$(2)-strip $$(pack)
endef
# Their compilers are asked for only when they are used.
$(foreach c,$(CROSS),$(if $(filter build/cross/$(call cross_part,$(c),1)/%,$(MAKECMDGOALS)),\
  $(eval $(call cross_target,$(call cross_part,$(c),1),$(call cross_part,$(c),2),$(call cross_part,$(c),3)))))

# The unit tests, on glibc: for exceptions the libstdc++ of these compilers wants its own C library.
# (The static library brings its own of what base/hooks replaces.) $(1) machine, $(2) of its compiler
define cross_unit
crosstest/$(1)_FLAGS := $(LANG_FLAGS) $(LEAN) -O1 -DCHIMERA_EMULATED -D_TIME_BITS=64 -D_FILE_OFFSET_BITS=64 -isystem build/doctest \
  $($(1)_NEEDS) $(WARN)
$$(eval $$(call variant,crosstest/$(1),$(2)-g++))
$$(call objects,crosstest/$(1),tests/main.cpp $(UNIT_TESTS)): build/doctest/doctest
build/cross/$(1)/unit: $$(call objects,crosstest/$(1),tests/main.cpp $(UNIT_TESTS) $(LIBRARY))
	$$(call SAY,LINK)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$(2)-g++ -static -Wl,--allow-multiple-definition $$(crosstest/$(1)_FLAGS) $$(filter %.o,$$^) -latomic -o $$@
endef
$(foreach c,$(CROSS),$(if $(filter build/cross/$(call cross_part,$(c),1)/unit,$(MAKECMDGOALS)),\
  $(eval $(call cross_unit,$(call cross_part,$(c),1),$(call cross_part,$(c),2)))))
# doctest alone: the folder it is installed in has the headers of this system too.
build/doctest/doctest:
	$(Q)mkdir -p $(@D) && ln -sfn /usr/include/doctest $@

.PHONY: cross cross-unit cross-test
cross:  ## build/cross/MACHINE/chimera, packed: the release for other machines
	@tools/need.sh xz-utils $(cross_packages)
	@$(MAKE) $(MACHINES:%=build/cross/%/chimera) $(MACHINES:%=build/cross/%/packed)
# One of each kind, or those of MACHINES.
UNIT_MACHINES := $(if $(filter command%,$(origin MACHINES)),$(MACHINES),aarch64 armel i386 mipsel s390x)
cross-unit:  ## the unit tests for some of them; make cross-test runs those that are there
	@tools/need.sh doctest-dev $(cross_packages)
	@$(MAKE) $(UNIT_MACHINES:%=build/cross/%/unit)
cross-test: cross  ## what make cross built, under qemu: selftest, run, and stats byte by byte
	@tools/need.sh qemu-user
	@$(MAKE) build/chimera
	@tools/cross_tests.sh --summary build/cross-summary build build/chimera $(MACHINES)

# A packed binary unpacks itself when it starts (tools/pack): less than half the bytes, for 10 ms and
# memory that the kernel cannot drop. The minimal one is, PACK=0 leaves it as it is; PACK=1 packs any.
PACKED := $(filter-out 0,$(or $(PACK),$(if $(filter MINIMAL=%,$(KIND)),1)))
build/pack/image: tools/pack/image.c
	$(call SAY,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O2 -Wall -Wextra $< -o $@
pack = tools/pack/pack.sh build/pack/image $< $@
build/packed/chimera: build/musl/chimera.full build/pack/image tools/pack/pack.sh tools/pack/stub.c
	$(call SAY,PACK)
	$(Q)mkdir -p $(@D)
	$(Q)$(pack)

.PHONY: packed
packed:  ## build/packed/chimera: the release in half the bytes; it unpacks itself, in 10 ms
	@tools/need.sh musl-tools xz-utils
	@$(MAKE) build/packed/chimera

# --- variants: the presets as binaries that hold one runtime each ---------------------------------

# "name:RUNTIME=fixed,READ_SIZE=1024"; only their own sources are compiled again, then linked whole.
VARIANTS := $(shell tools/list.sh variants)
comma := ,
variant_name = $(firstword $(subst :, ,$(1)))
variant_kind = $(subst $(comma), ,$(lastword $(subst :, ,$(1))))
binaries = $(foreach v,$(2),build/variants/$(1)/chimera-$(call variant_name,$(v)))
# The minimal one is for devices: musl alone.
GLIBC_VARIANTS := $(filter-out minimal:%,$(VARIANTS))

# $(1) glibc or musl, $(2) variant of the rules, $(3) name, $(4) kind
define variant_binary
build/variants/$(1)/full/chimera-$(3): $(call kind_objects,$(2),$(4)) src/files.txt build/$(2)/flags
	$$(call SAY,LINK)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CXX) $$($(2)_LINK) $$(filter %.o,$$^) -o $$@
build/variants/$(1)/chimera-$(3): build/variants/$(1)/full/chimera-$(3) build/pack/image
	$$(call SAY,$(if $(filter MINIMAL=%,$(4)),PACK,STRIP))
	$$(Q)$(if $(filter MINIMAL=%,$(4)),$$(pack),$$(STRIP) -s -R .comment -o $$@ $$<)
endef
$(foreach v,$(GLIBC_VARIANTS),$(eval $(call variant_binary,glibc,product,$(call variant_name,$(v)),$(call variant_kind,$(v)))))
$(foreach v,$(VARIANTS),$(eval $(call variant_binary,musl,musl,$(call variant_name,$(v)),$(call variant_kind,$(v)))))

# A kind may be that of several presets, and of this very call.
KINDS := $(sort TLS=1 $(foreach v,$(VARIANTS),$(lastword $(subst :, ,$(v)))) $(subst $(subst ,, ),$(comma),$(KIND)))
$(foreach k,$(KINDS),$(eval $(call kind_rules,product,$(CXX),$(subst $(comma), ,$(k)))))
$(foreach k,$(KINDS),$(eval $(call kind_rules,musl,$(CXX),$(subst $(comma), ,$(k)))))

# With https, once with each libc, beside what is built without.
# $(1) glibc or musl, $(2) variant of the rules
define tls_binary
build/tls/$(1)/chimera: $(call kind_objects,$(2),TLS=1) src/files.txt build/$(2)/flags \
    $(filter %.a,$(call kind_libraries,$(2),TLS=1))
	$$(call SAY,LINK)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CXX) $$($(2)_LINK) $$(filter %.o,$$^) $(call kind_libraries,$(2),TLS=1) -o $$@
	$$(Q)$$(STRIP) -s -R .comment $$@
endef
$(eval $(call tls_binary,glibc,product))
$(eval $(call tls_binary,musl,musl))
# The same with sanitizers. $(1) asan or tsan
define tls_sanitized
$(eval $(call kind_rules,$(1),$(CXX),TLS=1))
build/tls/$(1)/chimera: $(call kind_objects,$(1),TLS=1) src/files.txt
	$$(call SAY,LINK)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(call link,$(1)) -lmbedtls -lmbedx509 -lmbedcrypto
endef
$(eval $(call tls_sanitized,asan))
$(eval $(call tls_sanitized,tsan))

.PHONY: tls tls-test tls-sanitized
tls:  ## build/tls/{glibc,musl}/chimera: with https (make TLS=1 is the former as build/chimera)
	@tools/need.sh libmbedtls-dev dpkg-dev musl-tools
	@$(MAKE) build/tls/glibc/chimera build/tls/musl/chimera
tls-test: tls  ## tests of https, beside nginx too where it can be had; size
	@tools/need.sh openssl python3
	@tools/need.sh nginx-light || true
	@bad=0; for libc in glibc musl; do \
	  tools/run_tests.sh --summary build/tls-$$libc-summary build/tls/$$libc/chimera \
	    tests/e2e/tls_test.py tests/e2e/fetch_test.py || bad=1; done; exit $$bad
	@tools/size.sh --tls
tls-sanitized:  ## the tests of https with AddressSanitizer, and with ThreadSanitizer
	@tools/need.sh libmbedtls-dev openssl python3
	@tools/need.sh nginx-light || true
	@$(MAKE) build/tls/asan/chimera build/tls/tsan/chimera
	@bad=0; for kind in asan tsan; do \
	  tools/run_tests.sh build/tls/$$kind/chimera tests/e2e/tls_test.py tests/e2e/fetch_test.py || bad=1; done; exit $$bad

# PRESETS='smol minimal': only those.
asked_variants = $(if $(PRESETS),$(foreach p,$(PRESETS),$(filter $(p):%,$(1))),$(1))
.PHONY: variants variant-binaries
variant-binaries: $(call binaries,glibc,$(call asked_variants,$(GLIBC_VARIANTS))) $(call binaries,musl,$(call asked_variants,$(VARIANTS)))
variants:  ## build/variants: each preset as a binary of its own, static, on glibc and on musl; PRESETS='smol': only those
	@tools/need.sh musl-tools xz-utils
	@$(MAKE) variant-binaries

# --- Windows: one chimera.exe -------------------------------------------------------------------

# Debian's mingw-w64. For Windows 10 and later.
MINGW := x86_64-w64-mingw32-g++-posix
WINDOWS := $(shell tools/list.sh windows)
WINDOWS_TESTS := $(shell tools/list.sh tests-windows)
WIN32 := -D_WIN32_WINNT=0x0A00 -DWIN32_LEAN_AND_MEAN -DNOMINMAX
WIN32_LIBS := -lws2_32 -lwinmm
windows_FLAGS := $(LANG_FLAGS) $(LEAN) $(SMALL) $(WIN32) $(WARN)
# The tests of it. They cannot be optimised together with it: "two or more sections for ...".
wintest_FLAGS := $(LANG_FLAGS) $(LEAN) -O1 $(WIN32) -isystem build/doctest $(WARN)
windows_HOT := $(FAST)
windows_LINK := -static $(SMALL) -Wl,--gc-sections -Wl,--no-insert-timestamp -s
$(eval $(call variant,windows,$(MINGW)))
$(eval $(call variant,wintest,$(MINGW)))

build/windows/chimera.exe: $(call objects,windows,$(WINDOWS)) src/files.txt
	$(call SAY,LINK)
	$(Q)$(MINGW) $(windows_LINK) $(filter %.o,$^) $(WIN32_LIBS) -o $@
$(call objects,wintest,tests/main.cpp $(WINDOWS_TESTS)): build/doctest/doctest
# The static library brings its own of the functions that base/hooks replaces, for exceptions.
build/windows/unit.exe: $(call objects,wintest,tests/main.cpp $(WINDOWS_TESTS)) \
    $(call objects,windows,$(filter-out src/cli/main.cpp,$(WINDOWS)))
	$(call SAY,LINK)
	$(Q)$(MINGW) $(windows_LINK) -Wl,--allow-multiple-definition $(filter %.o,$^) $(WIN32_LIBS) -o $@

.PHONY: windows wine check-all
windows:  ## build/windows/chimera.exe: the release for Windows 10 and later
	@tools/need.sh g++-mingw-w64-x86-64-posix
	@$(MAKE) build/windows/chimera.exe
wine:  ## the port's suite, unit tests and commands of chimera.exe, under wine
	@tools/need.sh g++-mingw-w64-x86-64-posix wine wine64 doctest-dev python3
	@$(MAKE) build/windows/chimera.exe build/windows/unit.exe build/chimera
	@tools/wine_tests.sh $(WINE)
check-all:  ## what takes too long for .ci/run: all presets, all machines with their unit tests, more under wine, https with sanitizers, meson's others
	@bad=0; $(MAKE) variants size || bad=1; tools/run_tests.sh build/chimera tests/e2e/variants_test.py || bad=1; \
	  $(MAKE) cross-unit || bad=1; $(MAKE) cross-test || bad=1; $(MAKE) wine WINE=--whole || bad=1; \
	  $(MAKE) tls-sanitized || bad=1; $(MAKE) reproducible || bad=1; tools/meson_tests.sh --whole || bad=1; exit $$bad

# --- hardening: what it costs -------------------------------------------------------------------

# Each flag alone, on the release. All but the stack protector can be had of its objects, at the link.
HARDENED := harden/protector
$(if $(filter hardening build/harden/%,$(MAKECMDGOALS)),$(eval $(call musl_variant,$(HARDENED),$(CXX),\
  /usr/include/c++/$(GCC_VERSION),/usr/include/$(GCC_ARCH)/c++/$(GCC_VERSION),/usr/include/x86_64-linux-musl,\
  $(MUSL_SPECS),-fstack-protector-strong)))

.PHONY: hardening
hardening: $(call objects,musl,$(PRODUCT)) $(call objects,$(HARDENED),$(PRODUCT))  ## bytes that each hardening flag adds to the release
	@tools/hardening.sh '$(CXX) $(musl_LINK)' '$(call objects,musl,$(PRODUCT))' '$(call objects,$(HARDENED),$(PRODUCT))'

.PHONY: run
run: build/chimera  ## the main job on two simulated servers and the sample folder
	build/chimera run samples/notes --sim=tokens=240,rate=60

# --- getting it -------------------------------------------------------------------------------

# The manual page and the completions are what the program says of itself; the minimal one has none.
BINARY := build/chimera
PAGES := $(if $(filter MINIMAL=%,$(KIND)),,chimera.1 chimera.bash _chimera chimera.fish)
build/share/chimera.1: SAYS := man
build/share/chimera.bash: SAYS := completion bash
build/share/_chimera: SAYS := completion zsh
build/share/chimera.fish: SAYS := completion fish
$(PAGES:%=build/share/%): build/chimera
	$(Q)mkdir -p $(@D)
	$(Q)build/chimera $(SAYS) --no-config > $@

# What is installed where, "file:place".
PLACES = $(BINARY):$(BINDIR)/chimera $(if $(PAGES),build/share/chimera.1:$(MANDIR)/man1/chimera.1 \
  build/share/chimera.bash:$(BASHDIR)/chimera build/share/_chimera:$(ZSHDIR)/_chimera \
  build/share/chimera.fish:$(FISHDIR)/chimera.fish)

.PHONY: install uninstall
install: $(BINARY) $(PAGES:%=build/share/%)  ## binary, man page, completions to DESTDIR PREFIX; BINARY=build/musl/chimera: that one
	@for it in $(PLACES); do from=$${it%%:*} to="$(DESTDIR)$${it#*:}"; mode=644; \
	  [ "$$from" != $(BINARY) ] || mode=755; echo "$$to"; install -D -m $$mode "$$from" "$$to" || exit 1; done
uninstall:  ## what make install put there
	@rm -f $(foreach it,$(PLACES),'$(DESTDIR)$(lastword $(subst :, ,$(it)))')

# --- what others get ----------------------------------------------------------------------------

# Binaries on musl and Windows' alone: glibc in a static binary (LGPL) would ask for its objects too.
TARGETS := x86_64 x86_64-packed windows $(MACHINES) $(MACHINES:%=%-packed)
dist_binary = $(or $($(1)_BINARY),build/cross/$(1:%-packed=%)/$(if $(filter %-packed,$(1)),packed,chimera))
x86_64_BINARY := build/musl/chimera
x86_64-packed_BINARY := build/packed/chimera
windows_BINARY := build/windows/chimera.exe

.PHONY: dist dist-test reproducible
# Those of which machines are wanted.
dist_machines = $(foreach c,$(CROSS),$(if $(filter $(call cross_part,$(c),1) $(call cross_part,$(c),1)-packed,$(TARGETS)),$(c)))
dist:  ## build/dist: archives, .deb packages and SHA256SUMS of all targets, or of TARGETS='x86_64 windows'
	@tools/need.sh musl-tools xz-utils zip $(if $(filter windows,$(TARGETS)),g++-mingw-w64-x86-64-posix) \
	  $(foreach c,$(dist_machines),g++-$(call cross_part,$(c),2))
	@$(MAKE) $(sort $(foreach t,$(TARGETS),$(call dist_binary,$(t)))) build/chimera $(PAGES:%=build/share/%)
	@tools/dist.sh '$(FULL_VERSION)' $(foreach t,$(TARGETS),$(t):$(call dist_binary,$(t)))
dist-test:  ## make install, dist and the .deb, into empty folders
	@tools/need.sh groff zip unzip lintian
	@tools/dist_tests.sh --summary build/dist-summary
reproducible:  ## builds again in another folder: the binaries have to be the same bytes
	@tools/need.sh musl-tools xz-utils g++-mingw-w64-x86-64-posix faketime
	@$(MAKE) build/chimera build/musl/chimera build/packed/chimera build/windows/chimera.exe
	@tools/reproducible.sh

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
define test_programs
build/$(1)/unit: $(call objects,$(1),tests/main.cpp $(UNIT_TESTS) $(LIBRARY))
	$$(call SAY,LINK)
	$$(Q)$$(call link,$(1))
build/$(1)/virtual: $(call objects,$(1),tests/main.cpp $(VIRTUAL_TESTS) $(VIRTUAL))
	$$(call SAY,LINK)
	$$(Q)$$(call link,$(1))
endef
$(eval $(call test_programs,asan))
build/tsan/unit: $(call objects,tsan,tests/main.cpp $(TSAN_TESTS) $(TSAN))
	$(call SAY,LINK)
	$(Q)$(call link,tsan)

# What the sanitizers' builds do not have: malloc of the static binaries.
build/product/malloc_stress: $(call objects,product,tests/static/malloc_stress.cpp $(LIBRARY)) src/files.txt
	$(call SAY,LINK)
	$(Q)$(CXX) $(product_LINK) $(filter %.o,$^) -o $@
build/musl/malloc_stress: $(call objects,musl,tests/static/malloc_stress.cpp $(LIBRARY)) src/files.txt
	$(call SAY,LINK)
	$(Q)$(CXX) $(musl_LINK) $(filter %.o,$^) -o $@

SUITES := build/product/malloc_stress $(if $(UNIT_TESTS),build/asan/unit) $(if $(VIRTUAL_TESTS),build/asan/virtual) \
  $(if $(TSAN_TESTS),build/tsan/unit)

.PHONY: test test-suites
test-suites: $(SUITES)
test:  ## build and run every test; installs what it needs when it may
	@tools/need.sh doctest-dev python3
	@$(MAKE) build/chimera test-suites
	@tools/run_tests.sh --summary build/test-summary build/chimera $(SUITES) $(E2E)

MINUTES := 10
.PHONY: load
load: build/chimera  ## 2,000 streams, 5,000 clients that misbehave, map with faults on: MINUTES (10) each
	@tools/need.sh python3
	@MINUTES=$(MINUTES) python3 tests/e2e/soak_test.py build/chimera

# --- whole-program simulation -------------------------------------------------------------------

# Client, servers and network in one process on a made-up clock; a seed is a whole run.
VOPR := $(shell tools/list.sh vopr)
VOPR_SEEDS := 20000
# GCC 12 is wrong about initialisation at this level.
vopr_FLAGS := $(LANG_FLAGS) -I. $(LEAN) -O2 -g1 $(WARN) -Wno-maybe-uninitialized
$(eval $(call variant,vopr,$(CXX)))
build/vopr/chimera-vopr: $(call objects,vopr,$(VOPR)) src/files.txt
	$(call SAY,LINK)
	$(Q)$(call link,vopr)

.PHONY: vopr
vopr: build/vopr/chimera-vopr  ## VOPR_SEEDS (20000) runs of the whole program in a made-up world
	$< 1..500 --jobs 2 --twice
	$< 1..$(VOPR_SEEDS) --jobs 2

# --- planted bugs -------------------------------------------------------------------------------

# The same programs without sanitizers, quick to build and to link: tools/mutants.py runs these first.
quick_FLAGS := $(LANG_FLAGS) -I. $(LEAN) -O0 -w -DDOCTEST_CONFIG_SUPER_FAST_ASSERTS
$(eval $(call variant,quick,$(CXX)))
$(eval $(call test_programs,quick))
build/quick/vopr: $(call objects,quick,$(VOPR))
	$(call SAY,LINK)
	$(Q)$(call link,quick)
# Static, or the scripts that look at memory would always fail.
build/quick/chimera: $(call objects,quick,$(PRODUCT))
	$(call SAY,LINK)
	$(Q)$(call link,quick,-static)

.PHONY: mutants
mutants: build/quick/unit build/quick/virtual build/quick/vopr build/quick/chimera  ## plants the bugs of tests/mutants: the tests have to catch each; hours; MUTANTS='--only retry'
	@tools/need.sh doctest-dev python3
	@python3 tools/mutants.py $(MUTANTS)

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

# The same with counters instead of sanitizers: what the inputs reach.
COVERED := $(FUZZERS:build/fuzz/%=build/cover/%)
cover_FLAGS := $(LANG_FLAGS) $(LEAN) -O1 -g -fsanitize=fuzzer-no-link -fprofile-instr-generate -fcoverage-mapping \
  -DCHIMERA_LIBFUZZER $(WARN)
$(eval $(call variant,cover,$(CLANG)))
$(COVERED): build/cover/%: build/cover/obj/tests/fuzz/%_fuzz.o \
    $(call objects,cover,$(filter-out src/base/hooks.cpp,$(LIBRARY)))
	$(call SAY,LINK)
	$(Q)$(CLANG) $(cover_FLAGS) -fsanitize=fuzzer $(filter %.o,$^) -o $@

.PHONY: fuzz-cover covers
covers: $(COVERED)
fuzz-cover:  ## lines of each parser that the fuzzers' inputs reach
	@tools/need.sh clang-19 libclang-rt-19-dev llvm-19
	@$(MAKE) covers
	@tests/fuzz/cover.sh $(COVERED)

# --- models -----------------------------------------------------------------------------------

.PHONY: models
models:  ## the ring and the idle protocol, every interleaving of a small case, with spin
	@tests/models/run.sh --summary build/models-summary

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

# Slower ones look for bugs: clang-tidy at each source that changed (or a header of it), cppcheck at all.
# What they are told to leave alone, and why, is in .clang-tidy and tools/cppcheck.txt. GCC 12's
# -fanalyzer was looked at once: it takes std::expected's union, memory of operator new (which cannot be
# null here) and the frames of coroutines for errors: of some 200 warnings none that was read was right.
build/analyze/%.ok: %.cpp build/clang/%.ok .clang-tidy
	$(call SAY,TIDY)
	$(Q)mkdir -p $(@D)
	$(Q)clang-tidy-19 --quiet $< -- $(LANG_FLAGS) $(LEAN) -DCHIMERA_VERSION='""' 2>/dev/null
	$(Q)touch $@

.PHONY: analyze tidy cppcheck
tidy: $(PRODUCT:%.cpp=build/analyze/%.ok)
cppcheck:
	@tools/need.sh cppcheck
	$(Q)cppcheck -j2 --quiet --error-exitcode=1 --std=c++20 --language=c++ -Iinclude \
	  --enable=warning,performance,portability --suppressions-list=tools/cppcheck.txt src
analyze: cppcheck  ## cppcheck, and clang-tidy over what changed; over all it takes half an hour
	@tools/need.sh clang-19 clang-tidy-19
	@$(MAKE) -k tidy

.PHONY: check
check:  ## layers, lint, headers alone, source list, clang warnings, cppcheck, size budget
	@tools/need.sh clang-19 cppcheck
	@tools/check.sh --summary build/check-summary

.PHONY: size
size:  ## bytes of every variant and layer, and the size budgets
	@tools/need.sh musl-tools xz-utils
	@$(MAKE) build/chimera build/musl/chimera build/packed/chimera variant-binaries
	@tools/size.sh

# Micro-benchmarks of the product's own objects, and the whole program against a bare C client with
# the same libc. Peers come from packages at the time (tools/bench/peers.sh) and are never shipped.
PEERS := build/bench/peers
PICO := $(wildcard $(PEERS)/picohttpparser.c)
SIMDJSON := $(wildcard /usr/include/simdjson.h)
bench_FLAGS = $(LANG_FLAGS) $(if $(SIMDJSON),-DPEER_SIMDJSON -DSIMDJSON_EXCEPTIONS=0) \
  $(if $(PICO),-DPEER_PICO -I$(PEERS)) -O2 -flto -fno-exceptions -fno-rtti -fno-pie $(WARN)
$(eval $(call variant,bench,$(CXX)))
bench_parts = $(patsubst %.cpp,build/bench/obj/%.o,$(filter-out tools/bench/streams.cpp,$(wildcard tools/bench/$(1))))
build/bench/obj/%.c.o: %.c build/bench/flags
	$(call SAY,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O2 -flto -fno-pie -Wall -Wextra -MMD -MP -c $< -o $@
build/bench/obj/pico.o: $(PICO)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -O2 -flto -fno-pie -c $< -o $@

build/bench/micro: $(call bench_parts,*.cpp) build/bench/obj/tools/bench/peer_bare.c.o \
    $(if $(PICO),build/bench/obj/pico.o) \
    $(call objects,product,$(filter-out src/sys/linux/libc.cpp,$(LIBRARY))) src/files.txt
	$(call SAY,LINK)
	$(Q)$(CXX) -no-pie $(SMALL) -Wl,--gc-sections $(filter %.o,$^) $(if $(SIMDJSON),-lsimdjson) -o $@

# The client library without a program around it, once with each libc.
build/streams: $(call objects,product,tools/bench/streams.cpp $(LIBRARY)) src/files.txt
	$(call SAY,LINK)
	$(Q)$(CXX) $(SMALL_LINK) -s $(filter %.o,$^) -o $@
build/musl/streams: $(call objects,musl,tools/bench/streams.cpp $(LIBRARY)) src/files.txt
	$(call SAY,LINK)
	$(Q)$(CXX) $(musl_LINK) -s $(filter %.o,$^) -o $@

.PHONY: micro
micro:  ## build/bench/micro: micro-benchmarks of the product's objects
	@tools/bench/peers.sh $(PEERS)
	@$(MAKE) build/bench/micro

.PHONY: bench
bench:  ## micro-benchmarks, then the whole against a bare C client; BENCH=quick for a look
	@tools/need.sh python3 musl-tools
	@tools/bench/peers.sh $(PEERS)
	@$(MAKE) build/chimera build/musl/chimera build/bench/micro build/streams build/musl/streams \
	  build/epoll_client build/musl/epoll_client build/measure build/variants/musl/chimera-minimal
	@python3 tools/bench.py build $(BENCH)

# The limit that `make bench` measures against, linked like the product, and what measures both.
build/epoll_client build/measure: build/%: tools/%.c
	$(call SAY,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -O2 -Wall -Wextra -static -s $< -o $@
build/musl/epoll_client: tools/epoll_client.c
	$(call SAY,CC)
	$(Q)mkdir -p $(@D)
	$(Q)musl-gcc -std=c11 -O2 -Wall -Wextra -static -s $< -o $@

.PHONY: interop
interop: build/chimera  ## beside programs that others wrote, as far as a package index has them
	@tools/need.sh python3
	@bad=0; for script in tests/interop/*.py; do python3 $$script build/chimera || bad=1; done; exit $$bad

.PHONY: judge
judge: build/chimera build/epoll_client  ## can equal agents tell the presets apart? 20 minutes; JUDGE='--runs 3'
	@tools/need.sh python3
	@python3 tools/judge.py build/chimera build/epoll_client $(JUDGE)

.PHONY: sources
sources:  ## write src/files.txt from the tree
	@tools/make_sources.sh

.PHONY: clean
clean:  ## remove build/
	rm -rf build

-include $(shell find build -name '*.d' -type f 2>/dev/null)
