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

$(B)/bench/alloc: $(call objs,benchalloc,bench/alloc/main.c bench/alloc/rows.c) \
    $(B)/libquire.a
	@mkdir -p $(@D)
	@echo "  LD       $@"
	$(Q)$(CC) $(FLAGS_benchalloc) -o $@ $^

# The kernel, with a benchmark of its allocators in place of programs.
FLAGS_metalbench := $(METAL) -DCONFIG_BENCH=1
$(eval $(call variant_rules,metalbench))
$(eval $(call kernel_rules,bench/quire-bench.elf,$(filter-out \
    $(B)/metal/kernel/main.o,$(KERNEL_O)) \
    $(call objs,metalbench,kernel/main.c bench/alloc/metal.c)))

.PHONY: bench-alloc
bench-alloc: need $(B)/bench/alloc $(B)/bench/quire-bench.elf
	@sh tools/need.sh $(PEER_NEED)
	@{ $(B)/bench/alloc glibc= $(PEERS) && sh bench/alloc/metal.sh $(B); } | \
	    tee $(B)/bench/alloc.txt
