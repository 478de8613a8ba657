/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who attached each device, as far as only the programs know it: the executable. Written when an
 * attach is judged, from the task that asks, and read when the attachment is judged again
 * (recheck), by whom and whenever. The number that the core gives every attachment says whether
 * an entry is of this one: one that stayed behind, or of an attach that failed, is nobody's.
 *
 * One entry a device, as a device is attached once at most: nobody can fill the map by attaching
 * often.
 */
#ifndef ATTACHER_BPF_H
#define ATTACHER_BPF_H

#define IOLSM_MAX_DEVICES 65536

/* Written by the programs; by the loader for what was attached before the first load */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, IOLSM_MAX_DEVICES);
	__type(key, struct iolsm_device_key);
	__type(value, struct iolsm_attacher);
} iolsm_attacher SEC(".maps");

static __always_inline void attacher_key(struct iolsm_device_key *key,
					 struct iommufd_lsm_request *req)
{
	bpf_core_read(key->bus, sizeof(key->bus), &req->device.bus);
	bpf_core_read(key->address, sizeof(key->address), &req->device.address);
}

/* Who attached the device of @req, in the attachment that @req is about. NULL: not known. */
static __noinline struct iolsm_attacher *attacher_find(struct iommufd_lsm_request *req)
{
	struct iolsm_attacher *attacher;
	struct iolsm_device_key key;

	attacher_key(&key, req);
	attacher = bpf_map_lookup_elem(&iolsm_attacher, &key);
	return attacher && attacher->attachment == req->attachment ? attacher : 0;
}

/* Of an attach that is not denied. Return: 0, or -ENOMEM: it must not be. */
static __always_inline long note_attach(struct iommufd_lsm_request *req)
{
	struct iolsm_attacher attacher = {};
	struct iolsm_device_key key;
	struct iolsm_label *label;

	attacher_key(&key, req);
	attacher.attachment = req->attachment;
	label = bpf_task_storage_get(&iolsm_label, bpf_get_current_task_btf(), 0, 0);
	if (label)
		attacher.exe = *label;
	return bpf_map_update_elem(&iolsm_attacher, &key, &attacher, BPF_ANY) ? -ENOMEM : 0;
}

/* Of a detach that is not denied */
static __always_inline void note_detach(struct iommufd_lsm_request *req)
{
	struct iolsm_device_key key;

	if (attacher_find(req)) {
		attacher_key(&key, req);
		bpf_map_delete_elem(&iolsm_attacher, &key);
	}
}

/* Keep the map up to date, once the request is judged. Return: 0, or -ENOMEM: the attach must not be. */
static __always_inline long attacher_note(struct iommufd_lsm_request *req)
{
	if (req->op == IOMMUFD_LSM_OP_device_attach)
		return note_attach(req);
	if (req->op == IOMMUFD_LSM_OP_device_detach)
		note_detach(req);
	return 0;
}

/* The executable of who is judged. NULL: none, or not known. */
static __always_inline struct iolsm_label *subject_label(struct iommufd_lsm_request *req)
{
	struct iolsm_attacher *attacher;

	if (req->op != IOMMUFD_LSM_OP_device_recheck)
		return bpf_task_storage_get(&iolsm_label, bpf_get_current_task_btf(), 0, 0);
	attacher = attacher_find(req);
	return attacher ? &attacher->exe : 0;
}

#endif
