/* SPDX-License-Identifier: MIT */
/*
 * sys.c - system calls about identity: who a process is, its groups,
 * sessions and scheduling.
 *
 * Sources: credentials(7), setpgid(2), setsid(2), setresuid(2),
 * sched_setaffinity(2), getpriority(2), arch_prctl(2), prctl(2).
 */
#include <quire/percpu.h>
#include <quire/string.h>
#include <quire/topology.h>

#include "kernel/fs.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "port/x86_64/machine.h"

/* ---- process, group, session ---- */

SYSCALL_DEFINE0(getpid)
{
	return current->tgid;
}

SYSCALL_DEFINE0(gettid)
{
	return current->pid;
}

SYSCALL_DEFINE0(getppid)
{
	return task_ppid(current);
}

/* A process by pid, 0: the caller's; tasklist_lock held. */
static struct signal_struct *process_of(int pid)
{
	struct task_struct *t;

	if (!pid)
		return current->signal;
	t = find_task_locked(pid);
	return t && thread_group_leader(t) ? t->signal : NULL;
}

SYSCALL_DEFINE1(getpgid, int, pid)
{
	struct signal_struct *sig;
	long ret;

	spin_lock(&tasklist_lock);
	sig = process_of(pid);
	ret = sig ? sig->pgrp : -ESRCH;
	spin_unlock(&tasklist_lock);
	return ret;
}

SYSCALL_DEFINE0(getpgrp)
{
	return current->signal->pgrp;
}

SYSCALL_DEFINE1(getsid, int, pid)
{
	struct signal_struct *sig;
	long ret;

	spin_lock(&tasklist_lock);
	sig = process_of(pid);
	ret = sig ? sig->session : -ESRCH;
	spin_unlock(&tasklist_lock);
	return ret;
}

static bool group_in_session(int pgrp, int session)
{
	struct task_struct *t;

	for_each_task(t)
		if (thread_group_leader(t) && t->signal->pgrp == pgrp &&
		    t->signal->session == session)
			return true;
	return false;
}

static long set_pgid_locked(int pid, int pgid)
{
	struct signal_struct *me = current->signal, *sig = process_of(pid);

	if (!sig)
		return -ESRCH;
	if (sig != me) {
		if (sig->parent != me)
			return -ESRCH;
		if (sig->session != me->session)
			return -EPERM;
		if (sig->did_exec)
			return -EACCES;
	}
	if (sig->leader_of_session)
		return -EPERM;
	if (pgid == 0)
		pgid = sig->tgid;
	if (pgid != sig->tgid && !group_in_session(pgid, me->session))
		return -EPERM;
	sig->pgrp = pgid;
	return 0;
}

SYSCALL_DEFINE2(setpgid, int, pid, int, pgid)
{
	long ret;

	if (pgid < 0)
		return -EINVAL;
	spin_lock(&tasklist_lock);
	ret = set_pgid_locked(pid, pgid);
	spin_unlock(&tasklist_lock);
	return ret;
}

SYSCALL_DEFINE0(setsid)
{
	struct signal_struct *sig = current->signal;
	struct tty *tty = NULL;
	struct task_struct *t;
	long ret = -EPERM;

	spin_lock(&tasklist_lock);
	if (sig->leader_of_session)
		goto out;
	for_each_task(t)
		if (t->signal->pgrp == sig->tgid)
			goto out;
	sig->leader_of_session = true;
	sig->session = sig->pgrp = sig->tgid;
	tty = sig->tty;
	sig->tty = NULL;
	ret = sig->tgid;
out:
	spin_unlock(&tasklist_lock);
	if (tty)
		tty_put(tty);
	return ret;
}

/* ---- users and groups ---- */

SYSCALL_DEFINE0(getuid)
{
	return current->cred.uid;
}

SYSCALL_DEFINE0(geteuid)
{
	return current->cred.euid;
}

SYSCALL_DEFINE0(getgid)
{
	return current->cred.gid;
}

SYSCALL_DEFINE0(getegid)
{
	return current->cred.egid;
}

SYSCALL_DEFINE3(getresuid, u32 *, ur, u32 *, ue, u32 *, us)
{
	const struct cred *c = &current->cred;

	if (put_user(c->uid, ur) || put_user(c->euid, ue) ||
	    put_user(c->suid, us))
		return -EFAULT;
	return 0;
}

