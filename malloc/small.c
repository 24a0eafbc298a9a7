// SPDX-License-Identifier: MIT
/*
 * small.c - blocks up to 1 KiB from pages of one size, each owned by a heap.
 *
 * 1. Idea.  A page holds blocks of one size, and its free ones are a list in
 *    the page's descriptor (Leijen, Zorn, de Moura, "Mimalloc", 2019).  Its
 *    owner takes and gives without atomics; another thread pushes what it
 *    frees onto a second list with one compare-and-swap.  P1 to P4 stand in
 *    internal.h.
 * 2. A page touches memory only as it needs it: the free list is extended by
 *    about one system page at a time.
 * 3. States.
 *      FREE -> CURRENT   page_take(): from the region
 *      CURRENT -> FULL   small_alloc_slow(): nothing left
 *      FULL -> PARTIAL   small_free_slow(), collect_page(): the first free
 *      PARTIAL -> CURRENT  small_alloc_slow()
 *      PARTIAL, FULL -> FREE  the last block is free.  A current page stays,
 *        so that a block taken and given in turn costs nothing.
 * 4. Remote frees.  The one that fills an empty remote list also puts the page
 *    onto its owner's list of pending pages (it acquires what the owner
 *    released when it emptied the list: remote_next is then its own); the owner looks at that list on
 *    its slow path only.  A page with uncollected blocks has left > 0, so it
 *    cannot be given away between the two steps.
 * 5. Heat.  A class gets pages only after opt.heat allocations; until then
 *    the core serves it, so that a program with few blocks of many sizes does
 *    not touch a page for each.
 */
#include "internal.h"

static struct page none; /* free == NULL: always the slow path */

struct heap heap_none = {
	.page = {[0 ... NR_CLASSES - 1] = &none},
	.current = {[0 ... NR_CLASSES - 1] = &none},
};

struct page *page_none(void)
{
	return &none;
}

void heap_init(struct heap *h)
{
	for (unsigned int i = 0; i < NR_CLASSES; i++)
		h->page[i] = h->current[i] = &none;
}

/*
 * First in, first out: a page gathers free blocks until its turn comes, so
 * that the slow path is taken once for many.  The head's prev is the tail.
 */
static void partial_add(struct heap *h, struct page *pg)
{
	struct page *head = h->partial[pg->class_];

	pg->state = PAGE_PARTIAL;
	pg->next = NULL;
	if (!head) {
		pg->prev = pg;
		h->partial[pg->class_] = pg;
		return;
	}
	pg->prev = head->prev;
	head->prev->next = pg;
	head->prev = pg;
}

static void partial_del(struct heap *h, struct page *pg)
{
	struct page *head = h->partial[pg->class_];

	if (pg->next)
		pg->next->prev = pg->prev;
	else
		head->prev = pg->prev;
	if (pg == head)
		h->partial[pg->class_] = pg->next;
	else
		pg->prev->next = pg->next;
}

/* Puts the next blocks, about a system page of them, on the free list. */
static bool extend(struct page *pg)
{
	size_t size = class_size(pg->class_);
	unsigned int nr = (unsigned int)(OS_PAGE / size);
	char *at = page_start(pg) + (size_t)pg->nr_carved * size;
	struct block *b = (struct block *)at;

	if (nr > (unsigned int)pg->nr_max - pg->nr_carved)
		nr = (unsigned int)pg->nr_max - pg->nr_carved;
	if (!nr)
		return false;
	massert(!pg->free);
	for (unsigned int i = 1; i < nr; i++) {
		b->next = (struct block *)(at + i * size);
		b = b->next;
	}
	b->next = NULL;
	pg->free = (struct block *)at;
	pg->nr_carved = (uint16_t)(pg->nr_carved + nr);
	return true;
}

static struct page *page_take(struct heap *h, unsigned int class_)
{
	struct page *pg = region_get();

	if (!pg)
		return NULL;
	pg->free = pg->more = NULL;
	pg->left = 0;
	pg->nr_carved = 0;
	pg->nr_max = (uint16_t)(PAGE_SIZE / class_size(class_));
	pg->class_ = (uint8_t)class_;
	massert(!pg->remote);
	__atomic_store_n(&pg->owner, h, __ATOMIC_RELAXED);
	return pg;
}

