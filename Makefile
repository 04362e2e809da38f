# SPDX-License-Identifier: GPL-2.0-only
# For people. Kbuild has its own files: Kbuild here, and one beside the sources.
#
#   make                    build for the running kernel
#   make K=7.2              build for a kernel that scripts/fetch knows
#   make KDIR=/path         build for any other kernel's headers
#   make help               what else there is

KVER   ?= $(shell uname -r)
KDIR   ?= /lib/modules/$(KVER)/build
PREFIX ?= /usr/local
DRIVER ?= ours
MODULE := drivers/virtio/balloon/virtio_balloon.ko

.PHONY: all help modules install uninstall deb dkms-install dkms-uninstall overlay \
	overlay-remove demo check check-debug check-install check-overlay conformance fuzz soak faults bench lint docs unit guest \
	kselftest-install setup fetch clean distclean

all: modules

help:
	@echo 'Building and installing'
	@echo '  modules        build the module for the running kernel (default)'
	@echo '    K=6.1|6.12|7.2   for a kernel that is fetched, in its own root'
	@echo '    KDIR=DIR         for the kernel whose headers are in DIR'
	@echo '  install        install it for the running kernel, into updates/, and balloonstat'
	@echo '    KVER=RELEASE     for another kernel that is installed here'
	@echo '  uninstall      remove it again: modprobe takes the in-tree driver'
	@echo '  deb            a Debian package that builds it for each kernel (DKMS);  DIR=path'
	@echo '  dkms-install   the same on other distributions;  dkms-uninstall'
	@echo '  overlay        put it into a kernel source tree, to be built in'
	@echo '    KERNEL=DIR       the top of that tree;  overlay-remove takes it out'
	@echo
	@echo 'Seeing it work (root on a Debian machine; both do their own set-up)'
	@echo '  demo           boot a guest and watch its balloon;  K=7.2'
	@echo '  check          all tests'
	@echo '    K=6.1            on one kernel'
	@echo '    T=EXPRESSION     tests whose names match, as pytest -k'
	@echo '    DRIVER=in-tree   judge the in-tree driver instead'
	@echo '  check-debug    tests on a kernel with KASAN, lockdep, failing allocations;  K=7.2'
	@echo '  check-install  the package, DKMS and make install, in a Debian of their own'
	@echo '  check-overlay  a kernel that has the driver built in, on a microvm;  K=7.2'
	@echo '  conformance    the specification, statement by statement;  K=7.2'
	@echo '  fuzz           random hosts, for as long as wanted;  SECONDS=60 K=7.2 SEED=N'
	@echo '  soak           long random runs, minutes;  FULL=1: hours'
	@echo '  faults         plants faults in the driver: each has to be found'
	@echo '  bench          our modes and the in-tree driver, measured;  K=7.2'
	@echo
	@echo 'Judging a guest elsewhere'
	@echo '  kselftest-install DIR=path   test programs that run there by themselves'
	@echo '    K=6.1 or KDIR=DIR   with the module that lets them play the host'
	@echo
	@echo 'Working on it'
	@echo '  unit           tests that need no guest'
	@echo '  lint           W=1, sparse, checkpatch, clang, kernel-doc, shellcheck, ...'
	@echo '  docs           the documentation as HTML, with the kernel-doc of the driver'
	@echo '  guest          a guest with a prompt;  K=7.2 DRIVER=in-tree'
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
	  echo 'Install them (Debian: apt install linux-headers-$(KVER)), name others'; \
	  echo 'with KDIR=, or build for a fetched kernel: make K=6.1, K=6.12 or K=7.2'; \
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
	$(MAKE) -C $(KDIR) M=$(CURDIR) INSTALL_MOD_DIR=updates modules_install
	@# Without a System.map, as with a distribution's headers, kbuild leaves it out.
	depmod $(KVER)
	install -D -m 755 scripts/balloonstat $(PREFIX)/bin/balloonstat
	install -D -m 644 Documentation/balloonstat.8 $(PREFIX)/share/man/man8/balloonstat.8
	@scripts/installed $(KVER)
endif

.PHONY: installable
installable:
	@scripts/modular --install $(KDIR)

uninstall:
	rm -f /lib/modules/$(KVER)/updates/$(MODULE)* \
	      /lib/modules/$(KVER)/updates/virtio_balloon.ko* \
	      $(PREFIX)/bin/balloonstat $(PREFIX)/share/man/man8/balloonstat.8
	depmod $(KVER)
	@scripts/installed $(KVER)

# KDIR= only if it was given: without it no kernel is needed.
kselftest-install:
	$(if $(K),@scripts/fetch)
	@scripts/kselftest $(if $(K),--kernel $(K),$(if \
		$(filter-out file,$(origin KDIR)),--kdir $(KDIR))) $(DIR)

deb:
	@scripts/deb $(DIR)

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
		$(if $(T),-k '$(T)') unit/test_logscan.py debug host/test_hwpoison.py

check-install: fetch
	scripts/check --kernel 6.1 -j 1 $(if $(FULL),--full) $(if $(T),-k '$(T)') install

check-overlay: fetch
	scripts/check --kernel $(or $(K),6.1)-overlay -j 1 $(if $(T),-k '$(T)') overlay \
		host/test_stats.py host/test_size.py host/test_oom.py host/test_snapshot.py

conformance: fetch
	scripts/conformance --driver $(DRIVER) $(if $(K),--kernel $(K))

fuzz: fetch
	scripts/fuzz --driver $(DRIVER) $(if $(K),--kernel $(K)) \
		$(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

soak: fetch
	scripts/soak $(if $(K),--kernel $(K)) $(if $(FULL),--full)

faults: fetch
	scripts/faults $(if $(K),--kernel $(K))

bench: fetch
	scripts/bench --document $(if $(K),--kernel $(K))

unit:
	$(MAKE) -C tests/unit check

lint: fetch
	scripts/lint

docs: fetch
	scripts/docs $(DIR)

guest: fetch
	scripts/guest --kernel $(or $(K),7.2) --driver $(DRIVER)

clean:
	@scripts/stale --all
	$(MAKE) -C tests/unit clean
	rm -rf .lab/build .lab/runs

distclean: clean
	rm -rf .lab
