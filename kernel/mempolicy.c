/* SPDX-License-Identifier: MIT */
/*
 * mempolicy.c - get_mempolicy(2): from which nodes a thread gets its memory.
 *
 * There is one policy, the default, for all threads and areas: the nearest
 * node that has memory.  It can be asked for, and on which node a page is;
 * the calls that would set another one do not exist (ENOSYS).
 *
 * Source: get_mempolicy(2).
 */
#include <quire/bitmap.h>
#include <quire/gfp.h>
#include <quire/mm.h>
#include <quire/topology.h>
#include <quire/vmstat.h>

#include "kernel/syscall.h"
#include "kernel/task.h"

#define MPOL_DEFAULT	    0
#define MPOL_F_NODE	    1UL
#define MPOL_F_ADDR	    2UL
#define MPOL_F_MEMS_ALLOWED 4UL

_Static_assert(MAX_NUMNODES <= 64, "masks of nodes are one word");

unsigned long mems_allowed(void)
{
	unsigned long nodes = 0;

	for (int nid = 0; nid < nr_node_ids; nid++)
		if (node_present_pages(nid))
			__set_bit((size_t)nid, &nodes);
	return nodes;
}

/* The node of the page at addr, which is faulted in if need be. */
static long node_of_address(unsigned long addr)
{
	struct page *page = mm_get_page(current->mm, addr, false);
	long nid;

	if (IS_ERR(page))
		return PTR_ERR(page);
	nid = page_to_nid(page);
	put_page(page);
	return nid;
}

static bool is_mapped(unsigned long addr)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	bool found;

	mmap_read_lock(mm);
	vma = find_vma(mm, addr);
	found = vma && vma->vm_start <= addr;
	mmap_read_unlock(mm);
	return found;
}

/* What the program asked for; 0, or the node if that is the question. */
static long ask_policy(unsigned long addr, unsigned long flags)
{
	if (flags & ~(MPOL_F_NODE | MPOL_F_ADDR | MPOL_F_MEMS_ALLOWED))
		return -EINVAL;
	if (flags & MPOL_F_MEMS_ALLOWED)
		return flags & (MPOL_F_NODE | MPOL_F_ADDR) ? -EINVAL : 0;
	if (!(flags & MPOL_F_ADDR))
		/* The next node of an interleaving policy: there is none. */
		return addr || (flags & MPOL_F_NODE) ? -EINVAL : 0;
	if (!is_mapped(addr))
		return -EFAULT;
	return flags & MPOL_F_NODE ? node_of_address(addr) : 0;
}

/* maxnode counts one bit more than there is room for, as ever. */
static int copy_nodes(unsigned long *to, unsigned long maxnode,
		      unsigned long nodes)
{
	size_t bytes = ALIGN(maxnode - 1, 64UL) / 8;
	size_t known = min(bytes, sizeof(nodes));

	if (bytes > PAGE_SIZE)
		return -EINVAL;
	if (copy_to_user(to, &nodes, known) ||
	    clear_user((char *)to + known, bytes - known))
		return -EFAULT;
	return 0;
}

SYSCALL_DEFINE5(get_mempolicy, int *, upolicy, unsigned long *, unodes,
		unsigned long, maxnode, unsigned long, addr, unsigned long,
		flags)
{
	unsigned long nodes = flags & MPOL_F_MEMS_ALLOWED ? mems_allowed() : 0;
	long policy;

	if (unodes && maxnode < (unsigned long)nr_node_ids)
		return -EINVAL;
	policy = ask_policy(addr, flags);
	if (policy < 0)
		return policy;
	if (!(flags & MPOL_F_NODE))
		policy = MPOL_DEFAULT;
	if (upolicy && put_user((int)policy, upolicy))
		return -EFAULT;
	return unodes ? copy_nodes(unodes, maxnode, nodes) : 0;
}
