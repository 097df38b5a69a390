/* SPDX-License-Identifier: MIT
 * Writes the first corpora of fuzz_arpa and fuzz_ngram: small models and counts of all kinds, and
 * ARPA texts that leave out, or add, what the format allows or forbids.
 *
 * usage: make_ngram_corpus ARPA_FOLDER NGRAM_FOLDER */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/stream.h"

static const char *arpa_folder, *ngram_folder;

static void must(int32_t status) {
    if (status) {
        fprintf(stderr, "%s\n", tkr_status_text(status));
        exit(EXIT_FAILURE);
    }
}

static void keep(const char *folder, const char *name, const void *bytes, uint64_t len) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, (size_t)len, file) != len || fclose(file)) {
        perror(path);
        exit(EXIT_FAILURE);
    }
}

static void keep_saved(tkr_ngram *ngram, int arpa, const char *name) {
    stream bytes;
    stream_init(&bytes);
    tkr_writer writer = stream_writer(&bytes);
    must(arpa ? tkr_ngram_save_arpa_to(ngram, &writer) : tkr_ngram_save_to(ngram, &writer));
    keep(arpa ? arpa_folder : ngram_folder, name, bytes.bytes, bytes.len);
    stream_fini(&bytes);
}

static void keep_models(int32_t kind, const char *name) {
    static const char text[] = "a b\na a b c\nb\n";
    tkr_vocabulary *vocabulary;
    tkr_ngram *ngram, *compact;
    int32_t ids[20];
    int64_t n;
    char file[40];
    must(tkr_vocabulary_create(&vocabulary, kind, text, sizeof text - 1, NULL));
    must(tkr_vocabulary_encode(vocabulary, ids, 20, &n, text, sizeof text - 1, -1));
    must(tkr_ngram_create(&ngram, kind, tkr_vocabulary_len(vocabulary), NULL));
    must(tkr_ngram_set_vocabulary(ngram, vocabulary));
    must(tkr_ngram_set_int(ngram, TKR_FALLBACK, 1));
    must(tkr_ngram_count(ngram, ids, n, TKR_BEGIN));
    snprintf(file, sizeof file, "counts_%s", name);
    keep_saved(ngram, 0, file);
    for (int32_t smoothing = TKR_MAXIMUM_LIKELIHOOD; smoothing <= TKR_KATZ; smoothing++) {
        must(tkr_ngram_estimate(ngram, smoothing));
        must(tkr_ngram_compact(&compact, ngram, NULL));
        snprintf(file, sizeof file, "model_%s_%d", name, (int)smoothing);
        keep_saved(smoothing % 2 ? ngram : compact, 0, file);
        if (smoothing == TKR_WITTEN_BELL) {
            keep_saved(ngram, 1, name);
        }
        tkr_ngram_destroy(compact);
    }
    tkr_ngram_destroy(ngram);
    tkr_vocabulary_destroy(vocabulary);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: %s ARPA_FOLDER NGRAM_FOLDER\n", argv[0]);
        return EXIT_FAILURE;
    }
    arpa_folder = argv[1];
    ngram_folder = argv[2];
    keep_models(TKR_CHARACTERS, "characters");
    keep_models(TKR_WORDS, "words");
    keep_models(TKR_SENTENCES, "sentences");
    static const char *const texts[][2] = {
        {"empty", ""},
        {"one_word", "\\data\\\nngram 1=1\n\\1-grams:\n-1 <unk>\n\\end\\\n"},
        {"no_unknown", "\\data\\\nngram 1=1\n\n\\1-grams:\n-0.5\ta\n\n\\end\\\n"},
        {"gaps",
         "\\data\\\nngram 1=4\nngram 2=0\nngram 3=1\n\\1-grams:\n-99 <s> -0.5\n-1 a 0.5\n"
         "-2 b\n-3 <unk>\n\\2-grams:\n\\3-grams:\n-0.5 <s> a b\n\\end\\\n"},
        {"spaces",
         "\n\\data\\ \r\nngram  1 = 2\r\n\\1-grams:\r\n -1e-1  <0x20> \r\n\r\n-.5\tx<0x3C>"
         "0x41>\r\n\\end\\"},
        {"twice",
         "\\data\\\nngram 1=2\nngram 2=2\n\\1-grams:\n-1 a\n-1 b\n\\2-grams:\n-1 a b\n"
         "-1 a b\n\\end\\\n"},
        {"around",
         "\xEF\xBB\xBFmade by hand\n\n\\data\\\nngram 1=2\nngram  2=     1\n\\1-grams:\n-1 <UNK>\n"
         "-99 a\n\\2-grams:\n-0.1 a <UNK> 0\n\\end\\\nand more\n"},
        {"begins",
         "\\data\\\nngram 1=4\nngram 2=3\n\\1-grams:\n-inf <s> -99\n-1 a -inf\n-1 </s> -1\n-2 "
         "<unk>\n"
         "\\2-grams:\n-0.3 </s> <s>\n-1 <s> <s>\n-inf <s> a\n\\end\\\n"},
        {"iarpa", "iARPA\n\n\\data\\\nngram 1=1\n"},
        {"gzip", "\x1F\x8B\x08"},
        {"large", "\\data\\\nngram 1=18446744073709551615\n\\1-grams:\n-1e999999999999 a\n"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        keep(arpa_folder, texts[i][0], texts[i][1], strlen(texts[i][1]));
    }
    return EXIT_SUCCESS;
}
