/* SPDX-License-Identifier: MIT */
/*
 * metal_tests.h - the unit tests in the booted kernel (metal_test.c).
 */
#ifndef KERNEL_METAL_TESTS_H
#define KERNEL_METAL_TESTS_H

/* All of them, or those that selftest=NAME matches; how many failed. */
unsigned int run_metal_tests(void);

#endif
