# SPDX-License-Identifier: MIT
"""series_forecast on tables as spreadsheets and databases write them: the same series gives the
same figures however it is written, and what is unclear is refused.

Usage: example_tables.py FOLDER_OF_EXAMPLES
"""
import math
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from checks import Checks
from programs import FORECAST, Programs

N = 80
SERIES = [round(1234.5 + 400 * math.sin(i / 3), 2) for i in range(N)]
LARGE = [v for v in SERIES if v >= 1000]
PLAIN = [f"{v:.2f}" for v in SERIES]


def grouped(mark, decimal, values=SERIES, digits=2):
    """Numbers with a mark between thousands, and a decimal mark."""
    return [f"{v:,.{digits}f}".replace(",", "g").replace(".", decimal).replace("g", mark)
            for v in values]


def table(numbers, header="month;v", separator=";", first=0):
    """Two columns: a count and the numbers."""
    rows = [f"{first + i}{separator}{number}" for i, number in enumerate(numbers)]
    return "\n".join([header] * bool(header) + rows) + "\n"


def quoted(numbers):
    return [f'"{number}"' for number in numbers]


COMMA = [number.replace(".", ",") for number in PLAIN]
SAME = {
    "commas between cells": (table(PLAIN, "month,v", ","), []),
    "tabs between cells": (table(PLAIN, "month\tv", "\t"), []),
    "no header": (table(PLAIN, None, ","), []),
    "one column": ("v\n" + "\n".join(PLAIN), []),
    "one column, decimal comma": ("v\n" + "\n".join(COMMA), []),
    "decimal comma": (table(COMMA), []),
    "decimal comma between tabs": (table(COMMA, "month\tv", "\t"), []),
    "decimal comma in quotes": (table(quoted(COMMA), "month,v", ","), []),
    "1,234.50": (table(quoted(grouped(",", ".")), "month,v", ","), []),
    "1.234,50": (table(grouped(".", ",")), []),
    "1 234,50": (table(grouped(" ", ",")), []),
    "1\u00a0234,50": (table(grouped("\u00a0", ",")), []),
    "1\u202f234,50": (table(grouped("\u202f", ",")), []),
    "1'234.50": (table(grouped("'", ".")), []),
    "1\u2019234.50": (table(grouped("\u2019", ".")), []),
    "with +": (table(["+" + number for number in PLAIN]), []),
    "with exponents": (table([f"{v:.6e}" for v in SERIES]), []),
    "exponents, decimal comma": (table([f"{v:.6e}".replace(".", ",") for v in SERIES]), []),
    "blanks around": (table([f"  {number} " for number in PLAIN], " month ; v "),
                      ["--column", "v"]),
    "blanks around quotes": (table([f' "{number}" ' for number in PLAIN]), []),
    "empty lines, empty cells": (table(PLAIN).replace("\n7;", "\n\n ; \n7;") + ";\n\n", []),
    "a quoted name over two lines": (table(PLAIN, 'a;"v\n(°C)"'), ["--column", "v\n(°C)"]),
    "quotes in a name": (table(PLAIN, 'a;"the ""v"""'), ["--column", 'the "v"']),
    "separators in a name": (table(PLAIN, 'a;"v; really"'), ["--column", "v; really"]),
    "years as names": (table(PLAIN, "2019;2020"), []),
    "a year above the values of dates": (
        "date;2020\n" + "".join(f"2020-{i:03};{v}\n" for i, v in enumerate(PLAIN)), []),
    "the first of several, by number": ("v,w,x\n" + "".join(f"{v},2,3\n" for v in PLAIN),
                                        ["--column", "1"]),
    "one of several, by name": ("u,v,x\n" + "".join(f"1,{v},3\n" for v in PLAIN),
                                ["--column", "v"]),
    "one of several, by a year": ("1990,1991,1992\n" + "".join(f"1,{v},3\n" for v in PLAIN),
                                  ["--column", "1991"]),
}
REFUSED = {
    "1,234 between tabs": (table(grouped(",", ".", LARGE, 0), "a\tv", "\t"), [],
                           "line 2: does the comma stand"),
    "1.234 between semicolons": (table(grouped(".", ",", LARGE, 0)), [],
                                 "line 2: does the point stand"),
    "both marks": (table(["1.5", "2,5"] + PLAIN), [], "a point in line 2 and a comma in line 3"),
    "marks not three digits apart": (table(["1,23.5"] + PLAIN), [],
                                     'line 2: column 2 is not a number: "1,23.5"'),
    "one year above numbers": ("2020\n" + "\n".join(PLAIN), [], "--header yes or no"),
    "years above years": (table(PLAIN, "2019;2020", first=1900), [], "--header yes or no"),
    "no such name": (table(PLAIN), ["--column", "w"], 'no column w among its 2: "month", "v"'),
    "no such number": (table(PLAIN), ["--column", "3"], "no column 3 among its 2"),
    "the name twice": (table(PLAIN, "v;v"), ["--column", "v"], "columns 1 and 2 both"),
    "a hole": (table(PLAIN[:9] + [""] + PLAIN), [], "line 11: column 2 is empty"),
    "a word": (table(PLAIN[:9] + ["n/a"] + PLAIN), [], 'line 11: column 2 is not a number: "n/a"'),
    "nan": (table(PLAIN[:9] + ["nan"] + PLAIN), [], 'line 11: .* not a number: "nan"'),
    "hexadecimal": (table(PLAIN[:9] + ["0x10"] + PLAIN), [], "line 11: .* not a number"),
    "too large": (table(PLAIN[:9] + ["1e999"] + PLAIN), [], "line 11: column 2 is too large"),
    "a cell more": (table(PLAIN[:9] + ["1;2"] + PLAIN), [], "line 11: it has 3 cells"),
    "a cell less": (table(PLAIN) + "5\n", [], "it has 1 cells, and line 1 has 2"),
    "a quote left open": (table(PLAIN[:9] + ['"1'] + PLAIN), [], "line 11: a quote is opened"),
    "something behind a quote": (table(PLAIN[:9] + ['"1"2'] + PLAIN), [], "behind a closing quote"),
    "a series that is too short": (table(PLAIN[:30]), [], "30 values are too few"),
    "an option of tables without one": (None, ["--decimal", "comma"], "--decimal needs --csv"),
}


