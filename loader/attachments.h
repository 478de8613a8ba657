/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The attachments that exist: which device is in which address space, and who attached it. What a policy
 * says of them, before it is loaded and after.
 */
#ifndef ATTACHMENTS_H
#define ATTACHMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy.h"

struct json_object;

struct attachment {
	char address[POLICY_TEXT_LEN];
	char ioas[POLICY_TEXT_LEN]; /* its name, "": it has none */
	uint64_t number;            /* of this attachment, from the core */
	uint32_t pid, uid;          /* of who attached it, as he was then */
	uint64_t start_time;        /* of that process, in nanoseconds since boot */
	char comm[80];              /* its name then, escaped */
	bool known;                 /* which executable it was: */
	uint64_t exe_dev, exe_ino;
};

struct attachments {
	struct attachment *list;
	size_t nr;
};

/**
 * attachments_read() - List what is attached now
 * @cannot: what cannot be done otherwise, "load the policy"
 * @out: the list, to be freed with attachments_free()
 *
 * The executable is the one the programs in force have remembered; without a policy in force, that of
 * the process if it is still there.
 *
 * Return: 0; -1, and it was said why.
 */
int attachments_read(const char *cannot, struct attachments *out);

void attachments_free(struct attachments *attachments);

/**
 * attachments_adopt() - Tell new programs who attached what was attached before they were
 * @attacher_fd: their map iolsm_attacher
 * @label_fd: their map iolsm_label, in which every process has its label by now
 *
 * Only of processes that are still there. What cannot be told stays unknown, which a recheck denies.
 */
void attachments_adopt(int attacher_fd, int label_fd);

/* What a policy says of an attachment */
struct attachment_verdict {
	bool denied;
	bool by_rule;  /* rule says so */
	uint32_t rule; /* index into policy.rules */
	const char *reason; /* in words, where it is no rule */
};

/* As the programs would decide, other programs apart. Permissive policies deny nothing. */
struct attachment_verdict attachment_judge(const struct policy *policy,
					   const struct attachment *attachment);

/* "0000:01:00.0 in 'guest' of qemu (pid 300, uid 0): " and why; as one line, or added to an object */
void attachment_print(const struct policy *policy, const struct attachment *attachment,
		      const struct attachment_verdict *verdict);
void attachment_describe(struct json_object *object, const struct policy *policy,
			 const struct attachment *attachment,
			 const struct attachment_verdict *verdict);

#endif
