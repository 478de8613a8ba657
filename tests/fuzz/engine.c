// SPDX-License-Identifier: GPL-2.0
/*
 * A run: threads that call, one that changes structs under running calls, and the figures. Ends
 * when enough calls were made, when time is up, or when something is wrong.
 */
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

#define MAX_THREADS 16
#define MAX_CALLS 128
#define NR_ERRNOS 160
#define STUCK_SECONDS 240 /* a debug kernel on a busy machine is slow, but not that slow */

static const struct fuzz_call *const tables[] = {
	iommu_calls, container_calls, mock_calls, device_calls, region_calls, memory_calls, dma_calls,
};

/* All of them in one, found by weight */
static const struct fuzz_call *calls[MAX_CALLS];
static unsigned int nr_calls, weights;

static struct thread {
	pthread_t id;
	unsigned int number;
	struct scratch scratch;
	uint64_t seed;
	unsigned long limit;
	atomic_ulong done;
	const char *_Atomic doing;
	int fail_nth; /* /proc/self/task/N/fail-nth, or -1 */
	unsigned long made, faulted; /* calls there was something for; those that were failed in */
	uint64_t drawn;
	uint32_t outcomes[MAX_CALLS][NR_ERRNOS];
	double seconds[MAX_CALLS]; /* that each kind of call took */
} *threads;

static uint64_t outcomes[MAX_CALLS][NR_ERRNOS];
static double seconds[MAX_CALLS];
static atomic_bool stop, broken;
static bool inject_faults;
unsigned long fuzz_faulted;
uint64_t fuzz_drawn;
static atomic_ulong *by_children; /* calls, in memory that is theirs, too */

static void collect_calls(void)
{
	size_t t;
	const struct fuzz_call *call;

	for (t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
		for (call = tables[t]; call->name; call++) {
			if (nr_calls == MAX_CALLS)
				abort();
			calls[nr_calls++] = call;
			weights += call->weight;
		}
	}
}

static unsigned int pick(struct call *c)
{
	uint32_t at = draw(c, weights);
	unsigned int i = 0;

	while (at >= calls[i]->weight)
		at -= calls[i++]->weight;
	return i;
}

void fuzz_child_call(struct call *c)
{
	unsigned int i = pick(c);

	if (calls[i]->parent_only)
		return;
	calls[i]->make(c);
	atomic_fetch_add(by_children, 1);
}

static void on_fault(int sig)
{
	if (touching)
		siglongjmp(touch_env, sig);
	signal(sig, SIG_DFL);
	raise(sig);
}

/* Let an allocation, or a copy from or to user memory, of the next call fail: the nth */
static void faults_arm(struct thread *t, unsigned int nth)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%u", nth);

	if (t->fail_nth >= 0 && pwrite(t->fail_nth, text, n, 0) != n)
		err(1, "fail-nth is not armed");
}

