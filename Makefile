# fxpd: build, try, check, install. See README.md.

PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
SBINDIR    ?= $(PREFIX)/sbin
MANDIR     ?= $(PREFIX)/share/man
SYSCONFDIR ?= /etc
COMPDIR    ?= $(PREFIX)/share/bash-completion/completions

CARGO   ?= cargo
INSTALL ?= install
BUILT   := target/release
PAGES   := fxp.1 fxpd-fxp.7 fxpd.8 fxpd.conf.5 fxpd.passwd.5

.PHONY: all build-tools check check-tools demo install uninstall clean

all: build-tools
	$(CARGO) build --release --locked

# What building needs beside Rust, gcc and make; installed by apt where that is allowed.
build-tools:
	@tests/tools.sh build

# Two servers on loopback, a file of 1 GiB copied straight between them. DEMO_MIB sets another size.
demo: all
	@tests/demo.sh

# Everything that can be checked without waiting for long.
check: check-tools
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets --no-deps -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --no-deps --quiet
	mandoc -T lint -W warning $(PAGES:%=man/%)
	$(CARGO) build --locked --bins
	$(CARGO) test --locked
	$(MAKE) --no-print-directory demo DEMO_MIB=64
	tests/install.sh

check-tools: build-tools
	@tests/tools.sh check
	@tests/peers.sh
	@tests/inetd.sh

# Copies what `make` has built; it never builds, so that it can run as root.
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
	test -e $(DESTDIR)$(SYSCONFDIR)/fxpd.conf || \
	    $(INSTALL) -D -m 644 etc/fxpd.conf $(DESTDIR)$(SYSCONFDIR)/fxpd.conf

# The configuration stays: it may have been edited.
uninstall:
	rm -f $(DESTDIR)$(SBINDIR)/fxpd $(DESTDIR)$(BINDIR)/fxp
	for page in $(PAGES); do rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$$page; done
	rm -f $(DESTDIR)$(COMPDIR)/fxpd $(DESTDIR)$(COMPDIR)/fxp

clean:
	$(CARGO) clean
	rm -rf build
