# SPDX-License-Identifier: MIT
# malloc.mk - the drop-in allocator for the host: a shared object, an archive.

MALLOC_C := $(call nontest,$(wildcard malloc/*.c))
FLAGS_malloc := -O2 -fno-tree-slp-vectorize -fPIC -pthread -fvisibility=hidden -D_GNU_SOURCE \
	-fno-builtin-malloc -fno-builtin-calloc -fno-builtin-realloc \
	-fno-builtin-free -fno-semantic-interposition
FLAGS_mcheck := -O1 -pthread -D_GNU_SOURCE -fno-builtin-malloc \
	-fno-builtin-calloc -fno-builtin-realloc -fno-builtin-free \
	-DCONFIG_MALLOC_CHECK=1 -Wno-deprecated-declarations
FLAGS_mtsan := -O1 -pthread -D_GNU_SOURCE -fsanitize=thread \
	-DCONFIG_MALLOC_CHECK=1 -DCONFIG_MALLOC_PREFIX=1
$(foreach v,malloc mcheck mtsan,$(eval $(call variant_rules,$(v))))

all: $(B)/libquire-malloc.so $(B)/libquire-malloc.a

$(B)/libquire-malloc.so: $(call objs,malloc,$(MALLOC_C))
	@echo "  LD       $@"
	$(Q)$(CC) $(FLAGS_malloc) -shared -Wl,-soname,libquire-malloc.so \
	    -Wl,-z,now -Wl,-z,relro -Wl,-z,noseparate-code -o $@ $^
$(B)/libquire-malloc.a: $(call objs,malloc,$(MALLOC_C))
	@echo "  AR       $@"
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# ---- tests ------------------------------------------------------------------------
MALLOC_T := $(wildcard test/malloc/*.c)
$(B)/malloc/test: $(call objs,mcheck,$(MALLOC_C) $(MALLOC_T))
	@mkdir -p $(@D)
	@echo "  LD       $@"
	$(Q)$(CC) $(FLAGS_mcheck) -o $@ $^
$(B)/malloc/test-tsan: $(call objs,mtsan,$(MALLOC_C) test/malloc/main.c \
	    test/malloc/threads.c)
	@mkdir -p $(@D)
	@echo "  LD       $@"
	$(Q)$(CC) $(FLAGS_mtsan) -o $@ $^
CHECK_DEPS += $(B)/malloc/test $(B)/malloc/test-tsan \
	$(B)/libquire-malloc.so $(B)/libquire-malloc.a
MORE_SUITES += 'malloc=$(B)/malloc/test' \
	'malloc-tsan=$(B)/malloc/test-tsan' \
	'malloc-progs=sh test/malloc/preload.sh $(B)'
ifneq ($(filter check check-malloc,$(MAKECMDGOALS)),)
NEED += valgrind:valgrind google-pprof:google-perftools g++:g++ perl:perl \
	sqlite3:sqlite3
endif
.PHONY: check-malloc
check-malloc: need $(CHECK_DEPS)
	@sh tools/check.sh $(B)/check 'malloc=$(B)/malloc/test' \
	    'malloc-tsan=$(B)/malloc/test-tsan' \
	    'malloc-progs=sh test/malloc/preload.sh $(B)'

# Servers under load and interpreters' own tests: minutes.  T= names some.
.PHONY: check-malloc-programs
check-malloc-programs: $(B)/libquire-malloc.so
	@sh tools/need.sh bash:bash git:git gcc:gcc g++:g++ perl:perl \
	    sqlite3:sqlite3 node:nodejs redis-server:redis-server \
	    redis-benchmark:redis-tools /usr/sbin/nginx:nginx-light \
	    ab:apache2-utils curl:curl psql:postgresql pgbench:postgresql \
	    /usr/bin/python3:python3 \
	    /usr/lib/python3.11/test/test_threading.py:libpython3.11-testsuite
	@sh test/malloc/programs.sh $(B) $(T)

# ---- installation -----------------------------------------------------------------
$(B)/quire-malloc.pc: malloc/malloc.mk Makefile
	@mkdir -p $(@D)
	@printf '%s\n' 'prefix=$(PREFIX)' 'libdir=$${prefix}/lib' '' \
	    'Name: quire-malloc' \
	    'Description: drop-in memory allocator' \
	    'Version: $(VERSION)' \
	    'Libs: -L$${libdir} -lquire-malloc -pthread' > $@
.PHONY: install-malloc uninstall-malloc
install: install-malloc
install-malloc: $(B)/libquire-malloc.so $(B)/libquire-malloc.a \
    $(B)/quire-malloc.pc
	$(INSTALL) -d $(D)/lib/pkgconfig $(D)/share/man/man3
	$(INSTALL) -m 755 $(B)/libquire-malloc.so $(D)/lib/
	$(INSTALL) -m 644 $(B)/libquire-malloc.a $(D)/lib/
	$(INSTALL) -m 644 $(B)/quire-malloc.pc $(D)/lib/pkgconfig/
	$(INSTALL) -m 644 docs/man/quire-malloc.3 $(D)/share/man/man3/
uninstall: uninstall-malloc
uninstall-malloc:
	rm -f $(D)/lib/libquire-malloc.so $(D)/lib/libquire-malloc.a \
	    $(D)/lib/pkgconfig/quire-malloc.pc \
	    $(D)/share/man/man3/quire-malloc.3

# ---- figures: beside glibc, jemalloc, tcmalloc, mimalloc -----------------------------
# ROWS= names some; N= runs of each, 3; HARDENED=1 adds the hardened mode.
MALLOC_B := $(wildcard bench/malloc/*.c)
$(B)/malloc/bench: $(MALLOC_B) bench/malloc/bench.h
	@mkdir -p $(@D)
	@echo "  HOSTCC   $(MALLOC_B)"
	$(Q)$(CC) $(BASE) -O2 -pthread -fno-builtin-malloc -fno-builtin-calloc \
	    -fno-builtin-realloc -fno-builtin-free -o $@ $(MALLOC_B)
.PHONY: bench-malloc
bench-malloc: $(B)/malloc/bench $(B)/libquire-malloc.so
	@sh tools/need.sh /usr/bin/time:time perl:perl sqlite3:sqlite3 git:git \
	    g++:g++ /usr/bin/python3:python3 \
	    /usr/lib/x86_64-linux-gnu/libjemalloc.so.2:libjemalloc2 \
	    /usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4:libtcmalloc-minimal4 \
	    /usr/lib/x86_64-linux-gnu/libmimalloc.so.2.0:libmimalloc2.0
	@sh bench/malloc/run.sh $(B) $(ROWS)
