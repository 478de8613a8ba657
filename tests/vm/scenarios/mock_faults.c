// SPDX-License-Identifier: GPL-2.0
/*
 * Nested HWPTs and fault queues on a software IOMMU: who may have one (S16), what refers to what,
 * faults delivered and answered once, and that nobody waits for a user who does not answer, does
 * not read, or gives memory that never arrives.
 *
 * vm: about=nested HWPTs, page faults and their answers, users who stall
 * vm: append=iommufd_lsm.default_verdict=allow
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vm.h"
#include "mock.h"

static int fd;
static uint32_t ioas, parent;
static struct mock_dev dev;
static const struct mock_hwpt_data data = { .iotlb = 0x1234 };

struct queue {
	uint32_t id;
	int fd;
};

static struct queue queue_alloc(void)
{
	struct iommu_fault_alloc cmd = { .size = sizeof(cmd) };

	REQUIRE_RC(iommu_call(fd, IOMMU_FAULT_QUEUE_ALLOC, &cmd), 0, "a fault queue");
	return (struct queue) { .id = cmd.out_fault_id, .fd = cmd.out_fault_fd };
}

static int nested(const struct queue *queue, uint32_t *id)
{
	return hwpt_alloc_full(fd, dev.dev_id, parent, queue ? IOMMU_HWPT_FAULT_ID_VALID : 0,
			       MOCK_HWPT_DATA, &data, sizeof(data), queue ? queue->id : 0, id);
}

static bool readable(const struct queue *queue)
{
	struct pollfd poller = { .fd = queue->fd, .events = POLLIN };

	return poll(&poller, 1, 0) == 1 && poller.revents == POLLIN;
}

static int next(const struct queue *queue, struct iommu_hwpt_pgfault *message)
{
	ssize_t n = read(queue->fd, message, sizeof(*message));

	return n < 0 ? -errno : n;
}

static int answer(const struct queue *queue, uint32_t cookie, uint32_t code)
{
	struct iommu_hwpt_page_response response = { .cookie = cookie, .code = code };
	ssize_t n = write(queue->fd, &response, sizeof(response));

	return n < 0 ? -errno : n;
}

static void verdict(const char *what)
{
	run_shell("echo %s > /sys/module/iommufd_lsm/parameters/default_verdict", what);
}

static void alloc_checks(const struct queue *queue)
{
	long long asked = hook_count("hwpt-alloc", "asked");
	struct queue none = { .id = ioas };
	uint32_t id, other;

	verdict("deny");
	CHECK_RC(nested(NULL, &id), -EACCES, "S16 a nested HWPT is judged");
	verdict("allow");
	CHECK_EQ(hook_count("hwpt-alloc", "asked"), asked + 1, "S16 by its own hook");
	CHECK_RC(nested(&none, &id), -ENOENT, "a queue that is none");
	CHECK_RC(hwpt_alloc_full(fd, dev.dev_id, parent, 0, MOCK_HWPT_DATA, (void *)-4096UL, sizeof(data),
				 0, &id), -EFAULT, "data that is nowhere");
	CHECK_RC(hwpt_alloc_full(fd, dev.dev_id, parent, 0, MOCK_HWPT_DATA, &data, sizeof(data) - 1, 0,
				 &id), -EINVAL, "data that is too short");
	CHECK_RC(hwpt_alloc_full(fd, dev.dev_id, parent, 0, 0, NULL, 0, 0, &id), -EOPNOTSUPP, "no data");
	CHECK_RC(hwpt_alloc_full(fd, dev.dev_id, parent, IOMMU_HWPT_ALLOC_NEST_PARENT, MOCK_HWPT_DATA,
				 &data, sizeof(data), 0, &id), -EOPNOTSUPP, "nested, to be a parent");
	CHECK_RC(hwpt_alloc_full(fd, dev.dev_id, dev.hwpt_id, 0, MOCK_HWPT_DATA, &data, sizeof(data), 0,
				 &id), -EINVAL, "nested in an automatic HWPT");
	CHECK_RC(nested(queue, &id), 0, "with a queue");
	CHECK_RC(object_destroy(fd, parent), -EBUSY, "the parent stays while it is one");
	close(queue->fd);
	CHECK_RC(object_destroy(fd, queue->id), -EBUSY, "the queue stays while a HWPT leads to it");
	CHECK_RC(hwpt_alloc_full(fd, dev.dev_id, id, 0, MOCK_HWPT_DATA, &data, sizeof(data), 0,
				 &other), -EINVAL, "nested in a nested one");
	CHECK_RC(object_destroy(fd, id), 0, "the nested one goes");
	CHECK_RC(object_destroy(fd, queue->id), 0, "so does the queue");
}

static void attach_checks(void)
{
	long long asked = hook_count("move", "asked");
	char hwpt[16];
	uint32_t id;

	CHECK_RC(nested(NULL, &id), 0, "a nested HWPT");
	verdict("deny");
	CHECK_RC(mock_move(fd, &dev, id), -EACCES, "S16 a move to it is judged");
	verdict("allow");
	CHECK_EQ(hook_count("move", "asked"), asked + 1, "S16 by the hook of moves");
	CHECK_RC(mock_move(fd, &dev, id), 0, "a device moves there");
	snprintf(hwpt, sizeof(hwpt), "hwpt=%u", id);
	CHECK_EQ(proc_number("/proc/iommufd", "group", hwpt, "ioas"), ioas, "its DMA ends in the parent's IOAS");
	CHECK_EQ(proc_number("/proc/iommufd", "ioas", "devices=1", "id"), ioas, "which counts it");
	CHECK_RC(object_destroy(fd, id), -EBUSY, "it stays while a device is attached");
	CHECK_RC(ioas_name(fd, ioas, "late"), -EBUSY, "its IOAS gets no name any more");
	CHECK_RC(mock_move(fd, &dev, ioas), 0, "the device moves to the IOAS");
	CHECK_RC(object_destroy(fd, id), 0, "the nested one goes");
}

static void delivery(const struct queue *queue)
{
	struct iommu_hwpt_pgfault message[128];
	struct iommu_hwpt_page_response responses[100];
	char *page = memory(4096, 0);
	ssize_t n;

	CHECK_RC(mock_fault(fd, &dev, 5, 0x7000), 0, "a fault");
	CHECK(readable(queue), "the queue can be read");
	CHECK(read(queue->fd, message, 0) < 0 && errno == EINVAL, "into no room at all");
	mprotect(page, 4096, PROT_READ);
	CHECK(read(queue->fd, page, sizeof(*message)) < 0 && errno == EFAULT, "into memory that takes nothing");
	CHECK(readable(queue), "it can still be read");
	memset(message, 0xff, sizeof(message));
	CHECK_RC(next(queue, message), sizeof(*message), "the fault is delivered");
	CHECK_EQ(message->dev_id, dev.dev_id, "whose it is");
	CHECK_EQ(message->addr, 0x7000, "where");
	CHECK_EQ(message->grpid, 5, "of which group");
	CHECK_EQ(message->perm, IOMMU_PGFAULT_PERM_READ, "for what");
	CHECK_EQ(message->flags, IOMMU_PGFAULT_FLAGS_LAST_PAGE, "the last of its group");
	CHECK(!message->__reserved && !message->length, "and nothing else");
	CHECK(!readable(queue) && !next(queue, message + 1), "it is delivered once");
	CHECK_RC(answer(queue, message->cookie, 2), -EINVAL, "an answer nobody knows");
	CHECK_RC(answer(queue, message->cookie + 1, IOMMUFD_PAGE_RESP_SUCCESS), -EINVAL, "to another fault");
	CHECK_RC(answer(queue, message->cookie, IOMMUFD_PAGE_RESP_SUCCESS), 8, "it is answered");
	CHECK_RC(answer(queue, message->cookie, IOMMUFD_PAGE_RESP_SUCCESS), -EINVAL, "once");

	for (uint32_t i = 0; i < 100; i++)
		if (mock_fault(fd, &dev, i, i << 12))
			CHECK(false, "fault %u", i);
	n = read(queue->fd, message, 99 * sizeof(*message));
	CHECK_EQ(n, 99 * sizeof(*message), "of a hundred faults, as many as there is room for");
	CHECK_RC(next(queue, message + 99), sizeof(*message), "and the last");
	for (uint32_t i = 0, order = 0; i < 100; i++) {
		order += message[i].grpid != i || (i && message[i].cookie <= message[i - 1].cookie);
		responses[i].cookie = message[i].cookie;
		responses[i].code = i & 1;
		if (i == 99)
			CHECK_EQ(order, 0, "each in its turn, with a cookie of its own");
	}
	responses[60].cookie = message[0].cookie;
	n = write(queue->fd, responses, sizeof(responses));
	CHECK_EQ(n, 60 * sizeof(*responses), "answers up to one that is wrong");
	responses[60].cookie = message[60].cookie;
	n = write(queue->fd, responses + 60, 40 * sizeof(*responses));
	CHECK_EQ(n, 40 * sizeof(*responses), "and the others");
	munmap(page, 4096);
}

/* S10, S14: a device that leaves waits for nobody, and nobody answers for it any more */
static void leaving(void)
{
	struct queue queue = queue_alloc(), other = queue_alloc();
	struct iommu_hwpt_pgfault first, second;
	uint32_t here, same, there;

	REQUIRE_RC(nested(&queue, &here), 0, "a HWPT with a queue");
	REQUIRE_RC(nested(&queue, &same), 0, "another with the same");
	REQUIRE_RC(nested(&other, &there), 0, "one with another");
	CHECK_RC(mock_fault(fd, &dev, 0, 0), 0, "a fault where no queue is");
	CHECK_RC(mock_move(fd, &dev, here), 0, "the device moves to the first");
	CHECK(!readable(&queue), "the fault from before is nowhere");

	mock_fault(fd, &dev, 1, 0x1000);
	CHECK_RC(next(&queue, &first), sizeof(first), "a fault is delivered");
	mock_fault(fd, &dev, 2, 0x2000);
	CHECK_RC(mock_move(fd, &dev, same), 0, "the device moves to the second");
	CHECK(!readable(&queue), "what was to be delivered is answered");
	CHECK_RC(answer(&queue, first.cookie, IOMMUFD_PAGE_RESP_SUCCESS), -EINVAL, "so is what was delivered");
	mock_fault(fd, &dev, 3, 0x3000);
	CHECK_RC(next(&queue, &first), sizeof(first), "faults go on");
	CHECK_EQ(first.grpid, 3, "new ones only");
	CHECK_RC(mock_move(fd, &dev, there), 0, "it moves to the third");
	CHECK_RC(answer(&queue, first.cookie, IOMMUFD_PAGE_RESP_SUCCESS), -EINVAL, "the old queue has nothing");
	mock_fault(fd, &dev, 4, 0x4000);
	CHECK(!readable(&queue) && readable(&other), "faults go to the new one");
	CHECK_RC(next(&other, &second), sizeof(second), "and are delivered");
	mock_fault(fd, &dev, 5, 0x5000);
	CHECK_RC(mock_move(fd, &dev, ioas), 0, "it moves to the IOAS");
	CHECK(!readable(&other), "what was to be delivered is answered again");
	CHECK_RC(answer(&other, second.cookie, IOMMUFD_PAGE_RESP_SUCCESS), -EINVAL, "all of it");
	mock_fault(fd, &dev, 6, 0);
	CHECK(!readable(&other) && !readable(&queue), "faults go nowhere");

	CHECK_RC(mock_move(fd, &dev, here), 0, "and back");
	mock_fault(fd, &dev, 7, 0x7000);
	mock_fault(fd, &dev, 8, 0x8000);
	CHECK_RC(next(&queue, &first), sizeof(first), "one is delivered, one is not");
	CHECK_RC(object_destroy(fd, dev.object_id), 0, "the device goes");
	CHECK(!readable(&queue), "with what was to be delivered");
	CHECK_RC(answer(&queue, first.cookie, IOMMUFD_PAGE_RESP_SUCCESS), -EINVAL, "and what was");
	CHECK_RC(object_destroy(fd, here), 0, "the HWPTs go");
	object_destroy(fd, same);
	object_destroy(fd, there);
	close(queue.fd);
	close(other.fd);
	CHECK_RC(object_destroy(fd, queue.id), 0, "and the queues");
	object_destroy(fd, other.id);
	REQUIRE_RC(mock_device(fd, ioas, 0, &dev), 0, "a device again");
}

