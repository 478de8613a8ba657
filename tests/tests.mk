# SPDX-License-Identifier: GPL-2.0
# What only tests need: unit tests, programs for the guest, the guest's image, and the targets that
# run them. Included by the Makefile, whose variables it uses.

# --- unit tests: everything of the loader but main(), and what they include themselves ------------
UNIT_SRC := $(wildcard tests/unit/*.c)
UNIT_OBJ := $(UNIT_SRC:tests/unit/%.c=$(B)/tests/unit.d/%.o)
UNIT := $(B)/tests/unit

.PHONY: unit
unit: $(UNIT)

$(B)/tests/unit: $(UNIT_OBJ) $(filter-out $(B)/loader/main.o,$(LOADER_OBJ))
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) $^ -o $@ -lcriterion $(LDLIBS)

$(B)/tests/unit.d/%.o: tests/unit/%.c | $(SKEL) $(UAPI)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -I. -Ikmod $(CFLAGS) $(WARN) -std=gnu11 -MMD -MP -c $< -o $@

-include $(UNIT_OBJ:.o=.d)

# --- the policy's fuzzer: parser and compiler with clang's sanitizers --------------------------------
FUZZ_POLICY_SRC := tests/fuzz/policy/harness.c $(wildcard loader/policy*.c) \
	$(addprefix loader/,yaml.c message.c memory.c identity.c globs.c automaton.c tables.c)

$(B)/fuzz/policy: $(FUZZ_POLICY_SRC) $(wildcard loader/*.h bpf/*.h) | $(UAPI)
	$(call say,FUZZER,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(CPPFLAGS) -O1 -g -fno-omit-frame-pointer -std=gnu11 -Wall -Werror \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		$(FUZZ_POLICY_SRC) -o $@ -lfyaml -ljson-c

# FUZZ_SECONDS: of processor time
FUZZ_SECONDS ?= 600
.PHONY: fuzz
fuzz:
	+@tests/fuzz/policy/run $(FUZZ_SECONDS)

# --- random policies, and requests with what their rules say of them, for a scenario ------------------
SAMPLES := $(B)/tests/policy_samples.txt

$(SAMPLES): tests/policies/samples.c tests/unit/policy_random.c tests/unit/policy_random.h | $(UAPI)
	$(call say,SAMPLES,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -I. $(CFLAGS) $(WARN) -std=gnu11 $(filter %.c,$^) -o $(@:.txt=)
	$(Q)$(@:.txt=) > $@

# --- programs for the guest: static, so that a boot carries nothing else -------------------------
# Scenarios, the harness's own failing ones, the demo, benchmarks and helpers are built alike, with
# the library in tests/vm/lib; BPF programs beside them become skeletons they can include.
VMLIB_SRC := $(wildcard tests/vm/lib/*.c)
VMLIB_OBJ := $(VMLIB_SRC:tests/vm/lib/%.c=$(B)/vm/lib/%.o)
GUEST_DIRS := tests/vm/scenarios tests/vm/selftest tests/vm/tools tests/vm/demo tests/bench
GUEST_SRC := $(filter-out %.bpf.c,$(wildcard $(addsuffix /*.c,$(GUEST_DIRS))))
GUEST_BPF := $(wildcard $(addsuffix /*.bpf.c,$(GUEST_DIRS)))
GUEST_PROGS := $(GUEST_SRC:tests/%.c=$(B)/tests/%)
GUEST_SKEL := $(GUEST_BPF:tests/%.bpf.c=$(B)/tests/%.skel.h)
GUEST_CPPFLAGS := $(CPPFLAGS) -Itests/vm/lib -I$(B)/tests/vm/scenarios -I.

.PHONY: guest-progs guest-bpf
guest-progs: $(GUEST_PROGS)
guest-bpf: $(GUEST_SKEL)

$(B)/vm/lib/%.o: tests/vm/lib/%.c | $(UAPI)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CPPFLAGS) $(CFLAGS) $(WARN) -std=gnu11 -MMD -MP -c $< -o $@

$(B)/tests/%.bpf.o: tests/%.bpf.c $(BPF_HDR) $(B)/bpf/vmlinux.h
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

# the fuzzer is more than a file; its scenario is its main()
FUZZ_SRC := $(wildcard tests/fuzz/*.c)
FUZZ_OBJ := $(FUZZ_SRC:tests/%.c=$(B)/tests/%.o)
$(B)/tests/vm/scenarios/fuzz: GUEST_MORE := $(FUZZ_OBJ)
$(B)/tests/vm/scenarios/fuzz: $(FUZZ_OBJ)

$(B)/tests/fuzz/%.o: tests/fuzz/%.c | $(UAPI)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CPPFLAGS) $(CFLAGS) $(WARN) -std=gnu11 -MMD -MP -c $< -o $@

$(GUEST_PROGS): $(B)/tests/%: tests/%.c $(VMLIB_OBJ) $(GUEST_SKEL) | $(UAPI)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CPPFLAGS) $(CFLAGS) $(WARN) -std=gnu11 -static -pthread -MMD -MP -MF $@.d $< \
		$(GUEST_MORE) $(VMLIB_OBJ) $(LDFLAGS) -lbpf -lelf -lz -o $@

-include $(VMLIB_OBJ:.o=.d) $(GUEST_PROGS:=.d) $(FUZZ_OBJ:.o=.d)

# --- what tests take from Linux's source package: unpacking takes half a minute, so it is done once -------
LINUX_SOURCE ?= /usr/src/linux-source-6.12.tar.xz
LINUX_TREE := $(B)/linux-source
LINUX_FILES := tools/testing/selftests/iommu tools/testing/selftests/kselftest.h \
	tools/testing/selftests/kselftest_harness.h drivers/iommu/iommufd/iommufd_test.h \
	include/uapi/linux/iommufd.h include/uapi/linux/vfio.h \
	scripts/checkpatch.pl scripts/spelling.txt scripts/const_structs.checkpatch

$(LINUX_TREE)/unpacked: $(LINUX_SOURCE)
	$(call say,UNPACK,$<)
	$(Q)rm -rf $(@D) && mkdir -p $(@D)
	$(Q)tar -C $(@D) -xJf $< --strip-components=1 $(addprefix linux-source-6.12/,$(LINUX_FILES))
	$(Q)touch $@

$(LINUX_SOURCE):
	@echo "no $@: 'make deps' installs linux-source-6.12" >&2; exit 1

# --- Linux's own selftest ----------------------------------------------------------------------------
UPSTREAM := $(B)/upstream/iommufd $(B)/upstream/iommufd_fail_nth

$(UPSTREAM) &: $(wildcard tests/upstream/*) $(LINUX_TREE)/unpacked
	$(call say,UPSTREAM,$(UPSTREAM))
	$(Q)mkdir -p $(B)/upstream
	$(Q)tests/upstream/build $(LINUX_TREE) $(B)/upstream

# --- a kernel for machines inside the guest ---------------------------------------------------------
INNER_KERNEL := $(B)/tests/vm/qemu/kernel.elf
INNER_SRC := $(addprefix tests/vm/qemu/,start.S kernel.c kernel.ld)

$(INNER_KERNEL): $(INNER_SRC)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -m32 -march=i586 -O2 $(WARN) -std=gnu11 -ffreestanding -fno-pic -fno-stack-protector \
		-fno-asynchronous-unwind-tables -nostdlib -static -no-pie -Wl,--build-id=none \
		-Wl,--no-warn-rwx-segments -Wl,-T,$(filter %.ld,$^) $(filter-out %.ld,$^) -o $@

# --- what the linker is told to load into a program in the guest --------------------------------------
PRELOAD := $(B)/tests/vm/preload/open_iommu.so

$(PRELOAD): tests/vm/preload/open_iommu.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -shared -fPIC $(CFLAGS) $(WARN) -std=gnu11 $< $(LDFLAGS) -o $@

# --- the guest's image ------------------------------------------------------------------------------
IMAGE := $(B)/vm/image.cpio
GUEST_FILES := $(wildcard tests/vm/guest/*) $(wildcard policies/*)

.PHONY: vm
vm: $(IMAGE) $(GUEST_PROGS) $(SAMPLES) $(BPF_EXAMPLES) $(INNER_KERNEL) $(PRELOAD)

$(IMAGE): tests/vm/mkimage $(B)/modules.stamp $(LOADER) $(GUEST_FILES)
	$(call say,IMAGE,$@)
	$(Q)mkdir -p $(@D)
	$(Q)tests/vm/mkimage $@ $(KVER) $(KTREE) $(LOADER)

# --- running ------------------------------------------------------------------------------------------
.PHONY: check check-now check-debug check-debug-now check-security check-security-now demo demo-now bench bench-now check-fresh check-upstream check-upstream-now
check check-debug check-security demo bench check-upstream: deps
	+@$(MAKE) --no-print-directory $@-now

check-now:
	+@tests/check

# on the kernel with checkers, which scripts/debug-kernel builds where there is none
check-debug-now:
	+@tests/check debug

check-security-now:
	+@tests/check security

demo-now: vm
	+@tests/vm/demo/run

bench-now: vm
	+@tests/bench/run

.PHONY: upstream
upstream: $(UPSTREAM)

check-upstream-now:
	+@tests/upstream/run

# FUZZ_ARGS: what tests/fuzz/run --help lists
.PHONY: fuzz-kernel
fuzz-kernel:
	+@tests/fuzz/run $(FUZZ_ARGS)

check-fresh:
	@tests/fresh-machine
