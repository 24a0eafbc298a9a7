/* SPDX-License-Identifier: MIT */
/*
 * exec.c - performs one call of a sequence and says what came of it.
 *
 * A file's slot is a descriptor of fixed number; a closed one gives EBADF, as
 * it should.  Signals end at a jump, on a stack of their own.
 */
#define _GNU_SOURCE
#include "diff.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FD(slot)   (200 + (int)(slot))
#define SYS_MSEAL  462
#define COPY_BYTES (8 * PAGE)

static struct {
	uint64_t brk; /* where the heap began */
	sigjmp_buf back;
	siginfo_t info;
	unsigned char copy[COPY_BYTES];
	char stacks[NR_ACTORS][65536] __attribute__((aligned(64)));
	char alt[NR_ACTORS][65536] __attribute__((aligned(64)));
} ex;

/* ---- words ---- */

void say_addr(uint64_t addr)
{
	int64_t near = (int64_t)(addr - stage->anchor);

	if (addr == 0)
		say("0");
	else if (addr >= ARENA - 16 * PAGE && addr <= ARENA_END + 16 * PAGE)
		say("A%+ld", ((int64_t)addr - (int64_t)ARENA) >> 12);
	else if (stage->anchor && labs(near) <= (int64_t)(NEAR_PAGES * PAGE))
		say("N%+ld", near >> 12);
	else if (addr >= ex.brk && addr < ex.brk + (1UL << 24))
		say("B%+ld", (int64_t)(addr - ex.brk) >> 12);
	else
		say("%#lx", addr);
	if (addr & (PAGE - 1))
		say(".%lx", addr & (PAGE - 1));
}

static void say_number(long r)
{
	if (r == -1)
		say(" = E%d", errno);
	else
		say(" = %ld", r);
}

static void say_place(uint64_t r)
{
	if (r == ~0UL) {
		say(" = E%d", errno);
		return;
	}
	if (!stage->anchor && r > STAGE)
		stage->anchor = r; /* the system's choice */
	say(" = ");
	say_addr(r);
}

static void say_range(const struct op *op)
{
	say_addr(op->a[0]);
	say(", ");
	if (op->a[1] & (PAGE - 1) || op->a[1] > 1UL << 40)
		say("%#lx", op->a[1]);
	else
		say("%lu", op->a[1] >> 12);
}

static unsigned int checksum(const unsigned char *p, size_t n)
{
	unsigned int h = 2166136261u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 16777619u;
	return h;
}

/* ---- signals ---- */

static void caught(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	ex.info = *info;
	siglongjmp(ex.back, 1);
}

void setup_actor(bool thread)
{
	struct sigaction sa = {.sa_sigaction = caught,
			       .sa_flags = SA_SIGINFO | SA_ONSTACK};
	static unsigned int nr;
	stack_t alt = {.ss_sp = ex.alt[nr++ % NR_ACTORS],
		       .ss_size = sizeof(ex.alt[0])};

	sigaltstack(&alt, NULL);
	if (thread)
		return;
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
}

/* Odd seeds run without root's rights: limits count then. */
void setup_sequence(uint64_t seed)
{
	ex.brk = (uint64_t)syscall(SYS_brk, 0);
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	if ((seed & 1) && geteuid() == 0) {
		syscall(SYS_setresgid, 65534, 65534, 65534);
		syscall(SYS_setresuid, 65534, 65534, 65534);
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	}
}

void clean_up(void)
{
	for (int i = 0; i < NR_SHM; i++)
		if (stage->shm[i] >= 0)
			shmctl(stage->shm[i], IPC_RMID, NULL);
}

static void say_signal(void)
{
	say(ex.info.si_signo == SIGSEGV ? "SEGV" : "BUS");
	say("(%d) at ", ex.info.si_code);
	say_addr((uint64_t)ex.info.si_addr);
}

bool load_byte(uint64_t addr, unsigned char *value)
{
	if (sigsetjmp(ex.back, 1))
		return false;
	*value = *(volatile unsigned char *)addr;
	return true;
}

