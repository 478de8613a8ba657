// SPDX-License-Identifier: GPL-2.0
/*
 * The legacy door, /dev/vfio/GROUP: vfio registers every device in a group there, and ours refuse
 * to be opened by it. What keeps a legacy group fd from resetting a bound device is
 * compat_vfio_legacy_hide(); that DMA cannot be set up by it is the core's claim of the group.
 */
#include <linux/sched.h>

#include "device.h"

/*
 * Remembers the last few processes by tgid and start time; one that was seen is not logged again.
 * Bounded, so that many processes can repeat themselves in the log, at the rate limit.
 */
static bool first_attempt(struct ivp_device *ivp)
{
	struct task_struct *leader = current->group_leader;
	pid_t tgid = task_tgid_nr(current);
	bool first = true;
	unsigned int i;

	spin_lock(&ivp->legacy_logged_lock);
	for (i = 0; i < IVP_LEGACY_LOGGED && first; i++)
		first = ivp->legacy_logged[i].tgid != tgid ||
			ivp->legacy_logged[i].start_time != leader->start_time;
	if (first) {
		i = ivp->legacy_logged_next++ % IVP_LEGACY_LOGGED;
		ivp->legacy_logged[i].tgid = tgid;
		ivp->legacy_logged[i].start_time = leader->start_time;
	}
	spin_unlock(&ivp->legacy_logged_lock);
	return first;
}

static void log_refusal(struct ivp_device *ivp)
{
	char comm[TASK_COMM_LEN];

	if (!first_attempt(ivp))
		return;
	/* a process chooses its name, line feeds too: escaped, it cannot make a line of its own */
	get_task_comm(comm, current);
	dev_warn_ratelimited(&ivp->core.pdev->dev,
			     "legacy VFIO open by %*pE[%d] refused: driver %s serves it at /dev/vfio/devices/%s only\n",
			     (int)strlen(comm), comm, task_tgid_nr(current), IVP_DRIVER_NAME,
			     dev_name(&ivp->core.vdev.device));
}

/**
 * ivp_legacy_match() - vfio looks for a device by name among those of a group
 * @vdev: the device
 * @buf: a PCI address, and perhaps options after a space
 *
 * Return: 0 somebody else is meant, the search goes on; EPERM we are.
 */
int ivp_legacy_match(struct vfio_device *vdev, char *buf)
{
	struct ivp_device *ivp = ivp_from_vfio(vdev);
	const char *name = pci_name(ivp->core.pdev);
	size_t len = strlen(name);

	if (strncmp(buf, name, len) || (buf[len] && buf[len] != ' '))
		return 0;
	log_refusal(ivp);
	return -EPERM;
}

/* Should vfio ever find another way here. */
int ivp_legacy_open_device(struct vfio_device *vdev)
{
	log_refusal(ivp_from_vfio(vdev));
	return -EPERM;
}
