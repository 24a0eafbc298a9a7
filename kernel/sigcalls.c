/* SPDX-License-Identifier: MIT */
/*
 * sigcalls.c - the system calls about signals.
 *
 * Sources: sigaction(2), sigprocmask(2), sigpending(2), sigsuspend(2),
 * sigwaitinfo(2), rt_sigqueueinfo(2), kill(2), tkill(2), pause(2).
 */
#include <quire/string.h>

#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"

#define SA_KNOWN                                                               \
	(SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_RESTORER | SA_ONSTACK | \
	 SA_RESTART | SA_NODEFER | SA_RESETHAND)

static bool valid_signal(int sig)
{
	return sig >= 1 && sig <= NSIG;
}

SYSCALL_DEFINE4(rt_sigaction, int, sig, const struct k_sigaction *, unew,
		struct k_sigaction *, uold, size_t, sigsetsize)
{
	struct sighand_struct *h = current->sighand;
	struct k_sigaction new, old, *ka;

	if (sigsetsize != sizeof(u64))
		return -EINVAL;
	if (!valid_signal(sig) ||
	    (unew && (sigmask(sig) & SIG_KERNEL_ONLY_MASK)))
		return -EINVAL;
	if (unew && copy_from_user(&new, unew, sizeof(new)))
		return -EFAULT;
	ka = &h->action[sig - 1];
	spin_lock(&h->siglock);
	old = *ka;
	if (unew) {
		/* Unknown bits read back as 0: how programs probe for them. */
		new.flags &= SA_KNOWN;
		new.mask &= ~SIG_KERNEL_ONLY_MASK;
		*ka = new;
		if (new.handler == SIG_IGN ||
		    (new.handler == SIG_DFL &&sig_default_ignores(sig)))
			flush_pending_mask(current, sigmask(sig));
	}
	spin_unlock(&h->siglock);
	if (uold && copy_to_user(uold, &old, sizeof(old)))
		return -EFAULT;
	return 0;
}

SYSCALL_DEFINE4(rt_sigprocmask, int, how, const u64 *, unew, u64 *, uold,
		size_t, sigsetsize)
{
	u64 old = current->blocked, set;

	if (sigsetsize != sizeof(u64))
		return -EINVAL;
	if (unew) {
		if (get_user(set, unew))
			return -EFAULT;
		switch (how) {
		case SIG_BLOCK:
			set |= old;
			break;
		case SIG_UNBLOCK:
			set = old & ~set;
			break;
		case SIG_SETMASK:
			break;
		default:
			return -EINVAL;
		}
		set_current_blocked(set);
	}
	if (uold && put_user(old, uold))
		return -EFAULT;
	return 0;
}

SYSCALL_DEFINE2(rt_sigpending, u64 *, uset, size_t, sigsetsize)
{
	u64 set;

	if (sigsetsize > sizeof(u64))
		return -EINVAL;
	spin_lock(&current->sighand->siglock);
	set = (current->pending.signal |
	       current->signal->shared_pending.signal) &
	      current->blocked;
	spin_unlock(&current->sighand->siglock);
	return copy_to_user(uset, &set, sigsetsize) ? -EFAULT : 0;
}

static long sleep_until_signal(void)
{
	while (!signal_pending_current()) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (!signal_pending_current())
			schedule();
		set_current_state(TASK_RUNNING);
	}
	return -ERESTARTNOHAND;
}

SYSCALL_DEFINE2(rt_sigsuspend, const void *, umask, size_t, sigsetsize)
{
	int err;

	if (sigsetsize != sizeof(u64))
		return -EINVAL;
	if (!umask)
		return -EFAULT;
	err = set_user_sigmask(umask, sigsetsize);
	if (err)
		return err;
	return sleep_until_signal();
}

SYSCALL_DEFINE0(pause)
{
	return sleep_until_signal();
}

static int take_one_of(u64 set, struct k_siginfo *info)
{
	int sig;

	spin_lock(&current->sighand->siglock);
	sig = dequeue_signal(~set, info);
	spin_unlock(&current->sighand->siglock);
	return sig;
}

/* What is ignored by default is not thrown away when it is waited for. */
static void set_awaited(u64 set)
{
	spin_lock(&current->sighand->siglock);
	current->awaited = set;
	spin_unlock(&current->sighand->siglock);
}

SYSCALL_DEFINE4(rt_sigtimedwait, const u64 *, uset, struct k_siginfo *, uinfo,
		const struct timespec64 *, utimeout, size_t, sigsetsize)
{
	u64 set, timeout = UINT64_MAX, oldmask;
	struct timespec64 ts;
	struct k_siginfo info;
	int sig;

	if (sigsetsize != sizeof(u64))
		return -EINVAL;
	if (get_user(set, uset))
		return -EFAULT;
	if (utimeout) {
		if (copy_from_user(&ts, utimeout, sizeof(ts)))
			return -EFAULT;
		if (!timespec_valid(&ts))
			return -EINVAL;
		timeout = timespec_to_ns(&ts);
	}
	set &= ~SIG_KERNEL_ONLY_MASK;
	sig = take_one_of(set, &info);
	if (!sig && timeout) {
		/* The awaited ones wake this thread though it blocks them. */
		oldmask = current->blocked;
		set_awaited(oldmask & set);
		set_current_blocked(oldmask & ~set);
		set_current_state(TASK_INTERRUPTIBLE);
		if (!signal_pending_current())
			timeout = schedule_timeout(timeout);
		set_current_state(TASK_RUNNING);
		sig = take_one_of(set, &info);
		set_current_blocked(oldmask);
		set_awaited(0);
	}
	if (!sig)
		return timeout ? -EINTR : -EAGAIN;
	if (uinfo && copy_to_user(uinfo, &info, sizeof(info)))
		return -EFAULT;
	return sig;
}

