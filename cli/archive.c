/* SPDX-License-Identifier: MIT */
/*
 * archive.c - makes the initramfs that the machine starts with, in memory.
 *
 * 1. Idea.  A small tree of names is filled from the host's files and then
 *    written as a cpio archive ("newc": cpio(5), Linux's
 *    early-userspace/buffer-format) into a memory file that QEMU inherits.
 *    File contents are read once, when the archive is written.
 * 2. Names.  archive_host() gives the guest the host's own view of a path:
 *    a symbolic link on the way becomes one in the guest and what it points
 *    to is packed too, unless the guest was given a directory of that name
 *    before.  Paths that are given for the guest follow the links
 *    that are already in the tree, as the guest's look-up will.
 * 3. Alignment.  The contents of a file of a page or more start at a multiple
 *    of 4096 in the archive, so that the kernel can use the frames where they
 *    lie instead of copying.  The name is made longer with NULs for that, and
 *    counted so in c_namesize, which every reader of the format allows up to
 *    PATH_MAX; where the name would get longer than that, an entry for "."
 *    goes before it and takes up the room.
 * 4. Invariants.
 *    A1  parents are written before their children
 *    A2  within a directory names differ; the first to come stays
 *    A3  contents of a page or more are page-aligned in the archive
 * 5. Failure.  What cannot be read or packed ends the command with a message;
 *    nothing has been started yet.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cli/cli.h"

#define ALIGN_DATA  4096U /* the guest's page */
#define HEADER_SIZE 110U  /* of newc: 6 + 13 x 8 hexadecimal digits */
#define LINKS_MAX   40	  /* symbolic links in one path, as in Linux */

struct node {
	char *name;
	struct node *parent, *child, *last_child, *next;
	unsigned int mode, uid, gid;
	dev_t rdev;
	time_t mtime;
	uint64_t size;
	char *host;	  /* the file that holds the contents, or NULL */
	const void *data; /* the contents or a link's target, or NULL */
};

struct archive {
	struct node *root;
	int fd;
	uint64_t pos;
	uint32_t ino;
};

/* ---- the tree ---- */

static struct node *node_new(struct node *parent, const char *name, size_t len,
			     unsigned int mode)
{
	struct node *n = xmalloc(sizeof(*n));

	*n = (struct node){.parent = parent, .mode = mode};
	n->name = xasprintf("%.*s", (int)len, name);
	if (parent) {
		if (parent->last_child)
			parent->last_child->next = n;
		else
			parent->child = n;
		parent->last_child = n;
	}
	return n;
}

static struct node *node_find(struct node *dir, const char *name, size_t len)
{
	struct node *n;

	for (n = dir->child; n; n = n->next)
		if (!strncmp(n->name, name, len) && !n->name[len])
			return n;
	return NULL;
}

struct archive *archive_new(void)
{
	struct archive *a = xmalloc(sizeof(*a));

	*a = (struct archive){.fd = -1};
	a->root = node_new(NULL, "", 0, S_IFDIR | 0755);
	return a;
}

static struct node *root_of(struct node *n)
{
	while (n->parent)
		n = n->parent;
	return n;
}

/*
 * The node of path, links followed; NULL if there is none.  With make_mode,
 * missing directories are made.  *left counts links against a cycle.
 */
static struct node *walk(struct node *from, const char *path,
			 unsigned int make_mode, int *left)
{
	struct node *at = from, *n;
	size_t len;

	for (; at; path += len) {
		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (!len)
			return at;
		if (!S_ISDIR(at->mode))
			return NULL;
		if (!strncmp(path, "..", len)) {
			if (len == 2 && at->parent)
				at = at->parent;
			continue;
		}
		n = node_find(at, path, len);
		if (n && S_ISLNK(n->mode)) {
			const char *to = n->data;

			if (--*left < 0)
				return NULL;
			n = walk(to[0] == '/' ? root_of(at) : at, to, make_mode,
				 left);
		}
		if (!n && make_mode)
			n = node_new(at, path, len, S_IFDIR | make_mode);
		at = n;
	}
	return NULL;
}

static struct node *lookup(struct archive *a, const char *path,
			   unsigned int make_mode)
{
	int left = LINKS_MAX;

	return walk(a->root, path, make_mode, &left);
}

bool archive_has(struct archive *a, const char *path)
{
	return lookup(a, path, 0) != NULL;
}

/* The directory that is to hold path, made if need be; *name: the rest. */
static struct node *parent_of(struct archive *a, const char *path,
			      const char **name)
{
	const char *slash = strrchr(path, '/');
	char *dir = xasprintf("%.*s", slash ? (int)(slash - path) : 0, path);
	struct node *parent = lookup(a, dir, 0755);

	if (!parent || !S_ISDIR(parent->mode))
		die(STATUS_OURS, "%s: '%s' is not a directory in the guest",
		    path, dir);
	free(dir);
	*name = slash ? slash + 1 : path;
	return parent;
}

