// SPDX-License-Identifier: GPL-2.0
/*
 * Reading YAML through libfyaml's event interface into a tree of our own. A policy comes from anywhere:
 * size, depth, nodes and everything that can multiply (aliases) are bounded here.
 */
#include "yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libfyaml.h>

/* What is being read, and the containers that are open */
struct reader {
	struct messages *messages;
	struct yaml_file *file;
	struct yaml_node *open[YAML_MAX_DEPTH];
	unsigned int depth, nodes, documents;
};

static void error_at(struct reader *reader, int line, int column, int width, const char *advice,
		     const char *what)
{
	struct place place = { &reader->file->source, line, column, width };

	message(reader->messages, MESSAGE_ERROR, &place, advice, "%s", what);
}

static void error_errno(struct reader *reader, const char *what)
{
	struct place place = { .source = &reader->file->source };

	message(reader->messages, MESSAGE_ERROR, &place, NULL, "%s: %s", what, strerror(errno));
}

/*
 * Check that the text is UTF-8 without control characters, before a parser sees it: a message about a
 * binary file should say so, and at which byte.
 */
static int check_text(struct reader *reader)
{
	const unsigned char *p = (const unsigned char *)reader->file->text;
	const unsigned char *end = p + reader->file->source.len;
	int line = 1, column = 1;

	if (p == end) {
		error_at(reader, 0, 0, 0, "a policy that begins with 'version: 1'", "the file is empty");
		return -1;
	}
	while (p < end) {
		unsigned int more = 0, code = *p;

		if (code >= 0xf0 && code <= 0xf4) {
			more = 3;
			code &= 0x07;
		} else if (code >= 0xe0 && code < 0xf0) {
			more = 2;
			code &= 0x0f;
		} else if (code >= 0xc2 && code < 0xe0) {
			more = 1;
			code &= 0x1f;
		} else if (code >= 0x80) {
			goto bad_utf8;
		}
		if ((size_t)(end - p) <= more)
			goto bad_utf8;
		for (unsigned int i = 1; i <= more; i++) {
			if ((p[i] & 0xc0) != 0x80)
				goto bad_utf8;
			code = code << 6 | (p[i] & 0x3f);
		}
		/* Longer than needed, a surrogate, or beyond Unicode */
		if ((more == 2 && code < 0x800) || (more == 3 && (code < 0x10000 || code > 0x10ffff)) ||
		    (code >= 0xd800 && code <= 0xdfff))
			goto bad_utf8;
		if ((code < 0x20 && code != '\t' && code != '\n' && code != '\r') ||
		    (code >= 0x7f && code <= 0x9f) || code == 0xfffe || code == 0xffff) {
			struct place place = { &reader->file->source, line, column, 1 };

			message(reader->messages, MESSAGE_ERROR, &place, "a text file",
				code ? "control character 0x%02x, this is no text" :
				       "a NUL byte (0x%02x), this is no text", code);
			return -1;
		}
		/* Lines end as YAML says: LF, CR LF, or CR. The others are easier to refuse. */
		if (code == 0x2028 || code == 0x2029 || code == 0xfeff ||
		    (code == '\r' && (p + 1 == end || p[1] != '\n'))) {
			error_at(reader, line, column, 1, "lines that end in a plain newline",
				 "an unusual line end or invisible character");
			return -1;
		}
		if (code == '%' && column == 1) {
			error_at(reader, line, 1, 1, "leaving the line out",
				 "directives (%) are not supported");
			return -1;
		}
		if (code == '\n') {
			line++;
			column = 1;
		} else {
			column++;
		}
		p += more + 1;
	}
	return 0;

bad_utf8:
	error_at(reader, line, column, 1, "saving the file as UTF-8", "this is not UTF-8");
	return -1;
}

static struct yaml_node *new_node(struct reader *reader, enum yaml_kind kind, int line, int column,
				  int width)
{
	struct yaml_node *node, *parent = reader->depth ? reader->open[reader->depth - 1] : NULL;

	if (++reader->nodes > YAML_MAX_NODES) {
		error_at(reader, line, column, width, "several policies, or patterns instead of lists",
			 "too many values in one file");
		return NULL;
	}
	if (parent && parent->nr == parent->room) {
		unsigned int room = parent->room ? parent->room * 2 : 8;
		struct yaml_node **child = reallocarray(parent->child, room, sizeof(*child));

		if (!child)
			goto no_memory;
		parent->child = child;
		parent->room = room;
	}
	node = calloc(1, sizeof(*node));
	if (!node)
		goto no_memory;
	node->kind = kind;
	node->place = (struct place){ &reader->file->source, line, column, width < 1 ? 1 : width };
	if (parent)
		parent->child[parent->nr++] = node;
	else
		reader->file->root = node;
	return node;

no_memory:
	error_at(reader, 0, 0, 0, NULL, "out of memory");
	return NULL;
}

