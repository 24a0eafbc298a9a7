/* SPDX-License-Identifier: MIT */
/*
 * shm.c - System V shared memory, and copies between processes.
 *
 * Sources: shmget(2), shmop(2), shmctl(2), proc(5), process_vm_readv(2).
 */
#include "guest.h"

#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/uio.h>

#ifndef SHM_EXEC
#define SHM_EXEC 0100000
#endif
#ifndef SHM_STAT_ANY
#define SHM_STAT_ANY 15
#endif
#define GONE ((char *)-1)

static bool role(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return false;
}

/* A segment that its last detachment, or the test's end, takes along. */
static int segment(size_t size)
{
	int id = shmget(IPC_PRIVATE, size, IPC_CREAT | 0600);

	CHECK(id >= 0);
	return id;
}

static char *attach_marked(int id)
{
	char *p = shmat(id, NULL, 0);

	CHECK(p != GONE);
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
	return p;
}

static unsigned long attached(int id)
{
	struct shmid_ds ds;

	CHECK_EQ(shmctl(id, IPC_STAT, &ds), 0);
	return ds.shm_nattch;
}

TEST(a_segment_is_shared_with_children_and_goes_with_its_last_user)
{
	int id = segment(3 * PAGE + 1);
	char *p = attach_marked(id), *q;
	struct shmid_ds ds;

	CHECK_EQ(shmctl(id, IPC_STAT, &ds), 0);
	CHECK_EQ(ds.shm_segsz, 3 * PAGE + 1);
	CHECK_EQ(ds.shm_perm.mode, 01600); /* SHM_DEST */
	CHECK_EQ(ds.shm_cpid, getpid());
	p[3 * PAGE + 7] = 1;
	if (fork() == 0) {
		CHECK_EQ(attached(id), 2);
		p[0] = 9;
		_exit(0);
	}
	wait(NULL);
	CHECK_EQ(p[0], 9);
	CHECK_EQ(attached(id), 1);
	q = shmat(id, NULL, SHM_RDONLY);
	CHECK(q != GONE && q != p);
	CHECK_EQ(q[0], 9);
	CHECK_FAULT(PROBE_WRITE, q, SIGSEGV, SEGV_ACCERR);
	CHECK_ERR(mprotect(q, PAGE, PROT_READ | PROT_WRITE), EACCES);
	CHECK_EQ(shmdt(p), 0);
	CHECK_EQ(attached(id), 1);
	CHECK_EQ(shmdt(q), 0);
	CHECK_ERR(shmctl(id, IPC_STAT, &ds), EINVAL);
	CHECK_ERR(shmdt(q), EINVAL);
}

TEST(areas_count_one_by_one)
{
	int id = segment(4 * PAGE);
	char *p = attach_marked(id);

	CHECK_EQ(mprotect(p + PAGE, PAGE, PROT_READ), 0);
	CHECK_EQ(attached(id), 3);
	CHECK_EQ(munmap(p + PAGE, PAGE), 0);
	CHECK_EQ(attached(id), 2);
	/* All that is left of it. */
	CHECK_EQ(shmdt(p), 0);
	CHECK_EQ(shmctl(id, IPC_STAT, &(struct shmid_ds){0}), -1);
}

TEST(keys_find_segments_and_flags_decide)
{
	key_t key = 0x51000000 + getpid();
	int id = shmget(key, PAGE, IPC_CREAT | IPC_EXCL | 0600);

	CHECK(id >= 0);
	CHECK_EQ(shmget(key, 0, 0), id);
	CHECK_EQ(shmget(key, PAGE, IPC_CREAT), id);
	CHECK_ERR(shmget(key, PAGE, IPC_CREAT | IPC_EXCL), EEXIST);
	CHECK_ERR(shmget(key, PAGE + 1, 0), EINVAL);
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
	CHECK_ERR(shmget(key, PAGE, 0), ENOENT);
	CHECK_ERR(shmget(IPC_PRIVATE, 0, IPC_CREAT), EINVAL);
	CHECK_ERR(shmat(id, NULL, 0) == GONE ? -1 : 0, EINVAL);
	CHECK_ERR(shmctl(-1, IPC_STAT, NULL), EINVAL);
	CHECK_ERR(shmctl(id, 99, NULL), EINVAL);
}

TEST(addresses_are_rounded_refused_or_replaced)
{
	int id = segment(2 * PAGE);
	char *p = attach_marked(id);
	char *room = map(4 * PAGE, PROT_READ | PROT_WRITE);

	CHECK(shmat(id, room, 0) == GONE && errno == EINVAL);
	CHECK(shmat(id, room + 5, SHM_REMAP) == GONE && errno == EINVAL);
	CHECK(shmat(id, NULL, SHM_REMAP) == GONE && errno == EINVAL);
	CHECK(shmat(id, room + PAGE + 5, SHM_REMAP | SHM_RND) == room + PAGE);
	p[0] = 4;
	CHECK_EQ(room[PAGE], 4);
	CHECK_EQ(room[3 * PAGE], 0);
	CHECK_ERR(shmdt(room), EINVAL);
	CHECK_EQ(shmdt(room + PAGE), 0);
	CHECK(shmat(id, room + PAGE, SHM_EXEC) == room + PAGE);
	CHECK_EQ(mprotect(room + PAGE, PAGE, PROT_READ | PROT_EXEC), 0);
	CHECK_ERR(shmdt(room + PAGE + 1), EINVAL);
}

