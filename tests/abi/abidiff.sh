#!/bin/sh
# SPDX-License-Identifier: MIT
# Compares the newest described release, tests/abi/libtekrar-*.abi, with a library built with debug
# information. Exit status: 0 compatible, 1 not, 77 nothing to compare with or by.
# usage: abidiff.sh LIBRARY
set -eu
here=$(dirname "$0")
release=$(ls "$here"/libtekrar-*.abi 2>/dev/null | sort -V | tail -n 1)
if [ -z "$release" ]; then
    echo "skip - no release has been described yet"
    exit 77
fi
if ! command -v abidiff >/dev/null 2>&1; then
    echo "skip - abidiff is not installed (Debian: abigail-tools)"
    exit 77
fi
# Bits of abidiff's status: 1 error, 2 usage, 4 something changed, 8 incompatibly. Additions are 4.
status=0
abidiff --headers-dir2 "$here/../../include" --no-added-syms "$release" "$1" || status=$?
if [ "$status" -ne 0 ]; then
    echo "not ok - the ABI differs from $(basename "$release" .abi)"
    exit 1
fi
echo "ok - the ABI is still that of $(basename "$release" .abi)"
