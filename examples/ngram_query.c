/* SPDX-License-Identifier: MIT
 *
 * A model asked word by word. The answers stand as KenLM's query prints them, to be laid beside
 * them: each word with a number (0 if the model does not know it), the length of the n-gram that
 * its probability comes from, and log10 p; a line for each line of the text, then the totals.
 */
#include "ngram.h"

#include <math.h>
#include <string.h>

typedef struct sums {
    double log10_p, unknown_log10_p; /* of all words, of unknown ones */
    int64_t words, unknown;
} sums;

typedef struct asking {
    const tkr_ngram *ngram;
    const ngram_texts *texts;
    tkr_ngram_state state;
    sums line, text;
} asking;

static void begin_line(asking *a) {
    const int32_t begin = TKR_BEGIN;
    ex_try(a->ngram, tkr_ngram_start(a->ngram, &a->state, &begin, 1));
}

static void ask(asking *a, const char *word, size_t len, int32_t id) {
    int32_t length = 0;
    double nats = 0;
    int unknown = id == a->texts->unknown;
    ex_try(a->ngram, tkr_ngram_match(a->ngram, &a->state, &length, id));
    ex_try(a->ngram, tkr_ngram_step(a->ngram, &a->state, &nats, id));
    double log10_p = nats / log(10);
    printf("%.*s=%d %d %.6g\t", (int)len, word, unknown ? 0 : (int)id + 1, (int)length, log10_p);
    a->line.log10_p += log10_p;
    a->line.unknown_log10_p += unknown ? log10_p : 0;
    a->line.words++;
    a->line.unknown += unknown;
}

/* The end of a line: of a sentence, where the model has sentences. */
static void end_line(asking *a) {
    if (a->texts->end >= 0) {
        ask(a, "</s>", 4, a->texts->end);
        begin_line(a);
    }
    printf("Total: %.6g OOV: %lld\n", a->line.log10_p, (long long)a->line.unknown);
    a->text.log10_p += a->line.log10_p;
    a->text.unknown_log10_p += a->line.unknown_log10_p;
    a->text.words += a->line.words;
    a->text.unknown += a->line.unknown;
    a->line = (sums){0, 0, 0, 0};
}

static double perplexity(double log10_p, int64_t words) {
    return words > 0 ? pow(10, -log10_p / (double)words) : NAN;
}

static void print_totals(const sums *all) {
    printf("Perplexity including OOVs:\t%.6g\n", perplexity(all->log10_p, all->words));
    printf("Perplexity excluding OOVs:\t%.6g\n",
           perplexity(all->log10_p - all->unknown_log10_p, all->words - all->unknown));
    printf("OOVs:\t%lld\nTokens:\t%lld\n", (long long)all->unknown, (long long)all->words);
}

void ngram_query(const tkr_ngram *ngram, const ngram_texts *texts) {
    static const char space[] = " \t\v\f\r\n";
    asking a = {.ngram = ngram, .texts = texts};
    if (texts->unknown < 0) {
        ex_die("--query asks for words, and this is no model of words");
    }
    begin_line(&a);
    for (const char *at = texts->valid_text; *at != '\0';) {
        size_t len = strcspn(at, space);
        int32_t id = texts->unknown;
        if (len > 0) {
            (void)tkr_vocabulary_find(texts->vocabulary, &id, at, len);
            ask(&a, at, len, id);
        } else if (*at == '\n') {
            end_line(&a);
        }
        at += len > 0 ? len : 1;
    }
    if (a.line.words > 0) { /* the text is one of words, and its last line has no end */
        end_line(&a);
    }
    print_totals(&a.text);
}
