/* SPDX-License-Identifier: MIT */
/*
 * pump.c - moves bytes, signals and time between the user and the machine.
 *
 * 1. Idea.  One poll(2) loop over: the run protocol's socket, the log's
 *    socket, a signalfd, and descriptors 0, 1 and 2.  What cannot be written
 *    at once waits in a buffer; a full buffer stops its source, so memory
 *    stays bounded (P1).
 * 2. stdin is read only as far as the guest has granted (run_proto.h); a
 *    terminal is always read, so that a second ^C is seen, but sent by the
 *    same rule.
 * 3. Inherited descriptors keep their flags: they may be shared with other
 *    processes.  A blocking pipe takes PIPE_BUF bytes without blocking once
 *    poll says that it is writable, so no more is written at a time.
 * 4. The end.  RUN_EXIT carries the program's status.  Output goes before it
 *    in the same stream, so what is buffered then is all there is.  The
 *    machine is given END_MS to power itself off, which is when the kernel
 *    checks for leaks; a panic, even then, turns the status into 125 and the
 *    tail of the log is shown.
 * 5. Signals arrive through the signalfd only, blocked otherwise; all exits
 *    are therefore orderly and the terminal is restored (terminal.c).
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include <quire/run_proto.h>

#define OUT_MAX		(4U * RUN_FRAME_MAX) /* buffered output: then reading stops */
#define IN_MAX		16384U		     /* one read of stdin */
#define LOG_KEPT	(256U << 10)	     /* of the log, for crash reports */
#define LOG_SHOWN_LINES 60
#define END_MS		10000 /* from the program's end to the machine's */
#define TWICE_MS	1000  /* ^C ^C within this ends the machine */
#define KEY_INTERRUPT	0x03  /* ^C */

struct out {
	int fd;
	struct buffer buf;
	bool is_pipe, is_socket;
	bool gone; /* nobody reads: the rest is dropped */
};

struct pump {
	struct machine *m;
	const struct pump_options *o;
	int signal_fd;
	struct buffer to_guest, from_guest, log;
	struct out out[3];   /* 1 and 2 are used */
	struct buffer typed; /* read from a terminal, not yet granted */
	uint64_t credit;
	bool said_hello, heard_hello, stdin_done, sent_sigpipe;
	bool run_gone, log_gone;
	int64_t last_signal_ms[_NSIG], deadline_ms, end_ms;
	bool has_exited; /* RUN_EXIT or RUN_FAIL came */
	int status;
	bool machine_gone;
	int machine_status;
};

/* ---- frames to the guest ---- */

static void send_frame(struct pump *p, uint32_t type, const void *data,
		       size_t len)
{
	struct run_frame f = {.type = type, .len = (uint32_t)len};

	if (p->run_gone || p->m->run_fd < 0)
		return;
	buffer_add(&p->to_guest, &f, sizeof(f));
	buffer_add(&p->to_guest, data, len);
}

static void send_signal(struct pump *p, int sig)
{
	uint32_t n = (uint32_t)sig;

	send_frame(p, RUN_SIGNAL, &n, sizeof(n));
}

static void send_winsize(struct pump *p)
{
	unsigned short size[2];

	if (terminal_size(&size[0], &size[1]))
		send_frame(p, RUN_WINSIZE, size, sizeof(size));
}

static void flush_to_guest(struct pump *p)
{
	while (buffer_size(&p->to_guest)) {
		ssize_t n =
			send(p->m->run_fd, p->to_guest.data + p->to_guest.head,
			     buffer_size(&p->to_guest), MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0) {
			/* The machine is ending; its last words may wait. */
			buffer_drop(&p->to_guest, buffer_size(&p->to_guest));
			return;
		}
		buffer_drop(&p->to_guest, (size_t)n);
	}
}

/* ---- the machine's end ---- */

static void reap(struct pump *p, int flags)
{
	int status;

	if (p->machine_gone)
		return;
	if (waitpid(p->m->pid, &status, flags) == p->m->pid) {
		p->machine_gone = true;
		p->machine_status = status;
	}
}

