# SPDX-License-Identifier: MIT
"""The tree as the scripts in tests/abi know it: its floors, its C files, and what is excepted."""
import re

# A floor includes and calls itself and these.
FLOORS = {
    "core": [],
    "kern": ["core"],
    "cell": ["core", "kern"],
    "layer": ["core", "kern", "cell"],
    "seq": ["core", "kern", "cell", "layer"],
    "train": ["core", "kern", "cell", "layer", "seq"],
    "text": ["core"],
    "ngram": ["core"],
    "model": ["core", "kern", "cell", "layer", "seq", "train"],
    "api": ["core", "kern", "cell", "layer", "seq", "train", "text", "ngram", "model"],
    # Libraries beside ours: of it they know the public header alone.
    "models": [],
    "mpi": [],
}
BESIDE = {"models", "mpi"}


def sources(root, *folders):
    """All C files below the folders, sorted."""
    found = [p for folder in folders for p in (root / folder).rglob("*.[ch]")]
    return sorted(found)


def without_comments(text):
    """The code with comments and literals blanked, line breaks kept."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text,
                  flags=re.S)


def exceptions(root):
    """place -> {what: cap} of exceptions.txt. A line without a reason is no exception."""
    stated = {}
    for line in (root / "tests/abi/exceptions.txt").read_text().splitlines():
        match = re.match(r"(\S+)\s+(\w+)\s+(\d+)\s+\S.*", line)
        if match and not line.startswith("#"):
            stated.setdefault(match.group(1), {})[match.group(2)] = int(match.group(3))
    return stated


def expect_shrinking(checks, what, count, stated, goal, places):
    """The count is the goal, or, until then, what exceptions.txt says: a number that only shrinks."""
    if stated is None:
        checks.expect(count <= goal, f"{what}: {count}, at most {goal}", *places)
    elif count > stated:
        checks.expect(False, f"{what}: {count}, exceptions.txt allows {stated}", *places)
    else:
        advice = f"lower the number in exceptions.txt to {count}" if count > goal else \
            "the line in exceptions.txt is no longer needed"
        checks.expect(goal < count == stated,
                      f"{what}: {count}, exceptions.txt says {stated}, the goal is {goal}", advice)
