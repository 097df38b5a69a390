# SPDX-License-Identifier: MIT
"""A BLAS is loaded by whoever trains on the generic tier, by nobody else, and is not missed.

blas.c is run with the BLAS of this machine, with a stub in its place that counts its calls, and with
files that are no BLAS.

usage: blas.py SOURCE_ROOT SHARED_LIBRARY STATIC_LIBRARY
"""
import os
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from checks import Checks, output, run

PROGRAM = pathlib.Path(__file__).with_name("blas.c")
BEST, GENERIC = "0", "2"
STUB = """
int stub_calls;
void cblas_sgemm(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda,
                 const float *b, int ldb, float beta, float *c, int ldc) {
    stub_calls += order == 101 && ta == 111 && tb == 111;
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            double sum = 0;
            for (int l = 0; l < k; l++) sum += (double)a[i * lda + l] * b[l * ldb + j];
            c[i * ldc + j] = alpha * (float)sum + (beta == 0 ? 0 : beta * c[i * ldc + j]);
        }
}
"""
STAGE = re.compile(r"(\w+): mapped (\d+), threads (\d+), small stack (\d+), text: (.*)")
RESULT = re.compile(r"tier (\d+), stub calls (\d+), error (\S+)")


class Answer:
    """What a run of the program said; empty where it failed."""

    def __init__(self, program, tier, folder=None):
        found = {"LD_LIBRARY_PATH": str(folder)} if folder else {}
        self.text, status = run(program, tier, env={**os.environ, **found})
        self.stages = {s[0]: s[1:] for s in STAGE.findall(self.text)} if status == 0 else {}
        result = RESULT.search(self.text) if self.stages else None
        self.tier, self.calls, self.error = result.groups() if result else ("", "0", "inf")

    def is_right(self):
        return float(self.error) < 1e-5

    def has_none(self, stage):
        """No BLAS, no thread but the first, and threads can be as small as the system lets them."""
        return self.stages.get(stage, ("",) * 4)[:3] == ("0", "1", "0")

    def blas(self, stage):
        return self.stages.get(stage, ("",) * 4)[3]


def build_stub(folder, source, name):
    """A folder with a shared library of this name."""
    folder.mkdir()
    (folder / "stub.c").write_text(source)
    output("cc", "-shared", "-fPIC", "-O1", f"-Wl,-soname,{name}", folder / "stub.c", "-o",
           folder / name)
    return folder


def check_untouched(checks, program):
    """Until it trains on the generic tier, a program has nothing of a BLAS."""
    for case, tier in (("generic", GENERIC), ("best", BEST)):
        answer = Answer(program, tier)
        for stage in ("start", "inference"):
            checks.expect(answer.has_none(stage), f"{case} tier, {stage}: no BLAS", answer.text)
        checks.expect(answer.is_right(), f"{case} tier: gradients are right", answer.text)
        if answer.tier != GENERIC:
            checks.expect(answer.has_none("training"), f"{case} tier, training: no BLAS", answer.text)
    return Answer(program, GENERIC)


def build(program, root, *libraries):
    """blas.c linked with what is given; the compiler's text and status."""
    return run("cc", "-std=c11", "-Wall", "-Wextra", "-O1", f"-I{root}/include", PROGRAM, "-o", program,
               *libraries, "-lm", "-pthread")


def check_static(checks, root, folder, archive):
    """Without a dynamic linker nothing is loaded."""
    text, status = build(folder / "static", root, "-static", archive)
    if status != 0:
        checks.skip("linked statically", text.splitlines()[-1])
        return
    answer = Answer(folder / "static", GENERIC)
    checks.expect(answer.has_none("training") and answer.is_right(), "linked statically: no BLAS",
                  answer.text)


def check_stubs(checks, program, folder, name):
    absent = name + ", not loaded"
    stub = Answer(program, GENERIC, build_stub(folder / "stub", STUB, name))
    checks.expect(stub.blas("inference") == absent and stub.blas("training") == name,
                  "the text says when it is loaded", stub.text)
    checks.expect(int(stub.calls) > 0 and stub.is_right(), "it multiplies", stub.text)
    other = Answer(program, BEST, folder / "stub")
    if other.tier != GENERIC:
        checks.expect(other.has_none("training"), "the best tier leaves it alone", other.text)

    (folder / "broken").mkdir()
    (folder / "broken" / name).write_text("no library")
    build_stub(folder / "other", "int nothing;\n", name)
    for case in ("broken", "other"):
        answer = Answer(program, GENERIC, folder / case)
        checks.expect(answer.has_none("training") and answer.blas("training") == absent,
                      f"{case} file: not loaded, and says so", answer.text)
        checks.expect(answer.is_right(), f"{case} file: gradients are right", answer.text)


def main():
    root, library, archive = (pathlib.Path(word).resolve() for word in sys.argv[1:])
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="seam-") as name:
        folder = pathlib.Path(name)
        program = folder / "program"
        text, status = build(program, root, library, f"-Wl,-rpath,{library.parent}")
        if checks.expect(status == 0 and "warning" not in text, "compiles", text):
            answer = check_untouched(checks, program)
            file = answer.blas("start").split(",")[0]
            if file == "none":
                checks.skip("stubs", "this build has no BLAS")
            elif checks.expect(file and "/" not in file, "it is known by its soname", file):
                check_stubs(checks, program, folder, file)
            check_static(checks, root, folder, archive)
    checks.finish()


if __name__ == "__main__":
    main()
