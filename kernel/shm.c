/* SPDX-License-Identifier: MIT */
/*
 * shm.c - System V shared memory.
 *
 * 1. A segment is an unnamed memory file with an owner and a number.  Attaching
 *    maps the file through a new open file, so that areas of two attachments
 *    never merge, and shmdt() finds its own.
 * 2. Life.  Every area that maps a segment counts in nattch (vm_ops open and
 *    close: fork, cuts and moves too).  IPC_RMID takes the key away and marks
 *    it; it goes with the last area.  A running shmat() counts as one.
 * 3. Invariants.
 *    S1  segs[i] is NULL or has index i; nr_used counts them
 *    S2  nr_pages is the sum of their sizes in pages
 *    S3  a marked segment has key IPC_PRIVATE and nattch > 0
 * 4. Locking.  shm.lock, a mutex, inside mmap_lock: it is not held while user
 *    memory is copied or anything is mapped.
 * 5. SHM_LOCK keeps memory from being swapped out.  Nothing is; what it counts
 *    against RLIMIT_MEMLOCK, and who may use it, is as in Linux.
 *
 * Sources: shmget(2), shmop(2), shmctl(2), sysvipc(7), proc(5).
 */
#include <quire/mm.h>
#include <quire/pagemap.h>
#include <quire/printk.h>
#include <quire/show.h>
#include <quire/slab.h>
#include <quire/string.h>

#include "kernel/fs.h"
#include "kernel/ipc.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "kernel/task.h"

#define IPC_PRIVATE  0U
#define IPC_CREAT    01000
#define IPC_EXCL     02000
#define SHM_HUGETLB  04000
#define SHM_RDONLY   010000
#define SHM_RND	     020000
#define SHM_REMAP    040000
#define SHM_EXEC     0100000
#define SHM_DEST     01000U /* in the mode */
#define SHM_LOCKED   02000U

#define IPC_RMID     0
#define IPC_SET	     1
#define IPC_STAT     2
#define IPC_INFO     3
#define SHM_LOCK     11
#define SHM_UNLOCK   12
#define SHM_STAT     13
#define SHM_INFO     14
#define SHM_STAT_ANY 15

/* id = seq * IPC_INDICES + index */
#define IPC_INDICES 32768U
#define IPC_SEQ_MAX (0x7fffffffU / IPC_INDICES)

struct k_ipc_perm {
	u32 key, uid, gid, cuid, cgid, mode;
	u16 seq, pad0;
	u32 pad1;
	u64 unused[2];
};
struct k_shmid_ds {
	struct k_ipc_perm perm;
	u64 segsz;
	s64 atime, dtime, ctime;
	s32 cpid, lpid;
	u64 nattch, unused[2];
};
_Static_assert(sizeof(struct k_shmid_ds) == 112, "struct shmid_ds of x86-64");
struct k_shminfo {
	u64 shmmax, shmmin, shmmni, shmseg, shmall, unused[4];
};
struct k_shm_info {
	s32 used_ids, pad;
	u64 tot, rss, swp, swap_attempts, swap_successes;
};

struct segment {
	int id;
	u32 key, uid, gid, cuid, cgid, mode;
	u64 size; /* bytes */
	s64 atime, dtime, ctime;
	int cpid, lpid;
	unsigned long nattch;
	struct file *file; /* read and written; attachments have others */
	u32 locker;	   /* who locked it, if SHM_LOCKED */
};

static struct {
	struct mutex lock;
	struct shm_limits limits;
	struct segment *segs[SHM_MNI_MAX];
	unsigned int nr_used;
	unsigned long nr_pages;
	u32 next_seq;
} shm = {
	.lock = MUTEX_INIT,
	.limits =
		{
			.max = UINT64_MAX - (1UL << 24),
			.all = UINT64_MAX - (1UL << 24),
			.mni = SHM_MNI_MAX,
		},
};

static s64 now_s(void)
{
	return (s64)(ktime_real_ns() / NSEC_PER_SEC);
}

static unsigned long seg_pages(u64 size)
{
	return (size >> PAGE_SHIFT) + !!(size & ~PAGE_MASK);
}

