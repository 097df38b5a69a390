#!/bin/sh
# SPDX-License-Identifier: MIT
# Everything that can be tested on this machine. Installs what is missing (Debian), builds, tests,
# and ends with one line: N passed, F failed, S skipped. The exit status is the verdict.
#
#   sh tests/run.sh                what runs in other programs is tried in those that are here
#   sh tests/run.sh --everything   those programs are installed first
set -eu
cd "$(dirname "$0")/.."
. tests/support/packages.sh

# shellcheck disable=SC2086
need $BUILD_PACKAGES cmd:python3=python3 cmd:g++=g++ cmd:clang=clang asan=libclang-rt-14-dev \
    cmd:nm=binutils pc:cmocka=libcmocka-dev cmd:gcovr=gcovr cmd:strace=strace cmd:gnuplot=gnuplot-nox cmd:musl-gcc=musl-tools \
    pc:zlib=zlib1g-dev numpy=python3-numpy venv=python3-venv

case ${1:-} in
    '') ;;
    # shellcheck disable=SC2086
    --everything) need $HOST_PACKAGES ;;
    *) echo "usage: sh tests/run.sh [--everything]" >&2; exit 1 ;;
esac

BRANCH_GOAL=${BRANCH_GOAL:-90}
mkdir -p build-test
results=$PWD/build-test/results.txt
: >"$results"

note() {
    echo "$1 - $2" >>"$results"
    [ "$1" != "not ok" ] || echo "FAILED: $2"
}

# build TITLE FOLDER COMPILER OPTION...: configure and compile, warnings as errors. $targets, if any,
# are all that is compiled.
targets=
build() {
    title=$1 folder=$2 compiler=$3
    shift 3
    # The targets are words on purpose.
    # shellcheck disable=SC2086
    printf '\n== %s\n' "$title"
    rm -rf "$folder/meson-logs/testlog.json"
    if [ -f "$folder/build.ninja" ]; then set -- --reconfigure "$@"; fi
    if CC=$compiler meson setup "$folder" -Dwerror=true "$@" >"$folder.log" 2>&1 &&
        meson compile -C "$folder" $targets >>"$folder.log" 2>&1; then
        note ok "$title: builds without a warning"
    else
        tail -n 40 "$folder.log"
        note "not ok" "$title: builds without a warning"
        return 1
    fi
}

# check TITLE FOLDER OPTION...: run meson's tests and note every case.
check() {
    title=$1 folder=$2
    shift 2
    meson test -C "$folder" --no-rebuild --print-errorlogs "$@" || true
    python3 tests/support/results.py "$title" "$folder" >"$folder.cases"
    grep '^not ok' "$folder.cases" | sed 's/^not ok - /FAILED: /' || true
    cat "$folder.cases" >>"$results"
}

# cross TITLE FOLDER ARCHITECTURE MACHINE TEST...: build with the cross compiler for a machine of
# Debian's, and run tests in qemu-user.
cross() {
    title=$1 folder=$2 architecture=$3 machine=$4
    shift 4
    if ! (need "cmd:$machine-linux-gnu-gcc=gcc-$machine-linux-gnu" "cmd:qemu-$machine=qemu-user" \
        "cross:$machine-linux-gnu:qemu-$machine=libc6-dev-$architecture-cross libcmocka-dev:$architecture"); then
        note skip "$title: no cross compiler, emulator and CMocka to be had"
    elif build "$title" "$folder" cc --cross-file "tests/support/$machine.ini" -Dblas=none \
        -Dexamples=false -Dbench=false; then
        check "$title" "$folder" "$@"
    fi
}

coverage() {
    gcovr -r . --filter 'lib/' --branches --exclude-unreachable-branches --print-summary \
        --txt build-test/coverage.txt build-test/coverage >build-test/coverage.sum 2>build-test/coverage.err ||
        { cat build-test/coverage.err; note "not ok" "coverage: gcovr"; return; }
    cat build-test/coverage.txt
    if awk -v goal="$BRANCH_GOAL" '/^branches:/ { sub("%", "", $2); found = $2 + 0 >= goal }
        END { exit !found }' build-test/coverage.sum; then
        note ok "coverage: branches of lib/ >= $BRANCH_GOAL %"
    else
        note "not ok" "coverage: branches of lib/ >= $BRANCH_GOAL %"
    fi
    cat build-test/coverage.sum
}

status=0
sh tests/format.sh || status=$?
case $status in
    0) note ok "format" ;;
    77) note skip "format: no clang-format of the version that .clang-format names" ;;
    *) note "not ok" "format" ;;
esac

if build "gcc" build-test/gcc cc; then
    check "gcc" build-test/gcc
fi
if build "clang with ASan and UBSan" build-test/sanitized clang -Dbuildtype=debugoptimized \
    -Db_ndebug=false -Db_sanitize=address,undefined -Db_lundef=false; then
    check "sanitized" build-test/sanitized --no-suite abi --timeout-multiplier 10
fi
if build "without a BLAS" build-test/noblas cc -Dblas=none -Dexamples=false \
    -Dbench=false; then
    check "without a BLAS" build-test/noblas --suite unit --suite golden
fi
targets='test_unit_threads test_unit_team'
if build "clang with TSan" build-test/tsan clang -Dbuildtype=debugoptimized -Db_sanitize=thread \
    -Db_lundef=false -Dblas=none -Dexamples=false -Dbench=false; then
    check "TSan" build-test/tsan threads team --timeout-multiplier 10
fi
targets=
if build "clang with MSan" build-test/msan clang -Dbuildtype=debugoptimized -Db_lundef=false \
    -Dc_args="-fsanitize=memory -fsanitize-ignorelist=$PWD/tests/support/msan.txt" \
    -Dc_link_args=-fsanitize=memory -Dblas=none -Dexamples=false -Dbench=false; then
    check "MSan" build-test/msan --no-suite abi --no-suite long --timeout-multiplier 10
fi
export TEKRAR_TEST_TIER=5
cross "aarch64 under qemu" build-test/aarch64 arm64 aarch64 --suite kern --suite unit \
    --suite golden --no-suite long
unset TEKRAR_TEST_TIER
cross "s390x under qemu" build-test/s390x s390x s390x cell_file checkpoint dtype file files golden gru_file \
    header json ngram_arpa ngram_file pointwise product read quantize quantized streaming updates \
    vocabulary words write --no-suite abi
rm -rf build-test/coverage # notes and counts of sources that have changed since cannot be merged
if build "coverage" build-test/coverage cc -Dbuildtype=debug -Db_ndebug=true -Db_coverage=true \
    -Dc_args=-fprofile-update=atomic -Dexamples=false -Dbench=false; then
    check "coverage" build-test/coverage --no-suite abi --timeout-multiplier 5
    coverage
fi

count() {
    grep -c "^$1 - " "$results" || true
}
failed=$(count "not ok")
printf '\n'
grep '^not ok' "$results" || true
echo "$(count ok) passed, $failed failed, $(count skip) skipped"
[ "$failed" = 0 ]
