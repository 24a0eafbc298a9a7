/* SPDX-License-Identifier: MIT */
/*
 * uaccess.c - checked access to the program's memory, and places to go on
 * after a fault.
 *
 * The loops are in usercopy.S.  Its exception table holds pairs of 32-bit
 * offsets, each from its own place: to an instruction that may fault and to
 * where it goes on.  The table has few entries and is searched only when an
 * access has failed, so it is searched from end to end.
 */
#include <quire/string.h>

#include "port/x86_64/uaccess.h"
#include "port/x86_64/x86.h"

struct ex_entry {
	s32 insn;
	s32 fixup;
};

extern const struct ex_entry __start___ex_table[], __stop___ex_table[];

struct smap_site {
	u64 addr;
	u8 opcode; /* third byte of stac or clac */
	u8 pad[7];
};

extern const struct smap_site __start_smap_sites[], __stop_smap_sites[];

size_t x86_copy_user(void *to, const void *from, size_t n);
size_t x86_clear_user(void *to, size_t n);
long x86_strncpy_user(char *to, const char *from, size_t n);
int x86_cmpxchg_user(u32 *uptr, u32 expected, u32 val, u32 *old);

bool fixup_exception(struct pt_regs *regs)
{
	const struct ex_entry *e;

	for (e = __start___ex_table; e < __stop___ex_table; e++) {
		if ((uintptr_t)&e->insn + (long)e->insn != regs->ip)
			continue;
		regs->ip = (uintptr_t)&e->fixup + (long)e->fixup;
		return true;
	}
	return false;
}

/*
 * Put STAC and CLAC in where they exist.  Called before the image is mapped
 * read-only and before a second processor runs.
 */
void uaccess_init(void)
{
	const struct smap_site *site;

	if (!cpu_has(X86_FEATURE_SMAP))
		return;
	for (site = __start_smap_sites; site < __stop_smap_sites; site++) {
		u8 *insn = (u8 *)site->addr;

		insn[0] = 0x0f;
		insn[1] = 0x01;
		insn[2] = site->opcode;
	}
}

size_t copy_from_user(void *to, const void *user, size_t n)
{
	size_t left = n;

	if (likely(access_ok(user, n)))
		left = x86_copy_user(to, user, n);
	if (unlikely(left))
		memset((char *)to + (n - left), 0, left);
	return left;
}

size_t raw_copy_from_user(void *to, const void *user, size_t n)
{
	if (unlikely(!access_ok(user, n)))
		return n;
	return x86_copy_user(to, user, n);
}

size_t copy_to_user(void *user, const void *from, size_t n)
{
	if (unlikely(!access_ok(user, n)))
		return n;
	return x86_copy_user(user, from, n);
}

size_t clear_user(void *user, size_t n)
{
	if (unlikely(!access_ok(user, n)))
		return n;
	return x86_clear_user(user, n);
}

long strncpy_from_user(char *to, const char *user, size_t size)
{
	size_t n = size;
	long len;

	if ((uintptr_t)user >= TASK_SIZE)
		return -EFAULT;
	/* A string that ends before TASK_SIZE is fine however large to is. */
	n = min(n, (size_t)(TASK_SIZE - (uintptr_t)user));
	len = x86_strncpy_user(to, user, n);
	if (len < 0 || ((size_t)len == n && n < size))
		return -EFAULT;
	return len;
}

int cmpxchg_user_u32(u32 *uptr, u32 expected, u32 val, u32 *old)
{
	if (!access_ok(uptr, sizeof(*uptr)))
		return -EFAULT;
	return x86_cmpxchg_user(uptr, expected, val, old) ? -EFAULT : 0;
}
