#!/bin/sh
# Makes ./configure from configure.ac.  Needs autoconf, automake, libtool, pkg-config.
set -e
cd "$(dirname "$0")"
mkdir -p m4
exec autoreconf --force --install
