#!/bin/sh
# SPDX-License-Identifier: MIT
# From nothing to a trained net: installs what is missing (Debian), builds the library, and runs the
# two experiments that tekrar was founded on. Minutes, not hours; the results stand in the last two
# lines, the pictures and the full output in examples/out/.
set -eu
cd "$(dirname "$0")/.."
. tests/support/packages.sh

# shellcheck disable=SC2086
need $BUILD_PACKAGES
(need cmd:gnuplot=gnuplot-nox) || echo "going on without gnuplot: data files instead of pictures"

if [ ! -f build/build.ninja ]; then
    meson setup build -Dtests=false -Dbench=false >/dev/null
fi
meson compile -C build >build/compile.log || { cat build/compile.log >&2; exit 1; }

mkdir -p examples/out
run() {
    printf '\n$ build/examples/%s\n' "$*"
    out=examples/out/$1.txt
    "build/examples/$@" >"$out" </dev/null || { cat "$out"; exit 1; }
    cat "$out"
}
run char_lm
run series_forecast --picture examples/out/series.png

echo
grep '^char_lm: ' examples/out/char_lm.txt
grep '^series: ' examples/out/series_forecast.txt
