/* SPDX-License-Identifier: MIT */
/*
 * sigframe.c - the frame a handler runs on, and the way back from it.
 *
 *	higher	interrupted stack, or the alternate stack's top
 *		128 bytes of red zone (not on a fresh alternate stack)
 *		floating-point state, at a multiple of 64
 *		siginfo
 *		ucontext with the registers
 *	sp ->	return address: the restorer, which calls rt_sigreturn
 *
 * 1. The layout is Linux's for x86-64; unwinders, debuggers and language
 *    runtimes read and change it.  sp + 8 is a multiple of 16, as at any
 *    function's entry.
 * 2. rt_sigreturn believes nothing: segments are ours or the frame is bad,
 *    only the flags that user mode may change are taken, the floating-point
 *    state is checked by the port.  A bad frame ends in SIGSEGV.
 *
 * Sources: sigreturn(2), System V ABI x86-64 (red zone, stack alignment),
 * Linux's asm/sigcontext.h and asm/ucontext.h as installed for user space.
 */
#include <quire/printk.h>
#include <quire/string.h>

#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"

#define UC_FP_XSTATE	     1UL
#define UC_SIGCONTEXT_SS     2UL
#define UC_STRICT_RESTORE_SS 4UL
#define RED_ZONE_BYTES	     128

#define X86_FLAGS_TF	     0x00000100UL
#define X86_FLAGS_DF	     0x00000400UL
#define X86_FLAGS_RF	     0x00010000UL
/* CF PF AF ZF SF TF DF OF RF AC */
#define X86_FLAGS_USER 0x00050dd5UL

struct sigcontext {
	u64 r8, r9, r10, r11, r12, r13, r14, r15;
	u64 di, si, bp, bx, dx, ax, cx, sp, ip, flags;
	u16 cs, gs, fs, ss;
	u64 err, trapno, oldmask, cr2;
	u64 fpstate; /* user address, 0: none */
	u64 reserved[8];
};
_Static_assert(sizeof(struct sigcontext) == 256, "struct sigcontext");

struct ucontext {
	u64 uc_flags;
	u64 uc_link;
	struct k_sigaltstack uc_stack;
	struct sigcontext uc_mcontext;
	u64 uc_sigmask;
};

struct rt_sigframe {
	u64 pretcode;
	struct ucontext uc;
	struct k_siginfo info;
};
_Static_assert(sizeof(struct rt_sigframe) == 8 + 304 + 128, "rt_sigframe");

/* ---- alternate stacks: sigaltstack(2) ---- */

bool on_sig_stack(unsigned long sp)
{
	const struct k_sigaltstack *a = &current->altstack;

	/* With SS_AUTODISARM the thread is never "on" it. */
	if ((u32)a->ss_flags & SS_AUTODISARM)
		return false;
	return sp > a->ss_sp && sp - a->ss_sp <= a->ss_size;
}

static int altstack_state(unsigned long sp)
{
	if (!current->altstack.ss_size)
		return SS_DISABLE;
	return on_sig_stack(sp) ? SS_ONSTACK : 0;
}

static void read_altstack(struct k_sigaltstack *out, unsigned long sp)
{
	memset(out, 0, sizeof(*out));
	out->ss_sp = current->altstack.ss_sp;
	out->ss_size = current->altstack.ss_size;
	out->ss_flags = altstack_state(sp) |
			(int)((u32)current->altstack.ss_flags & SS_AUTODISARM);
}

static int write_altstack(const struct k_sigaltstack *in, unsigned long sp)
{
	int mode = (int)((u32)in->ss_flags & ~SS_AUTODISARM);

	if (on_sig_stack(sp))
		return -EPERM;
	if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
		return -EINVAL;
	if (mode == SS_DISABLE) {
		current->altstack =
			(struct k_sigaltstack){.ss_flags = SS_DISABLE};
		return 0;
	}
	if (in->ss_size < MINSIGSTKSZ)
		return -ENOMEM;
	current->altstack = *in;
	return 0;
}

SYSCALL_DEFINE2(sigaltstack, const struct k_sigaltstack *, unew,
		struct k_sigaltstack *, uold)
{
	unsigned long sp = task_pt_regs(current->thread.stack_top)->sp;
	struct k_sigaltstack old, new;
	int err;

	read_altstack(&old, sp);
	if (unew) {
		if (copy_from_user(&new, unew, sizeof(new)))
			return -EFAULT;
		err = write_altstack(&new, sp);
		if (err)
			return err;
	}
	if (uold && copy_to_user(uold, &old, sizeof(old)))
		return -EFAULT;
	return 0;
}

/* ---- going to the handler ---- */

/* The frame's and the floating-point state's places; false: no room. */
static bool place_frame(const struct k_sigaction *ka,
			const struct pt_regs *regs, unsigned long *frame,
			unsigned long *fp)
{
	const struct k_sigaltstack *a = &current->altstack;
	unsigned long sp = regs->sp - RED_ZONE_BYTES;
	bool nested = on_sig_stack(regs->sp), entering = false;

	if ((ka->flags & SA_ONSTACK) && altstack_state(regs->sp) == 0) {
		sp = a->ss_sp + a->ss_size;
		entering = true;
	}
	sp = ALIGN_DOWN(sp - x86_fpu_frame_size(), 64UL);
	*fp = sp;
	sp = ALIGN_DOWN(sp - sizeof(struct rt_sigframe), 16UL) - 8;
	*frame = sp;
	if ((nested || entering) &&
	    (sp < a->ss_sp || sp > a->ss_sp + a->ss_size))
		return false;
	return true;
}

