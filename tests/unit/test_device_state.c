// SPDX-License-Identifier: GPL-2.0
/*
 * Walks the table of the device fd's states (kmod/vfio_pci/device_state.h): every cell says
 * something, and the table as a whole keeps what the security model promises of it.
 */
#include <criterion/criterion.h>

#include "../../kmod/vfio_pci/device_state.h"

static const char *const event_names[IVP_NR_EVENTS] = {
	[IVP_OPEN] = "open",       [IVP_BIND] = "bind", [IVP_ATTACH] = "attach",
	[IVP_DETACH] = "detach",   [IVP_USE] = "use",   [IVP_ASK] = "ask",
	[IVP_REVOKE] = "revoke",   [IVP_RELEASE] = "release",
};

#define each_cell(s, e)                             \
	for (int s = 0; s < IVP_NR_STATES; s++)     \
		for (int e = 0; e < IVP_NR_EVENTS; e++)

Test(device_state, every_state_answers_every_event)
{
	each_cell(s, e) {
		const struct ivp_outcome *o = &ivp_outcomes[s][e];

		cr_expect(o->known, "%s x %s has no outcome", ivp_state_name(s), event_names[e]);
		cr_expect(o->next < IVP_NR_STATES);
		cr_expect(o->rc <= 0);
	}
}

Test(device_state, a_refusal_changes_nothing)
{
	each_cell(s, e)
		if (ivp_state_may(s, e))
			cr_expect(ivp_state_after(s, e) == (enum ivp_state)s,
				  "%s x %s is refused but leads elsewhere", ivp_state_name(s),
				  event_names[e]);
}

Test(device_state, S1_only_a_closed_device_opens)
{
	for (int s = 0; s < IVP_NR_STATES; s++)
		cr_expect_eq(ivp_state_may(s, IVP_OPEN), s == IVP_CLOSED ? 0 : -EBUSY, "%s",
			     ivp_state_name(s));
}

Test(device_state, S2_only_an_operable_device_is_used)
{
	for (int s = 0; s < IVP_NR_STATES; s++)
		cr_expect_eq(!ivp_state_may(s, IVP_USE), s == IVP_OPERABLE, "%s",
			     ivp_state_name(s));
}

Test(device_state, S2_nothing_but_attach_leads_to_operable)
{
	each_cell(s, e)
		if (s != IVP_OPERABLE && ivp_state_after(s, e) == IVP_OPERABLE) {
			cr_expect_eq(e, IVP_ATTACH, "%s x %s", ivp_state_name(s), event_names[e]);
			cr_expect(ivp_state_is_bound(s), "%s attaches unbound", ivp_state_name(s));
		}
}

Test(device_state, S6_binds_once_and_leaves_by_closing_only)
{
	each_cell(s, e) {
		enum ivp_state next = ivp_state_after(s, e);

		if (!ivp_state_is_bound(s) && ivp_state_is_bound(next))
			cr_expect(s == IVP_INERT && e == IVP_BIND, "%s x %s", ivp_state_name(s),
				  event_names[e]);
		if (ivp_state_is_bound(s) && !ivp_state_is_bound(next))
			cr_expect(e == IVP_RELEASE || e == IVP_REVOKE, "%s x %s",
				  ivp_state_name(s), event_names[e]);
	}
}

Test(device_state, S10_detach_only_leads_out_of_operable)
{
	for (int s = 0; s < IVP_NR_STATES; s++)
		cr_expect_eq(!ivp_state_may(s, IVP_DETACH), s == IVP_OPERABLE, "%s",
			     ivp_state_name(s));
	cr_expect_eq(ivp_state_after(IVP_OPERABLE, IVP_DETACH), IVP_QUIET);
	cr_expect_eq(ivp_state_after(IVP_QUIET, IVP_ATTACH), IVP_OPERABLE);
}

Test(device_state, S11_revoke_is_never_refused_and_is_the_end)
{
	for (int s = 0; s < IVP_NR_STATES; s++) {
		cr_expect_eq(ivp_state_may(s, IVP_REVOKE), 0, "%s", ivp_state_name(s));
		cr_expect_eq(ivp_state_after(s, IVP_REVOKE),
			     s == IVP_CLOSED ? IVP_CLOSED : IVP_REVOKED);
	}
	for (int e = 0; e < IVP_NR_EVENTS; e++) {
		if (e == IVP_RELEASE || e == IVP_REVOKE)
			continue;
		cr_expect_eq(ivp_state_may(IVP_REVOKED, e), e == IVP_OPEN ? -EBUSY : -EIO, "%s",
			     event_names[e]);
	}
}

Test(device_state, S14_closing_is_never_refused)
{
	for (int s = 0; s < IVP_NR_STATES; s++)
		if (s != IVP_CLOSED) {
			cr_expect_eq(ivp_state_may(s, IVP_RELEASE), 0, "%s", ivp_state_name(s));
			cr_expect_eq(ivp_state_after(s, IVP_RELEASE), IVP_CLOSED);
		}
}
