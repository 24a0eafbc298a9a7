/* SPDX-License-Identifier: MIT */
/*
 * layout.c - where a new program's parts lie.
 *
 *    0    64K           image    heap              mappings         stack
 *    |.....|..............[####]~~[##>..............<#######]~~~~~[<##]|
 *                               ^ start_brk           mmap_base ^    ^ top
 *                                                                TASK_SIZE
 *
 * 1. Randomised, in Linux's amounts: the stack's top by 22 bits of pages
 *    (16 GiB), mmap_base by 28 bits (1 TiB), the break by up to 32 MiB.
 *    Without, everything is where Linux puts it under "norandmaps":
 *    stack top TASK_SIZE, mmap_base 128 MiB below for an 8 MiB stack.
 * 2. mmap_base leaves the stack its limit, its randomisation and its guard
 *    gap, at least 128 MiB and at most five sixths of user space.
 * 3. Special areas (vdso) map frames of the kernel's, which know nothing of
 *    it: they are counted as file pages without a file.
 *
 * Sources: proc(5), personality(2) (ADDR_NO_RANDOMIZE), Linux's
 * Documentation/admin-guide/sysctl/kernel.rst (randomize_va_space), vdso(7).
 */
#include "mm/aspace/internal.h"

#define STACK_RANDOM_PAGES (1UL << 22)
#define MMAP_RANDOM_PAGES  (1UL << 28)
#define BRK_RANDOM_BYTES   (32UL << 20)
#define STACK_GAP_MIN	   (128UL << 20)
#define STACK_GAP_MAX	   (TASK_SIZE / 6 * 5)

/* The first stack area, as Linux's: 128 KiB below the arguments' page. */
#define STACK_FIRST_BYTES ((128UL << 10) + PAGE_SIZE)

/* A random number of bytes, whole pages, below nr_pages pages. */
static unsigned long random_pages(unsigned long nr_pages)
{
	return (port->random() & (nr_pages - 1)) << PAGE_SHIFT;
}

void mm_pick_layout(struct mm_struct *mm, const struct mm_layout *layout)
{
	unsigned long gap = layout->rlim_stack, pad = STACK_GUARD_GAP;
	unsigned long top = TASK_SIZE, random = 0;

	if (layout->randomize) {
		top -= random_pages(STACK_RANDOM_PAGES);
		random = random_pages(MMAP_RANDOM_PAGES);
		pad += STACK_RANDOM_PAGES << PAGE_SHIFT;
	}
	if (gap + pad > gap)
		gap += pad;
	gap = min(max(gap, STACK_GAP_MIN), STACK_GAP_MAX);
	mm->rlim_stack = layout->rlim_stack;
	mm->start_stack = top;
	mm->mmap_base = PAGE_ALIGN(TASK_SIZE - gap - random);
	mm->mmap_legacy_base = PAGE_ALIGN(TASK_SIZE / 3) + random;
}

int mm_setup_stack(struct mm_struct *mm, unsigned long *top)
{
	unsigned long flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN |
			      MAP_FIXED_NOREPLACE;
	unsigned long len = min(STACK_FIRST_BYTES, mm->rlim_stack & PAGE_MASK);
	unsigned long addr;

	len = max(len, PAGE_SIZE);
	addr = vm_mmap(mm, NULL, mm->start_stack - len, len,
		       PROT_READ | PROT_WRITE, flags, 0);
	if (IS_ERR_VALUE(addr))
		return (int)addr;
	*top = mm->start_stack;
	return 0;
}

void mm_set_brk(struct mm_struct *mm, unsigned long image_end,
		const struct mm_layout *layout)
{
	unsigned long brk = PAGE_ALIGN(image_end);

	if (layout->randomize && layout->randomize_brk)
		brk += (port->random() % BRK_RANDOM_BYTES) & PAGE_MASK;
	mm->start_brk = brk;
	mm->brk = brk;
}

/* ---- special areas ---- */

struct special_map {
	u32 refs; /* areas that use it; atomic */
	unsigned int nr;
	struct page **pages;
	const char *name;
};

static void special_open(struct vm_area_struct *vma)
{
	struct special_map *map = vma->vm_private_data;

	__atomic_fetch_add(&map->refs, 1, __ATOMIC_RELAXED);
}

static void special_close(struct vm_area_struct *vma)
{
	struct special_map *map = vma->vm_private_data;

	if (!__atomic_sub_fetch(&map->refs, 1, __ATOMIC_ACQ_REL))
		kfree(map);
}

static vm_fault_t special_fault(struct vm_fault *vmf)
{
	const struct special_map *map = vmf->vma->vm_private_data;

	if (vmf->pgoff >= map->nr)
		return VM_FAULT_SIGBUS;
	vmf->page = map->pages[vmf->pgoff];
	get_page(vmf->page);
	return 0;
}

static const char *special_name(struct vm_area_struct *vma)
{
	const struct special_map *map = vma->vm_private_data;

	return map->name;
}

static const struct vm_operations_struct special_ops = {
	.open = special_open,
	.close = special_close,
	.fault = special_fault,
	.name = special_name,
};

unsigned long vm_map_special(struct mm_struct *mm, struct page **pages,
			     unsigned int nr, unsigned long vm_flags,
			     const char *name)
{
	struct special_map *map = kmalloc(sizeof(*map), GFP_KERNEL);
	unsigned long len = (unsigned long)nr << PAGE_SHIFT, addr;
	struct vm_area_struct *vma = vma_alloc(), *prev;

	if (!map || !vma) {
		addr = (unsigned long)-ENOMEM;
		goto out_free;
	}
	*map = (struct special_map){1, nr, pages, name};
	mmap_write_lock(mm);
	addr = get_unmapped_area(mm, 0, len, 0);
	if (!IS_ERR_VALUE(addr) && (mm->map_count >= sysctl_max_map_count ||
				    !may_expand_vm(mm, vm_flags, nr)))
		addr = (unsigned long)-ENOMEM;
	if (IS_ERR_VALUE(addr)) {
		mmap_write_unlock(mm);
		goto out_free;
	}
	vma_copy(vma, &(struct vm_area_struct){
			      .vm_ops = &special_ops,
			      .vm_private_data = map,
		      });
	vma_set_range(vma, addr, addr + len, 0);
	vma_set_flags(vma, vm_flags | VM_DONTEXPAND | VM_SOFTDIRTY);
	find_vma_prev(mm, addr, &prev);
	vma_link(mm, vma, prev);
	vm_stat_account(mm, vma->vm_flags, nr);
	mmap_write_unlock(mm);
	return addr;

out_free:
	if (vma)
		vma_free(vma);
	kfree(map);
	return addr;
}
