# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Debian releases in folders, made with debootstrap from the mirror that this
# machine's apt uses.  Sourced by .ci/run and tests/packages/run; root only.

# the archive that apt itself uses
mirror()
{
  apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
    sed -n 's/^Debian|Debian|//p' | head -n 1
}

proxy()
{
  apt-config dump Acquire::http::Proxy | sed -n 's/^Acquire::http::Proxy "\(.*\)";$/\1/p'
}

# in_chroot DIR COMMAND: what is mounted goes away with it
in_chroot()
{
  dir=$1
  shift
  unshare --mount --pid --fork sh -c '
    mount -t proc proc "$1/proc" &&
    mount -t devpts -o newinstance,ptmxmode=0666 devpts "$1/dev/pts" &&
    mount -t tmpfs tmpfs "$1/dev/shm" &&
    exec chroot "$1" /usr/bin/env -i HOME=/root LC_ALL=C.UTF-8 \
      PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive \
      sh -c "$2"' sh "$dir" "$*"
}

# make_chroot SUITE DIR: nothing but the base system
make_chroot()
{
  suite=$1 dir=$2
  [ ! -f "$dir/.complete" ] || return 0
  rm -rf "$dir"
  url=$(mirror)
  [ -n "$url" ] || { echo "no Debian archive among apt's sources" >&2; return 1; }
  script=
  [ -e "/usr/share/debootstrap/scripts/$suite" ] || script=/usr/share/debootstrap/scripts/sid
  include=
  case $url in https:*) include=--include=ca-certificates ;; esac
  http_proxy=$(proxy)
  [ -z "$http_proxy" ] || export http_proxy
  # shellcheck disable=SC2086
  debootstrap --variant=minbase $include "$suite" "$dir" "$url" $script || return 1
  # an archive's snapshot may be older than its release file allows
  echo 'Acquire::Check-Valid-Until "false";' >"$dir/etc/apt/apt.conf.d/99ci"
  [ -z "$http_proxy" ] || echo "Acquire::http::Proxy \"$http_proxy\";" >>"$dir/etc/apt/apt.conf.d/99ci"
  printf '#!/bin/sh\nexit 101\n' >"$dir/usr/sbin/policy-rc.d"
  chmod +x "$dir/usr/sbin/policy-rc.d"
  cp /etc/resolv.conf /etc/hosts "$dir/etc/"
  in_chroot "$dir" 'apt-get update -qq' || return 1
  touch "$dir/.complete"
}
