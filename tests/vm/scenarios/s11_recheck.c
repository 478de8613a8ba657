// SPDX-License-Identifier: GPL-2.0
/*
 * S11: a policy that denies what it used to allow takes it away. Every attachment is judged as
 * who made it: the program and the user of the process that attached the device, whatever became
 * of that process, and whoever has the fd now. What the new policy allows stays, and its DMA goes
 * on.
 *
 * vm: about=S11 load --revoke and --dry-run: denied attachments go, allowed ones stay
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hooks.h"
#include "vm.h"

#define IOVA 0x600000
#define KEEPER "/root/keeper"
#define LOSER "/root/loser"
#define ALICE 1000
#define DEV_FD 200 /* in processes that executed something else */

/* Holders execute other programs here, which a guard would not have */
#define HEAD \
	"version: 1\n" \
	"name: %s\n" \
	"guards: { hand-over: off }\n" \
	"processes:\n" \
	"  keeper: { exe: " KEEPER " }\n" \
	"  loser: { exe: " LOSER " }\n" \
	"rules:\n" \
	"  - allow: [open, ioas-alloc, ioas-name, device-open, bind, attach, move, detach]\n" \
	"    who: any\n"

static const char tolerant[] = HEAD "  - allow: recheck\n    who: any\n";
static const char strict[] = HEAD "  - allow: recheck\n    who: keeper\n"
				  "  - deny: recheck\n    who: loser\n";
static const char no_alice[] = HEAD "  - allow: recheck\n    who: any\n"
				    "  - deny: recheck\n    who: { user: 1000 }\n";
static const char not_pair1[] = HEAD "  - allow: recheck\n    who: any\n"
				     "  - deny: recheck\n    who: any\n    device: { address: \"" VM_PAIR1 "\" }\n";
static const char not_there[] = HEAD "  - allow: recheck\n    who: any\n"
				     "  - deny: recheck\n    who: any\n    to: { name: there }\n";
static const char silent[] = HEAD;
static const char permissive[] = HEAD "  - deny: recheck\n    who: any\nmode: permissive\n";

static void write_policy(const char *path, const char *policy, const char *name)
{
	FILE *file = fopen(path, "we");

	REQUIRE(file, "a policy file");
	fprintf(file, policy, name);
	fclose(file);
}

static const char *output;
static int status;

static void loader(const char *arguments, int want, const char *what)
{
	output = output_of(&status, "iommufd-lsm %s 2>&1", arguments);
	if (!CHECK_EQ(status, want, "%s", what))
		note("'%s' says: %s", arguments, output);
}

static void says(const char *text)
{
	if (!CHECK(strstr(output, text), "  and says '%s'", text))
		note("it says: %s", output);
}

static void says_not(const char *text)
{
	if (!CHECK(!strstr(output, text), "  and does not say '%s'", text))
		note("it says: %s", output);
}

static void load(const char *policy, const char *name)
{
	write_policy("/tmp/policy.yaml", policy, name);
	loader("load /tmp/policy.yaml", 0, "a policy loads");
}

/* --- holders: this program under another path ------------------------------------------------- */

/* Attach a device to an address space called "here", in which nothing but fd 1 of a pipe says so */
static int hold(const char *address, const char *name, int *iommufd)
{
	uint32_t ioas, id;
	int fd, rc;

	*iommufd = iommu_open();
	rc = *iommufd < 0 ? *iommufd : ioas_alloc(*iommufd, &ioas);
	rc = rc ?: ioas_name(*iommufd, ioas, name);
	rc = rc ?: ioas_map(*iommufd, ioas, memory(4096, 'm'), 4096, IOVA);
	fd = rc ?: device_open(address);
	if (fd < 0)
		return fd;
	rc = device_bind(fd, *iommufd, &id);
	rc = rc ?: device_attach(fd, ioas, NULL);
	return rc ?: fd;
}

/* "ok" or what went wrong, for who started us; then wait to be told to end */
static void report(int rc)
{
	char byte, line[16];

	snprintf(line, sizeof(line), "%d\n", rc);
	if (write(1, line, strlen(line)) < 0 || read(0, &byte, 1) < 0)
		_exit(2);
}

/* What DMA and poll say of the device in fd: 'd' dead, 'w' working, else a letter for what is odd */
static char state_of(int fd)
{
	struct edu edu;
	int events = poll_events(fd, 0);

	if (events == (POLLHUP | POLLERR))
		return device_enable(fd, true, true) == -EIO ? 'd' : '?';
	if (events || edu_init(&edu, fd))
		return '?';
	if (edu_push(&edu, IOVA, 0, 16))
		return 't';
	edu_exit(&edu);
	return 'w';
}

