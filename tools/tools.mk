# SPDX-License-Identifier: MIT
# Checks of the source itself.

METAL_LIB_O := $(call objs,metal,$(LIBMM_C))
CHECK_SOURCE = OBJECTS="$(METAL_LIB_O)" BASE="$(BASE)" \
	FREE="$(FREE)" METAL="$(METAL)" CHECKED="$(CHECKED)" \
	LIB_SRC="$(LIBMM_C) $(UNIT_C)" METAL_SRC="$(LIBMM_C) $(X86_C) $(KERN_C)" \
	SOFT_SRC="$(SOFT_C) $(SOFTT_C) $(wildcard test/hosted/*.c)" \
	sh tools/check_source.sh

.PHONY: lint layers symbols format
lint: need $(METAL_LIB_O)
	@$(CHECK_SOURCE)
layers:
	@sh tools/check_layers.sh
symbols: $(METAL_LIB_O)
	@sh tools/check_symbols.sh $^
format: need
	clang-format -i $(shell git ls-files '*.c' '*.h' 2>/dev/null)

# The table of knobs in docs/FILES.md comes from the rows themselves.
$(B)/knobs: tools/knobs.c $(B)/libquire.a | need
	@echo "  HOSTCC   $<"
	$(Q)$(CC) $(BASE) $(FLAGS_hosted) -o $@ $^
.PHONY: check-knobs docs-knobs
check-knobs: $(B)/knobs
	@sh tools/check_knobs.sh $(B)/knobs
docs-knobs: $(B)/knobs
	@sh tools/check_knobs.sh $(B)/knobs --write

CHECK_DEPS += $(METAL_LIB_O) $(B)/knobs
MORE_SUITES += 'knobs=sh tools/check_knobs.sh $(B)/knobs'
