/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Names that the selftest of Debian's 6.12 kernels uses and the headers of the same source lack, as later
 * kernels define them. Included before the selftest's files, which stay as they are; README.md says
 * which lines need which name.
 */
#ifndef UPSTREAM_LATER_NAMES_H
#define UPSTREAM_LATER_NAMES_H

/* IOMMU_GET_HW_INFO: ask for information of one type, with a flag, in the field that answers the type */
#define IOMMU_HW_INFO_TYPE_DEFAULT    0
#define IOMMU_HW_INFO_FLAG_INPUT_TYPE (1 << 0)
#define in_data_type                  out_data_type

/* A mock device that has PASIDs, and how many bits of them */
#define MOCK_FLAGS_DEVICE_PASID (1 << 2)
#define MOCK_PASID_WIDTH        20

#endif
