/* SPDX-License-Identifier: MIT */
/*
 * machine.c - QEMU: where it is, its command line, starting it.
 *
 * 1. The machine is q35 with the qboot firmware and our kernel as a PVH
 *    image, without default devices.  One virtio console carries the run
 *    protocol (include/quire/run_proto.h), the debug console at port 0xe9 the
 *    kernel's log, isa-debug-exit the machine's end.
 * 2. Both channels are socket pairs whose other ends QEMU inherits; the
 *    initramfs is a memory file that it inherits too.  So a run leaves no
 *    trace in the file system.  QEMU's own messages go to a memory file.
 * 3. QEMU gets a session of its own, so that the terminal's signals reach
 *    only us, and a parent-death signal, so that it never outlives us.
 * 4. Accelerator.  KVM is used where the processor has hardware
 *    virtualisation and /dev/kvm opens; not on hosts that emulate ring 0
 *    (kvm_pvm), where it is a hundred times slower than TCG.  Instruction
 *    counting needs TCG.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/cli.h"
#include <quire/config.h>

/* The guest-physical addresses of TCG's largest processor, 40 bits, less the
 * holes below 4 GiB. */
#define MEMORY_MAX     ((1ULL << 40) - (4ULL << 30))
#define MEMORY_DEFAULT (256ULL << 20)
/* Some 40, four for each node, two for each pair of nodes. */
#define ARGS_MAX (64 + 4 * MAX_NUMNODES + 2 * MAX_NUMNODES * MAX_NUMNODES)
/* Page array, tables, stacks, the first caches: less never booted. */
#define MEMORY_REST (160U << 10)

bool machine_option(struct machine *m, int c, const char *arg)
{
	switch (c) {
	case 'm':
		if (!parse_size(arg, &m->memory))
			die(STATUS_OURS, "-m %s: not a size such as 64M or 1G",
			    arg);
		if (m->memory < 1 << 20 || m->memory > MEMORY_MAX)
			die(STATUS_OURS, "-m %s: must be 1M to %lluG", arg,
			    MEMORY_MAX >> 30);
		if (m->memory % 4096)
			die(STATUS_OURS, "-m %s: not a multiple of 4K", arg);
		return true;
	case 'c':
		if (!parse_uint(arg, 1, NR_CPUS, &m->cpus))
			die(STATUS_OURS, "--cpus %s: must be 1 to %d", arg,
			    NR_CPUS);
		return true;
	case 'N':
		numa_add_node(&m->numa, arg);
		return true;
	case 'D':
		numa_add_distance(&m->numa, arg);
		return true;
	case 'A':
		if (!strcmp(arg, "auto"))
			m->accel = ACCEL_AUTO;
		else if (!strcmp(arg, "kvm"))
			m->accel = ACCEL_KVM;
		else if (!strcmp(arg, "tcg"))
			m->accel = ACCEL_TCG;
		else
			die(STATUS_OURS, "--accel %s: must be auto, kvm or tcg",
			    arg);
		return true;
	case 'C':
		m->cpu = arg;
		return true;
	case 'i':
		m->icount = true;
		return true;
	case 'a':
		m->append = arg;
		return true;
	case 'v':
		m->verbose = true;
		return true;
	}
	return false;
}

/* ---- what there is on this host ---- */

static bool cpu_has_virtualisation(void)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[8192];
	bool has = false;

	while (f && !has && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "flags", 5))
			continue;
		has = strstr(line, " vmx") || strstr(line, " svm");
		break;
	}
	if (f)
		fclose(f);
	return has;
}

