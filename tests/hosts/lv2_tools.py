# SPDX-License-Identifier: MIT
"""examples/lv2 in other people's programs: lv2_validate, lv2apply, lv2bench, and jalv on a JACK
server that has no sound card. A program that is not here is a skipped case.

usage: lv2_tools.py FOLDER_OF_BUNDLES LV2_SESSION
"""
import math
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from checks import Checks, run

PLUGIN = "urn:tekrar:lv2:rnn"


def has(checks, *programs):
    """Are they all here? If not, that is a skipped case."""
    absent = [name for name in programs if shutil.which(name) is None]
    if absent:
        checks.skip(programs[0], "no " + ", ".join(absent) + " here")
    return not absent


def validate(checks, bundles):
    if has(checks, "lv2_validate", "sord_validate"):
        text, status = run("lv2_validate", *sorted((bundles / "tekrar.lv2").glob("*.ttl")))
        checks.expect(status == 0 and "Found 0 errors" in text, "lv2_validate finds no error", text)


def write_wav(path, samples):
    """A WAV file of floats, one channel, 48 kHz."""
    data = struct.pack(f"<{len(samples)}f", *samples)
    form = struct.pack("<HHIIHHH", 3, 1, 48000, 4 * 48000, 4, 32, 0)
    chunks = [(b"fmt ", form), (b"fact", struct.pack("<I", len(samples))), (b"data", data)]
    body = b"WAVE" + b"".join(name + struct.pack("<I", len(b)) + b for name, b in chunks)
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return data


def read_wav(path):
    """The bytes of the samples."""
    whole = path.read_bytes()
    at = whole.index(b"data")
    return whole[at + 8:at + 8 + int.from_bytes(whole[at + 4:at + 8], "little")]


def apply(checks, folder):
    """lv2apply gives no features, not even what is required, and runs frame by frame."""
    if not has(checks, "lv2apply"):
        return
    sound = write_wav(folder / "in.wav", [0.5 * math.sin(0.05 * i) for i in range(20000)])
    text, status = run("lv2apply", "-i", folder / "in.wav", "-o", folder / "out.wav", "-c", "gain",
                       "6", PLUGIN)
    checks.expect(status == 0, "lv2apply runs the plug-in", text, status)
    checks.expect((folder / "out.wav").exists() and read_wav(folder / "out.wav") == sound,
                  "without a model lv2apply's output is its input")


def bench(checks):
    """lv2bench leaves out what it cannot run, and says nothing."""
    if has(checks, "lv2bench"):
        text, status = run("lv2bench", "-b", "64", "-n", "48000", PLUGIN)
        checks.expect(status == 0 and re.search(rf"^[\d.]+ {PLUGIN}$", text, flags=re.M),
                      "lv2bench measures the plug-in", text, status)


def jalv(session):
    """What jalv prints when it is asked for the output ports after a while."""
    process = subprocess.Popen(["jalv", "-n", "tekrar", *session, PLUGIN], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    time.sleep(1)
    try:
        return process.communicate("monitors\n", timeout=30)[0], process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0] + "\n(killed)", 1


def play(checks, folder, session):
    text, status = jalv([])
    checks.expect(status == 0 and "status = 0.0" in text, "jalv runs it without a model", text)
    text, status = run(session, folder)
    if checks.expect(status == 0, "a session is written", text):
        text, status = jalv(["-l", folder])
        checks.expect(status == 0 and "status = 1.0" in text, "jalv restores a model", text)
        (folder / "model.safetensors").unlink()
        text, status = jalv(["-l", folder])
        checks.expect(status == 0 and "status = 2.0" in text and "model.safetensors" in text,
                      "jalv hears that the file is gone", text)


def jack(checks, folder, session):
    if not has(checks, "jalv", "jackd", "jack_wait"):
        return
    name = f"tekrar{os.getpid()}"
    os.environ.update(JACK_DEFAULT_SERVER=name, JACK_NO_START_SERVER="1")
    with open(folder / "jackd.log", "w+", encoding="utf-8") as log:
        server = subprocess.Popen(["jackd", "-n", name, "-r", "-d", "dummy", "-r", "48000", "-p",
                                   "256"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            text, _ = run("jack_wait", "-s", name, "-w", "-t", "20")
            if "server is available" in text:
                play(checks, folder, session)
            else:
                log.seek(0)
                checks.skip("jalv", "jackd does not start here: " + log.read().replace("\n", " / "))
        finally:
            server.terminate()
            server.wait(timeout=30)


def main():
    bundles, session = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
    os.environ["LV2_PATH"] = str(bundles)
    checks = Checks()
    validate(checks, bundles)
    with tempfile.TemporaryDirectory() as folder:
        apply(checks, pathlib.Path(folder))
        bench(checks)
        jack(checks, pathlib.Path(folder), session)
    checks.finish()


if __name__ == "__main__":
    main()
