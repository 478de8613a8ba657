// SPDX-License-Identifier: GPL-2.0
/*
 * Collects the conditions of policies by dimension and finds the classes of values they make. Of numbers that
 * is one class for each and one for all others.
 */
#include "policy_space.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "identity.h"

static int compare_numbers(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

int space_compare(enum policy_dim dim, const struct policy_match *a, const struct policy_match *b)
{
	int rc;

	if (a->any || b->any)
		return b->any - a->any;
	switch (dim) {
	case POLICY_DIM_EXE:
	case POLICY_DIM_RECIPIENT_EXE:
		rc = compare_numbers(a->dev, b->dev);
		return rc ? rc : compare_numbers(a->ino, b->ino);
	case POLICY_DIM_UID:
	case POLICY_DIM_RECIPIENT_UID:
		return compare_numbers(a->uid, b->uid);
	case POLICY_DIM_GROUP:
		return compare_numbers(a->gid, b->gid);
	default:
		rc = strcmp(a->glob ? a->glob : "", b->glob ? b->glob : "");
		rc = rc ? rc : strcmp(a->text, b->text);
		return rc ? rc : b->prefix - a->prefix;
	}
}

static bool is_text(enum policy_dim dim)
{
	switch (dim) {
	case POLICY_DIM_EXE:
	case POLICY_DIM_RECIPIENT_EXE:
	case POLICY_DIM_UID:
	case POLICY_DIM_RECIPIENT_UID:
	case POLICY_DIM_GROUP:
		return false;
	default:
		return true;
	}
}

struct sorted {
	enum policy_dim dim;
	const struct policy_match *match;
};

static int compare_sorted(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;

	return space_compare(x->dim, x->match, y->match);
}

/* Each different condition of a dimension. Return: NULL without memory */
static const struct policy_match **collect(const struct policy *const *policies, size_t nr,
					   enum policy_dim dim, size_t *nr_atoms)
{
	const struct policy_match **atoms;
	struct sorted *sorted;
	size_t room = 1, used = 0, distinct = 0, p, i;

	for (p = 0; p < nr; p++)
		room += policies[p]->nr_clauses;
	sorted = calloc(room, sizeof(*sorted));
	atoms = calloc(room, sizeof(*atoms));
	if (!sorted || !atoms) {
		free(sorted);
		free(atoms);
		return NULL;
	}
	for (p = 0; p < nr; p++)
		for (i = 0; i < policies[p]->nr_clauses; i++)
			if (!policies[p]->clauses[i].match[dim].any)
				sorted[used++] = (struct sorted){ dim, &policies[p]->clauses[i].match[dim] };
	qsort(sorted, used, sizeof(*sorted), compare_sorted);
	for (i = 0; i < used; i++)
		if (!i || compare_sorted(&sorted[i - 1], &sorted[i]))
			atoms[distinct++] = sorted[i].match;
	free(sorted);
	*nr_atoms = distinct;
	return atoms;
}

/* What no condition names, and then each that is named */
static int number_classes(struct space_axis *axis)
{
	axis->class = calloc(axis->nr_atoms + 1, sizeof(*axis->class));
	if (!axis->class)
		return -ENOMEM;
	axis->nr = axis->nr_atoms + 1;
	for (size_t c = 0; c < axis->nr; c++) {
		axis->class[c].meets = calloc(axis->nr_atoms / 64 + 1, sizeof(uint64_t));
		if (!axis->class[c].meets)
			return -ENOMEM;
		if (c)
			axis->class[c].meets[(c - 1) / 64] |= 1ULL << (c - 1) % 64;
	}
	return 0;
}

/* Takes @atoms over */
static int add_axis(struct space *space, enum policy_dim dim, const struct policy_match **atoms,
		    size_t nr_atoms)
{
	struct space_axis *axis = reallocarray(space->axis, space->nr + 1, sizeof(*axis));

	if (!axis) {
		free(atoms);
		return -ENOMEM;
	}
	space->axis = axis;
	axis += space->nr++;
	*axis = (struct space_axis){ .dim = dim, .atom = atoms, .nr_atoms = nr_atoms };
	if (!is_text(dim))
		return number_classes(axis);
	return policy_values(dim, atoms, nr_atoms, &axis->class, &axis->nr);
}

static int add_dim(struct space *space, enum policy_dim dim, const struct policy *const *policies,
		   size_t nr)
{
	const struct policy_match **atoms, **one;
	size_t nr_atoms = 0, i;
	int rc = 0;

	atoms = collect(policies, nr, dim, &nr_atoms);
	if (!atoms)
		return -ENOMEM;
	if (dim != POLICY_DIM_GROUP)
		return add_axis(space, dim, atoms, nr_atoms);
	for (i = 0; !rc && i < nr_atoms; i++) {
		one = malloc(sizeof(*one));
		if (one)
			*one = atoms[i];
		rc = one ? add_axis(space, dim, one, 1) : -ENOMEM;
	}
	free(atoms);
	return rc;
}

int space_build(const struct policy *const *policies, size_t nr, struct space *space)
{
	int rc = 0;

	*space = (struct space){ 0 };
	for (unsigned int dim = 0; !rc && dim < POLICY_DIM_COUNT; dim++)
		rc = add_dim(space, dim, policies, nr);
	space->too_large = rc == -E2BIG;
	return rc && rc != -E2BIG ? -1 : 0;
}

void space_free(struct space *space)
{
	for (size_t a = 0; a < space->nr; a++) {
		policy_values_free(space->axis[a].class, space->axis[a].nr);
		free(space->axis[a].atom);
	}
	free(space->axis);
	*space = (struct space){ 0 };
}

int space_atom_of(const struct space_axis *axis, const struct policy_clause *clause)
{
	const struct policy_match *match = &clause->match[axis->dim];
	size_t low = 0, high = axis->nr_atoms;

	if (match->any)
		return -1;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (space_compare(axis->dim, axis->atom[middle], match) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < axis->nr_atoms && !space_compare(axis->dim, axis->atom[low], match) ? (int)low : -1;
}

size_t space_class_of(const struct space_axis *axis, const struct policy_request *request)
{
	size_t c, atom;

	for (c = 0; c < axis->nr; c++) {
		for (atom = 0; atom < axis->nr_atoms; atom++)
			if (space_meets(axis, c, atom) !=
			    policy_match_holds(axis->dim, axis->atom[atom], request))
				break;
		if (atom == axis->nr_atoms)
			break;
	}
	return c;
}

void space_set(const struct space_axis *axis, size_t class, struct policy_request *request)
{
	const struct value_class *of = &axis->class[class];
	const struct policy_match *atom = class && !is_text(axis->dim) ? axis->atom[class - 1] : NULL;

	switch (axis->dim) {
	case POLICY_DIM_EXE:
		/* No file is inode 0: of an executable that no policy names */
		request->exe_dev = atom ? atom->dev : 0;
		request->exe_ino = atom ? atom->ino : 0;
		break;
	case POLICY_DIM_RECIPIENT_EXE:
		request->recipient_exe_dev = atom ? atom->dev : 0;
		request->recipient_exe_ino = atom ? atom->ino : 0;
		break;
	case POLICY_DIM_UID:
		request->uid = atom ? atom->uid : IDENTITY_NO_UID;
		break;
	case POLICY_DIM_RECIPIENT_UID:
		request->recipient_uid = atom ? atom->uid : IDENTITY_NO_UID;
		break;
	case POLICY_DIM_GROUP:
		if (atom && request->nr_groups < POLICY_REQUEST_GROUPS)
			request->group[request->nr_groups++] = atom->gid;
		break;
	case POLICY_DIM_CGROUP:
		snprintf(request->cgroup, sizeof(request->cgroup), "%s", of->text);
		break;
	case POLICY_DIM_ADDRESS:
		snprintf(request->address, sizeof(request->address), "%s", of->text);
		break;
	case POLICY_DIM_ID:
		snprintf(request->id, sizeof(request->id), "%s", of->text);
		break;
	case POLICY_DIM_CLASS:
		snprintf(request->class_code, sizeof(request->class_code), "%s", of->text);
		break;
	case POLICY_DIM_DRIVER:
		snprintf(request->driver, sizeof(request->driver), "%s", of->text);
		break;
	case POLICY_DIM_FROM:
		snprintf(request->from, sizeof(request->from), "%s", of->text);
		break;
	case POLICY_DIM_TO:
		snprintf(request->to, sizeof(request->to), "%s", of->text);
		break;
	case POLICY_DIM_COUNT:
		break;
	}
}
