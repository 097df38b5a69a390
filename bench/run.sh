#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the bench in build-bench/ and runs it beside the peers.
#
#   sh bench/run.sh                 everything; as root on Debian it first installs what is missing
#   sh bench/run.sh --quick         without peers, in under a minute; installs nothing
#   sh bench/run.sh --no-install    with the peers that are there
#   sh bench/run.sh --json FILE     also as JSON; for --only, --threads, --tier ... see --help
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
build=$root/build-bench
quick=no
install=yes

for argument; do
    shift
    case $argument in
        --quick) quick=yes; set -- "$@" "$argument" ;;
        --no-install) install=no ;;
        *) set -- "$@" "$argument" ;;
    esac
done

# One of these packages is not installed.
missing() {
    for package; do
        dpkg -s "$package" >/dev/null 2>&1 || return 0
    done
    return 1
}

# The build's tools and the peers; PyTorch wants the OpenMP OpenBLAS, with the other one its two
# threads are slower than one.
install_packages() {
    set -- gcc meson ninja-build pkg-config libopenblas-dev \
        python3-torch python3-numpy libdnnl-dev libopenblas0-openmp
    missing "$@" || return 0
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "bench: not root on Debian, using what is installed (of: $*)" >&2
        return 0
    fi
    echo "bench: installing $*" >&2
    DEBIAN_FRONTEND=noninteractive
    export DEBIAN_FRONTEND
    apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends "$@" >&2 ||
        echo "bench: apt-get failed, using what is installed" >&2
}

if [ $quick = no ] && [ $install = yes ]; then
    install_packages
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

if [ $quick = no ]; then
    python=${TEKRAR_BENCH_PYTHON:-/usr/bin/python3}
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
exec "$build/bench/tekrar-bench" "$@"
