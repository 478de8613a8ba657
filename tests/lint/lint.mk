# SPDX-License-Identifier: GPL-2.0
# Static checks: what each looks at, how it is called, and the planted fault that it must find. Included by
# the Makefile, whose variables it uses. A check is done when its stamps below $(LINT) are newer than what
# it looks at, so that only what was changed is looked at again; tests/lint/run counts them.

LINT := $(B)/lint
LINT_DIR := tests/lint
LINT_FAULTS := $(LINT_DIR)/faults
LINT_CHECKS := kbuild checkpatch kernel-doc clang-tidy cppcheck shellcheck bpf sanitizers
lint-stamps := $(foreach check,$(LINT_CHECKS),$(LINT)/$(check).ok $(LINT)/$(check).fault)
lint-files = $(shell find $(1) -name '*.[ch]' | sort)

# --- gcc's further warnings and sparse, on every module; a tree of its own ------------------------------
# -Werror and -Wsparse-error only here: another kernel's headers may bring new warnings
LINT_KBUILD := W=1 C=2 CF=-Wsparse-error KCFLAGS="-Werror -Wduplicated-cond -Wduplicated-branches \
	-Wlogical-op -Wnull-dereference -Wjump-misses-init"

$(LINT)/kbuild.ok: $(KMOD_SRC) $(LINT_DIR)/lint.mk $(KDIR)/include/config/kernel.release
	@mkdir -p $(@D)
	+@$(MAKE) --no-print-directory B=$(LINT)/kbuild KBUILD_FLAGS='$(LINT_KBUILD)' modules
	@touch $@

