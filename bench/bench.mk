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
	@$(MAKE) bench-alloc

# ---- the allocators, hosted, beside those of Debian -------------------------
# ROUNDS= timings of each row, 60.
PEER_DIR := /usr/lib/$(shell $(CC) -print-multiarch)
PEERS := jemalloc=$(PEER_DIR)/libjemalloc.so.2 \
	tcmalloc=$(PEER_DIR)/libtcmalloc_minimal.so.4 \
	mimalloc=$(PEER_DIR)/libmimalloc.so.2.0
PEER_NEED := $(PEER_DIR)/libjemalloc.so.2:libjemalloc2 \
	$(PEER_DIR)/libtcmalloc_minimal.so.4:libtcmalloc-minimal4 \
	$(PEER_DIR)/libmimalloc.so.2.0:libmimalloc2.0
FLAGS_benchalloc := -Iport/soft -O2 -pthread -fno-builtin
$(eval $(call variant_rules,benchalloc))

$(B)/bench/alloc: $(call objs,benchalloc,$(wildcard bench/alloc/*.c)) \
    $(B)/libquire.a
	@mkdir -p $(@D)
	@echo "  LD       $@"
	$(Q)$(CC) $(FLAGS_benchalloc) -o $@ $^
.PHONY: bench-alloc
bench-alloc: $(B)/bench/alloc
	@sh tools/need.sh $(PEER_NEED)
	@$(B)/bench/alloc glibc= $(PEERS) | tee $(B)/bench/alloc.txt
