// SPDX-License-Identifier: GPL-2.0
/*
 * iommufd_mistake.ko, for the harness's own tests only: loading it with make=NAME makes one mistake, of
 * a kind that a checker of the debug kernel must notice. So it is shown that each of them is at work
 * and that its report fails a scenario. It touches nothing but its own memory.
 */
#define pr_fmt(fmt) "iommufd_mistake: " fmt

#include <linux/delay.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

static char *make = "";
module_param(make, charp, 0444);
MODULE_PARM_DESC(make, "The mistake: use-after-free, lock-order, sleep, rcu, leak, list, refcount, shift");

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);
static DEFINE_SPINLOCK(atomic);
static int __rcu *shared;

static void use_after_free(void)
{
	int *p = kmalloc(64, GFP_KERNEL);

	if (!p)
		return;
	kfree(p);
	WRITE_ONCE(*p, READ_ONCE(*p) + 1);
}

static void lock_order(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);
	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static void sleep_in_atomic(void)
{
	spin_lock(&atomic);
	might_sleep();
	spin_unlock(&atomic);
}

static void rcu_without_lock(void)
{
	pr_info("%p\n", rcu_dereference(shared));
}

/* Several, because a forgotten register may still hold the last */
static void leak(void)
{
	for (int i = 0; i < 8; i++) {
		void *volatile p = kmalloc(192, GFP_KERNEL);

		p = NULL;
		(void)p;
	}
}

static void list_twice(void)
{
	struct list_head head, entry;

	INIT_LIST_HEAD(&head);
	list_add(&entry, &head);
	list_del(&entry);
	list_del(&entry);
}

static void refcount_underflow(void)
{
	refcount_t count = REFCOUNT_INIT(1);

	for (int i = 0; i < 2; i++) {
		if (refcount_dec_and_test(&count))
			pr_info("the last reference\n");
	}
}

static void shift_too_far(void)
{
	pr_info("%d\n", 1 << (32 + (int)strlen(make)));
}

static const struct {
	const char *name;
	void (*fn)(void);
} mistakes[] = {
	{ "use-after-free", use_after_free }, { "lock-order", lock_order },
	{ "sleep", sleep_in_atomic },	      { "rcu", rcu_without_lock },
	{ "leak", leak },		      { "list", list_twice },
	{ "refcount", refcount_underflow },   { "shift", shift_too_far },
};

static int __init mistake_init(void)
{
	for (int i = 0; i < ARRAY_SIZE(mistakes); i++) {
		if (strcmp(mistakes[i].name, make))
			continue;
		mistakes[i].fn();
		return 0;
	}
	pr_err("no mistake '%s'\n", make);
	return -EINVAL;
}

static void __exit mistake_exit(void)
{
}

module_init(mistake_init);
module_exit(mistake_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Tests: makes a mistake that the kernel's checkers must notice");
