# SPDX-License-Identifier: MIT
"""What the documents name is there: files, functions, constants, tests, the pages they link to.

usage: documents.py SOURCE_ROOT
"""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from checks import Checks
from floors import sources

FOLDERS = "lib tests bench examples include docs".split()
PATH = re.compile(r"(?:" + "|".join(FOLDERS) + r")/[\w./*<>-]*")


def code_spans(text):
    """What stands in backticks; indented blocks are programs and their own business."""
    return re.findall(r"`([^`\n]+)`", text)


def missing_files(root, spans):
    """Paths that name nothing. <name> stands for any, * too."""
    for span in spans:
        for path in PATH.findall(span) if PATH.match(span) else []:
            pattern = re.sub(r"<\w+>", "*", path.rstrip("/."))
            if not any(root.glob(pattern)):
                yield path


def missing_names(spans, code):
    """tkr_... and the like that no C file has; tkr_state_... stands for all that begin so."""
    for span in spans:
        for name in re.findall(r"\b(?:tkri?|TKRI?)_\w+", span):
            if not re.search(rf"\b{re.escape(name)}" + ("" if name.endswith("_") else r"\b"), code):
                yield name


def missing_functions(root, text):
    """`file`: `function`, or several, where the file does not have it."""
    for path, names in re.findall(r"`(lib/[\w./]+)`: ((?:(?:, | and )?`\w+`)+)", text):
        for name in re.findall(r"`(\w+)`", names):
            if not re.search(rf"\b{name}\b", (root / path).read_text()):
                yield f"{name} in {path}"


def missing_tests(root, text):
    """(the test `name`) or the test `name` where meson has no such test."""
    known = "".join((root / f).read_text() for f in ("tests/meson.build", "tests/abi/meson.build"))
    for names in re.findall(r"\btests? ((?:(?:, | and )?`\w+`)+)", text):
        for name in re.findall(r"`(\w+)`", names):
            if f"'{name}'" not in known:
                yield name


def missing_links(page, text):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        if not (page.parent / target).exists():
            yield target


def main():
    root = pathlib.Path(sys.argv[1])
    checks = Checks()
    code = "".join(p.read_text() for p in sources(root, "include", "lib", "tests", "bench"))
    code += (root / "lib/meson.build").read_text()
    pages = [root / "README.md", root / "NEWS.md", root / "examples/README.md",
             *sorted((root / "docs").glob("*.md"))]
    for page in pages:
        text = page.read_text()
        spans = code_spans(text)
        wrong = [*missing_files(root, spans), *missing_names(spans, code),
                 *missing_functions(root, text), *missing_tests(root, text),
                 *missing_links(page, text)]
        checks.expect(not wrong, f"{page.relative_to(root)} names what is there", *wrong)
    checks.finish()


if __name__ == "__main__":
    main()
