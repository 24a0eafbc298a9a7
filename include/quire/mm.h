/* SPDX-License-Identifier: MIT */
/*
 * mm.h - address spaces: areas, mappings, faults.
 *
 * Sources: mmap(2), munmap(2), mprotect(2), mremap(2), brk(2), madvise(2),
 * fork(2), execve(2), proc(5); Linux's Documentation/mm/process_addrs.rst.
 *
 * Addresses and lengths are in bytes.  Unless said otherwise a function takes
 * mmap_lock itself, runs in task context, may sleep, returns 0 or -E, and a
 * failed call has changed nothing visible.
 */
#ifndef QUIRE_MM_H
#define QUIRE_MM_H

#include <quire/list.h>
#include <quire/mm_types.h>
#include <quire/rbtree.h>
#include <quire/reclaim.h>
#include <quire/rwsem.h>
#include <quire/spinlock.h>
#include <quire/types.h>
#include <quire/uapi/mman.h>

#include <arch.h>

struct mm_struct;
struct vm_area_struct;
struct vm_file;
struct address_space;

/* vm_flags, with Linux's values and the letters of smaps' VmFlags. */
#define VM_READ		0x00000001UL /* rd */
#define VM_WRITE	0x00000002UL /* wr */
#define VM_EXEC		0x00000004UL /* ex */
#define VM_SHARED	0x00000008UL /* sh */
#define VM_MAYREAD	0x00000010UL /* mr */
#define VM_MAYWRITE	0x00000020UL /* mw */
#define VM_MAYEXEC	0x00000040UL /* me */
#define VM_MAYSHARE	0x00000080UL /* ms */
#define VM_GROWSDOWN	0x00000100UL /* gd */
#define VM_PFNMAP	0x00000400UL /* pf */
#define VM_LOCKED	0x00002000UL /* lo */
#define VM_IO		0x00004000UL /* io */
#define VM_SEQ_READ	0x00008000UL /* sr */
#define VM_RAND_READ	0x00010000UL /* rr */
#define VM_DONTCOPY	0x00020000UL /* dc */
#define VM_DONTEXPAND	0x00040000UL /* de */
#define VM_LOCKONFAULT	0x00080000UL /* lf */
#define VM_ACCOUNT	0x00100000UL /* ac */
#define VM_NORESERVE	0x00200000UL /* nr */
#define VM_WIPEONFORK	0x02000000UL /* wf */
#define VM_DONTDUMP	0x04000000UL /* dd */
#define VM_SOFTDIRTY	0x08000000UL /* sd */
#define VM_NOHUGEPAGE	0x40000000UL /* nh */
#define VM_STACK	VM_GROWSDOWN
#define VM_ACCESS_FLAGS (VM_READ | VM_WRITE | VM_EXEC)
/* Never merged with a neighbour. */
#define VM_SPECIAL (VM_IO | VM_DONTEXPAND | VM_PFNMAP)

/* si_code of the signals that mm_fault() asks for: sigaction(2). */
#define SEGV_CODE_MAPERR 1
#define SEGV_CODE_ACCERR 2
#define BUS_CODE_ADRERR	 2

/* The least room below a stack area (Linux's stack_guard_gap). */
#define STACK_GUARD_GAP (256UL << PAGE_SHIFT)
/* Below this only MM_CAP_SYS_RAWIO may map (vm.mmap_min_addr). */
extern unsigned long sysctl_mmap_min_addr;

/*
 * What the running program may do beyond its limits.  The kernel fills in the
 * answer for whoever makes the call at hand; NULL: nobody may.  Any context.
 */
enum mm_capability {
	MM_CAP_IPC_LOCK,  /* lock more than RLIMIT_MEMLOCK */
	MM_CAP_SYS_ADMIN, /* use the administrator's reserve */
	MM_CAP_SYS_RAWIO, /* map below mmap_min_addr */
};
extern bool (*mm_capable)(enum mm_capability cap);
static inline bool mm_has_cap(enum mm_capability cap)
{
	return mm_capable && mm_capable(cap);
}

