// SPDX-License-Identifier: GPL-2.0
/*
 * Walks the table of group states that the core checks each change against (S3, S4, S5, S8, S10): every
 * state with every event, and every sequence of events a group can live through up to a length.
 */
#include <criterion/criterion.h>

#include "../../kmod/core/group_state.h"

static int next(int state, int event)
{
	return iommufd_group_next((enum iommufd_group_state)state, (enum iommufd_group_event)event);
}

/* What a group is to the outside, kept by hand next to the table */
struct model {
	int bound, attached;
};

/* Which events make sense, and what they do, said without the table */
static bool model_apply(struct model *m, int event)
{
	switch (event) {
	case IOMMUFD_GROUP_BIND:
		m->bound++;
		return true;
	case IOMMUFD_GROUP_ATTACH:
		if (m->attached == m->bound)
			return false;
		m->attached++;
		return true;
	case IOMMUFD_GROUP_MOVE:
		return m->attached > 0;
	case IOMMUFD_GROUP_DETACH:
		if (m->attached < 2)
			return false;
		m->attached--;
		return true;
	case IOMMUFD_GROUP_DETACH_LAST:
		if (m->attached != 1)
			return false;
		m->attached--;
		return true;
	case IOMMUFD_GROUP_UNBIND:
		if (m->bound < 2 || m->bound == m->attached)
			return false;
		m->bound--;
		return true;
	case IOMMUFD_GROUP_UNBIND_LAST:
		if (m->bound != 1 || m->attached)
			return false;
		m->bound--;
		return true;
	}
	return false;
}

static int model_state(const struct model *m)
{
	if (m->attached)
		return IOMMUFD_GROUP_TRANSLATED;
	return m->bound ? IOMMUFD_GROUP_BLOCKED : IOMMUFD_GROUP_UNCLAIMED;
}

/* All sequences: the table agrees with the counts of bound and attached devices at every step */
static unsigned long walk(int state, struct model m, int depth)
{
	unsigned long steps = 0;
	struct model after;
	int event;

	cr_assert_eq(state, model_state(&m));
	if (!depth || m.bound > 4)
		return 0;
	for (event = 0; event < IOMMUFD_GROUP_NR_EVENTS; event++) {
		after = m;
		if (!model_apply(&after, event))
			continue;
		cr_assert_neq(next(state, event), IOMMUFD_GROUP_REFUSED,
			      "state %d refuses event %d with %d bound, %d attached", state, event,
			      m.bound, m.attached);
		steps += 1 + walk(next(state, event), after, depth - 1);
	}
	return steps;
}

Test(group_state, every_sequence_matches_the_counts)
{
	cr_assert_gt(walk(IOMMUFD_GROUP_UNCLAIMED, (struct model){ 0, 0 }, 9), 10000UL);
}

Test(group_state, S4_only_a_bind_leaves_unclaimed_and_it_blocks)
{
	int event;

	for (event = 0; event < IOMMUFD_GROUP_NR_EVENTS; event++) {
		if (event == IOMMUFD_GROUP_BIND)
			cr_assert_eq(next(IOMMUFD_GROUP_UNCLAIMED, event), IOMMUFD_GROUP_BLOCKED);
		else
			cr_assert_eq(next(IOMMUFD_GROUP_UNCLAIMED, event), IOMMUFD_GROUP_REFUSED);
	}
}

Test(group_state, S8_translated_and_unclaimed_never_meet)
{
	int event;

	for (event = 0; event < IOMMUFD_GROUP_NR_EVENTS; event++) {
		cr_assert_neq(next(IOMMUFD_GROUP_UNCLAIMED, event), IOMMUFD_GROUP_TRANSLATED);
		cr_assert_neq(next(IOMMUFD_GROUP_TRANSLATED, event), IOMMUFD_GROUP_UNCLAIMED);
	}
	cr_assert_eq(next(IOMMUFD_GROUP_TRANSLATED, IOMMUFD_GROUP_MOVE), IOMMUFD_GROUP_TRANSLATED);
}

Test(group_state, S5_the_claim_ends_with_the_last_device_alone)
{
	int state, event;

	for (state = 0; state < IOMMUFD_GROUP_NR_STATES; state++)
		for (event = 0; event < IOMMUFD_GROUP_NR_EVENTS; event++)
			if (state != IOMMUFD_GROUP_UNCLAIMED &&
			    next(state, event) == IOMMUFD_GROUP_UNCLAIMED)
				cr_assert_eq(event, IOMMUFD_GROUP_UNBIND_LAST);
}

Test(group_state, S10_the_last_detach_blocks)
{
	cr_assert_eq(next(IOMMUFD_GROUP_TRANSLATED, IOMMUFD_GROUP_DETACH_LAST),
		     IOMMUFD_GROUP_BLOCKED);
}

Test(group_state, S3_operable_in_translated_alone)
{
	int state;

	for (state = 0; state < IOMMUFD_GROUP_NR_STATES; state++)
		cr_assert_eq(iommufd_group_operable((enum iommufd_group_state)state),
			     state == IOMMUFD_GROUP_TRANSLATED);
}

Test(group_state, every_state_has_a_name_of_its_own)
{
	int a, b;

	for (a = 0; a < IOMMUFD_GROUP_NR_STATES; a++)
		for (b = 0; b < a; b++)
			cr_assert_str_neq(iommufd_group_state_name((enum iommufd_group_state)a),
					  iommufd_group_state_name((enum iommufd_group_state)b));
}