/* ---- who may ---- */

static bool in_groups(u32 gid)
{
	const struct cred *c = &current->cred;

	if (gid == c->egid)
		return true;
	for (u32 i = 0; i < c->ngroups; i++)
		if (c->groups[i] == gid)
			return true;
	return false;
}

/* mode: the wanted bits, in any of the three places. */
static int check_access(const struct segment *seg, u32 mode)
{
	u32 want = (mode >> 6 | mode >> 3 | mode) & 7, granted = seg->mode;
	u32 euid = current->cred.euid;

	if (euid == seg->cuid || euid == seg->uid)
		granted >>= 6;
	else if (in_groups(seg->cgid) || in_groups(seg->gid))
		granted >>= 3;
	return (want & ~granted) && !capable_root() ? -EACCES : 0;
}

static bool is_owner(const struct segment *seg)
{
	u32 euid = current->cred.euid;

	return euid == seg->cuid || euid == seg->uid || capable_root();
}

/* ---- the table; shm.lock held ---- */

static struct segment *find_key(u32 key)
{
	for (unsigned int i = 0; key != IPC_PRIVATE && i < SHM_MNI_MAX; i++)
		if (shm.segs[i] && shm.segs[i]->key == key)
			return shm.segs[i];
	return NULL;
}

static struct segment *find_id(int id)
{
	unsigned int index = (unsigned int)id % IPC_INDICES;
	struct segment *seg = NULL;

	if (id >= 0 && index < SHM_MNI_MAX)
		seg = shm.segs[index];
	return seg && seg->id == id ? seg : NULL;
}

/* What remains of it is its file, the caller's to put. */
static struct file *remove_segment(struct segment *seg)
{
	struct file *file = seg->file;

	shm.segs[(unsigned int)seg->id % IPC_INDICES] = NULL;
	shm.nr_used--;
	shm.nr_pages -= seg_pages(seg->size);
	kfree(seg);
	return file;
}

/* One user less; the file to put, if that was the last of a marked one. */
static struct file *drop_user(struct segment *seg)
{
	seg->nattch--;
	if (seg->nattch || !(seg->mode & SHM_DEST))
		return NULL;
	return remove_segment(seg);
}

static void put_file(struct file *file)
{
	if (file)
		fput(file);
}

/* ---- mapping ---- */

static void shm_open(struct vm_area_struct *vma)
{
	struct segment *seg = vma->vm_private_data;

	mutex_lock(&shm.lock);
	seg->nattch++;
	seg->atime = now_s();
	seg->lpid = current->tgid;
	mutex_unlock(&shm.lock);
}

static void shm_close(struct vm_area_struct *vma)
{
	struct segment *seg = vma->vm_private_data;
	struct file *file;

	mutex_lock(&shm.lock);
	seg->dtime = now_s();
	seg->lpid = current->tgid;
	file = drop_user(seg);
	mutex_unlock(&shm.lock);
	put_file(file);
}

static vm_fault_t shm_fault(struct vm_fault *vmf)
{
	return shmem_vm_ops.fault(vmf);
}

static unsigned int shm_map_pages(struct vm_area_struct *vma, pgoff_t pgoff,
				  unsigned int nr, struct page **pages)
{
	return shmem_vm_ops.map_pages(vma, pgoff, nr, pages);
}

static const struct vm_operations_struct shm_vm_ops = {
	.open = shm_open,
	.close = shm_close,
	.fault = shm_fault,
	.map_pages = shm_map_pages,
};

static int shm_mmap(struct file *file, struct vm_area_struct *vma)
{
	vma->vm_ops = &shm_vm_ops;
	vma->vm_private_data = file->private_data;
	shm_open(vma);
	return 0;
}

static const struct file_operations shm_fops = {
	.mmap = shm_mmap,
};

/* ---- shmget ---- */

static int check_room(u64 size)
{
	unsigned long nr = seg_pages(size);

	if (shm.nr_pages + nr < nr || shm.nr_pages + nr > shm.limits.all)
		return -ENOSPC;
	return shm.nr_used >= shm.limits.mni ? -ENOSPC : 0;
}

