/* SPDX-License-Identifier: MIT */
/* start.c - prints how many nanoseconds the machine has been running. */
#include <stdio.h>
#include <time.h>

int main(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	printf("%ld\n", now.tv_sec * 1000000000L + now.tv_nsec);
	return 0;
}
