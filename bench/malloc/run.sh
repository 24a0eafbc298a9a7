#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh BUILD [ROW...] - every row under every allocator, alternating: least
# processor time (user + system) and median peak memory of N runs (N=3), then
# ratios to the best of the row and geometric means, and malloc/bench.svg in
# BUILD.  An allocator that is not installed is left out and said so.  HARDENED=1
# adds quire's hardened mode, PEERS=0 leaves the others out.

set -eu
B=$(cd "$1" && pwd)
shift
N=${N:-3}
rows=${*:-tiny factor cover alloc1 alloc2 server remote stress mixed simple \
	simple2 large batch grow churn medium threads perl python sqlite gcc \
	gxx git sort}
lib=/usr/lib/x86_64-linux-gnu
out=$B/malloc/bench.txt
: > "$out"

libs="glibc= quire=$B/libquire-malloc.so"
[ -n "${HARDENED:-}" ] && libs="$libs hardened=$B/libquire-malloc.so"
[ "${PEERS:-1}" = 1 ] && for a in jemalloc=libjemalloc.so.2 tcmalloc=libtcmalloc_minimal.so.4 \
	mimalloc=libmimalloc.so.2.0; do
	if [ -e "$lib/${a#*=}" ]; then
		libs="$libs ${a%%=*}=$lib/${a#*=}"
	else
		echo "${a%%=*} is not installed: left out" >&2
	fi
done

# What the real programs work on, made once.
data=$B/malloc/data
if [ ! -e "$data/done" ]; then
	rm -rf "$data"
	mkdir -p "$data/repo"
	cat > "$data/prog.c" <<'END'
#include <stdio.h>
#include <regex.h>
#include <stdlib.h>
int f(int x) { regex_t r; return regcomp(&r, "a", 0) + printf("%d", x); }
END
	seq 1 400 | sed 's/.*/int g&(int *p, int n) { int s = 0; for (int i = 0; i < n; i++) s += p[i] * & + (p[i] ? f(s) : g(p, i)); return s; }/; 1i int f(int); int g(int *, int);' > "$data/many.c"
	cat > "$data/map.cc" <<'END'
#include <map>
#include <regex>
#include <string>
#include <vector>
int main()
{
	std::map<std::string, std::vector<std::string>> m;
	std::regex r("a+(b|c)*");
	m["x"].push_back("y");
	return m.size() + std::regex_match("abc", r);
}
END
	(cd "$data/repo" && git init -q . &&
	 for i in $(seq 60); do
		 seq $((i * 100)) > "f$((i % 7))"
		 seq $((i * 31)) $((i * 77)) > "g$i"
		 git add . && git -c user.name=a -c user.email=b \
			commit -qm "$i"
	 done)
	seq 300000 | sed 's/.*/&&&/' | awk '{print substr($0, NR % 7 + 1)}' \
		> "$data/lines"
	: > "$data/done"
fi
command_of()
{
	case $1 in
	perl) echo 'perl -e "for(1..200000){\$h{\$_}=[\$_,qq(x)x(\$_%50)]}"' ;;
	python) echo "PYTHONMALLOC=malloc /usr/bin/python3 -c 'import json
for i in range(20): json.loads(json.dumps({str(k): [k] * 5 for k in range(5000)}))'" ;;
	sqlite) echo 'sqlite3 :memory: "create table t(a,b); with recursive
		c(x) as (select 1 union all select x+1 from c where x<200000)
		insert into t select x, hex(x) from c; create index i on t(b);
		select count(*) from t where b>33;" > /dev/null' ;;
	gcc) echo "gcc -O2 -c -o /dev/null $data/many.c" ;;
	gxx) echo "g++ -O1 -c -o /dev/null $data/map.cc" ;;
	git) echo "git -C $data/repo log -p --stat > /dev/null" ;;
	sort) echo "sort -S 20M $data/lines > /dev/null" ;;
	*) echo "$B/malloc/bench $1" ;;
	esac
}

for row in $rows; do
	command=$(command_of "$row")
	for n in $(seq "$N"); do
		for a in $libs; do
			mode=
			[ "${a%%=*}" = hardened ] && mode=hardened=1
			QUIRE_MALLOC=$mode LD_PRELOAD=${a#*=} /usr/bin/time -o "$B/malloc/time" \
			    -f '%U %S %M' sh -c "$command"
			echo "$row ${a%%=*} $(tail -n 1 "$B/malloc/time")" >> "$out"
		done
	done
done
awk -f bench/malloc/table.awk "$out"
awk -f bench/malloc/plot.awk "$out" > "$B/malloc/bench.svg"
