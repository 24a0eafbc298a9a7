/* SPDX-License-Identifier: MIT */
/*
 * namei_test.c - paths, drawn in a tree of their own.
 *
 *	/t
 *	   a/		b/ f	   (f holds nothing)
 *	   to_a -> a	abs -> /t/a/b	  up -> ..
 *	   loop1 -> loop2    loop2 -> loop1	dangling -> a/none
 *	   file
 */
#include "kernel/fs/namei.c"

#include "test/test.h"

static struct dentry *make(struct dentry *dir, const char *name, u32 mode,
			   const char *target)
{
	struct dentry *d = vfs_create(dir, name, mode, 0, target);

	CHECK(!IS_ERR(d));
	return d;
}

static void make_link(struct dentry *dir, const char *name, const char *to)
{
	dput(make(dir, name, S_IFLNK | 0777, to));
}

static void make_tree(void)
{
	struct dentry *t = make(root_sb->s_root, "t", S_IFDIR | 0755, NULL);
	struct dentry *a = make(t, "a", S_IFDIR | 0755, NULL);

	dput(make(a, "b", S_IFDIR | 0755, NULL));
	dput(make(a, "f", S_IFREG | 0644, NULL));
	dput(make(t, "file", S_IFREG | 0644, NULL));
	make_link(t, "to_a", "a");
	make_link(t, "abs", "/t/a/b");
	make_link(t, "up", "..");
	make_link(t, "loop1", "loop2");
	make_link(t, "loop2", "loop1");
	make_link(t, "dangling", "a/none");
	dput(a);
	dput(t);
}

static void unlink_path(const char *path)
{
	struct dentry *d;

	CHECK_EQ(path_lookup(AT_FDCWD, path, 0, &d), 0);
	spin_lock(&dcache_lock);
	d_unlink_locked(d);
	spin_unlock(&dcache_lock);
	dput(d);
	dput(d);
}

static void remove_tree(void)
{
	static const char *const paths[] = {
		"/t/a/b",   "/t/a/f",	   "/t/a",  "/t/file",
		"/t/to_a",  "/t/abs",	   "/t/up", "/t/loop1",
		"/t/loop2", "/t/dangling", "/t",
	};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		unlink_path(paths[i]);
}

/* The path that is found, or the error's number as text. */
static const char *found(const char *path, unsigned int flags)
{
	static char buf[PATH_MAX];
	struct dentry *d;
	int err = path_lookup(AT_FDCWD, path, flags, &d);
	char *p;

	if (err) {
		scnprintf(buf, sizeof(buf), "%d", -err);
		return buf;
	}
	p = d_path(d, root_sb->s_root, buf, sizeof(buf));
	dput(d);
	return p;
}

TEST(paths_lead_where_path_resolution_says)
{
	static const struct {
		const char *path;
		unsigned int flags;
		const char *result;
	} cases[] = {
		{"/", 0, "/"},
		{"//", 0, "/"},
		{"/t/a/b", 0, "/t/a/b"},
		{"/t//a/./b/", 0, "/t/a/b"},
		{"/t/a/b/../f", 0, "/t/a/f"},
		{"/../../t", 0, "/t"},
		{"/t/none", 0, "2"}, /* ENOENT */
		{"", 0, "2"},
		{"/t/file/", 0, "20"}, /* ENOTDIR */
		{"/t/file/x", 0, "20"},
		{"/t/file/..", 0, "20"},
		{"/t/file", LOOKUP_DIRECTORY, "20"},
		{"/t/to_a", 0, "/t/to_a"},
		{"/t/to_a", LOOKUP_FOLLOW, "/t/a"},
		{"/t/to_a/", 0, "/t/a"},
		{"/t/to_a/b", 0, "/t/a/b"},
		{"/t/to_a/../file", 0, "/t/file"},
		{"/t/abs/../f", 0, "/t/a/f"},
		{"/t/up/t/a", 0, "/t/a"},
		{"/t/loop1", 0, "/t/loop1"},
		{"/t/loop1", LOOKUP_FOLLOW, "40"}, /* ELOOP */
		{"/t/loop1/x", 0, "40"},
		{"/t/dangling", 0, "/t/dangling"},
		{"/t/dangling", LOOKUP_FOLLOW, "2"},
	};

	make_tree();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		CHECK_STR(found(cases[i].path, cases[i].flags),
			  cases[i].result);
	remove_tree();
}

