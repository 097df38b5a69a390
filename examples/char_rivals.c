/* SPDX-License-Identifier: MIT
 *
 * What the net must beat: n-grams, counted on the same training text, asked about the same held-out
 * text. The founding page's, maximum likelihood, gives probability zero to what it has not seen, so
 * that its loss is infinite; smoothed ones keep some probability for it.
 */
#include "char_lm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct rival {
    const char *name;
    int32_t smoothing;
} rival;

static const rival rivals[] = {
    {"maximum likelihood", TKR_MAXIMUM_LIKELIHOOD},
    {"Witten-Bell", TKR_WITTEN_BELL},
    {"modified Kneser-Ney", TKR_MODIFIED_KNESER_NEY},
};

typedef struct score {
    double nats;     /* of the symbols that have a probability */
    int64_t unknown; /* how many have none */
} score;

tkr_ngram *char_ngram(int32_t order, int64_t symbols, const int32_t *ids, int64_t n, int32_t pad) {
    tkr_ngram *ngram;
    ex_try(ex_env(1), tkr_ngram_create(&ngram, order, symbols, ex_env(1)));
    ex_try(ngram, tkr_ngram_count(ngram, ids, n, pad));
    return ngram;
}

/* Every symbol of the held-out text, after at most order - 1 symbols of it. */
static score score_text(const tkr_ngram *ngram, const corpus *data, int64_t order) {
    score result = {0, 0};
    for (int64_t at = 0; at < data->valid_len; at++) {
        int64_t context = at < order - 1 ? at : order - 1;
        double logprob = 0;
        ex_try(ngram, tkr_ngram_logprob(ngram, &logprob, data->valid + at - context, context,
                                        data->valid[at]));
        if (logprob > -HUGE_VAL) {
            result.nats -= logprob;
        } else {
            result.unknown++;
        }
    }
    return result;
}

static void print_score(const rival *who, int64_t order, const score *of, int64_t n) {
    char name[64];
    snprintf(name, sizeof name, "n-gram of order %lld, %s", (long long)order, who->name);
    if (of->unknown == 0) {
        double nats = of->nats / (double)n;
        printf("%-47s %9.4f %9.4f\n", name, nats, nats / log(2.0));
        return;
    }
    printf("%-47s %9s %9s (%.2f %% of the text has probability 0)\n", name, "infinite", "infinite",
           100 * (double)of->unknown / (double)n);
}

void char_rivals(const corpus *data, int64_t order) {
    for (size_t i = 0; i < sizeof rivals / sizeof *rivals; i++) {
        tkr_ngram *ngram =
            char_ngram((int32_t)order, data->symbols, data->train, data->train_len, -1);
        ex_try(ngram, tkr_ngram_estimate(ngram, rivals[i].smoothing));
        score of = score_text(ngram, data, order);
        print_score(&rivals[i], order, &of, data->valid_len);
        tkr_ngram_destroy(ngram);
    }
}