/* No more. What asks and what disarms copies, too: if it is that which fails, nothing else will. */
static void faults_disarm(struct thread *t)
{
	char left;

	if (t->fail_nth < 0)
		return;
	if (pread(t->fail_nth, &left, 1, 0) == 1)
		t->faulted += left == '0';
	if (pwrite(t->fail_nth, "0", 1, 0) != 1 && pwrite(t->fail_nth, "0", 1, 0) != 1)
		err(1, "fail-nth is not disarmed");
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void *thread_main(void *arg)
{
	struct thread *t = arg;
	char path[64];
	uint64_t n;

	scratch = &t->scratch;
	snprintf(path, sizeof(path), "/proc/self/task/%ld/fail-nth", syscall(SYS_gettid));
	t->fail_nth = inject_faults ? open(path, O_RDWR | O_CLOEXEC) : -1;
	if (inject_faults && t->fail_nth < 0)
		err(1, "%s", path);
	for (n = 0; n < t->limit && !stop; n++) {
		unsigned int i, nth = 0;
		struct call c;
		double begin;
		int rc;

		call_begin(&c, t->seed, t->number, n);
		i = pick(&c);
		if (chance(&c, 10))
			nth = 1 + draw(&c, 12);
		t->doing = calls[i]->name;
		if (fuzz_print)
			printf("%u.%lu %s...\n", t->number, (unsigned long)n, calls[i]->name);
		if (nth && !calls[i]->parent_only)
			faults_arm(t, nth);
		begin = now();
		rc = calls[i]->make(&c);
		t->seconds[i] += now() - begin;
		if (nth && !calls[i]->parent_only)
			faults_disarm(t);
		t->doing = NULL;
		t->drawn = t->drawn * 0x100000001b3ULL + c.state;
		if (fuzz_print)
			printf("%u.%lu %s%s\n", t->number, (unsigned long)n, calls[i]->name, c.text);
		if (rc != -ENOEXEC) {
			t->outcomes[i][rc >= 0 ? 0 : -rc < NR_ERRNOS ? -rc : NR_ERRNOS - 1]++;
			t->made++;
		}
		t->done++;
	}
	if (t->fail_nth >= 0)
		close(t->fail_nth);
	return NULL;
}

/* Turns a bit of a struct that a call is about to read, and turns it back */
static void *racer_main(void *arg)
{
	unsigned int nr = *(unsigned int *)arg, i;

	while (!stop) {
		bool any = false;

		for (i = 0; i < nr; i++) {
			uint32_t *word = threads[i].scratch.racing, mask = threads[i].scratch.race_mask;

			if (!word)
				continue;
			any = true;
			__atomic_xor_fetch(word, mask, __ATOMIC_RELAXED);
			relax();
			__atomic_xor_fetch(word, mask, __ATOMIC_RELAXED);
			relax();
		}
		if (!any)
			usleep(100);
	}
	return NULL;
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		note("%s: %s", path, strerror(errno));
	close(fd);
}

bool fuzz_can_fault(void)
{
	return !access("/sys/kernel/debug/failslab/ignore-gfp-wait", W_OK);
}

/* Of a kernel that can: whatever the thread asks for fails, and without a trace in the log */
static void faults_init(bool wanted)
{
	inject_faults = wanted && fuzz_can_fault();
	if (!inject_faults)
		return;
	write_text("/sys/kernel/debug/failslab/ignore-gfp-wait", "N");
	write_text("/sys/kernel/debug/failslab/verbose", "0");
	write_text("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N");
	write_text("/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem", "N");
	write_text("/sys/kernel/debug/fail_page_alloc/verbose", "0");
	write_text("/sys/kernel/debug/fail_usercopy/verbose", "0");
	write_text("/sys/kernel/debug/fail_iommufd/verbose", "0");
}

/* Wait for the threads, looking at what must not change. Returns the calls made. */
static unsigned long watch(unsigned int nr, unsigned long limit)
{
	double moved = now();
	unsigned long done = 0, before = 0;
	unsigned int i;

	for (;;) {
		usleep(100000);
		for (done = i = 0; i < nr; i++)
			done += threads[i].done;
		if (!dma_look())
			broken = true;
		if (done != before)
			moved = now();
		before = done;
		if (now() - moved > STUCK_SECONDS) {
			for (i = 0; i < nr; i++)
				note("thread %u has been in '%s'", i, threads[i].doing ?: "nothing");
			note("no call has ended for %d s", STUCK_SECONDS);
			broken = true;
			write_text("/proc/sysrq-trigger", "w");
			sleep(2);
			_exit(1); /* a thread that is stuck cannot be waited for */
		}
		if (broken || done >= limit)
			break;
	}
	stop = true;
	return done;
}

static void add_outcomes(unsigned int nr)
{
	unsigned int t, i, e;

	for (t = 0; t < nr; t++) {
		for (i = 0; i < nr_calls; i++) {
			for (e = 0; e < NR_ERRNOS; e++)
				outcomes[i][e] += threads[t].outcomes[i][e];
			seconds[i] += threads[t].seconds[i];
		}
	}
}

static bool nothing_left(void)
{
	FILE *f = fopen("/proc/iommufd", "re");
	char line[256];
	bool none = true;

	while (f && fgets(line, sizeof(line), f))
		none = none && strncmp(line, "context", 7);
	if (f)
		fclose(f);
	return none;
}

bool fuzz_run(const struct fuzz_options *options, unsigned long *made)
{
	struct sigaction act = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };
	unsigned int nr = options->threads, i;
	long long pinned = pages_pinned();
	bool good = true;
	pthread_t racer;
	struct call c;

	if (!nr_calls)
		collect_calls();
	sigaction(SIGBUS, &act, NULL);
	sigaction(SIGSEGV, &act, NULL);
	signal(SIGPIPE, SIG_IGN);
	fuzz_print = options->print;
	faults_init(options->faults);
	threads = calloc(nr, sizeof(*threads));
	by_children = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!threads || by_children == MAP_FAILED || pool_init() || memory_init() || dma_init()) {
		note("no memory to begin with");
		return false;
	}
	call_begin(&c, options->seed, MAX_THREADS, 0);
	pool_fill(&c);
	stop = false;
	fuzz_drawn = 0;
	for (i = 0; i < nr; i++) {
		struct thread *t = &threads[i];

		t->number = i;
		t->seed = options->seed;
		t->limit = (options->calls + i) / nr;
		if (scratch_init(&t->scratch, i)) {
			note("no memory for arguments");
			return false;
		}
		pthread_create(&t->id, NULL, thread_main, t);
	}
	pthread_create(&racer, NULL, racer_main, &nr);
	watch(nr, options->calls);
	for (i = 0, *made = 0; i < nr; i++) {
		pthread_join(threads[i].id, NULL);
		*made += threads[i].made;
		fuzz_faulted += threads[i].faulted;
		fuzz_drawn = fuzz_drawn * 0x100000001b3ULL + threads[i].drawn;
	}
	*made += *by_children;
	munmap(by_children, PAGE);
	pthread_join(racer, NULL);
	pool_end();
	memory_end();
	/* what engines still have to write */
	usleep(300000);
	good = dma_look();
	dma_end();
	add_outcomes(nr);
	for (i = 0; i < nr; i++)
		scratch_end(&threads[i].scratch);
	free(threads);

	/* the last references go a moment later */
	for (i = 0; i < 200 && (pages_pinned() != pinned || !nothing_left()); i++)
		usleep(50000);
	if (pages_pinned() != pinned) {
		note("seed %lu: %lld pages are still pinned", (unsigned long)options->seed,
		     pages_pinned() - pinned);
		good = false;
	}
	if (!nothing_left()) {
		note("seed %lu: a context is left", (unsigned long)options->seed);
		good = false;
	}
	return good && !broken;
}

unsigned int fuzz_never_ok(void)
{
	unsigned int never = 0, i;

	for (i = 0; i < nr_calls; i++)
		never += !outcomes[i][0] && !calls[i]->optional;
	return never;
}

void fuzz_figures(void)
{
	unsigned int i, e;

	for (i = 0; i < nr_calls; i++) {
		uint64_t total = 0;
		char line[700];
		int n;

		for (e = 0; e < NR_ERRNOS; e++)
			total += outcomes[i][e];
		n = snprintf(line, sizeof(line), "%-32s %7lu made %7.2f ms %7lu ok", calls[i]->name,
			     (unsigned long)total, total ? seconds[i] * 1000 / total : 0,
			     (unsigned long)outcomes[i][0]);
		for (e = 1; e < NR_ERRNOS && n < (int)sizeof(line) - 40; e++)
			if (outcomes[i][e])
				n += snprintf(line + n, sizeof(line) - n, ", %s %lu",
					      strerrorname_np(e) ?: "other",
					      (unsigned long)outcomes[i][e]);
		printf("# %s%s\n", line, !outcomes[i][0] && !calls[i]->optional ? "  <- never ok" : "");
	}
	fflush(stdout);
}