void archive_dir(struct archive *a, const char *path, unsigned int mode)
{
	struct node *n = lookup(a, path, 0);

	if (n && !S_ISDIR(n->mode))
		die(STATUS_OURS, "%s: not a directory in the guest", path);
	if (!n) {
		const char *name;
		struct node *parent = parent_of(a, path, &name);

		node_new(parent, name, strlen(name), S_IFDIR | mode);
	}
}

void archive_data(struct archive *a, const char *path, unsigned int mode,
		  const void *data, size_t size)
{
	const char *name;
	struct node *parent = parent_of(a, path, &name), *n;

	if (node_find(parent, name, strlen(name)))
		return;
	n = node_new(parent, name, strlen(name), S_IFREG | mode);
	n->data = data;
	n->size = size;
}

/* ---- the host's files ---- */

static char *read_link(const char *path)
{
	char buf[PATH_MAX];
	ssize_t len = readlink(path, buf, sizeof(buf) - 1);

	if (len < 0)
		die(STATUS_OURS, "%s: %s", path, strerror(errno));
	buf[len] = 0;
	return xstrdup(buf);
}

static void add_tree(struct node *dir, const char *host);

/* What st says of host, as name in dir. */
static struct node *add_one(struct node *dir, const char *name, size_t len,
			    const char *host, const struct stat *st)
{
	struct node *n = node_find(dir, name, len);

	if (n)
		return n;
	if (S_ISSOCK(st->st_mode))
		die(STATUS_OURS, "%s: a socket cannot be packed", host);
	n = node_new(dir, name, len, st->st_mode);
	n->uid = st->st_uid;
	n->gid = st->st_gid;
	n->mtime = st->st_mtime;
	if (S_ISLNK(st->st_mode)) {
		char *to = read_link(host);

		n->data = to;
		n->size = strlen(to);
	} else if (S_ISREG(st->st_mode)) {
		if (access(host, R_OK) < 0)
			die(STATUS_OURS, "%s: %s", host, strerror(errno));
		n->host = xstrdup(host);
		n->size = (uint64_t)st->st_size;
		/* c_filesize has eight hexadecimal digits. */
		if (n->size > UINT32_MAX)
			die(STATUS_OURS, "%s: larger than 4 GiB", host);
	} else if (!S_ISDIR(st->st_mode)) {
		n->rdev = st->st_rdev;
	}
	return n;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Everything below the directory host, in the order of the names. */
static void add_tree(struct node *dir, const char *host)
{
	DIR *d = opendir(host);
	struct dirent *e;
	char **names = NULL;
	size_t i, nr = 0;

	if (!d)
		die(STATUS_OURS, "%s: %s", host, strerror(errno));
	while ((e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		names = xrealloc(names, (nr + 1) * sizeof(*names));
		names[nr++] = xstrdup(e->d_name);
	}
	closedir(d);
	qsort(names, nr, sizeof(*names), by_name);
	for (i = 0; i < nr; i++) {
		char *path = xasprintf("%s/%s", host, names[i]);
		struct stat st;
		struct node *n;

		if (lstat(path, &st) < 0)
			die(STATUS_OURS, "%s: %s", path, strerror(errno));
		n = add_one(dir, names[i], strlen(names[i]), path, &st);
		if (S_ISDIR(st.st_mode) && S_ISDIR(n->mode))
			add_tree(n, path);
		free(path);
		free(names[i]);
	}
	free(names);
}

static void add_host(struct archive *a, const char *path, int left)
{
	struct node *at = a->root;
	const char *part = path + strspn(path, "/");
	struct stat st = {0};
	size_t len;

	for (; *part; part += len, part += strspn(part, "/")) {
		char *host;

		len = strcspn(part, "/");
		host = xasprintf("%.*s", (int)(part + len - path), path);
		if (lstat(host, &st) < 0)
			die(STATUS_OURS, "%s: %s", path, strerror(errno));
		if (!S_ISDIR(at->mode))
			die(STATUS_OURS, "%s: already packed otherwise", path);
		at = add_one(at, part, len, host, &st);
		if (S_ISLNK(st.st_mode) && S_ISLNK(at->mode)) {
			char *to = read_link(host), *joined;

			/* The rest of the path, seen from the link. */
			if (to[0] == '/')
				joined = xasprintf("%s%s", to, part + len);
			else
				joined = xasprintf("%.*s%s%s",
						   (int)(part - path), path, to,
						   part + len);
			if (!left)
				die(STATUS_OURS, "%s: %s", path,
				    strerror(ELOOP));
			free(to);
			to = absolute_path(joined);
			add_host(a, to, left - 1);
			free(to);
			free(joined);
			free(host);
			return;
		}
		free(host);
	}
	if (S_ISDIR(at->mode) && at->parent)
		add_tree(at, path);
}

void archive_host(struct archive *a, const char *path)
{
	char *abs = absolute_path(path);

	add_host(a, abs, LINKS_MAX);
	free(abs);
}

void archive_host_as(struct archive *a, const char *path, const char *as)
{
	char *guest = absolute_path(as);
	const char *name;
	struct node *parent, *n;
	struct stat st;

	if (stat(path, &st) < 0)
		die(STATUS_OURS, "%s: %s", path, strerror(errno));
	if (!strcmp(guest, "/")) {
		if (!S_ISDIR(st.st_mode))
			die(STATUS_OURS, "%s: cannot become the guest's /",
			    path);
		n = a->root;
	} else {
		parent = parent_of(a, guest, &name);
		n = node_find(parent, name, strlen(name));
		if (n && !(S_ISDIR(n->mode) && S_ISDIR(st.st_mode)))
			die(STATUS_OURS, "%s: packed twice", guest);
		n = add_one(parent, name, strlen(name), path, &st);
	}
	if (S_ISDIR(st.st_mode) && S_ISDIR(n->mode))
		add_tree(n, path);
	free(guest);
}

/* ---- writing ---- */

static void put(struct archive *a, const void *data, size_t size)
{
	const char *p = data;

	a->pos += size;
	while (size) {
		ssize_t n = write(a->fd, p, size);

		if (n < 0)
			die(STATUS_OURS, "making the initramfs: %s",
			    strerror(errno));
		p += n;
		size -= (size_t)n;
	}
}

static void put_zeros(struct archive *a, size_t size)
{
	static const char zeros[ALIGN_DATA];

	put(a, zeros, size);
}

/* The header and the name, room_bytes longer than it needs to be. */
static void put_header(struct archive *a, const char *name,
		       const struct node *n, size_t room_bytes)
{
	size_t len = strlen(name) + 1 + room_bytes;
	uint32_t size = S_ISDIR(n->mode) ? 0 : (uint32_t)n->size;
	char h[HEADER_SIZE + 1];

	snprintf(h, sizeof(h),
		 "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		 ++a->ino, n->mode, n->uid, n->gid, S_ISDIR(n->mode) ? 2 : 1,
		 (uint32_t)n->mtime, size, 0, 0, major(n->rdev), minor(n->rdev),
		 (uint32_t)len, 0);
	put(a, h, HEADER_SIZE);
	put(a, name, strlen(name) + 1);
	put_zeros(a, room_bytes);
	put_zeros(a, -a->pos & 3);
}

/* How many NULs a name of len bytes needs at a->pos, by A3. */
static size_t room_for(const struct archive *a, size_t len)
{
	uint64_t data = (a->pos + HEADER_SIZE + len + 1 + 3) & ~3ULL;

	return -data & (ALIGN_DATA - 1);
}

static void put_contents(struct archive *a, const struct node *n)
{
	uint64_t left = n->size;
	int fd;

	if (n->data) {
		put(a, n->data, n->size);
		return;
	}
	if (!n->host)
		return;
	fd = open(n->host, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die(STATUS_OURS, "%s: %s", n->host, strerror(errno));
	while (left) {
		char buf[65536];
		size_t want = left < sizeof(buf) ? (size_t)left : sizeof(buf);
		ssize_t got = sendfile(a->fd, fd, NULL, (size_t)left);

		if (got > 0) {
			a->pos += (uint64_t)got;
		} else {
			/* Not every file system can send. */
			got = read(fd, buf, want);
			if (got > 0)
				put(a, buf, (size_t)got);
		}
		if (got < 0)
			die(STATUS_OURS, "%s: %s", n->host, strerror(errno));
		if (!got)
			die(STATUS_OURS, "%s: got shorter while it was read",
			    n->host);
		left -= (uint64_t)got;
	}
	close(fd);
}

static void put_node(struct archive *a, struct node *n, const char *path)
{
	static const struct node filler = {.mode = S_IFDIR | 0755};
	size_t room_bytes = 0;

	if (n->size >= ALIGN_DATA && S_ISREG(n->mode)) {
		room_bytes = room_for(a, strlen(path));
		if (strlen(path) + 1 + room_bytes > PATH_MAX) {
			/* All of it before: header, "." and its NUL count. */
			put_header(a, ".", &filler,
				   (room_bytes - HEADER_SIZE - 2) &
					   (ALIGN_DATA - 1));
			room_bytes = room_for(a, strlen(path));
		}
	}
	put_header(a, path, n, room_bytes);
	put_contents(a, n);
	put_zeros(a, -a->pos & 3);
}

/* n's children and all below; also frees them. */
static void put_children(struct archive *a, struct node *n, const char *path)
{
	struct node *c, *next;

	for (c = n->child; c; c = next) {
		char *name =
			xasprintf("%s%s%s", path, *path ? "/" : "", c->name);

		next = c->next;
		if (strlen(name) + 1 > PATH_MAX)
			die(STATUS_OURS, "%s: name too long", name);
		put_node(a, c, name);
		put_children(a, c, name);
		free(name);
		free(c->name);
		free(c->host);
		free(c);
	}
}

int archive_finish(struct archive *a, uint64_t *size)
{
	static const struct node end = {0};
	int fd;

	a->fd = memfd_create("initramfs", 0);
	if (a->fd < 0)
		die(STATUS_OURS, "making the initramfs: %s", strerror(errno));
	put_children(a, a->root, "");
	put_header(a, "TRAILER!!!", &end, 0);
	put_zeros(a, -a->pos & 511);
	*size = a->pos;
	fd = a->fd;
	free(a->root->name);
	free(a->root);
	free(a);
	return fd;
}