/* What a fault was, and how it went. */
#define FAULT_FLAG_WRITE       0x01
#define FAULT_FLAG_INSTRUCTION 0x02
#define FAULT_FLAG_USER	       0x04 /* from user mode, not a kernel copy */
#define FAULT_FLAG_REMOTE      0x08 /* on behalf of another process */

#define VM_FAULT_OOM	       ((vm_fault_t)0x001)
#define VM_FAULT_SIGBUS	       ((vm_fault_t)0x002)
#define VM_FAULT_MAJOR	       ((vm_fault_t)0x004)
#define VM_FAULT_SIGSEGV       ((vm_fault_t)0x040)
#define VM_FAULT_NOPAGE	       ((vm_fault_t)0x100) /* entry was installed */
#define VM_FAULT_LOCKED	       ((vm_fault_t)0x200)
#define VM_FAULT_RETRY	       ((vm_fault_t)0x400)
#define VM_FAULT_ERROR	       (VM_FAULT_OOM | VM_FAULT_SIGBUS | VM_FAULT_SIGSEGV)

struct vm_fault {
	struct vm_area_struct *vma;
	unsigned int flags;    /* FAULT_FLAG_* */
	pgoff_t pgoff;	       /* in the file */
	unsigned long address; /* page-aligned */
	struct page *page;     /* out: referenced, for ->fault */
};

struct vm_operations_struct {
	void (*open)(struct vm_area_struct *vma); /* a copy was made */
	void (*close)(struct vm_area_struct *vma);
	/*
	 * mmap_lock held for reading.  0 with vmf->page, or VM_FAULT_*.
	 * Where vm_file->mapping is set the page is one of that mapping's;
	 * if it no longer is when it would be mapped, the fault starts anew.
	 */
	vm_fault_t (*fault)(struct vm_fault *vmf);
	/*
	 * Up to nr resident pages from pgoff on, for fault-around: fills
	 * pages[], referenced, NULL where absent; returns the number filled.
	 */
	unsigned int (*map_pages)(struct vm_area_struct *vma, pgoff_t pgoff,
				  unsigned int nr, struct page **pages);
	/* A shared page is about to become writable. */
	vm_fault_t (*page_mkwrite)(struct vm_fault *vmf);
	const char *(*name)(struct vm_area_struct *vma);
};

/* What the memory manager needs of an open file; the file embeds it. */
struct vm_file_desc {
	unsigned int major;
	unsigned int minor;
	u64 ino;
};

struct vm_file_ops {
	void (*get)(struct vm_file *vf);
	void (*put)(struct vm_file *vf);
	/*
	 * Prepare vma (file, pgoff and flags are set): set vm_ops; may add
	 * flags.  0 or -E (ENODEV: cannot be mapped).
	 */
	int (*mmap)(struct vm_file *vf, struct vm_area_struct *vma);
	/*
	 * Before that, and also where an area next to it only grows: may it be
	 * mapped with these flags?  May take VM_MAYWRITE out.  0 or -E.  NULL:
	 * it may.
	 */
	int (*may_mmap)(struct vm_file *vf, unsigned long *vm_flags);
	void (*describe)(struct vm_file *vf, struct vm_file_desc *desc);
	/* Absolute path into buf, NUL-terminated; its length or -E. */
	int (*path)(struct vm_file *vf, char *buf, size_t size);
};

struct vm_file {
	const struct vm_file_ops *ops;
	struct address_space *mapping;	    /* or NULL */
	bool can_read, can_write, can_exec; /* how it was opened */
};

