# SPDX-License-Identifier: MIT
"""Turn meson's test log into one line a case: "ok", "not ok" or "skip", then where and what.

A CMocka program's cases are CMocka's own lines; a program that prints "ok - ...", "not ok - ..."
and "skip - ..." is counted by these; any other counts as one case. The exit status has the last
word: a program that fails without a failed case, or passes without a case, is a failed case.

usage: results.py TITLE BUILD_ROOT
"""
import json
import pathlib
import re
import sys

CASE = re.compile(r"^(?:\[ +(OK|FAILED|SKIPPED) +\] (\S+)$|(ok|not ok|skip) - (.*))", flags=re.M)
VERDICTS = {"OK": "ok", "FAILED": "not ok", "SKIPPED": "skip"}


def cases(entry):
    """(verdict, name) of every case that a program reported, each name once per verdict."""
    text = entry.get("stdout", "") + "\n" + entry.get("stderr", "")
    found = [(VERDICTS.get(m.group(1), m.group(3)), m.group(2) or m.group(4))
             for m in CASE.finditer(text)]
    return list(dict.fromkeys(found))


def judged(entry):
    """The cases with the program's verdict added."""
    found, result = cases(entry), entry["result"]
    counted = [verdict for verdict, _ in found]
    speaks = "[==========]" in entry.get("stdout", "") + entry.get("stderr", "")
    if result == "SKIP":
        return [("skip", name) for verdict, name in found if verdict != "not ok"] or \
            [("skip", "the whole program")]
    if result != "OK":
        return found if "not ok" in counted else found + [("not ok", f"the program: {result}")]
    if "not ok" in counted or speaks and not counted:
        return found + [("not ok", "its exit status says passed, its cases do not")]
    return found or [("ok", "the program")]


def main():
    title, build = sys.argv[1], pathlib.Path(sys.argv[2])
    log = build / "meson-logs/testlog.json"
    entries = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    for entry in entries:
        for verdict, name in judged(entry):
            program = entry["name"].replace("tekrar:", "").replace(" / ", "/")
            print(f"{verdict} - {title}: {program}: {name}")
    if not entries:
        print(f"not ok - {title}: no test was run")


if __name__ == "__main__":
    main()
