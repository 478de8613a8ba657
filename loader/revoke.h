/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Taking away what is attached: by a policy that was just loaded. The command that takes one device away
 * is in commands.h.
 */
#ifndef REVOKE_H
#define REVOKE_H

struct options;
struct policy;

/**
 * revoke_dry_run() - Print which attachments a policy would deny, and change nothing
 * @options: how to print
 * @policy: the policy, not in force
 *
 * Return: EXIT_DONE none, EXIT_FAILED some, or it was said why it cannot be told.
 */
int revoke_dry_run(const struct options *options, const struct policy *policy);

/**
 * revoke_denied() - Have the kernel judge every attachment by the policy in force, and print what was taken
 * @options: how to print
 * @policy: the policy in force, for the reasons
 *
 * Return: EXIT_DONE every attachment was judged; EXIT_FAILED not all, and it was said which.
 */
int revoke_denied(const struct options *options, const struct policy *policy);

#endif
