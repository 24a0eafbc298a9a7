/* SPDX-License-Identifier: MIT */
/*
 * sysinfo.c - system calls about the machine and about limits.
 *
 * Sources: uname(2), sysinfo(2), getrandom(2), getrlimit(2), reboot(2),
 * sethostname(2).
 */
#include <quire/port.h>
#include <quire/printk.h>
#include <quire/string.h>
#include <quire/version.h>
#include <quire/vmstat.h>

#include "kernel/exec.h"
#include "kernel/main.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"

#define UTS_LEN (UTS_NAME_MAX + 1)

struct new_utsname {
	char sysname[UTS_LEN], nodename[UTS_LEN], release[UTS_LEN],
		version[UTS_LEN], machine[UTS_LEN], domainname[UTS_LEN];
};

static struct {
	spinlock_t lock;
	struct new_utsname name;
} uts = {
	.lock = SPINLOCK_INIT(LOCK_RANK_FILES),
	.name =
		{
			.sysname = "Linux",
			.nodename = "quire",
			.release = UTS_RELEASE,
			.version = UTS_VERSION,
			.machine = "x86_64",
			.domainname = "(none)",
		},
};

SYSCALL_DEFINE1(uname, void *, ubuf)
{
	struct new_utsname name;

	spin_lock(&uts.lock);
	name = uts.name;
	spin_unlock(&uts.lock);
	return copy_to_user(ubuf, &name, sizeof(name)) ? -EFAULT : 0;
}

static void get_uts_field(const char *field, char *buf, size_t size)
{
	spin_lock(&uts.lock);
	strscpy(buf, field, size);
	spin_unlock(&uts.lock);
}

void get_hostname(char *buf, size_t size)
{
	get_uts_field(uts.name.nodename, buf, size);
}

void get_domainname(char *buf, size_t size)
{
	get_uts_field(uts.name.domainname, buf, size);
}

static void write_uts_field(char *field, const char *name)
{
	spin_lock(&uts.lock);
	memset(field, 0, UTS_LEN);
	memcpy(field, name, strnlen(name, UTS_NAME_MAX));
	spin_unlock(&uts.lock);
}

void set_hostname(const char *name)
{
	write_uts_field(uts.name.nodename, name);
}

void set_domainname(const char *name)
{
	write_uts_field(uts.name.domainname, name);
}

static long set_uts_field(char *field, const char *uname, int len)
{
	char name[UTS_LEN] = "";

	if (!capable_root())
		return -EPERM;
	if (len < 0 || len >= UTS_LEN)
		return -EINVAL;
	if (copy_from_user(name, uname, (size_t)len))
		return -EFAULT;
	write_uts_field(field, name);
	return 0;
}

SYSCALL_DEFINE2(sethostname, const char *, uname, int, len)
{
	return set_uts_field(uts.name.nodename, uname, len);
}

SYSCALL_DEFINE2(setdomainname, const char *, uname, int, len)
{
	return set_uts_field(uts.name.domainname, uname, len);
}

struct k_sysinfo {
	s64 uptime;
	u64 loads[3]; /* 16 bits of fraction */
	u64 totalram, freeram, sharedram, bufferram, totalswap, freeswap;
	u16 procs, pad;
	u64 totalhigh, freehigh;
	u32 mem_unit;
	u32 end_pad;
};
_Static_assert(sizeof(struct k_sysinfo) == 112, "struct sysinfo");

SYSCALL_DEFINE1(sysinfo, struct k_sysinfo *, uinfo)
{
	struct k_sysinfo info;
	unsigned long avg[3];

	memset(&info, 0, sizeof(info));
	info.uptime = (s64)(ktime_ns() / NSEC_PER_SEC);
	sched_loadavg(avg);
	for (int i = 0; i < 3; i++)
		info.loads[i] = avg[i] << 5;
	info.totalram = totalram_pages() << PAGE_SHIFT;
	info.freeram = nr_free_pages() << PAGE_SHIFT;
	info.sharedram = node_stat_pages(NST_nr_shmem) << PAGE_SHIFT;
	info.procs = (u16)nr_threads_total();
	info.mem_unit = 1;
	return copy_to_user(uinfo, &info, sizeof(info)) ? -EFAULT : 0;
}

#define GRND_NONBLOCK 1
#define GRND_RANDOM   2
#define GRND_INSECURE 4

