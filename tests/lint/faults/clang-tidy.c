// SPDX-License-Identifier: GPL-2.0
/* For `make lint`: a number read without a look at what is wrong with it */
#include <stdlib.h>

int main(int argc, char **argv)
{
	return argc > 1 ? atoi(argv[1]) : 0;
}
