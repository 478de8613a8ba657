# SPDX-License-Identifier: GPL-2.0
# How everything is built, tested and installed. `make help` lists what people ask for; the parts
# that only tests need are in tests/tests.mk. Nothing is written into the source folders.

MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY: # BPF objects stay, for whoever reads them
SHELL := /bin/bash

# Where everything goes; a build for another kernel (KDIR) needs a place of its own
B ?= build
V ?= 0
ifeq ($(V),0)
Q := @
say = @printf '  %-8s %s\n' "$(1)" "$(2)"
else
Q :=
say = @:
endif

# The kernel to build for: the newest 6.12 headers of Debian, unless KDIR says otherwise
find-kdir = ls -d /usr/src/linux-headers-6.12*-amd64 2>/dev/null | grep -vE -e '-(rt|cloud)-' | \
	sort -V | tail -n 1
KDIR ?= $(or $(shell $(find-kdir)),/lib/modules/$(shell uname -r)/build)
KVER := $(shell cat $(KDIR)/include/config/kernel.release 2>/dev/null)
# Debian splits the headers: what all flavours share is in a second folder
KSRC := $(or $(shell sed -n 's,^include \(/.*\)/Makefile$$,\1,p' $(KDIR)/Makefile 2>/dev/null),$(KDIR))

PREFIX ?= /usr/local
SBINDIR ?= $(PREFIX)/sbin
DATADIR ?= $(PREFIX)/share
BASHCOMPDIR ?= $(DATADIR)/bash-completion/completions
ZSHCOMPDIR ?= $(DATADIR)/zsh/site-functions
MODDIR ?= /lib/modules/$(KVER)/updates/iommufd-lsm

CC := gcc
CLANG ?= clang
BPFTOOL ?= $(or $(shell PATH="$$PATH:/usr/sbin" command -v bpftool),bpftool)
CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Werror
CPPFLAGS += -D_GNU_SOURCE= -Iloader -Ikmod/uapi -Ibpf -I$(B)/uapi -I$(B)/bpf
LDLIBS := -lfyaml -lbpf -lelf -lz -ljson-c

.PHONY: all modules bpf loader uapi
all: modules bpf loader

# Everything below compiles against the kernel's headers
NEEDS_KERNEL := $(filter-out help clean deps check demo bench lint check-fresh check-upstream,$(or $(MAKECMDGOALS),all))
ifneq ($(NEEDS_KERNEL),)
ifeq ($(KVER),)
$(error no kernel headers in '$(KDIR)'; install what is missing with 'make deps', or say KDIR=FOLDER)
endif
endif

# --- modules ---------------------------------------------------------------------------------
# kbuild of 6.12 writes its output beside the sources, so it gets a tree of links to build in.
KTREE := $(B)/kbuild
KMOD_SRC := $(shell find kmod tests/kmod -type f 2>/dev/null)
kbuild = $(MAKE) $(if $(filter 0,$(V)),-s) -C $(KDIR) M=$(abspath $(KTREE))/$(1) \
	$(if $(2),KBUILD_EXTRA_SYMBOLS=$(abspath $(KTREE))/$(2)/Module.symvers) V=$(V) $(KBUILD_FLAGS) modules

modules: $(B)/modules.stamp

$(B)/modules.stamp: $(KMOD_SRC) $(KDIR)/include/config/kernel.release
	$(call say,MODULES,for $(KVER))
	$(Q)mkdir -p $(KTREE)
	$(Q)scripts/link-tree kmod $(KTREE)/kmod
	+$(Q)$(call kbuild,kmod)
	+$(Q)if [ -d tests/kmod ]; then scripts/link-tree tests/kmod $(KTREE)/tests/kmod && \
		$(call kbuild,tests/kmod,kmod); fi
	$(Q)touch $@

# --- what user space knows of the kernel's calls -----------------------------------------------
# Debian 12's linux-libc-dev is of 6.1: no iommufd, no device fds of VFIO
UAPI := $(B)/uapi/linux/iommufd.h $(B)/uapi/linux/vfio.h
uapi: $(UAPI)

$(B)/uapi/linux/%.h: $(KSRC)/include/uapi/linux/%.h
	$(Q)mkdir -p $(@D)
	$(Q)sed -e 's/\b__user\b//g' -e 's/\b__counted_by([^)]*)//g' \
		-e '/#include <linux\/compiler.*>/d' $< > $@