static bool store_byte(uint64_t addr, unsigned char value)
{
	if (sigsetjmp(ex.back, 1))
		return false;
	*(volatile unsigned char *)addr = value;
	return true;
}

/* ---- mapping ---- */

static void do_mmap_anon(const struct op *op)
{
	say("(");
	say_range(op);
	say(", %lx, %lx)", op->a[2], op->a[3]);
	say_place((uint64_t)syscall(SYS_mmap, op->a[0], op->a[1], op->a[2],
				    op->a[3], -1, 0));
}

static void do_mmap_file(const struct op *op)
{
	say("(");
	say_range(op);
	say(", %lx, %lx, f%lu, %lx)", op->a[2], op->a[3], op->a[4], op->a[5]);
	say_place((uint64_t)syscall(SYS_mmap, op->a[0], op->a[1], op->a[2],
				    op->a[3], FD(op->a[4]), op->a[5]));
}

static void do_munmap(const struct op *op)
{
	say("(");
	say_range(op);
	say(")");
	say_number(syscall(SYS_munmap, op->a[0], op->a[1]));
}

static void do_mprotect(const struct op *op)
{
	say("(");
	say_range(op);
	say(", %lx)", op->a[2]);
	say_number(syscall(SYS_mprotect, op->a[0], op->a[1], op->a[2]));
}

static void do_mremap(const struct op *op)
{
	say("(");
	say_range(op);
	say(" -> %#lx, %lx, ", op->a[2], op->a[3]);
	say_addr(op->a[4]);
	say(")");
	say_place((uint64_t)syscall(SYS_mremap, op->a[0], op->a[1], op->a[2],
				    op->a[3], op->a[4]));
}

static void do_madvise(const struct op *op)
{
	say("(");
	say_range(op);
	say(", %lu)", op->a[2]);
	say_number(syscall(SYS_madvise, op->a[0], op->a[1], op->a[2]));
}

static void do_mincore(const struct op *op)
{
	unsigned char vec[64] = {0};
	long r = 0;

	/* Longer ones than the vector are only asked for when they must fail. */
	say("(");
	say_range(op);
	say(")");
	if (op->a[1] > sizeof(vec) * PAGE && op->a[1] < 1UL << 46) {
		say(" -");
		return;
	}
	r = syscall(SYS_mincore, op->a[0], op->a[1], vec);
	say_number(r);
	for (uint64_t i = 0; r == 0 && i < (op->a[1] + PAGE - 1) / PAGE; i++)
		say("%s%d", i ? "" : " ", vec[i] & 1);
}

static void do_mlock(const struct op *op)
{
	say("(");
	say_range(op);
	say(", %s%lx)", op->a[3] ? "2:" : "", op->a[2]);
	if (op->a[3])
		say_number(syscall(SYS_mlock2, op->a[0], op->a[1], op->a[2]));
	else
		say_number(syscall(SYS_mlock, op->a[0], op->a[1]));
}

static void do_munlock(const struct op *op)
{
	say("(");
	say_range(op);
	say(")");
	say_number(syscall(SYS_munlock, op->a[0], op->a[1]));
}

static void do_mlockall(const struct op *op)
{
	say("(%lu)", op->a[0]);
	say_number(syscall(SYS_mlockall, op->a[0]));
}

static void do_munlockall(const struct op *op)
{
	(void)op;
	say_number(syscall(SYS_munlockall));
}

static void do_msync(const struct op *op)
{
	say("(");
	say_range(op);
	say(", %lx)", op->a[2]);
	say_number(syscall(SYS_msync, op->a[0], op->a[1], op->a[2]));
}

static void do_brk(const struct op *op)
{
	say("(%lx)", op->a[0]);
	say_place((uint64_t)syscall(SYS_brk, ex.brk + op->a[0]));
}

