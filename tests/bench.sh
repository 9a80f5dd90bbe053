#!/bin/bash
# What fxpd costs, measured on loopback: processor time of the server by what it does, with curl, with
# fxp and with bare connections. Nothing is judged: a busy host moves slower, and its processor time
# changes less. BENCH_MIB sets the size of the large file, of which nine copies are made in TMPDIR,
# BENCH_FILES and BENCH_LOGINS how many small files and logins there are.
set -euo pipefail

mib=${BENCH_MIB:-1024}
small_files=${BENCH_FILES:-2000}
logins=${BENCH_LOGINS:-200}
# shellcheck source=tests/servers.sh
. "$(dirname "$0")/servers.sh"
ticks=$(getconf CLK_TCK)

# Starts a server at address $1, which is its name too; its number is in $pid and its port in $port.
start() {
    local home=$work/$1
    mkdir -p "$home/files"
    "$fxpd" cert --cert "$home/cert.pem" --key "$home/key.pem" --name "$1" >/dev/null
    "$fxpd" passwd add ann -f "$home/passwd" --home "$home/files" --stdin <<<"pw" >/dev/null
    cat >"$home/fxpd.conf" <<CONF
listen = ["$1:0"]
certificate = "$home/cert.pem"
key = "$home/key.pem"
users = "$home/passwd"
state_directory = "$home/state"
anonymous = "$home/files"
tls = "optional"
max_sessions_per_address = 1000
max_sessions_per_account = 1000
CONF
    "$fxpd" -c "$home/fxpd.conf" 2>"$home/log" &
    pid=$!
    servers+=("$pid")
    until grep -q ' serving$' "$home/log"; do
        kill -0 "$pid" || { cat "$home/log" >&2; exit 1; }
        sleep 0.1
    done
    port=$(sed -n 's/.*listening on .*:\([0-9]*\)$/\1/p' "$home/log")
}

# Clock ticks of processor time that all servers have used.
used() {
    local sum=0 fields
    for server in "${servers[@]}"; do
        read -ra fields <"/proc/$server/stat"
        sum=$((sum + fields[13] + fields[14]))
    done
    echo "$sum"
}

# Runs a command, and prints the row called $1: processor time, and elapsed, for each of $2 $3s.
row() {
    local name=$1 count=$2 unit=$3 cpu began
    shift 3
    cpu=$(used) began=$(date +%s.%N)
    "$@" >"$work/out" 2>&1 || { echo "bench: $name failed:" >&2; cat "$work/out" >&2; exit 1; }
    awk -v name="$name" -v count="$count" -v unit="$unit" -v ticks="$ticks" \
        -v cpu=$(($(used) - cpu)) -v began="$began" -v ended="$(date +%s.%N)" 'BEGIN {
            seconds = cpu / ticks / count; elapsed = (ended - began) / count
            scale = unit == "GiB" ? 1 : 1000; s = unit == "GiB" ? "s" : "ms"
            printf "%-44s %8.2f %-2s CPU %8.2f %-2s elapsed, a %s\n",
                name, seconds * scale, s, elapsed * scale, s, unit }'
}

# Logs in $2 times as $1 under TLS, each on a connection of its own.
log_in() {
    python3 - "$host" "$port" "$1" "$2" <<'PYTHON'
import ftplib, ssl, sys
host, port, account, count = sys.argv[1:]
context = ssl._create_unverified_context()
for _ in range(int(count)):
    ftp = ftplib.FTP_TLS(context=context)
    ftp.connect(host, int(port))
    ftp.login(account, "pw")
    ftp.quit()
PYTHON
}

# Memory of the server for each of $1 sessions that have logged in and are idle.
idle_sessions() {
    python3 - "$host" "$port" "$1" "${servers[0]}" <<'PYTHON'
import ftplib, ssl, sys
host, port, count, pid = sys.argv[1:]
context = ssl._create_unverified_context()
def kib():
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
def enter():
    ftp = ftplib.FTP_TLS(context=context)
    ftp.connect(host, int(port))
    ftp.login("anonymous", "pw")
    return ftp
kept = [enter()]
before = kib()
kept += [enter() for _ in range(int(count))]
print(f"{'memory of an idle session under TLS':<44} {(kib() - before) / int(count):8.0f} KiB")
PYTHON
}

start 127.0.0.2
host=127.0.0.2 left=127.0.0.2:$port
start 127.0.0.3
right=127.0.0.3:$port
port=${left#*:}
big=$work/big
head -c "${mib}M" /dev/urandom >"$big"
cp "$big" "$work/$host/files/big"
gib=$(awk "BEGIN { print $mib / 1024 }")
mkdir "$work/small"
for ((n = 0; n < small_files; n++)); do head -c 4096 "$big" >"$work/small/f$n"; done

# What fxp remembers is the bench's alone.
export HOME=$work FXP_PASSWORD=pw
unset XDG_CONFIG_HOME XDG_STATE_HOME
curl=(curl -q -sS -k -u ann:pw)
fxp=("$fxp" -q --trust-new --allow-clear)
secure=ftps://ann@$left clear=ftp://ann@$left

echo "fxpd $("$fxpd" --version | awk '{print $NF}'), $(nproc) processors, $(openssl version | cut -d' ' -f1-2), $mib MiB"
row "TLS download, curl" "$gib" GiB "${curl[@]}" --ssl-reqd -o /dev/null "ftp://$left/big"
row "TLS download, fxp" "$gib" GiB "${fxp[@]}" "$secure/big" "$work/down"
row "TLS upload, curl" "$gib" GiB "${curl[@]}" --ssl-reqd -T "$big" "ftp://$left/up1"
row "TLS upload, fxp" "$gib" GiB "${fxp[@]}" "$big" "$secure/up2"
row "plain download, curl" "$gib" GiB "${curl[@]}" -o /dev/null "ftp://$left/big"
row "plain download, fxp" "$gib" GiB "${fxp[@]}" "$clear/big" "$work/down2"
row "plain upload, curl" "$gib" GiB "${curl[@]}" -T "$big" "ftp://$left/up3"
row "plain upload, fxp" "$gib" GiB "${fxp[@]}" "$big" "$clear/up4"
row "FXP over TLS, both servers" "$gib" GiB "${fxp[@]}" "$secure/big" "ftps://ann@$right/big"
row "4 KiB uploads over TLS, curl" "$small_files" file \
    "${curl[@]}" --ssl-reqd -T "$work/small/f[0-$((small_files - 1))]" "ftp://$left/"
row "4 KiB uploads over TLS, fxp -j 4" "$small_files" file \
    "${fxp[@]}" --mirror -j 4 "$work/small" "$secure/small"
row "4 KiB downloads over TLS, fxp -j 4" "$small_files" file \
    "${fxp[@]}" --mirror -j 4 "$secure/small" "$work/back"
row "login over TLS, argon2id" "$logins" login log_in ann "$logins"
row "login over TLS, without a password's hash" "$logins" login log_in anonymous "$logins"
idle_sessions 200
