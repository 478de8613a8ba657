/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From what the log knows an executable by back to a path, where one can be found.
 */
#ifndef EXE_SEARCH_H
#define EXE_SEARCH_H

#include <stdint.h>

#include "identity.h"

/**
 * exe_search() - Find the path of an executable
 * @identities: what is looked up is kept there
 * @dev: its device, as the kernel writes it
 * @ino: its inode
 *
 * Looks at what runs, and into the folders that executables are installed in. The path leads to that very file
 * now; nothing is said of the time when it was executed.
 *
 * Return: the path, which lives as long as @identities, or NULL
 */
const char *exe_search(struct identities *identities, uint64_t dev, uint64_t ino);

#endif
