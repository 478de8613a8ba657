/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What scenarios are written with: result lines, the calls of /dev/iommu and of device fds, the edu
 * device, processes of other identities, and the kernel's own figures. Plain wrappers: they hide
 * struct filling, never a result. Unless said otherwise a function returns 0 (or an fd) or a
 * negative errno.
 */
#ifndef VM_H
#define VM_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/iommufd.h>
#include <linux/vfio.h>

#include "iommufd_ext.h"

/* --- result lines (result.c) ------------------------------------------------------------------- */

/*
 * Each prints "ok WHAT" or "not ok WHAT: why" as one line, to stdout and, for its place among the
 * kernel's lines, to the kernel's log. WHAT is a format; begin it with the invariant's id. They
 * return whether it was ok. Children may use them: failures are counted in shared memory.
 */
#define CHECK(cond, ...) vm_check(!!(cond), #cond, __FILE__, __LINE__, __VA_ARGS__)
/* For counts and addresses */
#define CHECK_EQ(got, want, ...) \
	vm_check_eq((long long)(got), (long long)(want), false, #got, __FILE__, __LINE__, __VA_ARGS__)
/* For results of the functions below: 0 or a negative errno, which a failure spells out */
#define CHECK_RC(got, want, ...) \
	vm_check_eq((long long)(got), (long long)(want), true, #got, __FILE__, __LINE__, __VA_ARGS__)
/* For what must hold for the rest to make sense: as CHECK, and ends the process when it does not */
#define REQUIRE(cond, ...)                              \
	do {                                            \
		if (!CHECK(cond, __VA_ARGS__))          \
			vm_give_up();                   \
	} while (0)
#define REQUIRE_RC(got, want, ...)                      \
	do {                                            \
		if (!CHECK_RC(got, want, __VA_ARGS__))  \
			vm_give_up();                   \
	} while (0)

bool vm_check(bool ok, const char *expr, const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
bool vm_check_eq(long long got, long long want, bool is_errno, const char *expr, const char *file,
		 int line, const char *fmt, ...) __attribute__((format(printf, 7, 8)));
void vm_give_up(void) __attribute__((noreturn));

/* A line that is no result: "# ..." */
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The exit status for main(): 0 if something was checked and nothing failed */
int checks_done(void);

/* --- /dev/iommu (iommu.c) ---------------------------------------------------------------------- */

int iommu_open(void);
/* Any ioctl, for arguments the wrappers would not build */
int iommu_call(int fd, unsigned long request, void *arg);

int ioas_alloc(int iommufd, uint32_t *id);
int ioas_name(int iommufd, uint32_t id, const char *name);
/* At a fixed IOVA, readable and writable */
int ioas_map(int iommufd, uint32_t id, void *va, uint64_t length, uint64_t iova);
/* flags of IOMMU_IOAS_MAP; without FIXED_IOVA the kernel chooses and writes *iova */
int ioas_map_flags(int iommufd, uint32_t id, void *va, uint64_t length, uint64_t *iova,
		   uint32_t flags);
/* unmapped may be NULL */
int ioas_unmap(int iommufd, uint32_t id, uint64_t iova, uint64_t length, uint64_t *unmapped);
/* To a fixed IOVA, readable and writable */
int ioas_copy(int iommufd, uint32_t dst, uint64_t dst_iova, uint32_t src, uint64_t src_iova,
	      uint64_t length);
int hwpt_alloc(int iommufd, uint32_t dev_id, uint32_t ioas_id, uint32_t *hwpt_id);
int object_destroy(int iommufd, uint32_t id);

/* --- memory (memory.c) --------------------------------------------------------------------------- */

/* Anonymous memory, touched, each byte set to fill */
void *memory(size_t length, int fill);

/*
 * Memory whose faults this process answers itself, or does not: then who touches it waits until he is killed. A
 * userfaultfd, or -errno; it never waits.
 */
int stalling_open(void);
/* Let a page that was mapped and never touched be of it */
int stalling_from(int uffd, void *page);
/* A new page of it, or NULL */
void *stalling_page(int uffd);
/* How many threads have begun to wait since last asked; waits for one */
int stalling_wait(int uffd, int milliseconds);
/* Let those go on who wait for a page: it holds content, 4096 bytes */
int stalling_answer(int uffd, void *page, const void *content);

/* A call that waits inside the driver for such a page: 64 bytes of config space read, or the command register written */
struct stalled_call {
	int fd;      /* the device, given */
	bool writes; /* given */
	void *page;
	pthread_t thread;
	volatile ssize_t result;
	volatile int error;
	volatile bool done;
};

/* Begin it, from a thread. Returns 0 when it waits. */
int stalled_call_begin(struct stalled_call *call, int uffd);

/* --- PCI devices (device.c) --------------------------------------------------------------------- */

/* In every guest; also in guest/lib/guest.sh */
#define VM_EDU "0000:01:00.0"    /* a group of its own */
#define VM_EDU2 "0000:02:00.0"   /* likewise */
#define VM_NIC "0000:03:00.0"    /* e1000e */
#define VM_NVME "0000:04:00.0"
#define VM_BRIDGE "0000:05:00.0" /* PCIe to PCI, one group with the two behind it: */
#define VM_PAIR1 "0000:06:01.0"  /* edu */
#define VM_PAIR2 "0000:06:02.0"  /* edu */
#define VM_DRIVER "iommufd-vfio-pci"

/* Give a device to a driver by driver_override, taking it from the one it has; "" to none */
int pci_bind(const char *address, const char *driver);
/* The driver a device has, "" if none; a static buffer */
const char *pci_driver(const char *address);
int pci_group(const char *address);
/* Its /dev/vfio/devices/vfioN; -ENODEV if it has none */
int pci_node(const char *address, char *path, size_t size);

/* The fd of a device that has our driver */
int device_open(const char *address);
int device_bind(int fd, int iommufd, uint32_t *dev_id);
/* pt_id: an IOAS or HWPT; also moves. Writes the HWPT in use to *hwpt_id unless that is NULL */
int device_attach(int fd, uint32_t pt_id, uint32_t *hwpt_id);
int device_detach(int fd);
int device_claim_info(int fd, struct iommufd_device_claim_info *info);
int device_region(int fd, uint32_t index, struct vfio_region_info *info);
/* MAP_FAILED and errno, as mmap; size may be NULL */
void *device_map_bar(int fd, uint32_t index, size_t *size);
int device_config_read(int fd, unsigned int offset, void *buf, size_t length);
int device_config_write(int fd, unsigned int offset, const void *buf, size_t length);
/* Memory access and bus mastering in the command register */
int device_enable(int fd, bool memory, bool master);
int device_hot_reset(int fd);
/* The same with the fd of a legacy group, as stock VFIO wants it */
int device_hot_reset_with(int fd, int other);

/* --- beside a device fd (vfio.c) ------------------------------------------------------------------ */

/* The command register as the host sees it in sysfs, or a negative errno */
int pci_command(const char *address);
int pci_command_set(const char *address, uint16_t command);
/* Have an interrupt (VFIO_PCI_MSI_IRQ_INDEX...) signal an eventfd; -1 ends that */
int device_irq_set(int fd, uint32_t index, int eventfd);
/* What else can be done with one: VFIO_IRQ_SET_* in flags; eventfd with DATA_EVENTFD alone */
int device_irq_action(int fd, uint32_t index, uint32_t flags, int eventfd);
/* As device_irq_set() with a new eventfd, which does not block; returns it */
int device_irq(int fd, uint32_t index);
/* What poll(2) says of a device fd: its events, 0 none in time */
int poll_events(int fd, int milliseconds);
/* CHECKs that every call on a device fd says that it was taken away */
void expect_dead(int fd, int iommufd, uint32_t ioas, const char *when);

/* --- a device by stock VFIO: what there is without this project (legacy.c) ------------------------- */

struct legacy {
	int container, group;
};

/* A container with the group of a device of vfio-pci's, and type1; modprobe vfio-pci, vfio_iommu_type1 first */
int legacy_open(struct legacy *l, const char *address);
/* The device fd, by a PCI address and what vfio takes behind it; operable at once */
int legacy_device(struct legacy *l, const char *name);
int legacy_map(struct legacy *l, void *va, uint64_t length, uint64_t iova);
void legacy_close(struct legacy *l);

/* --- the edu device (edu.c) ----------------------------------------------------------------------- */

#define EDU_IDENT 0x010000edu
#define EDU_RAISE_IRQ 0x60   /* the register by which it raises one */
#define EDU_BUFFER_SIZE 4095 /* of the device's own buffer, what one transfer may reach */

struct edu {
	int fd;                 /* borrowed */
	volatile uint8_t *bar;
	size_t bar_size;
};

/* fd: an attached device. Maps BAR 0, enables memory access and bus mastering, checks the ident */
int edu_init(struct edu *edu, int fd);
void edu_exit(struct edu *edu);
/*
 * One transfer, at most EDU_BUFFER_SIZE bytes: pull from iova into the device's buffer at offset, push
 * the other way. They wait until the device says it is done, which it also says after a fault: what
 * arrived is for the caller to compare. -ETIMEDOUT when it never says so.
 */
int edu_pull(struct edu *edu, uint64_t iova, uint32_t offset, uint32_t length);
int edu_push(struct edu *edu, uint64_t iova, uint32_t offset, uint32_t length);
/* Start one and return; the device needs about 100 ms for it */
void edu_start(struct edu *edu, uint64_t src, uint64_t dst, uint32_t length, bool to_memory);
bool edu_busy(struct edu *edu);
uint32_t edu_read(struct edu *edu, unsigned int reg);
void edu_write(struct edu *edu, unsigned int reg, uint32_t value);

/* A device that is ready for DMA in one call: driver, open, bind, attach, edu_init */
struct edu_setup {
	struct edu edu;
	int fd;
	uint32_t dev_id;
};
int edu_setup(struct edu_setup *setup, const char *address, int iommufd, uint32_t pt_id);
void edu_teardown(struct edu_setup *setup);

/* --- processes (process.c) ------------------------------------------------------------------------ */

/* Read 32 bits: 0, or the signal (SIGBUS, SIGSEGV) the touch raised */
int touch(const volatile void *address, uint32_t *value);
/* Likewise for a write */
int touch_write(volatile void *address, uint32_t value);

/* A child runs fn(arg) as uid and gid; its exit status, or 128 + the signal that ended it */
int run_as(uid_t uid, int (*fn)(void *arg), void *arg);
/* A child executes a program: exit status as above */
int run_program(const char *path, char *const argv[]);
/* system(3) with the exit status as above */
int run_shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The running program under another path: to a policy, another program */
int copy_self(const char *path);
int send_fd(int socket, int fd);
int receive_fd(int socket);
/* 0, or -ETIMEDOUT */
int wait_readable(int fd, int milliseconds);

/* Write text to an existing file, in one write */
int write_file(const char *path, const char *text);
/* Write yaml to a file and have the loader load it: its exit status */
int load_policy(const char *yaml);
/* For what is not about policy: allow what no policy decides */
int default_allow(void);

/* --- the kernel's figures (figures.c) ----------------------------------------------------------------- */

/* A kB figure of /proc/PID/status ("VmPin", "VmLck"); pid 0: this process; -1: no such line */
long process_kb(pid_t pid, const char *key);
/* A line of /proc/vmstat, -1 if there is none */
long long vmstat(const char *name);
/* Pages pinned in the whole system now */
long long pages_pinned(void);
/*
 * Find the line that begins with the word `what` and has all the words in match ("address=... attached=1",
 * at spaces), and copy the value of key=... from it. /proc/iommufd is written so. False if there is no such line or key; key NULL: only look for the line.
 */
bool proc_find(const char *path, const char *what, const char *match, const char *key, char *value,
	       size_t size);
/* The same as a number, -1 if not there */
long long proc_number(const char *path, const char *what, const char *match, const char *key);
/*
 * A counter of /proc/iommufd_lsm: op as a policy spells it ("attach"), outcome "asked", "granted", "denied",
 * "default_allowed" or "default_denied"; op NULL: the number of requests since the module was loaded
 */
long long hook_count(const char *op, const char *outcome);
/* How many lines of the kernel's log since the last klog_mark() contain text */
int klog_count(const char *text);
void klog_mark(void);
/* A number from the environment of tests/vm/run, whose VM_... variables come along */
long vm_number(const char *name, long otherwise);
/* How many times slower than usual the guest is: 1, or more on a kernel with checkers */
long vm_slowness(void);

/*
 * For a loop that waits or races: an emulated processor makes room for the others here, which all run in one
 * thread of the host (tests/vm/boot), and are otherwise changed at every few thousand instructions only.
 */
static inline void relax(void)
{
	__builtin_ia32_pause();
}

#endif