TEST(paths_a_name_may_have_255_bytes)
{
	char path[NAME_MAX + 3];

	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[NAME_MAX + 1] = '\0';
	CHECK_STR(found(path, 0), "2");
	path[NAME_MAX + 1] = 'x';
	path[NAME_MAX + 2] = '\0';
	CHECK_STR(found(path, 0), "36"); /* ENAMETOOLONG */
}

TEST(paths_forty_links_are_followed_and_no_more)
{
	struct dentry *t = make(root_sb->s_root, "t", S_IFDIR | 0755, NULL);
	char name[16], to[16];

	dput(make(t, "l0", S_IFREG | 0644, NULL));
	for (int i = 1; i <= 41; i++) {
		scnprintf(name, sizeof(name), "l%d", i);
		scnprintf(to, sizeof(to), "l%d", i - 1);
		make_link(t, name, to);
	}
	CHECK_STR(found("/t/l40", LOOKUP_FOLLOW), "/t/l0");
	CHECK_STR(found("/t/l41", LOOKUP_FOLLOW), "40");
	for (int i = 0; i <= 41; i++) {
		scnprintf(name, sizeof(name), "/t/l%d", i);
		unlink_path(name);
	}
	unlink_path("/t");
	dput(t);
}

TEST(paths_the_parent_of_a_dangling_links_target_is_found)
{
	struct parent p;

	make_tree();
	CHECK_EQ(path_parent(AT_FDCWD, "/t/dangling", LOOKUP_FOLLOW, &p), 0);
	CHECK_EQ(p.type, LAST_NORM);
	CHECK_EQ(p.len, 4);
	CHECK(!memcmp(p.name, "none", 4));
	CHECK_STR(p.dir->d_name, "a");
	put_parent(&p);
	CHECK_EQ(path_parent(AT_FDCWD, "/t/dangling", 0, &p), 0);
	CHECK(!memcmp(p.name, "dangling", 8));
	put_parent(&p);
	CHECK_EQ(path_parent(AT_FDCWD, "/t/a/..", 0, &p), 0);
	CHECK_EQ(p.type, LAST_DOTDOT);
	put_parent(&p);
	CHECK_EQ(path_parent(AT_FDCWD, "/", 0, &p), 0);
	CHECK_EQ(p.type, LAST_ROOT);
	put_parent(&p);
	remove_tree();
}

TEST(paths_making_a_name_without_memory_leaves_nothing)
{
	struct dentry *d, *t = make(root_sb->s_root, "t", S_IFDIR | 0755, NULL);

	EACH_FAILURE(n) {
		static const char name[] =
			"a_name_that_does_not_fit_into_the_dentry_itself";

		d = vfs_create(t, name, S_IFLNK | 0777, 0, "target");
		if (IS_ERR(d)) {
			CHECK(failure_was_injected());
			CHECK_EQ(PTR_ERR(d), -ENOMEM);
			CHECK(list_empty(&t->d_subdirs));
			continue;
		}
		CHECK(!failure_was_injected());
		dput(d);
		unlink_path("/t/a_name_that_does_not_fit_into_the_dentry_"
			    "itself");
	}
	unlink_path("/t");
	dput(t);
}

TEST(paths_following_links_without_memory_fails_cleanly)
{
	make_tree();
	EACH_FAILURE(n) {
		const char *got = found("/t/to_a/../abs/../f", 0);

		CHECK_STR(got, failure_was_injected() ? "12" : "/t/a/f");
	}
	remove_tree();
}
