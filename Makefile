# SPDX-License-Identifier: GPL-2.0-only
# For people. Kbuild has its own files: Kbuild here, and one beside the sources.
#
#   make                    build for the running kernel
#   make K=newest           build for a kernel that scripts/fetch knows
#   make KDIR=/path         build for any other kernel's headers
#   make help               what else there is

KVER   ?= $(shell uname -r)
KDIR   ?= /lib/modules/$(KVER)/build
PREFIX ?= /usr/local
DRIVER ?= ours
MODULE := drivers/virtio/balloon/virtio_balloon.ko

# For packages and images: DESTDIR comes before every path, INSTALL_MOD_PATH before those
# of modules alone ($(DESTDIR)/usr where a distribution has /usr/lib/modules only).
DESTDIR ?=
INSTALL_MOD_PATH ?= $(DESTDIR)
DOCDIR ?= $(PREFIX)/share/doc/virtio-balloon-oot
MODULES = $(INSTALL_MOD_PATH)/lib/modules/$(KVER)
TOOLS = $(DESTDIR)$(PREFIX)
COMPLETION = $(TOOLS)/share/bash-completion/completions/balloonstat
MANUAL := $(wildcard Documentation/*.[1-8])
DOCUMENTS := CHANGELOG.md SECURITY.md Documentation/install.rst Documentation/admin-guide.rst \
	packaging/modprobe.d/virtio_balloon.conf

.PHONY: all help modules install installable install-tools uninstall uninstall-tools depmod \
	deb dist packages dkms-install dkms-uninstall overlay overlay-remove demo check \
	check-debug check-install check-overlay conformance fuzz soak faults bench \
	bench-migration bench-reporting lint docs unit guest kselftest-install setup fetch \
	clean distclean

all: modules

help:
	@echo 'Building and installing'
	@echo '  modules        build the module for the running kernel (default)'
	@echo '    K=6.1|6.12|newest   for a kernel that is fetched, in its own root'
	@echo '    KDIR=DIR         for the kernel whose headers are in DIR'
	@echo '  install        install it for the running kernel, into updates/, and balloonstat'
	@echo '    KVER=RELEASE     for another kernel that is installed here'
	@echo '    DESTDIR=DIR      into an image or a package;  PREFIX=, INSTALL_MOD_PATH=, DOCDIR='
	@echo '  install-tools  balloonstat, its manual and documents only'
	@echo '  uninstall      remove it again: modprobe takes the in-tree driver'
	@echo '  dkms-install   give the source to DKMS, which builds it for each kernel;'
	@echo '                 dkms-uninstall'
	@echo '  deb            a Debian package that does so;  DIR=path'
	@echo '  packages       deb, RPM, Arch and Alpine packages;  DIR=path'
	@echo '  dist           a tarball of the sources, with what builds packages of it'
	@echo '  overlay        put it into a kernel source tree, to be built in'
	@echo '    KERNEL=DIR       the top of that tree;  overlay-remove takes it out'
	@echo
	@echo 'Seeing it work (root on a Debian machine; both do their own set-up)'
	@echo '  demo           boot a guest and watch its balloon;  K=newest'
	@echo '  check          all tests'
	@echo '    K=6.1            on one kernel'
	@echo '    T=EXPRESSION     tests whose names match, as pytest -k'
	@echo '    DRIVER=in-tree   judge the in-tree driver instead'
	@echo '  check-debug    tests on a kernel with KASAN, lockdep, failing allocations;  K=newest'
	@echo '  check-install  the package, DKMS and make install, in a Debian of their own'
	@echo '  check-overlay  a kernel that has the driver built in, on a microvm;  K=newest'
	@echo '  conformance    the specification, statement by statement;  K=newest'
	@echo '  fuzz           random hosts, for as long as wanted;  SECONDS=60 K=newest SEED=N'
	@echo '  soak           long random runs, minutes;  FULL=1: hours'
	@echo '  faults         plants faults in the driver: each has to be found'
	@echo '  bench          our modes and the in-tree driver, measured: sizes;  K=newest'
	@echo '    bench-migration, bench-reporting   live migrations; free page reporting'
	@echo
	@echo 'Judging a guest elsewhere'
	@echo '  kselftest-install DIR=path   test programs that run there by themselves'
	@echo '    K=6.1 or KDIR=DIR   with the module that lets them play the host'
	@echo
	@echo 'Working on it'
	@echo '  unit           tests that need no guest'
	@echo '  lint           W=1, sparse, checkpatch, clang, kernel-doc, shellcheck, ...'
	@echo '  docs           the documentation as HTML; needs Sphinx;  DIR=path KERNEL=source'
	@echo '  guest          a guest with a prompt;  K=newest DRIVER=in-tree'
	@echo '  setup, fetch   what check and demo do first'
	@echo '  clean          remove what was built;  distclean: and fetched'

ifdef K
modules:
	@scripts/fetch
	@scripts/build $(K)
else
modules:
	@test -e $(KDIR)/Makefile || { \
	  echo 'No kernel headers in $(KDIR).'; \
	  scripts/installed --built-in $(KVER) && exit 1; \
	  echo 'To install them:'; \
	  scripts/headers --command $(KVER); \
	  echo 'KDIR= names others; make K=6.1, K=6.12 or K=newest builds for a fetched kernel.'; \
	  exit 1; }
	@scripts/modular $(KDIR)
	@scripts/stale $(KDIR)
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules
	@scripts/fits $(MODULE) $(KDIR)
endif

ifdef K
install:
	@echo 'make install K=$(K): K= names a kernel of the lab, which is not installed on'
	@echo 'this machine. Install in the guest that runs it, or give KVER= and KDIR=.'
	@exit 1
else
install: installable modules
	@scripts/fits $(MODULE) $(KDIR) $(KVER)
	$(MAKE) -C $(KDIR) M=$(CURDIR) INSTALL_MOD_DIR=updates \
		INSTALL_MOD_PATH=$(INSTALL_MOD_PATH) modules_install
	@$(MAKE) --no-print-directory depmod install-tools
	@scripts/installed $(KVER) $(INSTALL_MOD_PATH)
endif

installable:
	@scripts/modular --install $(KDIR)

# Without a System.map, as with a distribution's headers, kbuild leaves it out. A package
# has none of the kernel's own modules: depmod is run where it is installed.
depmod:
	@if [ -z '$(INSTALL_MOD_PATH)' ] || [ -e $(MODULES)/modules.builtin ]; then \
		echo 'depmod $(KVER)'; depmod -b '$(or $(INSTALL_MOD_PATH),/)' $(KVER); fi

install-tools:
	scripts/one-file $(TOOLS)/bin/balloonstat
	for page in $(MANUAL); do \
		install -D -m 644 -t $(TOOLS)/share/man/man$${page##*.} $$page || exit; done
	install -D -m 644 packaging/balloonstat.bash $(COMPLETION)
	install -D -m 644 -t $(DESTDIR)$(DOCDIR) $(DOCUMENTS)

uninstall: uninstall-tools
	rm -f $(MODULES)/updates/$(MODULE)* $(MODULES)/updates/virtio_balloon.ko*
	@$(MAKE) --no-print-directory depmod
	@scripts/installed $(KVER) $(INSTALL_MOD_PATH)

uninstall-tools:
	rm -f $(TOOLS)/bin/balloonstat $(COMPLETION) \
		$(foreach page,$(MANUAL),$(TOOLS)/share/man/man$(subst .,,$(suffix $(page)))/$(notdir $(page))) \
		$(addprefix $(DESTDIR)$(DOCDIR)/,$(notdir $(DOCUMENTS)))
	[ ! -d $(DESTDIR)$(DOCDIR) ] || rmdir --ignore-fail-on-non-empty $(DESTDIR)$(DOCDIR)

# KDIR= only if it was given: without it no kernel is needed.
kselftest-install:
	$(if $(K),@scripts/fetch)
	@scripts/kselftest $(if $(K),--kernel $(K),$(if \
		$(filter-out file,$(origin KDIR)),--kdir $(KDIR))) $(DIR)

deb:
	@scripts/deb $(DIR)

dist:
	@scripts/dist $(DIR)

packages:
	@scripts/packages $(DIR)

dkms-install:
	@scripts/dkms install $(KVER)

dkms-uninstall:
	@scripts/dkms uninstall $(KVER)

overlay:
	@scripts/overlay apply $(KERNEL)

overlay-remove:
	@scripts/overlay remove $(KERNEL)

setup:
	scripts/setup

fetch: setup
	scripts/fetch

demo: fetch
	scripts/demo $(if $(K),--kernel $(K))

check: fetch
	scripts/check --driver $(DRIVER) $(if $(K),--kernel $(K)) $(if $(T),-k '$(T)')

check-debug: fetch
	scripts/check --driver $(DRIVER) --kernel $(or $(K),6.1)-debug -j $$(nproc) \
		$(if $(T),-k '$(T)') tools/test_logscan.py debug qemu/test_hwpoison.py

check-install: fetch
	scripts/check --kernel 6.1 -j 1 $(if $(FULL),--full) $(if $(T),-k '$(T)') install

check-overlay: fetch
	scripts/check --kernel $(or $(K),6.1)-overlay -j 1 $(if $(T),-k '$(T)') overlay \
		qemu/test_stats.py qemu/test_size.py qemu/test_oom.py qemu/test_snapshot.py

conformance: fetch
	scripts/check --driver $(DRIVER) --kernel $(or $(K),newest) --conformance

fuzz: fetch
	scripts/check --driver $(DRIVER) --kernel $(or $(K),newest) \
		--fuzz $(if $(SEED),0 --seed $(SEED),$(or $(SECONDS),60))

soak: fetch
	scripts/soak $(if $(K),--kernel $(K)) $(if $(FULL),--full)

faults: fetch
	scripts/faults $(if $(K),--kernel $(K))

bench: fetch
	scripts/bench --document $(if $(K),--kernel $(K))

bench-migration: fetch
	scripts/bench-migration --speed 20 --only in-tree --only ours --document \
		$(if $(K),--kernel $(K))

bench-reporting: fetch
	scripts/bench-reporting $(if $(K),--kernel $(K))

unit:
	$(MAKE) -C tests/unit check

lint: fetch
	scripts/lint

docs:
	KERNEL=$(KERNEL) scripts/docs $(DIR)

guest: fetch
	scripts/guest --kernel $(or $(K),newest) --driver $(DRIVER)

clean:
	@scripts/stale --all
	$(MAKE) -C tests/unit clean
	rm -rf .lab/build .lab/runs

distclean: clean
	rm -rf .lab
