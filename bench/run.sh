#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the bench in build-bench/ and runs it beside the peers.
#
#   sh bench/run.sh                 everything; as root on Debian it first installs what is missing
#   sh bench/run.sh --quick         without peers, in under a minute; installs nothing
#   sh bench/run.sh --no-install    with the peers that are there
#   sh bench/run.sh --kern          only the kernels, tier by tier; a kernel's name after it chooses
#   sh bench/run.sh --ngram         only the n-gram rows, on the texts in ../shared/data
#   sh bench/run.sh --json FILE     also as JSON; for --only, --threads, --tier ... see --help
#   sh bench/run.sh --doc           and puts the figures, with --phases, into docs/benchmarks.md
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
build=$root/build-bench
quick=no
install=yes
doc=no
ngram=no
kern=no

for argument; do
    shift
    case $argument in
        --quick) quick=yes; set -- "$@" "$argument" ;;
        --no-install) install=no ;;
        --doc) doc=yes; set -- "$@" --phases ;;
        --kern) kern=yes install=no ;;
        --ngram) ngram=yes install=no ;;
        *) set -- "$@" "$argument" ;;
    esac
done

. "$root/tests/support/packages.sh"

# Probes of the peers. PyTorch wants the OpenMP OpenBLAS: with the other one its two threads are
# slower than one.
python=${TEKRAR_BENCH_PYTHON:-/usr/bin/python3}
omp_blas=/usr/lib/x86_64-linux-gnu/openblas-openmp
peers_missing() {
    "$python" -c 'import torch' 2>/dev/null || echo python3-torch
    "$python" -c 'import numpy' 2>/dev/null || echo python3-numpy
    [ -f /usr/include/oneapi/dnnl/dnnl.h ] || echo libdnnl-dev
    [ -d "$omp_blas" ] || [ "$(uname -m)" != x86_64 ] || echo libopenblas0-openmp
}

install_peers() {
    packages=$(peers_missing)
    [ -n "$packages" ] || return 0
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        echo "bench: not installed, so not compared with:" $packages >&2
        return 0
    fi
    echo "bench: installing" $packages >&2
    # The names are words on purpose.
    # shellcheck disable=SC2086
    install_packages $packages >/dev/null 2>&1 ||
        echo "bench: apt-get could not install all of:" $packages >&2
}

# shellcheck disable=SC2086
if [ $quick = no ] && [ $install = yes ]; then
    need $BUILD_PACKAGES
    install_peers
else
    packages=$(missing $BUILD_PACKAGES)
    [ -z "$packages" ] || { echo "bench: please install $packages" >&2; exit 1; }
fi

# Reconfigured when peers came or went since.
if [ -f "$build/build.ninja" ]; then
    meson setup --reconfigure "$build" "$root" >"$build/setup.log" 2>&1 || {
        cat "$build/setup.log" >&2
        exit 1
    }
else
    mkdir -p "$build"
    meson setup "$build" "$root" -Dbuildtype=release -Dtests=false -Dexamples=false \
        >"$build/setup.log" 2>&1 || {
        cat "$build/setup.log" >&2
        exit 1
    }
fi
ninja -C "$build" >"$build/build.log" 2>&1 || {
    cat "$build/build.log" >&2
    exit 1
}

[ $kern = no ] || exec "$build/bench/tekrar-bench-kern" "$@"
if [ $ngram = yes ]; then
    exec "$build/bench/tekrar-bench-ngram" "$root/../shared/data"
fi

if [ $quick = no ]; then
    if "$python" -c 'import torch' 2>/dev/null; then
        set -- --torch "$here/peers/torch_peer.py" "$@"
    else
        echo "bench: without PyTorch ($python has no torch)" >&2
    fi
    if [ -x "$build/bench/onednn-peer" ]; then
        set -- --onednn "$build/bench/onednn-peer" "$@"
    else
        echo "bench: without oneDNN (no libdnnl-dev at build time)" >&2
    fi
fi
[ $doc = yes ] || exec "$build/bench/tekrar-bench" "$@"

# The output replaces what stands between the two marks of the page.
page=$root/docs/benchmarks.md
{
    status=0
    "$build/bench/tekrar-bench" "$@" || status=$?
    echo $status >"$build/status"
} | tee "$build/figures.md"
awk -v figures="$build/figures.md" '
    /<!-- end of figures -->/ { inside = 0 }
    !inside { print }
    /<!-- figures -->/ {
        inside = 1
        while ((getline line < figures) > 0) print line
    }' "$page" >"$build/benchmarks.md"
cp "$build/benchmarks.md" "$page"
exit "$(cat "$build/status")"
