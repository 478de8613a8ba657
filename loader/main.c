// SPDX-License-Identifier: GPL-2.0
/*
 * iommufd-lsm, the program. Everything it does can be called without it.
 */
#include "cli.h"

int main(int argc, char **argv)
{
	return cli_run(argc, argv);
}
