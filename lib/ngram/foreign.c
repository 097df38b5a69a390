/* SPDX-License-Identifier: MIT */
#include "ngram/foreign.h"

#include <stddef.h>
#include <string.h>

#define BYTES(text) sizeof(text) - 1, text

/* Compressed files, and n-gram models in forms of their own. */
static const struct {
    uint64_t at, len;
    const char *bytes, *what;
} known[] = {
    {0, BYTES("\x1F\x8B"), "compressed by gzip"},
    {0, BYTES("\x1F\x9D"), "compressed by compress"},
    {4, BYTES("1AY&SY"), "compressed by bzip2"},
    {0, BYTES("\xFD\x37zXZ\0"), "compressed by xz"},
    {0, BYTES("\x28\xB5\x2F\xFD"), "compressed by zstd"},
    {0, BYTES("PK\3\4"), "a zip archive"},
    {0, BYTES("\xFF\xFE"), "text in UTF-16"},
    {0, BYTES("\xFE\xFF"), "text in UTF-16"},
    {0, BYTES("mmap lm http://kheafield.com/code"), "a binary model of KenLM"},
    {0, BYTES("iARPA"), "iARPA text of IRSTLM, which compile-lm --text=yes turns into ARPA"},
    {0, BYTES("blmt"), "a binary model of IRSTLM"},
    {0, BYTES("Qblmt"), "a binary model of IRSTLM"},
    {0, BYTES("SRILM_BINARY_NGRAM"), "a binary model of SRILM"},
    {4, BYTES("Darpa Trigram LM"), "a binary model (DMP) of Sphinx"},
    {0, BYTES("Trie Language Model"), "a binary model of pocketsphinx"},
    {0, BYTES("\xD6\xFD\xB2\x7E"), "a binary automaton of OpenFst"},
    {0, BYTES("tekrarNG"), "a file of tkr_ngram_save()"},
};

const char *tkri_foreign(const char *bytes, uint64_t len) {
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (len >= known[i].at + known[i].len &&
            memcmp(bytes + known[i].at, known[i].bytes, (size_t)known[i].len) == 0) {
            return known[i].what;
        }
    }
    return NULL;
}
