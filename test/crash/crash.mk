# SPDX-License-Identifier: MIT
# crash.mk - the kernel fails on purpose; what it says and how it ends.

.PHONY: check-crash
check-crash: need $(B)/quire-selftest.elf
	@sh test/crash/crash.sh $(B)

CHECK_DEPS += $(B)/quire-selftest.elf
MORE_SUITES += 'crash=sh test/crash/crash.sh $(B)'
