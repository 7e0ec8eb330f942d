# podd - pods on single Linux hosts.  `make help` lists the targets.
#
# Variables: BUILD=dir  CC=  CFLAGS=  SAN=address,undefined  STATIC=1  SHARED=1  WERROR=1  V=1

# Told once, in the changelog of the Debian package.
VERSION  ?= $(shell sed -n '1s/.*(\([^)-]*\).*/\1/p' debian/changelog)
BUILD    ?= build$(if $(SAN),-san)$(if $(STATIC),-static)$(if $(FAULTS),-faults)
PREFIX   ?= /usr/local
CC       ?= gcc
PKG_CONFIG ?= pkg-config

MODULES  := base config image cgroup netns userns container seccomp supervisor
LIBS     := libnl-3.0 liburing inih jansson

WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	    -Wpointer-arith -Wwrite-strings -Wvla -Wimplicit-fallthrough
OPT      ?= $(if $(SAN),-O1,-O2) -g
CFLAGS   ?= $(OPT)
# Given by hand or by a packager's environment, CPPFLAGS and CFLAGS add to these.
ALL_CFLAGS := -std=gnu17 -D_GNU_SOURCE -I. -I$(BUILD)/gen $(WARN) \
	    $(if $(WERROR),-Werror) $(if $(FAULTS),-DPODD_FAULTS) $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer) \
	    -fPIE -fstack-protector-strong -ffunction-sections -fdata-sections -MMD -MP $(shell $(PKG_CONFIG) --cflags $(LIBS) 2>/dev/null) $(CPPFLAGS) $(CFLAGS)
# The four small libraries are linked in: shared, each costs every podd 12 KiB of
# its own and a part of its start. The libc too, into podd: 60 KiB a pod, and it
# uses nothing that needs one at run time (NSS, iconv, dlopen), whatever the
# linker says of functions of libnl that nobody calls. SHARED=1 (distributions)
# links all of them as usual.
STATIC_PIE := -static-pie $(shell ld --help 2>/dev/null | grep -q no-warnings && echo -Wl,--no-warnings)
ALL_LDFLAGS := -Wl,--gc-sections $(if $(SAN),-fsanitize=$(SAN)) $(if $(STATIC),$(STATIC_PIE)) $(LDFLAGS)
LIB_FLAGS := $(shell $(PKG_CONFIG) $(if $(SHARED),,--static) --libs $(LIBS) 2>/dev/null)
LDLIBS   := $(if $(SHARED)$(STATIC),$(LIB_FLAGS),-Wl,-Bstatic $(LIB_FLAGS) -Wl,-Bdynamic)
IMAGE_LIBS := $(shell $(PKG_CONFIG) --libs $(LIBS) libarchive libcrypto libcurl 2>/dev/null)
# STATIC=1: podd-image too where all that libarchive and libcurl need has a static
# form. Debian's have not; what is lacking is told at the end.
IMAGE_STATIC := $(if $(STATIC),$(shell $(PKG_CONFIG) --static --libs $(LIBS) libarchive libcrypto libcurl 2>/dev/null))
IMAGE_LACKS := $(if $(STATIC),$(shell echo 'int main(void) { return 0; }' | \
	    $(CC) -static-pie -fPIE -x c - -x none -o /dev/null $(IMAGE_STATIC) 2>&1 | \
	    sed -n 's/.*cannot find -l\([^: ]*\).*/\1/p' | sort -u))
ifneq ($(STATIC),)
ifeq ($(IMAGE_LACKS),)
IMAGE_LIBS := $(STATIC_PIE) $(IMAGE_STATIC)
endif
endif
PODD_LIBS := $(if $(SAN)$(SHARED),$(LDLIBS),$(STATIC_PIE) $(LIB_FLAGS))

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $@)