static bool kvm_opens(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void choose_accel(struct machine *m)
{
	const char *why_not = NULL;

	if (m->icount)
		why_not = "instructions are counted";
	else if (!cpu_has_virtualisation())
		why_not = "the processor shows no virtualisation";
	else if (access("/sys/module/kvm_pvm", F_OK) == 0)
		why_not = "this host's KVM emulates ring 0";
	else if (!kvm_opens())
		why_not = "/dev/kvm does not open";

	if (m->accel == ACCEL_KVM && why_not)
		die(STATUS_OURS, "--accel kvm: %s", why_not);
	if (m->accel == ACCEL_AUTO) {
		m->accel = why_not ? ACCEL_TCG : ACCEL_KVM;
		m->why = why_not ? why_not : "/dev/kvm works";
	} else {
		m->why = "as asked";
	}
}

static char *find_qemu(void)
{
	const char *name = getenv("QUIRE_QEMU"), *dirs = getenv("PATH");

	if (name && strchr(name, '/')) {
		if (access(name, X_OK) == 0)
			return xstrdup(name);
		die(STATUS_OURS, "no QEMU at %s, which QUIRE_QEMU names", name);
	}
	if (!name)
		name = "qemu-system-x86_64";
	for (dirs = dirs ? dirs : "/usr/local/bin:/usr/bin:/bin"; *dirs;) {
		size_t len = strcspn(dirs, ":");
		char *path = xasprintf("%.*s/%s", (int)len, dirs, name);

		if (len && access(path, X_OK) == 0)
			return path;
		free(path);
		dirs += len;
		dirs += *dirs == ':';
	}
	die(STATUS_OURS, "no %s in $PATH: sudo apt-get install qemu-system-x86",
	    name);
}

/* Beside this binary, then where `make install` puts it. */
static char *find_kernel(const char *name)
{
	const char *given = getenv("QUIRE_KERNEL");
	char self[PATH_MAX], *path, *slash;
	ssize_t len;

	if (given && *given) {
		if (access(given, R_OK) < 0)
			die(STATUS_OURS, "%s, which QUIRE_KERNEL names: %s",
			    given, strerror(errno));
		return absolute_path(given);
	}
	len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (len < 0)
		die(STATUS_OURS, "/proc/self/exe: %s", strerror(errno));
	self[len] = 0;
	slash = strrchr(self, '/');
	*slash = 0;
	path = xasprintf("%s/%s", self, name);
	if (access(path, R_OK) == 0)
		return path;
	free(path);
	slash = strrchr(self, '/');
	if (slash)
		*slash = 0;
	path = xasprintf("%s/lib/quire/%s", self, name);
	if (access(path, R_OK) < 0)
		die(STATUS_OURS,
		    "the kernel %s is neither beside the command nor at %s",
		    name, path);
	return path;
}

/* Where the kernel's image ends in memory; what is no image takes nothing. */
static uint64_t kernel_end(const char *path)
{
	uint64_t end = 1U << 20;
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	unsigned int i;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die(STATUS_OURS, "%s: %s", path, strerror(errno));
	if (pread(fd, &eh, sizeof(eh), 0) == sizeof(eh) &&
	    !memcmp(eh.e_ident, ELFMAG, SELFMAG)) {
		for (i = 0; i < eh.e_phnum; i++) {
			off_t at = (off_t)(eh.e_phoff + i * sizeof(ph));

			if (pread(fd, &ph, sizeof(ph), at) == sizeof(ph) &&
			    ph.p_type == PT_LOAD &&
			    ph.p_paddr + ph.p_memsz > end)
				end = ph.p_paddr + ph.p_memsz;
		}
	}
	close(fd);
	return end;
}

/* -m, the nodes, or the default. */
static void choose_memory(struct machine *m)
{
	uint64_t nodes = numa_check(&m->numa, m->cpus);

	if (m->numa.nr && (nodes < 1 << 20 || nodes > MEMORY_MAX))
		die(STATUS_OURS, "--numa: all nodes must have 1M to %lluG",
		    MEMORY_MAX >> 30);
	if (m->numa.nr && m->memory && m->memory != nodes)
		die(STATUS_OURS,
		    "--numa: the nodes have %lluK, but -m says %lluK",
		    (unsigned long long)nodes >> 10,
		    (unsigned long long)m->memory >> 10);
	if (m->numa.nr)
		m->memory = nodes;
	else if (!m->memory)
		m->memory = MEMORY_DEFAULT;
}

void machine_prepare(struct machine *m)
{
	uint64_t need;

	choose_memory(m);
	m->qemu = find_qemu();
	m->kernel = find_kernel(m->kernel_name);
	choose_accel(m);
	/*
	 * Image and archive lie in memory together when the machine starts,
	 * and until the archive is unpacked the kernel has only the rest.
	 */
	need = kernel_end(m->kernel) + m->initrd_size + MEMORY_REST;
	if (m->memory < need)
		die(STATUS_OURS,
		    "-m %lluK is impossible: the kernel and what is packed "
		    "take %lluK",
		    (unsigned long long)m->memory >> 10,
		    (unsigned long long)(need + 1023) >> 10);
}

/* ---- the command line ---- */

struct args {
	char *v[ARGS_MAX];
	unsigned int nr;
};

static void arg(struct args *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void arg(struct args *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&a->v[a->nr], fmt, ap) < 0)
		die(STATUS_OURS, "out of memory");
	va_end(ap);
	a->nr++;
}

static void build_numa(const struct numa *numa, struct args *a)
{
	unsigned int i, k;

	for (i = 0; i < numa->nr; i++) {
		const struct numa_node *node = &numa->nodes[i];
		char *cpus = numa_cpus_text(node);

		if (node->memory) {
			arg(a, "-object");
			arg(a, "memory-backend-ram,id=node%u,size=%lluK", i,
			    (unsigned long long)node->memory >> 10);
		}
		arg(a, "-numa");
		if (node->memory)
			arg(a, "node,nodeid=%u,memdev=node%u%s", i, i, cpus);
		else
			arg(a, "node,nodeid=%u%s", i, cpus);
		free(cpus);
	}
	for (i = 0; i < numa->nr; i++) {
		for (k = 0; k < numa->nr; k++) {
			if (i == k)
				continue;
			arg(a, "-numa");
			arg(a, "dist,src=%u,dst=%u,val=%u", i, k,
			    numa_distance(numa, i, k));
		}
	}
}

