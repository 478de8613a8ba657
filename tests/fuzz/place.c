// SPDX-License-Identifier: GPL-2.0
/*
 * Where the struct of a call stands, and how it is bent: sizes that are wrong, words at a boundary,
 * bits turned; at the end of what is mapped, in memory that cannot be written, in a huge page,
 * nowhere; changed by another thread while the call runs.
 */
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

__thread struct scratch *scratch;
__thread sigjmp_buf touch_env;
__thread bool touching;

int scratch_init(struct scratch *s, unsigned int number)
{
	int fd = memfd_create("arguments", MFD_CLOEXEC);
	char *room = (char *)SCRATCH_AT + number * 256 * MIB;

	if (fd < 0 || ftruncate(fd, 2 * PAGE))
		return -ENOMEM;
	s->rw = mmap(room, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0);
	s->ro = mmap(room + 4 * PAGE, 2 * PAGE, PROT_READ, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0);
	close(fd);
	s->huge = mmap(room + 4 * MIB, 2 * MIB, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (s->rw == MAP_FAILED || s->ro == MAP_FAILED || s->huge == MAP_FAILED)
		return -ENOMEM;
	madvise(s->huge, 2 * MIB, MADV_HUGEPAGE);
	memset(s->huge, 0, PAGE);
	return 0;
}

void scratch_end(struct scratch *s)
{
	munmap(s->rw, 2 * PAGE);
	munmap(s->ro, 2 * PAGE);
	munmap(s->huge, 2 * MIB);
}

int told(struct call *c, long rc)
{
	rc = rc < 0 ? -errno : rc;
	if (rc < 0)
		say(c, " = -%s", strerrorname_np(-rc) ?: "?");
	else
		say(c, " = %ld", rc);
	return rc > INT32_MAX ? INT32_MAX : (int)rc;
}

static void show(struct call *c, const void *arg, size_t size)
{
	const uint32_t *words = arg;
	size_t i;

	for (i = 0; i < size / 4 && i < 20; i++)
		say(c, "%s%x", i ? " " : "{", words[i]);
	say(c, "}");
}

/* Returns the bytes that the struct has now, for it may be longer */
static size_t bend(struct call *c, char *arg, size_t size)
{
	static const uint32_t sizes[] = { 0, 1, 4, 7, 8, PAGE, PAGE + 1, INT32_MAX, UINT32_MAX };
	size_t words = size / 4;
	uint64_t value;
	uint32_t said;

	switch (draw(c, 8)) {
	case 0: /* its size, or what stands first */
		said = chance(c, 50) ? sizes[draw(c, 9)] : size + draw(c, 24) - 12;
		memcpy(arg, &said, 4);
		break;
	case 1: /* longer, with nothing behind, or something */
		said = size + 8 + draw(c, 32);
		memcpy(arg, &said, 4);
		memset(arg + size, chance(c, 60) ? 0 : 1, said - size);
		return said;
	case 2:
		memset(arg + 4, 0, size - 4);
		break;
	case 3:
		memset(arg + (chance(c, 70) ? 4 : 0), 0xff, size - 4);
		break;
	case 4: case 5: /* a word of 32 bits, one of 64 */
		value = boundary(c);
		memcpy(arg + draw(c, words) * 4, &value, 4);
		break;
	case 6:
		value = boundary(c);
		if (words >= 4)
			memcpy(arg + draw(c, words / 2) * 8, &value, 8);
		break;
	default:
		arg[draw(c, size)] ^= 1 << draw(c, 8);
	}
	return size;
}

static void *place(struct call *c, size_t size, bool *readable)
{
	*readable = true;
	switch (draw(c, 40)) {
	case 0:
		*readable = false;
		return NULL;
	case 1:
		*readable = false;
		return (void *)0xffff888000000000UL;
	case 2:
		/* its end is not there */
		*readable = false;
		return scratch->rw + 2 * PAGE - draw(c, size);
	case 3: case 4: case 5:
		return scratch->ro + draw(c, 64) * 8;
	case 6: case 7:
		return scratch->huge + 2 * MIB - size;
	case 8: case 9: case 10:
		return scratch->rw + PAGE - draw(c, size); /* over two pages, at any byte */
	default:
		return scratch->rw + 2 * PAGE - size; /* nothing behind it */
	}
}

int struct_call(struct call *c, int fd, unsigned long request, void *arg, size_t size)
{
	char copy[ARG_ROOM];
	bool readable, race;
	char *at, *write_at;
	size_t length = size;
	int rc;

	memcpy(copy, arg, size);
	if (chance(c, 15))
		length = bend(c, copy, size);
	at = chance(c, 20) ? place(c, length, &readable) : scratch->rw + 2 * PAGE - length;
	if (at >= scratch->ro && at < scratch->ro + 2 * PAGE)
		write_at = scratch->rw + (at - scratch->ro);
	else
		write_at = at;
	readable = (write_at >= scratch->rw && write_at + length <= scratch->rw + 2 * PAGE) ||
		   (at >= scratch->huge && at + length <= scratch->huge + 2 * MIB);
	if (readable)
		memcpy(write_at, copy, length);
	else if (write_at >= scratch->rw && write_at < scratch->rw + 2 * PAGE)
		memcpy(write_at, copy, scratch->rw + 2 * PAGE - write_at);
	race = chance(c, 5) && readable && !c->child;
	if (race) {
		scratch->race_mask = 1U << draw(c, 32);
		scratch->racing = (uint32_t *)(write_at + draw(c, length / 4) * 4);
	}
	say(c, " fd %d%s%s ", fd, race ? " racing" : "",
	    !readable ? " unreadable" : write_at != at ? " readonly" : "");
	show(c, copy, length);
	rc = told(c, ioctl(fd, request, at));
	if (race)
		scratch->racing = NULL;
	if (readable)
		memcpy(arg, write_at, size);
	return rc;
}

int exact_call(struct call *c, int fd, unsigned long request, void *arg, size_t size)
{
	int rc;

	say(c, " fd %d ", fd);
	show(c, arg, size);
	rc = told(c, ioctl(fd, request, arg));
	return rc;
}

void *data_place(struct call *c, size_t size)
{
	bool readable;

	if (size > PAGE)
		size = PAGE;
	return chance(c, 15) ? place(c, size ?: 1, &readable) : scratch->rw;
}
