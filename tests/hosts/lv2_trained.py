# SPDX-License-Identifier: MIT
"""What examples/amp trains, examples/lv2 plays: a short training, then its model in the plug-in.

usage: lv2_trained.py AMP LV2_TRAINED
"""
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from checks import Checks, run

SHORT = "--hidden 8 --epochs 2 --segment 4000 --batch 8".split()


def main():
    amp, player = sys.argv[1:]
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        text, status = run(amp, "make", folder, "--seconds", "6")
        checks.expect(status == 0, "a pair is made", text)
        model = f"{folder}/amp.net"
        text, status = run(amp, "train", f"{folder}/dry.wav", f"{folder}/wet.wav", model, *SHORT)
        checks.expect(status == 0, "a model is trained", text)
        text, status = run(player, model, "44100")
        checks.expect(status == 0, "the plug-in plays it with the bits of the inference forward", text)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
