/* SPDX-License-Identifier: MIT */
/*
 * fpu.c - floating-point and vector registers of threads.
 *
 * 1. The kernel uses general registers only, so a program's vector registers
 *    stay where they are while the kernel works for it, and are saved only
 *    when another thread gets the processor.
 * 2. A thread with `fpu` has been or will be in user mode.  On leaving it is
 *    saved; the processor remembers whose registers it still holds
 *    (fpu_owner), and the thread which processor that was (fpu_cpu).  Only if
 *    both agree are the registers, and with them the FS and GS bases, not
 *    loaded again: the way over the idle thread and back costs no reload.
 * 3. States in use: x87, SSE, AVX, AVX-512, as far as the processor has them.
 *    The area's size is known at run time; without XSAVE it is FXSAVE's 512.
 * 4. In signal frames the state is stored by the processor itself, in the
 *    standard format; what a program gives back is loaded by the processor,
 *    which refuses what is invalid: that fault is fixed up.
 *
 * Sources: Intel SDM volume 1, chapter 13; Linux's
 * arch/x86/include/uapi/asm/sigcontext.h for the frame's format.
 */
#include <quire/errno.h>
#include <quire/slab.h>
#include <quire/string.h>

#include "port/x86_64/uaccess.h"
#include "port/x86_64/x86.h"

#define FXSAVE_SIZE	 512
#define XSAVE_HEADER	 64   /* follows the FXSAVE area */
#define XFEATURES_WANTED 0xe7 /* x87 SSE AVX, three of AVX-512 */
#define FCW_INIT	 0x037f
#define MXCSR_INIT	 0x1f80
#define FCW_OFFSET	 0
#define MXCSR_OFFSET	 24

/* What Linux puts into the last 48 bytes of the FXSAVE area of a frame. */
#define SW_OFFSET	 464
#define FP_XSTATE_MAGIC1 0x46505853U
#define FP_XSTATE_MAGIC2 0x46505845U
struct fpx_sw_bytes {
	u32 magic1;
	u32 extended_size; /* with the second magic number */
	u64 xfeatures;
	u32 xstate_size;
	u32 padding[7];
};
_Static_assert(SW_OFFSET + sizeof(struct fpx_sw_bytes) == FXSAVE_SIZE,
	       "the end of the area");

int x86_xsave_user(void *buf, u32 mask);
int x86_xrstor_user(const void *buf, u32 mask);
int x86_fxsave_user(void *buf);
int x86_fxrstor_user(const void *buf);

static struct {
	bool has_xsave, has_xsaveopt;
	u32 xfeatures;
	u32 size;
	struct kmem_cache *cache;
	void *initial; /* an untouched state */
} me = {.size = FXSAVE_SIZE};

void fpu_init_self(void)
{
	unsigned long cr0;

	__asm__ __volatile__("movq %%cr0, %0" : "=r"(cr0));
	cr0 &= ~0xcUL; /* EM TS */
	cr0 |= 0x22;   /* NE MP */
	__asm__ __volatile__("movq %0, %%cr0" : : "r"(cr0));
	__asm__ __volatile__("fninit");
	me.has_xsave = cpu_has(X86_FEATURE_XSAVE);
	if (!me.has_xsave)
		return;
	me.has_xsaveopt = cpu_has(X86_FEATURE_XSAVEOPT);
	me.xfeatures = cpuid(0xd, 0).a & XFEATURES_WANTED;
	if ((me.xfeatures & 0xe0) != 0xe0 || !(me.xfeatures & 4))
		me.xfeatures &= ~0xe0U; /* AVX-512 is all or nothing */
	__asm__ __volatile__("xsetbv" : : "c"(0), "a"(me.xfeatures), "d"(0));
	me.size = cpuid(0xd, 0).b;
}

static void make_initial(void *area)
{
	u16 fcw = FCW_INIT;
	u32 mxcsr = MXCSR_INIT;

	memset(area, 0, me.size);
	memcpy((u8 *)area + FCW_OFFSET, &fcw, sizeof(fcw));
	memcpy((u8 *)area + MXCSR_OFFSET, &mxcsr, sizeof(mxcsr));
}

void fpu_init_late(void)
{
	me.cache = kmem_cache_create("fpu", me.size, 64, SLAB_PANIC, NULL);
	me.initial = kmem_cache_alloc(me.cache, GFP_KERNEL);
	if (!me.initial)
		x86_panic("no memory for the floating-point state");
	make_initial(me.initial);
}

static void save(void *area)
{
	if (me.has_xsaveopt)
		__asm__ __volatile__("xsaveopt64 (%0)"
				     :
				     : "r"(area), "a"(me.xfeatures), "d"(0)
				     : "memory");
	else if (me.has_xsave)
		__asm__ __volatile__("xsave64 (%0)"
				     :
				     : "r"(area), "a"(me.xfeatures), "d"(0)
				     : "memory");
	else
		__asm__ __volatile__("fxsave64 (%0)" : : "r"(area) : "memory");
}

static void restore(const void *area)
{
	if (me.has_xsave)
		__asm__ __volatile__("xrstor64 (%0)"
				     :
				     : "r"(area), "a"(me.xfeatures), "d"(0)
				     : "memory");
	else
		__asm__ __volatile__("fxrstor64 (%0)" : : "r"(area) : "memory");
}