static void save_context(struct sigcontext *sc, const struct pt_regs *regs,
			 u64 oldmask, unsigned long fp)
{
	memset(sc, 0, sizeof(*sc));
	sc->r8 = regs->r8;
	sc->r9 = regs->r9;
	sc->r10 = regs->r10;
	sc->r11 = regs->r11;
	sc->r12 = regs->r12;
	sc->r13 = regs->r13;
	sc->r14 = regs->r14;
	sc->r15 = regs->r15;
	sc->di = regs->di;
	sc->si = regs->si;
	sc->bp = regs->bp;
	sc->bx = regs->bx;
	sc->dx = regs->dx;
	sc->ax = regs->ax;
	sc->cx = regs->cx;
	sc->sp = regs->sp;
	sc->ip = regs->ip;
	sc->flags = regs->flags;
	sc->cs = (u16)regs->cs;
	sc->ss = (u16)regs->ss;
	sc->err = current->trap_error_code;
	sc->trapno = current->trap_nr;
	sc->cr2 = current->trap_cr2;
	sc->oldmask = oldmask;
	sc->fpstate = fp;
}

int setup_rt_frame(int sig, const struct k_sigaction *ka,
		   const struct k_siginfo *info, u64 oldmask,
		   struct pt_regs *regs)
{
	struct rt_sigframe frame;
	unsigned long at, fp;

	/* On x86-64 the program brings the code that returns. */
	if (!(ka->flags & SA_RESTORER))
		return -EFAULT;
	if (!place_frame(ka, regs, &at, &fp))
		return -EFAULT;
	frame.pretcode = ka->restorer;
	frame.uc.uc_flags =
		UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
	frame.uc.uc_link = 0;
	read_altstack(&frame.uc.uc_stack, regs->sp);
	save_context(&frame.uc.uc_mcontext, regs, oldmask, fp);
	frame.uc.uc_sigmask = oldmask;
	frame.info = *info;
	if (x86_fpu_save_user((void *)fp) ||
	    copy_to_user((void *)at, &frame, sizeof(frame)))
		return -EFAULT;
	if ((u32)current->altstack.ss_flags & SS_AUTODISARM)
		current->altstack =
			(struct k_sigaltstack){.ss_flags = SS_DISABLE};

	regs->di = (unsigned long)sig;
	regs->si = at + offsetof(struct rt_sigframe, info);
	regs->dx = at + offsetof(struct rt_sigframe, uc);
	regs->ax = 0;
	regs->ip = ka->handler;
	regs->sp = at;
	regs->cs = USER_CS;
	regs->ss = USER_DS;
	regs->flags &= ~(X86_FLAGS_DF | X86_FLAGS_RF | X86_FLAGS_TF);
	regs->orig_ax = (unsigned long)-1;
	return 0;
}

/* ---- coming back ---- */

static int restore_context(struct pt_regs *regs, const struct sigcontext *sc)
{
	if (sc->cs != USER_CS || sc->ip >= TASK_SIZE)
		return -EINVAL;
	regs->r8 = sc->r8;
	regs->r9 = sc->r9;
	regs->r10 = sc->r10;
	regs->r11 = sc->r11;
	regs->r12 = sc->r12;
	regs->r13 = sc->r13;
	regs->r14 = sc->r14;
	regs->r15 = sc->r15;
	regs->di = sc->di;
	regs->si = sc->si;
	regs->bp = sc->bp;
	regs->bx = sc->bx;
	regs->dx = sc->dx;
	regs->ax = sc->ax;
	regs->cx = sc->cx;
	regs->sp = sc->sp;
	regs->ip = sc->ip;
	regs->flags =
		(regs->flags & ~X86_FLAGS_USER) | (sc->flags & X86_FLAGS_USER);
	regs->cs = USER_CS;
	regs->ss = USER_DS;
	/* No system call to be made again. */
	regs->orig_ax = (unsigned long)-1;
	return 0;
}

long sys_rt_sigreturn(struct pt_regs *regs);
long sys_rt_sigreturn(struct pt_regs *regs)
{
	/* The handler's ret has taken pretcode off. */
	unsigned long at = regs->sp - 8;
	struct ucontext uc;
	int err;

	if (copy_from_user(&uc, (void *)(at + offsetof(struct rt_sigframe, uc)),
			   sizeof(uc)))
		goto bad_frame;
	set_current_blocked(uc.uc_sigmask);
	current->restart.fn = NULL;
	if (restore_context(regs, &uc.uc_mcontext))
		goto bad_frame;
	if (uc.uc_mcontext.fpstate) {
		err = x86_fpu_restore_user((void *)uc.uc_mcontext.fpstate);
		if (err)
			goto bad_frame;
	} else {
		arch_thread_reset_fpu();
	}
	/* A bad stack_t is not worth a signal: the old one stays. */
	if (write_altstack(&uc.uc_stack, regs->sp))
		barrier();
	return (long)regs->ax;

bad_frame:
	printk("%s[%d]: bad signal frame at %#lx\n", current->comm,
	       current->pid, at);
	force_sig(SIGSEGV);
	return 0;
}