SYSCALL_DEFINE3(getresgid, u32 *, ur, u32 *, ue, u32 *, us)
{
	const struct cred *c = &current->cred;

	if (put_user(c->gid, ur) || put_user(c->egid, ue) ||
	    put_user(c->sgid, us))
		return -EFAULT;
	return 0;
}

#define NO_ID ((u32)-1)

/* Without privilege an id may become one that the process has already. */
static bool may_become(u32 id, u32 a, u32 b, u32 c)
{
	return id == NO_ID || id == a || id == b || id == c || capable_root();
}

SYSCALL_DEFINE3(setresuid, u32, r, u32, e, u32, s)
{
	struct cred *c = &current->cred;

	if (!may_become(r, c->uid, c->euid, c->suid) ||
	    !may_become(e, c->uid, c->euid, c->suid) ||
	    !may_become(s, c->uid, c->euid, c->suid))
		return -EPERM;
	if (r != NO_ID)
		c->uid = r;
	if (e != NO_ID)
		c->euid = e;
	if (s != NO_ID)
		c->suid = s;
	c->fsuid = c->euid;
	return 0;
}

SYSCALL_DEFINE3(setresgid, u32, r, u32, e, u32, s)
{
	struct cred *c = &current->cred;

	if (!may_become(r, c->gid, c->egid, c->sgid) ||
	    !may_become(e, c->gid, c->egid, c->sgid) ||
	    !may_become(s, c->gid, c->egid, c->sgid))
		return -EPERM;
	if (r != NO_ID)
		c->gid = r;
	if (e != NO_ID)
		c->egid = e;
	if (s != NO_ID)
		c->sgid = s;
	c->fsgid = c->egid;
	return 0;
}

SYSCALL_DEFINE2(setreuid, u32, r, u32, e)
{
	struct cred *c = &current->cred;

	if (!may_become(r, c->uid, c->euid, NO_ID) ||
	    !may_become(e, c->uid, c->euid, c->suid))
		return -EPERM;
	if (r != NO_ID)
		c->uid = r;
	if (e != NO_ID)
		c->euid = e;
	if (r != NO_ID || (e != NO_ID && e != c->uid))
		c->suid = c->euid;
	c->fsuid = c->euid;
	return 0;
}

SYSCALL_DEFINE2(setregid, u32, r, u32, e)
{
	struct cred *c = &current->cred;

	if (!may_become(r, c->gid, c->egid, NO_ID) ||
	    !may_become(e, c->gid, c->egid, c->sgid))
		return -EPERM;
	if (r != NO_ID)
		c->gid = r;
	if (e != NO_ID)
		c->egid = e;
	if (r != NO_ID || (e != NO_ID && e != c->gid))
		c->sgid = c->egid;
	c->fsgid = c->egid;
	return 0;
}

SYSCALL_DEFINE1(setuid, u32, id)
{
	struct cred *c = &current->cred;

	if (id == NO_ID)
		return -EINVAL;
	if (capable_root())
		c->uid = c->suid = id;
	else if (id != c->uid && id != c->suid)
		return -EPERM;
	c->euid = c->fsuid = id;
	return 0;
}

SYSCALL_DEFINE1(setgid, u32, id)
{
	struct cred *c = &current->cred;

	if (id == NO_ID)
		return -EINVAL;
	if (capable_root())
		c->gid = c->sgid = id;
	else if (id != c->gid && id != c->sgid)
		return -EPERM;
	c->egid = c->fsgid = id;
	return 0;
}

SYSCALL_DEFINE2(getgroups, int, size, u32 *, ulist)
{
	const struct cred *c = &current->cred;

	if (size < 0)
		return -EINVAL;
	if (size == 0)
		return c->ngroups;
	if ((u32)size < c->ngroups)
		return -EINVAL;
	if (copy_to_user(ulist, c->groups, c->ngroups * sizeof(u32)))
		return -EFAULT;
	return c->ngroups;
}

