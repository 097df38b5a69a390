#!/bin/sh
# SPDX-License-Identifier: MIT
# MC/DC of what reads and writes files: lib/model and lib/ngram (or the folders that are named). Every
# condition that no pair of cases has shown to decide its decision is listed with its line; the last
# line says how many of how many were shown. Not part of run.sh: it needs clang and llvm of one version,
# 18 or newer (Debian: apt-get install clang-19 llvm-19 libclang-rt-19-dev).
#
#     sh tests/support/mcdc.sh [FOLDER...]       LLVM=-19 is the suffix of the tools' names
set -eu
cd "$(dirname "$0")/../.."
LLVM=${LLVM--19}
[ $# -gt 0 ] || set -- lib/model lib/ngram
build=build-test/mcdc
# The tests that read and write files: other ones say nothing here.
tests='arpa_names cell_file checkpoint decimal disk dtype file files fuzz_arpa fuzz_ngram fuzz_safetensors gru_file
    header json link mix ngram ngram_arpa ngram_check ngram_counts ngram_file ngram_smoothing ngram_tolerance ngram_traps options
    read refuse_cells refuse_ngrams refuse_parts refuse_runs refuse_texts replace source user vocabulary
    words write'
mkdir -p build-test
export LLVM_PROFILE_FILE="$PWD/$build/profiles/%8m.profraw"
[ -f $build/build.ninja ] || CC=clang$LLVM meson setup $build -Dbuildtype=debug -Doptimization=1 \
    -Db_ndebug=true -Db_lundef=false -Dblas=none -Dexamples=false -Dbench=false \
    -Dc_args='-fprofile-instr-generate -fcoverage-mapping -fcoverage-mcdc' \
    -Dc_link_args=-fprofile-instr-generate >$build.log
rm -rf $build/profiles
# shellcheck disable=SC2086 # the tests are words on purpose
meson test -C $build --timeout-multiplier 10 $tests >$build.log 2>&1 || { tail "$build.log"; exit 1; }
llvm-profdata$LLVM merge -o $build/all.profdata $build/profiles/*.profraw
objects=
for program in $build/tests/test_unit_* $build/tests/test_golden_* $build/tests/fuzz/*_replay; do
    if [ -f "$program" ] && [ -x "$program" ]; then objects="$objects -object $program"; fi
done
# shellcheck disable=SC2086
llvm-cov$LLVM export -instr-profile $build/all.profdata $objects -sources "$@" \
    >$build/mcdc.json 2>$build/mcdc.err
python3 tests/support/mcdc.py $build/mcdc.json
