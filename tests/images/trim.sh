# Run by mmdebstrap on the new root: keeps it small, and able to reach what this machine reaches.
set -e
root=$1
rm -rf "$root"/usr/share/man/* "$root"/usr/share/locale/* "$root"/usr/share/doc/*
mkdir -p "$root"/usr/share/man/man1 "$root"/usr/share/man/man7 # alternatives of Java and PostgreSQL are linked there
printf 'path-exclude=/usr/share/%s/*\n' man locale doc >"$root"/etc/dpkg/dpkg.cfg.d/image
echo force-unsafe-io >>"$root"/etc/dpkg/dpkg.cfg.d/image
printf '#!/bin/sh\nexit 101\n' >"$root"/usr/sbin/policy-rc.d # no package starts a server
chmod 755 "$root"/usr/sbin/policy-rc.d
cp /etc/ssl/certs/ca-certificates.crt "$root"/etc/ssl/certs/ca-certificates.crt
for file in /etc/apt/apt.conf.d/99*; do
  [ ! -f "$file" ] || cp "$file" "$root"/etc/apt/apt.conf.d/
done
