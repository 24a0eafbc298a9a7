# SPDX-License-Identifier: MIT
# docs.mk - manual pages of the public calls, made from the headers' contracts.

MAN_H := $(patsubst %,include/quire/%.h,bitmap failure gfp highmem list mempool \
	mm pagemap params percpu pgtable port printk rbtree rcu reclaim rmap rwsem \
	show slab spinlock string sysctl topology vmalloc vmstat work xarray) port/soft/soft.h
MAN_H := $(wildcard $(MAN_H))
MAN_3 := $(B)/man/man3

# As #include names it: the soft machine's folder is on the include path.
man_include = $(patsubst port/soft/%,%,$(patsubst include/%,%,$(1)))

$(MAN_3)/.made: $(MAN_H) tools/man.awk include/quire/version.h
	@echo "  MAN      $(MAN_3)"
	$(Q)rm -rf $(MAN_3) && mkdir -p $(MAN_3)
	$(Q)$(foreach h,$(MAN_H),awk -v dir=$(MAN_3) -v version=$(VERSION) \
	    -v include=$(call man_include,$(h)) -f tools/man.awk $(h) &&) touch $@

.PHONY: man
man: $(MAN_3)/.made
