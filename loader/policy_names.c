// SPDX-License-Identifier: GPL-2.0
/*
 * From numbers and texts of clauses and requests back to what a policy's author wrote.
 */
#include "policy_names.h"

#include <stdio.h>
#include <string.h>

const enum side policy_dim_side[POLICY_DIM_COUNT] = {
	[POLICY_DIM_EXE] = SIDE_WHO,
	[POLICY_DIM_UID] = SIDE_WHO,
	[POLICY_DIM_ADDRESS] = SIDE_DEVICE,
	[POLICY_DIM_ID] = SIDE_DEVICE,
	[POLICY_DIM_CLASS] = SIDE_DEVICE,
	[POLICY_DIM_DRIVER] = SIDE_DEVICE,
	[POLICY_DIM_FROM] = SIDE_FROM,
	[POLICY_DIM_TO] = SIDE_TO,
};

const char *const policy_dim_key[POLICY_DIM_COUNT] = {
	[POLICY_DIM_EXE] = "exe",
	[POLICY_DIM_UID] = "user",
	[POLICY_DIM_ADDRESS] = "address",
	[POLICY_DIM_ID] = "id",
	[POLICY_DIM_CLASS] = "class",
	[POLICY_DIM_DRIVER] = "driver",
	[POLICY_DIM_FROM] = "name",
	[POLICY_DIM_TO] = "name",
};

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

static const char *user_name(const struct identities *identities, uint32_t uid, char *text)
{
	const char *name = identity_user_name(identities, uid);

	if (name)
		snprintf(text, POLICY_NAME_LEN, "%s", name);
	else if (uid != IDENTITY_NO_UID)
		snprintf(text, POLICY_NAME_LEN, "%u", uid);
	else
		text[0] = '\0';
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
		return exe_name(identities, match->dev, match->ino, text);
	case POLICY_DIM_UID:
		return user_name(identities, match->uid, text);
	default:
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
	case POLICY_DIM_UID:
		return user_name(identities, request->uid, text);
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
