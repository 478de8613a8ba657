// SPDX-License-Identifier: GPL-2.0
/*
 * Random values of one call. Each call begins its own stream, made of the seed, the thread and the
 * number of the call.
 */
#include <stdarg.h>
#include <stdio.h>

#include "fuzz.h"

bool fuzz_print;

static uint64_t mix(uint64_t x)
{
	x ^= x >> 31;
	x *= 0x7fb5d329728ea185ULL;
	x ^= x >> 27;
	x *= 0x81dadef4bc2dd44dULL;
	x ^= x >> 33;
	return x;
}

void call_begin(struct call *c, uint64_t seed, unsigned int thread, uint64_t number)
{
	c->thread = thread;
	c->number = number;
	c->state = mix(mix(seed + 1) + mix(thread + 0x100000001ULL) + number * 0x9e3779b97f4a7c15ULL);
	c->child = false;
	c->length = 0;
	c->text[0] = 0;
}

uint64_t draw64(struct call *c)
{
	c->state += 0x9e3779b97f4a7c15ULL;
	return mix(c->state);
}

uint32_t draw(struct call *c, uint32_t below)
{
	return (draw64(c) >> 16) % below;
}

bool chance(struct call *c, unsigned int percent)
{
	return draw(c, 100) < percent;
}

uint64_t boundary(struct call *c)
{
	static const uint64_t values[] = {
		0, 1, 2, 7, 8, 2047, 2048, PAGE - 1, PAGE, PAGE + 1, 2 * MIB, MOCK_IOVA - 1, MOCK_IOVA,
		INT32_MAX, 1ULL << 31, UINT32_MAX, 1ULL << 32, (1ULL << 39) - PAGE, 1ULL << 39,
		(1ULL << 47) - PAGE, 1ULL << 48, INT64_MAX, 1ULL << 63, UINT64_MAX - PAGE,
		UINT64_MAX - PAGE + 1, UINT64_MAX - 1, UINT64_MAX,
	};

	return values[draw(c, sizeof(values) / sizeof(values[0]))];
}

void say(struct call *c, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (!fuzz_print || c->length >= sizeof(c->text))
		return;
	va_start(ap, fmt);
	n = vsnprintf(c->text + c->length, sizeof(c->text) - c->length, fmt, ap);
	va_end(ap);
	c->length += n > 0 ? n : 0;
}