struct vm_area_struct {
	/* Also read by who holds nothing: mm/aspace/vma_lock.c */
	unsigned long vm_start; /* first byte */
	unsigned long vm_end;	/* first byte after */
	struct mm_struct *vm_mm;
	struct rb_node vm_rb; /* mm->mm_rb, by address */
	u64 vm_lock_seq;      /* mm->mm_lock_seq: a writer is at it */
	u32 vm_refcnt;	      /* 0: in no set; 1: in one; more: readers */
	/* From here on vma_copy() copies. */
	unsigned long vm_flags;	      /* VM_* */
	u64 vm_page_prot;	      /* entry bits that vm_flags give */
	pgoff_t vm_pgoff;	      /* vm_start's offset, in pages */
	unsigned long gap;	      /* free bytes in front */
	unsigned long rb_subtree_gap; /* the largest gap in the subtree */
	struct list_head vm_list;     /* mm->mmap, by address */
	struct vm_file *vm_file;      /* referenced, or NULL */
	const struct vm_operations_struct *vm_ops;
	void *vm_private_data;
	struct rb_node shared_rb; /* mapping->i_mmap, by vm_pgoff */
	pgoff_t shared_subtree_last;
	/* Anonymous pages in it: mm/aspace/anon.c */
	unsigned long anon_id;	/* whom it may merge with; 0: never had any */
	pgoff_t anon_shift;	/* a page's birthplace less its place */
	struct rb_node anon_rb; /* mm->anon_moved, where shifted */
	pgoff_t anon_subtree_last;
};

struct anon_space;

/* mm may map pages that first were space's. */
struct anon_link {
	struct anon_space *space;
	struct mm_struct *mm;
	struct list_head of_space; /* space->links, ancestors first */
	struct list_head of_mm;	   /* mm->anon_links */
};

enum rss_counter {
	MM_FILEPAGES,
	MM_ANONPAGES,
	MM_SWAPENTS,
	MM_SHMEMPAGES,
	NR_MM_COUNTERS
};

struct mm_struct {
	u32 mm_users; /* threads and borrowers */
	u32 mm_count; /* users as one, and lazy CPUs */
	pte_t *pgd;
	struct rw_semaphore mmap_lock;
	u64 mm_lock_seq;       /* raised when a writer leaves mmap_lock */
	spinlock_t areas_lock; /* the set and bounds of areas, for those
				  without mmap_lock: rmap */
	struct rb_root mm_rb;
	struct list_head mmap;		   /* all areas, by address */
	struct vm_area_struct *mmap_cache; /* last found */
	unsigned int map_count;
	unsigned long mmap_base;	/* top-down mappings start below */
	unsigned long mmap_legacy_base; /* bottom-up ones start here */
	unsigned long total_vm;		/* pages, by kind */
	unsigned long data_vm, exec_vm, stack_vm, locked_vm;
	unsigned long hiwater_rss, hiwater_vm;
	long rss_stat[NR_MM_COUNTERS]; /* atomic */
	unsigned long pgtables_bytes;  /* atomic */
	unsigned long def_flags;
	unsigned long start_code, end_code, start_data, end_data;
	unsigned long start_brk, brk, start_stack;
	unsigned long arg_start, arg_end, env_start, env_end;
	unsigned long min_flt, maj_flt;				    /* atomic */
	unsigned long rlim_as, rlim_data, rlim_stack, rlim_memlock; /* bytes */
	u64 cpu_bitmap[DIV_ROUND_UP(NR_CPUS, 64)]; /* who may hold TLB
							   entries */
	u64 context_id;				   /* never used twice */
	struct anon_space *anon;     /* owns pages made here: anon.c */
	struct list_head anon_links; /* spaces whose pages may be here */
	struct anon_link anon_own;   /* one of them */
	struct rb_root anon_moved;   /* areas away from their birthplace */
	unsigned long last_anon_id;  /* atomic */
	void *owner;		     /* the kernel's */
};

/* ---- life ---- */

/* An empty address space, mm_users 1; NULL: no memory. */
struct mm_struct *mm_alloc(void);
static inline void mmget(struct mm_struct *mm)
{
	__atomic_fetch_add(&mm->mm_users, 1, __ATOMIC_RELAXED);
}
bool __must_check mmget_not_zero(struct mm_struct *mm);
/* The last user unmaps everything (exit_mmap). */
void mmput(struct mm_struct *mm);
void mmgrab(struct mm_struct *mm);
void mmdrop(struct mm_struct *mm);

