# SPDX-License-Identifier: MIT
"""The C programs in the documents: they compile without a warning, and what they build can be built.

Usage: snippets.py SOURCE_ROOT LIBRARY

A document's blocks of C are one program. Where there is no main(), one is added that initialises what
each `static tkr_cell *name(void)` returns and prints its parameters and states; the names of such that
the document mentions must be among them.
"""
import os
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from checks import Checks, run

MAIN = r"""
#include <stdio.h>

static int try_net(const char *which, tkr_cell *net) {
    tkr_state *state = NULL;
    int64_t n = 0, shape[4];
    int32_t rank;
    const char *name;
    if (!net || tkr_cell_init(net, 1) || tkr_cell_parameters(net, &n, NULL)) {
        printf("refused: %s %s\n", which, net ? tkr_cell_detail(net) : "");
        return 1;
    }
    for (int64_t i = 0; i < n && !tkr_cell_parameter(net, i, &name, &rank, shape); i++)
        printf("%s\n", name);
    if (tkr_state_create(&state, net, 1, NULL) || tkr_state_tensors(state, &n)) return 1;
    for (int64_t i = 0; i < n && !tkr_state_tensor(state, i, &name, shape); i++)
        printf("%s\n", name);
    tkr_state_destroy(state);
    tkr_cell_destroy(net);
    return 0;
}

int main(void) {
    int bad = 0;
    ALL
    return bad;
}
"""
NAME = re.compile(r"`((?:[\w-]+\.)+(?:weight|bias|h|c|past)\w*)`")


def program(text):
    """The document's C, with a main()."""
    code = "\n".join(re.findall(r"^```c\n(.*?)^```$", text, flags=re.S | re.M))
    if "int main(" in code:
        return code
    nets = re.findall(r"^static tkr_cell \*(\w+)\(void\)", code, flags=re.M)
    return code + MAIN.replace("ALL", " ".join(f'bad |= try_net("{net}", {net}());' for net in nets))


def check(checks, document, root, library, folder):
    text, name = document.read_text(), document.relative_to(root)
    source = pathlib.Path(folder) / (document.stem + ".c")
    source.write_text(program(text))
    answer, status = run("cc", "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O0", source,
                         "-I", root / "include", library, "-o", source.with_suffix(""))
    if not checks.expect(status == 0, f"{name}: compiles", *answer.splitlines()):
        return
    answer, status = run(source.with_suffix(""), env=dict(
        os.environ, LD_LIBRARY_PATH=str(pathlib.Path(library).parent)))
    checks.expect(status == 0, f"{name}: runs", *answer.splitlines())
    absent = set(NAME.findall(text)) - set(answer.split())
    checks.expect(not absent, f"{name}: the names that it mentions are there", *sorted(absent))


def main():
    root, library = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        for document in sorted([root / "README.md", *(root / "docs").glob("*.md")]):
            if "\n```c\n" in document.read_text():
                check(checks, document, root, library, folder)
    checks.finish()


if __name__ == "__main__":
    main()
