# fxpd: build, try, check, install. See README.md.

PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
SBINDIR    ?= $(PREFIX)/sbin
MANDIR     ?= $(PREFIX)/share/man
SYSCONFDIR ?= /etc
COMPDIR    ?= $(PREFIX)/share/bash-completion/completions
DOCDIR     ?= $(PREFIX)/share/doc/fxpd
# Where systemd looks beside its own directories in /usr/lib.
SYSTEMDDIR ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d

# What is built in besides: PAM, where libpam's header is. Nothing, with CARGO_FEATURES= on the command line.
CARGO_FEATURES ?= $(shell test -e /usr/include/security/pam_appl.h && echo pam)

CARGO   ?= cargo
INSTALL ?= install
BUILT   ?= target/release
PROFILE ?= release
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
PAGES   := fxp.1 fxpd-auth.5 fxpd-fxp.7 fxpd.8 fxpd.conf.5 fxpd.passwd.5
UNITS   := fxpd.service fxpd@.service fxpd-implicit@.service fxpd.socket fxpd-implicit.socket

.PHONY: all bench build-tools capi check check-full check-systemd check-tools demo footprint fuzz \
    install install-capi soak uninstall dist deb clean

all: build-tools
	$(CARGO) build --release --locked --features '$(CARGO_FEATURES)'

# What building needs beside Rust, gcc and make; installed by apt where that is allowed.
build-tools:
	@tests/tools.sh build

# Two servers on loopback, a file of 1 GiB copied straight between them. DEMO_MIB sets another size.
demo: all
	@tests/demo.sh

# The static library for programs in C, of the profile PROFILE.
capi: build-tools
	$(CARGO) rustc --locked --profile $(PROFILE) --lib --crate-type staticlib --features capi

# What the small server for appliances takes, beside that of `make` if there is one; fails where it
# takes more than it may. The build takes some minutes, and stands in a directory of its own.
footprint: build-tools
	$(CARGO) build --locked --profile appliance --no-default-features --bin fxpd
	python3 tests/footprint.py target/appliance/fxpd $(wildcard $(BUILT)/fxpd)

# Everything that can be checked without waiting for long.
check: check-tools
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --features '$(CARGO_FEATURES)' --all-targets --no-deps -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --features '$(CARGO_FEATURES)' --no-deps --quiet
	mandoc -T lint -W warning $(PAGES:%=man/%)
	$(CARGO) clippy --locked --no-default-features --lib --bins --test appliance --no-deps -- -D warnings
	$(CARGO) test --locked --no-default-features --test appliance
	$(CARGO) build --locked --features '$(CARGO_FEATURES)' --bins
	$(CARGO) test --locked --features '$(CARGO_FEATURES)'
	$(MAKE) --no-print-directory demo DEMO_MIB=64

# The same jobs of fxp as in check, at full size: trees of 10,000 files and a file of 5 GiB, killed
# again and again. Half an hour, and 15 GiB in TMPDIR.
check-full: check-tools
	FXPD_TEST_FULL=1 $(CARGO) test --locked --features '$(CARGO_FEATURES)' --test tests fxp_robust::

# The mixed crowd of check, for an hour instead of a minute: see CONTRIBUTING.md. SOAK_SEED repeats
# the choices of a run.
SOAK_MINUTES ?= 60
soak: check-tools
	SOAK_MINUTES=$(SOAK_MINUTES) $(CARGO) test --locked --features '$(CARGO_FEATURES)' --test tests soak:: -- --nocapture

# The units for systemd, installed and started by a systemd that is booted for them: takes root, and
# half a minute.
check-systemd:
	$(CARGO) build --locked --features '$(CARGO_FEATURES)' --bins
	tests/systemd.sh target/debug

# Every parser, and whole sessions of the server, tried with input that is made up to reach all of
# their code. FUZZ_SECONDS sets another total than 60. What earlier findings were is tried by check.
fuzz: build-tools
	@fuzz/run.sh

# What the server costs, in processor time; it judges nothing. BENCH_MIB sets the size of a file.
bench: all
	@tests/bench.sh

check-tools: build-tools
	@tests/tools.sh check
	@tests/peers.sh
	@tests/inetd.sh

