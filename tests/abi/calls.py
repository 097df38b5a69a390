# SPDX-License-Identifier: MIT
"""Who calls whom, read off the object files: no call goes upward or sideways between floors, and no
files need each other in a circle. A reference to data counts as a call.

usage: calls.py SOURCE_ROOT BUILD_ROOT
"""
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from checks import Checks, output
from floors import BESIDE, FLOORS, exceptions, expect_shrinking

CIRCLES = 2


def objects(root, build):
    """(source below root, object file) of what the build has compiled of lib/."""
    for entry in json.loads((build / "compile_commands.json").read_text()):
        source = (pathlib.Path(entry["directory"]) / entry["file"]).resolve()
        made = pathlib.Path(entry["directory"]) / entry["output"]
        if (root / "lib") in source.parents and made.exists():
            yield source.relative_to(root).as_posix(), made


def symbols(root, build):
    """Where each of our symbols is defined, and what each file needs that it does not define."""
    home, needs = {}, {}
    for source, made in objects(root, build):
        for line in output("nm", made).splitlines():
            letter, name = line.split()[-2:]
            if not re.match(r"tkri?_", name):
                continue
            if letter in "Uw":
                needs.setdefault(source, set()).add(name)
            elif letter.isupper():
                home[name] = source
    return home, needs


def calls(home, needs):
    """caller -> callee -> names, between different files."""
    graph = {}
    for source, names in needs.items():
        for name in sorted(names):
            if home.get(name, source) != source:
                graph.setdefault(source, {}).setdefault(home[name], []).append(name)
    return graph


def floor(source):
    return source.split("/")[1]


def allowed(caller, callee, name):
    """Libraries beside ours call what the header declares, whatever file it is in."""
    here, there = floor(caller), floor(callee)
    if here in BESIDE and there != here:
        return there not in BESIDE and name.startswith("tkr_")
    return there == here or there in FLOORS.get(here, [])


def circles(graph):
    """The strongly connected components of more than one file (Tarjan 1972), each sorted."""
    order, low, stack, found = {}, {}, [], []

    def visit(file):
        order[file] = low[file] = len(order)
        stack.append(file)
        for callee in graph.get(file, {}):
            if callee not in order:
                visit(callee)
                low[file] = min(low[file], low[callee])
            elif callee in stack:
                low[file] = min(low[file], order[callee])
        if low[file] == order[file]:
            at = stack.index(file)
            if len(stack) - at > 1:
                found.append(tuple(sorted(stack[at:])))
            del stack[at:]

    for file in sorted(graph):
        if file not in order:
            visit(file)
    return sorted(found)


def stated(root):
    """What calls.txt excuses with a reason: {(caller, name)}, {files of a circle}."""
    upward, round_about = set(), set()
    for line in (root / "tests/abi/calls.txt").read_text().splitlines():
        what, _, reason = line.partition(":")
        words = what.split()
        if line.startswith("#") or not reason.strip() or not words:
            continue
        if words[0] == "call" and len(words) == 3:
            upward.add(tuple(words[1:]))
        elif words[0] == "circle":
            round_about.add(tuple(sorted(words[1:])))
    return upward, round_about


def described(circle, graph):
    """The circle's files, and the calls that make it one."""
    yield " ".join(circle)
    for caller in circle:
        for callee, names in graph.get(caller, {}).items():
            if callee in circle:
                yield f"    {caller} -> {callee}: {' '.join(names)}"


def check_floors(checks, graph, excused):
    wrong = {(caller, name): callee for caller, callees in graph.items()
             for callee, names in callees.items() for name in names
             if not allowed(caller, callee, name)}
    checks.expect(not set(wrong) - excused, "no call goes upward or sideways",
                  *[f"{caller} calls {name} of {wrong[caller, name]}"
                    for caller, name in sorted(set(wrong) - excused)])
    checks.expect(not excused - set(wrong), "every stated call is still there",
                  *[f"{caller} no longer calls {name}" for caller, name in
                    sorted(excused - set(wrong))])


def check_circles(checks, graph, excused, limit):
    found = circles(graph)
    new = [line for circle in found if circle not in excused for line in described(circle, graph)]
    checks.expect(not new, "no files call each other in a circle, but those that calls.txt excuses",
                  *new)
    gone = sorted(excused - set(found))
    checks.expect(not gone, "every stated circle is still one", *[" ".join(c) for c in gone])
    expect_shrinking(checks, "circles", len(found), limit, CIRCLES,
                     [line for circle in found for line in described(circle, graph)])


def main():
    root, build = (pathlib.Path(word).resolve() for word in sys.argv[1:3])
    checks = Checks()
    home, needs = symbols(root, build)
    graph = calls(home, needs)
    wanted = {path.relative_to(root).as_posix() for path in (root / "lib").rglob("*.c")}
    wanted = {file for file in wanted if floor(file) not in BESIDE}  # built where there is MPI
    unseen = wanted - set(home.values())
    checks.expect(graph and not unseen, f"{len(home)} symbols of {len(wanted)} files were found",
                  *sorted(unseen))
    upward, round_about = stated(root)
    check_floors(checks, graph, upward)
    check_circles(checks, graph, round_about, exceptions(root).get("lib", {}).get("circles"))
    checks.finish()


if __name__ == "__main__":
    main()