SYSCALL_DEFINE2(setgroups, int, size, const u32 *, ulist)
{
	struct cred *c = &current->cred;
	u32 groups[ARRAY_SIZE(c->groups)];

	if (!capable_root())
		return -EPERM;
	/* Linux allows 65536; NGROUPS_MAX is ours to say, and is 32. */
	if (size < 0 || size > (int)ARRAY_SIZE(groups))
		return -EINVAL;
	if (copy_from_user(groups, ulist, (size_t)size * sizeof(u32)))
		return -EFAULT;
	memcpy(c->groups, groups, (size_t)size * sizeof(u32));
	c->ngroups = (u32)size;
	return 0;
}

/* ---- scheduling ---- */

SYSCALL_DEFINE0(sched_yield)
{
	sched_yield_current();
	return 0;
}

/* A referenced task, pid 0: the caller; or NULL. */
static struct task_struct *get_task_or_current(int pid)
{
	if (pid)
		return find_get_task(pid);
	get_task_struct(current);
	return current;
}

SYSCALL_DEFINE3(sched_getaffinity, int, pid, unsigned int, len, u8 *, umask)
{
	struct task_struct *t;
	u64 mask;

	if (len < sizeof(mask) || len % sizeof(mask))
		return -EINVAL;
	t = pid < 0 ? NULL : get_task_or_current(pid);
	if (!t)
		return -ESRCH;
	mask = t->cpus_allowed & online_cpu_mask();
	put_task_struct(t);
	return copy_to_user(umask, &mask, sizeof(mask)) ? -EFAULT
							: (long)sizeof(mask);
}

SYSCALL_DEFINE3(sched_setaffinity, int, pid, unsigned int, len, const u8 *,
		umask)
{
	struct task_struct *t;
	u64 mask = 0;
	long ret;

	if (copy_from_user(&mask, umask, min((size_t)len, sizeof(mask))))
		return -EFAULT;
	t = pid < 0 ? NULL : get_task_or_current(pid);
	if (!t)
		return -ESRCH;
	ret = -EPERM;
	if (!(t->flags & PF_KTHREAD) &&
	    (capable_root() || current->cred.euid == t->cred.euid ||
	     current->cred.euid == t->cred.uid))
		ret = sched_set_affinity(t, mask);
	if (!ret && t == current)
		cond_resched();
	put_task_struct(t);
	return ret;
}

enum { PRIO_PROCESS, PRIO_PGRP, PRIO_USER };

static bool prio_matches(const struct task_struct *t, int which, int who)
{
	switch (which) {
	case PRIO_PROCESS:
		return t->pid == (who ? who : current->pid);
	case PRIO_PGRP:
		return t->signal->pgrp == (who ? who : current->signal->pgrp);
	default:
		return t->cred.uid == (who ? (u32)who : current->cred.uid);
	}
}

SYSCALL_DEFINE2(getpriority, int, which, int, who)
{
	struct task_struct *t;
	long best = -ESRCH;

	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	spin_lock(&tasklist_lock);
	/* The raw call gives 20 - nice, which is never negative. */
	for_each_task(t)
		if (prio_matches(t, which, who) && 20 - t->nice > best)
			best = 20 - t->nice;
	spin_unlock(&tasklist_lock);
	return best;
}

SYSCALL_DEFINE3(setpriority, int, which, int, who, int, nice)
{
	struct task_struct *t;
	long ret = -ESRCH;

	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	nice = min(19, nice);
	nice = max(-20, nice);
	spin_lock(&tasklist_lock);
	for_each_task(t) {
		if (!prio_matches(t, which, who))
			continue;
		if (!capable_root() && current->cred.euid != t->cred.uid)
			ret = -EPERM;
		else if (nice < t->nice && !capable_root())
			ret = -EACCES;
		else
			ret = sched_set_nice(t, nice);
	}
	spin_unlock(&tasklist_lock);
	return ret;
}

SYSCALL_DEFINE3(getcpu, u32 *, ucpu, u32 *, unode, void *, unused)
{
	unsigned int cpu = smp_processor_id();

	(void)unused;
	if (ucpu && put_user((u32)cpu, ucpu))
		return -EFAULT;
	if (unode && put_user((u32)cpu_to_node(cpu), unode))
		return -EFAULT;
	return 0;
}

/* ---- registers and attributes of the thread ---- */