/* There is room.  Its number. */
static int insert_segment(struct segment *seg)
{
	unsigned int index = 0;

	while (shm.segs[index])
		index++;
	seg->id = (int)(shm.next_seq * IPC_INDICES + index);
	shm.next_seq = (shm.next_seq + 1) % IPC_SEQ_MAX;
	seg->file->f_inode->ino = (u64)seg->id;
	shm.segs[index] = seg;
	shm.nr_used++;
	shm.nr_pages += seg_pages(seg->size);
	return seg->id;
}

static struct file *make_file(u32 key, u64 size, u32 mode)
{
	char name[32];

	scnprintf(name, sizeof(name), "/SYSV%08x (deleted)", key);
	return shmem_file_setup(name, size, mode, O_RDWR, &shm_fops);
}

static struct segment *make_segment(u32 key, u64 size, u32 mode)
{
	const struct cred *c = &current->cred;
	struct segment *seg = kzalloc(sizeof(*seg), GFP_KERNEL);
	struct file *file;

	if (!seg)
		return ERR_PTR(-ENOMEM);
	file = make_file(key, size, mode);
	if (IS_ERR(file)) {
		kfree(seg);
		return (struct segment *)file;
	}
	*seg = (struct segment){
		.key = key,
		.uid = c->euid,
		.gid = c->egid,
		.cuid = c->euid,
		.cgid = c->egid,
		.mode = mode,
		.size = size,
		.ctime = now_s(),
		.cpid = current->tgid,
		.file = file,
	};
	return seg;
}

/* The caller goes on without the lock only to find memory, then looks again. */
static int new_segment_locked(u32 key, u64 size, int flags)
{
	struct segment *seg;
	int err;

	if (size < 1 || size > shm.limits.max)
		return -EINVAL;
	if (seg_pages(size) << PAGE_SHIFT < size || size > (u64)INT64_MAX)
		return -ENOSPC;
	err = check_room(size);
	if (err)
		return err;
	/* As a kernel that was built without hugetlbfs. */
	if (flags & SHM_HUGETLB)
		return -EINVAL;
	seg = make_segment(key, size, (u32)flags & S_IRWXUGO);
	return IS_ERR(seg) ? (int)PTR_ERR(seg) : insert_segment(seg);
}

static int get_segment_locked(u32 key, u64 size, int flags)
{
	struct segment *seg = find_key(key);
	int err;

	if (!seg) {
		if (key != IPC_PRIVATE && !(flags & IPC_CREAT))
			return -ENOENT;
		return new_segment_locked(key, size, flags);
	}
	if ((flags & IPC_CREAT) && (flags & IPC_EXCL))
		return -EEXIST;
	if (size > seg->size)
		return -EINVAL;
	err = check_access(seg, (u32)flags);
	return err ? err : seg->id;
}

SYSCALL_DEFINE3(shmget, u32, key, size_t, size, int, flags)
{
	int ret;

	mutex_lock(&shm.lock);
	ret = get_segment_locked(key, size, flags);
	mutex_unlock(&shm.lock);
	return ret;
}

/* ---- shmat ---- */

/* Where and how, from the call's arguments: mmap(2)'s. */
struct attach {
	unsigned long addr, prot, flags;
	u32 mode; /* rights that it takes */
	int open; /* O_RDONLY, O_RDWR */
};

static int decode_attach(struct attach *at, unsigned long addr, int flags)
{
	*at = (struct attach){
		.prot = PROT_READ,
		.flags = MAP_SHARED,
		.mode = 0444,
		.open = O_RDONLY,
	};
	if (addr & ~PAGE_MASK) {
		if (!(flags & SHM_RND))
			return -EINVAL;
		addr &= PAGE_MASK;
		if (!addr && (flags & SHM_REMAP))
			return -EINVAL;
		at->flags |= MAP_FIXED;
	} else if (addr) {
		at->flags |= MAP_FIXED;
	} else if (flags & SHM_REMAP) {
		return -EINVAL;
	}
	if ((at->flags & MAP_FIXED) && !(flags & SHM_REMAP))
		at->flags |= MAP_FIXED_NOREPLACE;
	at->addr = addr;
	if (!(flags & SHM_RDONLY)) {
		at->prot |= PROT_WRITE;
		at->mode |= 0222;
		at->open = O_RDWR;
	}
	if (flags & SHM_EXEC) {
		at->prot |= PROT_EXEC;
		at->mode |= 0111;
	}
	return 0;
}

