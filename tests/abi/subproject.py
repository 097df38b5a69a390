# SPDX-License-Identifier: MIT
"""tekrar as a subproject of somebody else's meson project: configured, built, linked, run.

usage: subproject.py SOURCE_ROOT MESON...
"""
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from checks import Checks, run

PROJECT = """project('user', 'c')
test('user', executable('user', 'user.c', dependencies: dependency('tekrar',
  fallback: ['tekrar', 'tekrar_dep'])))
"""
PROGRAM = """#include <tekrar/tekrar.h>
int main(void) {
    return tkr_version() != TKR_VERSION_MAJOR * 1000000 + TKR_VERSION_MINOR * 1000 +
                            TKR_VERSION_PATCH;
}
"""


def main():
    root, meson = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        project = pathlib.Path(folder)
        (project / "meson.build").write_text(PROJECT)
        (project / "user.c").write_text(PROGRAM)
        (project / "subprojects").mkdir()
        (project / "subprojects/tekrar").symlink_to(root)
        # Unoptimised: it is the linking that is tried here.
        text, status = run(*meson, "setup", project / "build", project, "--wrap-mode=forcefallback",
                           "-Dtekrar:buildtype=debug", "-Dtekrar:optimization=0")
        if checks.expect(status == 0, "configures", *text.splitlines()):
            text, status = run(*meson, "compile", "-C", project / "build", "-j", "2")
            checks.expect(status == 0, "builds", *text.splitlines()[-40:])
            checks.expect("warning" not in text, "without a warning", *text.splitlines()[-40:])
            text, status = run(*meson, "test", "-C", project / "build")
            checks.expect(status == 0, "runs", *text.splitlines()[-40:])
    checks.finish()


if __name__ == "__main__":
    main()
