/* SPDX-License-Identifier: MIT
 *
 * Other people's models: what is unusual about their ARPA files, and files that gzip compressed.
 */
#include "ngram.h"

#include <stdlib.h>

#ifdef EX_ZLIB
#include <zlib.h>

/* A tkr_reader of a file, compressed or not; zlib tells which. */
static int32_t read_gz(void *user, void *bytes, uint64_t len, uint64_t *got) {
    gzFile file = user;
    int error = Z_OK;
    int n = gzread(file, bytes, len < 1 << 20 ? (unsigned)len : 1 << 20);
    (void)gzerror(file, &error);
    *got = n > 0 ? (uint64_t)n : 0;
    return n < 0 || (n == 0 && error != Z_OK); /* a file that ends too early tells at its end */
}

static tkr_ngram *load(const char *path) {
    tkr_ngram *ngram;
    tkr_env *env = ex_env(1);
    gzFile file = gzopen(path, "rb");
    tkr_reader reader = {sizeof reader, read_gz, file};
    if (file == NULL) {
        ex_die("%s: cannot be opened", path);
    }
    int32_t status = tkr_ngram_load_arpa_from(&ngram, &reader, env);
    if (status != TKR_OK) {
        ex_die("%s: %s", path, env->detail);
    }
    (void)gzclose(file);
    return ngram;
}
#else
static tkr_ngram *load(const char *path) {
    tkr_ngram *ngram;
    ex_try(ex_env(1), tkr_ngram_load_arpa(&ngram, path, ex_env(1)));
    return ngram;
}
#endif

tkr_ngram *ngram_load_arpa(const char *path, FILE *remarks) {
    static const char *const meanings[] = {
        "it has no <unk>, which gets log10 p = -100",
        "it has text before \\data\\, passed over",
        "it has text behind \\end\\, passed over",
        "it begins with a byte order mark, passed over",
        "it has n-grams with <s> behind their first word, passed over",
        "it has back-off weights of 0 at its highest order, passed over",
        "it has log10 p of -inf, -99 or -99.999, read as probability 0",
        "it has <UNK>, read as <unk>",
        "it has spaces around the = of its numbers of n-grams",
    };
    int64_t warnings = 0;
    tkr_ngram *ngram = load(path);
    ex_try(ngram, tkr_ngram_get_int(ngram, TKR_WARNINGS, &warnings));
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        if (warnings >> i & 1) {
            fprintf(remarks, "%s: %s\n", path, meanings[i]);
        }
    }
    return ngram;
}
