/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How often each rule of a policy decided, for `iommufd-lsm metrics`. Counts what the policy said, which
 * need not be what became of the request: other programs are asked, too.
 */
#ifndef HITS_BPF_H
#define HITS_BPF_H

/* Written by hits_count(); the loader removes those of policies that were replaced */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct iolsm_hit);
	__type(value, __u64);
} iolsm_hits SEC(".maps");

/* Without room nothing is counted: the verdict does not depend on it */
static __always_inline void hits_count(struct iommufd_lsm_request *req, struct iolsm_statement *said)
{
	struct iolsm_hit hit = {
		.generation = said->generation,
		.rule = said->rule,
		.op = req->op,
	};
	__u64 *count, one = 1;

	if (said->said != IOLSM_SAID_ALLOW && said->said != IOLSM_SAID_DENY)
		return;
	count = bpf_map_lookup_elem(&iolsm_hits, &hit);
	if (!count && !bpf_map_update_elem(&iolsm_hits, &hit, &one, BPF_NOEXIST))
		return;
	if (!count)
		count = bpf_map_lookup_elem(&iolsm_hits, &hit);
	if (count)
		__sync_fetch_and_add(count, 1);
}

#endif