/* An open file of its own for this attachment, which counts as a user. */
static struct file *begin_attach(int id, const struct attach *at,
				 struct segment **out)
{
	struct segment *seg;
	struct file *file;
	int err = -EINVAL;

	mutex_lock(&shm.lock);
	seg = find_id(id);
	if (seg)
		err = check_access(seg, at->mode);
	file = err ? ERR_PTR(err) : shmem_file_again(seg->file, at->open);
	if (!IS_ERR(file)) {
		file->private_data = seg;
		seg->nattch++;
	}
	mutex_unlock(&shm.lock);
	*out = seg;
	return file;
}

static void end_attach(struct segment *seg, struct file *file)
{
	struct file *last;

	fput(file);
	mutex_lock(&shm.lock);
	last = drop_user(seg);
	mutex_unlock(&shm.lock);
	put_file(last);
}

SYSCALL_DEFINE3(shmat, int, id, unsigned long, addr, int, flags)
{
	struct segment *seg;
	struct attach at;
	struct file *file;
	unsigned long ret;
	int err;

	if (id < 0)
		return -EINVAL;
	err = decode_attach(&at, addr, flags);
	if (err)
		return err;
	file = begin_attach(id, &at, &seg);
	if (IS_ERR(file))
		return PTR_ERR(file);
	/* Around the end of all addresses. */
	if ((at.flags & MAP_FIXED_NOREPLACE) && at.addr + seg->size < at.addr)
		ret = (unsigned long)-EINVAL;
	else
		ret = vm_mmap(current->mm, &file->f_vm, at.addr, seg->size,
			      at.prot, at.flags, 0);
	end_attach(seg, file);
	/* Something is there already. */
	return ret == (unsigned long)-EEXIST ? -EINVAL : (long)ret;
}

/* ---- shmdt ---- */

/* Is vma a part of the segment that was attached at addr? */
static bool is_attached_at(const struct vm_area_struct *vma, unsigned long addr)
{
	return vma->vm_ops == &shm_vm_ops &&
	       (vma->vm_start - addr) >> PAGE_SHIFT == vma->vm_pgoff;
}

static struct vm_area_struct *first_attached(struct mm_struct *mm,
					     unsigned long addr)
{
	struct vm_area_struct *vma = find_vma(mm, addr);

	while (vma && !is_attached_at(vma, addr))
		vma = find_vma(mm, vma->vm_end);
	return vma;
}

/* All parts of one attachment, with mmap_lock for writing. */
static int detach_locked(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma = first_attached(mm, addr);
	const struct segment *seg;
	struct vm_file *vf;
	unsigned long end;

	if (!vma)
		return -EINVAL;
	seg = vma->vm_private_data;
	end = addr + (seg_pages(seg->size) << PAGE_SHIFT);
	vf = vma->vm_file;
	/* The first part is unmapped wherever it ends; all are one file's. */
	while (vma && (vma->vm_file == vf && is_attached_at(vma, addr))) {
		unsigned long next = vma->vm_end;
		int err = do_munmap(mm, vma->vm_start, next - vma->vm_start);

		if (err)
			return err;
		do {
			vma = find_vma(mm, next);
			next = vma ? vma->vm_end : 0;
		} while (vma && vma->vm_end <= end &&
			 !(vma->vm_file == vf && is_attached_at(vma, addr)));
		if (vma && vma->vm_end > end)
			break;
	}
	return 0;
}

SYSCALL_DEFINE1(shmdt, unsigned long, addr)
{
	struct mm_struct *mm = current->mm;
	int err;

	if (addr & ~PAGE_MASK)
		return -EINVAL;
	mmap_write_lock(mm);
	err = detach_locked(mm, addr);
	mmap_write_unlock(mm);
	return err;
}

