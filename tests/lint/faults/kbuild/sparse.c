// SPDX-License-Identifier: GPL-2.0
/* For `make lint`: an address of user space read as the kernel's, which only sparse sees */
#include <linux/module.h>
#include <linux/types.h>

int planted_read(const int __user *from);

int planted_read(const int __user *from)
{
	return *from;
}

MODULE_LICENSE("GPL");
