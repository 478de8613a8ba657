// SPDX-License-Identifier: GPL-2.0
/* For `make lint`: memory that nothing points to when the program ends */
#include <stdlib.h>

static char *volatile lost;

int main(void)
{
	for (int i = 0; i < 8; i++)
		lost = malloc(64);
	lost = NULL;
	return 0;
}