# --- BPF -----------------------------------------------------------------------------------------
BPF_SRC := $(wildcard bpf/*.bpf.c)
BPF_HDR := $(wildcard bpf/*.h) $(wildcard kmod/uapi/*.h)
SKEL := $(BPF_SRC:bpf/%.bpf.c=$(B)/bpf/%.skel.h)
# A newer clang warns of the variables of libbpf's BPF_CORE_READ(); an older one does not know that warning
BPF_CFLAGS := --target=bpf -O2 -g -mcpu=v3 -Wall -Werror -Wno-unknown-warning-option \
	-Wno-default-const-init-var-unsafe -D__TARGET_ARCH_x86 -Ibpf -Ikmod/uapi -I$(B)/bpf
BPF_EXAMPLES := $(patsubst %.bpf.c,$(B)/%.bpf.o,$(wildcard bpf/examples/*.bpf.c)) \
	$(B)/bpf/examples/attach
bpf: $(SKEL) $(BPF_EXAMPLES)

$(B)/bpf/vmlinux.h: $(KDIR)/vmlinux
	$(call say,BTF,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(BPFTOOL) btf dump file $< format c > $@

$(B)/bpf/%.bpf.o: bpf/%.bpf.c $(BPF_HDR) $(B)/bpf/vmlinux.h
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@.full
	$(Q)$(BPFTOOL) gen object $@ $@.full && rm $@.full # BTF stays, DWARF goes

$(B)/bpf/examples/attach: bpf/examples/attach.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(WARN) $< -o $@ -lbpf

%.skel.h: %.bpf.o
	$(Q)$(BPFTOOL) gen skeleton $< name $(subst .,_,$(basename $(basename $(@F))))_bpf > $@

# --- the loader ------------------------------------------------------------------------------------
LOADER_SRC := $(wildcard loader/*.c)
LOADER_OBJ := $(LOADER_SRC:loader/%.c=$(B)/loader/%.o)
LOADER := $(B)/iommufd-lsm
loader: $(LOADER)

$(B)/iommufd-lsm: $(LOADER_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) $^ -o $@ $(LDLIBS)

$(B)/loader/%.o: loader/%.c | $(SKEL) $(UAPI)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(WARN) -std=gnu11 -MMD -MP -c $< -o $@

-include $(LOADER_OBJ:.o=.d)
# a changed BPF program changes its skeleton, and who includes it
$(LOADER_OBJ): $(SKEL)

# --- install -------------------------------------------------------------------------------------
# Modules of the tests are never installed: only these
INSTALL_KO := lsm/iommufd_lsm.ko core/iommufd.ko vfio_pci/iommufd_vfio_pci.ko

.PHONY: install
install: all
	install -d $(DESTDIR)$(MODDIR) $(DESTDIR)$(SBINDIR) $(DESTDIR)$(DATADIR)/man/man8 \
		$(DESTDIR)$(DATADIR)/iommufd-lsm/policies $(DESTDIR)$(DATADIR)/doc/iommufd-lsm \
		$(DESTDIR)$(PREFIX)/include/iommufd-lsm $(DESTDIR)$(BASHCOMPDIR) $(DESTDIR)$(ZSHCOMPDIR)
	for ko in $(INSTALL_KO); do \
		install -m 644 $(KTREE)/kmod/$$ko $(DESTDIR)$(MODDIR)/ && \
		strip --strip-debug $(DESTDIR)$(MODDIR)/$${ko##*/} || exit 1; done
	install -m 755 $(B)/iommufd-lsm $(DESTDIR)$(SBINDIR)/iommufd-lsm
	for page in $(wildcard docs/*.8); do \
		install -m 644 $$page $(DESTDIR)$(DATADIR)/man/man8/ || exit 1; done
	install -m 644 docs/completion/iommufd-lsm.bash $(DESTDIR)$(BASHCOMPDIR)/iommufd-lsm
	install -m 644 docs/completion/_iommufd-lsm $(DESTDIR)$(ZSHCOMPDIR)/_iommufd-lsm
	install -m 644 $(wildcard policies/*) $(DESTDIR)$(DATADIR)/iommufd-lsm/policies/
	install -m 644 README.md LICENSE $(wildcard docs/*.md) $(DESTDIR)$(DATADIR)/doc/iommufd-lsm/
	install -m 644 docs/host/90-iommufd-lsm.rules $(DESTDIR)$(DATADIR)/iommufd-lsm/
	for unit in iommufd-lsm.service iommufd-lsm-log.service; do \
		sed 's,/usr/local/sbin,$(SBINDIR),' docs/host/$$unit \
			> $(DESTDIR)$(DATADIR)/iommufd-lsm/$$unit || exit 1; done
	install -m 644 kmod/uapi/*.h $(DESTDIR)$(PREFIX)/include/iommufd-lsm/
	@if [ -z "$(DESTDIR)" ]; then depmod $(KVER); else \
		echo "with DESTDIR set, run 'depmod $(KVER)' on the target yourself"; fi

# --- other -----------------------------------------------------------------------------------------
.PHONY: deps clean help
deps:
	@scripts/install-deps

clean:
	rm -rf $(B)

help:
	@sed -n 's/^# help: \?//p' $(firstword $(MAKEFILE_LIST))

# help: make             modules, BPF programs and the loader, into build/
# help: make check       every test: unit tests, then scenarios in VMs; installs what is missing
# help: make check-debug   all scenarios and Linux's selftest on a kernel with KASAN, lockdep, kmemleak...
# help: make check-security  there: scenarios about security, 10 minutes of races, the fuzzer; figures
# help: make demo        the main job, shown in a VM; installs what is missing
# help: make check-upstream  Linux's own iommufd selftest against our /dev/iommu, in a VM
# help: make lint        static checks: sparse, checkpatch, clang-tidy, cppcheck, sanitizers, shellcheck
# help: make fuzz-kernel  1,000,000 random calls on a kernel with checkers, in VMs; FUZZ_ARGS=--help
# help: make fuzz        the policy's parser and compiler under libFuzzer, ten minutes of processor time
# help: make bench       map and unmap beside VFIO type1, in a VM that counts instructions
# help: make install     modules, binary, man page, completions, policies; DESTDIR and PREFIX honoured
# help: make deps        only install the packages that are missing
# help: make clean       remove build/
# help:
# help: KDIR=FOLDER      kernel headers to build for (the newest linux-headers-6.12*-amd64)
# help: V=1              show commands

include tests/tests.mk
# What it looks at takes a moment to list
ifneq ($(findstring lint,$(MAKECMDGOALS)),)
include tests/lint/lint.mk
endif

print-%:
	@echo '$($*)'