/* fork: a copy, shared lazily; ERR_PTR(-ENOMEM). */
struct mm_struct *dup_mm(struct mm_struct *oldmm);

/* ---- system calls' bodies ---- */

/* The address, or -E as a value (IS_ERR_VALUE). file may be NULL. */
unsigned long vm_mmap(struct mm_struct *mm, struct vm_file *file,
		      unsigned long addr, unsigned long len, unsigned long prot,
		      unsigned long flags, pgoff_t pgoff);
int vm_munmap(struct mm_struct *mm, unsigned long start, size_t len);
/* The same with mmap_lock held for writing. */
int do_munmap(struct mm_struct *mm, unsigned long start, size_t len);
int vm_mprotect(struct mm_struct *mm, unsigned long start, size_t len,
		unsigned long prot);
unsigned long vm_mremap(struct mm_struct *mm, unsigned long addr,
			unsigned long old_len, unsigned long new_len,
			unsigned long flags, unsigned long new_addr);
/* The new break, or the old one if that cannot be. */
unsigned long vm_brk(struct mm_struct *mm, unsigned long brk);
int vm_madvise(struct mm_struct *mm, unsigned long start, size_t len,
	       int advice);

/*
 * mlock(2) and friends.  On ENOMEM areas in front of a hole are locked; on
 * EAGAIN the memory is locked but not all of it could be faulted in.
 */
int vm_mlock(struct mm_struct *mm, unsigned long start, size_t len,
	     bool on_fault);
int vm_munlock(struct mm_struct *mm, unsigned long start, size_t len);
int vm_mlockall(struct mm_struct *mm, int flags); /* MCL_ */
int vm_munlockall(struct mm_struct *mm);

/* ---- exec ---- */

struct mm_layout {
	bool randomize;
	bool randomize_brk;
	unsigned long rlim_stack; /* bytes */
};

/* Choose mmap_base and the stack's top; before anything is mapped. */
void mm_pick_layout(struct mm_struct *mm, const struct mm_layout *layout);
/* A stack area ending at the chosen top; its top address in *top. */
int mm_setup_stack(struct mm_struct *mm, unsigned long *top);
/* [start_brk, start_brk) after the image's end; randomised by layout. */
void mm_set_brk(struct mm_struct *mm, unsigned long image_end,
		const struct mm_layout *layout);
/* Anonymous memory for bss: [addr, addr + len), fixed. */
int vm_map_anon_fixed(struct mm_struct *mm, unsigned long addr,
		      unsigned long len, unsigned long prot);
/* A page of the kernel's (vdso) at a place of its choice: address or -E. */
unsigned long vm_map_special(struct mm_struct *mm, struct page **pages,
			     unsigned int nr, unsigned long vm_flags,
			     const char *name);

/* ---- faults ---- */

/*
 * mm_fault - resolve a fault at addr (any byte) in mm.
 * Takes mmap_lock for reading, finds or grows the area, checks permission.
 * Result: 0 or VM_FAULT_MAJOR when the access may be retried; else an error
 *   bit, and for SIGSEGV and SIGBUS the signal's si_code in *si_code.
 */
vm_fault_t mm_fault(struct mm_struct *mm, unsigned long addr,
		    unsigned int flags, int *si_code);

/*
 * mm_get_page - the frame behind addr, faulted in for reading or writing,
 * with a reference; ERR_PTR(-EFAULT) or -ENOMEM.  For futexes, /proc/PID/mem,
 * and kernel copies into another process.
 */
struct page *mm_get_page(struct mm_struct *mm, unsigned long addr, bool write);
/* Copy between kernel memory and mm; bytes done, short at the first fault. */
size_t access_remote_vm(struct mm_struct *mm, unsigned long addr, void *buf,
			size_t len, bool write);

/*
 * Remove what maps nr pages of the file from start on from every address
 * space; nr 0: to the end.  even_cows: private copies too (truncation).
 * mm/aspace.
 */
void unmap_mapping_pages(struct address_space *mapping, pgoff_t start,
			 pgoff_t nr, bool even_cows);

