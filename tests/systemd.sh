#!/bin/bash
# Boots a systemd as process 1 of namespaces of its own, where `make install` was done, and follows
# the manual: the units start, tell that they are ready, reload, are watched, get their sockets and
# serve, all within their sandbox. Takes root, cgroups of version 2 and overlayfs, and half a minute;
# nothing of this system is changed, and nothing is left behind.
#
# usage: systemd.sh [DIRECTORY OF THE PROGRAMS]
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
built=$(cd "${1:-$top/target/release}" && pwd)
group=fxpd-systemd-$PPID

# The first program of the namespaces: this system, and all changes to it in memory.
boot() {
    local root=$memory/root part
    mount -t tmpfs none "$memory"
    mkdir "$memory"/{upper,work,root}
    mount -t overlay none -o "lowerdir=/,upperdir=$memory/upper,workdir=$memory/work" "$root"
    # Services of this system are no part of it, nor are settings of fxpd that it may have.
    rm -rf "$root"/etc/systemd/system/*.wants "$root"/etc/fxpd*
    rm -f "$root"/var/lib/man-db/auto-update # packages would wait for an index
    make -s -C "$top" install DESTDIR="$root/made" BUILT="$built"
    cp "$top/$(DEB_COMPRESSION=-Znone make -s -C "$top" deb BUILT="$built" | tail -1)" "$root/made.deb"
    cd "$root"
    # What is not of these namespaces alone must not be written.
    mount -t proc proc proc && mount --bind proc/sys proc/sys && mount -o remount,bind,ro proc/sys
    mount -t sysfs -o ro sysfs sys && mount -t cgroup2 cgroup2 sys/fs/cgroup
    mount -t tmpfs none dev && mkdir dev/pts dev/shm
    mount -t devpts none dev/pts -o newinstance,ptmxmode=0666 && ln -s pts/ptmx dev/ptmx
    for part in null zero full random urandom tty; do
        touch "dev/$part" && mount --bind "/dev/$part" "dev/$part"
    done
    mount -t tmpfs none run && mount -t tmpfs none tmp && mkdir run/before
    pivot_root . run/before && cd / && umount -l run/before
    echo 0123456789abcdef0123456789abcdef >/etc/machine-id
    hostname ftp.example.org && ip link set lo up
    container=other exec /lib/systemd/systemd --unit=basic.target --show-status=no \
        --log-target=journal-or-kmsg
}

# Before it, in a mount namespace: a control group that can be emptied at once.
enclose() {
    mount --make-rprivate /
    mount -t cgroup2 none "$memory"
    mkdir "$memory/$group" && echo $$ >"$memory/$group/cgroup.procs"
    umount "$memory"
    exec unshare --pid --net --ipc --uts --cgroup --fork --kill-child=KILL "$0" "$built"
}

case "${STAGE-}" in
    enclose) STAGE=boot enclose ;;
    boot) unset STAGE && boot ;;
esac

[ "$(id -u)" = 0 ] || { echo "systemd.sh: only root can boot a system" >&2; exit 1; }
[ -x /lib/systemd/systemd ] || { echo "systemd.sh: apt-get install systemd" >&2; exit 1; }
group=fxpd-systemd-$$
memory=$(mktemp -d)
export memory

end() {
    # shellcheck disable=SC2016 # they are the inner shell's
    unshare --mount sh -c 'mount -t cgroup2 none "$memory" && cd "$memory/$0" || exit 0
        echo 1 >cgroup.kill
        while grep -q "populated 1" cgroup.events; do sleep 0.1; done
        cd .. && find "$0" -depth -type d -exec rmdir {} \;' "$group"
    rmdir "$memory"
}
trap end EXIT

STAGE=enclose unshare --mount "$0" "$built" &
enclosed=$!
disown # its end is no news

# Does something in there.
inside() {
    nsenter --target "$init" --mount --pid --net --ipc --uts --cgroup env -i HOME=/root \
        LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        timeout 60 bash -euo pipefail -c "$helpers$1"
}

# Says what is so, if what follows does well.
so() {
    if told=$(inside "$2" 2>&1); then
        echo "ok: $1"
    else
        printf 'NOT SO: %s\n%s\n' "$1" "$told"
        inside 'journalctl --no-pager --lines 30' || true
        exit 1
    fi
}

# The lines of fxpd(8), EXAMPLES, that begin with `# ` and contain $1, ready to run.
shown() {
    sed -n '/^\.Sh EXAMPLES/,/^\.Sh SECURITY/s/^\.Dl # //p' "$top/man/fxpd.8" | grep -F -- "$1"
}

# The drop-in that fxpd(8) shows behind the words $1.
shown_drop_in() {
    sed -n "/^\.Sh EXAMPLES/,/^\.Sh SECURITY/p" "$top/man/fxpd.8" |
        sed -n "/$1/,/^\.Ed/p" | sed -n '/^\.Bd/,/^\.Ed/p' | sed '1d;$d'
}

# shellcheck disable=SC2016 # they are the inner shell's
helpers='
    # Of a system that has none.
    sudo() { if [ "$1" = -u ]; then runuser -u "$2" -- "${@:3}"; else "$@"; fi; }
    pid() { systemctl show --value --property MainPID "$1"; }
    state() { systemctl show --value --property ActiveState "$1"; }
    curl_at() { curl -sS --max-time 20 --ssl-reqd -k -u ann:pw "$@"; }
    visit() {
        head -c 300000 /dev/urandom >/tmp/file
        curl_at -T /tmp/file "$1/new" && curl_at -o /tmp/back "$1/new" && cmp /tmp/file /tmp/back
    }
    drop_in() { mkdir -p "/etc/systemd/system/$1.d" && cat >"/etc/systemd/system/$1.d/${2-t}.conf"; }
    no() { if "$@"; then echo "it does: $*"; return 1; fi; } # for "!" ends no script by set -e
    told() { within 10 "journalctl --unit $1 | grep --fixed-strings -- \"$2\""; } # the journal is late
    within() { # so many seconds this is so
        local until=$((SECONDS + $1)); shift
        until eval "$*"; do [ $SECONDS -lt $until ] || { echo "never: $*"; return 1; }; sleep 0.1; done
    }
'
until init=$(pgrep -P "$enclosed") && init=$(pgrep -P "$init" || echo "$init") &&
    inside 'systemctl is-system-running' 2>/dev/null | grep -q -e running -e degraded; do
    kill -0 $enclosed && [ $SECONDS -lt 60 ] || { echo "systemd does not start" >&2; exit 1; }
    sleep 0.2
done
echo "$(inside 'systemctl --version | head -1') runs"

# What README.md tells an administrator to type, its password typed by nobody.
typed() {
    sed -n '/^Then, for a server with one account/,/^The ports are/s/^    sudo /sudo /p' "$top/README.md" |
        sed '/passwd add/s/.*/echo pw | & --stdin/'
}