/* ---- shmctl ---- */

static void fill_ds(const struct segment *seg, struct k_shmid_ds *ds)
{
	*ds = (struct k_shmid_ds){
		.perm = {.key = seg->key,
			 .uid = seg->uid,
			 .gid = seg->gid,
			 .cuid = seg->cuid,
			 .cgid = seg->cgid,
			 .mode = seg->mode,
			 .seq = (u16)((u32)seg->id / IPC_INDICES)},
		.segsz = seg->size,
		.atime = seg->atime,
		.dtime = seg->dtime,
		.ctime = seg->ctime,
		.cpid = seg->cpid,
		.lpid = seg->lpid,
		.nattch = seg->nattch,
	};
}

/* The highest index in use; 0: none. */
static int highest_index(void)
{
	for (int i = SHM_MNI_MAX; i-- > 0;)
		if (shm.segs[i])
			return i;
	return 0;
}

static long shm_stat(int id, int cmd, struct k_shmid_ds *uds)
{
	struct k_shmid_ds ds;
	struct segment *seg;
	long ret = -EINVAL;

	mutex_lock(&shm.lock);
	if (cmd == IPC_STAT)
		seg = find_id(id);
	else
		seg = (u32)id < SHM_MNI_MAX ? shm.segs[id] : NULL;
	if (seg)
		ret = cmd == SHM_STAT_ANY ? 0 : check_access(seg, 0444);
	if (!ret) {
		fill_ds(seg, &ds);
		ret = cmd == IPC_STAT ? 0 : seg->id;
	}
	mutex_unlock(&shm.lock);
	if (ret >= 0 && copy_to_user(uds, &ds, sizeof(ds)))
		return -EFAULT;
	return ret;
}

static long ipc_info(struct k_shminfo *uinfo)
{
	struct k_shminfo info = {0};
	int highest;

	mutex_lock(&shm.lock);
	info.shmmax = shm.limits.max;
	info.shmmin = 1;
	info.shmmni = shm.limits.mni;
	info.shmseg = shm.limits.mni;
	info.shmall = shm.limits.all;
	highest = highest_index();
	mutex_unlock(&shm.lock);
	return copy_to_user(uinfo, &info, sizeof(info)) ? -EFAULT : highest;
}

static long shm_info(struct k_shm_info *uinfo)
{
	struct k_shm_info info = {0};
	int highest;

	mutex_lock(&shm.lock);
	info.used_ids = (s32)shm.nr_used;
	info.tot = shm.nr_pages;
	for (unsigned int i = 0; i < SHM_MNI_MAX; i++)
		if (shm.segs[i])
			info.rss += shm.segs[i]->file->f_inode->mapping.nrpages;
	highest = highest_index();
	mutex_unlock(&shm.lock);
	return copy_to_user(uinfo, &info, sizeof(info)) ? -EFAULT : highest;
}

static int shm_set(struct segment *seg, const struct k_shmid_ds *ds)
{
	if (!is_owner(seg))
		return -EPERM;
	seg->uid = ds->perm.uid;
	seg->gid = ds->perm.gid;
	seg->mode = (seg->mode & ~(u32)S_IRWXUGO) | (ds->perm.mode & S_IRWXUGO);
	seg->ctime = now_s();
	return 0;
}

static int shm_rmid(struct segment *seg, struct file **last)
{
	if (!is_owner(seg))
		return -EPERM;
	if (seg->nattch) {
		seg->mode |= SHM_DEST;
		seg->key = IPC_PRIVATE;
	} else {
		*last = remove_segment(seg);
	}
	return 0;
}

static unsigned long locked_by(u32 uid)
{
	unsigned long nr = 0;

	for (unsigned int i = 0; i < SHM_MNI_MAX; i++)
		if (shm.segs[i] && (shm.segs[i]->mode & SHM_LOCKED) &&
		    shm.segs[i]->locker == uid)
			nr += seg_pages(shm.segs[i]->size);
	return nr;
}