/* Also loads the FS and GS bases (2); interrupts off. */
void fpu_switch(struct arch_thread *prev, struct arch_thread *next)
{
	struct x86_processor *p = this_processor();

	if (prev->fpu)
		save(prev->fpu);
	if (!next->fpu)
		return;
	if (p->fpu_owner == next && next->fpu_cpu == p->hot.cpu + 1)
		return;
	restore(next->fpu);
	wrmsr(MSR_FS_BASE, next->fs_base);
	wrmsr(MSR_KERNEL_GS_BASE, next->gs_base);
	p->fpu_owner = next;
	next->fpu_cpu = p->hot.cpu + 1;
}

/* The running thread's registers are now what memory says, or the reverse. */
static void own_registers(struct arch_thread *thread)
{
	struct x86_processor *p = this_processor();

	p->fpu_owner = thread;
	thread->fpu_cpu = p->hot.cpu + 1;
}

int arch_thread_alloc_fpu(struct arch_thread *thread)
{
	void *area;
	unsigned long flags;

	if (thread->fpu)
		return 0;
	area = kmem_cache_alloc(me.cache, GFP_KERNEL);
	if (!area)
		return -ENOMEM;
	memcpy(area, me.initial, me.size);
	flags = local_irq_save();
	thread->fpu = area;
	thread->fpu_cpu = 0;
	if (thread == x86_current_thread()) {
		restore(area);
		wrmsr(MSR_FS_BASE, thread->fs_base);
		wrmsr(MSR_KERNEL_GS_BASE, thread->gs_base);
		own_registers(thread);
	}
	local_irq_restore(flags);
	return 0;
}

int arch_thread_copy_fpu(struct arch_thread *child)
{
	struct arch_thread *self = x86_current_thread();
	void *area;

	child->fpu = NULL;
	child->fpu_cpu = 0;
	if (!self->fpu)
		return 0;
	area = kmem_cache_alloc(me.cache, GFP_KERNEL);
	if (!area)
		return -ENOMEM;
	/* XSAVE writes only a part of the header; the rest must be 0. */
	if (me.has_xsave) {
		memset((u8 *)area + FXSAVE_SIZE, 0, XSAVE_HEADER);
		__asm__ __volatile__("xsave64 (%0)"
				     :
				     : "r"(area), "a"(me.xfeatures), "d"(0)
				     : "memory");
	} else {
		save(area);
	}
	child->fpu = area;
	return 0;
}

void arch_thread_reset_fpu(void)
{
	unsigned long flags = local_irq_save();

	restore(me.initial);
	own_registers(x86_current_thread());
	local_irq_restore(flags);
}

void arch_thread_free_fpu(struct arch_thread *thread)
{
	if (!thread->fpu)
		return;
	kmem_cache_free(me.cache, thread->fpu);
	thread->fpu = NULL;
	thread->fpu_cpu = 0;
}

size_t x86_fpu_frame_size(void)
{
	return me.has_xsave ? me.size + sizeof(u32) : me.size;
}

/*
 * The registers are stored where they are used: if the copy faults and another
 * thread runs meanwhile, ours are restored before the store is tried again.
 */
int x86_fpu_save_user(void *ubuf)
{
	struct fpx_sw_bytes sw = {
		.magic1 = FP_XSTATE_MAGIC1,
		.extended_size = (u32)x86_fpu_frame_size(),
		.xfeatures = me.xfeatures,
		.xstate_size = me.size,
	};
	u32 magic2 = FP_XSTATE_MAGIC2;
	u8 *to = ubuf;

	if (!access_ok(ubuf, x86_fpu_frame_size()))
		return -EFAULT;
	if (!me.has_xsave)
		return x86_fxsave_user(ubuf) ? -EFAULT : 0;
	if (clear_user(to + FXSAVE_SIZE, XSAVE_HEADER) ||
	    x86_xsave_user(ubuf, me.xfeatures) ||
	    copy_to_user(to + SW_OFFSET, &sw, sizeof(sw)) ||
	    copy_to_user(to + me.size, &magic2, sizeof(magic2)))
		return -EFAULT;
	return 0;
}

/* Is this an extended frame of ours?  Then its features; else 0. */
static u32 frame_features(const u8 *from)
{
	struct fpx_sw_bytes sw;
	u32 magic2;

	if (copy_from_user(&sw, from + SW_OFFSET, sizeof(sw)) ||
	    sw.magic1 != FP_XSTATE_MAGIC1 || sw.xstate_size != me.size ||
	    copy_from_user(&magic2, from + me.size, sizeof(magic2)) ||
	    magic2 != FP_XSTATE_MAGIC2)
		return 0;
	return (u32)sw.xfeatures & me.xfeatures;
}

int x86_fpu_restore_user(const void *ubuf)
{
	u32 features;
	int failed;

	if (!access_ok(ubuf, x86_fpu_frame_size()))
		return -EFAULT;
	if ((uintptr_t)ubuf & (me.has_xsave ? 63 : 15))
		return -EINVAL;
	features = me.has_xsave ? frame_features(ubuf) : 0;
	/* What the frame does not hold becomes initial. */
	arch_thread_reset_fpu();
	failed = features ? x86_xrstor_user(ubuf, features)
			  : x86_fxrstor_user(ubuf);
	if (failed)
		arch_thread_reset_fpu();
	return failed ? -EINVAL : 0;
}
