// SPDX-License-Identifier: GPL-2.0
/*
 * One value of a condition: an exact text, the beginning of one, or a pattern. A value that could never match
 * anything is an error, since nobody writes one on purpose. Scalars are text, whatever YAML would make of
 * them: 0c03 and 10:22 are no numbers here.
 */
#include "globs.h"
#include "policy_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Whether @text is, or with @prefix could begin, something of the shape: 'h' a hex digit, 'o' 0 to 7 */
static bool has_shape(const char *text, const char *shape, bool prefix)
{
	for (; *text && *shape; text++, shape++) {
		bool fits = *shape == 'h' ? strchr("0123456789abcdef", *text) != NULL :
			    *shape == 'o' ? *text >= '0' && *text <= '7' :
			    *text == *shape;

		if (!fits)
			return false;
	}
	return !*text && (prefix || !*shape);
}

static void to_lower(char *text)
{
	for (; *text; text++)
		if (*text >= 'A' && *text <= 'Z')
			*text += 'a' - 'A';
}

/* Hexadecimal dims are compared with what the kernel prints, which is lower case */
static int check_hex(struct draft *draft, const struct yaml_node *node, struct policy_match *match,
		     const char *shape, const char *what, const char *example)
{
	char advice[128];

	to_lower(match->text);
	if (has_shape(match->text, shape, match->prefix))
		return 0;
	if (has_shape(match->text, shape, true))
		snprintf(advice, sizeof(advice), "\"%s*\" for all that begin like this", match->text);
	else
		snprintf(advice, sizeof(advice), "%s", example);
	draft_error(draft, node, advice, "'%s' is not %s", node->text, what);
	return -1;
}

static int check_address(struct draft *draft, const struct yaml_node *node,
			 struct policy_match *match)
{
	char lower[POLICY_TEXT_LEN], advice[128];

	memcpy(lower, match->text, sizeof(lower));
	to_lower(lower);
	/* A platform device may be called anything; what looks like PCI must be written as PCI is */
	if (has_shape(lower, "hhhh:hh:hh.o", match->prefix)) {
		memcpy(match->text, lower, sizeof(lower));
		return 0;
	}
	if (has_shape(lower, "hh:hh.o", false) ||
	    (match->prefix && strchr(lower, ':') && has_shape(lower, "hh:hh.o", true))) {
		snprintf(advice, sizeof(advice), "\"0000:%s%s\"", lower, match->prefix ? "*" : "");
		draft_error(draft, node, advice, "the PCI address '%s' lacks its domain", node->text);
		return -1;
	}
	if (has_shape(lower, "hhhh:hh:hh.o", true) && strchr(lower, ':')) {
		snprintf(advice, sizeof(advice), "\"%s*\" for all that begin like this", lower);
		draft_error(draft, node, advice, "'%s' is not a whole PCI address", node->text);
		return -1;
	}
	return 0;
}

/* What may stand in an IOAS's name; addresses and driver names are no wilder */
static int check_printable(struct draft *draft, const struct yaml_node *node, const char *text)
{
	for (; *text; text++) {
		if (*text >= 0x21 && *text <= 0x7e)
			continue;
		draft_error(draft, node, "printable ASCII characters without spaces",
			    "'%s' can match nothing", node->text);
		return -1;
	}
	return 0;
}

/* A value with more than one '*' at its end, kept as it is */
static int parse_glob(struct draft *draft, enum policy_dim dim, const struct yaml_node *node,
		      struct policy_match *match)
{
	static const struct {
		enum policy_dim dim;
		const char *shape, *advice;
	} shapes[] = {
		{ POLICY_DIM_ID, "[0-9a-f][0-9a-f][0-9a-f][0-9a-f]:[0-9a-f][0-9a-f][0-9a-f][0-9a-f]",
		  "a pattern for eight lower-case digits with a colon, like \"*:1533\" or \"10de:2[23]*\"" },
		{ POLICY_DIM_CLASS, "[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]",
		  "a pattern for six hexadecimal digits, like \"0[13]*\" or \"0c03?0\"" },
	};
	struct glob glob, shape;
	unsigned int least = 0;
	const char *problem;
	char *text;