SYSCALL_DEFINE3(getrandom, u8 *, ubuf, size_t, len, unsigned int, flags)
{
	size_t done, n;

	if (flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	if ((flags & (GRND_RANDOM | GRND_INSECURE)) ==
	    (GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	len = min(len, (size_t)0x7fffffff);
	for (done = 0; done < len; done += n) {
		u64 word = port->random();

		n = min(len - done, sizeof(word));
		if (copy_to_user(ubuf + done, &word, n))
			return done ? (long)done : -EFAULT;
		if ((done & 0xfff) == 0) {
			cond_resched();
			if (done && signal_pending_current())
				return (long)done + (long)n;
		}
	}
	return (long)len;
}

/* ---- limits ---- */

#define STACK_DEFAULT_BYTES   (8UL << 20)
#define MEMLOCK_DEFAULT_BYTES (8UL << 20)
#define NOFILE_SOFT	      1024
#define NOFILE_HARD	      4096
#define SIGPENDING_DEFAULT    1024
#define NPROC_DEFAULT	      16384

void init_rlimits(struct rlimit64 *rlim)
{
	for (int i = 0; i < RLIM_NLIMITS; i++)
		rlim[i] = (struct rlimit64){RLIM_INFINITY, RLIM_INFINITY};
	rlim[RLIMIT_STACK].rlim_cur = STACK_DEFAULT_BYTES;
	rlim[RLIMIT_CORE].rlim_cur = 0;
	rlim[RLIMIT_NPROC] = (struct rlimit64){NPROC_DEFAULT, NPROC_DEFAULT};
	rlim[RLIMIT_NOFILE] = (struct rlimit64){NOFILE_SOFT, NOFILE_HARD};
	rlim[RLIMIT_MEMLOCK] =
		(struct rlimit64){MEMLOCK_DEFAULT_BYTES, MEMLOCK_DEFAULT_BYTES};
	rlim[RLIMIT_SIGPENDING] =
		(struct rlimit64){SIGPENDING_DEFAULT, SIGPENDING_DEFAULT};
	rlim[RLIMIT_MSGQUEUE] = (struct rlimit64){819200, 819200};
	rlim[RLIMIT_NICE] = (struct rlimit64){0, 0};
	rlim[RLIMIT_RTPRIO] = (struct rlimit64){0, 0};
}

static long set_limit(struct task_struct *t, unsigned int what,
		      const struct rlimit64 *new)
{
	struct rlimit64 *old = &t->signal->rlim[what];
	struct mm_struct *mm;

	if (new->rlim_cur > new->rlim_max)
		return -EINVAL;
	if (new->rlim_max > old->rlim_max && !capable_root())
		return -EPERM;
	task_lock(t);
	*old = *new;
	rlimit_cpu_changed(t->signal);
	mm = t->mm;
	if (mm)
		mm_set_limits(mm, t->signal->rlim);
	task_unlock(t);
	return 0;
}

static long do_prlimit(struct task_struct *t, unsigned int what,
		       const struct rlimit64 *new, struct rlimit64 *old)
{
	if (what >= RLIM_NLIMITS)
		return -EINVAL;
	if (old)
		*old = t->signal->rlim[what];
	return new ? set_limit(t, what, new) : 0;
}

SYSCALL_DEFINE4(prlimit64, int, pid, unsigned int, what,
		const struct rlimit64 *, unew, struct rlimit64 *, uold)
{
	struct task_struct *t = current;
	struct rlimit64 new, old;
	long ret;

	if (unew && copy_from_user(&new, unew, sizeof(new)))
		return -EFAULT;
	if (pid) {
		t = find_get_task(pid);
		if (!t)
			return -ESRCH;
	}
	ret = -EPERM;
	if (t == current || capable_root() ||
	    (current->cred.uid == t->cred.uid &&
	     current->cred.uid == t->cred.euid))
		ret = do_prlimit(t, what, unew ? &new : NULL, &old);
	if (pid)
		put_task_struct(t);
	if (!ret && uold && copy_to_user(uold, &old, sizeof(old)))
		return -EFAULT;
	return ret;
}

SYSCALL_DEFINE2(getrlimit, unsigned int, what, struct rlimit64 *, uold)
{
	struct rlimit64 old;
	long ret = do_prlimit(current, what, NULL, &old);

	if (!ret && copy_to_user(uold, &old, sizeof(old)))
		return -EFAULT;
	return ret;
}

SYSCALL_DEFINE2(setrlimit, unsigned int, what, const struct rlimit64 *, unew)
{
	struct rlimit64 new;

	if (copy_from_user(&new, unew, sizeof(new)))
		return -EFAULT;
	return do_prlimit(current, what, &new, NULL);
}

/* ---- the machine's end: reboot(2) ---- */

#define REBOOT_MAGIC1	     0xfee1dead
#define REBOOT_MAGIC2	     672274793
#define REBOOT_MAGIC2A	     85072278
#define REBOOT_MAGIC2B	     369367448
#define REBOOT_MAGIC2C	     537993216
#define REBOOT_CMD_RESTART   0x01234567
#define REBOOT_CMD_HALT	     0xcdef0123
#define REBOOT_CMD_CAD_ON    0x89abcdef
#define REBOOT_CMD_CAD_OFF   0
#define REBOOT_CMD_POWER_OFF 0x4321fedc
#define REBOOT_CMD_RESTART2  0xa1b2c3d4

SYSCALL_DEFINE4(reboot, u32, magic1, u32, magic2, u32, cmd, const void *, arg)
{
	(void)arg;
	if (!capable_root())
		return -EPERM;
	if (magic1 != REBOOT_MAGIC1 ||
	    (magic2 != REBOOT_MAGIC2 && magic2 != REBOOT_MAGIC2A &&
	     magic2 != REBOOT_MAGIC2B && magic2 != REBOOT_MAGIC2C))
		return -EINVAL;
	switch (cmd) {
	case REBOOT_CMD_RESTART:
	case REBOOT_CMD_RESTART2:
		machine_restart();
	case REBOOT_CMD_HALT:
		machine_halt();
	case REBOOT_CMD_POWER_OFF:
		machine_power_off();
	case REBOOT_CMD_CAD_ON:
	case REBOOT_CMD_CAD_OFF:
		/* There is no Ctrl-Alt-Del key. */
		return 0;
	default:
		return -EINVAL;
	}
}
