#!/bin/sh
# Packs what is built (in $BUILT) as version $VERSION for Debian: build/fxpd_VERSION_ARCH.deb.
# DEB_COMPRESSION is an option of dpkg-deb, such as -Znone. Whoever packs it maintains it: DEBFULLNAME and
# DEBEMAIL, as for other tools of Debian, or git's user, or that of this system.
set -eu
cd "$(dirname "$0")/../.."

arch=$(dpkg --print-architecture)
deb=build/fxpd_${VERSION}_$arch.deb
root=build/deb
rm -rf "$root"
make -s install DESTDIR="$PWD/$root" BUILT="$BUILT" PREFIX=/usr SYSCONFDIR=/etc \
    SYSTEMDDIR=/lib/systemd/system
# The accounts are nobody's to package: tmpfiles.d(5) makes an empty file.
rm "$root/etc/fxpd/passwd"
rmdir "$root/etc/fxpd"
strip --strip-unneeded "$root/usr/sbin/fxpd" "$root/usr/bin/fxp"
gzip -9n "$root"/usr/share/man/man?/*
install -m 644 LICENSE "$root/usr/share/doc/fxpd/copyright"
gzip -9nc CHANGELOG.md >"$root/usr/share/doc/fxpd/CHANGELOG.md.gz"

name=${DEBFULLNAME:-$(git config user.name || id -un)}
email=${DEBEMAIL:-$(git config user.email || echo "$(id -un)@$(uname -n)")}
moment=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
printf 'fxpd (%s) unstable; urgency=medium\n\n  * As CHANGELOG.md tells.\n\n -- %s <%s>  %s\n' \
    "$VERSION" "$name" "$email" "$(date -R -d "@$moment")" |
    gzip -9n >"$root/usr/share/doc/fxpd/changelog.gz"
maintainer=$(printf '%s <%s>' "$name" "$email" | sed 's/[&|\]/\\&/g')

# PAM is there or not as `make` found its header; the file for it names files of libpam-runtime.
pam=
if readelf -d "$BUILT/fxpd" | grep -q 'NEEDED.*libpam\.so'; then
    pam=', libpam0g, libpam-runtime'
fi

mkdir "$root/DEBIAN"
sed -e "s|@MAINTAINER@|$maintainer|" -e "s/@VERSION@/$VERSION/" -e "s/@ARCH@/$arch/" -e "s/@PAM@/$pam/" \
    -e "s/@KIB@/$(du -sk --exclude=DEBIAN "$root" | cut -f 1)/" etc/deb/control >"$root/DEBIAN/control"
(cd "$root" && find etc -type f | sed 's|^|/|' | sort) >"$root/DEBIAN/conffiles"
(cd "$root" && find . -type f ! -path './DEBIAN/*' ! -path './etc/*' -printf '%P\n' | sort | xargs md5sum) \
    >"$root/DEBIAN/md5sums"
for script in postinst prerm postrm; do
    install -m 755 "etc/deb/$script" "$root/DEBIAN/$script"
done
# shellcheck disable=SC2086 # none or several options
dpkg-deb ${DEB_COMPRESSION-} --root-owner-group --build "$root" "$deb" >/dev/null
echo "$deb"
