// SPDX-License-Identifier: GPL-2.0
/* For `make lint`: what only the kernel's style forbids */
void planted(char *to, const char *from)
{
	strcpy(to, from);
	smp_wmb();
}