static void collect_page(struct heap *h, struct page *pg)
{
	uint32_t r = __atomic_exchange_n(&pg->remote, 0, __ATOMIC_ACQ_REL);
	uint32_t n = r >> 16;
	struct block *head, *tail;

	massert(r && pg->owner == h);
	head = (struct block *)(page_start(pg) +
				(size_t)((r & 0xffff) - 1) * 16);
	if (!pg->free) {
		pg->free = head;
	} else {
		if (pg->more) {
			for (tail = head; tail->next; tail = tail->next)
				;
			tail->next = pg->more;
		}
		pg->more = head;
	}
	h->nr_collected += n;
	if (pg->state == PAGE_FULL) {
		pg->left = pg->nr_full - n;
		if (pg->left)
			partial_add(h, pg);
		else
			region_put(pg);
		return;
	}
	pg->left -= n;
	if (!pg->left && pg->state == PAGE_PARTIAL) {
		partial_del(h, pg);
		region_put(pg);
	}
}

void small_collect(struct heap *h)
{
	struct page *pg, *next;

	if (!__atomic_load_n(&h->pending, __ATOMIC_RELAXED))
		return;
	pg = __atomic_exchange_n(&h->pending, NULL, __ATOMIC_ACQUIRE);
	for (; pg; pg = next) {
		/* Read before the page can be pushed again. */
		next = pg->remote_next;
		collect_page(h, pg);
	}
}

static void set_current(struct heap *h, unsigned int class_, struct page *pg)
{
	h->current[class_] = pg;
	/* A profile counts every request: no fast path. */
	for (unsigned int i = 0; i < class_step(class_) && !opt.watched; i++)
		h->page[class_ - i] = pg;
}

static void *take(struct page *pg)
{
	struct block *b = pg->free;

	pg->free = b->next;
	b->key = NULL;
	pg->left++;
	return b;
}

/* Whether the free list, empty until now, could be filled. */
static bool refill(struct page *pg)
{
	if (!pg->more)
		return extend(pg);
	pg->free = pg->more;
	pg->more = NULL;
	return true;
}

void *small_alloc_slow(struct heap *h, size_t size)
{
	unsigned int class_ = class_of(size);
	struct page *pg;

	h->nr_slow++;
	small_collect(h);
	pg = h->current[class_];
	if (pg != &none) {
		if (pg->free || refill(pg))
			return take(pg);
		pg->state = PAGE_FULL;
		pg->nr_full = (uint16_t)pg->left;
		pg->left = 1;
		set_current(h, class_, &none);
	}
	if (unlikely(!opt.small))
		return NULL;
	pg = h->partial[class_];
	if (pg) {
		partial_del(h, pg);
	} else {
		if (h->heat[class_] < opt.heat) {
			h->heat[class_]++;
			return NULL;
		}
		pg = page_take(h, class_);
		if (!pg)
			return NULL;
	}
	pg->state = PAGE_CURRENT;
	set_current(h, class_, pg);
	if (!pg->free)
		refill(pg);
	return take(pg);
}

void small_free_slow(struct heap *h, struct page *pg)
{
	if (pg->state == PAGE_FULL) {
		pg->left = (uint32_t)pg->nr_full - 1;
		if (pg->left)
			partial_add(h, pg);
		else
			region_put(pg);
	} else if (pg->state == PAGE_PARTIAL) {
		partial_del(h, pg);
		region_put(pg);
	}
}

void small_free_remote(struct page *pg, struct block *b)
{
	char *start = page_start(pg);
	uint32_t at = (uint32_t)((char *)b - start) / 16 + 1;
	uint32_t old = __atomic_load_n(&pg->remote, __ATOMIC_RELAXED), new;
	struct heap *h = __atomic_load_n(&pg->owner, __ATOMIC_RELAXED);

	if (unlikely(!h))
		os_die("free(): freed twice", b);
	b->key = pg;
	do {
		b->next = old ? (struct block *)(start + ((old & 0xffff) - 1) *
								 (size_t)16)
			      : NULL;
		new = ((old >> 16) + 1) << 16 | at;
	} while (!__atomic_compare_exchange_n(&pg->remote, &old, new, true,
					      __ATOMIC_ACQ_REL,
					      __ATOMIC_RELAXED));
	if (old)
		return;
	pg->remote_next = __atomic_load_n(&h->pending, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&h->pending, &pg->remote_next, pg,
					    true, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED))
		;
}