	text = arena_strdup(&draft->arena, node->text);
	if (!text) {
		draft->no_memory = true;
		return -1;
	}
	if (dim == POLICY_DIM_ID || dim == POLICY_DIM_CLASS)
		to_lower(text);
	problem = glob_parse(text, dim == POLICY_DIM_CGROUP, &glob);
	if (problem) {
		draft_error(draft, node, glob.advice, "'%s' %s", node->text, problem);
		return -1;
	}
	for (unsigned int i = 0; i < glob.nr; i++)
		least += !glob.token[i].star;
	if (dim != POLICY_DIM_CGROUP && least >= POLICY_TEXT_LEN) {
		draft_error(draft, node, "a shorter one; its beginning with '*' matches all that begin so",
			    "'%s' is longer than %d characters and can match nothing",
			    node->text, POLICY_TEXT_LEN - 1);
		return -1;
	}
	for (unsigned int i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		if (shapes[i].dim != dim)
			continue;
		glob_parse(shapes[i].shape, false, &shape);
		if (glob_meets(&glob, &shape))
			continue;
		draft_error(draft, node, shapes[i].advice, "'%s' can match nothing", node->text);
		return -1;
	}
	/* The same pattern is the same pointer */
	match->glob = name_map_get(&draft->globs, text);
	if (match->glob)
		return 0;
	match->glob = text;
	if (!name_map_add(&draft->globs, &draft->arena, text, text))
		return 0;
	draft->no_memory = true;
	return -1;
}

static int parse_text(struct draft *draft, enum policy_dim dim, const struct yaml_node *node,
		      struct policy_match *match)
{
	size_t len = strlen(node->text);
	const char *special = strpbrk(node->text, "*?[");
	bool prefix = special && *special == '*' && !special[1];

	if (len == 1 && prefix) {
		draft_error(draft, node, "leaving the condition out, or 'any' for the whole selector",
			    "'*' alone is no condition");
		return -1;
	}
	if (!len && (dim != POLICY_DIM_TO || node->plain)) {
		draft_error(draft, node, dim == POLICY_DIM_TO ?
			    "\"\" for an IOAS that has no name" : "a value, or leaving the key out",
			    "no value is given");
		return -1;
	}
	if (check_printable(draft, node, node->text))
		return -1;
	if (special && !prefix)
		return parse_glob(draft, dim, node, match);
	match->prefix = prefix;
	if (prefix)
		len--;
	if (len >= POLICY_TEXT_LEN) {
		draft_error(draft, node, "a shorter one; its beginning with '*' matches all that begin so",
			    "'%s' is longer than %d characters and can match nothing",
			    node->text, POLICY_TEXT_LEN - 1);
		return -1;
	}
	memcpy(match->text, node->text, len);
	match->len = len;
	switch (dim) {
	case POLICY_DIM_ADDRESS:
		return check_address(draft, node, match);
	case POLICY_DIM_ID:
		return check_hex(draft, node, match, "hhhh:hhhh", "a vendor and device id",
				 "four hexadecimal digits each, like \"10de:2204\", or \"10de:*\"");
	case POLICY_DIM_CLASS:
		return check_hex(draft, node, match, "hhhhhh", "a class code",
				 "six hexadecimal digits, like \"030000\", or \"03*\"");
	default:
		return 0;
	}
}

/* The path of a cgroup: always a pattern, of any length */
static int parse_cgroup(struct draft *draft, const struct yaml_node *node, struct policy_match *match)
{
	const char *text = node->text;
	size_t len = strlen(text);
	char advice[POLICY_CGROUP_LEN + 64];

	if (!len) {
		draft_error(draft, node, "a value, or leaving the key out", "no value is given");
		return -1;
	}
	if (len >= POLICY_CGROUP_LEN) {
		draft_error(draft, node, "'*' for a level, or '/**' for all that is below one",
			    "a cgroup's path of more than %d characters", POLICY_CGROUP_LEN - 1);
		return -1;
	}
	if (text[0] != '/') {
		snprintf(advice, sizeof(advice), "'/%s', as in /proc/PID/cgroup behind '0::'", text);
		draft_error(draft, node, advice, "'%s' is not the path of a cgroup from '/'", text);
		return -1;
	}
	if (strstr(text, "//") || (len > 1 && text[len - 1] == '/')) {
		draft_error(draft, node, "no '/' at the end and no two in a row, or '/**' for what is below",
			    "'%s' has a level without a name and can match nothing", text);
		return -1;
	}
	if (check_printable(draft, node, text))
		return -1;
	return parse_glob(draft, POLICY_DIM_CGROUP, node, match);
}

