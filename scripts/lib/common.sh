# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What quickstart, check and .ci/run share.  Sourced by POSIX shells; expects
# $TOP (the source tree) and $WORK (the build folder).

say()
{
  printf '==> %s\n' "$*" >&2
}

die()
{
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# as_root COMMAND...: by sudo where we are not root
as_root()
{
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null 2>&1; then
    sudo "$@"
  else
    die "root is needed for: $*"
  fi
}

package_installed()
{
  [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null)" = 'ii ' ]
}

# apt_install PACKAGE...: services that come along (Prometheus ...) are not started, but for the syslog daemon, as installing
# it may have removed another one
apt_install()
{
  # shellcheck disable=SC2016
  as_root env DEBIAN_FRONTEND=noninteractive sh -c '
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
      trap "rm -f $policy" EXIT
      trap "exit 1" HUP INT TERM
      printf "%s\n" "#!/bin/sh" "# there while packages are installed" \
        "case \"\$*\" in *syslog-ng*) exit 0 ;; esac" "exit 101" >"$policy"
      chmod 755 "$policy"
    fi
    apt-get install -y -qq --no-install-recommends "$@"' sh "$@"
}

# install_packages PACKAGE...: those that are missing
install_packages()
{
  missing=
  for package in "$@"; do
    package_installed "$package" || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  say "installing:$missing"
  # shellcheck disable=SC2086
  apt_install $missing >"$WORK/apt.log" 2>&1 ||
    {
      as_root apt-get update -qq >>"$WORK/apt.log" 2>&1
      # shellcheck disable=SC2086
      apt_install $missing >>"$WORK/apt.log" 2>&1
    } || { tail -n 20 "$WORK/apt.log" >&2; die "apt-get cannot install:$missing"; }
}

# The packages that building needs, on Debian 12, 13 and later.  libjson-c-dev:
# some syslog-ng headers include json.h without their package depending on it.
BUILD_PACKAGES='autoconf automake bison flex gcc libc6-dev libglib2.0-dev libivykis-dev libjson-c-dev libpcre2-dev libtool
make pkg-config python3 syslog-ng-core syslog-ng-dev syslog-ng-scl'

# build FLAGS...: copies the sources to $WORK/source (the tree itself stays as
# it is), configures with FLAGS in $WORK/build and runs make.  A second run
# builds what has changed.
build()
{
  mkdir -p "$WORK/source" "$WORK/build"
  exec 9>"$WORK/lock"
  flock 9
  # files that are gone from the tree go from the copy, too; what autogen.sh made stays
  tar -C "$TOP" -cf - --exclude=./.git --exclude=./build --exclude=__pycache__ . | tar -C "$WORK/source" -xf -
  (cd "$WORK/source" && find . -type f ! -path './build-aux/*' ! -path './m4/*' ! -path './autom4te.cache/*' \
     ! -name configure ! -name 'config.h.in' ! -name aclocal.m4 ! -name Makefile.in) | while IFS= read -r file; do
    [ -e "$TOP/$file" ] || rm -f "$WORK/source/$file"
  done

  if [ ! -f "$WORK/source/configure" ] || [ "$WORK/source/configure.ac" -nt "$WORK/source/configure" ]; then
    say 'autogen.sh'
    (cd "$WORK/source" && ./autogen.sh) >"$WORK/autogen.log" 2>&1 ||
      { tail -n 30 "$WORK/autogen.log" >&2; die "autogen.sh failed, see $WORK/autogen.log"; }
  fi
  if [ ! -f "$WORK/build/Makefile" ] || [ "$WORK/source/configure" -nt "$WORK/build/Makefile" ]; then
    say 'configure'
    (cd "$WORK/build" && "$WORK/source/configure" "$@") >"$WORK/configure.log" 2>&1 ||
      { tail -n 30 "$WORK/configure.log" >&2; die "configure failed, see $WORK/configure.log"; }
  fi
  say 'make'
  make -C "$WORK/build" -j"$(nproc)" >"$WORK/make.log" 2>&1 ||
    { grep -n -i -B3 -A12 'error' "$WORK/make.log" | tail -n 60 >&2; die "make failed, see $WORK/make.log"; }
  exec 9>&-
}
