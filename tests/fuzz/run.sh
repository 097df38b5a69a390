#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the fuzzers under ASan and UBSan, from their corpus, for so many executions each, and tells how
# many there were and how long a core took. Not part of run.sh: it takes hours. Needs clang with
# libFuzzer (Debian: apt-get install clang libclang-rt-14-dev). What is found lies in the build folder.
#
#     sh tests/fuzz/run.sh [EXECUTIONS [FUZZER...]]      10000000, all three
set -eu
cd "$(dirname "$0")/../.."
runs=${1:-10000000}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- fuzz_arpa fuzz_ngram fuzz_safetensors
build=$PWD/build-test/fuzz
mkdir -p build-test
[ -f "$build/build.ninja" ] || CC=clang meson setup "$build" -Dfuzz=true -Dbuildtype=debug \
    -Doptimization=1 -Db_sanitize=address,undefined -Dc_args=-fsanitize=fuzzer-no-link \
    -Db_lundef=false -Dblas=none -Dexamples=false -Dbench=false >"$build.log"
status=0
for fuzzer in "$@"; do
    meson compile -C "$build" "$fuzzer" >>"$build.log"
    seeds=tests/fuzz/corpus/${fuzzer#fuzz_}
    mkdir -p "$build/$fuzzer.found"
    "$build/tests/fuzz/$fuzzer" -runs="$runs" -timeout=60 -rss_limit_mb=4096 -verbosity=0 \
        -print_final_stats=1 -artifact_prefix="$build/$fuzzer." "$build/$fuzzer.found" "$seeds" \
        >"$build/$fuzzer.log" 2>&1 || { status=1 && tail -n 40 "$build/$fuzzer.log"; }
    awk -v name="$fuzzer" '/number_of_executed_units/ { n = $2 } /average_exec_per_sec/ { rate = $2 }
        END { printf "%s: %d executions, %d a second\n", name, n, rate }' "$build/$fuzzer.log"
done
exit $status
