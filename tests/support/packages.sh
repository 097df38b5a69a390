# SPDX-License-Identifier: MIT
# Sourced by the scripts that build: what is missing is installed by apt where that is possible, and
# otherwise named. usage: need PROBE=PACKAGE...
#
# A probe is cmd:NAME (a command), pc:NAME (a pkg-config module), libc (its headers), cblas (a BLAS
# that links), asan (clang's sanitizers link) or numpy (Debian's Python has it).

have() {
    case $1 in
    cmd:*) command -v "${1#cmd:}" >/dev/null 2>&1 ;;
    pc:*) pkg-config --exists "${1#pc:}" 2>/dev/null ;;
    libc) printf '#include <math.h>\n' | cc -xc -fsyntax-only - 2>/dev/null ;;
    cblas) have_cblas ;;
    numpy) /usr/bin/python3 -c 'import numpy' 2>/dev/null ;;
    asan) echo 'int main(void) { return 0; }' |
        clang -fsanitize=address,undefined -xc -o /dev/null - 2>/dev/null ;;
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
    apt-get install -y --no-install-recommends "$@" </dev/null ||
        { apt-get update </dev/null && apt-get install -y --no-install-recommends "$@" </dev/null; }
}

# What every build needs.
BUILD_PACKAGES='cmd:cc=gcc libc=libc6-dev cmd:meson=meson cmd:ninja=ninja-build
    cmd:pkg-config=pkg-config cblas=libopenblas-dev'
