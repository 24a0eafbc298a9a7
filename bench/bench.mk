# SPDX-License-Identifier: MIT
# bench.mk - instruction counts beside Linux 6.1 in the same virtual machine.

$(B)/bench/bench: bench/bench.c | need
	@mkdir -p $(@D)
	@echo "  MUSL     $<"
	$(Q)$(MUSLCC) -std=gnu11 -O2 $(GUEST_WARN) -static \
	    -Wl,-e,bench_start -o $@ $<

# WALL= boots for the column of time, 5; 0 leaves it out.
.PHONY: bench
bench: need $(B)/quire.elf $(B)/bench/bench
	@sh bench/run.sh $(B)
