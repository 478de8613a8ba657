// SPDX-License-Identifier: GPL-2.0
/* For `make lint`: a place outside the array, behind a macro that cppcheck alone cannot expand */
#define WITH(do_it, ...) do_it(__VA_ARGS__)
#define STORE(array, at, ...) ((array)[at] = (__VA_ARGS__))
int main(void)
{
	int planted[2] = { 0 };

	WITH(STORE, planted, 2, 1);
	return planted[0];
}
