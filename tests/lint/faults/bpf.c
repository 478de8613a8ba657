// SPDX-License-Identifier: GPL-2.0
/* For `make lint`: a variable that is read before it is written */
int planted(void)
{
	int value;

	return value;
}
