// SPDX-License-Identifier: GPL-2.0
/* For `make lint`: a condition that stands twice, which only gcc's further warnings see */
#include <linux/module.h>

static int planted(int a)
{
	if (a == 1)
		return 2;
	else if (a == 1)
		return 3;
	return 0;
}

static int __init planted_init(void)
{
	return planted(0);
}
module_init(planted_init);

MODULE_LICENSE("GPL");
