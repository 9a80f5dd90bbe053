#!/bin/sh
# Unpacks Debian's openbsd-inetd into build/inetd, for the tests that start fxpd from it. It is not
# installed: it would run.
set -eu

inetd="$(cd "$(dirname "$0")/.." && pwd)/build/inetd"
[ -x "$inetd/usr/sbin/inetd" ] && exit 0

packages="openbsd-inetd libwrap0 libtirpc3 libevent-2.1-7 libbsd0 libmd0"
mkdir -p "$inetd/debs"
cd "$inetd/debs"
# shellcheck disable=SC2086 # a list of words
if ! apt-get download -q $packages >apt.log 2>&1; then
    cat apt.log >&2
    echo "inetd.sh: cannot download the Debian packages $packages;" >&2
    echo "inetd.sh: unpack them (dpkg -x) into $inetd by hand" >&2
    exit 1
fi
for deb in *.deb; do
    dpkg -x "$deb" "$inetd"
done
