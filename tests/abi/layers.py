# SPDX-License-Identifier: MIT
"""The rules of the tree that a machine can hold: who includes whom, and how large things may be.

usage: layers.py SOURCE_ROOT
"""
import pathlib
import re
import shutil
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from checks import Checks
from floors import FLOORS, exceptions, sources, without_comments

TOP = {"LICENSE", "NEWS.md", "README.md", "bench", "bindings", "docs", "examples", "findings",
       "include", "lib", "meson.build", "meson_options.txt", "tests"}
CAPS = {"file": 600, "function": 80, "columns": 100, "parameters": 6}
MEDIAN_FUNCTION, P90_FUNCTION = 15, 45


def forbidden_includes(root):
    """The include lines that go upward or sideways, and those of a BLAS, which is loaded."""
    wrong = []
    for path in sources(root, "lib"):
        floor = path.relative_to(root / "lib").parts[0]
        for number, line in enumerate(path.read_text().splitlines(), 1):
            where = f"{path.relative_to(root)}:{number}: {line.strip()}"
            quoted = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if quoted:
                target = quoted.group(1).split("/")[0]
                if floor not in FLOORS or target not in FLOORS[floor] + [floor]:
                    wrong.append(where)
            if re.match(r"\s*#\s*include\s+<cblas", line):
                wrong.append(where)
    return wrong


def strangers(root):
    """What git tracks at the top level and does not belong there; None outside a checkout."""
    listed = subprocess.run(["git", "-C", root, "ls-files", "-z"], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True, check=False)
    if listed.returncode or not (root / ".git").exists():
        return None
    tops = {path.split("/")[0] for path in listed.stdout.split("\0") if path}
    return sorted(top for top in tops - TOP if not top.startswith("."))


FUNCTION = re.compile(r"^(?!#)[A-Za-z_][^\n;{}=]*?\b(\w+)\s*\(((?:[^;{}]|\n)*?)\)[^;{}()]*\{",
                      flags=re.M)


def parameters(text):
    """How many parameters a parenthesised list has: commas outside inner parentheses."""
    depth, commas = 0, 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        commas += letter == "," and depth == 0
    return 0 if text.strip() in ("", "void") else commas + 1


def functions(path):
    """(name, first line, lines, parameters) of every function defined in a file."""
    text = without_comments(path.read_text())
    found = []
    for match in FUNCTION.finditer(text):
        end = text.find("\n}", match.end() - 1)
        if end < 0 or match.group(1) in ("if", "for", "while", "switch"):
            continue
        first = text.count("\n", 0, match.start()) + 1
        last = text.count("\n", 0, end) + 2
        found.append((match.group(1), first, last - first + 1, parameters(match.group(2))))
    return found


def measures(root):
    """(place, what, size) of everything that has a cap."""
    for path in sources(root, "include", "lib", "tests", "bench", "examples"):
        place = str(path.relative_to(root))
        lines = path.read_text().splitlines()
        yield place, "file", len(lines)
        yield place, "columns", max(map(len, lines), default=0)
        for name, _, length, arguments in functions(path):
            yield f"{place}:{name}", "function", length
            yield f"{place}:{name}", "parameters", arguments
    header = without_comments((root / "include/tekrar/tekrar.h").read_text())
    for match in re.finditer(r"^TKR_API\b[^;(]*?(\w+)\(([^;]*)\);", header, flags=re.M):
        yield f"include/tekrar/tekrar.h:{match.group(1)}", "parameters", parameters(match.group(2))


def main():
    root = pathlib.Path(sys.argv[1])
    checks = Checks()
    wrong = forbidden_includes(root)
    checks.expect(not wrong, "no include goes upward or sideways", *wrong)

    unknown = strangers(root) if shutil.which("git") else None
    if unknown is None:
        checks.skip("the top level holds only what belongs there", "not a git checkout")
    else:
        checks.expect(not unknown, "the top level holds only what belongs there", *unknown)

    stated, used, too_large = exceptions(root), set(), []
    for place, what, size in measures(root):
        if size > CAPS[what]:
            used.add((place, what))
            if size > stated.get(place, {}).get(what, 0):
                too_large.append(f"{place}: {what} {size}, cap {CAPS[what]}")
    checks.expect(not too_large, "files and functions are within their caps", *too_large)
    idle = [f"{p} {w}" for p, caps in stated.items() for w in caps
            if w in CAPS and (p, w) not in used]
    checks.expect(not idle, "every stated exception is still needed", *idle)

    lengths = [f[2] for path in sources(root, "lib") for f in functions(path)]
    checks.expect(lengths, "functions were found")
    lengths.sort()
    median, p90 = statistics.median(lengths), lengths[len(lengths) * 9 // 10]
    checks.expect(median <= MEDIAN_FUNCTION and p90 <= P90_FUNCTION,
                  f"{len(lengths)} functions of lib/: median {median}, 90 % within {p90} lines")
    checks.finish()


if __name__ == "__main__":
    main()