def figures(out):
    """The last line's numbers, and the number of values."""
    found = re.search(r"^series: (.*) picture", out, flags=re.M)
    values = re.search(r"^(\d+) values", out, flags=re.M)
    return found and values and (values.group(1), found.group(1))


def ahead(out):
    return [float(row.split()[1]) for row in
            re.findall(r"^ +\d+ +\S+$", out.split("forecast\n")[-1], flags=re.M)]


def main():
    checks = Checks()
    programs = Programs(sys.argv[1], checks)

    def forecast(text, *words):
        programs.write("t.csv", text)
        return programs.run("series_forecast", "--csv", "t.csv", *FORECAST, *words)

    known = figures(forecast(table(PLAIN))[0])
    checks.expect(known and known[0] == str(N), "the plain table")
    for name, (text, words) in SAME.items():
        out, status = forecast(text, *words)
        checks.expect(status == 0 and figures(out) == known, name, f"wanted {known}",
                      *out.split("\n")[-4:])
    for name, (text, words, told) in REFUSED.items():
        programs.write("t.csv", text or "")
        programs.refuses(name, told, "series_forecast", *(["--csv", "t.csv"] if text else []),
                         *FORECAST, *words)
    small = figures(forecast(table([f"{v:.0f}" for v in LARGE], "a\tv", "\t"))[0])
    for mark, decimal, separator in ((",", "point", "\t"), (".", "comma", ";")):
        text = table(grouped(mark, "?", LARGE, 0), f"a{separator}v", separator)
        checks.expect(figures(forecast(text, "--decimal", decimal)[0]) == small,
                      f"1{mark}234 is more than a thousand if --decimal {decimal} says so")
    for mark, text in ((",", table([f"{v / 1000:.3f}".replace(".", ",") for v in SERIES])),
                       (".", table([f"{v / 1000:.3f}" for v in SERIES], "a,v", ","))):
        out = forecast(text)[0]
        checks.expect(figures(out) and float(re.search(r"persistence=(\S+)", out).group(1)) < 1,
                      f"1{mark}234 is a little more than one where that is what is expected")
    text = "2020\n" + "\n".join(PLAIN)
    for header, n in (("yes", N), ("no", N + 1)):
        out = forecast(text, "--header", header)[0]
        checks.expect(f"{n} values" in out, f"--header {header}")

    # A series learns and is forecast the same wherever it lies, and beyond its end.
    near, far = (forecast(table([f"{v + offset:.2f}" for v in SERIES]), "--iterations", "100",
                          "--ahead", "5")[0] for offset in (0, 3e9))
    checks.expect(figures(near) and figures(near) == figures(far), "an offset of 3e9",
                  str(figures(near)), str(figures(far)))
    checks.expect(len(ahead(near)) == 5 and all(abs(b - a - 3e9) < 1 for a, b in
                                                zip(ahead(near), ahead(far))),
                  "five values beyond the end, with an offset of 3e9", str(ahead(far)))
    data = (programs.place / "p.dat").read_text().split("\n")
    checks.expect(f"{N - 1} {SERIES[-1] + 3e9:.17g}" in data, "the picture's data are exact")
    out = forecast(table(["0.1"] * N), "--ahead", "3")[0]
    checks.expect(all(abs(v - 0.1) < 1 for v in ahead(out)) and len(ahead(out)) == 3,
                  "a series that never changes", *out.split("\n")[-4:])
    programs.write("p.dat", table(PLAIN))
    programs.refuses("the picture's numbers over the table", "p.dat would be written over",
                     "series_forecast", "--csv", "p.dat", *FORECAST)
    checks.finish()


if __name__ == "__main__":
    main()
