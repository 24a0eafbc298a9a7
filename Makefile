# SPDX-License-Identifier: MIT
#
# Quire's build.  Everything goes under build/; `make help` lists the targets.
# One makefile: folders that need rules of their own bring a fragment
# (folder/folder.mk), which is included below and sees these variables.

MAKEFLAGS += -rR --no-print-directory
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:

B        := build
CC       := gcc
HOSTCC   := $(CC)
AR       := ar
NM       := nm
OBJCOPY  := objcopy
PREFIX   ?= /usr/local
VERSION  := $(shell sed -n 's/.*QUIRE_VERSION "\(.*\)"/\1/p' include/quire/version.h)
Q        := $(if $(V),,@)

WARN := -Wall -Wextra -Wundef -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Werror
BASE := -std=gnu11 -g $(WARN) -fno-strict-aliasing -fno-common -I. -Iinclude
# The library and the kernel use no libc; the hosted builds do not either
# outside port/soft, test/ and cli/.
FREE := -ffreestanding

# ---- sources ------------------------------------------------------------
nontest = $(filter-out %_test.c,$(1))
LIB_C   := $(call nontest,$(filter-out lib/string.c,$(wildcard lib/*.c)))
MM_C    := $(call nontest,$(wildcard mm/*.c mm/*/*.c))
SOFT_C  := $(call nontest,$(wildcard port/soft/*.c))
X86_C   := $(call nontest,$(wildcard port/x86_64/*.c)) lib/string.c
X86_S   := $(wildcard port/x86_64/*.S)
KERN_C  := $(call nontest,$(wildcard kernel/*.c kernel/*/*.c))
UNIT_C  := $(wildcard lib/*_test.c mm/*/*_test.c)
SOFTT_C := $(wildcard port/*/*_test.c) # run hosted
METALT_C := $(wildcard kernel/*_test.c kernel/*/*_test.c)

LIBMM_C := $(LIB_C) $(MM_C)

# A test file includes its subject: x_test.o stands in for x.o.
subject = $(patsubst %_test.c,%.c,$(1))
with_tests = $(filter-out $(call subject,$(2)),$(1)) $(2)

# ---- variants: name, compiler flags ---------------------------------------
CHECKED := -DCONFIG_DEBUG_MM=1 -DCONFIG_DEBUG_LOCKS=1 \
	-DCONFIG_FAULT_INJECTION=1 -DCONFIG_SELFTEST=1
SOFT_CHECKED := $(CHECKED) -DCONFIG_HIGHMEM=1
METAL := $(FREE) -Iport/x86_64 -O2 -mcmodel=kernel -mno-red-zone \
	-mgeneral-regs-only -fno-pic -fno-pie -fno-stack-protector \
	-fno-asynchronous-unwind-tables -fcf-protection=none \
	-fno-omit-frame-pointer -fno-optimize-sibling-calls -DQUIRE_METAL=1

FLAGS_hosted   := -Iport/soft -O2 -fPIC -ftls-model=initial-exec \
	-fno-semantic-interposition -pthread
FLAGS_asan     := -Iport/soft -O1 -pthread -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all $(SOFT_CHECKED)
FLAGS_tsan     := -Iport/soft -O1 -pthread -fno-omit-frame-pointer \
	-fsanitize=thread $(SOFT_CHECKED)
FLAGS_metal    := $(METAL)
FLAGS_selftest := $(METAL) $(CHECKED)
FLAGS_cli      := -O2 -pthread
VARIANTS := hosted asan tsan metal selftest cli

define variant_rules
$(B)/$(1)/%.o: %.c | need
	@mkdir -p $$(@D)
	@echo "  CC[$(1)] $$<"
	$$(Q)$$(CC) $$(BASE) $$(FLAGS_$(1)) $$(FLAGS-$$<) -MMD -MP -c $$< -o $$@
$(B)/$(1)/%.o: %.S | need
	@mkdir -p $$(@D)
	@echo "  AS[$(1)] $$<"
	$$(Q)$$(CC) $$(BASE) $$(FLAGS_$(1)) -D__ASSEMBLY__ -MMD -MP -c $$< -o $$@
endef
$(foreach v,$(VARIANTS),$(eval $(call variant_rules,$(v))))
objs = $(patsubst %,$(B)/$(1)/%.o,$(basename $(2)))

# The library proper is freestanding in every variant.
$(foreach f,$(LIBMM_C) $(UNIT_C),$(eval FLAGS-$(f) := $(FREE)))

.PHONY: all
all: $(B)/quire $(B)/quire.elf $(B)/libquire.a

# ---- the hosted library ---------------------------------------------------
$(B)/libquire.a: $(call objs,hosted,$(LIBMM_C) $(SOFT_C))
	@echo "  AR       $@"
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# ---- the library for a machine of somebody else's (docs/PORTING.md) ---------
# PORT: the folder of its arch.h.  Objects of two ports do not mix: each has a
# folder named after its path; the archive is made anew each time.
ifneq ($(PORT),)
PORT_ID := port$(subst /,-,$(abspath $(PORT)))
FLAGS_$(PORT_ID) := -O2 $(PORT_CFLAGS) -I$(PORT)
$(eval $(call variant_rules,$(PORT_ID)))
.PHONY: $(B)/port/libquire.a
$(B)/port/libquire.a: $(call objs,$(PORT_ID),$(LIBMM_C))
	@mkdir -p $(@D)
	@echo "  AR       $@"
	$(Q)rm -f $@ && $(AR) rcs $@ $^
endif
.PHONY: port-lib
port-lib: $(if $(PORT),$(B)/port/libquire.a)
	@test -n "$(PORT)" || { echo 'port-lib: PORT=folder-of-arch.h' >&2; exit 1; }

# ---- the kernel: linked twice, the second time with its symbol names -------
define kernel_rules
$(B)/$(1).pass1: $(2) port/x86_64/kernel.lds
	@echo "  LD       $$@"
	$$(Q)$$(CC) -nostdlib -static -Wl,--build-id=none \
	    -Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments \
	    -T port/x86_64/kernel.lds -o $$@ $(2)
$(B)/$(1).ksyms.S: $(B)/$(1).pass1 tools/ksyms.sh
	$$(Q)NM=$$(NM) sh tools/ksyms.sh $$< > $$@
$(B)/$(1).ksyms.o: $(B)/$(1).ksyms.S
	$$(Q)$$(CC) -c $$< -o $$@
$(B)/$(1): $(B)/$(1).ksyms.o
	@echo "  LD       $$@"
	$$(Q)$$(CC) -nostdlib -static -Wl,--build-id=none \
	    -Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments \
	    -T port/x86_64/kernel.lds -o $$@ $(2) $$<
endef
KERNEL_O   := $(call objs,metal,$(LIBMM_C) $(X86_C) $(X86_S) $(KERN_C))
SELFTEST_O := $(call objs,selftest,$(call with_tests,$(LIBMM_C) $(KERN_C),\
	$(UNIT_C) $(METALT_C)) $(X86_C) $(X86_S) $(wildcard test/metal/*.c))
$(eval $(call kernel_rules,quire.elf,$(KERNEL_O)))
$(eval $(call kernel_rules,quire-selftest.elf,$(SELFTEST_O)))

# ---- unit tests, hosted -----------------------------------------------------
UNIT_SRC := $(call with_tests,$(LIBMM_C) $(SOFT_C),$(UNIT_C) $(SOFTT_C)) \
	$(wildcard test/hosted/*.c)
$(B)/unit-asan: $(call objs,asan,$(UNIT_SRC))
	@echo "  LD       $@"
	$(Q)$(CC) $(FLAGS_asan) -o $@ $^
$(B)/unit-tsan: $(call objs,tsan,$(UNIT_SRC))
	@echo "  LD       $@"
	$(Q)$(CC) $(FLAGS_tsan) -o $@ $^

.PHONY: unit-asan unit-tsan
unit-asan: $(B)/unit-asan
	$(B)/unit-asan $(T)
unit-tsan: $(B)/unit-tsan
	$(B)/unit-tsan $(T)

# What must be installed; fragments add COMMAND:PACKAGE.
NEED := gcc:gcc ld:binutils /usr/include/stdio.h:libc6-dev

# ---- fragments ---------------------------------------------------------------
include $(wildcard cli/*.mk malloc/*.mk test/*.mk test/*/*.mk bench/*.mk tools/*.mk docs/*.mk)

# ---- check: everything, one summary -----------------------------------------
# Fragments add to MORE_SUITES: NAME=COMMAND, each ending with a
# line "N passed, N failed".
CHECK_SUITES := 'source=$(CHECK_SOURCE)' \
	'unit-asan=$(B)/unit-asan' \
	'unit-tsan=$(B)/unit-tsan' \
	'selftest-1=$(B)/quire selftest --cpus 1' \
	'selftest-2=$(B)/quire selftest --cpus 2' \
	'selftest-nodes=$(B)/quire selftest --cpus 3 --numa 128M,cpus=0 \
		--numa 640M,cpus=1 --numa 0,cpus=2' \
	$(MORE_SUITES)
.PHONY: check
check: need all $(B)/unit-asan $(B)/unit-tsan $(B)/quire-selftest.elf \
    $(CHECK_DEPS)
	@sh tools/check.sh $(B)/check $(CHECK_SUITES)

# ---- what must be installed ---------------------------------------------------
# By goal and all at once: whatever compiles waits for `need` (an order-only
# prerequisite, so that nothing is rebuilt for it), at any -j.
ifneq ($(filter clang,$(CC)),)
NEED += clang:clang
endif
RUN_GOALS := run shell bench bench-alloc check% selftest $(B)/guest/% $(B)/demo/% $(B)/bench/%
ifneq ($(filter $(RUN_GOALS),$(MAKECMDGOALS)),)
NEED += qemu-system-x86_64:qemu-system-x86 busybox:busybox-static \
	musl-gcc:musl-tools
endif
ifneq ($(filter check lint format,$(MAKECMDGOALS)),)
NEED += clang:clang clang-format:clang-format git:git
endif
ifneq ($(filter check check-embed,$(MAKECMDGOALS)),)
NEED += pkg-config:pkg-config man:man-db
endif
.PHONY: need
need:
	@sh tools/need.sh $(NEED)

.PHONY: clean help
help:
	@echo 'make              build/quire, build/quire.elf, build/libquire.a'
	@echo 'make run          boot, and watch the memory manager at work'
	@echo 'make shell        an interactive busybox shell on Quire'
	@echo 'make check        every test; ends with "N passed, N failed"'
	@echo 'make unit-asan    unit tests, simulated machine (T=pattern)'
	@echo 'make unit-tsan    the same under the thread sanitizer'
	@echo 'make coverage     lines and branches that the unit tests reach'
	@echo 'make check-model  protocols of locks and flushes, all interleavings'
	@echo 'make bench        instruction counts beside Linux 6.1, and the next:'
	@echo 'make bench-alloc  the allocators beside malloc libraries, ns per pair'
	@echo 'make lint         layering, symbols, layout, clang, options'
	@echo 'make format       lay the sources out by .clang-format'
	@echo 'make port-lib     the library with PORT=folder/of/your/arch.h'
	@echo 'make install      PREFIX=/usr/local DESTDIR=; and make uninstall'
	@echo 'make clean        remove build/'
	@echo 'Variables: V=1 shows commands, CC=clang changes the compiler.'
clean:
	rm -rf $(B)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