/* --- users who stall ------------------------------------------------------------------------- */

static int uffd;

static void fill(char *page, const void *content, size_t length)
{
	static char whole[4096];

	memcpy(whole, content, length);
	stalling_answer(uffd, page, whole);
}

struct stalled {
	pthread_t thread;
	char *page;
	struct queue queue;
	int rc;
};

static void *stalled_read(void *arg)
{
	struct stalled *s = arg;
	ssize_t n = read(s->queue.fd, s->page, sizeof(struct iommu_hwpt_pgfault));

	s->rc = n < 0 ? -errno : n;
	return NULL;
}

static void *stalled_write(void *arg)
{
	struct stalled *s = arg;
	ssize_t n = write(s->queue.fd, s->page, sizeof(struct iommu_hwpt_page_response));

	s->rc = n < 0 ? -errno : n;
	return NULL;
}

static void *stalled_alloc(void *arg)
{
	struct stalled *s = arg;
	uint32_t id;

	s->rc = hwpt_alloc_full(fd, dev.dev_id, parent, 0, MOCK_HWPT_DATA, s->page, sizeof(data), 0, &id);
	return NULL;
}

static void *stalled_info(void *arg)
{
	struct stalled *s = arg;
	struct iommu_hw_info cmd = {
		.size = sizeof(cmd), .dev_id = dev.dev_id, .data_uptr = (uintptr_t)s->page,
		.data_len = sizeof(struct mock_hw_info),
	};

	s->rc = iommu_call(fd, IOMMU_GET_HW_INFO, &cmd);
	return NULL;
}

