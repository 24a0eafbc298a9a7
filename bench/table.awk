# table.awk - joins what run.sh measured into one table.
# usage: awk -f table.awk DIRECTORY NR_WALL_BOOTS

function load(who,    file, line, f) {
	file = dir "/" who ".count"
	while ((getline line < file) > 0) {
		split(line, f, " ")
		if (f[1] ~ /^[a-z_0-9]+$/ && f[2] ~ /^[0-9.]+$/)
			count[who, f[1]] = f[2]
		else if (f[1] ~ /^[a-z_0-9]+$/ && f[2] == "-")
			reason[who, f[1]] = substr(line, length(f[1]) + 4)
	}
	close(file)
}

# The least of each row, in microseconds by that boot's own tick.
function load_wall(who,    i, file, line, f, row, k, tick) {
	for (i = 1; i <= nr_wall; i++) {
		file = dir "/" who ".wall." i
		split("", row)
		while ((getline line < file) > 0) {
			split(line, f, " ")
			if (f[1] ~ /^[a-z_0-9]+$/ && f[2] ~ /^[0-9.]+$/)
				row[f[1]] = f[2]
		}
		close(file)
		tick = row["tick"]
		if (!(tick > 0))
			continue
		for (k in row) {
			row[k] /= tick
			if (!((who, k) in wall) || row[k] < wall[who, k])
				wall[who, k] = row[k]
		}
	}
}

function number(x,    s) {
	if (x == "")
		return "-"
	if (x >= 1e6)
		return sprintf(x >= 1e7 ? "%.1fM" : "%.2fM", x / 1e6)
	if (x >= 1e5)
		return sprintf("%.0fk", x / 1e3)
	if (x >= 1e4)
		return sprintf("%.1fk", x / 1e3)
	return sprintf("%d", x + 0.5)
}

function time(who, name) {
	if (name == "first_instruction" || !((who, name) in wall))
		return "-"
	return sprintf(wall[who, name] < 1000 ? "%.2f" : "%.0f", wall[who, name])
}

function ratio(a, b) {
	return a == "" || b <= 0 ? "-" : \
		sprintf(a / b < 0.01 ? "%.4f" : "%.2f", a / b)
}

function memory_value(who, key,    file, line, f, v) {
	file = dir "/" who ".memory"
	while ((getline line < file) > 0) {
		split(line, f, " ")
		if (f[1] == key)
			v = f[2]
	}
	close(file)
	return v
}

# A row that is not of instructions.
function plain(title, ours, theirs, goal) {
	printf "%-42s %9s %9s %6s %9s\n", title, ours, theirs,
	       ratio(ours ~ /^[0-9.]+$/ ? ours : "",
		     theirs ~ /^[0-9.]+$/ ? theirs : 0), goal
}

function first_line(file,    line) {
	line = "-"
	getline line < file
	close(file)
	return line
}

BEGIN {
	dir = ARGV[1]
	nr_wall = ARGV[2]
	ARGC = 1
	load("quire"); load("linux")
	load_wall("quire"); load_wall("linux")
	printf "%-42s %9s %9s %6s %9s %9s %9s %9s %9s\n", "operation (unit)",
	       "Quire", "Linux", "ratio", "goal", "net", "net Linux",
	       "us", "us Linux"
	while ((getline line < "bench/rows.txt") > 0) {
		if (line ~ /^#/ || split(line, f, "|") < 4)
			continue
		q = count["quire", f[1]]
		l = count["linux", f[1]]
		printf "%-42s %9s %9s %6s %9s %9s %9s %9s %9s\n", f[4],
		       number(q), number(l), ratio(q, l), number(f[3]),
		       f[2] && q != "" ? number(q - 516 * f[2]) : "",
		       f[2] && l != "" ? number(l - 516 * f[2]) : "",
		       time("quire", f[1]), time("linux", f[1])
		if (q == "")
			print "    Quire: " (reason["quire", f[1]] == "" ? \
				"the run ended before this row" : \
				reason["quire", f[1]])
		if (l == "" && reason["linux", f[1]] != "")
			print "    Linux: " reason["linux", f[1]]
		if (q != "" && l != "") {
			rows++
			below += q < l
			met += q <= f[3]
		}
	}
	q = memory_value("quire", "free_kib")
	l = memory_value("linux", "free_kib")
	plain("memory not free for programs, MiB of 128",
	      q == "" ? "-" : sprintf("%.1f", 128 - q / 1024),
	      l == "" ? "-" : sprintf("%.1f", 128 - l / 1024), "3")
	q = memory_value("quire", "available_kib")
	l = memory_value("linux", "available_kib")
	plain("  by MemAvailable, which leaves a reserve",
	      q == "" ? "-" : sprintf("%.1f", 128 - q / 1024),
	      l == "" ? "-" : sprintf("%.1f", 128 - l / 1024), "")
	plain("smallest machine for a busybox shell, MiB",
	      first_line(dir "/quire.smallest"),
	      first_line(dir "/linux.smallest"), "8")
	if (rows)
		printf "\n%d of %d rows of instructions below Linux, %d at the goal\n",
		       below, rows, met
}
