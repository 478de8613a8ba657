// SPDX-License-Identifier: GPL-2.0
/*
 * From numbers and texts of clauses and requests back to what a policy's author wrote.
 */
#include "policy_names.h"

#include <stdio.h>
#include <string.h>

const char *const policy_dim_key[POLICY_DIM_COUNT] = {
	[POLICY_DIM_EXE] = "exe",
	[POLICY_DIM_UID] = "user",
	[POLICY_DIM_GROUP] = "group",
	[POLICY_DIM_CGROUP] = "cgroup",
	[POLICY_DIM_ADDRESS] = "address",
	[POLICY_DIM_ID] = "id",
	[POLICY_DIM_CLASS] = "class",
	[POLICY_DIM_DRIVER] = "driver",
	[POLICY_DIM_FROM] = "name",
	[POLICY_DIM_TO] = "name",
	[POLICY_DIM_RECIPIENT_EXE] = "exe",
	[POLICY_DIM_RECIPIENT_UID] = "user",
};

enum side policy_dim_side(enum policy_dim dim, uint32_t op)
{
	switch (dim) {
	case POLICY_DIM_EXE:
	case POLICY_DIM_UID:
		return SIDE_WHO;
	case POLICY_DIM_GROUP:
	case POLICY_DIM_CGROUP:
		return op == POLICY_OP_HAND_OVER ? SIDE_RECIPIENT : SIDE_WHO;
	case POLICY_DIM_FROM:
		return SIDE_FROM;
	case POLICY_DIM_TO:
		return SIDE_TO;
	case POLICY_DIM_RECIPIENT_EXE:
	case POLICY_DIM_RECIPIENT_UID:
		return SIDE_RECIPIENT;
	default:
		return SIDE_DEVICE;
	}
}

bool policy_op_has_dim(uint32_t op, enum policy_dim dim)
{
	return policy_op_side[op][policy_dim_side(dim, op)];
}

static const char *exe_name(const struct identities *identities, uint64_t dev, uint64_t ino, char *text)
{
	const char *name = identity_exe_name(identities, dev, ino);

	if (name)
		snprintf(text, POLICY_NAME_LEN, "%s", name);
	else if (ino)
		snprintf(text, POLICY_NAME_LEN, "inode %llu of device %llu:%llu", (unsigned long long)ino,
			 (unsigned long long)dev >> 20, (unsigned long long)dev & 0xfffff);
	else
		text[0] = '\0';
	return text;
}

static const char *account_name(const char *name, uint32_t uid, char *text)
{
	if (name)
		snprintf(text, POLICY_NAME_LEN, "%s", name);
	else if (uid != IDENTITY_NO_UID)
		snprintf(text, POLICY_NAME_LEN, "%u", uid);
	else
		text[0] = '\0';
	return text;
}

/* "kvm, dpdk" */
static const char *group_names(const struct identities *identities, const struct policy_request *request,
			       char *text)
{
	char name[POLICY_NAME_LEN];
	size_t used = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < request->nr_groups && used < POLICY_NAME_LEN; i++)
		used += snprintf(text + used, POLICY_NAME_LEN - used, "%s%s", i ? ", " : "",
				 account_name(identity_group_name(identities, request->group[i]),
					      request->group[i], name));
	return text;
}

const char *policy_match_name(const struct identities *identities, enum policy_dim dim,
			      const struct policy_match *match, char *text)
{
	if (match->any) {
		snprintf(text, POLICY_NAME_LEN, "any");
		return text;
	}
	switch (dim) {
	case POLICY_DIM_EXE:
	case POLICY_DIM_RECIPIENT_EXE:
		return exe_name(identities, match->dev, match->ino, text);
	case POLICY_DIM_UID:
	case POLICY_DIM_RECIPIENT_UID:
		return account_name(identity_user_name(identities, match->uid), match->uid, text);
	case POLICY_DIM_GROUP:
		return account_name(identity_group_name(identities, match->gid), match->gid, text);
	default:
		if (match->glob)
			snprintf(text, POLICY_NAME_LEN, "%s", match->glob);
		else
			snprintf(text, POLICY_NAME_LEN, "%.*s%s", match->len, match->text,
				 match->prefix ? "*" : "");
		return text;
	}
}

const char *policy_value_name(const struct identities *identities, enum policy_dim dim,
			      const struct policy_request *request, char *text)
{
	const char *value = "";

	switch (dim) {
	case POLICY_DIM_EXE:
		return exe_name(identities, request->exe_dev, request->exe_ino, text);
	case POLICY_DIM_RECIPIENT_EXE:
		return exe_name(identities, request->recipient_exe_dev, request->recipient_exe_ino, text);
	case POLICY_DIM_UID:
		return account_name(identity_user_name(identities, request->uid), request->uid, text);
	case POLICY_DIM_RECIPIENT_UID:
		return account_name(identity_user_name(identities, request->recipient_uid),
				    request->recipient_uid, text);
	case POLICY_DIM_GROUP:
		return group_names(identities, request, text);
	case POLICY_DIM_CGROUP:
		value = request->cgroup;
		break;
	case POLICY_DIM_ADDRESS:
		value = request->address;
		break;
	case POLICY_DIM_ID:
		value = request->id;
		break;
	case POLICY_DIM_CLASS:
		value = request->class_code;
		break;
	case POLICY_DIM_DRIVER:
		value = request->driver;
		break;
	case POLICY_DIM_FROM:
		value = request->from;
		break;
	case POLICY_DIM_TO:
		value = request->to;
		break;
	default:
		break;
	}
	snprintf(text, POLICY_NAME_LEN, "%s", value);
	return text;
}