so "what make install puts is put in its place" 'cp -a /made/. / && fxpd --version && fxp --version'
[ "$(typed | wc -l)" = 7 ] || { echo "README.md has other lines than were expected" >&2; exit 1; }
so "README.md makes a running service of what was installed" "$(typed)"'
    [ "$(state fxpd)" = active ] && visit ftp://127.0.0.1/
    systemctl disable --now fxpd.service'
so "the first line of the manual makes the user and the directories" "$(shown systemd-sysusers)"'
    getent passwd fxpd && [ $(stat -c %U:%a /srv/ftp) = fxpd:750 ]
    [ $(stat -c %G:%a /etc/fxpd/key.pem) = fxpd:640 ]'
so "settings are changed, and still good" '
    sed -i "s|^#transfer_log = .*|transfer_log = \"/var/log/fxpd/xferlog\"|
        s|^#landlock = .*|landlock = \"required\"|; s|^#seccomp = .*|seccomp = \"required\"|" /etc/fxpd.conf
    [ "$(sudo -u fxpd fxpd -t 2>&1)" = "fxpd: configuration is good" ]'
so "fxpd.service starts as the manual says, and is ready" "$(shown "now fxpd.service")"'
    [ "$(state fxpd)" = active ] && systemctl status fxpd | grep "Status: \"0 sessions\""'
so "its clients are served, locked in by the kernel, and recorded" '
    visit ftp://127.0.0.1/ && visit ftp://[::1]/
    [ "$(grep -c " c$" /var/log/fxpd/xferlog)" = 4 ]'
so "it is its own user, without any privilege" '
    grep -q "^Uid:\s$(id -u fxpd)\s" /proc/$(pid fxpd)/status
    grep -q "^NoNewPrivs:\s1$" /proc/$(pid fxpd)/status
    for kind in Inh Prm Eff Amb; do grep -q "^Cap$kind:\s0*$" /proc/$(pid fxpd)/status; done'
so "by the book of one that was killed it clears away" '
    [ "$(stat -c %U:%a /var/lib/fxpd)" = fxpd:700 ] && ls /var/lib/fxpd/uploads-*.book
    name=.fxpd.0123456789abcdef.part book=/var/lib/fxpd/uploads-0123456789abcdef.book
    printf "%s:%s:\0/srv/ftp/ann\0/\0$name\0" "$(id -u fxpd)" "$(id -g fxpd)" >$book
    touch /srv/ftp/ann/$name && chown fxpd: /srv/ftp/ann/$name $book
    systemctl restart fxpd.service && within 10 "[ ! -e /srv/ftp/ann/$name ] && [ ! -e $book ]"'
