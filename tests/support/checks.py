# SPDX-License-Identifier: MIT
"""How a test written in Python reports: a line for each case, and the exit status as verdict."""
import re
import subprocess
import sys

SKIPPED = 77


class Checks:
    """Collects the cases of one test program."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def expect(self, condition, name, *why):
        """One case: passed if `condition`, else failed, with the lines of `why`."""
        print("ok -" if condition else "not ok -", name)
        if condition:
            self.passed += 1
        else:
            self.failed += 1
            for line in why:
                print("   ", line)
        return bool(condition)

    def skip(self, name, why):
        """One case that could not be tried here; it is told as skipped, never as passed."""
        print("skip -", name, "-", why)
        self.skipped += 1

    def finish(self):
        """Leave with the verdict. A program that tried nothing has not passed."""
        if self.failed or not self.passed + self.skipped:
            sys.exit(1)
        sys.exit(0 if self.passed else SKIPPED)


def run(*command, **more):
    """Run a command; its output with errors mixed in, and its exit status."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, **more)
    return done.stdout, done.returncode


def output(*command, **more):
    """Run a command that has to succeed; its standard output."""
    return subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True,
                          check=True, **more).stdout


def declared(header):
    """The functions that the public header declares with TKR_API, in its order."""
    text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
    return re.findall(r"^TKR_API\b[^;{(]*?\b(tkr_\w+)\s*\(", text, flags=re.M)
