# SPDX-License-Identifier: MIT
# Sourced by the scripts that build: what is missing is installed by apt where that is possible, and
# otherwise named. usage: need PROBE=PACKAGE...
#
# A probe is cmd:NAME (a command), pc:NAME (a pkg-config module), libc (its headers), cblas (a BLAS
# that links), asan (clang's sanitizers link), venv (python3 can make them), numpy (Debian's Python has
# it), or cross:TRIPLET:EMULATOR (what the cross compiler makes of a CMocka test runs). PACKAGE may name
# an architecture: apt-get is told of it.

have() {
    case $1 in
    cmd:*) command -v "${1#cmd:}" >/dev/null 2>&1 ;;
    pc:*) pkg-config --exists "${1#pc:}" 2>/dev/null ;;
    libc) printf '#include <math.h>\n' | cc -xc -fsyntax-only - 2>/dev/null ;;
    cblas) have_cblas ;;
    numpy) /usr/bin/python3 -c 'import numpy' 2>/dev/null ;;
    venv) python3 -c 'import ensurepip' 2>/dev/null ;;
    asan) echo 'int main(void) { return 0; }' |
        clang -fsanitize=address,undefined -xc -o /dev/null - 2>/dev/null ;;
    cross:*) have_cross "${1#cross:}" ;;
    *) echo "have: no such probe: $1" >&2; exit 2 ;;
    esac
}

have_cblas() {
    for library in blas openblas cblas; do
        printf '#include <cblas.h>\nint main(void) { return (int)cblas_sasum(0, 0, 1); }\n' |
            cc -xc -o /dev/null - "-l$library" 2>/dev/null && return 0
    done
    return 1
}

have_cross() {
    program=$(mktemp)
    printf '#include <setjmp.h>\n#include <stdarg.h>\n#include <stddef.h>\n#include <stdint.h>
        #include <cmocka.h>\nint main(void) { return 0; }\n' |
        "${1%:*}-gcc" -xc -o "$program" - -Wl,--no-as-needed -lcmocka 2>/dev/null &&
        "${1#*:}" "$program" 2>/dev/null
    found=$?
    rm -f "$program"
    return $found
}

missing() {
    for pair in "$@"; do
        have "${pair%%=*}" || printf '%s ' "${pair#*=}"
    done
}

need() {
    packages=$(missing "$@")
    [ -n "$packages" ] || return 0
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "Please install what these Debian packages contain, then run this again: $packages" >&2
        exit 1
    fi
    if [ "$(id -u)" != 0 ]; then
        echo "Please run this first, then start again: sudo apt-get install $packages" >&2
        exit 1
    fi
    echo "installing: $packages"
    log=$(mktemp)
    # The names are words on purpose.
    # shellcheck disable=SC2086
    if ! install_packages $packages >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        echo "apt-get could not install: $packages" >&2
        exit 1
    fi
    rm -f "$log"
    packages=$(missing "$@")
    [ -z "$packages" ] || { echo "still missing after apt-get: $packages" >&2; exit 1; }
}

install_packages() {
    export DEBIAN_FRONTEND=noninteractive
    for package; do
        case $package in *:*) dpkg --add-architecture "${package#*:}" ;; esac
    done
    apt-get install -y --no-install-recommends "$@" </dev/null ||
        { apt-get update </dev/null && apt-get install -y --no-install-recommends "$@" </dev/null; }
}

# What every build needs.
BUILD_PACKAGES='cmd:cc=gcc libc=libc6-dev cmd:meson=meson cmd:ninja=ninja-build
    cmd:pkg-config=pkg-config cblas=libopenblas-dev'

# The programs that the examples of examples/lv2 and the like live in.
HOST_PACKAGES='pc:lv2=lv2-dev pc:lilv-0=liblilv-dev cmd:lv2apply=lilv-utils cmd:sord_validate=sordi
    cmd:jalv=jalv cmd:jackd=jackd2 pc:sndfile=libsndfile1-dev'
