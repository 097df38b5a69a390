#!/bin/sh
# SPDX-License-Identifier: MIT
# Are all C files formatted as .clang-format says, by the version that its first line names?
#
#   sh tests/format.sh         names the files that are not; exit status 1 if there are any
#   sh tests/format.sh --fix   formats them
#
# Where that version is neither installed nor to be had, it says so and exits with 77.
set -eu
cd "$(dirname "$0")/.."

version=$(sed -n '1s/^# clang-format \([0-9.]*\):.*/\1/p' .clang-format)
venv=build-test/clang-format

# Is it the version? "Debian clang-format version 14.0.6" is not.
fits() {
    "$1" --version 2>/dev/null | grep -qwF "version $version"
}

# The program of that version: installed under some name, or made earlier in $venv, or made now.
find_it() {
    for candidate in clang-format "clang-format-${version%%.*}" "$venv/bin/clang-format"; do
        if fits "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    mkdir -p build-test
    python3 -m venv "$venv" >"$venv.log" 2>&1 &&
        "$venv/bin/pip" install --quiet "clang-format==$version" >>"$venv.log" 2>&1 &&
        fits "$venv/bin/clang-format" && echo "$venv/bin/clang-format"
}

if ! program=$(find_it); then
    echo "skip - format: no clang-format $version here, and pip could not install it ($venv.log)"
    exit 77
fi

# Outside a checkout, whatever is there.
files=$(git ls-files -- 'lib/*.[ch]' 'tests/*.[ch]' 'examples/*.[ch]' 'bench/*.[ch]' 'include/*.[ch]' \
    2>/dev/null || find lib tests examples bench include -name '*.[ch]')
if [ "${1:-}" = --fix ]; then
    # The names are words on purpose, here and below: none has a blank.
    # shellcheck disable=SC2086
    exec "$program" -i $files
fi
# shellcheck disable=SC2086
wrong=$("$program" --dry-run $files 2>&1 | sed -n 's/^\([^:]*\):[0-9:]* warning: .*/\1/p' | sort | uniq -c)
if [ -n "$wrong" ]; then
    echo "not ok - format: places that clang-format $version would change, by file"
    echo "$wrong"
    exit 1
fi
echo "ok - format: clang-format $version would change nothing"
