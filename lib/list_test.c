/* SPDX-License-Identifier: MIT */
/*
 * list_test.c - lists drawn as strings: "abc" is the list of a, b, c.
 */
#include "list.c"

#include <quire/string.h>

#include "test/test.h"

struct letter {
	char c;
	struct list_head link;
};

static struct letter *letters_of(struct list_head *list, struct letter *from,
				 const char *text)
{
	INIT_LIST_HEAD(list);
	for (; *text; text++, from++) {
		from->c = *text;
		list_add_tail(&from->link, list);
	}
	return from;
}

/* The list as a string; both directions must tell the same. */
static const char *drawn(struct list_head *list)
{
	static char text[32];
	size_t nr = list_validate(list), i = 0;
	struct letter *l;

	list_for_each_entry(l, list, link)
		text[i++] = l->c;
	text[i] = '\0';
	CHECK_EQ(i, nr);
	list_for_each_entry_reverse(l, list, link)
		CHECK_EQ(l->c, text[--i]);
	return text;
}

TEST(list_add_puts_first_and_add_tail_last)
{
	struct letter a = {.c = 'a'}, b = {.c = 'b'}, c = {.c = 'c'};
	LIST_HEAD(list);

	CHECK(list_empty(&list));
	CHECK(!list_first_entry_or_null(&list, struct letter, link));
	list_add(&b.link, &list);
	CHECK(list_is_singular(&list));
	list_add(&a.link, &list);
	list_add_tail(&c.link, &list);
	CHECK_STR(drawn(&list), "abc");
	CHECK(!list_is_singular(&list));
	CHECK(list_is_last(&c.link, &list));
	CHECK(list_first_entry(&list, struct letter, link) == &a);
	CHECK(list_last_entry(&list, struct letter, link) == &c);
	CHECK(list_next_entry(&a, link) == &b);
	CHECK(list_prev_entry(&b, link) == &a);
}

TEST(list_add_behind_and_before_an_object)
{
	struct letter l[4], x = {.c = 'x'}, y = {.c = 'y'};
	struct list_head list;

	letters_of(&list, l, "abc");
	list_add(&x.link, &l[1].link);
	list_add_tail(&y.link, &l[1].link);
	CHECK_STR(drawn(&list), "aybxc");
}

TEST(list_del_closes_the_gap_and_poisons)
{
	struct letter l[4];
	struct list_head list;

	letters_of(&list, l, "abc");
	list_del(&l[1].link);
	CHECK_STR(drawn(&list), "ac");
	CHECK(l[1].link.next == LIST_POISON && l[1].link.prev == LIST_POISON);
	list_del_init(&l[0].link);
	CHECK_STR(drawn(&list), "c");
	CHECK(list_empty(&l[0].link));
}

TEST(list_move_and_replace)
{
	struct letter l[8], x = {.c = 'x'};
	struct list_head from, to;

	letters_of(&to, letters_of(&from, l, "abcd"), "12");
	list_move(&l[2].link, &to);
	CHECK_STR(drawn(&from), "abd");
	CHECK_STR(drawn(&to), "c12");
	list_move_tail(&l[0].link, &to);
	CHECK_STR(drawn(&to), "c12a");
	list_replace(&l[1].link, &x.link);
	CHECK_STR(drawn(&from), "xd");
	/* Within one list: a rotation. */
	list_move_tail(&x.link, &from);
	CHECK_STR(drawn(&from), "dx");
}

TEST(list_splice_joins_at_either_end)
{
	static const struct {
		const char *list, *head, *front, *back;
	} cases[] = {
		{"", "", "", ""},
		{"ab", "", "ab", "ab"},
		{"", "12", "12", "12"},
		{"ab", "12", "ab12", "12ab"},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct letter l[8];
		struct list_head list, head;

		letters_of(&head, letters_of(&list, l, cases[i].list),
			   cases[i].head);
		list_splice_init(&list, &head);
		CHECK(list_empty(&list));
		CHECK_STR(drawn(&head), cases[i].front);
		letters_of(&head, letters_of(&list, l, cases[i].list),
			   cases[i].head);
		list_splice_tail_init(&list, &head);
		CHECK(list_empty(&list));
		CHECK_STR(drawn(&head), cases[i].back);
	}
}

TEST(list_safe_walk_may_remove_what_it_visits)
{
	struct letter l[8], *pos, *next;
	struct list_head list, *at, *n;

	letters_of(&list, l, "abcdef");
	list_for_each_entry_safe(pos, next, &list, link)
		if (pos->c % 2)
			list_del(&pos->link);
	CHECK_STR(drawn(&list), "bdf");
	list_for_each_safe(at, n, &list)
		list_del_init(at);
	CHECK(list_empty(&list));
}

TEST(list_walks_can_begin_inside)
{
	struct letter l[8], *pos;
	struct list_head list;
	char seen[8];
	size_t i = 0;

	letters_of(&list, l, "abcd");
	pos = &l[1];
	list_for_each_entry_continue(pos, &list, link)
		seen[i++] = pos->c;
	pos = &l[3];
	list_for_each_entry_from(pos, &list, link)
		seen[i++] = pos->c;
	seen[i] = '\0';
	CHECK_STR(seen, "cdd");
}
