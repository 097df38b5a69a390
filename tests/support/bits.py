# SPDX-License-Identifier: MIT
"""Do two builds compute the same bits? Compiles tests/bits against each one's header and shared
library, runs both, and names every case that differs.

usage: bits.py BUILD_A BUILD_B [TEXT]   TEXT: only the cases whose names contain it
"""
import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from checks import Checks, declared

BITS = pathlib.Path(__file__).resolve().parents[1] / "bits"
CASES_MIN = 2000
SHOWN = 40


def compiled(build, program):
    """Compile the cases against a build; the command that runs them."""
    about = json.loads((build / "meson-info/meson-info.json").read_text())
    include = pathlib.Path(about["directories"]["source"]) / "include"
    calls = declared(include / "tekrar/tekrar.h")
    quantize = "tkr_cell_quantize" if "tkr_cell_quantize" in calls else "tkr_cell_reduce"
    subprocess.run(["cc", "-O1", "-std=c11", f"-I{include}", f"-DQUANTIZE={quantize}", "-o",
                    program, *sorted(BITS.glob("*.c")), f"-L{build / 'lib'}", "-ltekrar",
                    f"-Wl,-rpath,{build / 'lib'}"], check=True)
    return program


def hashes(process):
    """name -> hash, or what failed."""
    lines = process.communicate()[0].splitlines()
    if process.returncode not in (0, 1):
        last = lines[-1] if lines else "the start"
        sys.exit(f"{process.args[0]}: ended with status {process.returncode}, behind or in: {last}")
    return dict(line.split(" ", 1) for line in lines)


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    builds, only = [pathlib.Path(word).resolve() for word in sys.argv[1:3]], sys.argv[3:]
    with tempfile.TemporaryDirectory() as folder:
        programs = [compiled(build, pathlib.Path(folder) / f"bits-{letter}")
                    for build, letter in zip(builds, "AB")]
        # Where meson runs this it points the loader at one build.
        others = {key: value for key, value in os.environ.items() if key != "LD_LIBRARY_PATH"}
        running = [subprocess.Popen([program, *only], stdout=subprocess.PIPE, text=True, env=others)
                   for program in programs]
        first, second = (hashes(process) for process in running)
    none = "no such case"
    wrong = [f"{name}: A {first.get(name, none)}, B {second.get(name, none)}"
             for name in sorted(first.keys() | second.keys())
             if first.get(name) != second.get(name) or "failed" in first[name]]
    nets = collections.Counter(line.split("/")[1] for line in wrong)
    checks = Checks()
    checks.expect(len(first) >= (1 if only else CASES_MIN), f"{len(first)} cases were run")
    checks.expect(not wrong, "all have the same bits in both builds, and none failed",
                  *wrong[:SHOWN], f"{len(wrong)} cases; by net: " +
                  ", ".join(f"{net} {n}" for net, n in nets.most_common()))
    checks.finish()


if __name__ == "__main__":
    main()
