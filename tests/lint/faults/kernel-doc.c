// SPDX-License-Identifier: GPL-2.0
/**
 * planted() - for `make lint`: an argument without a word
 * @there: has one
 *
 * Return: their sum.
 */
int planted(int there, int missing)
{
	return there + missing;
}