static int parse_exe(struct draft *draft, const struct yaml_node *node, bool quiet,
		     struct policy_match *match)
{
	struct identity *identity;
	bool reported;

	if (!node->text[0]) {
		draft_error(draft, node, "a value, or leaving the key out", "no value is given");
		return -1;
	}
	if (node->text[0] != '/') {
		draft_error(draft, node, "the path of one executable, from '/'",
			    "'%s' is not an absolute path", node->text);
		return -1;
	}
	if (strchr(node->text, '*')) {
		draft_error(draft, node, "a list of the executables",
			    "an executable is one file, '*' means nothing in its path");
		return -1;
	}
	identity = identity_of_exe(&draft->identities, node->text);
	if (!identity) {
		draft->no_memory = true;
		return -1;
	}
	match->dev = identity->dev;
	match->ino = identity->ino;
	match->inode_generation = identity->inode_generation;
	if (identity->problem == IDENTITY_NO_FILE) {
		draft_error(draft, node, "the path of the executable itself",
			    "'%s' is not a file, no process can run it", node->text);
		return -1;
	}
	reported = identity->reported || quiet;
	if (reported)
		return 0;
	identity->reported = true;
	switch (identity->problem) {
	case IDENTITY_MISSING:
		draft_warning(draft, node, "installing it before this policy is loaded",
			      "cannot find '%s': %s; conditions on it will match no process", node->text,
			      strerror(identity->errno_value));
		break;
	case IDENTITY_NOT_EXECUTABLE:
		draft_warning(draft, node, "the executable that is meant, or 'chmod +x'",
			      "'%s' is not executable; no process runs it", node->text);
		break;
	case IDENTITY_SCRIPT:
		draft_warning(draft, node, "a 'user' of its own for what the script does",
			      "'%s' is a script: its processes are known as their interpreter, "
			      "conditions on it will match no process", node->text);
		break;
	default:
		break;
	}
	return 0;
}

/* A user, or a group */
static int parse_account(struct draft *draft, enum policy_dim dim, const struct yaml_node *node,
			 bool quiet, struct policy_match *match)
{
	bool is_group = dim == POLICY_DIM_GROUP;
	const char *what = is_group ? "group" : "user";
	struct identity *identity;
	char advice[96];

	if (!node->text[0]) {
		draft_error(draft, node, "a value, or leaving the key out", "no value is given");
		return -1;
	}
	if (node->text[strcspn(node->text, "*?[")]) {
		snprintf(advice, sizeof(advice), "a list of the %ss", what);
		draft_error(draft, node, advice, "a %s is one name, without '*', '?' and '['", what);
		return -1;
	}
	identity = is_group ? identity_of_group(&draft->identities, node->text) :
			      identity_of_user(&draft->identities, node->text);
	if (!identity) {
		draft->no_memory = true;
		return -1;
	}
	match->uid = identity->uid;
	if (identity->problem == IDENTITY_BAD_UID) {
		draft_error(draft, node, "a decimal number below 4294901760, without leading zeros",
			    "'%s' is not a %cid", node->text, what[0]);
		return -1;
	}
	if (identity->problem != IDENTITY_MISSING || identity->reported || quiet)
		return 0;
	identity->reported = true;
	snprintf(advice, sizeof(advice), "creating the %s before this policy is loaded", what);
	draft_warning(draft, node, advice,
		      "there is no %s '%s'; conditions on it will match no process", what, node->text);
	return 0;
}

int policy_parse_pattern(struct draft *draft, enum policy_dim dim, const struct yaml_node *node,
			 bool quiet, struct policy_match *match)
{
	memset(match, 0, sizeof(*match));
	if (node->kind != YAML_SCALAR) {
		draft_error(draft, node, "one value, or one list of values",
			    "a value must be text, this is %s", yaml_kind_name(node));
		return -1;
	}
	switch (dim) {
	case POLICY_DIM_EXE:
		return parse_exe(draft, node, quiet, match);
	case POLICY_DIM_UID:
	case POLICY_DIM_GROUP:
		return parse_account(draft, dim, node, quiet, match);
	case POLICY_DIM_CGROUP:
		return parse_cgroup(draft, node, match);
	default:
		return parse_text(draft, dim, node, match);
	}
}
