// SPDX-License-Identifier: GPL-2.0
/*
 * Walks the map of counters.
 */
#include "hits.h"

#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "runtime.h"

#define HITS RUNTIME_ACTIVE "/maps/iolsm_hits"

int hits_each(uint64_t generation,
	      void (*function)(uint32_t rule, uint32_t op, uint64_t count, void *data), void *data)
{
	int fd = bpf_obj_get(HITS);
	struct iolsm_hit hit;
	bool begun = false;
	uint64_t count;

	if (fd < 0)
		return -errno;
	/* If the entry before is removed meanwhile, the kernel begins anew: nothing of this policy is */
	while (!bpf_map_get_next_key(fd, begun ? &hit : NULL, &hit)) {
		begun = true;
		if (hit.generation == generation && !bpf_map_lookup_elem(fd, &hit, &count))
			function(hit.rule, hit.op, count, data);
	}
	close(fd);
	return 0;
}

void hits_forget(uint64_t generation)
{
	int fd = bpf_obj_get(HITS);
	struct iolsm_hit hit, next;
	bool more;

	if (fd < 0)
		return;
	more = !bpf_map_get_next_key(fd, NULL, &next);
	while (more) {
		hit = next;
		more = !bpf_map_get_next_key(fd, &hit, &next);
		if (hit.generation < generation)
			bpf_map_delete_elem(fd, &hit);
	}
	close(fd);
}