/* Current pages that are empty go back too: the heap is going to sleep. */
void small_flush(struct heap *h)
{
	small_collect(h);
	for (unsigned int i = 0; i < NR_CLASSES; i++) {
		struct page *pg = h->current[i];

		if (pg == &none || pg->left)
			continue;
		set_current(h, pg->class_, &none);
		region_put(pg);
	}
}

/* From now on this heap's thread comes by small_alloc_slow(), which looks at
 * opt.small. */
void small_stop(struct heap *h)
{
	small_flush(h);
	for (unsigned int i = 0; i < NR_CLASSES; i++) {
		struct page *pg = h->current[i];

		if (pg == &none)
			continue;
		set_current(h, pg->class_, &none);
		if (!pg->free && !pg->more && pg->nr_carved == pg->nr_max) {
			pg->state = PAGE_FULL;
			pg->nr_full = (uint16_t)pg->left;
			pg->left = 1;
		} else {
			partial_add(h, pg);
		}
	}
}

/* p must be the start of a block that has been handed out. */
void small_check_free(struct page *pg, void *p)
{
	size_t off = (size_t)((char *)p - page_start(pg));
	size_t size;

	if (!__atomic_load_n(&pg->owner, __ATOMIC_RELAXED))
		os_die("not a block in use", p);
	size = class_size(pg->class_);
	if (off % size || off / size >= pg->nr_max)
		os_die("not the start of a block", p);
}

/* The lists may be another thread's, which changes them: what is found may then
 * be wrong, but no step leads out of the page. */
static bool on_list(struct page *pg, const struct block *b, struct block *list)
{
	size_t size = class_size(pg->class_);

	for (unsigned int n = 0; list && n < pg->nr_max; n++) {
		size_t off = (size_t)((char *)list - page_start(pg));

		if (list == b)
			return true;
		if (off >= PAGE_SIZE || off % size)
			return false;
		list = list->next;
	}
	return false;
}

void small_twice(struct page *pg, struct block *b)
{
	uint32_t r = __atomic_load_n(&pg->remote, __ATOMIC_ACQUIRE) & 0xffff;
	struct block *remote = NULL;

	if (r)
		remote =
			(struct block *)(page_start(pg) + (size_t)(r - 1) * 16);
	if (on_list(pg, b, pg->free) || on_list(pg, b, pg->more) ||
	    on_list(pg, b, remote))
		os_die("free(): freed twice", b);
}

static size_t validate_list(struct page *pg, struct block *b)
{
	size_t size = class_size(pg->class_), nr = 0;

	for (; b; b = b->next) {
		size_t off = (size_t)((char *)b - page_start(pg));

		if (off % size || off / size >= pg->nr_carved ||
		    ++nr > pg->nr_carved)
			os_die("heap check: free list of a page", pg);
	}
	return nr;
}

static void validate_page(struct page *pg, struct heap *h, unsigned int class_,
			  enum page_state state)
{
	if (pg->owner != h || pg->class_ != class_ || pg->state != state)
		os_die("heap check: descriptor of a page", pg);
	if (pg->left + validate_list(pg, pg->free) +
		    validate_list(pg, pg->more) !=
	    pg->nr_carved)
		os_die("heap check: count of used blocks (P2)", pg);
}

/* Called by the heap's own thread, or while that is stopped. */
void small_validate(struct heap *h)
{
	for (unsigned int i = 1; i < NR_CLASSES; i++) {
		if (h->current[i] != &none)
			validate_page(h->current[i], h, i, PAGE_CURRENT);
		for (struct page *pg = h->partial[i]; pg; pg = pg->next)
			validate_page(pg, h, i, PAGE_PARTIAL);
	}
}
