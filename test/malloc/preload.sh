#!/bin/sh
# SPDX-License-Identifier: MIT
#
# preload.sh BUILD - programs of the system under LD_PRELOAD: same output and
# status as without, for those that are installed.

set -u
B=$(cd "$1" && pwd)
so=$B/libquire-malloc.so
dir=$B/malloc/preload
rm -rf "$dir"
mkdir -p "$dir"
passed=0
failed=0

verdict()
{
	if [ "$2" -eq 0 ]; then
		echo "ok - $1"
		passed=$((passed + 1))
	else
		echo "not ok - $1"
		failed=$((failed + 1))
	fi
}

# same NAME COMMAND: with and without, in two empty folders.
same()
{
	for way in without with; do
		mkdir -p "$dir/$1.$way"
		lib=
		[ $way = with ] && lib=$so
		(cd "$dir/$1.$way" &&
		 LD_PRELOAD=$lib timeout 100 sh -c "$2" > ../"$1.$way.out" 2>&1
		 echo "status $?" >> ../"$1.$way.out")
	done
	cmp "$dir/$1.without.out" "$dir/$1.with.out" &&
		[ "$(tail -n 1 "$dir/$1.with.out")" = "status 0" ]
	verdict "$1" $?
}
has()
{
	command -v "$1" > /dev/null 2>&1
}

cat > "$dir/hello.c" <<'END'
#include <stdio.h>
#include <stdlib.h>
int main(void)
{
	char *p = malloc(100);

	snprintf(p, 100, "hello");
	puts(p);
	free(p);
	return 0;
}
END
cat > "$dir/map.cc" <<'END'
#include <iostream>
#include <map>
#include <new>
#include <string>
#include <thread>
#include <vector>
struct alignas(128) wide { char bytes[300]; };
static void fill(long *sum)
{
	std::map<std::string, std::vector<int>> m;

	for (int i = 0; i < 20000; i++)
		m[std::to_string(i % 3000)].push_back(i);
	for (auto &kv : m)
		*sum += kv.second.size();
}
int main()
{
	long sums[4] = {};
	std::vector<std::thread> threads;
	std::vector<wide *> wides;

	for (auto &s : sums)
		threads.emplace_back(fill, &s);
	for (auto &t : threads)
		t.join();
	for (int i = 0; i < 100; i++)
		wides.push_back(new wide);
	for (wide *w : wides) {
		if ((unsigned long)w % 128)
			return 1;
		delete w;
	}
	try {
		std::vector<char> huge(1ul << 62);
	} catch (const std::bad_alloc &) {
		std::cout << sums[0] + sums[1] + sums[2] + sums[3] << "\n";
	}
}
END

same ls 'ls -l /usr/bin | wc'
same sh 'i=0; while [ $i -lt 3000 ]; do i=$((i+1)); x="$x$i"; done; echo $x | wc'
same sort 'seq 200000 | sort -r | tail -n 3'
same gcc 'gcc -O2 -Wall -o hello ../hello.c && ./hello'
has bash && same bash 'bash -c "for i in {1..5000}; do a[\$i]=\$i\$i; done; echo \${#a[@]} \$(echo sub | cat)"'
has g++ && same g++ 'g++ -O1 -pthread -o map ../map.cc && ./map'
has perl && same perl 'perl -le "my %h; for (1..100000) { \$h{\$_} = [\$_, q(x) x (\$_ % 50)] } print scalar keys %h"'
has git && same git 'git init -q . && seq 5000 > f && git add f &&
	GIT_COMMITTER_DATE="@1 +0000" git -c user.name=a -c user.email=b \
	commit -q --date "@1 +0000" -m c && git gc -q && git log --format=%H'
has sqlite3 && same sqlite3 'sqlite3 :memory: "create table t(a, b);
	with recursive c(x) as (select 1 union all select x + 1 from c
	where x < 50000) insert into t select x, hex(x) from c;
	create index i on t(b); select count(*), sum(a) from t where b > 33;"'
python=/usr/bin/python3
[ -x $python ] && same python "PYTHONMALLOC=malloc $python -c '
import json, threading, subprocess, os
def f():
    for i in range(30):
        json.loads(json.dumps({str(k): [k] * 5 for k in range(300)}))
ts = [threading.Thread(target=f) for _ in range(8)]
[t.start() for t in ts]
for i in range(5):
    pid = os.fork()
    if not pid:
        f()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
