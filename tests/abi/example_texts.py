# SPDX-License-Identifier: MIT
"""Every example that reads text, on every edge that a file of text has: the output is that of the
plain file, or another one where the bytes count, or the file is refused and the text says why.

Usage: example_texts.py FOLDER_OF_EXAMPLES
"""
import gzip
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from checks import Checks
from programs import CHAR_LM, FORECAST, Programs

SAME, OTHER, EITHER = "same", "other", "either"
EMPTY = r"there is no(thing| text|thing but)"

# A program, its options (FILE is the file), and a plain text for it.
PROSE = "".join(f"the {a} dog saw {b} cats and {a} birds\n" for a in ("old", "big", "sly", "red")
                for b in ("two", "six", "ten"))
SIGNED = "".join(f"{sign} a {word} film\n" for sign, word in (("+1", "good"), ("-1", "bad"),
                 ("1", "fine"), ("0", "dull")) for _ in range(4))
TABLE = "month,v\n" + "".join(f"{i},{100 + i % 12}.5\n" for i in range(80))
NET = ["--epochs", "1", "--folds", "2", "--hidden", "2", "--embedding", "2"]
USES = {
    "char_lm": (["char_lm", "--text", "FILE", "--sample", "5", *CHAR_LM], PROSE),
    "char_lm bytes": (["char_lm", "--text", "FILE", "--bytes", *CHAR_LM], PROSE),
    "char_lm page": (["char_lm", "--page", "--text", "FILE", "--seeds", "1"], PROSE),
    "ngram": (["ngram", "--train", "FILE", "--fallback", "--order", "2"], PROSE),
    "ngram bytes": (["ngram", "--train", "FILE", "--bytes", "--fallback"], PROSE),
    "ngram words": (["ngram", "--train", "FILE", "--words", "--fallback", "--order", "2"], PROSE),
    "ngram sentences": (["ngram", "--train", "FILE", "--words", "--sentences", "--fallback",
                         "--query"], PROSE),
    "sentiment": (["sentiment", "--data", "FILE", *NET], SIGNED),
    "series_forecast": (["series_forecast", "--csv", "FILE", *FORECAST], TABLE),
}
# What a file may be like: how it is made of the plain text, and what becomes of it; first what
# becomes of it in general, then where that is different.
BYTES = {"char_lm bytes": OTHER, "ngram bytes": OTHER}
CHARACTERS = {**BYTES, "char_lm": OTHER, "ngram": OTHER}
EDGES = {
    "a byte order mark": (lambda t: b"\xef\xbb\xbf" + t, SAME, BYTES),
    "CR LF": (lambda t: t.replace(b"\n", b"\r\n"), SAME, CHARACTERS),
    "CR": (lambda t: t.replace(b"\n", b"\r"), SAME,
           {use: EITHER for use in CHARACTERS}),
    "no last line feed": (lambda t: t[:-1], SAME, CHARACTERS),
    "nothing": (lambda t: b"", EMPTY, {}),
    "a byte order mark alone": (lambda t: b"\xef\xbb\xbf", EMPTY, {"ngram bytes": OTHER,
                                "char_lm bytes": "too few"}),
    "a line feed alone": (lambda t: b"\n", "too short|nothing|no line|holds out|too few", {}),
    "a NUL": (lambda t: t[:9] + b"\0" + t[10:], r"FILE, line \d: byte 9 of the file is a NUL",
              BYTES),
    "UTF-16": (lambda t: t.decode().encode("utf-16"), "FILE: this is UTF-16", BYTES),
    "UTF-16 without a mark": (lambda t: t.decode().encode("utf-16-le"), "FILE, .* is a NUL", BYTES),
    "one line": (lambda t: t.split(b"\n")[0], "FILE: |^[^:]*: 1 lines are too few|too few", {
        "char_lm": OTHER, "char_lm bytes": OTHER, "char_lm page": OTHER, "ngram": OTHER,
        "ngram bytes": OTHER, "ngram words": OTHER,
        "ngram sentences": "FILE: --sentences holds out whole lines"}),
    "no UTF-8": (lambda t: t[:9] + b"\xff" + t[9:], SAME, {
        **BYTES, "char_lm": "FILE, line 1: not UTF-8 at byte 9", "char_lm page": "only ASCII",
        "ngram": "FILE, line 1: not UTF-8 at byte 9", "ngram words": OTHER,
        "ngram sentences": OTHER, "sentiment": OTHER}),
}


def check_gzip(programs):
    """A model that gzip compressed is the model; one that ends too early is refused."""
    programs.write("FILE", PROSE)
    programs.answer("ngram", "--train", "FILE", "--words", "--sentences", "--fallback", "--order",
                    "2", "--arpa-out", "model.arpa")
    packed = gzip.compress((programs.place / "model.arpa").read_bytes())
    programs.write("model.arpa.gz", packed)
    programs.write("half.arpa.gz", packed[:len(packed) // 2])
    ask = ["ngram", "--valid", "FILE", "--query", "--arpa-in"]
    if "compressed by gzip" in programs.run(*ask, "model.arpa.gz")[0]:
        programs.checks.skip("ngram: gzip", "built without zlib")
        return
    plain = programs.answer(*ask, "model.arpa")
    programs.checks.expect(plain and programs.answer(*ask, "model.arpa.gz") == plain, "ngram: gzip")
    programs.refuses("ngram: gzip that ends too early", "half.arpa.gz", *ask, "half.arpa.gz")


def main():
    checks = Checks()
    programs = Programs(sys.argv[1], checks)
    for use, (words, plain) in USES.items():
        programs.write("FILE", plain)
        known = programs.answer(*words)
        checks.expect(known, f"{use}: a plain text")
        for edge, (make, general, exceptions) in EDGES.items():
            programs.write("FILE", make(plain.encode()))
            wanted = exceptions.get(use, general)
            if wanted in (SAME, OTHER, EITHER):
                got = programs.answer(*words)
                checks.expect(got and wanted in (EITHER, SAME if got == known else OTHER),
                              f"{use}: {edge}", f"wanted: {wanted}", *got.split("\n")[-3:])
            else:
                programs.refuses(f"{use}: {edge}", wanted, *words)
    check_gzip(programs)
    programs.refuses("a folder is no text", "Is a directory", "ngram", "--train", ".")
    programs.refuses("no such file", "nowhere: No such file", "ngram", "--train", "nowhere")
    checks.finish()


if __name__ == "__main__":
    main()
