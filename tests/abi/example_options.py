# SPDX-License-Identifier: MIT
"""char_lm, ngram and sentiment beside the edges of files: no option is ignored, what will be
written is tried first, validation takes a bounded time, a model answers word by word.

Usage: example_options.py FOLDER_OF_EXAMPLES
"""
import math
import os
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from checks import Checks
from programs import CHAR_LM, Programs

TEXT = "".join(f"the fox number {i} jumps\n" for i in range(40))
ARPA = """\\data\\
ngram 1=5
ngram 2=3
ngram 3=1

\\1-grams:
-1.5 <unk>
-99 <s> -0.25
-0.75 </s>
-0.5 a -0.125
-1 b -0.5

\\2-grams:
-0.375 <s> a -0.0625
-0.25 a b
-0.5 b </s>

\\3-grams:
-0.125 <s> a b

\\end\\
"""
# By hand, backing off as ARPA files say. The numbers of words are KenLM's, which count <s> too.
ANSWERS = """\
a=3 2 -0.375\tb=4 3 -0.125\t</s>=2 2 -0.5\tTotal: -1 OOV: 0
b=4 1 -1.25\tc=0 1 -2\ta=3 1 -0.5\t</s>=2 1 -0.875\tTotal: -4.625 OOV: 1
</s>=2 1 -1\tTotal: -1 OOV: 0
"""


def check_ignored(programs):
    """Options that a net from a file would ignore."""
    save = ["char_lm", "--text", "t.txt", "--save", "n.net", *CHAR_LM, "--sample", "0"]
    programs.prints("a training that is saved", "the net", *save)
    shapes = ["--cell lstm", "--hidden 4", "--layers 1", "--embedding 4", "--dropout 0.5",
              "--steps 4", "--batch 2", "--lr 0.1", "--clip 1", "--bytes", "--chars", "--seeds 2"]
    training = ["--iterations 4", "--every 2", "--save m.net"]
    for option in shapes + training:
        programs.refuses(f"--load {option}", f"{option.split()[0]} is of no use|--load only",
                         "char_lm", "--load", "n.net", "--text", "t.txt", *option.split())
    for option in shapes:
        programs.refuses(f"--resume {option}", f"{option.split()[0]} is of no use",
                         "char_lm", "--text", "t.txt", "--resume", "n.net", *option.split())
    for words in (["--load", "n.net"], ["--resume", "n.net"]):
        programs.refuses(f"--page {words[0]}", f"{words[0]} needs --text FILE", "char_lm", "--page",
                         *words, "--text", "t.txt")
    for option in ("--prime a", "--temperature 0", "--top-p 0.5"):
        programs.refuses(f"{option} without a sample", "no use to --sample 0", "char_lm", "--text",
                         "t.txt", "--sample", "0", *option.split())
    programs.refuses("--order without a text", "--order needs", "char_lm", "--load", "n.net",
                     "--order", "3")
    programs.refuses("--seeds of a text", "--seeds", "char_lm", "--text", "t.txt", "--seeds", "2")
    programs.prints("--resume goes on", "resumed after iteration 2.*\n +4 ", "char_lm", "--text",
                    "t.txt", "--resume", "n.net", "--iterations", "4", "--every", "2", "--save",
                    "n.net", "--sample", "0")
    programs.prints("--load writes", "the fox", "char_lm", "--load", "n.net", "--prime", "the fox")


def check_saves(programs, checks):
    """What cannot be written is told before anything else, and nothing is lost."""
    place = programs.place
    (place / "shut").mkdir()
    before = (place / "n.net").read_bytes()
    names = {"nowhere/n.net": "nothing can be written there: No such file", ".": "is there, and is"}
    if os.geteuid() != 0:
        (place / "shut").chmod(0o500)
        names["shut/n.net"] = "nothing can be written there: Permission denied"
    for name, told in names.items():
        programs.refuses(f"char_lm --save {name}", f"^char_lm: {name}: {told}", "char_lm", "--text",
                         "t.txt", "--save", name, "--iterations", "1000000")
        programs.refuses(f"ngram --arpa-out {name}", f"^ngram: {name}: {told}", "ngram", "--train",
                         "t.txt", "--arpa-out", name)
        programs.refuses(f"ngram --binary {name}", f"^ngram: {name}: {told}", "ngram", "--train",
                         "t.txt", "--binary", name)
    programs.refuses("a picture in no folder", "^series_forecast: nowhere/", "series_forecast",
                     "--picture", "nowhere/p.svg")
    for words in (["char_lm", "--text", "t.txt", "--save", "t.txt"],
                  ["char_lm", "--text", "t.txt", "--valid", "u.txt", "--save", "./u.txt"],
                  ["ngram", "--train", "t.txt", "--arpa-out", "t.txt"],
                  ["ngram", "--train", "t.txt", "--valid", "u.txt", "--binary", "u.txt"]):
        programs.refuses("not over what is read: " + " ".join(words), "would be written over",
                         *words)
    programs.refuses("a save that fails later", "too few", "char_lm", "--text", "t.txt", "--save",
                     "n.net", "--steps", "6000")
    checks.expect((place / "n.net").read_bytes() == before and
                  (place / "t.txt").read_text() == TEXT and not list(place.glob(".try*")),
                  "the files that were there are as they were, and no others are left")


