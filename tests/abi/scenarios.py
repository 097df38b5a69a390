# SPDX-License-Identifier: MIT
"""Every public function stands in the list of a test that has to try them all.

usage: scenarios.py SOURCE_ROOT PROGRAM     PROGRAM --list prints function[/variant] lines
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from checks import Checks, declared, output


def main():
    root, program = pathlib.Path(sys.argv[1]), sys.argv[2]
    tried = {line.split("/")[0] for line in output(program, "--list").split()}
    header = set(declared(root / "include/tekrar/tekrar.h"))
    checks = Checks()
    checks.expect(header and not header - tried, f"all {len(header)} functions are tried",
                  *sorted(header - tried))
    checks.expect(not tried - header, "nothing is tried that is not declared",
                  *sorted(tried - header))
    checks.finish()


if __name__ == "__main__":
    main()
