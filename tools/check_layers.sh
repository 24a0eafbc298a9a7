#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check_layers.sh - every #include points to its own floor or one below.
#
# A file's floor is decided by its path, and a public header's by the module
# whose contract it is.  Test files may use everything.  Prints each breach
# as FILE:LINE and fails if there is one.

set -eu
cd "$(dirname "$0")/.."

git ls-files --cached --others --exclude-standard '*.c' '*.h' '*.S' |
while read -r f; do
	[ -f "$f" ] && grep -Hn '^[[:space:]]*#[[:space:]]*include' "$f" || :
done | awk '
BEGIN {
	# Floors, lowest first.  Equal numbers may include one another.
	split("lib page slab pgtable vmalloc aspace cache show mm-init " \
	      "port kernel top", names, " ")
	for (i in names) floor[names[i]] = i + 0
	# Public headers that belong to a module; the others are floor lib.
	n = split("gfp:page highmem:page mm_types:page vmstat:page reclaim:page " \
	      "slab:slab mempool:slab pgtable:pgtable vmalloc:vmalloc mm:aspace " \
	      "rmap:aspace pagemap:cache show:lib run_proto:lib", own, " ")
	for (i = 1; i <= n; i++) {
		split(own[i], kv, ":")
		header["quire/" kv[1] ".h"] = kv[2]
	}
	split("stdarg.h stdbool.h stddef.h stdint.h", ok, " ")
	for (i in ok) compiler[ok[i]] = 1
}
function floor_of(path, parts) {
	if (path ~ /^include\/quire\//) {
		sub(/^include\//, "", path)
		return floor[(path in header) ? header[path] : "lib"]
	}
	split(path, parts, "/")
	if (parts[1] == "lib") return floor["lib"]
	if (parts[1] == "mm") {
		if (parts[3] == "") return floor["mm-init"]
		if (!(parts[2] in floor)) return -1
		return floor[parts[2]]
	}
	if (parts[1] == "port") return floor["port"]
	if (parts[1] == "kernel") return floor["kernel"]
	return floor["top"]
}
{
	# FILE:LINE:#include <x> or "x"
	split($0, f, ":")
	file = f[1]; line = f[2]
	if (file ~ /_test\.c$/ || file ~ /^(test|bench|cli|examples|tools|malloc)\//)
		next
	if (!match($0, /[<"][^>"]*[>"]/)) next
	target = substr($0, RSTART + 1, RLENGTH - 2)
	angled = substr($0, RSTART, 1) == "<"
	from = floor_of(file)
	if (from < 0) {
		print file ":" line ": this folder has no floor"; bad = 1; next
	}
	if (angled && target == "arch.h") next
	if (angled && target ~ /^quire\//)
		to = floor_of("include/" target)
	else if (angled) {
		# The C library: only the simulated machine has one.
		if (target in compiler || file ~ /^port\/soft\//) next
		print file ":" line ": <" target "> is not the compiler'"'"'s"
		bad = 1; next
	} else if (target ~ /\//)
		to = floor_of(target)
	else {
		dir = file; sub(/[^\/]*$/, "", dir)
		to = floor_of(dir target)
	}
	if (to > from) {
		print file ":" line ": includes " target \
		      ", which lies above it"
		bad = 1
	}
}
END { exit bad }'
echo "layers: every include points down"