so "it reloads, and shows its new certificate" '
    before=$(pid fxpd)
    rm /etc/fxpd/cert.pem /etc/fxpd/key.pem
    fxpd cert --cert /etc/fxpd/cert.pem --key /etc/fxpd/key.pem --name new.example.org
    chgrp fxpd /etc/fxpd/key.pem && chmod 640 /etc/fxpd/key.pem
    systemctl reload fxpd.service
    [ "$(state fxpd)" = active ] && [ "$(pid fxpd)" = "$before" ]
    curl_at -v ftp://127.0.0.1/ 2>&1 | grep "CN=new.example.org"'
so "one that cannot reload goes on, and says why" '
    cp /etc/fxpd.conf /etc/fxpd.conf.good && echo nonsense >>/etc/fxpd.conf
    systemctl reload fxpd.service
    told fxpd.service "nothing reloaded" && visit ftp://127.0.0.1/
    mv /etc/fxpd.conf.good /etc/fxpd.conf'
so "one that cannot start is not started again and again" '
    cp /etc/fxpd.conf /etc/fxpd.conf.good && echo nonsense >>/etc/fxpd.conf
    no systemctl restart fxpd.service
    [ "$(state fxpd)" = failed ] && [ "$(systemctl show --value --property NRestarts fxpd)" = 0 ]
    mv /etc/fxpd.conf.good /etc/fxpd.conf && systemctl restart fxpd.service && visit ftp://127.0.0.1/'
so "the watchdog is fed, and ends one that hangs" '
    printf "[Service]\nWatchdogSec=1\nRestartSec=0\n" | drop_in fxpd.service
    systemctl daemon-reload && systemctl restart fxpd.service && before=$(pid fxpd)
    # Longer than it has without a sign of life.
    no within 3 "[ \"\$(pid fxpd)\" != $before ]"
    kill -STOP "$before"
    within 20 "[ \"\$(pid fxpd)\" != $before ] && [ \"\$(state fxpd)\" = active ]"
    told fxpd.service "Failed with result '"'"'watchdog"
    visit ftp://127.0.0.1/ && rm -r /etc/systemd/system/fxpd.service.d && systemctl daemon-reload'
so "an account elsewhere writes there only with the manual's drop-in" '
    install -d -o fxpd -g fxpd /data/bob
    echo pw | fxpd passwd add bob -f /etc/fxpd/passwd --home /data/bob --stdin
    systemctl restart fxpd.service
    no curl_at -u bob:pw -T /tmp/file ftp://127.0.0.1/new
    printf "[Service]\nReadWritePaths=/data\n" | drop_in fxpd.service
    systemctl daemon-reload && systemctl restart fxpd.service
    curl_at -u bob:pw -T /tmp/file ftp://127.0.0.1/new && cmp /tmp/file /data/bob/new'
so "it stops, and says goodbye" '
    systemctl stop fxpd.service && systemctl disable fxpd.service
    [ "$(systemctl show --value --property Result fxpd)" = success ]'
