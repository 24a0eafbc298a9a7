/* SPDX-License-Identifier: MIT */
/*
 * virtio_console.c - a virtio console's first port: bytes to and from the host.
 *
 * 1. The device is found on PCI (virtio 1.0 and later; its registers are where
 *    vendor capabilities say) and driven with two split virtqueues: 0 receives,
 *    1 sends.  Multiport is not negotiated.
 *
 *	a queue, in one frame:   0 descriptors (16 bytes each)
 *			      1024 available ring: flags, idx, ring[]
 *			      2048 used ring:      flags, idx, {id, len}[]
 *
 *    Descriptor n always points to buffer n, a frame of its own.
 *
 * 2. Receiving: all buffers are with the device; one that comes back is read by
 *    the one reader and goes back.  Sending: a buffer is free, or in flight.
 *    Interrupts for sent buffers are off except while someone waits for one.
 *
 * 3. The device is not trusted: an index that runs ahead of what it was given,
 *    a buffer that it does not have, a length above the buffer's stop the
 *    driver for good ("broken": -EIO), and the device is reset.
 *
 * 4. Locking.  tx_lock (mutex) over the sending queue; the receiving queue
 *    belongs to the one reader; the interrupt handler only wakes.
 *
 * Source: Virtual I/O Device (VIRTIO) 1.2, sections 2.7, 4.1, 5.3.
 */
#include "kernel/drivers/drivers.h"

#include <quire/gfp.h>
#include <quire/errno.h>
#include <quire/mm_types.h>
#include <quire/printk.h>
#include <quire/rwsem.h>
#include <quire/string.h>
#include <quire/vmalloc.h>

#include "kernel/task.h"
#include "kernel/wait.h"
#include "port/x86_64/machine.h"

#define PCI_VENDOR_VIRTIO 0x1af4
#define PCI_CONSOLE_OLD	  0x1003 /* transitional */
#define PCI_CONSOLE_NEW	  0x1043
#define PCI_CAP_VENDOR	  0x09
#define PCI_CAP_MSIX	  0x11

enum { CAP_COMMON = 1, CAP_NOTIFY = 2, CAP_ISR = 3, CAP_DEVICE = 4 };

/* Offsets in the common configuration (4.1.4.3). */
enum {
	COMMON_DEVICE_FEATURE_SELECT = 0,
	COMMON_DEVICE_FEATURE = 4,
	COMMON_DRIVER_FEATURE_SELECT = 8,
	COMMON_DRIVER_FEATURE = 12,
	COMMON_STATUS = 20,
	COMMON_QUEUE_SELECT = 22,
	COMMON_QUEUE_SIZE = 24,
	COMMON_QUEUE_MSIX_VECTOR = 26,
	COMMON_QUEUE_ENABLE = 28,
	COMMON_QUEUE_NOTIFY_OFF = 30,
	COMMON_QUEUE_DESC = 32,
	COMMON_QUEUE_DRIVER = 40,
	COMMON_QUEUE_DEVICE = 48,
	COMMON_SIZE = 56,
};

#define STATUS_ACKNOWLEDGE   1
#define STATUS_DRIVER	     2
#define STATUS_DRIVER_OK     4
#define STATUS_FEATURES_OK   8
#define STATUS_FAILED	     128
#define FEATURE_VERSION_1    1U /* bit 32: bit 0 of the high word */

#define DESC_F_WRITE	     2
#define AVAIL_F_NO_INTERRUPT 1
#define AVAIL_OFFSET	     1024
#define USED_OFFSET	     2048
/* More than enough in flight; 64 descriptors would fit the frame. */
#define QUEUE_MAX 8U
#define BUF_SIZE  VCON_BUF_SIZE

_Static_assert(VCON_BUF_SIZE == PAGE_SIZE, "a buffer is a frame");

struct desc {
	u64 addr;
	u32 len;
	u16 flags, next;
};

struct avail {
	u16 flags, idx;
	u16 ring[];
};

struct used_elem {
	u32 id, len;
};

struct used {
	u16 flags, idx;
	struct used_elem ring[];
};

struct vqueue {
	u16 size;	 /* a power of two */
	u16 avail_idx;	 /* what we have given */
	u16 used_idx;	 /* what we have taken back */
	u32 with_device; /* bit n: buffer n is in flight */
	struct desc *desc;
	struct avail *avail;
	struct used *used;
	volatile u8 *notify;
	u16 index;
	void *buf[QUEUE_MAX];
};

static struct {
	bool present, broken;
	volatile u8 *common;
	volatile u8 *notify_base;
	u32 notify_multiplier, notify_length;
	struct vqueue rx, tx;
	struct mutex tx_lock;
	struct wait_queue_head rx_wait, tx_wait;
	u32 rx_cur, rx_pos, rx_len; /* the buffer being read */
	bool rx_have;
} vcon;