static bool next_is_key(const struct reader *reader)
{
	const struct yaml_node *parent = reader->depth ? reader->open[reader->depth - 1] : NULL;

	return parent && parent->kind == YAML_MAP && parent->nr % 2 == 0;
}

static int compare_keys(const void *a, const void *b)
{
	const struct yaml_node *x = *(const struct yaml_node *const *)a;
	const struct yaml_node *y = *(const struct yaml_node *const *)b;
	int rc = strcmp(x->text, y->text);

	if (rc)
		return rc;
	if (x->place.line != y->place.line)
		return x->place.line < y->place.line ? -1 : 1;
	return x->place.column < y->place.column ? -1 : x->place.column > y->place.column;
}

/* Sorting finds duplicates in a map of any size without a step for each pair */
static int check_duplicate_keys(struct reader *reader, const struct yaml_node *map)
{
	unsigned int nr = map->nr / 2, i;
	const struct yaml_node **keys;
	int rc = 0;

	if (nr < 2)
		return 0;
	keys = calloc(nr, sizeof(*keys));
	if (!keys) {
		error_at(reader, 0, 0, 0, NULL, "out of memory");
		return -1;
	}
	for (i = 0; i < nr; i++)
		keys[i] = map->child[2 * i];
	qsort(keys, nr, sizeof(*keys), compare_keys);
	for (i = 1; i < nr; i++) {
		if (strcmp(keys[i - 1]->text, keys[i]->text))
			continue;
		message(reader->messages, MESSAGE_ERROR, &keys[i]->place,
			"one key with a list, or another name", "'%s' is given twice", keys[i]->text);
		message(reader->messages, MESSAGE_NOTE, &keys[i - 1]->place, NULL,
			"the first one is here");
		rc = -1;
	}
	free(keys);
	return rc;
}

/* A value that is not there has no place; that of its key, or of the list it should be in, says enough */
static void place_of_nothing(const struct reader *reader, int *line, int *column, int *width)
{
	const struct yaml_node *parent = reader->depth ? reader->open[reader->depth - 1] : NULL;

	if (!parent)
		return;
	if (parent->nr)
		parent = parent->child[parent->nr - 1];
	*line = parent->place.line;
	*column = parent->place.column;
	*width = parent->place.width;
}

/* What YAML has and a policy does not need. The mark of a token may begin @skipped characters late. */
static int refuse_token(struct reader *reader, struct fy_token *token, int skipped,
			const char *advice, const char *what)
{
	const struct fy_mark *start = fy_token_start_mark(token), *end = fy_token_end_mark(token);

	if (start && end)
		error_at(reader, start->line + 1, start->column + 1 - skipped,
			 end->column - start->column + skipped, advice, what);
	else
		error_at(reader, 0, 0, 0, advice, what);
	return -1;
}

