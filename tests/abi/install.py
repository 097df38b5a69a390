# SPDX-License-Identifier: MIT
"""The installed library as its users meet it: C through pkg-config, Python through ctypes.

The manual's complete program is cut out of the installed header, built against the shared and the
static library, and run.

usage: install.py SOURCE_ROOT BUILD_ROOT PREFIX MESON...
"""
import os
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from checks import Checks, run

PYTHON_USER = pathlib.Path(__file__).with_name("python_user.py")


def manual_program(header):
    """The program in the comment at the top of the header."""
    inside = re.search(r"A COMPLETE PROGRAM.*?\n( \*     #include.*?\n \*     \})\n",
                       header.read_text(), flags=re.S).group(1)
    return "\n".join(line[7:] for line in inside.splitlines()) + "\n"


class Installation:
    """A copy of the library in a temporary folder, and pkg-config pointed at it."""

    def __init__(self, folder, prefix, meson, build):
        self.text, self.status = run(*meson, "install", "-C", build, "--no-rebuild", "--destdir",
                                     folder)
        self.prefix = pathlib.Path(f"{folder}{prefix}")
        pc_files = list(self.prefix.rglob("tekrar.pc"))
        self.pc_folder = pc_files[0].parent if pc_files else None

    def files(self):
        """Paths of everything installed, relative to the prefix."""
        return sorted(str(p.relative_to(self.prefix)) for p in self.prefix.rglob("*")
                      if not p.is_dir())

    def pkg_config(self, *words):
        """pkg-config's answer, as a list of compiler words."""
        paths = f"{self.pc_folder}:{os.environ.get('PKG_CONFIG_PATH', '')}"
        text, status = run("pkg-config", f"--define-variable=prefix={self.prefix}", *words,
                           env=dict(os.environ, PKG_CONFIG_PATH=paths))
        return text.split() if status == 0 else None


def check_files(checks, installation):
    names = [pathlib.Path(name).name for name in installation.files()]
    for pattern in (r"tekrar\.h", r"version\.h", r"tekrar\.pc", r"libtekrar\.a", r"libtekrar\.so",
                    r"libtekrar\.so\.\d+", r"libtekrar\.so\.\d+\.\d+\.\d+"):
        checks.expect(any(re.fullmatch(pattern, n) for n in names), f"installs {pattern}", *names)
    more = [n for n in names if not re.fullmatch(r"(tekrar|version)\.h|tekrar\.pc|libtekrar\..*", n)]
    checks.expect(not more, "installs nothing else", *more)


def build_and_run(checks, case, source, words, environment):
    """One C user: compiled without a warning, run, and its answer looked at."""
    program = source.with_suffix("")
    text, status = run("cc", "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1", source,
                       "-o", program, *words)
    if not checks.expect(status == 0, f"{case}: compiles", *text.splitlines()):
        return
    text, status = run(program, env=environment)
    loss = re.search(r"loss (\d+\.\d+) nats", text)
    checks.expect(status == 0 and loss and float(loss.group(1)) < 1.6,
                  f"{case}: runs and learns", text)
    needed, _ = run("readelf", "-d", program)
    checks.expect(("libtekrar.so" in needed) == ("shared" in case), f"{case}: links as it says")


def check_c_users(checks, installation, source):
    source.write_text(manual_program(installation.prefix / "include/tekrar/tekrar.h"))
    lines = source.read_text().count("\n")
    checks.expect(25 <= lines <= 40, f"the header's program has {lines} lines")
    library = next(installation.prefix.rglob("libtekrar.so")).parent
    environment = dict(os.environ, LD_LIBRARY_PATH=str(library))

    shared = installation.pkg_config("--cflags", "--libs", "tekrar")
    if checks.expect(shared, "pkg-config knows tekrar"):
        build_and_run(checks, "shared, through pkg-config", source, shared, environment)
        checks.expect("blas" not in " ".join(shared), "and asks for no BLAS", *shared)
    static = installation.pkg_config("--static", "--cflags", "--libs", "tekrar")
    if checks.expect(static, "pkg-config --static knows tekrar"):
        checks.expect("blas" not in " ".join(static), "and asks for no BLAS", *static)
        words = ["-l:libtekrar.a" if word == "-ltekrar" else word for word in static]
        build_and_run(checks, "static, through pkg-config", source, words, environment)


def check_python_user(checks, installation):
    library = next(installation.prefix.rglob("libtekrar.so"))
    text, status = run(sys.executable, PYTHON_USER, library)
    print("   ", text.strip())
    checks.expect(status == 0, "Python trains through ctypes")


def main():
    build, prefix, meson = sys.argv[2], sys.argv[3], sys.argv[4:]
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        installation = Installation(folder, prefix, meson, build)
        if checks.expect(installation.status == 0, "installs", installation.text):
            check_files(checks, installation)
            check_c_users(checks, installation, pathlib.Path(folder) / "user.c")
            check_python_user(checks, installation)
    checks.finish()


if __name__ == "__main__":
    main()
