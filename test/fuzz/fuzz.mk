# SPDX-License-Identifier: MIT
# fuzz.mk - a fixed number of broken inputs for the decoders.  make fuzz N=...

$(B)/fuzz: test/fuzz/fuzz.c kernel/elf_decode.c kernel/elf_decode.h \
		kernel/fs/cpio.c kernel/fs/cpio.h | need
	@mkdir -p $(@D)
	@echo "  FUZZ     $<"
	$(Q)$(CC) $(BASE) $(FLAGS_asan) -o $@ $<

.PHONY: fuzz
fuzz: $(B)/fuzz
	$(B)/fuzz $(N)

CHECK_DEPS += $(B)/fuzz
MORE_SUITES += 'fuzz=$(B)/fuzz'