static int take_event(struct reader *reader, struct fy_event *event)
{
	const struct fy_mark *start = fy_event_start_mark(event), *end = fy_event_end_mark(event);
	int line = start ? start->line + 1 : 0, column = start ? start->column + 1 : 0;
	int width = start && end && start->line == end->line ? end->column - start->column : 1;
	enum fy_scalar_style style;
	struct yaml_node *node;
	const char *text;
	size_t len = 0;

	if (!start)
		place_of_nothing(reader, &line, &column, &width);

	switch (event->type) {
	case FYET_DOCUMENT_START:
		if (reader->documents++) {
			error_at(reader, line, column, 3, "one document in a file, several files",
				 "a second document in the same file");
			return -1;
		}
		return 0;
	case FYET_ALIAS:
		return refuse_token(reader, event->alias.anchor, 1,
				    "a defined name; or quotes, if this is a pattern",
				    "aliases (*name) are not supported");
	case FYET_SCALAR:
	case FYET_SEQUENCE_START:
	case FYET_MAPPING_START:
		break;
	case FYET_SEQUENCE_END:
	case FYET_MAPPING_END:
		node = reader->depth ? reader->open[--reader->depth] : NULL;
		return node && node->kind == YAML_MAP ? check_duplicate_keys(reader, node) : 0;
	default:
		return 0;
	}

	if (fy_event_get_anchor_token(event))
		return refuse_token(reader, fy_event_get_anchor_token(event), 1, "a defined name",
				    "anchors (&name) are not supported");
	if (fy_event_get_tag_token(event))
		return refuse_token(reader, fy_event_get_tag_token(event), 0, "leaving the tag out",
				    "tags (!name) are not supported");
	if (event->type == FYET_SCALAR) {
		style = fy_token_scalar_style(event->scalar.value);
		if (start && (style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED)) {
			/* The mark begins after the quote */
			column--;
			width += 2;
		}
		node = new_node(reader, YAML_SCALAR, line, column, width);
		if (!node)
			return -1;
		node->plain = style == FYSS_PLAIN || !event->scalar.value;
		text = fy_token_get_text(event->scalar.value, &len);
		node->text = strndup(text ? text : "", text ? len : 0);
		if (!node->text) {
			error_at(reader, 0, 0, 0, NULL, "out of memory");
			return -1;
		}
		/* "\0" in double quotes; strndup() stopped there */
		if (strlen(node->text) != len) {
			error_at(reader, line, column, width, "leaving it out",
				 "a NUL inside a text");
			return -1;
		}
		return 0;
	}
	if (next_is_key(reader)) {
		error_at(reader, line, column, 1, "'key: value'", "a key must be a plain text");
		return -1;
	}
	if (reader->depth == YAML_MAX_DEPTH) {
		error_at(reader, line, column, 1, "fewer brackets inside each other",
			 "nested too deeply for a policy");
		return -1;
	}
	node = new_node(reader, event->type == FYET_MAPPING_START ? YAML_MAP : YAML_LIST, line, column, 1);
	if (!node)
		return -1;
	reader->open[reader->depth++] = node;
	return 0;
}

/* The first thing libfyaml complained about; later ones follow from it */
static void report_syntax_error(struct reader *reader, struct fy_diag *diag)
{
	void *iter = NULL;
	struct fy_diag_error *error = fy_diag_errors_iterate(diag, &iter);

	/* Unlike marks, these count from 1, and may stand after the last line */
	if (error && error->line > 0) {
		const char *p = reader->file->text, *end = p + reader->file->source.len, *line;
		int column = error->column, nr = 1;

		for (line = p; p < end; p++) {
			if (*p == '\n' && p + 1 < end) {
				line = p + 1;
				nr++;
			}
		}
		if (error->line > nr) {
			for (column = 1, p = line; p < end && *p != '\n' && *p != '\r'; p++)
				column += (*p & 0xc0) != 0x80;
		} else {
			nr = error->line;
		}
		error_at(reader, nr, column, 1, NULL, error->msg);
	} else {
		error_at(reader, 0, 0, 0, NULL, error ? error->msg : "this is not YAML");
	}
}

/* What libfyaml would print by itself is printed by us, or not at all */
static void discard_output(struct fy_diag *diag, void *user, const char *buf, size_t len)
{
	(void)diag;
	(void)user;
	(void)buf;
	(void)len;
}

static int parse_events(struct reader *reader)
{
	const struct fy_diag_cfg quiet = { .output_fn = discard_output, .level = FYET_ERROR };
	struct fy_parse_cfg cfg = { .flags = FYPCF_QUIET | FYPCF_JSON_NONE | FYPCF_DISABLE_RECYCLING };
	struct fy_parser *parser = NULL;
	struct fy_event *event;
	int rc = -1;

	cfg.diag = fy_diag_create(&quiet);
	if (cfg.diag)
		fy_diag_set_collect_errors(cfg.diag, true);
	parser = cfg.diag ? fy_parser_create(&cfg) : NULL;
	if (!parser || fy_parser_set_string(parser, reader->file->text, reader->file->source.len)) {
		error_at(reader, 0, 0, 0, NULL, "cannot set up the YAML parser");
		goto out;
	}
	do {
		event = fy_parser_parse(parser);
		if (!event)
			break;
		rc = take_event(reader, event);
		fy_parser_event_free(parser, event);
	} while (!rc);

	if (!rc && (fy_parser_get_stream_error(parser) || fy_diag_got_error(cfg.diag))) {
		report_syntax_error(reader, cfg.diag);
		rc = -1;
	} else if (!rc && !reader->file->root) {
		error_at(reader, 0, 0, 0, "a policy that begins with 'version: 1'",
			 "there is nothing but comments in this file");
		rc = -1;
	}
out:
	if (parser)
		fy_parser_destroy(parser);
	if (cfg.diag)
		fy_diag_destroy(cfg.diag);
	return rc;
}

