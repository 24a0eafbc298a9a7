# demo.sh - what `make run` shows: busybox, unmodified, on Quire.  Runs in the
# guest, in `busybox sh`.

say() { echo; echo "# $*"; }
show() { say "$*"; "$@"; }

show uname -a
show free -k
show head -n 5 /proc/meminfo
say "an address space: head -n 4 and the stack of /proc/self/maps"
awk 'NR <= 4 || /stack/' /proc/self/maps
say "the buddy system's free blocks, by zone and order"
cat /proc/buddyinfo
say "the busiest slab caches"
sort -rnk2 /proc/slabinfo | awk '$2 ~ /^[0-9]+$/ && n++ < 5 {
	printf "%-24s %6d objects of %5d bytes\n", $1, $2, $4 }'

faults() { awk '$1 == "pgfault" { print $2 }' /proc/vmstat; }
before=$(faults)
say "a program that maps, touches, forks and frees"
/usr/bin/pages
say "a pipeline of four processes"
seq 200000 | sort -rn | head -n 100000 | sha256sum
after=$(faults)
say "counted meanwhile: $((after - before)) page faults; now free:"
free -k | head -n 2
