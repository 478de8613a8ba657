// SPDX-License-Identifier: GPL-2.0
/*
 * A policy as text again: a rule on one line for messages and logs, and the whole as one document that
 * loads again. Comments are lost, meaning and quotes are not.
 */
#include "policy_private.h"

#include <stdlib.h>
#include <string.h>

/* Longer rules are cut in messages and logs */
#define RULE_TEXT_MAX 1000

/* What no YAML reader takes for anything else than this text, in flow style too */
static bool is_plain_safe(const char *text)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_/.";
	static const char more[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_/.:*+@-";
	size_t len = strlen(text);

	return len && strchr(first, text[0]) && strspn(text, more) == len && text[len - 1] != ':' &&
	       strcmp(text, "...");
}

static void emit_quoted(FILE *out, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	fputc('"', out);
	for (; *p; p++) {
		if (*p == '"' || *p == '\\')
			fprintf(out, "\\%c", *p);
		else if (*p < 0x20 || *p == 0x7f)
			fprintf(out, "\\x%02x", *p);
		else if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f) /* C1 controls */
			fprintf(out, "\\x%02x", *++p);
		else if (p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9)) /* line ends */
			fprintf(out, "\\u%s", p[2] == 0xa8 ? "2028" : "2029"), p += 2;
		else if (p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf) /* byte order mark */
			fputs("\\ufeff", out), p += 2;
		else
			fputc(*p, out);
	}
	fputc('"', out);
}

/* On one line. Not deeper than YAML_MAX_DEPTH. */
static void emit_flow(FILE *out, const struct yaml_node *node)
{
	unsigned int i;

	switch (node->kind) {
	case YAML_SCALAR:
		if (node->plain && is_plain_safe(node->text))
			fputs(node->text, out);
		else
			emit_quoted(out, node->text);
		break;
	case YAML_LIST:
		fputc('[', out);
		for (i = 0; i < node->nr; i++) {
			fputs(i ? ", " : "", out);
			emit_flow(out, node->child[i]);
		}
		fputc(']', out);
		break;
	case YAML_MAP:
		fputs("{ ", out);
		for (i = 0; i < node->nr; i += 2) {
			fputs(i ? ", " : "", out);
			emit_flow(out, node->child[i]);
			fputs(": ", out);
			emit_flow(out, node->child[i + 1]);
		}
		fputs(" }", out);
		break;
	}
}

static char *finish(FILE *out, char **text)
{
	int failed = ferror(out);

	if (fclose(out) || failed) {
		free(*text);
		return NULL;
	}
	return *text;
}

char *policy_emit_rule(const struct yaml_node *rule)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (unsigned int i = 0; i < rule->nr; i += 2) {
		fprintf(out, "%s%s: ", i ? ", " : "", rule->child[i]->text);
		emit_flow(out, rule->child[i + 1]);
	}
	text = finish(out, &text);
	if (text && strlen(text) > RULE_TEXT_MAX) {
		static const char more[] = "...";
		size_t cut = RULE_TEXT_MAX - strlen(more);

		/* Not in the middle of a character */
		while (cut && ((unsigned char)text[cut] & 0xc0) == 0x80)
			cut--;
		memcpy(text + cut, more, sizeof(more));
	}
	return text;
}

/* A section of definitions or a list of rules or tests, out of all files */
static void emit_section(FILE *out, const struct draft *draft, const char *key)
{
	bool begun = false;

	for (size_t f = 0; f < draft->nr_files; f++) {
		const struct yaml_node *section = yaml_get(draft->file[f]->root, key, NULL);

		if (!section)
			continue;
		if (!begun)
			fprintf(out, "%s:\n", key);
		begun = true;
		for (unsigned int i = 0; i < section->nr; i++) {
			if (section->kind == YAML_LIST) {
				fputs("  - ", out);
			} else {
				fputs("  ", out);
				emit_flow(out, section->child[i++]);
				fputs(": ", out);
			}
			emit_flow(out, section->child[i]);
			fputc('\n', out);
		}
	}
}

char *policy_emit_yaml(const struct draft *draft)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fputs("version: 1\nname: ", out);
	emit_flow(out, draft->name);
	fprintf(out, "\nmode: %s\n", draft->permissive ? "permissive" : "enforce");
	if (draft->guards) {
		fputs("guards: ", out);
		emit_flow(out, draft->guards);
		fputc('\n', out);
	}
	for (unsigned int kind = 0; kind < KIND_COUNT; kind++)
		emit_section(out, draft, policy_section[kind]);
	emit_section(out, draft, "rules");
	emit_section(out, draft, "never");
	emit_section(out, draft, "tests");
	return finish(out, &text);
}
