/* SPDX-License-Identifier: MIT */
/*
 * list.h - circular doubly linked lists whose links live in the objects.
 *
 * A list is a struct list_head that links to itself when empty; an object is
 * found from its link with list_entry().  No call can fail or allocate; the
 * caller locks.  A removed link points to LIST_POISON, so that a second
 * removal or a walk over it faults at once.
 *
 * Source: names and behaviour of Linux's Documentation/core-api/list.rst.
 */
#ifndef QUIRE_LIST_H
#define QUIRE_LIST_H

#include <quire/types.h>

struct list_head {
	struct list_head *next, *prev;
};

/* Not canonical on x86-64: any access through it faults. */
#define LIST_POISON	     ((struct list_head *)0xdead000000000100UL)

#define LIST_HEAD_INIT(name) ((struct list_head){&(name), &(name)})
#define LIST_HEAD(name)	     struct list_head name = {&(name), &(name)}

static inline void INIT_LIST_HEAD(struct list_head *list)
{
	list->next = list;
	list->prev = list;
}

/* Put link between two that are neighbours. */
static inline void list_insert_between(struct list_head *link,
				       struct list_head *prev,
				       struct list_head *next)
{
	link->prev = prev;
	link->next = next;
	prev->next = link;
	next->prev = link;
}

/* First of the list, or right behind the object whose link is given. */
static inline void list_add(struct list_head *link, struct list_head *head)
{
	list_insert_between(link, head, head->next);
}

/* Last of the list, or right before the object whose link is given. */
static inline void list_add_tail(struct list_head *link, struct list_head *head)
{
	list_insert_between(link, head->prev, head);
}

static inline void list_unlink(struct list_head *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
}

static inline void list_del(struct list_head *link)
{
	list_unlink(link);
	link->next = LIST_POISON;
	link->prev = LIST_POISON;
}

static inline void list_del_init(struct list_head *link)
{
	list_unlink(link);
	INIT_LIST_HEAD(link);
}

static inline void list_move(struct list_head *link, struct list_head *head)
{
	list_unlink(link);
	list_add(link, head);
}

static inline void list_move_tail(struct list_head *link,
				  struct list_head *head)
{
	list_unlink(link);
	list_add_tail(link, head);
}

static inline void list_replace(struct list_head *old, struct list_head *link)
{
	list_insert_between(link, old->prev, old->next);
}

static inline bool list_empty(const struct list_head *head)
{
	return head->next == head;
}

static inline bool list_is_singular(const struct list_head *head)
{
	return !list_empty(head) && head->next == head->prev;
}

static inline bool list_is_last(const struct list_head *link,
				const struct list_head *head)
{
	return link->next == head;
}

/* Move all of a non-empty list between two neighbours. */
static inline void list_splice_between(struct list_head *list,
				       struct list_head *prev,
				       struct list_head *next)
{
	list->next->prev = prev;
	prev->next = list->next;
	list->prev->next = next;
	next->prev = list->prev;
}

/* All of list to the front of head; list itself is left stale ... */
static inline void list_splice(struct list_head *list, struct list_head *head)
{
	if (!list_empty(list))
		list_splice_between(list, head, head->next);
}

static inline void list_splice_tail(struct list_head *list,
				    struct list_head *head)
{
	if (!list_empty(list))
		list_splice_between(list, head->prev, head);
}

/* ... or empty. */
static inline void list_splice_init(struct list_head *list,
				    struct list_head *head)
{
	list_splice(list, head);
	INIT_LIST_HEAD(list);
}

static inline void list_splice_tail_init(struct list_head *list,
					 struct list_head *head)
{
	list_splice_tail(list, head);
	INIT_LIST_HEAD(list);
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_first_entry(head, type, member) \
	list_entry((head)->next, type, member)
#define list_last_entry(head, type, member) \
	list_entry((head)->prev, type, member)
#define list_first_entry_or_null(head, type, member) \
	(list_empty(head) ? NULL : list_first_entry(head, type, member))
#define list_next_entry(pos, member) \
	list_entry((pos)->member.next, __typeof__(*(pos)), member)
#define list_prev_entry(pos, member) \
	list_entry((pos)->member.prev, __typeof__(*(pos)), member)
#define list_entry_is_head(pos, head, member) (&(pos)->member == (head))

#define list_for_each(pos, head) \
	for ((pos) = (head)->next; (pos) != (head); (pos) = (pos)->next)

/* The _safe forms allow pos itself to be removed. */
#define list_for_each_safe(pos, n, head)                               \
	for ((pos) = (head)->next, (n) = (pos)->next; (pos) != (head); \
	     (pos) = (n), (n) = (pos)->next)

#define list_for_each_entry(pos, head, member)                           \
	for ((pos) = list_first_entry(head, __typeof__(*(pos)), member); \
	     !list_entry_is_head(pos, head, member);                     \
	     (pos) = list_next_entry(pos, member))

#define list_for_each_entry_reverse(pos, head, member)                  \
	for ((pos) = list_last_entry(head, __typeof__(*(pos)), member); \
	     !list_entry_is_head(pos, head, member);                    \
	     (pos) = list_prev_entry(pos, member))

/* From the one behind pos on. */
#define list_for_each_entry_continue(pos, head, member) \
	for ((pos) = list_next_entry(pos, member);      \
	     !list_entry_is_head(pos, head, member);    \
	     (pos) = list_next_entry(pos, member))

/* From pos itself on. */
#define list_for_each_entry_from(pos, head, member)    \
	for (; !list_entry_is_head(pos, head, member); \
	     (pos) = list_next_entry(pos, member))

#define list_for_each_entry_safe(pos, n, head, member)                   \
	for ((pos) = list_first_entry(head, __typeof__(*(pos)), member), \
	    (n) = list_next_entry(pos, member);                          \
	     !list_entry_is_head(pos, head, member);                     \
	     (pos) = (n), (n) = list_next_entry(n, member))

/* Links agree both ways; panics with the place otherwise.  The length. */
size_t list_validate(const struct list_head *head);

#endif