/*
 * mapping_deny_writable - from now on mmap() gives EPERM where the file would
 * be shared and could be written through the area.  -EBUSY: there is such an
 * area.  For ever.
 */
int mapping_deny_writable(struct address_space *mapping);
/* May a shared area that can write be made?  0 or -EPERM; and it is made. */
int mapping_map_writable(struct address_space *mapping);
void mapping_unmap_writable(struct address_space *mapping);
static inline bool vma_is_shared_maywrite(unsigned long vm_flags)
{
	return (vm_flags & (VM_SHARED | VM_MAYWRITE)) ==
	       (VM_SHARED | VM_MAYWRITE);
}

/* ---- looking ---- */

/* The first area with vm_end > addr, or NULL; mmap_lock held. */
struct vm_area_struct *find_vma(struct mm_struct *mm, unsigned long addr);
/* The same, and the area before it (or the last one) in *prev. */
struct vm_area_struct *find_vma_prev(struct mm_struct *mm, unsigned long addr,
				     struct vm_area_struct **prev);
#define for_each_vma(mm, vma) list_for_each_entry(vma, &(mm)->mmap, vm_list)
static inline unsigned long vma_pages(const struct vm_area_struct *vma)
{
	return (vma->vm_end - vma->vm_start) >> PAGE_SHIFT;
}
static inline void mmap_read_lock(struct mm_struct *mm)
{
	down_read(&mm->mmap_lock);
}
static inline void mmap_read_unlock(struct mm_struct *mm)
{
	up_read(&mm->mmap_lock);
}
static inline void mmap_write_lock(struct mm_struct *mm)
{
	down_write(&mm->mmap_lock);
}
/* Ends the marks of all areas: mm/aspace/vma_lock.c. */
static inline void mm_end_write(struct mm_struct *mm)
{
	smp_store_release(&mm->mm_lock_seq, mm->mm_lock_seq + 1);
}
static inline void mmap_write_unlock(struct mm_struct *mm)
{
	mm_end_write(mm);
	up_write(&mm->mmap_lock);
}
static inline void mmap_write_downgrade(struct mm_struct *mm)
{
	mm_end_write(mm);
	downgrade_write(&mm->mmap_lock);
}
unsigned long get_mm_rss(const struct mm_struct *mm); /* pages */
static inline unsigned long get_mm_counter(const struct mm_struct *mm,
					   enum rss_counter member)
{
	long n = READ_ONCE(mm->rss_stat[member]);

	return n > 0 ? (unsigned long)n : 0;
}
/* Pages promised to private writable areas: Committed_AS. */
unsigned long vm_committed_pages(void);
/* What they may come to under vm.overcommit_memory 2: CommitLimit. */
unsigned long vm_commit_limit(void);
/* vm.max_map_count */
extern unsigned int sysctl_max_map_count;

/* Panics with what is wrong; mmap_lock held for writing. */
void mm_validate(struct mm_struct *mm);
/*
 * Every page mapped here is found from its frame as often as it is mapped.
 * The same, and no other address space may change its share of them.
 */
void mm_validate_rmap(struct mm_struct *mm);

/* ---- start ---- */

/* Caches and the zero page; panics without memory.  Called by mm_init(). */
void aspace_init(void);

struct mm_boot;
struct port_ops;
/*
 * mm_init - bring the memory manager up on the boot processor: memblock,
 * descriptors, zones, buddy, per-CPU areas, slab, kmalloc, vmalloc, address
 * spaces.  Called once, interrupts off, one CPU running.  Failure panics.
 */
void mm_init(const struct mm_boot *boot, const struct port_ops *ops);

/* ---- seams that upper floors fill ---- */

/* MAP_SHARED | MAP_ANONYMOUS: filled by mm/cache. */
struct aspace_ops {
	/* Make vma map a new unnamed memory file of its size. */
	int (*shmem_zero_setup)(struct vm_area_struct *vma);
};
void register_aspace_ops(const struct aspace_ops *ops);

#endif
