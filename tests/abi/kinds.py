# SPDX-License-Identifier: MIT
"""Who asks of which kind a cell or layer is. Only a kind's own file and table may: everything else
calls through the table.

usage: kinds.py SOURCE_ROOT
"""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from checks import Checks
from floors import exceptions, expect_shrinking, sources, without_comments

HOME = "lib/layer/"
WORDS = """elman lstm gru linear embedding dropout chain branch norm affine activate select last
    conv user""".split()
CONSTANT = r"\bTKR_(?:" + "|".join(WORDS).upper() + r")\b"
TABLE = r"&?\s*\btkri_(?:layer_)?(?:" + "|".join(WORDS) + r")\w*\b(?!\s*\()"
COMPARED = r"(?:[!=]=|[<>]=?)"
TESTS = re.compile("|".join([
    rf"{COMPARED}\s*{CONSTANT}",            # kind == TKR_LSTM, and 1 << TKR_LSTM
    rf"{CONSTANT}\s*{COMPARED}",            # TKR_LSTM == kind
    rf"\bcase\s+{CONSTANT}",
    rf"\[\s*{CONSTANT}\s*\]",               # [TKR_ELMAN] =
    rf"[!=]=\s*{TABLE}",                    # ops == &tkri_lstm
    r"\btkri_(?:layer_|cell_)?is_recurrent\s*\(",
]))


def places(root):
    """file:line: the line, for every test of a kind."""
    for path in sources(root, "lib"):
        place = path.relative_to(root).as_posix()
        if place.startswith(HOME):
            continue
        text = path.read_text()
        lines, code = text.splitlines(), without_comments(text)
        for match in TESTS.finditer(code):
            number = code.count("\n", 0, match.end())
            yield f"{place}:{number + 1}: {lines[number].strip()}"


def main():
    root = pathlib.Path(sys.argv[1])
    checks = Checks()
    found = list(places(root))
    for place in found:
        print("   ", place)
    stated = exceptions(root).get("lib", {}).get("kinds")
    expect_shrinking(checks, "tests of a kind outside " + HOME, len(found), stated, 0, [])
    checks.finish()


if __name__ == "__main__":
    main()