static bool listed(int id, size_t size)
{
	FILE *f = fopen("/proc/sysvipc/shm", "r");
	char line[512];
	bool found = false;

	CHECK(f && fgets(line, sizeof(line), f));
	CHECK(strstr(line, "       key      shmid perms"));
	while (fgets(line, sizeof(line), f)) {
		unsigned long bytes;
		int key, nr, mode;

		CHECK_EQ(sscanf(line, "%d %d %o %lu", &key, &nr, &mode, &bytes),
			 4);
		found |= nr == id && bytes == size;
	}
	fclose(f);
	return found;
}

TEST(what_is_known_of_all_segments)
{
	int id = segment(5 * PAGE), top, got = -1;
	struct shm_info info;
	struct shminfo limits;
	struct shmid_ds ds;

	CHECK(listed(id, 5 * PAGE));
	CHECK(shmctl(0, IPC_INFO, (void *)&limits) >= 0);
	CHECK_EQ(limits.shmmin, 1);
	CHECK_EQ(limits.shmmni,
		 (unsigned long)proc_value("/proc/sys/kernel/shmmni", ""));
	top = shmctl(0, SHM_INFO, (void *)&info);
	CHECK(top >= 0 && info.used_ids >= 1 && info.shm_tot >= 5);
	for (int i = 0; i <= top && got != id; i++)
		got = shmctl(i, SHM_STAT_ANY, &ds);
	CHECK_EQ(got, id);
	CHECK_EQ(ds.shm_segsz, 5 * PAGE);
	ds.shm_perm.mode = 0400;
	CHECK_EQ(shmctl(id, IPC_SET, &ds), 0);
	CHECK_EQ(shmctl(id, IPC_STAT, &ds), 0);
	CHECK_EQ(ds.shm_perm.mode, 0400);
	CHECK_EQ(shmctl(id, SHM_LOCK, NULL), 0);
	CHECK_EQ(shmctl(id, IPC_STAT, &ds), 0);
	CHECK_EQ(ds.shm_perm.mode, 02400);
	CHECK_EQ(shmctl(id, SHM_UNLOCK, NULL), 0);
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
	CHECK(!listed(id, 5 * PAGE));
}

TEST(others_need_permission)
{
	int id = segment(PAGE);
	pid_t pid = 0;

	if (geteuid() == 0 && (pid = fork()) == 0) {
		CHECK_EQ(setresuid(1234, 1234, 1234), 0);
		CHECK(shmat(id, NULL, SHM_RDONLY) == GONE && errno == EACCES);
		CHECK_ERR(shmctl(id, IPC_STAT, &(struct shmid_ds){0}), EACCES);
		CHECK_ERR(shmctl(id, IPC_RMID, NULL), EPERM);
		_exit(0);
	}
	if (pid)
		CHECK_EQ(wait_for(pid), 0);
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
}

/*
 *   here   [aaaa][bb]  -> there [xx][hole]
 */
TEST(process_vm_copies_as_far_as_it_can)
{
	char *p = map(3 * PAGE, PROT_READ | PROT_WRITE), a[6], b[PAGE];
	struct iovec here[2] = {{a, 4}, {a + 4, 2}};
	struct iovec there[2] = {{p + PAGE - 3, 3}, {p + PAGE, 3}};
	pid_t me = getpid();

	memcpy(p + PAGE - 3, "abcdef", 6);
	CHECK_EQ(process_vm_readv(me, here, 2, there, 2, 0), 6);
	CHECK_EQ(memcmp(a, "abcdef", 6), 0);
	CHECK_EQ(munmap(p + PAGE, PAGE), 0);
	CHECK_EQ(process_vm_readv(me, here, 2, there, 2, 0), 3);
	there[0].iov_base = p + PAGE;
	CHECK_ERR(process_vm_readv(me, here, 2, there, 1, 0), EFAULT);
	CHECK_ERR(process_vm_readv(me, here, 2, there, 1, 1), EINVAL);
	CHECK_ERR(process_vm_readv(99999, here, 2, there, 1, 0), ESRCH);
	here[0] = (struct iovec){b, PAGE};
	there[0] = (struct iovec){p + 2 * PAGE, PAGE};
	memset(b, 3, PAGE);
	CHECK_EQ(process_vm_writev(me, here, 1, there, 1, 0), PAGE);
	CHECK_EQ(p[3 * PAGE - 1], 3);
	CHECK_EQ(mprotect(p + 2 * PAGE, PAGE, PROT_READ), 0);
	CHECK_ERR(process_vm_writev(me, here, 1, there, 1, 0), EFAULT);
}
