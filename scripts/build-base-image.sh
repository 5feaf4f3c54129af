#!/bin/sh
# Makes the image that the Dockerfile starts from on a machine that cannot pull it: a minimal Debian, the Node.js of
# this checkout, the npm of this machine, and npm's cache filled with what package-lock.json names, so that the
# `npm ci` of the build needs no network. Needs root, debootstrap, docker, and a checkout after `npm ci`.
set -eu
cd "$(dirname "$0")/.."

tag=$(sed -n 's/^FROM \(.*\) AS build$/\1/p' Dockerfile)
node=node_modules/node/bin/node
npm=$(npm root --global)/npm

if [ "${1:-}" = "--help" ] || [ $# -gt 1 ] || { [ $# -eq 1 ] && [ "$1" != "--force" ]; }; then
  echo "usage: scripts/build-base-image.sh [--force]   makes $tag; --force: also when there is one" >&2
  exit 2
fi
if [ $# -eq 0 ] && docker image inspect "$tag" >/dev/null 2>&1; then
  echo "$tag is here already; --force makes it again"
  exit 0
fi
for needed in debootstrap docker tar npm; do
  command -v "$needed" >/dev/null || { echo "$needed is missing" >&2; exit 1; }
done
[ "$(id -u)" -eq 0 ] || { echo "debootstrap needs root" >&2; exit 1; }
[ -x "$node" ] || { echo "$node is missing: run npm ci first" >&2; exit 1; }
[ -d "$npm" ] || { echo "there is no npm in $npm" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
root=$work/root

# DEBIAN_MIRROR is empty where debootstrap's own default will do.
debootstrap --variant=minbase bookworm "$root" ${DEBIAN_MIRROR:-} >"$work/debootstrap.log" 2>&1 || {
  tail -n 20 "$work/debootstrap.log" >&2
  exit 1
}
chroot "$root" useradd --create-home --uid 1000 --shell /bin/bash node
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/doc/* "$root"/usr/share/man/* \
  "$root"/usr/share/locale/* "$root"/var/log/* "$root"/dev/*

install -m 755 "$node" "$root/usr/local/bin/node"
mkdir -p "$root/usr/local/lib/node_modules"
cp -R "$npm" "$root/usr/local/lib/node_modules/npm"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
ln -s ../lib/node_modules/npm/bin/npx-cli.js "$root/usr/local/bin/npx"

# npm keeps them by the address they came from: the build finds them when this machine uses npm's default registry.
mkdir "$work/packages"
cp package.json package-lock.json "$work/packages"
(cd "$work/packages" && npm ci --ignore-scripts --no-audit --no-fund --cache "$root/root/.npm" >/dev/null)
rm -rf "$root/root/.npm/_logs"
chown -R 0:0 "$root/root/.npm" "$root/usr/local/lib/node_modules"

tar -C "$root" -c . | docker import \
  --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
  --change 'CMD ["node"]' - "$tag" >/dev/null
echo "$tag made: Debian $(cat "$root/etc/debian_version"), Node.js $("$node" --version)"
