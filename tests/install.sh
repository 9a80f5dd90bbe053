#!/bin/sh
# Installs into an empty folder and compares with what the Makefile promises; then uninstalls.
set -eu
cd "$(dirname "$0")/.."
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

listing() { (cd "$stage" && find . -type f | sort); }

expected='./etc/fxpd.conf
./usr/bin/fxp
./usr/sbin/fxpd
./usr/share/bash-completion/completions/fxp
./usr/share/bash-completion/completions/fxpd
./usr/share/man/man1/fxp.1
./usr/share/man/man5/fxpd.conf.5
./usr/share/man/man5/fxpd.passwd.5
./usr/share/man/man7/fxpd-fxp.7
./usr/share/man/man8/fxpd.8'

make -s install DESTDIR="$stage" PREFIX=/usr
[ "$(listing)" = "$expected" ] || { echo "make install put: $(listing)" >&2; exit 1; }

echo '# edited' >>"$stage/etc/fxpd.conf"
make -s install DESTDIR="$stage" PREFIX=/usr
tail -n 1 "$stage/etc/fxpd.conf" | grep -q '# edited' || { echo "the config was overwritten" >&2; exit 1; }

make -s uninstall DESTDIR="$stage" PREFIX=/usr
[ "$(listing)" = ./etc/fxpd.conf ] || { echo "make uninstall left: $(listing)" >&2; exit 1; }
echo "install: as promised"
