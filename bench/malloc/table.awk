# SPDX-License-Identifier: MIT
# table.awk - ROW ALLOCATOR USER SYSTEM KIB lines to a table of ratios.
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
END {
	printf "%-9s %7s %8s ", "row", "best s", "best MB"
	for (l = 1; l <= nl; l++) printf " %13s", libs[l]
	printf "\n"
	for (r = 1; r <= nr; r++) {
		c = m = -1
		for (l = 1; l <= nl; l++) {
			k = rows[r] SUBSEP libs[l]
			rss[k] = median(k)
			if (c < 0 || best[k] < c) c = best[k]
			if (m < 0 || rss[k] < m) m = rss[k]
		}
		printf "%-9s %7.2f %8.1f ", rows[r], c, m / 1024
		for (l = 1; l <= nl; l++) {
			k = rows[r] SUBSEP libs[l]
			if (c >= 0.05) {	# below, the clock is too coarse
				lc[l] += log(best[k] / c); nc[l]++
			}
			lm[l] += log(rss[k] / m)
			printf("   %5.2f/%5.2f", (c > 0) ? best[k] / c : 1, rss[k] / m)
		}
		printf "\n"
	}
	printf "%-26s ", "geometric mean"
	for (l = 1; l <= nl; l++)
		printf("   %5.2f/%5.2f", nc[l] ? exp(lc[l] / nc[l]) : 1, exp(lm[l] / nr))
	printf "\n"
}
