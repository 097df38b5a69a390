# SPDX-License-Identifier: MIT
"""What the built library shows, needs and keeps: exports, dependencies, size, no global state.

usage: symbols.py SOURCE_ROOT SHARED_LIBRARY STATIC_LIBRARY
"""
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from checks import Checks, declared, output

SIZE_LIMIT = 512 * 1024
NEEDED = r"lib(c|m)\.so\.6|ld-linux-.*\.so\.\d"

# What a library that never prints, exits, aborts or installs handlers has no use for.
NEVER = set("""printf vprintf puts putchar perror fprintf vfprintf fputs fputc putc exit _exit _Exit
    quick_exit abort atexit signal sigaction raise system setlocale setenv putenv srand rand random
    __printf_chk __fprintf_chk __vprintf_chk __vfprintf_chk __assert_fail longjmp siglongjmp
    stdout stderr""".split())
HEAP = set("malloc calloc realloc free aligned_alloc posix_memalign strdup".split())
HEAP_OWNER = "env.c"  # lib/core/env.c: the default allocator
MUTABLE = re.compile(r"\s(\.data(?!\.rel\.ro)\S*|\.bss\S*|\.tdata\S*|\.tbss\S*|\*COM\*)\s")


def exports(library):
    """The dynamic symbols that the library defines, without its version node."""
    lines = output("nm", "-D", "--defined-only", library).splitlines()
    names = {line.split()[2].split("@")[0] for line in lines if line.split()[1] != "A"}
    return names


def version_node(library):
    """The name of the version that every export carries."""
    lines = output("nm", "-D", "--defined-only", library).splitlines()
    return {line.split("@")[-1] for line in lines if "@" in line}


def check_exports(checks, root, library):
    header = set(declared(root / "include/tekrar/tekrar.h"))
    listed = set((root / "tests/abi/symbols.txt").read_text().split())
    exported = exports(library)
    for left, right, says in (
            (header, exported, "every declared function is exported"),
            (exported, header, "every exported function is declared"),
            (exported, listed, "every exported function is in tests/abi/symbols.txt"),
            (listed, exported, "no function of tests/abi/symbols.txt has gone")):
        checks.expect(left and not left - right, says, *sorted(left - right))


def check_needs(checks, library):
    dynamic = output("readelf", "-d", "-W", library)
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)
    wrong = [name for name in needed if not re.fullmatch(NEEDED, name)]
    checks.expect(needed and not wrong, "needs only libc and libm: " + " ".join(needed), *wrong)
    soname = re.search(r"\(SONAME\).*\[(.*)\]", dynamic).group(1)
    return soname


def check_version(checks, root, library, soname):
    text = (root / "include/tekrar/version.h").read_text()
    major = re.search(r"#define TKR_ABI_MAJOR (\d+)", text).group(1)
    checks.expect(soname == f"libtekrar.so.{major}", f"soname {soname} is of ABI major {major}")
    nodes = {node for node in version_node(library) if node}
    checks.expect(nodes == {f"TEKRAR_{major}"}, "the symbols' version is of it too", *nodes)


def check_size(checks, library):
    with tempfile.TemporaryDirectory() as folder:
        stripped = pathlib.Path(folder) / "stripped.so"
        output("strip", "-o", stripped, library)
        size = stripped.stat().st_size
    checks.expect(0 < size < SIZE_LIMIT, f"stripped: {size} bytes, limit {SIZE_LIMIT}")


def members(listing):
    """(member, lines) of an archive's nm or objdump listing."""
    name, lines = "", []
    for line in listing.splitlines() + ["end.o:"]:
        title = re.match(r"(?:.*\()?(\S+\.o)\)?:(\s+file format.*)?$", line)
        if title:
            yield name, lines
            name, lines = title.group(1), []
        else:
            lines.append(line)


def check_manners(checks, archive):
    loud, heap, state = [], [], []
    for member, lines in members(output("nm", "--undefined-only", archive)):
        used = {line.split()[-1].split("@")[0] for line in lines if line.strip()}
        loud += [f"{member} uses {name}" for name in sorted(used & NEVER)]
        if not member.endswith(HEAP_OWNER + ".o"):
            heap += [f"{member} uses {name}" for name in sorted(used & HEAP)]
    for member, lines in members(output("objdump", "-t", "-w", archive)):
        for line in lines:
            if MUTABLE.search(line) and not re.search(r"\sd\s+\.", line):
                state.append(f"{member}: {line}")
    checks.expect(not loud, "nothing prints, exits, aborts or installs a handler", *loud)
    checks.expect(not heap, "only core/" + HEAP_OWNER + " touches the heap", *heap)
    checks.expect(not state, "there is no global mutable state", *state)


def main():
    root, library, archive = (pathlib.Path(word) for word in sys.argv[1:4])
    checks = Checks()
    check_exports(checks, root, library)
    soname = check_needs(checks, library)
    check_version(checks, root, library, soname)
    check_size(checks, library)
    check_manners(checks, archive)
    checks.finish()


if __name__ == "__main__":
    main()
