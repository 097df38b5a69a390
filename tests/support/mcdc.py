# SPDX-License-Identifier: MIT
"""Lists the conditions that llvm-cov's JSON calls uncovered by MC/DC: mcdc.py FILE."""
import json
import os
import sys


def decisions(entry):
    """The decisions of a file, each once: place and what was shown of each condition."""
    best = {}
    for record in entry.get("mcdc_records", []):
        place, shown = tuple(record[:4]), record[-1]
        old = best.get(place, [False] * len(shown))
        best[place] = [a or b for a, b in zip(old, shown)]
    return sorted(best.items())


def source(lines, place):
    """The text of a decision, on one line."""
    first, column, last, end = place
    text = lines[first - 1:last]
    text[-1] = text[-1][:end - 1]
    text[0] = text[0][column - 1:]
    return " ".join(" ".join(text).split())


def main():
    shown_in_all = all_conditions = 0
    with open(sys.argv[1], encoding="utf-8") as file:
        data = json.load(file)["data"][0]
    for entry in data["files"]:
        name = os.path.relpath(entry["filename"])
        with open(name, encoding="utf-8") as file:
            lines = file.read().split("\n")
        covered = total = 0
        for place, shown in decisions(entry):
            covered, total = covered + sum(shown), total + len(shown)
            for index, one in enumerate(shown):
                if not one:
                    print(f"{name}:{place[0]}: condition {index + 1} of {len(shown)}: "
                          f"{source(lines, place)}")
        print(f"{name}: {covered} of {total}")
        shown_in_all, all_conditions = shown_in_all + covered, all_conditions + total
    print(f"{shown_in_all} of {all_conditions} conditions shown")


if __name__ == "__main__":
    main()
