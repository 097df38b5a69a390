# SPDX-License-Identifier: MIT
"""Is build B slower than build A? Runs the rows of both builds' bench, without peers, in turns: W1
of A, of B, of A ... then W2. A row's time is the best of its runs.

usage: compare.py BUILD_A BUILD_B [--seconds S] [--runs N] [--only TEXT] [--threads 1|2]

  --seconds S   about how long one run measures a row (default 1)
  --runs N      how many runs of each build (default 3)
  --only TEXT   only the rows whose names contain TEXT (W5, gru ...)
  --threads N   only the rows with N threads

The exit status is 1 if B takes more than 1.02 of A's time in the geometric mean over all rows, or
more than 1.05 in any of them.
"""
import argparse
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile

GROUPS = ["W1", "W2", "W3", "W4", "W6", "W5"]
MEAN_LIMIT, ROW_LIMIT = 1.02, 1.05


def best_times(build, only, options):
    """(workload, threads) -> (best time, its unit) of one run of a build's bench."""
    with tempfile.TemporaryDirectory() as folder:
        rows = pathlib.Path(folder) / "rows.json"
        command = [build / "bench/tekrar-bench", "--quick", "--seconds", str(options.seconds),
                   "--only", only, "--json", rows]
        if options.threads:
            command += ["--threads", str(options.threads)]
        # The bench also fails where memory is not what was announced: that is told by bench/run.sh.
        setting = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        setting.pop("LD_LIBRARY_PATH", None)  # each build has its own library
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              check=False, env=setting)
        if not rows.exists():
            sys.exit(f"{command[0]}: no rows\n{done.stdout}{done.stderr}")
        found = {}
        for row in json.loads(rows.read_text()):
            unit = "ns" if "ns_best" in row else "ms"
            if not isinstance(row[unit + "_best"], (int, float)):
                sys.exit(f"{command[0]}: {row['workload']} could not be measured\n{done.stdout}")
            found[row["workload"], row["threads"]] = (row[unit + "_best"], unit)
        return found


def measured(builds, only, options):
    """For each build: (workload, threads) -> (best time of all runs, unit)."""
    best = [{}, {}]
    for _ in range(options.runs):
        for times, build in zip(best, builds):
            for row, time in best_times(build, only, options).items():
                times[row] = min(times.get(row, time), time)
    if best[0].keys() != best[1].keys():
        print("only one build has:", *sorted(best[0].keys() ^ best[1].keys()))
    return best


def compare(builds, groups, options):
    """Print a line for each row as it is measured; all ratios B / A."""
    ratios = []
    print(f"{'row':24} threads {'best A':>10} {'best B':>10}    B / A")
    for only in groups:
        first, second = measured(builds, only, options)
        for row in [row for row in first if row in second]:
            (a, unit), (b, _) = first[row], second[row]
            ratios.append(b / a)
            mark = "  SLOWER" if b / a > ROW_LIMIT else ""
            print(f"{row[0]:24} {row[1]:7} {a:10.4g} {b:10.4g} {unit} {b / a:.3f}{mark}",
                  flush=True)
    return ratios


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("builds", nargs=2, type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only")
    parser.add_argument("--threads", type=int, choices=(1, 2))
    options = parser.parse_args()
    groups = [options.only] if options.only else GROUPS
    ratios = compare([build.resolve() for build in options.builds], groups, options)
    if not ratios:
        sys.exit("no row was measured")
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    print(f"geometric mean of {len(ratios)} ratios: {mean:.3f} (limit {MEAN_LIMIT}), "
          f"worst row {max(ratios):.3f} (limit {ROW_LIMIT})")
    sys.exit(1 if mean > MEAN_LIMIT or max(ratios) > ROW_LIMIT else 0)


if __name__ == "__main__":
    main()
