# SPDX-License-Identifier: MIT
# diff.mk - memory system calls beside the host's Linux.
#
#	make check-diff [FROM=1] [COUNT=10000] [DIFF='-x kind']

DIFF_C := $(wildcard test/diff/*.c)
$(B)/diff/diff: $(DIFF_C) test/diff/diff.h | need
	@mkdir -p $(@D)
	@echo "  MUSL     test/diff"
	$(Q)$(MUSLCC) -std=gnu11 -O2 $(GUEST_WARN) -static -o $@ $(DIFF_C)

FROM  ?= 1
COUNT ?= 10000
.PHONY: check-diff
check-diff: need $(B)/diff/diff $(B)/quire $(B)/quire.elf
	@sh test/diff/diff.sh $(B) $(FROM) $(COUNT) $(DIFF)

# In `make check`: a fixed number of sequences of the kinds that are equal; the
# others are listed in docs/CAVEATS.md.
DIFF_OPEN := mseal madvise remap_file_pages mremap rlimit mlock munlock mlockall \
	munlockall fork flags mprotect write_mem read_mem seek vm_copy fallocate
DIFF_CHECK_COUNT ?= 2000
DIFF_SUMS := test/diff/linux-6.18.sums
MORE_SUITES += 'diff=REFERENCE=$(DIFF_SUMS) sh test/diff/diff.sh $(B) 1 $(DIFF_CHECK_COUNT) $(DIFF_OPEN:%=-x %)'
CHECK_DEPS += $(B)/diff/diff

# After a change of the program, on a Linux 6.18.
.PHONY: diff-sums
diff-sums: $(B)/diff/diff
	$(B)/diff/diff $(DIFF_OPEN:%=-x %) 1 $(DIFF_CHECK_COUNT) > $(DIFF_SUMS)