sources = $(filter-out $(1)/main.c,$(wildcard $(1)/*.c))
LIB_OBJ := $(foreach m,$(MODULES),$(patsubst %.c,$(BUILD)/%.o,$(call sources,$(m))))
CTL_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(call sources,ctl))
IMAGE_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(wildcard ctl/image/*.c))
GEN_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(wildcard generator/*.c))
UNIT    := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/test_*.c tests/kernel/test_*.c))
PROGRAMS := $(BUILD)/podd $(BUILD)/podctl $(BUILD)/podd-image $(BUILD)/podd-seccomp $(BUILD)/pod-pause \
	    $(BUILD)/podd-generator

all: $(PROGRAMS)
	@$(if $(STATIC),tools/sizes $(PROGRAMS)$(if $(IMAGE_LACKS), && echo "podd-image is not static: no static library of $(IMAGE_LACKS)"),:)

# Rewritten for another version only: what includes it is built anew then.
VERSION_H := $(BUILD)/gen/version.h
$(VERSION_H): FORCE
	@mkdir -p $(@D)
	@echo '#define PODD_VERSION "$(VERSION)"' | cmp -s - $@ || echo '#define PODD_VERSION "$(VERSION)"' >$@

$(BUILD)/%.o: %.c | $(VERSION_H)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/libpodd.a: $(LIB_OBJ)
	$(call say,AR)
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/podd: $(BUILD)/supervisor/main.o $(BUILD)/libpodd.a
	$(call say,LD)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ -Wl,--as-needed $(PODD_LIBS)

$(BUILD)/podctl: $(BUILD)/ctl/main.o $(CTL_OBJ) $(BUILD)/libpodd.a
	$(call say,LD)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ -Wl,--as-needed $(LDLIBS)

$(BUILD)/podd-generator: $(GEN_OBJ) $(BUILD)/libpodd.a
	$(call say,LD)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ -Wl,--as-needed $(LDLIBS)

# podctl image. With shared libraries unless STATIC=1 finds all of them: libarchive's
# and libcurl's own are too many to be linked in.
$(BUILD)/podd-image: $(IMAGE_OBJ) $(CTL_OBJ) $(BUILD)/libpodd.a
	$(call say,LD)
	$(Q)$(CC) $(ALL_CFLAGS) -Wl,--gc-sections $(if $(SAN),-fsanitize=$(SAN)) $(LDFLAGS) -o $@ $^ \
		-Wl,--as-needed $(IMAGE_LIBS)

# Compiles profiles of seccomp, for podd and, when that is built, its own one. Not
# with libpodd.a, which needs the header.
SECCOMP_LIBS := $(if $(SHARED),,-Wl,-Bstatic) -lseccomp -ljansson $(if $(SHARED)$(STATIC),,-Wl,-Bdynamic)
SECCOMP_OBJ := $(foreach m,base seccomp,$(patsubst %.c,$(BUILD)/%.o,$(call sources,$(m)))) $(BUILD)/seccomp/main.o
$(BUILD)/podd-seccomp: $(SECCOMP_OBJ)
	$(call say,LD)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(SECCOMP_LIBS)
$(BUILD)/seccomp/main.o $(BUILD)/ctl/security_profile.o: seccomp/default.json
$(BUILD)/gen/seccomp_default.h: $(BUILD)/podd-seccomp
	@mkdir -p $(@D)
	$(call say,GEN)
	$(Q)$< header >$@
$(BUILD)/container/filter.o: $(BUILD)/gen/seccomp_default.h
$(BUILD)/gen/own_numbers.h: $(BUILD)/podd-seccomp
	@mkdir -p $(@D)
	$(call say,GEN)
	$(Q)$< own >$@
$(BUILD)/supervisor/own_filter.o: $(BUILD)/gen/own_numbers.h

# No libc, no relocations, no sanitizer: one page of code and its stack.
PAUSE_CFLAGS := -std=gnu17 -I. $(WARN) $(if $(WERROR),-Werror) -Os -ffreestanding -fno-stack-protector -fno-pic \
	    -fno-asynchronous-unwind-tables -fcf-protection=none -nostdlib -static
$(BUILD)/pod-pause: pause/pause.c pause/board.h Makefile
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(PAUSE_CFLAGS) -Wl,--build-id=none -Wl,-z,noseparate-code -Wl,-z,norelro -s -o $@ $<
	$(Q)chmod 711 $@ # others may not read it: supervisor/pause.c

$(BUILD)/tests/%: tests/%.c $(CTL_OBJ) $(BUILD)/libpodd.a
	@mkdir -p $(@D)
	$(call say,TEST)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $(CTL_OBJ) $(BUILD)/libpodd.a \
		-lcmocka $(LDLIBS)

$(BUILD)/tests/unit/test_seccomp $(BUILD)/tests/unit/test_recording \
$(BUILD)/tests/unit/test_own_filter $(BUILD)/fuzz_seccomp: LDLIBS += $(SECCOMP_LIBS)

# Static, for roots that have no libc.
STATIC_TOOLS := $(foreach t,probe libc attacker prober,$(BUILD)/tests/integration/$t)
$(BUILD)/tests/integration/prober: STATIC_SRC := base/capability.c base/nearest.c -lseccomp
$(STATIC_TOOLS): $(BUILD)/tests/integration/%: tests/integration/%.c
	@mkdir -p $(@D)
	$(call say,TEST)
	$(Q)$(CC) -std=gnu17 -D_GNU_SOURCE -I. $(WARN) $(if $(WERROR),-Werror) -O1 -g -static -o $@ $< $(STATIC_SRC)

# Those of image/ alone need what podd-image needs.
$(filter $(BUILD)/tests/unit/test_image%,$(UNIT)): LDLIBS := $(IMAGE_LIBS)
# Their tables of tar entries leave most of an entry out; clang minds, gcc does not.
$(filter $(BUILD)/tests/unit/test_image%,$(UNIT)): private ALL_CFLAGS += -Wno-missing-field-initializers

INTEGRATION := $(abspath $(wildcard tests/docs/test-* tests/integration/test-*))

## make              build podd, podctl and pod-pause into build/
## make run          run examples/shop.pod in the foreground until Ctrl-C (FOR=10: for 10 s)
run:
	$(Q)tools/deps run
	$(Q)$(MAKE) --no-print-directory all
	$(Q)examples/run $(BUILD) $(FOR)

KILL_POINTS := $(filter %/test-kill-points-pod %/test-kill-points-container %/test-image-kills \
	%/test-image-update-kills,$(INTEGRATION))

## make check        build and pass all tests (SAN=address,undefined: with sanitizers)
check:
	$(Q)tools/deps check
	$(Q)$(MAKE) --no-print-directory all docs tests
	$(Q)$(MAKE) --no-print-directory FAULTS=1 BUILD=$(BUILD)-faults all
	$(Q)BUILD=$(abspath $(BUILD)) tests/run $(filter-out $(KILL_POINTS),$(INTEGRATION)) $(abspath $(UNIT))

## make unit         only the unit and kernel tests
unit: docs $(UNIT)
	$(Q)tests/run $(abspath $(UNIT))

# Programs that integration tests need.
TEST_TOOLS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/integration/*.c))
tests: $(UNIT) $(TEST_TOOLS)

## make check-security  each known kind of hole and the tests that hold it, or why it cannot be (ROW=regex)
check-security:
	$(Q)tools/deps check
	$(Q)$(MAKE) --no-print-directory all tests
	$(Q)BUILD=$(abspath $(BUILD)) tests/security/run

## make compare-security  what a container reaches, beside podman and systemd-nspawn, which have to be installed
compare-security: all tests
	$(Q)BUILD=$(abspath $(BUILD)) tests/security/compare

## make check-vm     the tests in a virtual machine with systemd and cgroup v2
check-vm: all docs tests
	$(Q)rm -rf $(BUILD)/dest && $(MAKE) -s install DESTDIR=$(BUILD)/dest >/dev/null
	$(Q)rm -f $(BUILD)/deb/*.deb # of this version and a later one; without them their test is skipped
	$(Q)$(MAKE) --no-print-directory deb && $(MAKE) --no-print-directory deb VERSION=+next || true
	$(Q)BUILD=$(abspath $(BUILD)) TEST_TIMEOUT=0 tests/run $(abspath tests/vm/programs tests/vm/services tests/vm/boot tests/vm/labels)

## make fuzz         the parsers under libFuzzer, with clang: of images 60 s, others FUZZ_SECONDS=20
FUZZ := $(patsubst tests/fuzz/%.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
$(filter $(BUILD)/fuzz_image%,$(FUZZ)): LDLIBS := -lcmocka $(IMAGE_LIBS)
$(filter $(BUILD)/fuzz_image%,$(FUZZ)): private ALL_CFLAGS += -Wno-missing-field-initializers
fuzz:
	$(Q)TEST_TIMEOUT=0 tests/run $(abspath tools/fuzz)
fuzzers: $(FUZZ)
$(BUILD)/fuzz_%: tests/fuzz/fuzz_%.c $(CTL_OBJ) $(BUILD)/libpodd.a
	$(call say,FUZZ)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $< $(CTL_OBJ) \
		$(BUILD)/libpodd.a $(LDLIBS)

## make bench        speed and memory beside a floor program; imports beside tar, skopeo and umoci
bench: all
	$(Q)tools/deps check
	$(Q)BUILD=$(abspath $(BUILD)) tests/bench/run
	$(Q)BUILD=$(abspath $(BUILD)) tests/bench/image

## make docs         man pages and completions, from the tables of keys and of commands
GENERATED := $(addprefix $(BUILD)/docs/,man/podd.pod.5 completions/bash completions/zsh completions/fish)
docs: $(GENERATED)
	@:
$(BUILD)/docs/keydoc: docs/keydoc.c $(BUILD)/libpodd.a
	@mkdir -p $(@D)/man
	$(call say,LD)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $(BUILD)/libpodd.a -Wl,--as-needed $(LDLIBS)
$(BUILD)/docs/completions/%: $(BUILD)/podctl
	@mkdir -p $(@D)
	$(call say,DOC)
	$(Q)$< completion $* >$@
$(BUILD)/docs/%: docs/%.in $(BUILD)/docs/keydoc
	$(call say,DOC)
	$(Q)$(BUILD)/docs/keydoc <$< >$@

## make kill-points  podd and podd-image killed at each named point of each operation, some minutes
kill-points: all
	$(Q)$(MAKE) --no-print-directory FAULTS=1 BUILD=$(BUILD)-faults all
	$(Q)BUILD=$(abspath $(BUILD)) TEST_TIMEOUT=1800 JOBS=$(or $(JOBS),4) \
		tests/run $(KILL_POINTS) # which wait more than they work

## make torture      podd killed at random under load (MINUTES=1 KILLS=2000)
torture: all
	$(Q)BUILD=$(abspath $(BUILD)) tests/torture/run $(or $(MINUTES),1) $(or $(KILLS),2000)

## make leaks        a pod started, killed, adopted, stopped again and again (TIMES=1000)
leaks: all
	$(Q)BUILD=$(abspath $(BUILD)) TIMES=$(or $(TIMES),1000) TEST_TIMEOUT=0 tests/run \
		$(filter %/test-leaks,$(INTEGRATION))

## make races        attackers against starts and exec sessions, counted (ROUNDS=10000)
RACES := $(filter $(BUILD)/tests/unit/test_races_%,$(UNIT))
races: all $(TEST_TOOLS) $(RACES)
	$(Q)RACE_ROUNDS=$(or $(ROUNDS),10000) TEST_TIMEOUT=0 JOBS=1 V=1 tests/run $(abspath $(RACES))

## make install      into DESTDIR= PREFIX=/usr/local; make uninstall takes exactly that away
# FROM:TO, with TO below PREFIX: all that there is to install. bash and fish look for a
# completion by the name of the command.
EXAMPLES := $(shell find examples -type f ! -path examples/run | LC_ALL=C sort)
FILES    := $(BUILD)/podd:bin/podd $(BUILD)/podctl:bin/podctl \
	    $(BUILD)/pod-pause:lib/podd/pod-pause $(BUILD)/podd-image:lib/podd/podd-image \
	    $(BUILD)/podd-seccomp:lib/podd/podd-seccomp seccomp/default.json:share/podd/seccomp.json \
	    $(BUILD)/docs/man/podd.pod.5:share/man/man5/podd.pod.5 \
	    docs/man/podctl.1:share/man/man1/podctl.1 docs/man/podctl-image.1:share/man/man1/podctl-image.1 \
	    docs/man/podd.8:share/man/man8/podd.8 \
	    $(foreach f,podctl podd,$(BUILD)/docs/completions/bash:share/bash-completion/completions/$f) \
	    $(BUILD)/docs/completions/zsh:share/zsh/site-functions/_podctl \
	    $(foreach f,podctl podd,$(BUILD)/docs/completions/fish:share/fish/vendor_completions.d/$f.fish) \
	    $(BUILD)/podd-generator:lib/systemd/system-generators/podd-generator \
	    $(foreach f,$(wildcard systemd/*.service systemd/*.target),$f:lib/systemd/system/$(notdir $f)) \
	    systemd/podd.conf:lib/tmpfiles.d/podd.conf \
	    systemd/podd.sysusers:lib/sysusers.d/podd.conf \
	    systemd/podd.preset:lib/systemd/system-preset/90-podd.preset \
	    $(foreach f,README.md LICENSE $(EXAMPLES),$f:share/doc/podd/$f)
dest      = $(DESTDIR)$(PREFIX)

# Directories that install has made, one a line: those that uninstall takes away.
made      = $(dest)/share/doc/podd/.directories

# Said, not done: that is the host's administrator's. Packages do it in their own ways.
AFTER     = "systemctl daemon-reload && systemd-sysusers podd.conf && systemctl preset pods.target"

install: all docs
	$(Q)set -e; new=$$(for f in $(FILES); do to="$(dest)/$${f#*:}"; \
			while to=$${to%/*}; [ -n "$$to" ] && [ ! -d "$$to" ]; do echo "$$to"; done; done); \
		for f in $(FILES); do to="$(dest)/$${f#*:}"; f=$${f%%:*}; \
		install -D -m $$(test -x $$f && echo 755 || echo 644) $$f "$$to"; \
		case $$f in $(BUILD)/pod-pause) chmod 711 "$$to" ;; systemd/*|examples/openrc/*|examples/runit/*) \
			sed -i 's,/usr/local/,$(PREFIX)/,g' "$$to" ;; esac; done; \
		[ -z "$$new" ] || echo "$$new" | sort -u >>"$(made)"
	@echo "installed into $(dest)"
	@$(if $(DESTDIR),:,[ ! -d /run/systemd/system ] || echo now: $(AFTER))
# With the link that a preset has made of what is installed.
uninstall:
	$(Q)[ ! -d "$(DESTDIR)/etc/systemd/system" ] || find "$(DESTDIR)/etc/systemd/system" -path '*.wants/pods.target' \
		-lname "$(PREFIX)/lib/systemd/system/pods.target" -delete
	$(Q)for f in $(FILES); do rm -f "$(dest)/$${f#*:}"; done
	$(Q)new=$$(sort -ru "$(made)" 2>/dev/null); rm -f "$(made)"; \
		echo "$$new" | while read -r d; do rmdir "$$d" 2>/dev/null; done; true
	@echo "uninstalled from $(dest)"

## make deb          Debian packages into build/deb (VERSION=1.2: of another version)
deb:
	$(Q)tools/deps deb
	$(Q)tools/deb $(abspath $(BUILD))/deb $(VERSION)

## make clean        remove the build directories
clean:
	rm -rf build build-*

help:
	@sed -n 's/^## //p' Makefile
	@echo; sed -n '3,/^$$/s/^# //p' Makefile

.PHONY: all torture leaks races kill-points run check check-security unit tests check-vm fuzz fuzzers bench docs install uninstall deb clean \
	FORCE help
.DELETE_ON_ERROR:

-include $(LIB_OBJ:.o=.d) $(BUILD)/seccomp/main.d $(CTL_OBJ:.o=.d) $(IMAGE_OBJ:.o=.d) $(BUILD)/supervisor/main.d $(BUILD)/ctl/main.d \
	 $(GEN_OBJ:.o=.d) $(UNIT:=.d) $(TEST_TOOLS:=.d) $(FUZZ:=.d) $(BUILD)/docs/keydoc.d
