#!/bin/sh
# SPDX-License-Identifier: MIT
#
# tools.sh quire|linux - what people's tools make of /proc and /sys: numactl,
# numastat, procps and lscpu, unmodified, against the files themselves.  TAP.
# Runs under busybox, in the machine and on the host, which proves the test.

system=$1
export PATH=/usr/bin:/bin:/usr/sbin:/sbin LC_ALL=C TERM=dumb
nodes=/sys/devices/system/node
n=0
failed=0
bb=$(command -v busybox || echo /bin/busybox)
for a in awk cat ls sed sort wc seq tr head grep echo; do
	# shellcheck disable=SC2139 # now is meant
	alias $a="$bb $a"
done

# is NAME WANT GOT
is() {
	n=$((n + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $n - $1"
	else
		failed=$((failed + 1))
		echo "# want: $2" | head -n 40 | sed '2,$s/^/# /'
		echo "# got:  $3" | head -n 40 | sed '2,$s/^/# /'
		echo "not ok $n - $1"
	fi
}

# within NAME LOW GOT HIGH: what moves on meanwhile
within() {
	if [ "$3" -ge "$2" ] 2>/dev/null && [ "$3" -le "$4" ]; then
		is "$1" . .
	else
		is "$1" "$2 to $4" "$3"
	fi
}

# field FILE NAME: the number behind "NAME:" or "NAME"
field() { awk -v k="$2" '$1 == k || $1 == k ":" { print $2; exit }' "$1"; }
# Node 3 MemTotal: 4711 kB
node_kib() { awk -v k="$2:" '$3 == k { print $4 }' "$nodes/node$1/meminfo"; }
# 0,2-4 -> 0 2 3 4
expand() { tr ',' '\n' | awk -F- '{ for (i = $1; NF && i <= $NF; i++) printf("%s%d", c++ ? " " : "", i) }'; }

there=$(expand <$nodes/online)
is 'every node on line has a directory' "$there" \
	"$(echo $(ls $nodes | sed -n 's/^node\([0-9]*\)$/\1/p' | sort -n))"

# ---- numactl -H ----
hardware=$(numactl -H)
for i in $there; do
	[ "$(node_kib "$i" MemTotal)" -gt 0 ] || continue
	is "numactl: processors of node $i" "$(echo "node $i cpus: $(expand <$nodes/node$i/cpulist)" | sed 's/ *$//')" \
		"$(echo "$hardware" | grep "^node $i cpus:" | sed 's/ *$//')"
	is "numactl: size of node $i" "node $i size: $(($(node_kib "$i" MemTotal) / 1024)) MB" \
		"$(echo "$hardware" | grep "^node $i size:")"
	is "numactl: distances of node $i" "$(echo $i: $(cat $nodes/node$i/distance))" \
		"$(echo $(echo "$hardware" | grep "^ *$i: "))"
done

# ---- numastat ----
for k in numa_hit numa_miss numa_foreign interleave_hit local_node other_node; do
	low=$(for i in $there; do field $nodes/node$i/numastat $k; done)
	got=$(numastat | awk -v k=$k '$1 == k { for (i = 2; i <= NF; i++) print $i }')
	high=$(for i in $there; do field $nodes/node$i/numastat $k; done)
	# shellcheck disable=SC2086 # lists of numbers
	within "numastat: $k is the files'" $(echo $low | awk '{ s = 0; for (i = 1; i <= NF; i++) s += $i; print s }') \
		$(echo $got | awk '{ s = 0; for (i = 1; i <= NF; i++) s += $i; print s }') \
		$(echo $high | awk '{ s = 0; for (i = 1; i <= NF; i++) s += $i; print s }')
done
for i in $there; do
	# What a node handed out was wanted somewhere, and asked for somewhere.
	is "numa_hit + numa_miss = local_node + other_node on node $i" same \
		"$(awk '{ v[$1] = $2 } END { a = v["numa_hit"] + v["numa_miss"]
			b = v["local_node"] + v["other_node"]; print(a == b ? "same" : a " " b) }' $nodes/node$i/numastat)"
done
sum=0
for i in $there; do sum=$((sum + $(node_kib "$i" MemTotal))); done
is 'numastat -m: the total of MemTotal is the sum of the nodes' \
	"$(awk -v k=$sum 'BEGIN { printf("%.2f", k / 1024) }')" \
	"$(numastat -m | awk '$1 == "MemTotal" { print $NF }')"
is 'MemTotal of the machine is the sum of the nodes' ok "$(
	if [ "$system" = quire ] && [ $sum -ne "$(field /proc/meminfo MemTotal)" ]; then
		echo "$sum"; else echo ok; fi)"