/* Read all of it, up to the limit and one byte more */
static int read_bytes(struct reader *reader, const char *path)
{
	struct yaml_file *file = reader->file;
	struct stat st;
	ssize_t got;
	int fd, rc = -1;

	/* Not blocking: opening a FIFO that nobody writes to must not hang */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		error_errno(reader, "cannot open it");
		return -1;
	}
	if (fstat(fd, &st)) {
		error_errno(reader, "cannot stat it");
		goto out;
	}
	if (S_ISDIR(st.st_mode)) {
		error_at(reader, 0, 0, 0, "naming the files in it", "this is a directory");
		goto out;
	}
	if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode)) {
		error_at(reader, 0, 0, 0, "the path of a file", "this is neither a file nor a pipe");
		goto out;
	}
	if (S_ISFIFO(st.st_mode))
		fcntl(fd, F_SETFL, 0);

	file->text = malloc(YAML_MAX_BYTES + 1);
	if (!file->text) {
		error_at(reader, 0, 0, 0, NULL, "out of memory");
		goto out;
	}
	while (file->source.len <= YAML_MAX_BYTES) {
		got = read(fd, file->text + file->source.len, YAML_MAX_BYTES + 1 - file->source.len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			error_errno(reader, "cannot read it");
			goto out;
		}
		if (!got)
			break;
		file->source.len += got;
	}
	if (file->source.len > YAML_MAX_BYTES) {
		error_at(reader, 0, 0, 0, "several files, which together are one policy",
			 "larger than 1 MiB, too large for a policy");
		goto out;
	}
	rc = 0;
out:
	close(fd);
	return rc;
}

static void free_tree(struct yaml_node *node)
{
	if (!node)
		return;
	/* Not deeper than YAML_MAX_DEPTH */
	for (unsigned int i = 0; i < node->nr; i++)
		free_tree(node->child[i]);
	free(node->child);
	free(node->text);
	free(node);
}

static struct yaml_file *new_file(const char *name, struct messages *messages)
{
	struct yaml_file *file = calloc(1, sizeof(*file));

	if (file)
		file->source.name = strdup(name);
	if (file && file->source.name)
		return file;
	free(file);
	message(messages, MESSAGE_ERROR, NULL, NULL, "out of memory");
	return NULL;
}

static void parse(struct reader *reader)
{
	struct yaml_file *file = reader->file;

	/* A byte order mark would be invisible in every message */
	if (file->source.len >= 3 && !memcmp(file->text, "\xef\xbb\xbf", 3)) {
		file->source.len -= 3;
		memmove(file->text, file->text + 3, file->source.len);
	}
	file->source.text = file->text;
	if (check_text(reader) || parse_events(reader)) {
		free_tree(file->root);
		file->root = NULL;
	}
}

struct yaml_file *yaml_read(const char *path, struct messages *messages)
{
	struct reader reader = { .messages = messages, .file = new_file(path, messages) };

	if (reader.file && !read_bytes(&reader, path))
		parse(&reader);
	return reader.file;
}

struct yaml_file *yaml_read_text(const char *name, const char *text, size_t len,
				 struct messages *messages)
{
	struct reader reader = { .messages = messages, .file = new_file(name, messages) };

	if (!reader.file)
		return NULL;
	if (len > YAML_MAX_BYTES) {
		error_at(&reader, 0, 0, 0, "several files, which together are one policy",
			 "larger than 1 MiB, too large for a policy");
		return reader.file;
	}
	reader.file->text = malloc(len + 1);
	if (!reader.file->text) {
		error_at(&reader, 0, 0, 0, NULL, "out of memory");
		return reader.file;
	}
	memcpy(reader.file->text, text, len);
	reader.file->source.len = len;
	parse(&reader);
	return reader.file;
}

void yaml_free(struct yaml_file *file)
{
	if (!file)
		return;
	free_tree(file->root);
	free(file->text);
	free((char *)file->source.name);
	free(file);
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key,
				 const struct yaml_node **key_node)
{
	for (unsigned int i = 0; i + 1 < map->nr; i += 2) {
		if (strcmp(map->child[i]->text, key))
			continue;
		if (key_node)
			*key_node = map->child[i];
		return map->child[i + 1];
	}
	return NULL;
}

const char *yaml_kind_name(const struct yaml_node *node)
{
	switch (node->kind) {
	case YAML_LIST:
		return "a list";
	case YAML_MAP:
		return "a mapping";
	default:
		return "text";
	}
}
