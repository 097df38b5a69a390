/* SPDX-License-Identifier: MIT
 * An ARPA file by hand: all that the format has. */
#ifndef TESTS_SUPPORT_ARPA_H
#define TESTS_SUPPORT_ARPA_H

#define ARPA_BY_HAND       \
    "\\data\\\n"           \
    "ngram 1=5\n"          \
    "ngram 2=4\n"          \
    "ngram 3=2\n"          \
    "\n"                   \
    "\\1-grams:\n"         \
    "-1\t<unk>\n"          \
    "-99\t<s>\t-0.5\n"     \
    "-0.7\ta\t-0.2\n"      \
    "-0.9\tb\t0.1\n"       \
    "-1.5\t</s>\n"         \
    "\n"                   \
    "\\2-grams:\n"         \
    "-0.3\t<s> a\t-0.25\n" \
    "-0.4\ta b\t-0.125\n"  \
    "-0.6\tb a\n"          \
    "-0.8\tb </s>\n"       \
    "\n"                   \
    "\\3-grams:\n"         \
    "-0.01\t<s> a b\n"     \
    "-0.02\ta b </s>\n"    \
    "\n"                   \
    "\\end\\\n"

#endif