#define ARCH_SET_GS 0x1001
#define ARCH_SET_FS 0x1002
#define ARCH_GET_FS 0x1003
#define ARCH_GET_GS 0x1004

SYSCALL_DEFINE2(arch_prctl, int, op, unsigned long, addr)
{
	switch (op) {
	case ARCH_SET_FS:
		return x86_set_fs_base(addr);
	case ARCH_SET_GS:
		return x86_set_gs_base(addr);
	case ARCH_GET_FS:
		return put_user(x86_get_fs_base(), (u64 *)addr);
	case ARCH_GET_GS:
		return put_user(x86_get_gs_base(), (u64 *)addr);
	default:
		return -EINVAL;
	}
}

SYSCALL_DEFINE1(personality, u32, persona)
{
	unsigned long old = current->personality;

	if (persona == 0xffffffffU)
		return (long)old;
	/* Another execution domain, or a flag that would do nothing. */
	if (persona & ~(u32)ADDR_NO_RANDOMIZE)
		return -EINVAL;
	current->personality = persona;
	return (long)old;
}

enum {
	PR_SET_PDEATHSIG = 1,
	PR_GET_PDEATHSIG = 2,
	PR_GET_DUMPABLE = 3,
	PR_SET_DUMPABLE = 4,
	PR_SET_NAME = 15,
	PR_GET_NAME = 16,
	PR_SET_TIMERSLACK = 29,
	PR_GET_TIMERSLACK = 30,
	PR_SET_CHILD_SUBREAPER = 36,
	PR_GET_CHILD_SUBREAPER = 37,
	PR_SET_NO_NEW_PRIVS = 38,
	PR_GET_NO_NEW_PRIVS = 39,
	PR_GET_TID_ADDRESS = 40,
	PR_SET_THP_DISABLE = 41,
	PR_GET_THP_DISABLE = 42,
};

static long set_name(const char *uname)
{
	char name[TASK_COMM_LEN + 1] = "";
	long n = strncpy_from_user(name, uname, TASK_COMM_LEN);

	if (n < 0)
		return n;
	name[TASK_COMM_LEN - 1] = '\0';
	set_task_comm(current, name);
	return 0;
}

SYSCALL_DEFINE5(prctl, int, op, unsigned long, a2, unsigned long, a3,
		unsigned long, a4, unsigned long, a5)
{
	struct task_struct *t = current;

	switch (op) {
	case PR_SET_PDEATHSIG:
		if (a2 > NSIG)
			return -EINVAL;
		t->pdeath_signal = (int)a2;
		return 0;
	case PR_GET_PDEATHSIG:
		return put_user(t->pdeath_signal, (int *)a2);
	case PR_GET_DUMPABLE:
		return t->dumpable;
	case PR_SET_DUMPABLE:
		if (a2 > 1)
			return -EINVAL;
		t->dumpable = a2;
		return 0;
	case PR_SET_NAME:
		return set_name((const char *)a2);
	case PR_GET_NAME:
		return copy_to_user((void *)a2, t->comm, TASK_COMM_LEN)
			       ? -EFAULT
			       : 0;
	case PR_SET_CHILD_SUBREAPER:
		t->signal->child_subreaper = a2 != 0;
		return 0;
	case PR_GET_CHILD_SUBREAPER:
		return put_user((int)t->signal->child_subreaper, (int *)a2);
	case PR_SET_NO_NEW_PRIVS:
		if (a2 != 1 || a3 || a4 || a5)
			return -EINVAL;
		t->no_new_privs = true;
		return 0;
	case PR_GET_NO_NEW_PRIVS:
		return a2 || a3 || a4 || a5 ? -EINVAL : t->no_new_privs;
	case PR_GET_TID_ADDRESS:
		return put_user(t->clear_child_tid, (u64 *)a2);
	case PR_SET_THP_DISABLE:
	case PR_GET_THP_DISABLE:
		/* There are no transparent huge pages: always disabled. */
		if (op == PR_GET_THP_DISABLE)
			return a2 || a3 || a4 || a5 ? -EINVAL : 1;
		return a3 || a4 || a5 || !a2 ? -EINVAL : 0;
	default:
		return -EINVAL;
	}
}