static void build_args(const struct machine *m, struct args *a, int run_fd,
		       int log_fd)
{
	arg(a, "%s", m->qemu);
	arg(a, "-nodefaults");
	arg(a, "-no-user-config");
	arg(a, "-display");
	arg(a, "none");
	arg(a, "-no-reboot");
	arg(a, "-machine");
	arg(a, "q35");
	arg(a, "-bios");
	arg(a, "qboot.rom");
	arg(a, "-accel");
	if (m->accel == ACCEL_KVM)
		arg(a, "kvm");
	else if (m->icount)
		arg(a, "tcg,thread=single");
	else
		arg(a, "tcg,thread=multi");
	if (m->icount) {
		arg(a, "-icount");
		arg(a, "shift=0,sleep=off");
		arg(a, "-rtc");
		arg(a, "base=2024-01-01,clock=vm");
	}
	arg(a, "-cpu");
	/* A model with its flags: the commas separate those. */
	arg(a, "%s", m->cpu ? m->cpu : m->accel == ACCEL_KVM ? "host" : "max");
	arg(a, "-smp");
	arg(a, "%lu", m->cpus);
	arg(a, "-m");
	arg(a, "%lluK", (unsigned long long)m->memory >> 10);
	build_numa(&m->numa, a);
	arg(a, "-kernel");
	arg(a, "%s", m->kernel);
	if (m->append && *m->append) {
		arg(a, "-append");
		arg(a, "%s", m->append);
	}
	if (m->initrd >= 0) {
		arg(a, "-initrd");
		arg(a, "/proc/self/fd/%d", m->initrd);
	}
	if (m->console) {
		arg(a, "-chardev");
		arg(a, "socket,id=run,fd=%d", run_fd);
		arg(a, "-device");
		arg(a, "virtio-serial-pci");
		arg(a, "-device");
		arg(a, "virtconsole,chardev=run");
	}
	arg(a, "-chardev");
	arg(a, "socket,id=log,fd=%d", log_fd);
	arg(a, "-device");
	arg(a, "isa-debugcon,iobase=0xe9,chardev=log");
	arg(a, "-device");
	arg(a, "isa-debug-exit,iobase=0xf4,iosize=4");
	a->v[a->nr] = NULL;
}

void machine_print(struct machine *m)
{
	struct args a = {.nr = 0};
	unsigned int i;

	/* The descriptors that machine_start() would hand down. */
	build_args(m, &a, m->initrd + 1, m->initrd + 2);
	for (i = 0; i < a.nr; i++) {
		const char *s = a.v[i];

		if (i)
			putchar(' ');
		if (*s && strspn(s, "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789,./:=_@%+-") == strlen(s)) {
			fputs(s, stdout);
			continue;
		}
		putchar('\'');
		for (; *s; s++) {
			if (*s == '\'')
				fputs("'\\''", stdout);
			else
				putchar(*s);
		}
		putchar('\'');
	}
	putchar('\n');
}

/* ---- starting it ---- */

static void socket_pair(int *ours, int *theirs)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		die(STATUS_OURS, "socketpair: %s", strerror(errno));
	*ours = fds[0];
	*theirs = fds[1];
	fcntl(*ours, F_SETFD, FD_CLOEXEC);
	fcntl(*ours, F_SETFL, O_NONBLOCK);
}

/* In the child: become QEMU.  Only what must be done between fork and exec. */
static void become(const struct machine *m, char **argv, pid_t parent)
{
	int null = open("/dev/null", O_RDONLY);
	sigset_t none;
	ssize_t ignored;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(STATUS_OURS);
	dup2(null, STDIN_FILENO);
	dup2(m->err_fd, STDOUT_FILENO);
	dup2(m->err_fd, STDERR_FILENO);
	execv(m->qemu, argv);
	ignored = write(STDERR_FILENO, "cannot be executed\n", 19);
	(void)ignored;
	_exit(STATUS_OURS);
}

void machine_start(struct machine *m)
{
	struct args a = {.nr = 0};
	int run_fd = -1, log_fd;
	pid_t parent = getpid();

	m->err_fd = memfd_create("qemu-messages", MFD_CLOEXEC);
	if (m->err_fd < 0)
		die(STATUS_OURS, "memfd_create: %s", strerror(errno));
	if (m->console)
		socket_pair(&m->run_fd, &run_fd);
	socket_pair(&m->log_fd, &log_fd);
	build_args(m, &a, run_fd, log_fd);
	m->pid = fork();
	if (m->pid < 0)
		die(STATUS_OURS, "fork: %s", strerror(errno));
	if (!m->pid)
		become(m, a.v, parent);
	while (a.nr)
		free(a.v[--a.nr]);
	if (run_fd >= 0)
		close(run_fd);
	close(log_fd);
	if (m->initrd >= 0)
		close(m->initrd);
}

bool machine_complaint(struct machine *m)
{
	char buf[4096];
	ssize_t len = pread(m->err_fd, buf, sizeof(buf) - 1, 0);

	while (len > 0 && buf[len - 1] == '\n')
		len--;
	if (len <= 0)
		return false;
	buf[len] = 0;
	note("%s: %s", m->qemu, buf);
	return true;
}