$(LINT)/kbuild.fault: $(wildcard $(LINT_FAULTS)/kbuild/*) $(LINT_DIR)/lint.mk $(LINT_DIR)/finds
	@mkdir -p $(@D)
	@scripts/link-tree $(LINT_FAULTS)/kbuild $(LINT)/faults/kbuild
	+@for what in gcc.c sparse.c; do $(LINT_DIR)/finds "$$what:.* error: " $(MAKE) -k -s -C $(KDIR) \
		M=$(abspath $(LINT)/faults/kbuild) $(LINT_KBUILD) modules || exit 1; done
	@touch $@

# --- kernel style -----------------------------------------------------------------------------------------
LINT_CHECKPATCH := $(LINUX_TREE)/scripts/checkpatch.pl
# ... but for a module that makes mistakes so that the harness finds them
LINT_KERNEL_C := $(filter-out tests/kmod/mistake/%,$(call lint-files,kmod tests/kmod))
LINT_USER_C := $(call lint-files,bpf loader)

$(LINT)/checkpatch.ok: $(LINT_KERNEL_C) $(LINT_USER_C) $(LINT_DIR)/checkpatch | $(LINUX_TREE)/unpacked
	@mkdir -p $(@D)
	@$(LINT_DIR)/checkpatch kernel $(LINT_CHECKPATCH) $(LINT_KERNEL_C)
	@$(LINT_DIR)/checkpatch user $(LINT_CHECKPATCH) $(LINT_USER_C)
	@touch $@

$(LINT)/checkpatch.fault: $(LINT_FAULTS)/checkpatch.c $(LINT_DIR)/checkpatch $(LINT_DIR)/finds | $(LINUX_TREE)/unpacked
	@mkdir -p $(@D)
	@$(LINT_DIR)/finds 'checkpatch.c:.*MEMORY_BARRIER' $(LINT_DIR)/checkpatch kernel $(LINT_CHECKPATCH) $<
	@$(LINT_DIR)/finds 'checkpatch.c:.*STRCPY' $(LINT_DIR)/checkpatch user $(LINT_CHECKPATCH) $<
	@touch $@

# --- comments in kernel-doc's form: every argument and the result ------------------------------------------
LINT_KERNEL_DOC := $(KSRC)/scripts/kernel-doc -none -Wall -Werror
LINT_DOC_C := $(LINT_KERNEL_C) $(LINT_USER_C) $(call lint-files,tests/vm/lib tests/unit)

$(LINT)/kernel-doc.ok: $(LINT_DOC_C)
	@mkdir -p $(@D)
	@$(LINT_KERNEL_DOC) $(LINT_DOC_C)
	@touch $@

$(LINT)/kernel-doc.fault: $(LINT_FAULTS)/kernel-doc.c $(LINT_DIR)/finds
	@mkdir -p $(@D)
	@$(LINT_DIR)/finds "parameter .*'missing'" $(LINT_KERNEL_DOC) $<
	@touch $@

# --- the loader, by clang-tidy: .clang-tidy says which checks -----------------------------------------------
# A file is looked at again when its object is newer, which knows the headers it includes. What bpftool
# generates is not ours to judge.
# The analyzer does not know that libbpf frees what a skeleton in such a file allocates
lint-not-malloc = $(if $(shell grep -l '\.skel\.h"' $<),--checks=-clang-analyzer-unix.Malloc)
lint-tidy = clang-tidy --quiet $(1) -- $(subst -I$(B)/bpf,-isystem $(B)/bpf,$(CPPFLAGS)) -std=gnu11

$(LINT)/clang-tidy.ok: $(LOADER_SRC:%.c=$(LINT)/%.tidy)
	@touch $@

$(LINT)/loader/%.tidy: loader/%.c $(B)/loader/%.o .clang-tidy
	@mkdir -p $(@D)
	@$(call lint-tidy,$(lint-not-malloc) $<) 2> $@.err || { cat $@.err; exit 1; }
	@touch $@

$(LINT)/clang-tidy.fault: $(LINT_FAULTS)/clang-tidy.c .clang-tidy $(LINT_DIR)/finds
	@mkdir -p $(@D)
	@$(LINT_DIR)/finds 'clang-tidy.c:.*cert-err34-c' $(call lint-tidy,$<)
	@touch $@

# --- every program of user space, by cppcheck -----------------------------------------------------------------
# On what the preprocessor makes of a file: cppcheck's own gives up on macros like ours, silently
LINT_CPPFLAGS := $(GUEST_CPPFLAGS) -Ikmod
LINT_USER := $(LOADER_SRC) $(UNIT_SRC) $(VMLIB_SRC) $(GUEST_SRC)

$(LINT)/cppcheck.ok: $(LOADER_OBJ) $(UNIT_OBJ) $(VMLIB_OBJ) $(GUEST_PROGS) $(LINT_DIR)/cppcheck
	@mkdir -p $(@D)
	@$(LINT_DIR)/cppcheck $(LINT)/cppcheck '$(LINT_CPPFLAGS)' $(LINT_USER)
	@touch $@

$(LINT)/cppcheck.fault: $(LINT_FAULTS)/cppcheck.c $(LINT_DIR)/cppcheck $(LINT_DIR)/finds
	@mkdir -p $(@D)
	@$(LINT_DIR)/finds 'cppcheck.c:9: .*arrayIndexOutOfBounds' \
		$(LINT_DIR)/cppcheck $(LINT)/faults/cppcheck '$(LINT_CPPFLAGS)' $<
	@touch $@

# --- shell: whatever begins like a script, and what such scripts source ----------------------------------------
LINT_SH := $(shell find . -type f ! -path './.git*' ! -path './$(B)/*' ! -path './$(LINT_FAULTS)/*' \
	\( -name '*.sh' -o -name '*.bash' -o -perm -100 -exec sh -c 'head -n 1 "$$1" | grep -q "^\#!.*sh"' - {} \; \) -print)

$(LINT)/shellcheck.ok: $(LINT_SH) .shellcheckrc
	@mkdir -p $(@D)
	@printf '%s\n' $(LINT_SH) | xargs -n 16 -P 2 shellcheck -x
	@touch $@

$(LINT)/shellcheck.fault: $(LINT_FAULTS)/shellcheck.sh .shellcheckrc $(LINT_DIR)/finds
	@mkdir -p $(@D)
	@$(LINT_DIR)/finds SC2086 shellcheck -x $<
	@touch $@

# --- BPF with the newest clang there is; the build itself is with Debian's default ------------------------------
# Everything is built, so that one can also load it: make vm B=build/lint/bpf CLANG=clang-N
LINT_CLANG := $(shell compgen -c clang- | grep -xE 'clang-[0-9]+' | sort -t- -k2 -n | tail -n 1)

$(LINT)/bpf.ok: $(BPF_SRC) $(GUEST_BPF) $(BPF_HDR) $(wildcard bpf/examples/*.c) $(LINT_DIR)/lint.mk
	@mkdir -p $(@D)
	@$(CLANG) -dM -E -xc /dev/null | grep -q '__clang_major__ 14$$' && [ "$(LINT_CLANG)" != clang-14 ] || \
		{ echo "clang 14 and a newer clang-N are needed: 'make deps'"; exit 1; }
	+@$(MAKE) --no-print-directory B=$(LINT)/bpf CLANG=$(LINT_CLANG) bpf guest-bpf
	@touch $@

$(LINT)/bpf.fault: $(LINT_FAULTS)/bpf.c $(LINT_DIR)/finds $(LINT_DIR)/lint.mk
	@mkdir -p $(LINT)/faults
	@for clang in $(CLANG) $(LINT_CLANG); do $(LINT_DIR)/finds 'bpf.c:.* error: .*Wuninit' \
		$$clang $(BPF_CFLAGS) -c $< -o $(LINT)/faults/bpf.o || exit 1; done
	@touch $@

# --- unit tests under the address and the undefined-behaviour sanitizer -------------------------------------------
# Criterion's workers end without a look for leaks; the loader itself does not
LINT_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
LINT_SANITIZED := CFLAGS='-O1 -g -fno-omit-frame-pointer $(LINT_SANITIZE)' LDFLAGS='$(LINT_SANITIZE)'

$(LINT)/sanitizers.ok: $(UNIT) $(LOADER) $(wildcard policies/*) $(LINT_DIR)/lint.mk
	@mkdir -p $(@D)
	+@$(MAKE) --no-print-directory B=$(LINT)/sanitizers $(LINT_SANITIZED) unit loader
	@timeout 600 $(LINT)/sanitizers/tests/unit -j2 --color=never > $@.out 2>&1 || { cat $@.out; exit 1; }
	@for policy in policies/*.yaml; do $(LINT)/sanitizers/iommufd-lsm check $$policy > $@.out 2>&1 || \
		{ cat $@.out; exit 1; }; done
	@$(LINT)/sanitizers/iommufd-lsm check $(LINT_FAULTS)/shellcheck.sh > $@.out 2>&1; [ $$? = 2 ] || \
		{ cat $@.out; exit 1; }
	@touch $@

$(LINT)/sanitizers.fault: $(LINT_FAULTS)/sanitizers.c $(LINT_FAULTS)/leak.c $(LINT_DIR)/finds $(LINT_DIR)/lint.mk
	@mkdir -p $(LINT)/faults
	@$(CC) -O1 -g $(WARN) -std=gnu11 $(LINT_SANITIZE) $< -o $(LINT)/faults/sanitizers -lcriterion
	@$(CC) -O1 -g $(WARN) -std=gnu11 $(LINT_SANITIZE) $(LINT_FAULTS)/leak.c -o $(LINT)/faults/leak
	@$(LINT_DIR)/finds heap-buffer-overflow $(LINT)/faults/sanitizers --filter '*/address'
	@$(LINT_DIR)/finds 'signed integer overflow' $(LINT)/faults/sanitizers --filter '*/undefined'
	@$(LINT_DIR)/finds LeakSanitizer $(LINT)/faults/leak
	@touch $@

# --- all of them ---------------------------------------------------------------------------------------------------
.PHONY: lint lint-now lint-stamps
lint: deps
	+@$(MAKE) --no-print-directory lint-now

lint-now:
	+@$(LINT_DIR)/run

lint-stamps: $(lint-stamps)
