#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the bench in build-bench/ and runs it beside the peers.
#
#   sh bench/run.sh                 everything; as root on Debian it first installs what is missing
#   sh bench/run.sh --quick         without peers, in under a minute; installs nothing
#   sh bench/run.sh --no-install    with the peers that are there
#   sh bench/run.sh --kern          only the kernels, tier by tier; a kernel's name after it chooses
#   sh bench/run.sh --ngram         only the n-gram rows, on the texts in ../shared/data
#   sh bench/run.sh --audio         only whole models in blocks of frames; --tier and --rounds as
#                                   tekrar-bench-audio has them. Its peers are compiled where their
#                                   sources are named: RTNEURAL_DIR, a checkout of RTNeural with its
#                                   modules, NAM_DIR, one of NeuralAmpModelerCore; CXX, the compiler
#   sh bench/run.sh --json FILE     also as JSON; for --only, --threads, --tier ... see --help
#   sh bench/run.sh --doc           and puts the figures, with --phases, into docs/benchmarks.md;
#                                   with --audio, those
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
build=$root/build-bench
quick=no
install=yes
doc=no
ngram=no
kern=no
audio=no

for argument; do
    shift
    case $argument in
        --quick) quick=yes; set -- "$@" "$argument" ;;
        --no-install) install=no ;;
        --doc) doc=yes ;;
        --kern) kern=yes install=no ;;
        --ngram) ngram=yes install=no ;;
        --audio) audio=yes install=no ;;
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
    packages=$(peers_missing | tr '\n' ' ')
    [ -n "$packages" ] || return 0
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        echo "bench: not installed, so not compared with: $packages" >&2
        return 0
    fi
    echo "bench: installing $packages" >&2
    # The names are words on purpose.
    # shellcheck disable=SC2086
    install_packages $packages >/dev/null 2>&1 ||
        echo "bench: apt-get could not install all of: $packages" >&2
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

# The output of a command replaces what stands between two marks of the page.
# usage: into_page MARK COMMAND...
into_page() {
    page=$root/docs/benchmarks.md
    mark=$1
    shift
    {
        status=0
        "$@" || status=$?
        echo $status >"$build/status"
    } | tee "$build/figures.md"
    awk -v figures="$build/figures.md" -v mark="$mark" '
        $0 == "<!-- end of " mark " -->" { inside = 0 }
        !inside { print }
        $0 == "<!-- " mark " -->" {
            inside = 1
            while ((getline line < figures) > 0) print line
        }' "$page" >"$build/benchmarks.md"
    cp "$build/benchmarks.md" "$page"
    return "$(cat "$build/status")"
}

# A peer of the audio bench: $peers/NAME.so, which exports audio_peer_get alone, as templates of one
# name in two objects must not mix. Linked without the compiler's flags, as -Ofast would link in
# what changes the floating-point mode of whoever loads it.
# usage: compile_peer NAME SOURCE FLAG...
compile_peer() {
    object=$peers/$1
    shift
    if ! "$cxx" -fPIC -fvisibility=hidden -DNDEBUG -c "$@" -o "$object.o" 2>"$object.log" ||
        ! "$cxx" -shared "-Wl,--version-script=$peers/exports" "$object.o" -o "$object.so" \
            2>"$object.log"; then
        head -n 5 "$object.log" >&2
        echo "bench: without $object, which does not compile: see $object.log" >&2
        rm -f "$object.so"
    fi
}

# Either back end, for the machine at hand and for AVX2: none of the four is the fastest everywhere.
compile_rtneural() {
    machines=native
    ! grep -qw avx2 /proc/cpuinfo 2>/dev/null || machines='native haswell'
    for back_end in Eigen xsimd; do
        case $back_end in
            Eigen) flags='-DRTNEURAL_USE_EIGEN=1 -DRTNEURAL_DEFAULT_ALIGNMENT=32' ;;
            xsimd) flags='-DRTNEURAL_USE_XSIMD=1 -DRTNEURAL_DEFAULT_ALIGNMENT=64' ;;
        esac
        for machine in $machines; do
            name="RTNeural $back_end"
            [ "$machine" = native ] || name="$name AVX2"
            # The flags are words on purpose.
            # shellcheck disable=SC2086
            compile_peer "rtneural-$back_end-$machine" "$here/peers/rtneural.cpp" \
                -std=c++17 -O3 "-march=$machine" $flags "-DPEER_NAME=\"$name\"" \
                -isystem "$RTNEURAL_DIR" -isystem "$RTNEURAL_DIR/modules/Eigen" \
                -isystem "$RTNEURAL_DIR/modules/json" -isystem "$RTNEURAL_DIR/modules/xsimd/include"
        done
    done
}

# -Ofast is what its own programs are compiled with.
compile_nam() {
    for tolerance in 0 1e-3f; do
        name=NAM
        [ $tolerance = 0 ] || name='NAM, approximate tanh'
        compile_peer "nam-$tolerance" "$here/peers/nam.cpp" \
            -std=c++20 -Ofast -march=native -DNAM_SAMPLE_FLOAT \
            "-DPEER_NAME=\"$name\"" "-DPEER_TOLERANCE=$tolerance" \
            -isystem "$NAM_DIR" -isystem "$NAM_DIR/Dependencies/nlohmann" \
            -isystem "$NAM_DIR/Dependencies/eigen" \
            -isystem "${RTNEURAL_DIR:-}/modules/Eigen" -isystem /usr/include/eigen3
    done
}

compile_peers() {
    rm -rf "$peers"
    mkdir -p "$peers"
    echo '{ global: audio_peer_get; local: *; };' >"$peers/exports"
    if [ -f "${RTNEURAL_DIR:-}/RTNeural/RTNeural.h" ]; then
        compile_rtneural
    else
        echo "bench: without RTNeural (RTNEURAL_DIR is '${RTNEURAL_DIR:-}')" >&2
    fi
    if [ -f "${NAM_DIR:-}/NAM/lstm.h" ]; then
        compile_nam
    else
        echo "bench: without NeuralAmpModelerCore (NAM_DIR is '${NAM_DIR:-}')" >&2
    fi
}

audio_figures() {
    echo "- compilers: $(cc --version | head -n 1); for peers $("$cxx" --version | head -n 1)"
    "$build/bench/tekrar-bench-audio" "$@"
}

if [ $audio = yes ]; then
    cxx=${CXX:-c++}
    peers=$build/peers
    compile_peers
    for object in "$peers"/rtneural-*.so "$peers"/nam-*.so; do
        [ ! -f "$object" ] || set -- "$@" "$object"
    done
    [ $doc = yes ] || { audio_figures "$@"; exit; }
    into_page 'audio figures' audio_figures "$@"
    exit
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
into_page figures "$build/bench/tekrar-bench" --phases "$@"
