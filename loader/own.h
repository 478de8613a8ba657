/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the guard of the policy's own objects has to know about them and about this program. The guard is
 * bpf/guard_objects.bpf.h.
 */
#ifndef OWN_H
#define OWN_H

#include <linux/types.h>

#include "policy_abi.h"

/**
 * own_describe() - Describe this executable, the directory of the pins, and the map of the policy
 * @policy_fd: the map iolsm_policy
 * @own: out
 *
 * RUNTIME_DIR must be there.
 *
 * Return: 0 or a negative errno.
 */
int own_describe(int policy_fd, struct iolsm_own *own);

#endif
