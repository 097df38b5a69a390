/* SPDX-License-Identifier: MIT
 *
 * What the net must beat: n-grams, counted on the same training text, asked about the same held-out
 * text. The founding page's, maximum likelihood, gives probability zero to what it has not seen, so
 * that its loss is infinite; smoothed ones keep some probability for it.
 */
#include "char_lm.h"

#include <stdlib.h>

static const struct {
    const char *name;
    int32_t smoothing;
} rivals[] = {
    {"maximum likelihood", TKR_MAXIMUM_LIKELIHOOD},
    {"Witten-Bell", TKR_WITTEN_BELL},
    {"modified Kneser-Ney", TKR_MODIFIED_KNESER_NEY},
};

static tkr_score score_text(const tkr_ngram *ngram, const corpus *data) {
    tkr_score score = {.size = sizeof score};
    tkr_ngram_state state;
    const int32_t begin = TKR_BEGIN;
    ex_try(ngram, tkr_ngram_start(ngram, &state, &begin, 1));
    ex_try(ngram, tkr_ngram_score(ngram, &state, &score, data->valid, data->valid_len, -1));
    return score;
}

static void print_score(const char *name, int64_t order, const tkr_score *score) {
    char title[64];
    snprintf(title, sizeof title, "n-gram of order %lld, %s", (long long)order, name);
    if (score->impossible == 0) {
        printf("%-47s %9.4f %9.4f\n", title, score->nats_per_symbol, score->bits_per_symbol);
        return;
    }
    printf("%-47s %9s %9s\n", title, "infinite", "infinite");
    printf("  for %.2f %% of the text has probability 0\n",
           100 * (double)score->impossible / (double)score->symbols);
}

static tkr_ngram *counted(const corpus *data, int64_t order) {
    tkr_ngram *ngram;
    ex_try(ex_env(1), tkr_ngram_create(&ngram, (int32_t)order, data->symbols, ex_env(1)));
    ex_try(ngram, tkr_ngram_set_int(ngram, TKR_FALLBACK, 1));
    ex_try(ngram, tkr_ngram_count(ngram, data->train, data->train_len, TKR_BEGIN));
    return ngram;
}

void char_rivals(const corpus *data, int64_t order) {
    tkr_ngram *ngram = counted(data, order);
    for (size_t i = 0; i < sizeof rivals / sizeof *rivals; i++) {
        ex_try(ngram, tkr_ngram_estimate(ngram, rivals[i].smoothing));
        tkr_score score = score_text(ngram, data);
        print_score(rivals[i].name, order, &score);
    }
    tkr_ngram_destroy(ngram);
}

/* ln p of each held-out character by modified Kneser-Ney. */
static void kneser_ney_logprobs(const corpus *data, int64_t order, double *logprobs) {
    tkr_ngram *ngram = counted(data, order);
    tkr_ngram_state state;
    const int32_t begin = TKR_BEGIN;
    ex_try(ngram, tkr_ngram_estimate(ngram, TKR_MODIFIED_KNESER_NEY));
    ex_try(ngram, tkr_ngram_start(ngram, &state, &begin, 1));
    ex_try(ngram, tkr_ngram_logprobs(ngram, &state, logprobs, data->valid, data->valid_len));
    tkr_ngram_destroy(ngram);
}

void char_mix(const corpus *data, int64_t order, const double *net) {
    int64_t n = data->valid_len, half = n / 2;
    double *ngram = ex_alloc(n, sizeof *ngram), *mixed = ex_alloc(n, sizeof *mixed);
    double first = 0, second = 0;
    tkr_score score = {.size = sizeof score};
    tkr_env *env = ex_env(1);
    kneser_ney_logprobs(data, order, ngram);
    ex_try(env, tkr_mix_fit(&first, net + half, ngram + half, n - half));
    ex_try(env, tkr_mix_fit(&second, net, ngram, half));
    ex_try(env, tkr_mix_logprobs(mixed, net, ngram, half, first));
    ex_try(env, tkr_mix_logprobs(mixed + half, net + half, ngram + half, n - half, second));
    ex_try(env, tkr_score_logprobs(&score, mixed, NULL, n));
    printf("%-47s %9.4f %9.4f\n", "the net and modified Kneser-Ney, mixed", score.nats_per_symbol,
           score.bits_per_symbol);
    printf("  the net's weight: %.3f and %.3f, each found on the other half of the text\n", first,
           second);
    free(ngram);
    free(mixed);
}
