/* SPDX-License-Identifier: MIT
 *
 * What the net must beat: n-grams, counted on the same training text, asked about the same held-out
 * text. Maximum likelihood gives probability zero to what it has not seen, so that it has no finite
 * loss; mixed with all shorter n-grams and the uniform distribution it has.
 */
#include "char_lm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ORDER = 16, WEIGHTS = 9 };

typedef struct rivals {
    int order;
    int64_t symbols; /* without the pad, which is symbol number `symbols` */
    tkr_ngram *ngrams[MAX_ORDER]; /* of order 1, 2 .. */
    double nats[WEIGHTS];         /* of the mixture, for the weights .1 .2 .. .9 */
    double known_nats;            /* of the longest one alone, where its probability is not 0 */
    int64_t unknown;              /* how often it is 0 */
} rivals;

tkr_ngram *char_ngram(int32_t order, int64_t symbols, const int32_t *ids, int64_t n, int32_t pad) {
    tkr_ngram *ngram;
    ex_try(ex_env(1), tkr_ngram_create(&ngram, order, symbols, ex_env(1)));
    ex_try(ngram, tkr_ngram_count(ngram, ids, n, pad));
    return ngram;
}

static void count_all(rivals *all, const corpus *data) {
    for (int k = 0; k < all->order; k++) {
        all->ngrams[k] = char_ngram(k + 1, all->symbols + 1, data->train, data->train_len,
                                    (int32_t)all->symbols);
        ex_try(all->ngrams[k], tkr_ngram_estimate(all->ngrams[k], TKR_MAXIMUM_LIKELIHOOD));
    }
}

/* p of a mixture: each order takes `weight` of what is left to it, if it has seen the context. */
static double mixture(const rivals *all, const double *p, const int *seen, double weight) {
    double mixed = 1.0 / (double)all->symbols;
    for (int k = 0; k < all->order; k++) {
        if (seen[k]) {
            mixed = weight * p[k] + (1 - weight) * mixed;
        }
    }
    return mixed;
}

/* Score text[at], where `text` begins with the pads. On return seen[k] says whether the context of
 * the next symbol was seen: it was, if the shorter order has seen this symbol in this place. */
static void score_symbol(rivals *all, const int32_t *text, int64_t at, int *seen) {
    double p[MAX_ORDER], logprob = 0;
    for (int k = 0; k < all->order; k++) {
        ex_try(all->ngrams[k],
               tkr_ngram_logprob(all->ngrams[k], &logprob, text + at - k, k, text[at]));
        p[k] = exp(logprob);
    }
    for (int w = 0; w < WEIGHTS; w++) {
        all->nats[w] -= log(mixture(all, p, seen, 0.1 * (w + 1)));
    }
    if (p[all->order - 1] > 0) {
        all->known_nats -= log(p[all->order - 1]);
    } else {
        all->unknown++;
    }
    for (int k = all->order - 1; k > 0; k--) {
        seen[k] = p[k - 1] > 0;
    }
}

static void score_text(rivals *all, const corpus *data) {
    int seen[MAX_ORDER];
    int64_t pads = all->order - 1;
    int32_t *text = ex_alloc(pads + data->valid_len, sizeof *text);
    for (int64_t i = 0; i < pads; i++) {
        text[i] = (int32_t)all->symbols;
    }
    memcpy(text + pads, data->valid, (size_t)data->valid_len * sizeof *text);
    for (int k = 0; k < all->order; k++) {
        seen[k] = 1;
    }
    for (int64_t i = 0; i < data->valid_len; i++) {
        score_symbol(all, text, pads + i, seen);
    }
    free(text);
}

static void print_rivals(const rivals *all, int64_t n) {
    int best = 0;
    int64_t known = n - all->unknown;
    char name[64];
    for (int w = 1; w < WEIGHTS; w++) {
        best = all->nats[w] < all->nats[best] ? w : best;
    }
    double nats = all->nats[best] / (double)n;
    snprintf(name, sizeof name, "n-grams of 0 to %d characters before, mixed %.1f", all->order - 1,
             0.1 * (best + 1));
    printf("%-47s %9.4f %9.4f\n", name, nats, nats / log(2.0));
    snprintf(name, sizeof name, "n-gram of %d before, maximum likelihood", all->order - 1);
    printf("%-47s %9s %9s\n", name, all->unknown > 0 ? "infinite" : "", "");
    nats = known > 0 ? all->known_nats / (double)known : NAN;
    printf("  %.2f %% of the text has probability 0; the rest %9.4f %9.4f\n",
           100.0 * (double)all->unknown / (double)n, nats, nats / log(2.0));
}

void char_rivals(const corpus *data, int64_t order) {
    rivals all = {.order = (int)order, .symbols = data->symbols};
    count_all(&all, data);
    score_text(&all, data);
    print_rivals(&all, data->valid_len);
    for (int k = 0; k < all.order; k++) {
        tkr_ngram_destroy(all.ngrams[k]);
    }
}
