# SPDX-License-Identifier: MIT
# cli.mk - the quire command, its installation, the demonstration.

CLI_C := $(call nontest,$(wildcard cli/*.c))
# What the kernel asks of an executable is asked by the same code here.
CLI_O := $(call objs,cli,$(CLI_C) kernel/elf_decode.c)
$(foreach f,$(CLI_C),$(eval FLAGS-$(f) := -D_GNU_SOURCE))

$(B)/quire: $(CLI_O)
	@echo "  LD       $@"
	$(Q)$(HOSTCC) $(FLAGS_cli) -o $@ $^

# ---- the demonstration --------------------------------------------------------
MUSLCC := musl-gcc
GUEST_WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Werror
$(B)/demo/%: cli/demo/%.c | need
	@mkdir -p $(@D)
	@echo "  MUSL     $<"
	$(Q)$(MUSLCC) -std=gnu11 -O2 $(GUEST_WARN) -static -o $@ $<

BUSYBOX = $(shell command -v busybox)
.PHONY: run shell
run: need $(B)/quire $(B)/quire.elf $(B)/demo/pages
	@$(B)/quire run -m 128M --timeout 120 --file $(B)/demo/pages:/usr/bin/pages \
	    --file cli/demo/demo.sh:/demo.sh -- $(BUSYBOX) sh /demo.sh
	@echo
	@echo 'That was an unmodified busybox on a memory manager of its own.'
	@echo 'Next:  make shell                    look around yourself'
	@echo '       build/quire run -- PROGRAM    run a static program of yours'
	@echo '       build/quire help run          memory, processors, files, time'
	@echo '       docs/DESIGN.md                how it works'
	@echo '       make check                    every test'

shell: need $(B)/quire $(B)/quire.elf $(B)/demo/pages
	@$(B)/quire run -m 256M --cpus 2 --file $(B)/demo/pages:/usr/bin/pages \
	    -- $(BUSYBOX) sh || [ $$? -lt 125 ]

# ---- installation ---------------------------------------------------------------
# The command looks for its kernels in ../lib/quire as seen from its binary.
INSTALL := install
D = $(DESTDIR)$(PREFIX)
PORT_SOFT_H := $(wildcard port/soft/arch.h port/soft/soft.h)
.PHONY: install uninstall
install: all $(B)/quire-selftest.elf $(B)/quire.pc man
	$(INSTALL) -d $(D)/bin $(D)/lib/quire $(D)/lib/pkgconfig \
	    $(D)/include/quire/uapi $(D)/include/quire/soft \
	    $(D)/share/man/man1 $(D)/share/man/man3 \
	    $(D)/share/bash-completion/completions
	$(INSTALL) -m 755 $(B)/quire $(D)/bin/
	$(INSTALL) -m 644 $(B)/quire.elf $(B)/quire-selftest.elf $(D)/lib/quire/
	$(INSTALL) -m 644 $(B)/libquire.a $(D)/lib/
	$(INSTALL) -m 644 $(B)/quire.pc $(D)/lib/pkgconfig/
	$(INSTALL) -m 644 $(wildcard include/quire/*.h) $(D)/include/quire/
	$(INSTALL) -m 644 $(wildcard include/quire/uapi/*.h) \
	    $(D)/include/quire/uapi/
	$(INSTALL) -m 644 $(PORT_SOFT_H) $(D)/include/quire/soft/
	$(INSTALL) -m 644 docs/man/quire.1 $(D)/share/man/man1/
	$(INSTALL) -m 644 $(MAN_3)/*.3quire $(D)/share/man/man3/
	$(INSTALL) -m 644 cli/quire.bash \
	    $(D)/share/bash-completion/completions/quire
uninstall:
	rm -f $(D)/bin/quire $(D)/lib/libquire.a $(D)/lib/pkgconfig/quire.pc \
	    $(D)/share/man/man1/quire.1 $(D)/share/man/man3/*.3quire \
	    $(D)/share/bash-completion/completions/quire
	rm -rf $(D)/lib/quire $(D)/include/quire

# Headers find the port's arch.h on the include path, so its folder is on it.
# Its text depends on PREFIX, so it is made anew each time.
.PHONY: $(B)/quire.pc
$(B)/quire.pc:
	@mkdir -p $(@D)
	@printf '%s\n' 'prefix=$(PREFIX)' \
	    'includedir=$${prefix}/include' 'libdir=$${prefix}/lib' '' \
	    'Name: quire' \
	    'Description: Linux-compatible memory manager as a library' \
	    'Version: $(VERSION)' \
	    'Cflags: -I$${includedir} -I$${includedir}/quire/soft' \
	    'Libs: -L$${libdir} -lquire -pthread' > $@
