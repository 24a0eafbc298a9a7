/* SPDX-License-Identifier: MIT */
/*
 * pid_mm.c - /proc/PID/maps, smaps, statm and the memory lines of status.
 *
 * 1. Formats are those of proc(5), to the column: unmodified pmap, ps, top
 *    and debuggers read them.
 * 2. smaps looks at every page-table entry of the area.  A page counts as
 *    shared when more than one entry maps it; Pss gives each of them its
 *    part.  Kinds of memory that this system does not have are truly zero.
 * 3. Locking.  mmap_lock for reading; each leaf table's ptl while it is read.
 * 4. Failure.  None; a text that does not fit is cut, and the seq_buf says so.
 *
 * Source: proc(5), Linux's Documentation/filesystems/proc.rst.
 */
#include <quire/errno.h>
#include <quire/mm.h>
#include <quire/pgtable.h>
#include <quire/show.h>
#include <quire/string.h>

#define KIB(pages) ((unsigned long)(pages) << (PAGE_SHIFT - 10))

/* Column at which a name starts behind an area's numbers. */
#define NAME_COLUMN 73

/* ---- maps ---- */

static const char *special_name(struct vm_area_struct *vma)
{
	const struct mm_struct *mm = vma->vm_mm;

	if (vma->vm_ops && vma->vm_ops->name)
		return vma->vm_ops->name(vma);
	if (vma->vm_start <= mm->brk && vma->vm_end >= mm->start_brk)
		return "[heap]";
	if (vma->vm_start <= mm->start_stack && vma->vm_end >= mm->start_stack)
		return "[stack]";
	return NULL;
}

/*
 * A file's path, written straight into the text; what does not fit makes the
 * caller come again with more room.  Newlines would break the line: they
 * become octal, as in Linux.
 */
static void put_path(struct seq_buf *s, struct vm_file *file)
{
	size_t from = s->len, to = s->size;
	int len = -ENAMETOOLONG;

	if (!s->overflow)
		len = file->ops->path(file, s->buf + from, to - from);
	if (len < 0) {
		s->overflow |= len == -ENAMETOOLONG;
		return;
	}
	/*
	 * To the end of the room first, and from there back with escapes: the
	 * text and its NUL never pass the character that is being read.
	 */
	memmove(s->buf + to - len, s->buf + from, (size_t)len);
	for (const char *c = s->buf + to - len; c < s->buf + to; c++) {
		if (*c != '\n') {
			seq_putc(s, *c);
		} else if (s->buf + s->len + 4 <= c) {
			seq_puts(s, "\\012");
		} else {
			s->overflow = true;
			return;
		}
	}
}

static void put_name(struct seq_buf *s, struct vm_area_struct *vma,
		     size_t line_start)
{
	const char *name = vma->vm_file ? NULL : special_name(vma);

	if (!vma->vm_file && !name)
		return;
	while (!s->overflow && s->len - line_start < NAME_COLUMN - 1)
		seq_putc(s, ' ');
	seq_putc(s, ' ');
	if (vma->vm_file)
		put_path(s, vma->vm_file);
	else
		seq_puts(s, name);
}

static void put_header(struct seq_buf *s, struct vm_area_struct *vma)
{
	struct vm_file_desc desc = {0};
	unsigned long flags = vma->vm_flags;
	size_t line_start = s->len;
	u64 offset = 0;

	if (vma->vm_file) {
		vma->vm_file->ops->describe(vma->vm_file, &desc);
		offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	}
	seq_printf(s, "%08lx-%08lx %c%c%c%c %08llx %02x:%02x %llu ",
		   vma->vm_start, vma->vm_end, flags & VM_READ ? 'r' : '-',
		   flags & VM_WRITE ? 'w' : '-', flags & VM_EXEC ? 'x' : '-',
		   flags & VM_MAYSHARE ? 's' : 'p', (unsigned long long)offset,
		   desc.major, desc.minor, (unsigned long long)desc.ino);
	put_name(s, vma, line_start);
	seq_putc(s, '\n');
}

void show_pid_maps(struct seq_buf *s, struct mm_struct *mm)
{
	struct vm_area_struct *vma;

	mmap_read_lock(mm);
	for_each_vma(mm, vma)
		put_header(s, vma);
	mmap_read_unlock(mm);
}

/* ---- smaps ---- */

/* Pss is kept in bytes with this many bits behind the point. */
#define PSS_SHIFT 12

struct usage {
	unsigned long rss; /* pages, as all but pss */
	u64 pss, pss_dirty, pss_anon, pss_shmem;
	unsigned long shared_clean, shared_dirty;
	unsigned long private_clean, private_dirty;
	unsigned long referenced, anonymous;
};

