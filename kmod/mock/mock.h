/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the mock share: its devices, its domains, and the functions that serve the test
 * calls.
 */
#ifndef IOMMUFD_MOCK_H
#define IOMMUFD_MOCK_H

#include <linux/iommu.h>
#include <linux/rwsem.h>
#include <linux/sizes.h>

#include "mock_abi.h"
#include "test_interface.h"

struct platform_device;

/* The selftest knows these: a page below the CPU's, a huge page, and where a device can reach */
#define MOCK_PAGE_SIZE      (PAGE_SIZE / 2)
#define MOCK_HUGE_PAGE_SIZE (512 * MOCK_PAGE_SIZE)
#define MOCK_APERTURE_START (1UL << 24)
#define MOCK_APERTURE_LAST  ((1UL << 31) - 1)
#define MOCK_PASID_BITS     20

/*
 * A software device. Made and owned by the test object of a MOCK_DOMAIN call. translation
 * serialises what changes its translation, as a driver of a device must, against faults that it
 * reports.
 */
struct mock_device {
	struct platform_device *pdev;
	u32 flags;
	struct rw_semaphore translation;
};

/* device.c: the devices and the IOMMU they sit behind */
int mock_iommu_init(void);
void mock_iommu_exit(void);
struct mock_device *mock_device_create(u32 flags);
void mock_device_destroy(struct mock_device *mdev);
struct mock_device *to_mock_device(struct device *dev);
int mock_domain_op(struct iommufd_ucmd *ucmd);
int mock_domain_replace_op(struct iommufd_ucmd *ucmd);
int mock_trigger_iopf_op(struct iommufd_ucmd *ucmd);

/* domain.c: what a device reads and writes through */
extern const struct iommu_domain_ops mock_paging_ops;
struct iommu_domain *mock_paging_alloc(u32 device_flags, bool dirty_tracking);
bool mock_paging_lookup(struct iommu_domain *domain, unsigned long iova, phys_addr_t *phys);
bool mock_paging_tracks(struct iommu_domain *domain);
bool mock_paging_mark_dirty(struct iommu_domain *domain, unsigned long iova);
int mock_attach(struct iommu_domain *domain, struct device *dev);

/* nested.c */
struct iommu_domain *mock_nested_alloc(struct iommu_domain *parent,
				       const struct iommu_user_data *data);
int mock_check_iotlb_op(struct iommufd_ucmd *ucmd);

/* memory.c: is what a device would see what the process sees? */
struct page *mock_get_page(unsigned long uaddr);
int mock_check_map_op(struct iommufd_ucmd *ucmd);
int mock_check_refs_op(struct iommufd_ucmd *ucmd);
int mock_dirty_op(struct iommufd_ucmd *ucmd);

/* access.c */
int mock_create_access_op(struct iommufd_ucmd *ucmd);
int mock_access_replace_op(struct iommufd_ucmd *ucmd);
int mock_access_pages_op(struct iommufd_ucmd *ucmd);
int mock_destroy_access_pages_op(struct iommufd_ucmd *ucmd);
int mock_access_rw_op(struct iommufd_ucmd *ucmd);

/* main.c */
bool mock_should_fail(void);

#endif
