#!/bin/sh
# Unpacks other makers' FTP servers, a balancer, and what rules address translation, into build/peers,
# for the tests that use them. Debian's packages conflict with each other, or would run, so they are
# not installed.
set -eu

peers="$(cd "$(dirname "$0")/.." && pwd)/build/peers"
unpacked=yes
for program in proftpd vsftpd pure-ftpd haproxy nft; do
    [ -x "$peers/usr/sbin/$program" ] || unpacked=no
done
[ "$unpacked" = yes ] && exit 0

packages="proftpd-core proftpd-mod-crypto libhiredis0.14 libmemcached11 libmemcachedutil2 libpcre2-posix3 libhashkit2
    vsftpd libwrap0 libnsl2 pure-ftpd pure-ftpd-common libsodium23
    haproxy liblua5.3-0 libopentracing-c-wrapper0 libopentracing1
    nftables libnftables1 libnftnl11 libxtables12 libjansson4 libedit2 libbsd0 libmd0 libgmp10"
mkdir -p "$peers/debs"
cd "$peers/debs"
# shellcheck disable=SC2086 # a list of words
if ! apt-get download -q $packages >apt.log 2>&1; then
    cat apt.log >&2
    echo "peers.sh: cannot download the Debian packages $packages;" >&2
    echo "peers.sh: unpack them (dpkg -x) into $peers by hand" >&2
    exit 1
fi
for deb in *.deb; do
    dpkg -x "$deb" "$peers"
done
