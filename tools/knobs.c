/* SPDX-License-Identifier: MIT */
/*
 * knobs.c - prints the table of /proc/sys/vm for docs/FILES.md, from the rows
 * that the kernel itself uses (mm/show/knobs.c).
 */
#include <stdio.h>

#include <quire/show.h>

int main(void)
{
	const struct mm_knob *k;

	puts("| vm. | mode | numbers | least | most |\n|---|---|---|---|---|");
	for (k = vm_knobs; k->name; k++)
		printf("| `%s` | %04o | %u | %lld | %lld |\n", k->name, k->mode,
		       k->nr, (long long)k->min, (long long)k->max);
	return 0;
}
