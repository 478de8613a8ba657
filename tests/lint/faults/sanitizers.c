// SPDX-License-Identifier: GPL-2.0
/* For `make lint`: mistakes that pass as tests when no sanitizer looks; the optimizer must not see them */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static volatile int four = 4;

Test(planted, address)
{
	int *planted = calloc(4, sizeof(*planted));

	memset(planted, 1, 4 * (size_t)four + 1);
	cr_expect_neq(planted[0], 0);
	free(planted);
}

Test(planted, undefined)
{
	volatile int sum = INT_MAX - 3;

	sum += four;
	cr_expect_lt(sum, 0);
}
