#!/bin/bash
# Two servers on loopback; a file and a tree copied straight between them under TLS: see README.md.
# The servers listen at 127.0.0.2 and 127.0.0.3, so that each is a foreign host to the other.
set -euo pipefail

mib=${DEMO_MIB:-1024}
# shellcheck source=tests/servers.sh
. "$(dirname "$0")/servers.sh"

say() {
    if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n%s\n' "$*"; fi
}

# Makes key, account and configuration of the server called $1 at address $2.
prepare() {
    local home=$work/$1
    mkdir -p "$home/files"
    "$fxpd" cert --cert "$home/cert.pem" --key "$home/key.pem" --name "$2" >"$home/fingerprint"
    "$fxpd" passwd add demo -f "$home/passwd" --home "$home/files" --stdin \
        <<<"demo" >/dev/null
    cat >"$home/fxpd.conf" <<CONF
listen = ["$2:$port"]
certificate = "$home/cert.pem"
key = "$home/key.pem"
users = "$home/passwd"
state_directory = "$home/state"
transfer_log = "$home/xferlog"
CONF
}

# Starts the server called $1 and waits until it serves; fails if it does not.
start() {
    local home=$work/$1
    RUST_LOG=info "$fxpd" -c "$home/fxpd.conf" 2>"$home/log" &
    local pid=$!
    for _ in {1..100}; do
        grep -q ' serving$' "$home/log" && servers+=("$pid") && return 0
        kill -0 "$pid" 2>/dev/null || return 1
        sleep 0.1
    done
    kill "$pid"
    return 1
}

for port in 2121 2221 2321 2421 2521; do
    rm -rf "${work:?}"/*
    prepare left 127.0.0.2
    prepare right 127.0.0.3
    start left && start right && break
    clean_up && mkdir -p "$work" && servers=()
    port=none
done
[ "$port" != none ] || { echo "demo: no free port was found" >&2; exit 1; }

say "Two servers run: 127.0.0.2:$port and 127.0.0.3:$port, each with a certificate of its own."
cat "$work"/*/fingerprint

say "A file of $mib MiB of random bytes is made on the left one."
head -c "${mib}M" /dev/urandom >"$work/left/files/big.bin"

say "fxp tells the two to copy it between themselves:"
pins=()
for side in left right; do
    pins+=(--pin "$(grep -o 'SHA256:[0-9a-f]*' "$work/$side/fingerprint")")
done
# What fxp remembers is the demo's alone.
export FXP_PASSWORD=demo HOME=$work
unset XDG_CONFIG_HOME XDG_STATE_HOME
left=ftps://demo@127.0.0.2:$port right=ftps://demo@127.0.0.3:$port
"$fxp" "${pins[@]}" --require-verified "$left/big.bin" "$right/big.bin"

say "A tree of 500 small files, four at once, with a manifest:"
for directory in {1..10}; do
    mkdir -p "$work/left/files/tree/$directory"
    for file in {1..50}; do
        echo "$directory $file" >"$work/left/files/tree/$directory/$file.txt"
    done
done
"$fxp" "${pins[@]}" -q --mirror -j 4 --manifest "$work/manifest" "$left/tree" "$right/tree"
"$fxp" "${pins[@]}" verify "$work/manifest" "$right/tree"

say "The same once more: nothing is left to copy."
"$fxp" "${pins[@]}" --mirror "$left/tree" "$right/tree"

say "What each server says of the big file:"
for side in left right; do
    line=$(grep -m 1 -o 'FXP demo: .*' "$work/$side/log")
    printf '%-6s %s\n' "$side" "$line"
done

say "The two big files, by SHA-256:"
cd "$work"
sha256sum left/files/big.bin right/files/big.bin
if cmp -s left/files/big.bin right/files/big.bin && diff -r left/files/tree right/files/tree; then
    echo "They are equal, and so are the trees."
else
    echo "They differ!" >&2
    exit 1
fi
