# SPDX-License-Identifier: MIT
# cli.mk - the quire command, its installation, the demonstration.

CLI_C := $(call nontest,$(wildcard cli/*.c))
CLI_O := $(call objs,cli,$(CLI_C))
$(foreach f,$(CLI_C),$(eval FLAGS-$(f) := -D_GNU_SOURCE))

$(B)/quire: $(CLI_O)
	@echo "  LD       $@"
	$(Q)$(HOSTCC) $(FLAGS_cli) -o $@ $^
