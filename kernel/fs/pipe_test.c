/* SPDX-License-Identifier: MIT */
/*
 * pipe_test.c - the ring of a pipe against a plain array.
 */
#include "kernel/fs/pipe.c"

#include "test/test.h"

static mm_ssize_t put_bytes(struct pipe *p, const void *buf, size_t n)
{
	struct iov_iter it;

	iov_iter_kernel(&it, buf, n);
	return ring_write(p, &it);
}

static mm_ssize_t get_bytes(struct pipe *p, void *buf, size_t n)
{
	struct iov_iter it;

	iov_iter_kernel(&it, buf, n);
	return ring_read(p, &it);
}

static struct pipe *new_pipe(void)
{
	struct pipe *p = pipe_alloc();

	CHECK(p);
	return p;
}

TEST(pipe_holds_65536_bytes_and_not_one_more)
{
	struct pipe *p = new_pipe();
	char *buf = kvzalloc(70000, GFP_KERNEL);

	CHECK(buf);
	CHECK_EQ(put_bytes(p, buf, 70000), 65536);
	pipe_validate(p);
	CHECK_EQ(room(p), 0);
	CHECK_EQ(get_bytes(p, buf, 70000), 65536);
	pipe_validate(p);
	CHECK_EQ(used(p), 0);
	kvfree(buf);
	pipe_free(p);
}

TEST(pipe_ping_pong_keeps_one_frame)
{
	struct pipe *p = new_pipe();
	char c = 'x';

	for (int i = 0; i < 100; i++) {
		CHECK_EQ(put_bytes(p, &c, 1), 1);
		CHECK_EQ(get_bytes(p, &c, 1), 1);
		CHECK_EQ(p->head, 0);
		CHECK(p->spare);
	}
	pipe_free(p);
}

TEST(pipe_write_without_memory_keeps_what_was_written)
{
	char *buf = kvzalloc(20000, GFP_KERNEL);

	CHECK(buf);
	EACH_FAILURE(n) {
		struct pipe *p = pipe_alloc();
		mm_ssize_t ret;

		if (!p) {
			CHECK(failure_was_injected());
			continue;
		}
		ret = put_bytes(p, buf, 20000);
		if (failure_was_injected())
			CHECK(ret == -ENOMEM || (ret > 0 && ret < 20000));
		else
			CHECK_EQ(ret, 20000);
		pipe_validate(p);
		CHECK_EQ(used(p), ret > 0 ? ret : 0);
		pipe_free(p);
	}
	kvfree(buf);
}

TEST(pipe_size_changes_keep_the_contents)
{
	struct pipe *p = new_pipe();
	char buf[6000];

	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (char)i;
	CHECK_EQ(put_bytes(p, buf, sizeof(buf)), 6000);
	CHECK_EQ(get_bytes(p, buf, 100), 100);
	CHECK_EQ(set_pipe_size(p, 4096), -EBUSY);
	CHECK_EQ(set_pipe_size(p, 5000), 8192);
	CHECK_EQ(set_pipe_size(p, 300000), 524288);
	CHECK_EQ(set_pipe_size(p, 0), -EINVAL);
	CHECK_EQ(get_bytes(p, buf, sizeof(buf)), 5900);
	for (int i = 0; i < 5900; i++)
		CHECK_EQ((u8)buf[i], (u8)(i + 100));
	pipe_free(p);
}

TEST(pipe_random_transfers_match_a_counter)
{
	struct pipe *p = new_pipe();
	u64 written = 0, taken = 0;
	u8 *buf = kmalloc(8192, GFP_KERNEL);

	CHECK(buf);
	for (int i = 0; i < 5000; i++) {
		size_t n = test_random_below(8192) + 1;
		mm_ssize_t ret;

		if (test_random_below(2)) {
			for (size_t k = 0; k < n; k++)
				buf[k] = (u8)((written + k) * 7);
			ret = put_bytes(p, buf, n);
			CHECK(ret >= 0);
			written += (u64)ret;
		} else {
			ret = get_bytes(p, buf, n);
			CHECK_EQ(ret, min((u64)n, written - taken));
			for (mm_ssize_t k = 0; k < ret; k++)
				CHECK_EQ(buf[k], (u8)((taken + (u64)k) * 7));
			taken += (u64)ret;
		}
		pipe_validate(p);
		CHECK_EQ(used(p), written - taken);
	}
	kfree(buf);
	pipe_free(p);
}
