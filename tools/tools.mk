# SPDX-License-Identifier: MIT
# Checks of the source itself: layering, symbols, layout, other compilers.

ALL_C := $(LIBMM_C) $(SOFT_C) $(X86_C) $(KERN_C) $(UNIT_C) $(SOFTT_C) \
	$(METALT_C) $(wildcard test/hosted/*.c test/metal/*.c cli/*.c)
FORMATTED := $(shell git ls-files '*.c' '*.h' 2>/dev/null)

.PHONY: format format-check layers symbols lint compilers configs
format: need-lint
	clang-format -i $(FORMATTED)
format-check: need-lint
	clang-format --dry-run -Werror $(FORMATTED)
layers:
	sh tools/check_layers.sh
symbols: $(call objs,metal,$(LIBMM_C))
	sh tools/check_symbols.sh $^

# Every source, for its machine, with the other compiler and each option
# turned the other way: parsed and checked, no code made.
METAL_SRC := $(LIBMM_C) $(X86_C) $(KERN_C)
SYNTAX_clang := clang $(BASE) -fsyntax-only
SYNTAX_gcc   := gcc $(BASE) -fsyntax-only -O1
METAL_PORTABLE := $(filter-out -mcmodel=kernel,$(METAL))
compilers: need-lint
	@for f in $(METAL_SRC); do \
	    $(SYNTAX_clang) $(METAL_PORTABLE) -mcmodel=kernel $$f || exit 1; \
	done
	@for f in $(LIBMM_C) $(UNIT_C); do \
	    $(SYNTAX_clang) $(FREE) -Iport/soft $(CHECKED) $$f || exit 1; done
	@for f in $(SOFT_C) $(SOFTT_C) $(wildcard test/hosted/*.c); do \
	    $(SYNTAX_clang) -Iport/soft $(CHECKED) $$f || exit 1; done
	@echo "compilers: gcc builds it, clang accepts it"
configs: need-lint
	@for c in DEBUG_MM DEBUG_LOCKS FAULT_INJECTION; do \
	    for f in $(LIBMM_C) $(KERN_C); do \
	        $(SYNTAX_gcc) $(METAL) -DCONFIG_$$c=1 $$f || exit 1; \
	    done; \
	    all="$(CHECKED)"; \
	    for f in $(LIBMM_C); do \
	        $(SYNTAX_gcc) $(FREE) -Iport/soft \
		    $$(echo $$all | sed "s/CONFIG_$$c=1/CONFIG_$$c=0/") $$f || \
		    exit 1; \
	    done; \
	done
	@echo "configs: each option compiles alone and left out alone"
lint: layers symbols format-check compilers configs
	@echo "lint: clean"