/* ---- registers ---- */

static void common_write64(unsigned int off, u64 v)
{
	writel((u32)v, vcon.common + off);
	writel((u32)(v >> 32), vcon.common + off + 4);
}

static void set_status(u8 bits)
{
	writeb(readb(vcon.common + COMMON_STATUS) | bits,
	       vcon.common + COMMON_STATUS);
}

/* The device does what it must not. */
static void vcon_break(const char *what)
{
	if (__atomic_exchange_n(&vcon.broken, true, __ATOMIC_RELAXED))
		return;
	printk("virtio console: %s: stopped\n", what);
	writeb(0, vcon.common + COMMON_STATUS);
	wake_up(&vcon.rx_wait);
	wake_up(&vcon.tx_wait);
}

/* ---- a queue ---- */

static void full_barrier(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void queue_give(struct vqueue *q, u32 id, u32 len, u16 flags)
{
	q->desc[id] = (struct desc){
		.addr = __pa(q->buf[id]), .len = len, .flags = flags};
	q->with_device |= 1U << id;
	q->avail->ring[q->avail_idx % q->size] = (u16)id;
	smp_store_release(&q->avail->idx, ++q->avail_idx);
}

/* Tell the device, unless it said that it looks by itself. */
static void queue_kick(struct vqueue *q)
{
	full_barrier();
	if (!(READ_ONCE(q->used->flags) & 1))
		writew(q->index, q->notify);
}

static bool queue_has_used(const struct vqueue *q)
{
	return READ_ONCE(q->used->idx) != q->used_idx;
}

/* Take one buffer back: its number, or -1 (none, or broken). */
static int queue_take(struct vqueue *q, u32 *len)
{
	u16 idx = smp_load_acquire(&q->used->idx);
	struct used_elem e;

	if (vcon.broken || idx == q->used_idx)
		return -1;
	if ((u16)(idx - q->used_idx) > q->size) {
		vcon_break("used ring runs ahead");
		return -1;
	}
	e.id = READ_ONCE(q->used->ring[q->used_idx % q->size].id);
	e.len = READ_ONCE(q->used->ring[q->used_idx % q->size].len);
	if (e.id >= q->size || !(q->with_device >> e.id & 1)) {
		vcon_break("returned a buffer that it does not have");
		return -1;
	}
	if (e.len > BUF_SIZE) {
		vcon_break("returned more than a buffer holds");
		return -1;
	}
	q->with_device &= ~(1U << e.id);
	q->used_idx++;
	*len = e.len;
	return (int)e.id;
}

static void vcon_interrupt(void *arg)
{
	(void)arg;
	wake_up(&vcon.rx_wait);
	wake_up(&vcon.tx_wait);
}

/* ---- sending ---- */

/* Collect what was sent; is a buffer free?  tx_lock held. */
static bool tx_reclaim(void)
{
	struct vqueue *q = &vcon.tx;
	u32 len;

	while (queue_take(q, &len) >= 0)
		;
	return q->with_device != (1U << q->size) - 1;
}

static void tx_interrupts(bool on)
{
	WRITE_ONCE(vcon.tx.avail->flags, on ? 0 : AVAIL_F_NO_INTERRUPT);
	full_barrier();
}

static bool tx_moved(void)
{
	return queue_has_used(&vcon.tx) || READ_ONCE(vcon.broken);
}

/*
 * Wait for a sent buffer; tx_lock held, and released meanwhile.  A program can
 * be interrupted; the kernel's own threads send to the end, whatever signals
 * (SIGCHLD of the first) are pending for them.
 */
static long tx_wait(void)
{
	long err = 0;

	tx_interrupts(true);
	mutex_unlock(&vcon.tx_lock);
	if (current->flags & PF_KTHREAD)
		wait_event(&vcon.tx_wait, tx_moved());
	else
		err = wait_event_interruptible(&vcon.tx_wait, tx_moved());
	mutex_lock(&vcon.tx_lock);
	return err;
}

bool vcon_can_send(void)
{
	bool yes;

	if (vcon.broken)
		return true; /* the error is there to be had */
	mutex_lock(&vcon.tx_lock);
	yes = tx_reclaim();
	if (!yes)
		tx_interrupts(true);
	mutex_unlock(&vcon.tx_lock);
	return yes;
}

struct wait_queue_head *vcon_send_wait(void)
{
	return &vcon.tx_wait;
}

int vcon_send(const void *a, size_t na, const void *b, size_t nb)
{
	struct vqueue *q = &vcon.tx;
	long err = 0;
	u32 id;

	if (na + nb > BUF_SIZE)
		return -EINVAL;
	mutex_lock(&vcon.tx_lock);
	while (!err && !vcon.broken && !tx_reclaim())
		err = tx_wait();
	if (!err && vcon.broken)
		err = -EIO;
	if (!err) {
		id = (u32)__builtin_ctz(~q->with_device);
		memcpy(q->buf[id], a, na);
		memcpy((char *)q->buf[id] + na, b, nb);
		tx_interrupts(false);
		queue_give(q, id, (u32)(na + nb), 0);
		queue_kick(q);
	}
	mutex_unlock(&vcon.tx_lock);
	return (int)err;
}

void vcon_drain(void)
{
	long err = 0;

	mutex_lock(&vcon.tx_lock);
	for (;;) {
		tx_reclaim();
		if (vcon.broken || !vcon.tx.with_device || err)
			break;
		err = tx_wait();
	}
	mutex_unlock(&vcon.tx_lock);
}

/* ---- receiving ---- */

static bool rx_next(void)
{
	int id = queue_take(&vcon.rx, &vcon.rx_len);

	if (id < 0)
		return false;
	vcon.rx_cur = (u32)id;
	vcon.rx_pos = 0;
	vcon.rx_have = true;
	return true;
}

static void rx_give_back(void)
{
	vcon.rx_have = false;
	queue_give(&vcon.rx, vcon.rx_cur, BUF_SIZE, DESC_F_WRITE);
	queue_kick(&vcon.rx);
}

mm_ssize_t vcon_receive(void *buf, size_t n)
{
	for (;;) {
		if (vcon.broken)
			return -EIO;
		if (vcon.rx_have || rx_next()) {
			const char *from = vcon.rx.buf[vcon.rx_cur];

			n = min(n, (size_t)(vcon.rx_len - vcon.rx_pos));
			memcpy(buf, from + vcon.rx_pos, n);
			vcon.rx_pos += (u32)n;
			if (vcon.rx_pos == vcon.rx_len)
				rx_give_back();
			if (n)
				return (mm_ssize_t)n;
			continue;
		}
		wait_event_interruptible(&vcon.rx_wait,
					 queue_has_used(&vcon.rx) ||
						 READ_ONCE(vcon.broken));
	}
}

/* ---- finding and starting ---- */

static int match(const struct x86_pci_dev *dev, void *arg)
{
	if (dev->vendor != PCI_VENDOR_VIRTIO ||
	    (dev->device != PCI_CONSOLE_OLD && dev->device != PCI_CONSOLE_NEW))
		return 0;
	*(struct x86_pci_dev *)arg = *dev;
	return 1;
}

/* Map [offset, offset + length) of a memory bar; NULL if it does not exist. */
static volatile u8 *map_bar(const struct x86_pci_dev *dev, unsigned int bar,
			    u32 offset, u32 length)
{
	if (bar > 5 || dev->bar[bar].is_io || !dev->bar[bar].addr || !length ||
	    offset > dev->bar[bar].size_bytes ||
	    length > dev->bar[bar].size_bytes - offset)
		return NULL;
	return ioremap(dev->bar[bar].addr + offset, length);
}

/* The n-th capability of this kind, mapped; its offset in *cap. */
static volatile u8 *map_cap(const struct x86_pci_dev *dev, u8 kind,
			    u32 min_length, u32 *length, unsigned int *cap)
{
	for (unsigned int n = 0; n < 16; n++) {
		unsigned int at = x86_pci_capability(dev, PCI_CAP_VENDOR, n);

		if (!at)
			return NULL;
		if (x86_pci_read(dev, at + 3, 1) != kind)
			continue;
		*cap = at;
		*length = x86_pci_read(dev, at + 12, 4);
		if (*length < min_length)
			continue;
		/* Large notification areas: the first page is enough. */
		*length = min(*length, (u32)PAGE_SIZE);
		return map_bar(dev, x86_pci_read(dev, at + 4, 1),
			       x86_pci_read(dev, at + 8, 4), *length);
	}
	return NULL;
}

static int map_device(const struct x86_pci_dev *dev)
{
	unsigned int cap;
	u32 length;

	vcon.common = map_cap(dev, CAP_COMMON, COMMON_SIZE, &length, &cap);
	if (!vcon.common)
		return -ENODEV;
	vcon.notify_base =
		map_cap(dev, CAP_NOTIFY, 2, &vcon.notify_length, &cap);
	if (!vcon.notify_base)
		return -ENODEV;
	vcon.notify_multiplier = x86_pci_read(dev, cap + 16, 4);
	return 0;
}

static int enable_msix(const struct x86_pci_dev *dev)
{
	unsigned int cap = x86_pci_capability(dev, PCI_CAP_MSIX, 0);
	volatile u8 *table;
	u32 where;

	if (!cap)
		return -ENODEV;
	where = x86_pci_read(dev, cap + 4, 4);
	table = map_bar(dev, where & 7, where & ~7U, 16);
	if (!table)
		return -ENODEV;
	return x86_pci_msix_enable(dev, (void *)table, 0, vcon_interrupt, NULL);
}

static int negotiate(void)
{
	writeb(0, vcon.common + COMMON_STATUS);
	for (int i = 0; readb(vcon.common + COMMON_STATUS); i++)
		if (i == 1000)
			return -EIO;
	set_status(STATUS_ACKNOWLEDGE);
	set_status(STATUS_DRIVER);
	writel(1, vcon.common + COMMON_DEVICE_FEATURE_SELECT);
	if (!(readl(vcon.common + COMMON_DEVICE_FEATURE) & FEATURE_VERSION_1))
		return -ENODEV;
	writel(0, vcon.common + COMMON_DRIVER_FEATURE_SELECT);
	writel(0, vcon.common + COMMON_DRIVER_FEATURE);
	writel(1, vcon.common + COMMON_DRIVER_FEATURE_SELECT);
	writel(FEATURE_VERSION_1, vcon.common + COMMON_DRIVER_FEATURE);
	set_status(STATUS_FEATURES_OK);
	return readb(vcon.common + COMMON_STATUS) & STATUS_FEATURES_OK
		       ? 0
		       : -ENODEV;
}

static void queue_free(struct vqueue *q)
{
	for (u32 i = 0; i < QUEUE_MAX; i++)
		if (q->buf[i])
			free_page((unsigned long)q->buf[i]);
	if (q->desc)
		free_page((unsigned long)q->desc);
}

static int queue_memory(struct vqueue *q)
{
	char *p = (char *)get_zeroed_page(GFP_KERNEL);

	if (!p)
		return -ENOMEM;
	q->desc = (struct desc *)(void *)p;
	q->avail = (struct avail *)(void *)(p + AVAIL_OFFSET);
	q->used = (struct used *)(void *)(p + USED_OFFSET);
	for (u32 i = 0; i < q->size; i++) {
		q->buf[i] = (void *)__get_free_pages(GFP_KERNEL, 0);
		if (!q->buf[i])
			return -ENOMEM;
	}
	return 0;
}

static int queue_start(struct vqueue *q, u16 index)
{
	u32 notify_at;
	u16 size;
	int err;

	q->index = index;
	writew(index, vcon.common + COMMON_QUEUE_SELECT);
	size = readw(vcon.common + COMMON_QUEUE_SIZE);
	if (!size)
		return -ENODEV;
	q->size = (u16)min((u32)size, QUEUE_MAX);
	if (q->size & (q->size - 1))
		return -ENODEV;
	err = queue_memory(q);
	if (err)
		return err;
	notify_at = readw(vcon.common + COMMON_QUEUE_NOTIFY_OFF) *
		    vcon.notify_multiplier;
	if (notify_at > vcon.notify_length - 2)
		return -ENODEV;
	q->notify = vcon.notify_base + notify_at;
	writew(q->size, vcon.common + COMMON_QUEUE_SIZE);
	writew(0, vcon.common + COMMON_QUEUE_MSIX_VECTOR);
	if (readw(vcon.common + COMMON_QUEUE_MSIX_VECTOR) != 0)
		return -ENODEV;
	common_write64(COMMON_QUEUE_DESC, __pa(q->desc));
	common_write64(COMMON_QUEUE_DRIVER, __pa(q->avail));
	common_write64(COMMON_QUEUE_DEVICE, __pa(q->used));
	writew(1, vcon.common + COMMON_QUEUE_ENABLE);
	return 0;
}

static int start(const struct x86_pci_dev *dev)
{
	int err = map_device(dev);

	if (!err)
		err = negotiate();
	if (!err)
		err = enable_msix(dev);
	if (!err)
		err = queue_start(&vcon.rx, 0);
	if (!err)
		err = queue_start(&vcon.tx, 1);
	if (err) {
		if (vcon.common)
			writeb(0, vcon.common + COMMON_STATUS);
		queue_free(&vcon.rx);
		queue_free(&vcon.tx);
		iounmap((void *)vcon.common);
		iounmap((void *)vcon.notify_base);
		return err;
	}
	tx_interrupts(false);
	set_status(STATUS_DRIVER_OK);
	for (u32 i = 0; i < vcon.rx.size; i++)
		queue_give(&vcon.rx, i, BUF_SIZE, DESC_F_WRITE);
	queue_kick(&vcon.rx);
	return 0;
}

int vcon_init(void)
{
	struct x86_pci_dev dev;
	int err;

	mutex_init(&vcon.tx_lock);
	init_waitqueue_head(&vcon.rx_wait);
	init_waitqueue_head(&vcon.tx_wait);
	if (x86_pci_for_each(match, &dev) != 1)
		return -ENODEV;
	err = start(&dev);
	if (err)
		printk("virtio console: cannot be used: error %d\n", -err);
	vcon.present = !err;
	return err;
}

bool vcon_present(void)
{
	return vcon.present;
}