# ---- free ----
free=$(free -k | sed -n 's/^Mem: *//p')
is 'free: total is MemTotal' "$(field /proc/meminfo MemTotal)" "${free%% *}"
is 'free: used, free and cached are all' same \
	"$(echo "$free" | awk '{ print($2 == $1 - $3 - $5 ? "same" : $0) }')"
is 'free: nothing is larger than the total' ok \
	"$(echo "$free" | awk '{ for (i = 2; i <= NF; i++) if ($i > $1) { print $0; exit } print "ok" }')"

# ---- vmstat ----
is 'vmstat: 17 columns' 17 "$(vmstat | awk 'END { print NF }')"
is 'vmstat -s: total memory' "$(field /proc/meminfo MemTotal) K total memory" \
	"$(vmstat -s | sed -n 's/^ *\(.*total memory\)$/\1/p')"
low=$(field /proc/stat processes)
got=$(vmstat -s | awk '/forks/ { print $1 }')
within 'vmstat -s: forks' "$low" "$got" "$(field /proc/stat processes)"
if [ -r /proc/slabinfo ]; then
	is 'vmstat -m: every cache of slabinfo' "$(sed 1,2d /proc/slabinfo | awk '{ print $1 }' | sort)" \
		"$(vmstat -m | awk '$1 != "Cache" { print $1 }' | sort)"
	is 'slabtop: as many caches as slabinfo' "$(sed 1,2d /proc/slabinfo | wc -l)" \
		"$(slabtop -o | sed -n 's|.*Total Caches.*: [0-9]* / \([0-9]*\) .*|\1|p')"
	is 'slabtop: a cache with its size and objects a slab' \
		"$(awk '$1 == "vm_area_struct" { printf("%.2fK %d", $4 / 1024, $5) }' /proc/slabinfo)" \
		"$(slabtop -o -s a | awk '$NF == "vm_area_struct" { print $4, $6; exit }')"
	is 'slabs hold what is active and no more' ok "$(sed 1,2d /proc/slabinfo |
		awk '$2 > $3 || $14 > $15 || $5 * $15 < $3 { print; bad = 1 } END { if (!bad) print "ok" }')"
fi

# ---- lscpu ----
cpus=$(lscpu)
is 'lscpu: processors' "$(grep -c '^processor' /proc/cpuinfo)" \
	"$(echo "$cpus" | awk '$1 == "CPU(s):" { print $2 }')"
is 'lscpu: nodes' "$(echo $there | wc -w)" "$(echo "$cpus" | awk '/^NUMA node\(s\):/ { print $3 }')"
is 'lscpu: processors of node 0' "$(expand <$nodes/node0/cpulist)" \
	"$(echo "$cpus" | awk '/^NUMA node0 CPU/ { print $4 }' | expand)"

# ---- sysctl ----
for k in lowmem_reserve_ratio max_map_count min_free_kbytes mmap_min_addr \
	watermark_boost_factor watermark_scale_factor; do
	is "sysctl: vm.$k" "vm.$k = $(cat /proc/sys/vm/$k)" "$(sysctl vm.$k)"
done
[ "$system" = quire ] || {
	echo "1..$n"
	[ $failed -eq 0 ]
	exit
}
is 'sysctl -a: every file below /proc/sys' "$(cd /proc/sys && ls -d */* | tr / . | sort)" \
	"$(sysctl -a 2>/dev/null | sed 's/ = .*//' | sort)"
old=$(sysctl -n vm.watermark_scale_factor)
low=$(awk '$1 == "low" { s += $2 } END { print s }' /proc/zoneinfo)
is 'sysctl -w sets' 'vm.watermark_scale_factor = 500' "$(sysctl -w vm.watermark_scale_factor=500)"
within 'and the marks follow' $((low + 1)) \
	"$(awk '$1 == "low" { s += $2 } END { print s }' /proc/zoneinfo)" 1000000000
is 'sysctl -w refuses' 'Invalid argument' \
	"$(sysctl -w vm.watermark_scale_factor=0 2>&1 | sed -n 's/.*: //p')"
is 'sysctl -w puts back' "vm.watermark_scale_factor = $old" "$(sysctl -w vm.watermark_scale_factor=$old)"
is 'and the marks are as they were' "$low" \
	"$(awk '$1 == "low" { s += $2 } END { print s }' /proc/zoneinfo)"
echo "1..$n"
[ $failed -eq 0 ]
