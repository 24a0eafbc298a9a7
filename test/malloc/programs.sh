#!/bin/sh
# SPDX-License-Identifier: MIT
#
# programs.sh BUILD [NAME...] - long-running programs of the system under
# LD_PRELOAD, RUNS times each (3): servers under load, interpreters' own tests.
# What they answer is compared with what they answer without the library.

set -u
B=$(cd "$1" && pwd)
shift
so=$B/libquire-malloc.so
dir=$B/malloc/programs
runs=${RUNS:-3}
rm -rf "$dir"
mkdir -p "$dir"
passed=0
failed=0
names=${*:-bash git gcc python perl sqlite node redis nginx postgres}

# way with|without COMMAND; start: the same in place of this shell.
way()
{
	(start "$@")
}
start()
{
	[ "$1" = with ] && export LD_PRELOAD="$so"
	shift
	exec "$@"
}

run_bash()
{
	way "$1" bash -c '
		for i in {1..20000}; do a[i]=$i$i; done
		f() { local x=$1; ((x)) && f $((x - 1)); }
		f 200
		for i in {1..200}; do s+=$(echo $i | tr 0-9 a-j); done
		echo ${#a[@]} ${#s}
		mapfile -t lines < <(seq 50000); echo ${#lines[@]}'
}

run_git()
{
	(export GIT_AUTHOR_DATE="@1 +0000" GIT_COMMITTER_DATE="@1 +0000"
	export GIT_CONFIG_GLOBAL=/dev/null
	way "$1" git init -q -b main . && for i in $(seq 30); do
		seq $((i * 200)) > "f$((i % 5))"
		way "$1" git add . &&
			way "$1" git -c user.name=a -c user.email=b commit \
				-qm "$i" || return 1
	done
	way "$1" git gc -q && way "$1" git fsck 2>&1 && way "$1" git log --stat -p)
}

run_gcc()
{
	seq 200 | sed 's/.*/int g&(int *p, int n) { int s = 0; for (int i = 0; i < n; i++) s += p[i] * &; return s; }/' > many.c
	printf '%s\n' '#include <map>' '#include <regex>' '#include <iostream>' \
		'int main() { std::map<std::string, int> m; m["x"] = 3;' \
		'std::regex r("a+(b|c)*"); std::cout << m["x"] <<' \
		'std::regex_match("abcbc", r) << "\n"; }' > map.cc
	way "$1" gcc -O2 -c many.c && objdump -d many.o | sha256sum &&
		way "$1" g++ -O2 -o map map.cc && ./map
}

# Started in the background, a shell's children ignore SIGINT; these tests do not.
run_python()
{
	PYTHONMALLOC=malloc way "$1" env --default-signal=INT /usr/bin/python3 \
		-m test -q test_threading test_subprocess \
		test_multiprocessing_fork > python.log 2>&1
	echo "ended $?"
	grep -E '^(FAIL|ERROR):|^Tests result' python.log | sort -u
}

run_perl()
{
	way "$1" perl -e 'for (1..200000) { $h{$_} = [$_, "x" x ($_ % 50)] }
		my @k = sort { $a <=> $b } keys %h; my $s = join ",", @k;
		$s =~ s/(\d+),/<$1>/g; print length($s), " ", scalar(@k), "\n";
		for (1..20) { if (!fork) { my @x = map { $_ x 3 } 1..10000;
		exit(@x != 10000) } } while (wait > 0) { $bad ||= $? }
		print $bad + 0, "\n"'
}

run_sqlite()
{
	rm -f db
	way "$1" sqlite3 db 'create table t(a integer primary key, b, c);
		with recursive n(x) as (select 1 union all select x + 1 from n
		where x < 100000) insert into t select x, hex(x * 7), x % 97 from n;
		create index i on t(c, b); update t set b = b || c where c < 20;
		delete from t where a % 3 = 0; vacuum; pragma integrity_check;
		select count(*), sum(a), max(b), group_concat(c) from t
		where c between 5 and 9 and a < 3000;'
}

run_node()
{
	way "$1" node -e '
		let m = new Map();
		for (let i = 0; i < 3e5; i++) m.set("k" + i, {i, s: "x".repeat(i % 40)});
		let n = 0;
		for (let i = 0; i < 200; i++) n += Buffer.alloc(1e5 + i).length;
		const z = require("zlib"), c = require("crypto");
		let d = z.gunzipSync(z.gzipSync(Buffer.alloc(5e6, "abc")));
		console.log(m.size, n, c.createHash("sha256").update(d).digest("hex"));
		const {Worker} = require("worker_threads");
		let left = 4;
		for (let i = 0; i < 4; i++)
			new Worker("let a = []; for (let i = 0; i < 1e5; i++) a.push({i}); process.exit(a.length - 1e5)",
				{eval: true}).on("exit", (e) => { if (e) process.exit(1);
				if (--left == 0) console.log("workers done"); });'
}

# Clients run without the library; the server's answers are compared.
run_redis()
{
	start "$1" redis-server --port 0 --unixsocket "$PWD/sock" --save '' \
		--dir "$PWD" --activedefrag no --enable-debug-command yes > server.log 2>&1 &
	pid=$!
	cli="redis-cli -s $PWD/sock"
	for i in $(seq 100); do $cli ping > /dev/null 2>&1 && break; sleep 0.1; done
	for i in 1 2 3; do
		redis-benchmark -s "$PWD/sock" -q -n 30000 -r 5000 -d 300 \
			-t set,get,lpush,rpop,hset,sadd,zadd,mset > /dev/null 2>&1 &
		load=$!
		$cli bgsave > /dev/null
		sleep 0.5
		$cli bgrewriteaof > /dev/null
		wait $load
	done
	while $cli info persistence | grep -qE \
	    '(rdb_bgsave|aof_rewrite)_in_progress:1'; do sleep 0.1; done
	$cli info persistence | grep -E 'last_bgsave_status|last_bgrewrite_status'
	$cli flushall
	seq 20000 | sed 's/.*/set key& &/' | $cli --pipe | tail -n 1
	$cli save
	$cli debug digest-value key1 key20000
	$cli dbsize
	$cli shutdown nosave
	wait $pid
	echo "ended $?"
	grep -ci 'crash\|abort\|quire-malloc' server.log
	return 0
}

run_nginx()
{
	mkdir -p www logs
	seq 30000 > www/index.html
	cat > nginx.conf <<END
daemon off; worker_processes 2; pid $PWD/nginx.pid; user root;
error_log $PWD/error.log;
events { worker_connections 256; }
http { access_log off; client_body_temp_path $PWD/t1; proxy_temp_path $PWD/t2;
 fastcgi_temp_path $PWD/t3; uwsgi_temp_path $PWD/t4; scgi_temp_path $PWD/t5;
 server { listen 127.0.0.1:18765; root $PWD/www; gzip on; gzip_types *; } }
END
	start "$1" /usr/sbin/nginx -c "$PWD/nginx.conf" > server.log 2>&1 &
	pid=$!
	for i in $(seq 100); do curl -s http://127.0.0.1:18765/ > /dev/null && break; sleep 0.1; done
	ab -q -n 5000 -c 20 -H 'Accept-Encoding: gzip' http://127.0.0.1:18765/ |
		grep -E 'Complete|Failed|Non-2xx'
	kill -HUP $pid
	sleep 1
	ab -q -n 2000 -c 20 http://127.0.0.1:18765/ | grep -E 'Complete|Failed|Non-2xx'
	curl -s http://127.0.0.1:18765/ | sha256sum
	kill -QUIT $pid
	wait $pid
	echo "ended $?"
	grep -c 'signal\|alert\|emerg' error.log
	return 0
}

run_postgres()
{
	bin=$(echo /usr/lib/postgresql/*/bin)
	chown postgres . && chmod 755 .
	as="setpriv --reuid postgres --regid postgres --clear-groups"
	lib=
	[ "$1" = with ] && lib=LD_PRELOAD=$so
	$as env $lib "$bin/initdb" -D "$PWD/data" -A trust > init.log 2>&1
	$as env $lib "$bin/postgres" -D "$PWD/data" -k "$PWD" \
		-c listen_addresses= -c autovacuum_naptime=1s > server.log 2>&1 &
	pid=$!
	for i in $(seq 100); do $as "$bin/pg_isready" -q -h "$PWD" && break; sleep 0.1; done
	$as "$bin/pgbench" -q -h "$PWD" -i -s 2 postgres > /dev/null 2>&1
	$as "$bin/pgbench" -h "$PWD" -c 8 -j 2 -t 200 postgres 2>&1 |
		grep -E 'actually processed|failed'
	$as "$bin/psql" -h "$PWD" -At postgres -c 'select count(*), sum(a)
		from generate_series(1, 300000) a(a) join
		pgbench_accounts on aid = a' -c 'select md5(string_agg(x::text, $$,$$
		order by x)) from generate_series(1, 50000) x' \
		-c 'select (select sum(abalance) from pgbench_accounts) =
		(select sum(tbalance) from pgbench_tellers)'
	kill -INT $pid
	wait $pid
	echo "ended $?"
	grep -c 'PANIC\|terminated by signal\|quire-malloc' server.log
	return 0
}

for name in $names; do
	for n in 0 $(seq "$runs"); do
		w=with
		[ "$n" = 0 ] && w=without
		mkdir -p "$dir/$name.$n"
		(cd "$dir/$name.$n" && run_$name $w) > "$dir/$name.$n.out" 2>&1
		echo "status $?" >> "$dir/$name.$n.out"
		[ "$n" = 0 ] && continue
		if cmp "$dir/$name.0.out" "$dir/$name.$n.out" &&
		    [ "$(tail -n 1 "$dir/$name.$n.out")" = "status 0" ]; then
			echo "ok - $name, run $n"
			passed=$((passed + 1))
		else
			echo "not ok - $name, run $n"
			diff "$dir/$name.0.out" "$dir/$name.$n.out" | head -n 10 |
				sed 's/^/# /'
			failed=$((failed + 1))
		fi
		rm -rf "$dir/$name.$n"
	done
	rm -rf "$dir/$name.0"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