static void do_remap_file_pages(const struct op *op)
{
	say("(");
	say_range(op);
	say(", %lx, %lu, %lx)", op->a[2], op->a[3], op->a[4]);
	say_number(syscall(SYS_remap_file_pages, op->a[0], op->a[1], op->a[2],
			   op->a[3], op->a[4]));
}

static void do_mseal(const struct op *op)
{
	say("(");
	say_range(op);
	say(", %lx)", op->a[2]);
	say_number(syscall(SYS_MSEAL, op->a[0], op->a[1], op->a[2]));
}

/* ---- touching ---- */

static void do_load(const struct op *op)
{
	say("(");
	say_addr(op->a[0]);
	say(", %lu) =", op->a[1]);
	for (uint64_t i = 0; i < op->a[1]; i++) {
		unsigned char value;

		say(" ");
		if (load_byte(op->a[0] + i * PAGE, &value))
			say("%x", value);
		else
			say_signal();
	}
}

static void do_store(const struct op *op)
{
	say("(");
	say_addr(op->a[0]);
	say(", %lu) =", op->a[1]);
	for (uint64_t i = 0; i < op->a[1]; i++) {
		say(" ");
		if (store_byte(op->a[0] + i * PAGE,
			       (unsigned char)(op->a[2] + i)))
			say("ok");
		else
			say_signal();
	}
}

/* ---- files ---- */

static void do_memfd(const struct op *op)
{
	char name[8] = "f0";
	int fd;

	name[1] = (char)('0' + op->a[0]);
	say("(f%lu, %lx)", op->a[0], op->a[1]);
	fd = (int)syscall(SYS_memfd_create, name, op->a[1]);
	if (fd < 0) {
		say_number(fd);
		return;
	}
	dup2(fd, FD(op->a[0]));
	close(fd);
	say(" = f%lu", op->a[0]);
}

static void do_ftruncate(const struct op *op)
{
	say("(f%lu, %lx)", op->a[0], op->a[1]);
	say_number(ftruncate(FD(op->a[0]), (off_t)op->a[1]));
}

static void do_pwrite(const struct op *op)
{
	say("(f%lu, %lx, %lx)", op->a[0], op->a[1], op->a[2]);
	memset(ex.copy, (int)op->a[3], op->a[2]);
	say_number(pwrite(FD(op->a[0]), ex.copy, op->a[2], (off_t)op->a[1]));
}

static void do_pread(const struct op *op)
{
	ssize_t n;

	say("(f%lu, %lx, %lx)", op->a[0], op->a[1], op->a[2]);
	n = pread(FD(op->a[0]), ex.copy, op->a[2], (off_t)op->a[1]);
	say_number(n);
	if (n > 0)
		say(" %08x", checksum(ex.copy, (size_t)n));
}

static void do_fallocate(const struct op *op)
{
	say("(f%lu, %lx, %lx, %lx)", op->a[0], op->a[1], op->a[2], op->a[3]);
	say_number(syscall(SYS_fallocate, FD(op->a[0]), op->a[1], op->a[2],
			   op->a[3]));
}

static void do_seal(const struct op *op)
{
	say("(f%lu, %lx)", op->a[0], op->a[1]);
	if (op->a[1])
		say_number(fcntl(FD(op->a[0]), F_ADD_SEALS, (int)op->a[1]));
	else
		say_number(fcntl(FD(op->a[0]), F_GET_SEALS));
}

static void do_seek(const struct op *op)
{
	say("(f%lu, %lx, %lx)", op->a[0], op->a[1], op->a[2]);
	say_number(lseek(FD(op->a[0]), (off_t)op->a[1], (int)op->a[2]));
}

static void do_write_mem(const struct op *op)
{
	say("(f%lu, ", op->a[0]);
	say_addr(op->a[1]);
	say(", %lx, %lx)", op->a[2], op->a[3]);
	say_number(pwrite(FD(op->a[0]), (void *)op->a[1], op->a[2],
			  (off_t)op->a[3]));
}