# Copies what `make` has built; it never builds, so that it can run as root. Files of a kind with
# settings are never overwritten: they may have been edited.
install:
	@test -x $(BUILT)/fxpd || { echo "nothing is built yet: run make first" >&2; exit 1; }
	$(INSTALL) -D -m 755 $(BUILT)/fxpd $(DESTDIR)$(SBINDIR)/fxpd
	$(INSTALL) -D -m 755 $(BUILT)/fxp $(DESTDIR)$(BINDIR)/fxp
	for page in $(PAGES); do \
	    $(INSTALL) -D -m 644 man/$$page $(DESTDIR)$(MANDIR)/man$${page##*.}/$$page || exit 1; \
	done
	for program in fxpd fxp; do \
	    $(INSTALL) -D -m 644 etc/completion/$$program $(DESTDIR)$(COMPDIR)/$$program || exit 1; \
	done
	for unit in $(UNITS); do \
	    $(INSTALL) -D -m 644 etc/systemd/$$unit $(DESTDIR)$(SYSTEMDDIR)/$$unit || exit 1; \
	done
	$(INSTALL) -D -m 644 etc/fxpd.sysusers $(DESTDIR)$(SYSUSERSDIR)/fxpd.conf
	$(INSTALL) -D -m 644 etc/fxpd.tmpfiles $(DESTDIR)$(TMPFILESDIR)/fxpd.conf
	$(INSTALL) -D -m 644 etc/inetd.conf $(DESTDIR)$(DOCDIR)/inetd.conf
	$(INSTALL) -D -m 755 etc/fxpd-auth-sqlite $(DESTDIR)$(DOCDIR)/fxpd-auth-sqlite
	$(INSTALL) -D -m 644 SECURITY.md $(DESTDIR)$(DOCDIR)/SECURITY.md
	sed -i 's|/usr/local/sbin/|$(SBINDIR)/|' $(DESTDIR)$(SYSTEMDDIR)/fxpd*.service \
	    $(DESTDIR)$(DOCDIR)/inetd.conf
	test -e $(DESTDIR)$(SYSCONFDIR)/fxpd.conf || \
	    $(INSTALL) -D -m 644 etc/fxpd.conf $(DESTDIR)$(SYSCONFDIR)/fxpd.conf
	test -e $(DESTDIR)$(SYSCONFDIR)/logrotate.d/fxpd || \
	    $(INSTALL) -D -m 644 etc/fxpd.logrotate $(DESTDIR)$(SYSCONFDIR)/logrotate.d/fxpd
	test -e $(DESTDIR)$(SYSCONFDIR)/pam.d/fxpd || \
	    $(INSTALL) -D -m 644 etc/fxpd.pam $(DESTDIR)$(SYSCONFDIR)/pam.d/fxpd
	test -e $(DESTDIR)$(SYSCONFDIR)/fxpd/passwd || \
	    $(INSTALL) -D -m 640 /dev/null $(DESTDIR)$(SYSCONFDIR)/fxpd/passwd

# What `make capi` has built, for programs in C that are built after it.
install-capi:
	@test -e $(BUILT)/libfxpd.a || { echo "nothing is built yet: run make capi first" >&2; exit 1; }
	$(INSTALL) -D -m 644 include/fxpd.h $(DESTDIR)$(PREFIX)/include/fxpd.h
	$(INSTALL) -D -m 644 $(BUILT)/libfxpd.a $(DESTDIR)$(PREFIX)/lib/libfxpd.a
	$(INSTALL) -D -m 644 etc/fxpd.pc.in $(DESTDIR)$(PREFIX)/lib/pkgconfig/fxpd.pc
	sed -i 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' $(DESTDIR)$(PREFIX)/lib/pkgconfig/fxpd.pc

# What `install` may not overwrite stays.
uninstall:
	rm -f $(DESTDIR)$(SBINDIR)/fxpd $(DESTDIR)$(BINDIR)/fxp
	for page in $(PAGES); do rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$$page; done
	rm -f $(DESTDIR)$(COMPDIR)/fxpd $(DESTDIR)$(COMPDIR)/fxp
	for unit in $(UNITS); do rm -f $(DESTDIR)$(SYSTEMDDIR)/$$unit; done
	rm -f $(DESTDIR)$(SYSUSERSDIR)/fxpd.conf $(DESTDIR)$(TMPFILESDIR)/fxpd.conf
	rm -f $(DESTDIR)$(PREFIX)/include/fxpd.h $(DESTDIR)$(PREFIX)/lib/libfxpd.a
	rm -f $(DESTDIR)$(PREFIX)/lib/pkgconfig/fxpd.pc
	rm -f $(DESTDIR)$(DOCDIR)/inetd.conf $(DESTDIR)$(DOCDIR)/fxpd-auth-sqlite \
	    $(DESTDIR)$(DOCDIR)/SECURITY.md
	rmdir $(DESTDIR)$(DOCDIR) 2>/dev/null || true

# The source of the last commit, with its version.
dist:
	@mkdir -p build
	git archive --prefix=fxpd-$(VERSION)/ -o build/fxpd-$(VERSION).tar.gz HEAD
	@echo build/fxpd-$(VERSION).tar.gz

# A package for Debian, of what `make` has built.
deb:
	@VERSION=$(VERSION) BUILT=$(BUILT) etc/deb/build.sh

clean:
	$(CARGO) clean
	rm -rf build