static void count_page(struct usage *u, const struct page *page, pte_t pte)
{
	unsigned int maps = (unsigned int)page_mapcount(page);
	bool dirty = pte_dirty(pte) || PageDirty(page);
	u64 part = (u64)PAGE_SIZE << PSS_SHIFT;

	if (!maps)
		return; /* being unmapped right now */
	part /= maps;
	u->rss++;
	u->pss += part;
	u->anonymous += PageAnon(page);
	if (PageAnon(page))
		u->pss_anon += part;
	else if (PageSwapBacked(page))
		u->pss_shmem += part;
	u->referenced += pte_young(pte) || PageReferenced(page);
	if (dirty)
		u->pss_dirty += part;
	if (maps > 1)
		*(dirty ? &u->shared_dirty : &u->shared_clean) += 1;
	else
		*(dirty ? &u->private_dirty : &u->private_clean) += 1;
}

static int count_entry(pte_t *ptep, unsigned int level, unsigned long addr,
		       void *arg)
{
	struct page *table = table_page(ptep);
	pte_t pte;

	(void)level;
	(void)addr;
	ptl_lock(table); /* the page cannot go while we look */
	pte = ptep_get(ptep);
	if (pte_maps_page(pte) && !pte_special(pte))
		count_page(arg, pfn_to_page(pte_pfn(pte)), pte);
	ptl_unlock(table);
	return 0;
}

static void put_kib(struct seq_buf *s, const char *name, unsigned long kib)
{
	seq_printf(s, "%-15s %8lu kB\n", name, kib);
}

static unsigned long pss_kib(u64 pss)
{
	return (unsigned long)(pss >> (10 + PSS_SHIFT));
}

static const struct {
	unsigned long flag;
	char letters[3];
} flag_names[] = {
	/* In the order of the bits, as Linux prints them. */
	{VM_READ, "rd"},      {VM_WRITE, "wr"},	     {VM_EXEC, "ex"},
	{VM_SHARED, "sh"},    {VM_MAYREAD, "mr"},    {VM_MAYWRITE, "mw"},
	{VM_MAYEXEC, "me"},   {VM_MAYSHARE, "ms"},   {VM_GROWSDOWN, "gd"},
	{VM_PFNMAP, "pf"},    {VM_LOCKED, "lo"},     {VM_LOCKONFAULT, "lf"},
	{VM_IO, "io"},	      {VM_SEQ_READ, "sr"},   {VM_RAND_READ, "rr"},
	{VM_DONTCOPY, "dc"},  {VM_DONTEXPAND, "de"}, {VM_ACCOUNT, "ac"},
	{VM_NORESERVE, "nr"}, {VM_WIPEONFORK, "wf"}, {VM_DONTDUMP, "dd"},
	{VM_SOFTDIRTY, "sd"}, {VM_NOHUGEPAGE, "nh"},
};

static void put_flags(struct seq_buf *s, unsigned long flags)
{
	seq_puts(s, "VmFlags: ");
	for (size_t i = 0; i < ARRAY_SIZE(flag_names); i++)
		if (flags & flag_names[i].flag)
			seq_printf(s, "%s ", flag_names[i].letters);
	seq_putc(s, '\n');
}

/* The lines that an area and the whole have alike. */
static void put_kinds(struct seq_buf *s, const struct usage *u)
{
	put_kib(s, "Shared_Clean:", KIB(u->shared_clean));
	put_kib(s, "Shared_Dirty:", KIB(u->shared_dirty));
	put_kib(s, "Private_Clean:", KIB(u->private_clean));
	put_kib(s, "Private_Dirty:", KIB(u->private_dirty));
	put_kib(s, "Referenced:", KIB(u->referenced));
	put_kib(s, "Anonymous:", KIB(u->anonymous));
	/* No such memory exists here. */
	put_kib(s, "KSM:", 0);
	put_kib(s, "LazyFree:", 0);
	put_kib(s, "AnonHugePages:", 0);
	put_kib(s, "ShmemPmdMapped:", 0);
	put_kib(s, "FilePmdMapped:", 0);
	put_kib(s, "Shared_Hugetlb:", 0);
	put_kib(s, "Private_Hugetlb:", 0);
	put_kib(s, "Swap:", 0);
	put_kib(s, "SwapPss:", 0);
}

static void put_rollup(struct seq_buf *s, const struct usage *u, u64 locked)
{
	put_kib(s, "Rss:", KIB(u->rss));
	put_kib(s, "Pss:", pss_kib(u->pss));
	put_kib(s, "Pss_Dirty:", pss_kib(u->pss_dirty));
	put_kib(s, "Pss_Anon:", pss_kib(u->pss_anon));
	put_kib(s, "Pss_File:", pss_kib(u->pss - u->pss_anon - u->pss_shmem));
	put_kib(s, "Pss_Shmem:", pss_kib(u->pss_shmem));
	put_kinds(s, u);
	put_kib(s, "Locked:", pss_kib(locked));
}