/* End the machine now; the status that the command is to have. */
static void end_machine(struct pump *p, int status)
{
	if (!p->machine_gone)
		kill(p->m->pid, SIGKILL);
	reap(p, 0);
	p->has_exited = true;
	p->status = status;
	p->stdin_done = true;
}

/* ---- output ---- */

static void out_init(struct out *out, int fd)
{
	struct stat st;

	out->fd = fd;
	if (fstat(fd, &st) == 0) {
		out->is_pipe = S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode);
		out->is_socket = S_ISSOCK(st.st_mode);
	}
}

static void out_write(struct pump *p, struct out *out)
{
	size_t len = buffer_size(&out->buf);
	const char *data = out->buf.data + out->buf.head;
	ssize_t n;

	if (out->is_pipe && len > PIPE_BUF)
		len = PIPE_BUF;
	if (out->is_socket)
		n = send(out->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	else
		n = write(out->fd, data, len);
	if (n >= 0) {
		buffer_drop(&out->buf, (size_t)n);
		return;
	}
	if (errno == EAGAIN || errno == EINTR)
		return;
	if (errno == EPIPE && !p->sent_sigpipe) {
		/* What the program would have got for its own write. */
		send_signal(p, SIGPIPE);
		p->sent_sigpipe = true;
	} else if (errno != EPIPE) {
		note("descriptor %d: %s", out->fd, strerror(errno));
	}
	out->gone = true;
	buffer_drop(&out->buf, buffer_size(&out->buf));
}

static void out_add(struct out *out, const void *data, size_t len)
{
	if (!out->gone)
		buffer_add(&out->buf, data, len);
}

static bool out_is_full(const struct pump *p)
{
	return buffer_size(&p->out[1].buf) > OUT_MAX ||
	       buffer_size(&p->out[2].buf) > OUT_MAX;
}

/* ---- frames from the guest ---- */

static void wrong_frame(struct pump *p, const struct run_frame *f)
{
	note("the guest broke the run protocol: frame %u of %u bytes", f->type,
	     f->len);
	end_machine(p, STATUS_OURS);
	/* Nothing that follows can be trusted. */
	p->run_gone = true;
	buffer_drop(&p->from_guest, buffer_size(&p->from_guest));
}

static void program_ended(struct pump *p, uint32_t wait_status)
{
	int status = (int)wait_status;

	if (p->has_exited)
		return; /* what ended the machine has said the status */
	p->status = WIFEXITED(status) ? WEXITSTATUS(status)
				      : STATUS_SIGNAL + WTERMSIG(status);
	p->has_exited = true;
	p->stdin_done = true;
	p->end_ms = now_ms() + END_MS;
}

static void program_failed(struct pump *p, const char *data, size_t len)
{
	int32_t error;

	memcpy(&error, data, sizeof(error));
	error = error < 0 ? -error : error;
	if (p->has_exited)
		return;
	terminal_restore();
	note("%.*s: %s", (int)(len - sizeof(error)), data + sizeof(error),
	     strerror(error));
	p->status = error == ENOENT ? STATUS_NOT_FOUND : STATUS_CANNOT_RUN;
	p->has_exited = true;
	p->stdin_done = true;
	p->end_ms = now_ms() + END_MS;
}

static void take_frame(struct pump *p, const struct run_frame *f,
		       const char *data)
{
	uint32_t word = 0;

	if (f->len >= sizeof(word))
		memcpy(&word, data, sizeof(word));
	if (f->type == RUN_HELLO && f->len == sizeof(word)) {
		if (word != RUN_PROTO_VERSION) {
			note("the kernel speaks version %u of the run protocol,"
			     " this command version %u",
			     word, RUN_PROTO_VERSION);
			end_machine(p, STATUS_OURS);
		}
		p->heard_hello = true;
	} else if (f->type == RUN_CREDIT && f->len == sizeof(word)) {
		p->credit += word;
	} else if (f->type == RUN_STDOUT) {
		out_add(&p->out[1], data, f->len);
	} else if (f->type == RUN_STDERR) {
		out_add(&p->out[2], data, f->len);
	} else if (f->type == RUN_EXIT && f->len == sizeof(word)) {
		program_ended(p, word);
	} else if (f->type == RUN_FAIL && f->len >= sizeof(word)) {
		program_failed(p, data, f->len);
	} else {
		wrong_frame(p, f);
	}
}

static void take_frames(struct pump *p)
{
	struct buffer *b = &p->from_guest;
	struct run_frame f;

	while (buffer_size(b) >= sizeof(f)) {
		memcpy(&f, b->data + b->head, sizeof(f));
		if (f.len > RUN_FRAME_MAX) {
			wrong_frame(p, &f);
			return;
		}
		if (buffer_size(b) < sizeof(f) + f.len)
			return;
		take_frame(p, &f, b->data + b->head + sizeof(f));
		if (p->run_gone)
			return;
		buffer_drop(b, sizeof(f) + f.len);
	}
}

static void read_guest(struct pump *p)
{
	char buf[65536];
	ssize_t n = recv(p->m->run_fd, buf, sizeof(buf), 0);

	if (n > 0) {
		buffer_add(&p->from_guest, buf, (size_t)n);
		take_frames(p);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		p->run_gone = true;
	}
}

static void read_log(struct pump *p)
{
	char buf[4096];
	ssize_t n = recv(p->m->log_fd, buf, sizeof(buf), 0), ignored;

	if (n > 0) {
		if (buffer_size(&p->log) + (size_t)n > LOG_KEPT)
			buffer_drop(&p->log, (size_t)n);
		buffer_add(&p->log, buf, (size_t)n);
		if (p->o->log_file >= 0)
			ignored = write(p->o->log_file, buf, (size_t)n);
		if (p->o->show_log)
			out_add(&p->out[1], buf, (size_t)n);
		(void)ignored;
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		p->log_gone = true;
	}
}

/* ---- input ---- */

/* A signal for the program: the second within a second ends the machine. */
static void forward_signal(struct pump *p, int sig)
{
	int64_t now = now_ms(), last = p->last_signal_ms[sig];

	p->last_signal_ms[sig] = now;
	if (p->has_exited || !p->heard_hello ||
	    (last && now - last <= TWICE_MS)) {
		end_machine(p, STATUS_SIGNAL + sig);
		return;
	}
	send_signal(p, sig);
}

/* Is this the second ^C on the terminal within a second? */
static bool interrupted_twice(struct pump *p, const char *keys, size_t len)
{
	int64_t now = now_ms();

	for (; len; keys++, len--) {
		if (*keys != KEY_INTERRUPT)
			continue;
		if (p->last_signal_ms[SIGINT] &&
		    now - p->last_signal_ms[SIGINT] <= TWICE_MS)
			return true;
		p->last_signal_ms[SIGINT] = now;
	}
	return false;
}

static void send_typed(struct pump *p)
{
	while (buffer_size(&p->typed) && p->credit) {
		size_t n = buffer_size(&p->typed);

		if (n > p->credit)
			n = p->credit;
		if (n > RUN_FRAME_MAX)
			n = RUN_FRAME_MAX;
		send_frame(p, RUN_STDIN, p->typed.data + p->typed.head, n);
		buffer_drop(&p->typed, n);
		p->credit -= n;
	}
}

static void read_stdin(struct pump *p)
{
	char buf[IN_MAX];
	size_t want = sizeof(buf);
	ssize_t n;

	if (!p->o->raw && want > p->credit)
		want = p->credit;
	n = read(STDIN_FILENO, buf, want);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		/* An unreadable stdin looks to the program like its end. */
		send_frame(p, RUN_STDIN, NULL, 0);
		p->stdin_done = true;
		return;
	}
	if (p->o->raw && interrupted_twice(p, buf, (size_t)n)) {
		end_machine(p, STATUS_SIGNAL + SIGINT);
		return;
	}
	buffer_add(&p->typed, buf, (size_t)n);
	send_typed(p);
}