/* Answers each byte with the state, until the pipe ends */
static void serve(int fd)
{
	char byte;

	while (read(0, &byte, 1) == 1) {
		byte = state_of(fd);
		if (write(1, &byte, 1) != 1)
			break;
	}
	_exit(0);
}

/*
 * argv: mode device ioas [path] plain: attach and serve. fork: attach, and a child serves while
 * we exit. exec: attach, and the program at path serves. setuid: attach, and become alice. serve:
 * what exec executes.
 */
static int be_holder(char **argv)
{
	const char *mode = argv[1];
	int iommufd, fd;

	if (!strcmp(mode, "serve"))
		serve(DEV_FD);
	fd = hold(argv[2], argv[3], &iommufd);
	report(fd < 0 ? fd : 0);
	if (!strcmp(mode, "fork") && fork())
		_exit(0);
	if (!strcmp(mode, "exec")) {
		dup2(fd, DEV_FD);
		dup2(iommufd, DEV_FD + 1);
		execl(argv[4], argv[4], "serve", NULL);
		_exit(3);
	}
	if (!strcmp(mode, "setuid") && setresuid(ALICE, ALICE, ALICE))
		_exit(4);
	serve(fd);
	return 0;
}

struct holder {
	const char *address;
	pid_t pid;
	int in, out;
};

static struct holder start(uid_t uid, const char *program, const char *mode, const char *address,
			   const char *ioas, const char *path)
{
	struct holder holder = { .address = address };
	int in[2], out[2], rc = -1;
	char line[16] = "";

	REQUIRE_RC(pci_bind(address, VM_DRIVER), 0, "our driver has %s", address);
	REQUIRE(!pipe2(in, O_CLOEXEC) && !pipe2(out, O_CLOEXEC), "pipes");
	holder.pid = fork();
	if (!holder.pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		if (uid && (setresgid(uid, uid, uid) || setresuid(uid, uid, uid)))
			_exit(5);
		execl(program, program, mode, address, ioas, path, NULL);
		_exit(6);
	}
	close(in[0]);
	close(out[1]);
	holder.in = in[1];
	holder.out = out[0];
	if (read(holder.out, line, sizeof(line) - 1) > 0)
		rc = atoi(line);
	REQUIRE_RC(rc, 0, "control: %s holds %s (%s)", program, address, mode);
	REQUIRE(write(holder.in, "x", 1) == 1, "it is told to go on");
	if (!strcmp(mode, "fork"))
		waitpid(holder.pid, NULL, 0);
	usleep(100000); /* until it is what mode makes of it */
	return holder;
}

static char ask_holder(struct holder *holder)
{
	char byte = 'a';

	return write(holder->in, &byte, 1) == 1 && read(holder->out, &byte, 1) == 1 ? byte : 'e';
}

static void expect(struct holder *holder, char want, const char *what)
{
	char got = ask_holder(holder);

	if (!CHECK(got == want, "S11 %s", what))
		note("%s is '%c'", holder->address, got);
}

static void end(struct holder *holder)
{
	close(holder->in);
	close(holder->out);
	waitpid(holder->pid, NULL, 0);
	for (int i = 0; i < 5000; i++) {
		char match[64];

		snprintf(match, sizeof(match), "address=%s", holder->address);
		if (!proc_find("/proc/iommufd", "device", match, NULL, NULL, 0))
			return;
		usleep(1000);
	}
}

/* --- the checks ------------------------------------------------------------------------------- */

