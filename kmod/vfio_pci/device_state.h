/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The states of a device fd and what each event does in each of them, as a table and nothing else.
 * Plain C, so that a unit test walks the same table the module runs by. What has to be done on a
 * way from one state to another is in control.c.
 */
#ifndef IOMMUFD_VFIO_PCI_DEVICE_STATE_H
#define IOMMUFD_VFIO_PCI_DEVICE_STATE_H

#ifdef __KERNEL__
#include <linux/errno.h>
#else
#include <errno.h>
#endif

enum ivp_state {
	IVP_CLOSED,   /* nobody has the device open */
	IVP_INERT,    /* open, belongs to no context */
	IVP_BOUND,    /* its group belongs to a context, never attached yet */
	IVP_OPERABLE, /* attached: the only state in which the device can be touched */
	IVP_QUIET,    /* detached again: silent and reset, attach makes it operable */
	IVP_REVOKED,  /* taken away from the holder; only closing is left */
	IVP_NR_STATES
};

enum ivp_event {
	IVP_OPEN,    /* open() of the node */
	IVP_BIND,    /* VFIO_DEVICE_BIND_IOMMUFD */
	IVP_ATTACH,  /* VFIO_DEVICE_ATTACH_IOMMUFD_PT, a move where it is attached */
	IVP_DETACH,  /* VFIO_DEVICE_DETACH_IOMMUFD_PT */
	IVP_USE,     /* read, write, mmap, every other ioctl, touching a BAR mapping */
	IVP_ASK,     /* IOMMUFD_DEVICE_CLAIM_INFO */
	IVP_REVOKE,  /* the driver is unbound, the device is gone, the operator wants it back */
	IVP_RELEASE, /* the last reference to the open file is gone */
	IVP_NR_EVENTS
};

/*
 * The outcome of an event: rc 0 and the state that follows when what the event asks for succeeded
 * (where it failed, the state stays), or the errno that refuses it at once. known is set in every
 * cell, so that a forgotten one shows.
 */
struct ivp_outcome {
	unsigned char known;
	unsigned char next; /* enum ivp_state */
	short rc;
};

#define IVP_GO(state)         { 1, IVP_##state, 0 }
#define IVP_NO(state, errno_) { 1, IVP_##state, -(errno_) }

/*
 * EBADF marks what cannot happen: without an open file nobody can call. A device fd that is not
 * operable answers EINVAL, as Linux's does before its bind; one that was revoked answers EIO.
 */
static const struct ivp_outcome ivp_outcomes[IVP_NR_STATES][IVP_NR_EVENTS] = {
	[IVP_CLOSED] = {
		[IVP_OPEN] = IVP_GO(INERT),
		[IVP_BIND] = IVP_NO(CLOSED, EBADF),
		[IVP_ATTACH] = IVP_NO(CLOSED, EBADF),
		[IVP_DETACH] = IVP_NO(CLOSED, EBADF),
		[IVP_USE] = IVP_NO(CLOSED, EBADF),
		[IVP_ASK] = IVP_NO(CLOSED, EBADF),
		[IVP_REVOKE] = IVP_GO(CLOSED),
		[IVP_RELEASE] = IVP_NO(CLOSED, EBADF),
	},
	[IVP_INERT] = {
		[IVP_OPEN] = IVP_NO(INERT, EBUSY),
		[IVP_BIND] = IVP_GO(BOUND),
		[IVP_ATTACH] = IVP_NO(INERT, EINVAL),
		[IVP_DETACH] = IVP_NO(INERT, EINVAL),
		[IVP_USE] = IVP_NO(INERT, EINVAL),
		[IVP_ASK] = IVP_GO(INERT),
		[IVP_REVOKE] = IVP_GO(REVOKED),
		[IVP_RELEASE] = IVP_GO(CLOSED),
	},
	[IVP_BOUND] = {
		[IVP_OPEN] = IVP_NO(BOUND, EBUSY),
		[IVP_BIND] = IVP_NO(BOUND, EINVAL),
		[IVP_ATTACH] = IVP_GO(OPERABLE),
		[IVP_DETACH] = IVP_NO(BOUND, EINVAL),
		[IVP_USE] = IVP_NO(BOUND, EINVAL),
		[IVP_ASK] = IVP_GO(BOUND),
		[IVP_REVOKE] = IVP_GO(REVOKED),
		[IVP_RELEASE] = IVP_GO(CLOSED),
	},
	[IVP_OPERABLE] = {
		[IVP_OPEN] = IVP_NO(OPERABLE, EBUSY),
		[IVP_BIND] = IVP_NO(OPERABLE, EINVAL),
		[IVP_ATTACH] = IVP_GO(OPERABLE),
		[IVP_DETACH] = IVP_GO(QUIET),
		[IVP_USE] = IVP_GO(OPERABLE),
		[IVP_ASK] = IVP_GO(OPERABLE),
		[IVP_REVOKE] = IVP_GO(REVOKED),
		[IVP_RELEASE] = IVP_GO(CLOSED),
	},
	[IVP_QUIET] = {
		[IVP_OPEN] = IVP_NO(QUIET, EBUSY),
		[IVP_BIND] = IVP_NO(QUIET, EINVAL),
		[IVP_ATTACH] = IVP_GO(OPERABLE),
		[IVP_DETACH] = IVP_NO(QUIET, EINVAL),
		[IVP_USE] = IVP_NO(QUIET, EINVAL),
		[IVP_ASK] = IVP_GO(QUIET),
		[IVP_REVOKE] = IVP_GO(REVOKED),
		[IVP_RELEASE] = IVP_GO(CLOSED),
	},
	[IVP_REVOKED] = {
		[IVP_OPEN] = IVP_NO(REVOKED, EBUSY),
		[IVP_BIND] = IVP_NO(REVOKED, EIO),
		[IVP_ATTACH] = IVP_NO(REVOKED, EIO),
		[IVP_DETACH] = IVP_NO(REVOKED, EIO),
		[IVP_USE] = IVP_NO(REVOKED, EIO),
		[IVP_ASK] = IVP_NO(REVOKED, EIO),
		[IVP_REVOKE] = IVP_GO(REVOKED),
		[IVP_RELEASE] = IVP_GO(CLOSED),
	},
};

#undef IVP_GO
#undef IVP_NO

/* Return: 0 if @event may be tried in @state, or the errno that refuses it. */
static inline int ivp_state_may(enum ivp_state state, enum ivp_event event)
{
	return ivp_outcomes[state][event].rc;
}

/* Return: the state after @event succeeded in @state; @state itself where it is refused. */
static inline enum ivp_state ivp_state_after(enum ivp_state state, enum ivp_event event)
{
	return ivp_outcomes[state][event].next;
}

/* Return: whether the device belongs to a context in @state. */
static inline int ivp_state_is_bound(enum ivp_state state)
{
	return state == IVP_BOUND || state == IVP_OPERABLE || state == IVP_QUIET;
}

static inline const char *ivp_state_name(enum ivp_state state)
{
	static const char *const names[IVP_NR_STATES] = {
		[IVP_CLOSED] = "closed",     [IVP_INERT] = "inert", [IVP_BOUND] = "bound",
		[IVP_OPERABLE] = "operable", [IVP_QUIET] = "quiet", [IVP_REVOKED] = "revoked",
	};

	return names[state];
}

#endif
