# shellcheck shell=bash
# Sourced by the scripts that show and measure the programs: where these are, a directory to work in,
# and the servers, of which none outlives the script.

top=$(cd "$(dirname "$0")/.." && pwd)
fxpd=$top/target/release/fxpd
fxp=$top/target/release/fxp
work=$(mktemp -d "${TMPDIR:-/tmp}/fxpd-$(basename "$0" .sh).XXXXXX")
servers=()

clean_up() {
    for server in "${servers[@]}"; do
        kill "$server" 2>/dev/null && wait "$server" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap clean_up EXIT
