# SPDX-License-Identifier: MIT
"""A build of chosen tiers and parts: what is chosen works, what is not is refused, and a static
program with one tier and the LSTM is small.

usage: chosen.py SOURCE_ROOT MESON...
"""
import os
import pathlib
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from checks import Checks, run

PROGRAM = pathlib.Path(__file__).with_name("chosen.c")
CHOICE = ["-Dblas=none", "-Dtiers=generic", "-Dparts=lstm", "-Dtests=false", "-Dbench=false",
          "-Dexamples=false", "-Ddefault_library=static"]
LIMIT = 320 * 1000


def build(checks, case, compiler, root, folder, meson):
    """The library of CHOICE, and the program linked statically with it; None if one of them fails."""
    text, status = run(*meson, "setup", folder, root, *CHOICE, env=dict(os.environ, CC=compiler))
    if checks.expect(status == 0, f"{case}: configures", text):
        text, status = run(*meson, "compile", "-C", folder)
        checks.expect(status == 0, f"{case}: builds", text[-2000:])
    program = folder / "chosen"
    text, status = run(compiler, "-std=c11", "-O2", "-static", "-s", f"-I{root}/include", PROGRAM,
                       "-o", program, folder / "lib/libtekrar.a", "-lm", "-pthread")
    return program if checks.expect(status == 0, f"{case}: links", text) else None


def check(checks, case, compiler, root, folder, meson):
    program = build(checks, case, compiler, root, folder, meson)
    if program:
        text, status = run(program)
        checks.expect(status == 0 and "as chosen" in text, f"{case}: has what was chosen", text)
    return program


def main():
    root, meson = pathlib.Path(sys.argv[1]), sys.argv[2:]
    checks = Checks()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        check(checks, "the machine's C library", "cc", root, folder / "cc", meson)
        if shutil.which("musl-gcc"):
            program = check(checks, "musl", "musl-gcc", root, folder / "musl", meson)
            size = program.stat().st_size if program else LIMIT
            checks.expect(size < LIMIT, f"musl: {size} bytes, below {LIMIT}")
        else:
            checks.skip("musl", "no musl-gcc")
        text, status = run(*meson, "setup", folder / "whole", root, "-Dtiers=generic")
        checks.expect(status != 0 and "-Dtests=false" in text, "tests want a whole build", text)
    checks.finish()


if __name__ == "__main__":
    main()