[t.join() for t in ts]
print(subprocess.check_output([\"echo\", \"child\"]))'"
has node && same node 'node -e "
	let m = new Map(); for (let i = 0; i < 2e5; i++) m.set(i, {i});
	console.log(m.size, Buffer.alloc(1e6).length)"'

has valgrind && same valgrind 'gcc -g -o hello ../hello.c &&
	valgrind -q --error-exitcode=9 ./hello &&
	valgrind -q --error-exitcode=9 --tool=none sort /dev/null'
QUIRE_MALLOC=hardened=1 PYTHONMALLOC=malloc same hardened 'seq 20000 | sort -r |
	sha256sum; bash -c "for i in {1..3000}; do a[i]=\$i; done; echo \${#a[@]}"
	perl -e "my %h; \$h{\$_} = \$_ x 30 for 1..20000; print scalar keys %h"
	g++ -O1 -pthread -o map ../map.cc && ./map'

# The profile: what leaks is seen, by the name of its function.  Of 47.7 MiB
# some 95 pieces are drawn: 28 to 68 is four deviations to either side.
cat > "$dir/leak.c" <<'END'
#include <stdlib.h>
__attribute__((noinline)) void *leak_a_lot(void) { return malloc(1000); }
__attribute__((noinline)) void *leak_nothing(void) { return malloc(9000); }
int main(void)
{
	for (int i = 0; i < 50000; i++) {
		*(volatile char *)leak_a_lot() = 1;
		free(leak_nothing());
	}
	return 0;
}
END
if has google-pprof; then
	(cd "$dir" && gcc -g -O1 -fno-builtin -o leak leak.c &&
	 QUIRE_MALLOC_PROFILE=leak LD_PRELOAD=$so ./leak &&
	 google-pprof --text ./leak leak.*.heap 2> /dev/null |
		 awk '/leak_a_lot/ && $1 > 28 && $1 < 68 { seen = 1 }
		      /leak_nothing/ && $1 > 1 { bad = 1 }
		      END { exit !seen || bad }')
	verdict profile $?
fi

# Statistics: valid XML and JSON.
cat > "$dir/info.c" <<'END'
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int quire_malloc_json(FILE *out);
int main(int argc, char **argv)
{
	for (int i = 0; i < 5000; i++)
		if (i % 3)
			free(malloc(i));
		else
			*(volatile char *)malloc(i * 2 + 1) = 1;
	return argc > 1 ? quire_malloc_json(stdout) : malloc_info(0, stdout);
}
END
if [ -x $python ]; then
	gcc -o "$dir/info" "$dir/info.c" -L"$B" -lquire-malloc -Wl,-rpath,"$B" &&
		"$dir/info" json | $python -m json.tool > /dev/null &&
		"$dir/info" | $python -c \
		'import sys, xml.dom.minidom as m; m.parse(sys.stdin)'
	verdict statistics $?
fi

# Linked: the archive into a static program, the object by its name.
gcc -O2 -static -o "$dir/static" "$dir/hello.c" "$B/libquire-malloc.a" &&
	[ "$("$dir/static")" = hello ] &&
	nm "$dir/static" | grep -q small_alloc_slow
verdict static $?
gcc -O2 -o "$dir/linked" "$dir/hello.c" -L"$B" -lquire-malloc \
	-Wl,-rpath,"$B" && [ "$("$dir/linked")" = hello ]
verdict linked $?

# Options: refused ones are said, glibc's variables are followed.
out=$(QUIRE_MALLOC=nonsense=1:heat=0 LD_PRELOAD=$so cat /dev/null 2>&1)
[ "$out" = "quire-malloc: option refused: nonsense=1" ]
verdict "an unknown option is refused" $?
out=$(QUIRE_MALLOC=small=0:mmap_max=0:mxfast=0 LD_PRELOAD=$so sort /dev/null 2>&1)
[ -z "$out" ]
verdict "known options are accepted" $?

# Initial-exec storage is little enough for dlopen.
cat > "$dir/open.c" <<'END'
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv)
{
	void *h = dlopen(argv[argc - 1], RTLD_NOW);
	void *(*f)(unsigned long) = h ? dlsym(h, "malloc") : 0;

	if (!f || !f(100))
		printf("%s\n", dlerror());
	return !f;
}
END
gcc -o "$dir/open" "$dir/open.c" && "$dir/open" "$so"
verdict dlopen $?

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
