/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The states of an IOMMU group in this project and what may follow what, as one table that both the
 * core and a unit test walk. Pure: no kernel, no allocation, no lock.
 */
#ifndef IOMMUFD_GROUP_STATE_H
#define IOMMUFD_GROUP_STATE_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#endif

/* Who translates the DMA of the group's devices */
enum iommufd_group_state {
	IOMMUFD_GROUP_UNCLAIMED,  /* the kernel: no context owns the group */
	IOMMUFD_GROUP_BLOCKED,    /* nobody: a context owns it, all DMA is refused */
	IOMMUFD_GROUP_TRANSLATED, /* one HWPT of the owning context */
	IOMMUFD_GROUP_NR_STATES
};

enum iommufd_group_event {
	IOMMUFD_GROUP_BIND,        /* a device joins the context, the first one claims the group */
	IOMMUFD_GROUP_ATTACH,      /* a bound device attaches */
	IOMMUFD_GROUP_MOVE,        /* all attached devices move to another HWPT */
	IOMMUFD_GROUP_DETACH,      /* an attached device detaches, others stay attached */
	IOMMUFD_GROUP_DETACH_LAST, /* the last attached device detaches */
	IOMMUFD_GROUP_UNBIND,      /* a detached device leaves the context, others stay */
	IOMMUFD_GROUP_UNBIND_LAST, /* the last bound device leaves: the claim ends */
	IOMMUFD_GROUP_NR_EVENTS
};

/* No such transition: the event must not happen in that state */
#define IOMMUFD_GROUP_REFUSED (-1)

/**
 * iommufd_group_next() - The state a group is in after an event
 * @state: before it
 * @event: what succeeded; an event that fails leaves the state as it was
 *
 * Note what cannot be said here: there is no way from UNCLAIMED to TRANSLATED or back that does not
 * pass BLOCKED, and none out of a claim while something is attached.
 *
 * Return: enum iommufd_group_state, or IOMMUFD_GROUP_REFUSED.
 */
static inline int iommufd_group_next(enum iommufd_group_state state, enum iommufd_group_event event)
{
	enum { NO = IOMMUFD_GROUP_REFUSED, UNC = IOMMUFD_GROUP_UNCLAIMED,
	       BLK = IOMMUFD_GROUP_BLOCKED, TRA = IOMMUFD_GROUP_TRANSLATED };
	static const signed char table[IOMMUFD_GROUP_NR_STATES][IOMMUFD_GROUP_NR_EVENTS] = {
		/*                              BIND ATTACH MOVE DETACH D_LAST UNBIND U_LAST */
		[IOMMUFD_GROUP_UNCLAIMED]  = { BLK,  NO,    NO,  NO,    NO,    NO,    NO  },
		[IOMMUFD_GROUP_BLOCKED]    = { BLK,  TRA,   NO,  NO,    NO,    BLK,   UNC },
		[IOMMUFD_GROUP_TRANSLATED] = { TRA,  TRA,   TRA, TRA,   BLK,   TRA,   NO  },
	};

	return table[state][event];
}

/* Whether a device of a group in @state may be operable at all (S2, S3) */
static inline bool iommufd_group_operable(enum iommufd_group_state state)
{
	return state == IOMMUFD_GROUP_TRANSLATED;
}

static inline const char *iommufd_group_state_name(enum iommufd_group_state state)
{
	static const char *const names[IOMMUFD_GROUP_NR_STATES] = {
		"unclaimed", "blocked", "translated",
	};

	return names[state];
}

#endif