static void put_usage(struct seq_buf *s, const struct vm_area_struct *vma,
		      const struct usage *u)
{
	put_kib(s, "Size:", KIB(vma_pages(vma)));
	put_kib(s, "KernelPageSize:", PAGE_SIZE >> 10);
	put_kib(s, "MMUPageSize:", PAGE_SIZE >> 10);
	put_kib(s, "Rss:", KIB(u->rss));
	put_kib(s, "Pss:", pss_kib(u->pss));
	put_kib(s, "Pss_Dirty:", pss_kib(u->pss_dirty));
	put_kinds(s, u);
	put_kib(s, "Locked:", vma->vm_flags & VM_LOCKED ? pss_kib(u->pss) : 0);
	seq_printf(s, "THPeligible:    %8u\n", 0);
	put_flags(s, vma->vm_flags);
}

void show_pid_smaps_rollup(struct seq_buf *s, struct mm_struct *mm)
{
	const struct vm_area_struct *first = NULL, *last = NULL;
	struct vm_area_struct *vma;
	struct usage u = {0};
	u64 locked = 0;

	mmap_read_lock(mm);
	for_each_vma(mm, vma) {
		u64 before = u.pss;

		pgtable_for_each(mm->pgd, vma->vm_start, vma->vm_end,
				 count_entry, &u);
		if (vma->vm_flags & VM_LOCKED)
			locked += u.pss - before;
		first = first ? first : vma;
		last = vma;
	}
	if (last) {
		size_t line_start = s->len;

		seq_printf(s, "%08lx-%08lx ---p 00000000 00:00 0 ",
			   first->vm_start, last->vm_end);
		while (s->len - line_start < NAME_COLUMN && !s->overflow)
			seq_putc(s, ' ');
		seq_puts(s, "[rollup]\n");
		put_rollup(s, &u, locked);
	}
	mmap_read_unlock(mm);
}

void show_pid_smaps(struct seq_buf *s, struct mm_struct *mm)
{
	struct vm_area_struct *vma;

	mmap_read_lock(mm);
	for_each_vma(mm, vma) {
		struct usage usage = {0};

		pgtable_for_each(mm->pgd, vma->vm_start, vma->vm_end,
				 count_entry, &usage);
		put_header(s, vma);
		put_usage(s, vma, &usage);
	}
	mmap_read_unlock(mm);
}

/* ---- statm, status ---- */

static unsigned long text_pages(const struct mm_struct *mm)
{
	unsigned long start = mm->start_code & PAGE_MASK;
	unsigned long end = ALIGN(mm->end_code, PAGE_SIZE);

	return end > start ? (end - start) >> PAGE_SHIFT : 0;
}

void show_pid_statm(struct seq_buf *s, struct mm_struct *mm)
{
	unsigned long shared = get_mm_counter(mm, MM_FILEPAGES) +
			       get_mm_counter(mm, MM_SHMEMPAGES);

	seq_printf(s, "%lu %lu %lu %lu 0 %lu 0\n", mm->total_vm, get_mm_rss(mm),
		   shared, text_pages(mm), mm->data_vm + mm->stack_vm);
}

static void put_vm(struct seq_buf *s, const char *name, unsigned long kib)
{
	seq_printf(s, "%s\t%8lu kB\n", name, kib);
}

void show_pid_status_mm(struct seq_buf *s, struct mm_struct *mm)
{
	unsigned long rss = get_mm_rss(mm), total = mm->total_vm;
	unsigned long text = min(text_pages(mm), mm->exec_vm);

	put_vm(s, "VmPeak:", KIB(max(mm->hiwater_vm, total)));
	put_vm(s, "VmSize:", KIB(total));
	put_vm(s, "VmLck:", KIB(mm->locked_vm));
	put_vm(s, "VmPin:", 0);
	put_vm(s, "VmHWM:", KIB(max(mm->hiwater_rss, rss)));
	put_vm(s, "VmRSS:", KIB(rss));
	put_vm(s, "RssAnon:", KIB(get_mm_counter(mm, MM_ANONPAGES)));
	put_vm(s, "RssFile:", KIB(get_mm_counter(mm, MM_FILEPAGES)));
	put_vm(s, "RssShmem:", KIB(get_mm_counter(mm, MM_SHMEMPAGES)));
	put_vm(s, "VmData:", KIB(mm->data_vm));
	put_vm(s, "VmStk:", KIB(mm->stack_vm));
	put_vm(s, "VmExe:", KIB(text));
	put_vm(s, "VmLib:", KIB(mm->exec_vm - text));
	put_vm(s, "VmPTE:", READ_ONCE(mm->pgtables_bytes) >> 10);
	put_vm(s, "VmSwap:", KIB(get_mm_counter(mm, MM_SWAPENTS)));
}
