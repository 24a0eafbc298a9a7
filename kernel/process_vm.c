/* SPDX-License-Identifier: MIT */
/*
 * process_vm.c - copies between this process's memory and another's.
 *
 * A page at a time through a kernel buffer; the other side's pages are faulted
 * in for it, respecting their protection.  What was copied before the first
 * page that cannot be reached is the result.
 *
 * Source: process_vm_readv(2).
 */
#include <quire/slab.h>
#include <quire/string.h>

#include "kernel/fs.h"
#include "kernel/syscall.h"
#include "kernel/task.h"

/* ptrace(2)'s rule, with real ids: PTRACE_MODE_ATTACH_REALCREDS. */
static bool may_attach(const struct task_struct *t)
{
	const struct cred *me = &current->cred, *c = &t->cred;

	if (t->signal == current->signal || capable_root())
		return true;
	return me->uid == c->euid && me->uid == c->suid && me->uid == c->uid &&
	       me->gid == c->egid && me->gid == c->sgid && me->gid == c->gid &&
	       t->dumpable;
}

/* One piece of the other side, as far as it and the iterator go. */
static mm_ssize_t copy_piece(struct mm_struct *mm, struct iov_iter *it,
			     const struct k_iovec *there, char *buf, bool write)
{
	size_t len = min((size_t)there->iov_len, it->count), done = 0;

	while (done < len) {
		unsigned long addr = there->iov_base + done;
		size_t n = min(len - done,
			       (size_t)(PAGE_SIZE - (addr & ~PAGE_MASK)));
		size_t got, moved;

		if (write) {
			got = copy_from_iter(it, buf, n);
			moved = access_remote_vm(mm, addr, buf, got, true);
		} else {
			got = access_remote_vm(mm, addr, buf, n, false);
			moved = copy_to_iter(it, buf, got);
		}
		done += moved;
		if (moved < n)
			return done ? (mm_ssize_t)done : -EFAULT;
		cond_resched();
	}
	return (mm_ssize_t)done;
}

static mm_ssize_t copy_pieces(struct mm_struct *mm, struct iov_iter *it,
			      const struct k_iovec *there, unsigned long nr,
			      bool write)
{
	char *buf = kmalloc(PAGE_SIZE, GFP_KERNEL);
	mm_ssize_t total = 0, ret = 0;

	if (!buf)
		return -ENOMEM;
	for (unsigned long i = 0; i < nr && it->count; i++) {
		size_t want = min((size_t)there[i].iov_len, it->count);

		ret = copy_piece(mm, it, &there[i], buf, write);
		if (ret > 0)
			total += ret;
		if (ret < 0 || (size_t)ret < want)
			break;
	}
	kfree(buf);
	return total ? total : ret;
}

static mm_ssize_t copy_with(int pid, struct iov_iter *it,
			    const struct k_iovec *there, unsigned long nr,
			    bool write)
{
	struct task_struct *t = find_get_task(pid);
	struct mm_struct *mm;
	mm_ssize_t ret = -EPERM;

	if (!t)
		return -ESRCH;
	if (may_attach(t)) {
		mm = get_task_mm(t);
		ret = mm ? copy_pieces(mm, it, there, nr, write) : -ESRCH;
		if (mm)
			mmput(mm);
	}
	put_task_struct(t);
	return ret;
}

/* The other side's pieces: only lengths are checked now. */
static int import_there(struct k_iovec **out, const struct k_iovec *uvec,
			unsigned long nr, size_t *total)
{
	struct k_iovec *vec;

	*out = NULL;
	*total = 0;
	if (nr > UIO_MAXIOV)
		return -EINVAL;
	if (!nr)
		return 0;
	vec = kmalloc_array(nr, sizeof(*vec), GFP_KERNEL);
	if (!vec)
		return -ENOMEM;
	if (copy_from_user(vec, uvec, nr * sizeof(*vec))) {
		kfree(vec);
		return -EFAULT;
	}
	for (unsigned long i = 0; i < nr; i++) {
		if ((s64)vec[i].iov_len < 0) {
			kfree(vec);
			return -EINVAL;
		}
		*total |= vec[i].iov_len;
	}
	*out = vec;
	return 0;
}

static long process_vm_rw(int pid, const struct k_iovec *ulocal,
			  unsigned long nr_local, const struct k_iovec *uremote,
			  unsigned long nr_remote, unsigned long flags,
			  bool write)
{
	struct k_iovec *there;
	struct iov_copy local;
	struct iov_iter it;
	size_t total;
	long ret;

	if (flags)
		return -EINVAL;
	ret = import_iovec(&local, &it, ulocal, nr_local);
	if (ret)
		return ret;
	if (!it.count)
		goto out_local;
	ret = import_there(&there, uremote, nr_remote, &total);
	if (ret)
		goto out_local;
	if (total)
		ret = copy_with(pid, &it, there, nr_remote, write);
	kfree(there);
out_local:
	free_iovec(&local);
	return ret;
}

SYSCALL_DEFINE6(process_vm_readv, int, pid, const struct k_iovec *, lvec,
		unsigned long, nr_local, const struct k_iovec *, rvec,
		unsigned long, nr_remote, unsigned long, flags)
{
	return process_vm_rw(pid, lvec, nr_local, rvec, nr_remote, flags,
			     false);
}

SYSCALL_DEFINE6(process_vm_writev, int, pid, const struct k_iovec *, lvec,
		unsigned long, nr_local, const struct k_iovec *, rvec,
		unsigned long, nr_remote, unsigned long, flags)
{
	return process_vm_rw(pid, lvec, nr_local, rvec, nr_remote, flags, true);
}
