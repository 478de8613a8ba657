/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the core offers a test module, in the symbol namespace IOMMUFD_TEST: one ioctl of
 * /dev/iommu, objects of its own in a context, and a look at what the core keeps. Nothing in the
 * core depends on it; without a test module that ioctl does not exist.
 */
#ifndef IOMMUFD_TEST_INTERFACE_H
#define IOMMUFD_TEST_INTERFACE_H

#include "iommufd_private.h"

/* The number Linux's own selftest uses */
#define IOMMUFD_TEST_CMD _IO(IOMMUFD_TYPE, IOMMUFD_CMD_BASE + 32)

/* What of an argument the core copies in; the module checks the size it wants in ucmd->user_size */
struct iommufd_test_cmd {
	u32 size;
	u32 op;
	u8 rest[120];
};

/*
 * A test module. One at a time; the core holds a reference to the module while it runs a call of it
 * or keeps an object of it.
 */
struct iommufd_test_ops {
	struct module *owner;
	int (*execute)(struct iommufd_ucmd *ucmd);
};

int iommufd_test_register(const struct iommufd_test_ops *ops);
void iommufd_test_unregister(const struct iommufd_test_ops *ops);

/* The first member of a test module's object. destroy also says which kind of object it is. */
struct iommufd_test_object {
	struct iommufd_object obj;
	struct module *owner; /* a reference */
	void (*destroy)(struct iommufd_test_object *tobj);
};

void *iommufd_test_object_alloc_size(struct iommufd_ctx *ictx, size_t size, struct module *owner,
				     void (*destroy)(struct iommufd_test_object *tobj));

/* @type starts with its struct iommufd_test_object, called tobj */
#define iommufd_test_object_alloc(ictx, type, destroy)                                          \
	((type *)iommufd_test_object_alloc_size(ictx,                                           \
		sizeof(type) + BUILD_BUG_ON_ZERO(offsetof(type, tobj) != 0), THIS_MODULE, destroy))

void iommufd_test_object_finalize(struct iommufd_ctx *ictx, struct iommufd_test_object *tobj);
void iommufd_test_object_abort(struct iommufd_ctx *ictx, struct iommufd_test_object *tobj);
struct iommufd_test_object *
iommufd_test_object_get(struct iommufd_ctx *ictx, u32 id,
			void (*destroy)(struct iommufd_test_object *tobj));

void iommufd_test_put(struct iommufd_ctx *ictx, struct iommufd_object *obj);

struct iommufd_device *iommufd_test_device_bind(struct iommufd_ctx *ictx, struct device *dev,
						u32 *id);
struct device *iommufd_test_get_device(struct iommufd_ctx *ictx, u32 id,
				       struct iommufd_object **obj);
struct iommu_domain *iommufd_test_get_domain(struct iommufd_ctx *ictx, u32 id, bool nested,
					     struct iommufd_object **obj);
int iommufd_test_reserve_iova(struct iommufd_ctx *ictx, u32 ioas_id, unsigned long start,
			      unsigned long last);
void iommufd_test_limit_batch(unsigned int entries);

/* For the core: the ioctl, and the end of an object */
int iommufd_test_ioctl(struct iommufd_ucmd *ucmd);
void iommufd_test_destroy(struct iommufd_object *obj);

#endif
