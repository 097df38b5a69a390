# SPDX-License-Identifier: MIT
"""Running the example programs on small files that a test writes."""
import pathlib
import re
import subprocess
import tempfile

CHAR_LM = "--hidden 4 --embedding 2 --steps 4 --batch 2 --iterations 2 --every 2 --order 2".split()
FORECAST = "--iterations 2 --picture p.svg".split()


class Programs:
    """The programs in a folder, started in an empty folder of their own."""

    def __init__(self, folder, checks):
        self.folder, self.checks = pathlib.Path(folder).resolve(), checks
        self.kept = tempfile.TemporaryDirectory()
        self.place = pathlib.Path(self.kept.name)

    def write(self, name, text):
        """A file of bytes, or of a text in UTF-8."""
        (self.place / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return name

    def run(self, program, *words):
        """(output and errors, exit status)"""
        done = subprocess.run([self.folder / program, *words], cwd=self.place, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out = (done.stdout + done.stderr).decode(errors="replace")
        return out, done.returncode

    def answer(self, program, *words):
        """What it prints to its output, apart from times; "" if it failed."""
        done = subprocess.run([self.folder / program, *words], cwd=self.place, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        lines = done.stdout.decode(errors="replace").split("\n")
        lines = [re.sub(r"in \d+\.\d+ s$", "in ... s", line) for line in lines
                 if not re.match(r" +\d+ +\d+\.\d\d .* s$", line)]
        return "" if done.returncode else "\n".join(lines)

    def refuses(self, name, told, program, *words):
        """One case: it exits with 1, and its last words match `told`."""
        out, status = self.run(program, *words)
        self.checks.expect(status == 1 and re.search(told, out, flags=re.S), name,
                           f"exit {status}, wanted: {told}", *out.split("\n")[-4:])

    def prints(self, name, told, program, *words):
        """One case: it exits with 0, and its output matches `told`."""
        out, status = self.run(program, *words)
        self.checks.expect(status == 0 and re.search(told, out, flags=re.S), name,
                           f"exit {status}, wanted: {told}", *out.split("\n")[-8:])
