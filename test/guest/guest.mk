# SPDX-License-Identifier: MIT
# guest.mk - real programs: built static with musl and with glibc, run on the
# host's Linux first and then in the machine.

G := $(B)/guest
GUEST_TESTS := mem lock fault proc sig thread io leak
# What is about the kernel and not about a libc: with one is enough.
GUEST_ATTACKS := limits race secret storm show numa start memfd shm
GUEST_FLAGS := -std=gnu11 -O2 -pthread $(GUEST_WARN)
GUEST_BIN := $(GUEST_ATTACKS:%=$(G)/musl/%) $(GUEST_TESTS:%=$(G)/musl/%) $(GUEST_TESTS:%=$(G)/glibc/%) \
	$(G)/pie/mem $(G)/pie/proc

$(G)/musl/%: test/guest/%.c test/guest/guest.h | need
	@mkdir -p $(@D)
	@echo "  MUSL     $<"
	$(Q)$(MUSLCC) $(GUEST_FLAGS) -static -o $@ $<
$(G)/glibc/%: test/guest/%.c test/guest/guest.h | need
	@mkdir -p $(@D)
	@echo "  STATIC   $<"
	$(Q)$(HOSTCC) $(GUEST_FLAGS) -static -o $@ $<
$(G)/pie/%: test/guest/%.c test/guest/guest.h | need
	@mkdir -p $(@D)
	@echo "  PIE      $<"
	$(Q)$(HOSTCC) $(GUEST_FLAGS) -static-pie -o $@ $<
$(G)/fake_qemu $(G)/pty: $(G)/%: test/guest/%.c include/quire/run_proto.h | need
	@mkdir -p $(@D)
	@echo "  HOSTCC   $<"
	$(Q)$(HOSTCC) $(GUEST_FLAGS) -Iinclude -o $@ $<

# People's tools, which read what the kernel shows (tools.sh).
ifneq ($(filter check check-guest%,$(MAKECMDGOALS)),)
NEED += numactl:numactl vmstat:procps lscpu:util-linux ldd:libc-bin
endif

GUEST_DEPS := $(GUEST_BIN) $(G)/fake_qemu $(G)/pty $(B)/quire
# T= runs only the programs of these names; HOST=1 stops before the machine.
.PHONY: check-guest check-guest-host check-cli check-boot
check-guest: need $(GUEST_DEPS) $(B)/quire.elf $(B)/quire-selftest.elf
	@sh test/guest/run.sh $(B) $(T)
check-guest-host: need $(GUEST_DEPS)
	@HOST=1 sh test/guest/run.sh $(B) $(T)
check-cli: need $(GUEST_DEPS) $(B)/quire.elf
	@sh test/guest/cli.sh $(B)
check-boot: need $(B)/quire.elf
	@sh test/guest/boot.sh $(B)

CHECK_DEPS += $(GUEST_DEPS) $(B)/quire.elf $(B)/quire-selftest.elf
MORE_SUITES += 'guest=sh test/guest/run.sh $(B)' \
	'cli=sh test/guest/cli.sh $(B)' 'boot=sh test/guest/boot.sh $(B)'
