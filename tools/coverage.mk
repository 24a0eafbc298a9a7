# SPDX-License-Identifier: MIT
#
# make coverage: the hosted unit tests, built to count, and what they missed.

FLAGS_cover := -Iport/soft -O0 -pthread --coverage -fprofile-update=atomic \
	$(SOFT_CHECKED)
$(eval $(call variant_rules,cover))
COVER_O := $(call objs,cover,$(UNIT_SRC))

$(B)/unit-cover: $(COVER_O)
	@echo "  LD       $@"
	$(Q)$(CC) $(FLAGS_cover) -Wl,-u,__gcov_dump -o $@ $^

# make coverage [T=pattern]; gcov belongs to gcc.
.PHONY: coverage
coverage: $(B)/unit-cover
	@sh tools/need.sh gcov:gcc awk:mawk
	@sh tools/coverage.sh $(B) $(T)