/* Stop with the terminal as we found it, and the machine stopped too. */
static void stop_until_continued(struct pump *p)
{
	terminal_restore();
	kill(p->m->pid, SIGSTOP);
	raise(SIGSTOP);
	kill(p->m->pid, SIGCONT);
	if (p->o->raw)
		terminal_raw();
	send_winsize(p);
}

static void take_signal(struct pump *p)
{
	struct signalfd_siginfo info;

	if (read(p->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	switch (info.ssi_signo) {
	case SIGCHLD:
		reap(p, WNOHANG);
		break;
	case SIGWINCH:
		send_winsize(p);
		break;
	case SIGTSTP:
		stop_until_continued(p);
		break;
	default:
		forward_signal(p, (int)info.ssi_signo);
		break;
	}
}

static int open_signals(void)
{
	static const int taken[] = {SIGINT,  SIGTERM,  SIGHUP, SIGQUIT,
				    SIGCHLD, SIGWINCH, SIGTSTP};
	sigset_t set;
	size_t i;
	int fd;

	sigemptyset(&set);
	for (i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		struct sigaction old;

		/* What our parent had ignored (nohup) stays ignored. */
		sigaction(taken[i], NULL, &old);
		if (old.sa_handler == SIG_IGN && taken[i] != SIGCHLD)
			continue;
		sigaddset(&set, taken[i]);
	}
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		die(STATUS_OURS, "signalfd: %s", strerror(errno));
	return fd;
}

/* ---- the loop ---- */

enum { AT_RUN, AT_LOG, AT_SIGNAL, AT_STDIN, AT_STDOUT, AT_STDERR, AT_NR };

static bool wants_stdin(const struct pump *p)
{
	if (p->stdin_done || p->m->run_fd < 0 || p->run_gone)
		return false;
	if (p->o->raw)
		return buffer_size(&p->typed) < IN_MAX;
	return p->credit && buffer_size(&p->to_guest) < RUN_FRAME_MAX;
}

static void set_polls(struct pump *p, struct pollfd *fds)
{
	int i;

	for (i = 0; i < AT_NR; i++)
		fds[i] = (struct pollfd){.fd = -1};
	if (!p->run_gone && p->m->run_fd >= 0) {
		fds[AT_RUN].fd = p->m->run_fd;
		if (!out_is_full(p))
			fds[AT_RUN].events |= POLLIN;
		if (buffer_size(&p->to_guest))
			fds[AT_RUN].events |= POLLOUT;
		/* Without events a hang-up would spin; data comes first. */
		if (!fds[AT_RUN].events)
			fds[AT_RUN].fd = -1;
	}
	if (!p->log_gone && !(p->o->show_log && out_is_full(p)))
		fds[AT_LOG] = (struct pollfd){p->m->log_fd, POLLIN, 0};
	fds[AT_SIGNAL] = (struct pollfd){p->signal_fd, POLLIN, 0};
	if (wants_stdin(p))
		fds[AT_STDIN] = (struct pollfd){STDIN_FILENO, POLLIN, 0};
	for (i = 1; i <= 2; i++)
		if (buffer_size(&p->out[i].buf))
			fds[AT_STDIN + i] =
				(struct pollfd){p->out[i].fd, POLLOUT, 0};
}

/* Milliseconds until something must happen; -1: nothing will. */
static int patience(const struct pump *p)
{
	int64_t until = p->has_exited ? p->end_ms : p->deadline_ms, left;

	/* Only its last words, if any, are left; then only our output. */
	if (p->machine_gone)
		return out_is_full(p) || (p->run_gone && p->log_gone) ? -1 : 0;
	if (!until)
		return -1;
	left = until - now_ms();
	return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

static void check_time(struct pump *p)
{
	int64_t now = now_ms();

	if (p->machine_gone)
		return;
	if (!p->has_exited && p->deadline_ms && now >= p->deadline_ms) {
		terminal_restore();
		note("timed out");
		end_machine(p, STATUS_TIMED_OUT);
	} else if (p->has_exited && p->end_ms && now >= p->end_ms) {
		note("the machine did not power off after the program's end");
		end_machine(p, STATUS_OURS);
	}
}

static bool is_over(const struct pump *p)
{
	return p->machine_gone && p->run_gone && p->log_gone &&
	       !buffer_size(&p->out[1].buf) && !buffer_size(&p->out[2].buf);
}

static void loop(struct pump *p)
{
	struct pollfd fds[AT_NR];
	int i;

	while (!is_over(p)) {
		set_polls(p, fds);
		if (poll(fds, AT_NR, patience(p)) < 0 && errno != EINTR)
			die(STATUS_OURS, "poll: %s", strerror(errno));
		if (fds[AT_SIGNAL].revents)
			take_signal(p);
		if (fds[AT_LOG].revents)
			read_log(p);
		if (fds[AT_RUN].revents & POLLOUT)
			flush_to_guest(p);
		if (fds[AT_RUN].revents & (POLLIN | POLLHUP | POLLERR))
			read_guest(p);
		if (fds[AT_STDIN].revents)
			read_stdin(p);
		for (i = 1; i <= 2; i++)
			if (fds[AT_STDIN + i].revents)
				out_write(p, &p->out[i]);
		/* What a machine that is gone has not said by now, it won't. */
		if (p->machine_gone && !out_is_full(p)) {
			p->run_gone |= !fds[AT_RUN].revents;
			p->log_gone |= !fds[AT_LOG].revents;
		}
		send_typed(p);
		check_time(p);
	}
}

/* ---- the verdict ---- */

static void show_log_tail(const struct pump *p)
{
	const char *start = p->log.data + p->log.head;
	const char *end = start + buffer_size(&p->log), *at = end;
	unsigned int lines = 0;
	ssize_t ignored;

	while (at > start && (at[-1] != '\n' || lines++ <= LOG_SHOWN_LINES))
		at--;
	ignored = write(STDERR_FILENO, at, (size_t)(end - at));
	if (at < end && end[-1] != '\n')
		ignored = write(STDERR_FILENO, "\n", 1);
	(void)ignored;
}

static int verdict(struct pump *p)
{
	int status = p->machine_status;
	int value = WIFEXITED(status) ? WEXITSTATUS(status) >> 1 : -1;

	terminal_restore();
	if (WIFEXITED(status) && value == RUN_MACHINE_PANIC) {
		note("the kernel stopped; the end of its log:");
		show_log_tail(p);
		return STATUS_OURS;
	}
	if (p->has_exited)
		return p->status;
	if (value == RUN_MACHINE_OFF)
		return 0;
	if (value == RUN_MACHINE_TESTS_FAILED)
		return 1;
	if (!machine_complaint(p->m)) {
		note("the machine ended without a word (QEMU's status %#x); "
		     "the end of its log:",
		     (unsigned int)status);
		show_log_tail(p);
	}
	return STATUS_OURS;
}

int pump(struct machine *m, const struct pump_options *o)
{
	struct pump p = {.m = m, .o = o};
	uint32_t version = RUN_PROTO_VERSION;

	p.signal_fd = open_signals();
	out_init(&p.out[1], STDOUT_FILENO);
	out_init(&p.out[2], STDERR_FILENO);
	if (o->timeout_ms)
		p.deadline_ms = now_ms() + o->timeout_ms;
	/* Without the protocol there is no one to forward signals to. */
	machine_start(m);
	p.run_gone = m->run_fd < 0;
	send_frame(&p, RUN_HELLO, &version, sizeof(version));
	if (o->raw)
		terminal_raw();
	loop(&p);
	return verdict(&p);
}