static void do_read_mem(const struct op *op)
{
	say("(f%lu, ", op->a[0]);
	say_addr(op->a[1]);
	say(", %lx, %lx)", op->a[2], op->a[3]);
	say_number(pread(FD(op->a[0]), (void *)op->a[1], op->a[2],
			 (off_t)op->a[3]));
}

static void do_close(const struct op *op)
{
	say("(f%lu)", op->a[0]);
	say_number(close(FD(op->a[0])));
}

/* ---- System V shared memory ---- */

static void do_shmget(const struct op *op)
{
	int *id = &stage->shm[op->a[0]];

	say("(s%lu, %lx)", op->a[0], op->a[1]);
	if (*id >= 0) {
		say(" -");
		return;
	}
	*id = shmget(IPC_PRIVATE, op->a[1], IPC_CREAT | 0600);
	if (*id < 0)
		say_number(-1);
	else
		say(" = s%lu", op->a[0]);
}

static void do_shmat(const struct op *op)
{
	say("(s%lu, ", op->a[0]);
	say_addr(op->a[1]);
	say(", %lo)", op->a[2]);
	say_place((uint64_t)shmat(stage->shm[op->a[0]], (void *)op->a[1],
				  (int)op->a[2]));
}

static void do_shmdt(const struct op *op)
{
	say("(");
	say_addr(op->a[0]);
	say(")");
	say_number(shmdt((void *)op->a[0]));
}

static void do_shmctl(const struct op *op)
{
	static const int cmds[] = {IPC_STAT, IPC_RMID, SHM_LOCK, SHM_UNLOCK,
				   99};
	struct shmid_ds ds = {0};
	long r;

	say("(s%lu, %d)", op->a[0], cmds[op->a[1]]);
	r = shmctl(stage->shm[op->a[0]], cmds[op->a[1]], &ds);
	say_number(r);
	if (r == 0 && cmds[op->a[1]] == IPC_STAT)
		say(" size %lx attached %lu mode %o", (long)ds.shm_segsz,
		    (long)ds.shm_nattch, ds.shm_perm.mode);
	if (r == 0 && cmds[op->a[1]] == IPC_RMID)
		stage->shm[op->a[0]] = -1;
}

/* ---- others ---- */

static void do_vm_copy(const struct op *op, unsigned int me)
{
	unsigned int who = (unsigned int)op->a[0];
	struct iovec mine = {ex.copy, op->a[2]};
	struct iovec theirs = {(void *)op->a[1], op->a[2]};
	ssize_t n;

	/* Others' memory is root's business alone. */
	if (stage->state[who] != ACTOR_LIVE || geteuid() != 0)
		who = me;
	say("(p%u, ", who);
	say_addr(op->a[1]);
	say(", %lx, %s)", op->a[2], op->a[3] ? "write" : "read");
	if (op->a[3]) {
		memset(ex.copy, 0x5a, op->a[2]);
		n = process_vm_writev(stage->pid[who], &mine, 1, &theirs, 1, 0);
	} else {
		n = process_vm_readv(stage->pid[who], &mine, 1, &theirs, 1, 0);
	}
	say_number(n);
	if (n > 0 && !op->a[3])
		say(" %08x", checksum(ex.copy, (size_t)n));
}