def check_characters(programs, checks):
    """Which character of which text is wrong."""
    programs.write("bad.txt", b"hello \xff world\n")
    programs.refuses("a bad byte of --valid", "bad.txt, line 1: not UTF-8 at byte 6", "char_lm",
                     "--text", "t.txt", "--valid", "bad.txt", *CHAR_LM)
    programs.refuses("a bad byte of --prime", "--prime: not UTF-8 at byte 1", "char_lm", "--load",
                     "n.net", "--prime", b"t\xff")
    programs.refuses("an unknown character of --prime", '--prime, line 1: "Z"', "char_lm", "--load",
                     "n.net", "--prime", "the fox Z")
    programs.refuses("--prime is read before training", '"é"', "char_lm", "--text", "t.txt",
                     "--prime", "é", "--iterations", "1000000")
    programs.write("new.txt", "the fox\njumps\r\n")
    programs.refuses("an unknown character of --valid", r"new.txt, line 2: U\+000D", "char_lm",
                     "--load", "n.net", "--valid", "new.txt")
    programs.write("cr.txt", TEXT.replace("\n", "\r\n"))
    out = programs.run("char_lm", "--text", "cr.txt", *CHAR_LM, "--prime", "x\r\nf",
                       "--sample", "1")[0]
    checks.expect("x\r\nf" in out, "a carriage return is written as it is")


def check_validation(programs, checks):
    """Validation costs a share of training; on all of the text if asked to."""
    programs.write("long.txt", TEXT * 60)
    words = ["char_lm", "--text", "t.txt", "--valid", "long.txt", *CHAR_LM, "--sample", "0"]
    programs.prints("a long text is not read whole", "some 4096 of the held-out.*the first 4096",
                    *words)
    out, status = programs.run(*words, "--valid-all")
    checks.expect(status == 0 and "4096" not in out, "--valid-all reads it whole")
    programs.refuses("--valid-all without a text", "--valid-all needs", "char_lm", "--load",
                     "n.net", "--valid-all")


def check_ngram(programs, checks):
    """Texts too short for what is asked, and --query."""
    programs.write("one.txt", "one two three " * 300 + "\n")
    words = ["ngram", "--train", "one.txt", "--words", "--fallback", "--order", "2"]
    programs.refuses("one line, --sentences", "one.txt: --sentences holds out whole lines", *words,
                     "--sentences")
    programs.prints("one line, --sentences, --valid", "perplexity", *words, "--sentences",
                    "--valid", "one.txt")
    programs.write("white.txt", " \n \n \n")
    programs.refuses("no words", "white.txt: .* white space", "ngram", "--train", "t.txt",
                     "--words", "--valid", "white.txt")
    programs.refuses("--query of characters", "--query asks for words", "ngram", "--train", "t.txt",
                     "--query")
    programs.refuses("--query of no text", "--valid FILE", "ngram", "--train", "t.txt", "--words",
                     "--page", "--query")
    for option in ("--prime a", "--temperature 0", "--seed 2"):
        programs.refuses(f"ngram {option} without a sample", "needs --sample", *words,
                         *option.split())
    programs.refuses("--addend without add-k", "--addend is of", *words, "--addend", "1")
    programs.write("m.arpa", ARPA)
    programs.write("q.txt", "a b\nb c  a\n\n")
    got = programs.answer("ngram", "--arpa-in", "m.arpa", "--valid", "q.txt", "--query")
    including, excluding = 10 ** (6.625 / 8), 10 ** (4.625 / 7)
    wanted = (ANSWERS + f"Perplexity including OOVs:\t{including:.6g}\n"
              f"Perplexity excluding OOVs:\t{excluding:.6g}\nOOVs:\t1\nTokens:\t8\n")
    checks.expect(got == wanted, "--query, word by word", *got.split("\n"), "wanted:",
                  *wanted.split("\n"))
    for ending in ("a b\r\nb c  a\r\n\r\n", "a b\rb c  a\r\r", "\ufeffa b\nb c  a\n\n"):
        programs.write("q.txt", ending)
        checks.expect(programs.answer("ngram", "--arpa-in", "m.arpa", "--valid", "q.txt", "--query")
                      == wanted, f"--query of {ending!r}")
    out = programs.run("ngram", "--arpa-in", "m.arpa", "--valid", "q.txt")[0]
    nats = re.search(r"(\S+) nats per symbol", out)
    checks.expect(nats and abs(float(nats.group(1)) - math.log(including)) < 1e-4,
                  "the score is the one of --query", out)


def check_sentiment(programs):
    """Lines of blanks are passed over, # is a comment only where labels are."""
    net = "--epochs 1 --folds 2 --hidden 2 --embedding 2".split()
    programs.write("s.txt", "# a comment\n\n  \n" + "+1 a good film\n-1 a bad film\n" * 4)
    programs.prints("labelled lines", "^8 lines, 24 words", "sentiment", "--data", "s.txt", *net)
    programs.write("p.txt", "#1 of all films\n \t\n" + "good\n" * 3)
    programs.write("n.txt", "#2 of all films\n\n" + "bad\n" * 3)
    programs.prints("plain lines", "^8 lines, 14 words", "sentiment", "--positive", "p.txt",
                    "--negative", "n.txt", *net)
    programs.refuses("labelled lines and plain ones", "--data, or", "sentiment", "--data", "s.txt",
                     "--positive", "p.txt", "--negative", "n.txt")
    programs.write("s.txt", "+1 good\n+2 what\n")
    programs.refuses("a label that is none", "s.txt, line 2: a line begins", "sentiment", "--data",
                     "s.txt", *net)


def main():
    checks = Checks()
    programs = Programs(sys.argv[1], checks)
    programs.write("t.txt", TEXT)
    programs.write("u.txt", TEXT)
    check_ignored(programs)
    check_saves(programs, checks)
    check_characters(programs, checks)
    check_validation(programs, checks)
    check_ngram(programs, checks)
    check_sentiment(programs)
    checks.finish()


if __name__ == "__main__":
    main()