/* ---- sending ---- */

/* kill(2): root, or the same user; SIGCONT within the session. */
static bool may_signal(const struct task_struct *t, int sig)
{
	const struct cred *me = &current->cred, *to = &t->cred;

	if (me->euid == 0 || current->signal == t->signal)
		return true;
	if (me->euid == to->uid || me->euid == to->suid || me->uid == to->uid ||
	    me->uid == to->suid)
		return true;
	return sig == SIGCONT && t->signal->session == current->signal->session;
}

static void user_siginfo(struct k_siginfo *info, int code)
{
	memset(info, 0, sizeof(*info));
	info->si_code = code;
	info->rt.pid = current->tgid;
	info->rt.uid = current->cred.uid;
}

/* Every process that fits and may be signalled; tasklist_lock held. */
static long kill_many(int pid, int sig, const struct k_siginfo *info)
{
	int pgrp = pid == 0 ? current->signal->pgrp : -pid;
	struct task_struct *t;
	long ret = -ESRCH;

	for_each_task(t) {
		if (!thread_group_leader(t) || (t->flags & PF_KTHREAD))
			continue;
		if (pid == -1 ? (t->tgid == 1 || t->signal == current->signal)
			      : t->signal->pgrp != pgrp)
			continue;
		if (!may_signal(t, sig)) {
			if (ret == -ESRCH)
				ret = -EPERM;
			continue;
		}
		send_sig_info_locked(sig, info, t, true);
		ret = 0;
	}
	return ret;
}

/* One process or thread; tgid 0: any. */
static long kill_one(int tgid, int tid, int sig, const struct k_siginfo *info,
		     bool to_process)
{
	struct task_struct *t;
	long ret = -ESRCH;

	spin_lock(&tasklist_lock);
	t = find_task_locked(tid);
	if (t && (!tgid || t->tgid == tgid)) {
		if (!may_signal(t, sig))
			ret = -EPERM;
		else
			ret = send_sig_info_locked(sig, info, t, to_process);
	}
	spin_unlock(&tasklist_lock);
	return ret;
}

SYSCALL_DEFINE2(kill, int, pid, int, sig)
{
	struct k_siginfo info;
	long ret;

	if (sig < 0 || sig > NSIG)
		return -EINVAL;
	if (pid == (int)0x80000000)
		return -ESRCH;
	user_siginfo(&info, SI_USER);
	if (pid > 0)
		return kill_one(0, pid, sig, &info, true);
	spin_lock(&tasklist_lock);
	ret = kill_many(pid, sig, &info);
	spin_unlock(&tasklist_lock);
	return ret;
}

SYSCALL_DEFINE3(tgkill, int, tgid, int, tid, int, sig)
{
	struct k_siginfo info;

	if (tgid <= 0 || tid <= 0 || sig < 0 || sig > NSIG)
		return -EINVAL;
	user_siginfo(&info, SI_TKILL);
	return kill_one(tgid, tid, sig, &info, false);
}

SYSCALL_DEFINE2(tkill, int, tid, int, sig)
{
	struct k_siginfo info;

	if (tid <= 0 || sig < 0 || sig > NSIG)
		return -EINVAL;
	user_siginfo(&info, SI_TKILL);
	return kill_one(0, tid, sig, &info, false);
}

/* Nobody may pretend to be the kernel or kill(2) to another process. */
static long get_queued_info(const void *uinfo, int pid, struct k_siginfo *info)
{
	if (copy_from_user(info, uinfo, sizeof(*info)))
		return -EFAULT;
	if ((info->si_code >= 0 || info->si_code == SI_TKILL) &&
	    pid != current->tgid)
		return -EPERM;
	return 0;
}

SYSCALL_DEFINE3(rt_sigqueueinfo, int, pid, int, sig, const void *, uinfo)
{
	struct k_siginfo info;
	long err = get_queued_info(uinfo, pid, &info);

	if (err)
		return err;
	if (sig < 0 || sig > NSIG)
		return -EINVAL;
	return kill_one(0, pid, sig, &info, true);
}

SYSCALL_DEFINE4(rt_tgsigqueueinfo, int, tgid, int, tid, int, sig, const void *,
		uinfo)
{
	struct k_siginfo info;
	long err = get_queued_info(uinfo, tgid, &info);

	if (err)
		return err;
	if (tgid <= 0 || tid <= 0 || sig < 0 || sig > NSIG)
		return -EINVAL;
	return kill_one(tgid, tid, sig, &info, false);
}