/* A number, in kB, from /proc/self/status. */
static uint64_t status_kb(const char *key)
{
	static char text[8192];
	int fd = open("/proc/self/status", O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	const char *at;

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return 0;
	text[n] = '\0';
	at = strstr(text, key);
	return at ? strtoul(at + strlen(key), NULL, 10) : 0;
}

static void do_rlimit(const struct op *op)
{
	static const int which[] = {RLIMIT_AS, RLIMIT_DATA, RLIMIT_STACK,
				    RLIMIT_MEMLOCK};
	struct rlimit lim = {RLIM_INFINITY, RLIM_INFINITY};

	say("(%d, %ld)", which[op->a[0]], (long)op->a[1] / (long)PAGE);
	getrlimit((unsigned int)which[op->a[0]], &lim);
	lim.rlim_cur = op->a[1];
	if (op->a[1] != ~0UL) {
		/* Room for so much more than there is. */
		if (which[op->a[0]] == RLIMIT_AS)
			lim.rlim_cur += status_kb("VmSize:") * 1024;
		if (which[op->a[0]] == RLIMIT_DATA)
			lim.rlim_cur += status_kb("VmData:") * 1024;
	}
	if (lim.rlim_cur > lim.rlim_max)
		lim.rlim_cur = lim.rlim_max;
	say_number(setrlimit((unsigned int)which[op->a[0]], &lim));
}

static unsigned int free_actor(void)
{
	for (unsigned int i = 0; i < NR_ACTORS; i++)
		if (stage->state[i] == ACTOR_NONE)
			return i;
	return NR_ACTORS;
}

static void do_fork(unsigned int me)
{
	unsigned int who = free_actor();
	pid_t pid;

	if (who == NR_ACTORS) {
		say(" -");
		return;
	}
	pid = (pid_t)syscall(SYS_fork);
	if (pid == 0) {
		setup_actor(false);
		actor_loop(who);
	}
	if (pid < 0) {
		say_number(-1);
		return;
	}
	(void)me;
	stage->pid[who] = pid;
	stage->group[who] = who;
	stage->state[who] = ACTOR_LIVE;
	say(" = p%u", who);
}

static int thread_main(void *arg)
{
	unsigned int who = (unsigned int)(uintptr_t)arg;

	actor_loop(who);
}

/* Threads take turns, so one errno serves them all: no TLS of their own. */
static void do_thread(unsigned int me)
{
	unsigned int who = free_actor();
	int tid;

	if (who == NR_ACTORS) {
		say(" -");
		return;
	}
	tid = clone(thread_main, ex.stacks[who] + sizeof(ex.stacks[who]),
		    CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
			    CLONE_THREAD | CLONE_SYSVSEM,
		    (void *)(uintptr_t)who);
	if (tid < 0) {
		say_number(-1);
		return;
	}
	stage->pid[who] = stage->pid[me];
	stage->group[who] = stage->group[me];
	stage->state[who] = ACTOR_LIVE;
	say(" = p%u, a thread", who);
}

/* The first of a process ends all of it; a thread itself. */
static void do_exit(const struct op *op, unsigned int me)
{
	(void)op;
	if (me == 0) {
		say(" -");
		return;
	}
	say(" = gone");
	for (unsigned int i = 0; i < NR_ACTORS; i++)
		if (i == me ||
		    (stage->group[me] == me && stage->group[i] == me &&
		     stage->state[i] == ACTOR_LIVE))
			stage->state[i] = ACTOR_GONE;
}

void perform(const struct op *op, unsigned int me)
{
	say("p%u %s", me, op_names[op->kind]);
	switch (op->kind) {
	case OP_vm_copy:
		do_vm_copy(op, me);
		break;
	case OP_fork:
		do_fork(me);
		break;
	case OP_thread:
		do_thread(me);
		break;
	case OP_exit:
		do_exit(op, me);
		break;
	case OP_flags:
		look_smaps();
		break;
#define CASE(kind)             \
	case OP_##kind:        \
		do_##kind(op); \
		break;
		/* clang-format off */
	CASE(mmap_anon) CASE(mmap_file) CASE(munmap) CASE(mprotect)
	CASE(mremap) CASE(madvise) CASE(mincore) CASE(mlock) CASE(munlock)
	CASE(mlockall) CASE(munlockall) CASE(msync) CASE(brk)
	CASE(remap_file_pages) CASE(load) CASE(store) CASE(memfd)
	CASE(ftruncate) CASE(pwrite) CASE(pread) CASE(fallocate) CASE(seal)
	CASE(seek) CASE(write_mem) CASE(read_mem) CASE(close) CASE(shmget)
	CASE(shmat) CASE(shmdt) CASE(shmctl) CASE(rlimit) CASE(mseal)
		/* clang-format on */
#undef CASE
								case NR_OP_KINDS
		    : break;
	}
	say("\n");
}