so "the manual's sockets start it when a client comes" "$(shown fxpd.socket)
    [ \"\$(state fxpd)\" = inactive ]
    visit ftp://127.0.0.1/ && [ \"\$(state fxpd)\" = active ] && visit ftps://127.0.0.1:990/
    visit ftps://[::1]:990/"
so "so it needs no capability" '
    printf "[Service]\nAmbientCapabilities=\nCapabilityBoundingSet=\n" | drop_in fxpd.service caps
    systemctl daemon-reload && systemctl restart fxpd.service && visit ftp://127.0.0.1/
    rm /etc/systemd/system/fxpd.service.d/caps.conf && systemctl daemon-reload'
shown_drop_in "^\.Ic account_ids" | so "with account_ids and the manual's drop-in each account is its user" '
    drop_in fxpd.service ids
    useradd --home /srv/ftp/ann --no-create-home ann && rm -f /srv/ftp/ann/new
    chown ann: /srv/ftp/ann && chmod 751 /srv/ftp
    sed -i.before -E "s/^(ann:[^:]*):[^:]*:[^:]*/\1:$(id -u ann):$(id -g ann)/" /etc/fxpd/passwd
    sed -i.before "s|^#account_ids = .*|account_ids = true|" /etc/fxpd.conf
    systemctl daemon-reload && systemctl restart fxpd.service && visit ftp://127.0.0.1/
    [ "$(stat -c %U:%G /srv/ftp/ann/new)" = ann:ann ]
    for file in /etc/fxpd.conf /etc/fxpd/passwd; do mv $file.before $file; done
    chown -R fxpd: /srv/ftp/ann && rm -r /etc/systemd/system/fxpd.service.d'
{ shown_drop_in "^\.Ic account_ids" && shown_drop_in "^\.Ic pam_service"; } |
    so "with pam_service and its lines users of the system log in by their own passwords" '
    drop_in fxpd.service pam
    useradd --create-home --shell /bin/sh bill
    usermod -p "$(perl -e "print crypt(q(sesame), q(\$6\$salt))")" bill
    sed -i.before -E "s|^#(account_ids) = .*|\1 = true|; s|^#(pam_service) = .*|\1 = \"fxpd\"|" /etc/fxpd.conf
    systemctl daemon-reload && systemctl restart fxpd.service
    # While the system boots, nobody logs in; this target is not all of a boot.
    no curl_at -u bill:sesame ftp://127.0.0.1/
    systemctl start systemd-user-sessions.service
    curl_at -u bill:sesame -T /tmp/file ftp://127.0.0.1/new && cmp /tmp/file /home/bill/new
    [ "$(stat -c %U:%G /home/bill/new)" = bill:bill ]
    no curl_at -u bill:Sesame ftp://127.0.0.1/new
    told fxpd.service "PAM refuses bill at 127.0.0.1: Authentication failure"
    mv /etc/fxpd.conf.before /etc/fxpd.conf
    rm -r /etc/systemd/system/fxpd.service.d && systemctl daemon-reload && systemctl restart fxpd.service'
shown_drop_in "a process for each client with" | so "with Accept=yes there is a process for each client, on both ports" '
    systemctl stop fxpd.socket fxpd-implicit.socket fxpd.service
    drop_in fxpd.socket
    sed s/^Service=.*/Accept=yes/ /usr/local/lib/systemd/system/fxpd-implicit.socket \
        >/etc/systemd/system/fxpd-implicit.socket
    systemctl daemon-reload && systemctl start fxpd.socket fxpd-implicit.socket
    visit ftp://127.0.0.1/ && visit ftp://[::1]/ && visit ftps://127.0.0.1:990/
    [ "$(state fxpd)" = inactive ]
    started=$(journalctl -u "fxpd@*" -u "fxpd-implicit@*" | grep -c "Started fxpd.*@")
    [ "$started" = 6 ] || { echo "$started processes"; exit 1; }
    within 10 "! systemctl list-units --no-legend \"fxpd*@*.service\" | grep ."'
so "where systemd takes away what confines accounts, nobody is served, and the log says why" '
    systemctl stop fxpd.socket fxpd-implicit.socket
    rm -r /etc/systemd/system/fxpd.socket.d /etc/systemd/system/fxpd-implicit.socket
    printf "[Service]\nRestrictSUIDSGID=yes\n" | drop_in fxpd.service
    systemctl daemon-reload && no systemctl start fxpd.service
    told fxpd.service "without RestrictSUIDSGID=)"
    # systemd tries it again and again.
    systemctl stop fxpd.service && rm -r /etc/systemd/system/fxpd.service.d
    systemctl daemon-reload && systemctl reset-failed fxpd.service && systemctl start fxpd.service && visit ftp://127.0.0.1/'
so "the package of Debian takes its place, and starts nothing by itself" '
    systemctl disable --now fxpd.service fxpd.socket fxpd-implicit.socket
    (cd /made && find . -type f ! -path "./etc/fxpd/*") | (cd / && xargs rm)
    dpkg -i /made.deb && [ "$(state fxpd)" != active ]
    systemctl enable --now fxpd.service && visit ftp://127.0.0.1/'
so "an upgrade goes on with the new program" '
    before=$(pid fxpd) && dpkg -i /made.deb && [ "$(pid fxpd)" != "$before" ] && visit ftp://127.0.0.1/'
so "what is removed stops, and what is purged leaves keys, and the files of accounts" '
    packed=$(dpkg -L fxpd | grep fxp)
    dpkg -r fxpd && [ "$(state fxpd)" != active ] && [ -f /etc/fxpd.conf ]
    dpkg -P fxpd
    for path in $packed /var/log/fxpd /var/lib/fxpd; do [ ! -e "$path" ] || { echo "$path is left"; exit 1; }; done
    [ "$(ls /etc/fxpd)" = "$(printf "cert.pem\nkey.pem")" ] && [ -f /srv/ftp/ann/new ]'
so "each of them has kept its book" '! journalctl | grep -F "no book of uploads"'
so "no unit has failed" '! systemctl list-units --failed --no-legend | grep .'