static int shm_lock(struct segment *seg, bool lock)
{
	u64 limit = current->signal->rlim[RLIMIT_MEMLOCK].rlim_cur;
	u32 uid = current->cred.uid;

	if (!capable_root()) {
		u32 euid = current->cred.euid;

		if (euid != seg->uid && euid != seg->cuid)
			return -EPERM;
		if (lock && !limit)
			return -EPERM;
	}
	if (!lock) {
		seg->mode &= ~SHM_LOCKED;
		return 0;
	}
	if (seg->mode & SHM_LOCKED)
		return 0;
	if (!capable_root() && limit != RLIM_INFINITY &&
	    locked_by(uid) + seg_pages(seg->size) > limit >> PAGE_SHIFT)
		return -ENOMEM;
	seg->mode |= SHM_LOCKED;
	seg->locker = uid;
	return 0;
}

static long shm_change(int id, int cmd, const struct k_shmid_ds *uds)
{
	struct k_shmid_ds ds = {0};
	struct file *last = NULL;
	struct segment *seg;
	long err = -EINVAL;

	if (cmd == IPC_SET && copy_from_user(&ds, uds, sizeof(ds)))
		return -EFAULT;
	mutex_lock(&shm.lock);
	seg = find_id(id);
	if (seg && cmd == IPC_SET)
		err = shm_set(seg, &ds);
	else if (seg && cmd == IPC_RMID)
		err = shm_rmid(seg, &last);
	else if (seg)
		err = shm_lock(seg, cmd == SHM_LOCK);
	mutex_unlock(&shm.lock);
	put_file(last);
	return err;
}

SYSCALL_DEFINE3(shmctl, int, id, int, cmd, void *, ubuf)
{
	if (cmd < 0 || id < 0)
		return -EINVAL;
	switch (cmd) {
	case IPC_INFO:
		return ipc_info(ubuf);
	case SHM_INFO:
		return shm_info(ubuf);
	case IPC_STAT:
	case SHM_STAT:
	case SHM_STAT_ANY:
		return shm_stat(id, cmd, ubuf);
	case IPC_SET:
	case IPC_RMID:
	case SHM_LOCK:
	case SHM_UNLOCK:
		return shm_change(id, cmd, ubuf);
	default:
		return -EINVAL;
	}
}

void shm_forget_all(void)
{
	for (unsigned int i = 0; i < SHM_MNI_MAX; i++) {
		struct file *file = NULL;

		mutex_lock(&shm.lock);
		if (shm.segs[i] && !shm.segs[i]->nattch)
			file = remove_segment(shm.segs[i]);
		mutex_unlock(&shm.lock);
		put_file(file);
	}
}

/* ---- /proc ---- */

struct shm_limits shm_get_limits(void)
{
	struct shm_limits limits;

	mutex_lock(&shm.lock);
	limits = shm.limits;
	mutex_unlock(&shm.lock);
	return limits;
}

void shm_set_limits(const struct shm_limits *limits)
{
	mutex_lock(&shm.lock);
	shm.limits = *limits;
	mutex_unlock(&shm.lock);
}

void show_sysvipc_shm(struct seq_buf *s)
{
	seq_puts(s, "       key      shmid perms                  size  cpid  "
		    "lpid nattch   uid   gid  cuid  cgid      atime      "
		    "dtime      ctime                   rss                  "
		    "swap\n");
	mutex_lock(&shm.lock);
	for (unsigned int i = 0; i < SHM_MNI_MAX; i++) {
		const struct segment *seg = shm.segs[i];

		if (!seg)
			continue;
		seq_printf(s, "%10d %10d  %4o %21lu %5d %5d  ", (int)seg->key,
			   seg->id, seg->mode, seg->size, seg->cpid, seg->lpid);
		seq_printf(s, "%5lu %5u %5u %5u %5u ", seg->nattch, seg->uid,
			   seg->gid, seg->cuid, seg->cgid);
		seq_printf(s, "%10ld %10ld %10ld %21lu %21lu\n", seg->atime,
			   seg->dtime, seg->ctime,
			   seg->file->f_inode->mapping.nrpages << PAGE_SHIFT,
			   0UL);
	}
	mutex_unlock(&shm.lock);
}
