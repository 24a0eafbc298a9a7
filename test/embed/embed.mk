# SPDX-License-Identifier: MIT
# embed.mk - the library and the command as somebody else has them: installed.

.PHONY: check-embed
check-embed: need all $(B)/quire-selftest.elf
	@sh test/embed/embed.sh $(B)

CHECK_DEPS += $(B)/quire-selftest.elf
MORE_SUITES += 'embed=sh test/embed/embed.sh $(B)'