static void allowed_and_denied(void)
{
	struct holder keeper, loser;
	char text[128];

	load(tolerant, "tolerant");
	keeper = start(0, KEEPER, "plain", VM_EDU, "here", NULL);
	loser = start(0, LOSER, "plain", VM_EDU2, "there", NULL);
	expect(&keeper, 'w', "control: a holder's DMA works");
	expect(&loser, 'w', "control: another's as well");

	write_policy("/tmp/strict.yaml", strict, "strict");
	loader("load --dry-run /tmp/strict.yaml", 1, "S11 a dry run fails if something would be denied");
	says("'strict' denies 1 of 2 attachments");
	snprintf(text, sizeof(text), VM_EDU2 " in 'there' of loser (pid %d, uid 0): rule 3, "
		 "/tmp/strict.yaml:12: deny: recheck", loser.pid);
	says(text);
	says_not(VM_EDU " in");
	loader("-j load --dry-run /tmp/strict.yaml", 1, "S11 a dry run in JSON");
	says("{\"dry_run\":\"strict\",\"attachments\":2,\"denied\":[{\"device\":\"" VM_EDU2 "\"");
	expect(&loser, 'w', "a dry run takes nothing away");
	loader("status", 0, "status");
	says("tolerant");

	loader("load /tmp/strict.yaml", 0, "the strict policy loads");
	expect(&loser, 'w', "without --revoke a load takes nothing away");
	loader("load --revoke /tmp/strict.yaml", 0, "S11 load --revoke loads");
	says("loaded 'strict'");
	says(text);
	says_not(VM_EDU " in");
	expect(&loser, 'd', "what is denied is taken away");
	expect(&keeper, 'w', "what is allowed stays, and its DMA goes on");
	loader("log", 0, "the log");
	snprintf(text, sizeof(text), "denied recheck of " VM_EDU2 " to 'there' for loser (pid %d, uid 0): "
		 "rule 3, /tmp/strict.yaml:12:", loser.pid);
	says(text);
	snprintf(text, sizeof(text), "allowed recheck of " VM_EDU " to 'here' for keeper (pid %d, uid 0): "
		 "rule 2,", keeper.pid);
	says(text);
	loader("load --dry-run /tmp/strict.yaml", 0, "S11 then a dry run has nothing to say");
	says("denies 0 of 1");
	loader("-j load --revoke /tmp/strict.yaml", 0, "S11 and load --revoke takes nothing");
	says_not("revoked");
	expect(&keeper, 'w', "again what is allowed stays");

	end(&loser);
	loser = start(0, LOSER, "plain", VM_EDU2, "there", NULL);
	loader("-j load --revoke /tmp/strict.yaml", 0, "S11 load --revoke in JSON");
	says("{\"revoked\":\"" VM_EDU2 "\",\"device\":\"" VM_EDU2 "\",\"ioas\":\"there\",\"comm\":\"loser\"");
	expect(&loser, 'd', "a new attachment is judged as the one before");
	write_policy("/tmp/silent.yaml", silent, "silent");
	loader("load --revoke /tmp/silent.yaml", 0, "S11 a policy that does not speak of recheck");
	says("no rule allows recheck of it");
	expect(&keeper, 'd', "leaves nothing attached");
	end(&keeper);
	end(&loser);
}

/* Neither the holder's end nor what he becomes nor who gets his fd changes who attached */
static void who_attached(void)
{
	struct holder gone, changed;

	load(tolerant, "tolerant");
	gone = start(0, LOSER, "fork", VM_EDU, "here", NULL);
	changed = start(0, LOSER, "exec", VM_EDU2, "here", KEEPER);
	expect(&gone, 'w', "control: the device lives on in a child");
	expect(&changed, 'w', "control: and over an exec");
	loader("load --revoke /tmp/strict.yaml", 0, "S11 the policy denies who attached");
	expect(&gone, 'd', "he was judged though he had exited");
	expect(&changed, 'd', "and though he executed what is allowed");
	end(&gone);
	end(&changed);

	load(tolerant, "tolerant");
	gone = start(0, KEEPER, "fork", VM_EDU, "here", NULL);
	changed = start(0, KEEPER, "exec", VM_EDU2, "here", LOSER);
	loader("load --revoke /tmp/strict.yaml", 0, "S11 the policy allows who attached");
	expect(&gone, 'w', "that holds when he has exited");
	expect(&changed, 'w', "and when he executed what is denied");
	end(&gone);
	end(&changed);
}

static void users(void)
{
	struct holder alice, root;
	char text[128];

	load(tolerant, "tolerant");
	REQUIRE_RC(pci_bind(VM_EDU, VM_DRIVER), 0, "our driver has the device");
	REQUIRE_RC(run_shell("chmod 666 /dev/iommu /dev/vfio/devices/* && chmod 755 /root"), 0,
		   "everybody may open what there is");
	alice = start(ALICE, KEEPER, "plain", VM_EDU, "here", NULL);
	root = start(0, KEEPER, "setuid", VM_EDU2, "here", NULL);
	write_policy("/tmp/no_alice.yaml", no_alice, "no-alice");
	loader("load --dry-run /tmp/no_alice.yaml", 1, "S11 a user is denied");
	snprintf(text, sizeof(text), VM_EDU " in 'here' of keeper (pid %d, uid 1000): rule 3", alice.pid);
	says(text);
	says("denies 1 of 2");
	loader("load --revoke /tmp/no_alice.yaml", 0, "S11 and loses what she has attached");
	says(text);
	expect(&alice, 'd', "what a user attached who is denied is taken away");
	expect(&root, 'w', "what root attached stays, though he is that user now");
	end(&alice);
	end(&root);
}

