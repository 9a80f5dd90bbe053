#!/bin/sh
# Sees to the tools that building (`build`) or checking (`check`) needs: installs what is missing by
# apt where that is allowed, else says what is missing and fails.
set -eu

# Each line: how to tell that it is there | Debian's package.
needs_build='cargo --version|rustup or cargo
pkg-config --version|pkg-config
pkg-config --exists openssl|libssl-dev'
needs_check='curl --version|curl
lftp --version|lftp
command -v mandoc|mandoc
python3 -c "import ssl"|python3
ip -V|iproute2
cargo fmt --version|rustfmt
cargo clippy --version|clippy'

case "${1-}" in
    build) needs="$needs_build" ;;
    check) needs="$needs_check" ;;
    *) echo "usage: tools.sh build|check" >&2; exit 64 ;;
esac

missing() {
    echo "$needs" | while IFS='|' read -r probe package; do
        sh -c "$probe" >/dev/null 2>&1 || echo "$package"
    done
}

wanted=$(missing)
[ -z "$wanted" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing: $(echo "$wanted" | tr '\n' ' ')"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && echo "$wanted" | xargs apt-get install -y -qq --no-install-recommends; } \
        >/dev/null || true
    wanted=$(missing)
    [ -z "$wanted" ] && exit 0
fi
echo "missing, by the names of Debian's packages: $(echo "$wanted" | tr '\n' ' ')" >&2
echo "install them and try again (as root, this script does so by apt)" >&2
exit 1
