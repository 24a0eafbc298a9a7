# SPDX-License-Identifier: MIT
#
# coverage.awk - adds up what gcov -b -c says of all objects.
#
# A line or branch of a header counts as reached if it is in any object.  A
# branch of a line that only asserts (BUG_ON, WARN_ON, ...) is not counted:
# that it is never taken is what the assertion says.  Neither are tests.

function wanted(name)
{
	return name ~ /^(lib|mm|include\/quire|port\/soft)\// && \
	       name !~ /_test\.c$/
}

# "        -:    0:Source:mm/page/buddy.c"
/^ *-: *0:Source:/ {
	sub(/^ *-: *0:Source:/, "")
	file = $0
	use = wanted(file)
	next
}
!use { next }

/^(branch|call) / {
	if ($1 != "branch" || asserts)
		next
	key = file ":" line ":" $2
	if (!(key in taken))
		taken[key] = 0
	if ($3 == "taken" && $4 + 0 > 0)
		taken[key] = 1
	next
}

# "       12:  345:text", "    #####:  345:text"; a star: not all of its blocks
/^ *[0-9#=*-]+: *[0-9]+:/ {
	split($0, part, ":")
	line = part[2] + 0
	times = part[1]
	gsub(/[ *]/, "", times)
	text = substr($0, length(part[1]) + length(part[2]) + 3)
	asserts = text ~ /(BUG_ON|WARN_ON|WARN_ON_ONCE|assert_[a-z_]*|VM_BUG_ON[A-Z_]*|lockdep_assert[a-z_]*|CHECK_THAT)\(/
	if (times == "-" || line == 0)
		next
	key = file ":" line
	source[key] = text
	if (!(key in run))
		run[key] = 0
	if (times !~ /^[#=]/)
		run[key] = 1
}

function folder(name)
{
	sub(/\/[^\/]*$/, "", name)
	return name
}

function count(kind, name, is_reached)
{
	total[kind, name]++
	reached[kind, name] += is_reached
}

function percent(kind, name,    all)
{
	all = total[kind, name]
	return all ? sprintf("%5.1f %% of %5d", \
			     100 * reached[kind, name] / all, all) : \
		     sprintf("%16s", "none")
}

function show(name)
{
	printf "%-32s %s   %s\n", name, percent("line", name), \
		percent("branch", name) | "sort"
}

END {
	for (key in run) {
		split(key, part, ":")
		files[part[1]] = 1
		count("line", part[1], run[key])
		count("line", folder(part[1]), run[key])
		if (!run[key])
			print key ":" source[key] | \
				("sort -t: -k1,1 -k2,2n >" out "/lines.txt")
	}
	for (key in taken) {
		split(key, part, ":")
		at = part[1] ":" part[2]
		count("branch", part[1], taken[key])
		count("branch", folder(part[1]), taken[key])
		if (!taken[key])
			print at ": branch " part[3] ":" source[at] | \
				("sort -t: -k1,1 -k2,2n >" out "/branches.txt")
	}
	printf "%-32s %-16s   %-16s\n", "", "    lines", "    branches"
	fflush()
	for (name in files)
		folders[folder(name)] = 1
	for (name in folders)
		show(name)
	close("sort")
	print ""
	fflush()
	for (name in files)
		show(name)
	close("sort")
}