static void other_conditions(void)
{
	struct holder one, other;

	load(tolerant, "tolerant");
	one = start(0, KEEPER, "plain", VM_EDU, "here", NULL);
	other = start(0, KEEPER, "plain", VM_EDU2, "there", NULL);
	load(tolerant, "tolerant");
	write_policy("/tmp/p.yaml", permissive, "permissive");
	loader("load --dry-run /tmp/p.yaml", 0, "S11 a permissive policy denies nothing");
	loader("load --revoke /tmp/p.yaml", 0, "S11 and takes nothing away");
	expect(&one, 'w', "with a permissive policy all stays");
	write_policy("/tmp/p.yaml", not_there, "not-there");
	loader("load --revoke /tmp/p.yaml", 0, "S11 an address space is denied");
	says(VM_EDU2 " in 'there'");
	expect(&one, 'w', "who is in another stays");
	expect(&other, 'd', "who is in it goes");
	end(&one);
	end(&other);
}

/* Two devices of a group in one process */
static void group_of_two(void)
{
	uint32_t ioas, id;
	struct edu edu;
	int iommufd, fd[2];

	load(tolerant, "tolerant");
	REQUIRE_RC(pci_bind(VM_PAIR1, VM_DRIVER) ?: pci_bind(VM_PAIR2, VM_DRIVER), 0, "a group of two");
	iommufd = iommu_open();
	REQUIRE_RC(ioas_alloc(iommufd, &ioas), 0, "an IOAS");
	REQUIRE_RC(ioas_map(iommufd, ioas, memory(4096, 'm'), 4096, IOVA), 0, "with memory");
	fd[0] = device_open(VM_PAIR1);
	fd[1] = device_open(VM_PAIR2);
	for (int i = 0; i < 2; i++) {
		REQUIRE_RC(device_bind(fd[i], iommufd, &id), 0, "a device is bound");
		REQUIRE_RC(device_attach(fd[i], ioas, NULL), 0, "and attached");
	}
	write_policy("/tmp/p.yaml", not_pair1, "not-pair1");
	loader("load --revoke /tmp/p.yaml", 0, "S11 one of them is denied");
	says("revoked " VM_PAIR1 " in ''");
	CHECK_EQ(state_of(fd[0]), 'd', "S11 it is taken away");
	CHECK_EQ(poll_events(fd[1], 0), 0, "S11 the other is not");
	CHECK_RC(edu_init(&edu, fd[1]), 0, "S11 it works");
	CHECK_RC(edu_push(&edu, IOVA, 0, 16), 0, "S11 with DMA");
	close(fd[0]);
	edu_exit(&edu);
	close(fd[1]);
	close(iommufd);
}

/* What was attached when there was no policy */
static void before_the_policy(void)
{
	struct holder keeper, loser, orphan;

	loader("unload", 0, "no policy is loaded");
	REQUIRE_RC(default_allow(), 0, "and what nobody decides is allowed");
	keeper = start(0, KEEPER, "plain", VM_EDU, "here", NULL);
	loser = start(0, LOSER, "plain", VM_EDU2, "here", NULL);
	orphan = start(0, KEEPER, "fork", VM_PAIR1, "here", NULL);
	loader("load --dry-run /tmp/strict.yaml", 1, "S11 a dry run before the first load");
	says("denies 2 of 3");
	says(VM_EDU2 " in 'here'");
	says(VM_PAIR1 " in 'here' of keeper");
	says("which program attached it is not known");
	loader("load --revoke /tmp/strict.yaml", 0, "S11 a first load revokes");
	expect(&keeper, 'w', "who is there and allowed stays");
	expect(&loser, 'd', "who is denied goes");
	expect(&orphan, 'd', "and what nobody knows the maker of");
	end(&orphan);
	end(&loser);
	loader("load --revoke /tmp/strict.yaml", 0, "S11 the next load");
	expect(&keeper, 'w', "knows it still");
	end(&keeper);
	REQUIRE_RC(set_default_verdict("deny"), 0, "what nobody decides is denied");
}

static void by_hand(void)
{
	int file = open("/sys/bus/pci/devices/" VM_EDU "/iommufd_recheck", O_WRONLY | O_CLOEXEC);
	struct holder keeper;

	REQUIRE(file >= 0, "a file to have a device judged again");
	CHECK(write(file, "1", 1) < 0 && errno == ESRCH, "S11 which must be attached");
	load(tolerant, "tolerant");
	keeper = start(0, KEEPER, "plain", VM_EDU, "here", NULL);
	CHECK_EQ(write(file, "1", 1), 1, "S11 judged by hand it stays");
	expect(&keeper, 'w', "and works");
	load(silent, "silent");
	CHECK(write(file, "1", 1) < 0 && errno == EACCES, "S11 judged by hand it goes");
	expect(&keeper, 'd', "and is dead");
	close(file);
	end(&keeper);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return be_holder(argv);

	REQUIRE_RC(copy_self(KEEPER), 0, "one program");
	REQUIRE_RC(copy_self(LOSER), 0, "another");
	allowed_and_denied();
	who_attached();
	users();
	other_conditions();
	group_of_two();
	by_hand();
	before_the_policy();
	return checks_done();
}
