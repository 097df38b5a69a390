# SPDX-License-Identifier: MIT
"""The public headers alone, as a user's compiler sees them, and the manual's own promises.

usage: header.py SOURCE_ROOT
"""
import pathlib
import re
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from checks import Checks, declared, run

LANGUAGES = {
    "C11": ("-xc", "-std=c11", "-Wstrict-prototypes", ("cc", "gcc", "clang")),
    "C++17": ("-xc++", "-std=c++17", "-Wall", ("g++", "clang++")),
}
WARNINGS = "-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -fsyntax-only".split()


def check_alone(checks, root):
    """Every header compiles at the top of a program, included twice, in each language."""
    for name in ("tekrar/tekrar.h", "tekrar/version.h"):
        program = f"#include <{name}>\n#include <{name}>\nextern int other;\n"
        for language, (kind, standard, warning, compilers) in LANGUAGES.items():
            for compiler in compilers:
                case = f"<{name}> alone as {language} with {compiler}"
                if not shutil.which(compiler):
                    checks.skip(case, "no such compiler here")
                    continue
                text, status = run(compiler, kind, standard, warning, *WARNINGS, "-I",
                                   root / "include", "-", input=program)
                checks.expect(status == 0, case, *text.splitlines())


def check_manual(checks, root):
    """What a manual has to have: comments, a Since for each call, nothing an FFI cannot call."""
    header = root / "include/tekrar/tekrar.h"
    text = header.read_text()
    comments = sum(len(c) for c in re.findall(r"/\*.*?\*/", text, flags=re.S))
    checks.expect(comments >= 0.65 * len(text),
                  f"the header is a manual: {100 * comments // len(text)} % of it is comment")
    code = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    awkward = [word for word in ("enum", "bool", "FILE", "long", "size_t", "inline", "...")
               if re.search(r"(?<!\w)" + re.escape(word) + r"(?!\w)", code)]
    checks.expect(not awkward, "no type that an FFI cannot count on", *awkward)
    twice = sorted({n for n in declared(header) if declared(header).count(n) > 1})
    checks.expect(not twice, "no function is declared twice", *twice)


def main():
    root = pathlib.Path(sys.argv[1])
    checks = Checks()
    check_alone(checks, root)
    check_manual(checks, root)
    checks.finish()


if __name__ == "__main__":
    main()
