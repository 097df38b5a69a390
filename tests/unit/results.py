# SPDX-License-Identifier: MIT
"""The counter of verdicts: nothing that failed, skipped or tried nothing may count as passed."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from checks import Checks
from results import judged

CMOCKA = "[==========] Running 2 test(s).\n[ RUN      ] a\n[       OK ] a\n"

# (what is tried, result, output, verdicts in order)
CASES = [
    ("CMocka's cases", "OK", CMOCKA + "[       OK ] b\n[  PASSED  ] 2 test(s).\n", ["ok", "ok"]),
    ("a CMocka skip", "OK", CMOCKA + "[  SKIPPED ] b\n[  PASSED  ] 1 test(s).\n", ["ok", "skip"]),
    ("a CMocka failure, told twice", "FAIL",
     CMOCKA + "[  FAILED  ] b\n[  FAILED  ] 1 test(s), listed below:\n[  FAILED  ] b\n",
     ["ok", "not ok"]),
    ("a crash after a passed case", "FAIL", CMOCKA, ["ok", "not ok"]),
    ("a CMocka program that ran nothing", "OK", "[==========] Running 0 test(s).\n", ["not ok"]),
    ("lines of our own", "OK", "ok - a\nskip - b - no c here\n", ["ok", "skip"]),
    ("a failed line with a good status", "OK", "ok - a\nnot ok - b\n", ["ok", "not ok", "not ok"]),
    ("a silent program", "OK", "", ["ok"]),
    ("a silent program that fails", "FAIL", "", ["not ok"]),
    ("a time-out", "TIMEOUT", "ok - a\n", ["ok", "not ok"]),
    ("a skipped program", "SKIP", "no folder", ["skip"]),
    ("a skipped program that passed a case first", "SKIP", "ok - a\n", ["skip"]),
    ("a result that is unheard of", "UNEXPECTEDPASS", "", ["not ok"]),
]


def main():
    checks = Checks()
    for name, result, text, wanted in CASES:
        for stream in ("stdout", "stderr"):
            got = [verdict for verdict, _ in judged({"result": result, stream: text})]
            checks.expect(got == wanted, f"{name}, on {stream}", f"{got}, not {wanted}")
    checks.finish()


if __name__ == "__main__":
    main()
