#!/bin/sh
# Sees to the tools that building (`build`) or checking (`check`) needs: installs what is missing by
# apt where that is allowed, else says what is missing and fails. Clients and parsers of listings
# that Debian lacks come from PyPI and npm, into build/.
set -eu

# Each line: how to tell that it is there | Debian's package.
needs_build='cargo --version|rustup or cargo
pkg-config --version|pkg-config
pkg-config --exists openssl|libssl-dev'
# Without these there is less to build.
likes_build='test -e /usr/include/security/pam_appl.h|libpam0g-dev'
needs_check='test -e /usr/include/security/pam_appl.h|libpam0g-dev
curl --version|curl
lftp --version|lftp
command -v mandoc|mandoc
python3 -c "import ssl"|python3
python3 -m venv --help|python3-venv
perl -MFile::Listing -e 1|libfile-listing-perl
command -v ncftpls|ncftp
node --version|nodejs
npm --version|npm
ip -V|iproute2
command -v systemd-socket-activate|systemd
command -v logrotate || test -x /usr/sbin/logrotate|logrotate
command -v dpkg-deb|dpkg
command -v dpkg-parsechangelog|dpkg-dev
cargo fmt --version|rustfmt
cargo clippy --version|clippy
wget --version|wget
command -v tnftp|tnftp
tmux -V|tmux
strace -V|strace
command -v faketime|faketime
command -v bindfs|bindfs
command -v mkfs.btrfs|btrfs-progs
command -v mkfs.ext4 || test -x /sbin/mkfs.ext4|e2fsprogs
command -v prlimit|util-linux
command -v rclone|rclone
command -v javac|default-jdk-headless
test -e /usr/share/java/commons-net.jar|libcommons-net-java
perl -MIO::Socket::SSL -e 1|libio-socket-ssl-perl'

case "${1-}" in
    build) needs="$needs_build" likes="$likes_build" ;;
    check) needs="$needs_check" likes= ;;
    *) echo "usage: tools.sh build|check" >&2; exit 64 ;;
esac

missing() {
    echo "$1" | while IFS='|' read -r probe package; do
        sh -c "$probe" >/dev/null 2>&1 || echo "$package"
    done
}

wanted=$(missing "$needs
$likes")
if [ -n "$wanted" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing: $(echo "$wanted" | tr '\n' ' ')"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && echo "$wanted" | xargs apt-get install -y -qq --no-install-recommends; } \
        >/dev/null || true
fi
wanted=$(missing "$needs")
if [ -n "$wanted" ]; then
    echo "missing, by the names of Debian's packages: $(echo "$wanted" | tr '\n' ' ')" >&2
    echo "install them and try again (as root, this script does so by apt)" >&2
    exit 1
fi
[ "$1" = check ] || exit 0

cd "$(dirname "$0")/.."
if ! build/venv/bin/python -c 'import aioftp, ftputil, pyftpdlib, OpenSSL' 2>/dev/null; then
    echo "installing: aioftp, ftputil, pyftpdlib and pyOpenSSL, from PyPI, into build/venv"
    rm -rf build/venv
    python3 -m venv build/venv
    build/venv/bin/pip install -q --disable-pip-version-check \
        aioftp==0.28.3 ftputil==5.2.0 pyftpdlib==2.2.0 pyopenssl==26.4.0
fi
if ! node -e 'require("./build/node/node_modules/basic-ftp")' 2>/dev/null; then
    echo "installing: basic-ftp, from npm, into build/node"
    mkdir -p build/node
    npm install --prefix build/node --no-save --no-audit --no-fund --silent basic-ftp@6.2.3
fi
