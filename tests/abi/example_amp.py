# SPDX-License-Identifier: MIT
"""amp from a pair of sounds to a net that plays: it beats the straight wire after seconds of training,
what it plays has the bits of an unrolled forward, and what is no pair is refused.

Usage: example_amp.py FOLDER_OF_AMP libtekrar.so, the folder empty where amp is not built
"""
import ctypes
import json
import pathlib
import re
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import sounds
from checks import Checks
from programs import Programs

RATE = 22050
SHORT = "--hidden 8 --epochs 12 --segment 2000 --warmup 300 --batch 8 --steps 250".split()
TRAIN = ["train", "p/dry.wav", "p/wet.wav", "m.net", *SHORT]
LINEAR, INFERENCE = 4, 0


class Library:
    """tekrar through ctypes: what is needed to run and to make a net."""

    def __init__(self, path):
        self.lib = ctypes.CDLL(path)

    def call(self, name, *words):
        words = [ctypes.c_int64(w) if isinstance(w, int) else w for w in words]
        status = getattr(self.lib, name)(*words)
        if status != 0:
            raise RuntimeError(f"{name}: {status}")

    def make(self, name, *words):
        handle = ctypes.c_void_p()
        self.call(name, ctypes.byref(handle), *words)
        return handle

    def forward(self, path, samples):
        """All outputs of a saved net, unrolled at once."""
        n = len(samples)
        net = self.make("tkr_cell_load", str(path).encode(), None)
        seq = self.make("tkr_sequence_create", net, n, 1, ctypes.c_int32(INFERENCE), None)
        output = (ctypes.c_float * n)()
        self.call("tkr_sequence_forward", seq, (ctypes.c_float * n)(*samples), None, n, 1)
        self.call("tkr_sequence_output", seq, output, n)
        for name, handle in (("sequence", seq), ("cell", net)):
            getattr(self.lib, f"tkr_{name}_destroy")(handle)
        return bytes(output)

    def save(self, path, inputs, rate):
        """A net that is not amp's: linear, with that text as its rate."""
        net = self.make("tkr_cell_create", ctypes.c_int32(LINEAR), inputs, 1, None)
        self.call("tkr_cell_init", net, 1)
        if rate is not None:
            self.call("tkr_cell_set_metadata", net, b"sample_rate", rate)
        self.call("tkr_cell_save", net, str(path).encode())
        self.lib.tkr_cell_destroy(net)


def check_make(programs, checks):
    place = programs.place
    for folder, seed in (("p", "1"), ("q", "1"), ("r", "2")):
        programs.prints(f"make {folder}", f"{folder}/dry.wav: 8.0 s at {RATE} Hz", "amp", "make",
                        folder, "--seconds", "8", "--rate", str(RATE), "--seed", seed)
    for name in ("dry.wav", "wet.wav"):
        first, same, other = ((place / folder / name).read_bytes() for folder in "pqr")
        checks.expect(first == same != other, f"{name} depends on the seed and on nothing else")
        samples, rate = sounds.read(place / "p" / name)
        checks.expect(rate == RATE and len(samples) == 8 * RATE and
                      0.3 < max(map(abs, samples)) < 1, f"{name} is as long and as loud as it should")


def check_train(programs, checks):
    out, status = programs.run("amp", *TRAIN)
    found = re.search(r"^amp: ESR (\S+), wire (\S+), curve (\S+), ", out, flags=re.M)
    checks.expect(status == 0 and found and "bit for bit" in out, "it trains", out)
    esr, wire, curve = map(float, found.groups() if found else (9, 0, 0))
    checks.expect(esr < 0.3 * wire and esr < 0.3 * curve, "the net beats the wire and the curve", out)
    data = (programs.place / "m.net").read_bytes()
    metadata = json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]])["__metadata__"]
    checks.expect(metadata.get("sample_rate") == str(RATE), "the net's file tells its rate")


def check_play(programs, checks, library):
    place = programs.place
    dry = sounds.read(place / "p/dry.wav")[0]
    want = library.forward(place / "m.net", dry)
    for block in ("1", "64", "1000000"):
        programs.prints(f"play, blocks of {block}", "times as fast", "amp", "play", "m.net",
                        "p/dry.wav", "out.wav", "--block", block)
        played, rate = sounds.read(place / "out.wav")
        checks.expect(rate == RATE and played.tobytes() == want,
                      f"blocks of {block} have the bits of an unrolled forward")