static void stall(struct stalled *s, void *(*fn)(void *), const char *what)
{
	s->page = stalling_page(uffd);
	REQUIRE(s->page, "a page nobody fills");
	pthread_create(&s->thread, NULL, fn, s);
	CHECK(stalling_wait(uffd, 5000) == 1, "control: %s waits for memory", what);
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void stalling(void)
{
	struct stalled reader = { .queue = queue_alloc() }, writer, maker = { 0 }, asker = { 0 };
	struct iommu_hwpt_page_response response = { 0 };
	struct iommu_hwpt_pgfault message;
	double start;
	uint32_t id;

	uffd = stalling_open();
	REQUIRE(uffd >= 0, "userfaultfd");
	writer = (struct stalled) { .queue = reader.queue };
	REQUIRE_RC(nested(&reader.queue, &id), 0, "a HWPT with a queue");
	REQUIRE_RC(mock_move(fd, &dev, id), 0, "with a device");
	mock_fault(fd, &dev, 1, 0x1000);
	stall(&reader, stalled_read, "reading a fault");
	stall(&writer, stalled_write, "answering one");
	stall(&maker, stalled_alloc, "making a nested HWPT");
	stall(&asker, stalled_info, "asking for the hardware");
	mock_fault(fd, &dev, 2, 0x2000);
	start = seconds();
	CHECK_RC(next(&reader.queue, &message), sizeof(message), "another fault is delivered all the same");
	CHECK_EQ(message.grpid, 2, "the other one");
	CHECK_RC(answer(&reader.queue, message.cookie, IOMMUFD_PAGE_RESP_SUCCESS), 8, "and answered");
	CHECK_RC(object_destroy(fd, dev.object_id), 0, "S14 the device leaves, whoever stalls");
	CHECK(seconds() - start < 5, "S14 without waiting for any of them");
	fill(reader.page, &message, sizeof(message));
	fill(writer.page, &response, sizeof(response));
	fill(maker.page, &data, sizeof(data));
	fill(asker.page, &data, sizeof(data));
	pthread_join(reader.thread, NULL);
	pthread_join(writer.thread, NULL);
	pthread_join(maker.thread, NULL);
	pthread_join(asker.thread, NULL);
	CHECK_EQ(reader.rc, sizeof(message), "the reader gets its fault");
	response.cookie = ((struct iommu_hwpt_pgfault *)reader.page)->cookie;
	CHECK_RC(answer(&reader.queue, response.cookie, 0), -EINVAL, "which nobody waits for any more");
	CHECK_RC(writer.rc, -EINVAL, "the writer had answered nothing");
	CHECK_RC(maker.rc, -ENOENT, "there is no HWPT for a device that is gone");
	CHECK_RC(asker.rc, 0, "what was asked about it before is told");
	CHECK_RC(object_destroy(fd, id), 0, "the HWPT goes");
	close(reader.queue.fd);
	CHECK_RC(object_destroy(fd, reader.queue.id), 0, "and the queue");
	close(uffd);
	REQUIRE_RC(mock_device(fd, ioas, 0, &dev), 0, "a device again");
}

static volatile bool stop;

static void *faulting(void *arg)
{
	uint32_t *n = arg;

	while (!stop)
		*n += !mock_fault(fd, &dev, *n, 0x1000);
	return NULL;
}

static void *answering(void *arg)
{
	const struct queue *queue = arg;
	struct iommu_hwpt_pgfault message;

	while (!stop)
		if (next(queue, &message) > 0)
			answer(queue, message.cookie, message.grpid & 1);
	return NULL;
}

/* Faults, answers and moves at once; then the end, with whatever is left waiting */
static void racing(void)
{
	struct queue queues[2] = { queue_alloc(), queue_alloc() };
	uint32_t hwpts[3], n = 0, moves = 0, failed = 0;
	pthread_t threads[3];

	REQUIRE_RC(nested(&queues[0], &hwpts[0]), 0, "a HWPT with a queue");
	REQUIRE_RC(nested(&queues[1], &hwpts[1]), 0, "another");
	hwpts[2] = ioas;
	pthread_create(&threads[0], NULL, faulting, &n);
	pthread_create(&threads[1], NULL, answering, &queues[0]);
	pthread_create(&threads[2], NULL, answering, &queues[1]);
	for (double end = seconds() + 3; seconds() < end; moves++)
		failed += !!mock_move(fd, &dev, hwpts[moves % 3]);
	stop = true;
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(failed, 0, "racing: every move went well");
	note("racing: %u faults, %u moves", n, moves);
	CHECK_RC(mock_move(fd, &dev, hwpts[0]), 0, "racing: the device stays at a queue");
	for (uint32_t i = 0; i < 10; i++)
		mock_fault(fd, &dev, i, 0x1000);
	/* the queues' files first, or last */
	close(queues[0].fd);
}

int main(void)
{
	struct queue queue;
	uint32_t id;

	fd = iommu_open();
	REQUIRE_RC(run_shell("modprobe iommufd_mock"), 0, "the software IOMMU");
	REQUIRE_RC(ioas_alloc(fd, &ioas), 0, "an IOAS");
	REQUIRE_RC(mock_device(fd, ioas, 0, &dev), 0, "a device");
	REQUIRE_RC(hwpt_alloc_full(fd, dev.dev_id, ioas, IOMMU_HWPT_ALLOC_NEST_PARENT, 0, NULL, 0, 0,
				   &parent), 0, "a parent");
	queue = queue_alloc();
	alloc_checks(&queue);
	attach_checks();
	queue = queue_alloc();
	REQUIRE_RC(nested(&queue, &id), 0, "a HWPT with a queue");
	REQUIRE_RC(mock_move(fd, &dev, id), 0, "with a device");
	delivery(&queue);
	CHECK_RC(mock_move(fd, &dev, ioas), 0, "the device leaves");
	leaving();
	stalling();
	racing();
	/* ends with a queue open, faults in another, HWPTs and the device */
	if (!fork())
		_exit(0);
	wait(NULL);
	close(queue.fd);
	close(fd);
	return checks_done();
}
