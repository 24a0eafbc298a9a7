# SPDX-License-Identifier: MIT
# plot.awk - bench.txt, ROW ALLOCATOR USER SYSTEM KIB lines, to an SVG: each row
# a small dot, each allocator's geometric mean a large one; both axes are ratios
# to the best of the row, logarithmic.
{
	if (!($1 in seen_row)) { seen_row[$1] = 1; rows[++nr] = $1 }
	if (!($2 in seen_lib)) { seen_lib[$2] = 1; libs[++nl] = $2 }
	k = $1 SUBSEP $2
	cpu = $3 + $4
	if (!(k in best) || cpu < best[k]) best[k] = cpu
	mem[k, ++runs[k]] = $5
}
function median(k, i, j, t, n) {
	n = runs[k]
	for (i = 1; i <= n; i++) v[i] = mem[k, i]
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && v[j] < v[j - 1]; j--) {
			t = v[j]; v[j] = v[j - 1]; v[j - 1] = t
		}
	return v[int((n + 1) / 2)]
}
function clip(r) { return r < 1 ? 1 : r > 16 ? 16 : r }
function x(r) { return 80 + log(clip(r)) / log(16) * 560 }
function y(r) { return 440 - log(clip(r)) / log(16) * 400 }
function text(px, py, anchor, s) {
	printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", px, py, anchor, s
}
END {
	split("#888888 #d62728 #1f77b4 #2ca02c #ff7f0e #9467bd", color, " ")
	print "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"700\" height=\"510\" font-family=\"sans-serif\" font-size=\"12\">"
	print "<rect width=\"700\" height=\"510\" fill=\"white\"/>"
	for (t = 1; t <= 16; t *= 2) {
		printf "<path d=\"M%.1f 40V440M80 %.1fH640\" stroke=\"#dddddd\"/>\n", x(t), y(t)
		text(x(t), 458, "middle", t)
		text(72, y(t) + 4, "end", t)
	}
	text(360, 480, "middle", "peak memory, ratio to the least of the row")
	printf "<text transform=\"translate(30 240) rotate(-90)\" text-anchor=\"middle\">processor time, ratio to the least of the row</text>\n"
	for (r = 1; r <= nr; r++) {
		c = m = -1
		for (l = 1; l <= nl; l++) {
			k = rows[r] SUBSEP libs[l]
			rss[k] = median(k)
			if (c < 0 || best[k] < c) c = best[k]
			if (m < 0 || rss[k] < m) m = rss[k]
		}
		for (l = 1; l <= nl; l++) {
			k = rows[r] SUBSEP libs[l]
			lm[l] += log(rss[k] / m)
			if (c < 0.05)	# the clock is too coarse
				continue
			lc[l] += log(best[k] / c); nc[l]++
			printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\" fill-opacity=\"0.5\"><title>%s %s</title></circle>\n", x(rss[k] / m), y(best[k] / c), color[l], libs[l], rows[r]
		}
	}
	for (l = 1; l <= nl; l++) {
		cx = x(exp(lm[l] / nr)); cy = y(nc[l] ? exp(lc[l] / nc[l]) : 1)
		printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"8\" fill=\"%s\" stroke=\"black\"/>\n", cx, cy, color[l]
		text(cx + 12, cy - 6, "start", libs[l])
	}
	print "</svg>"
}