def bad_pairs(dry, wet):
    """What is no pair: name, the two files' bytes, and what is said of them."""
    n, zeros = len(dry), [0.0] * len(dry)
    kept = n - n // 5

    def pcm(samples, rate=RATE, channels=1):
        return sounds.wav(samples, rate, channels)

    return [
        ("two rates", pcm(dry), pcm(wet, 44100), "d.wav has 22050 Hz, and w.wav has 44100 Hz"),
        ("two lengths", pcm(dry), pcm(wet[:-1]), f"d.wav has {n} samples, and w.wav has {n - 1}"),
        ("two channels", pcm(dry), pcm(wet, channels=2), "w.wav: has 2 channels"),
        ("a silent input", pcm(zeros), pcm(wet), "d.wav: is silent in the part to learn from"),
        ("a silent output", pcm(dry), pcm(zeros), "w.wav: is silent in the part to learn from"),
        ("an output that ends early", pcm(dry), pcm([*wet[:kept], *zeros[kept:]]),
         "w.wav: is silent in the part held out"),
        ("too short", pcm(dry[:5000]), pcm(wet[:5000]), "d.wav: is too short: 0.23 s, and 0.26 s"),
        ("no samples", pcm([]), pcm([]), "d.wav: has no samples"),
        ("no sound file", b"Not a sound.\n" * 99, pcm(wet), "d.wav: is no sound file"),
        ("an empty file", pcm(dry), b"", "w.wav: is no sound file"),
        ("a header alone", pcm(dry)[:30], pcm(wet), "d.wav: is no sound file"),
        ("not a number", sounds.wav([*dry[:-1], float("nan")], RATE, tag=sounds.FLOAT), pcm(wet),
         f"d.wav: sample {n - 1} is not a number"),
    ]


def check_pairs(programs, checks):
    place = programs.place
    dry, wet = (sounds.read(place / "p" / name)[0] for name in ("dry.wav", "wet.wav"))
    before = (place / "m.net").read_bytes()
    there = sorted(place.rglob("*"))
    for name, first, second, told in bad_pairs(dry, wet):
        programs.write("d.wav", first)
        programs.write("w.wav", second)
        programs.refuses(name, f"^amp: {told}", "amp", "train", "d.wav", "w.wav", "m.net", *SHORT)
    programs.refuses("no file", "^amp: none.wav: is no sound file", "amp", "train", "none.wav",
                     "p/wet.wav", "m.net")
    programs.refuses("a net over a sound", "p/wet.wav would be written over", "amp", *TRAIN[:3],
                     "./p/wet.wav", *SHORT)
    programs.refuses("a net in no folder", "^amp: no/m.net: nothing can be written", "amp",
                     *TRAIN[:3], "no/m.net", *SHORT)
    programs.refuses("an option out of its range", "--lr 2: a number from 0 to 1", "amp", *TRAIN,
                     "--lr", "2")
    checks.expect((place / "m.net").read_bytes() == before, "the net that was there is as it was")
    left = set(place.rglob("*")) - set(there) - {place / "d.wav", place / "w.wav"}
    checks.expect(not left, "nothing half written is left", *map(str, left))


def check_bad_play(programs, checks, library):
    place = programs.place
    programs.write("slow.wav", sounds.wav([0.5] * 100, 16000))
    library.save(place / "two.net", 2, b"22050")
    library.save(place / "no_rate.net", 1, None)
    library.save(place / "odd_rate.net", 1, b"fast")
    programs.write("cut.net", (place / "m.net").read_bytes()[:-1])
    before, there = (place / "out.wav").read_bytes(), sorted(place.rglob("*"))
    for net, sound, told in (
            ("m.net", "slow.wav", "slow.wav: has 16000 Hz, and m.net was trained at 22050 Hz"),
            ("two.net", "p/dry.wav", "two.net: is a net of 2 inputs"),
            ("no_rate.net", "p/dry.wav", "no_rate.net: its metadata has no sample_rate"),
            ("odd_rate.net", "p/dry.wav", "odd_rate.net: its metadata has no sample_rate"),
            ("cut.net", "p/dry.wav", "tkr_cell_load: .*cut.net"),
            ("none.net", "p/dry.wav", "tkr_cell_load: .*none.net"),
            ("m.net", "m.net", "m.net: is no sound file")):
        programs.refuses(f"play {net} {sound}", f"^amp: {told}", "amp", "play", net, sound,
                         "out.wav")
    programs.refuses("a sound over itself", "p/dry.wav would be written over", "amp", "play",
                     "m.net", "p/dry.wav", "p/dry.wav")
    programs.refuses("a sound in no folder", "no/o.wav: nothing can be written", "amp", "play",
                     "m.net", "p/dry.wav", "no/o.wav")
    programs.refuses("a pair in a file", "m.net", "amp", "make", "m.net", "--seconds", "1")
    checks.expect((place / "out.wav").read_bytes() == before and
                  sorted(place.rglob("*")) == there, "the sound that was there is as it was")


def check_words(programs):
    programs.prints("--help", "amp train DRY WET MODEL.*--hidden", "amp", "--help")
    programs.refuses("no command", "make, train or play", "amp")
    programs.refuses("another command", "make, train or play", "amp", "learn", "a", "b", "c")
    programs.refuses("a name too few", "train wants 3 names, and got 2", "amp", "train", "a", "b")
    programs.refuses("a name too many", "make wants 1 name, and got 2", "amp", "make", "a", "b")
    programs.refuses("a name behind the options", "what is", "amp", *TRAIN, "more")
    programs.refuses("an option of another command", "--block is of no use to train", "amp", *TRAIN,
                     "--block", "5")


def main():
    checks = Checks()
    if not sys.argv[1]:
        checks.skip("amp", "not built: there is no libsndfile")
        checks.finish()
    programs, library = Programs(sys.argv[1], checks), Library(sys.argv[2])
    check_make(programs, checks)
    check_train(programs, checks)
    check_play(programs, checks, library)
    check_pairs(programs, checks)
    check_bad_play(programs, checks, library)
    check_words(programs)
    checks.finish()


if __name__ == "__main__":
    main()
