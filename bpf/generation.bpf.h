/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The generations of the policy: the map that holds the one in force, and what every program needs to
 * look something up in it. What is in a generation stands in policy_abi.h.
 */
#ifndef GENERATION_BPF_H
#define GENERATION_BPF_H

/* Every generation's map has this shape, the number of entries is its own */
struct iolsm_generation {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(key_size, sizeof(struct iolsm_key)); /* clang keeps no types of an inner map */
	__uint(value_size, sizeof(union iolsm_value));
};

/* Written by the loader: slot 0 is the running policy */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct iolsm_generation);
} iolsm_policy SEC(".maps");

static __always_inline void clear(struct iolsm_key *key, __u32 dim)
{
	__builtin_memset(key, 0, sizeof(*key));
	key->dim = dim;
}

/* The tables in force; NULL: none, which nobody ought to see */
static __always_inline void *tables_in_force(void)
{
	__u32 slot = 0;

	return bpf_map_lookup_elem(&iolsm_policy, &slot);
}

/* The configuration of a generation. @key is lent by the caller: the stack has 512 bytes for all. */
static __always_inline struct iolsm_config *config_of(void *tables, struct iolsm_key *key)
{
	clear(key, 0);
	return bpf_map_lookup_elem(tables, key);
}

/* The effective user, with which files are opened; the helper of that name gives the real one */
static __always_inline __u32 current_euid(void)
{
	return BPF_CORE_READ(bpf_get_current_task_btf(), cred, euid.val);
}

#endif
