/* SPDX-License-Identifier: MIT
 * Every tier that the machine has, every net, many shapes, every run that the net can do: a line
 * for each, "NAME HASH", or "NAME failed: CALL: STATUS".
 *
 * usage: bits [TEXT]   only the cases whose names contain TEXT */
#include <string.h>

#include "bits.h"

enum { N_HIDDEN = 4, N_BATCH = 4, N_STEPS = 3 };
static const int64_t hiddens[N_HIDDEN] = {1, 3, 16, 33};
static const int64_t batches[N_BATCH] = {1, 5, 20, 70}; /* one, one, two and three chunks */
static const int64_t steps[N_STEPS] = {1, 7, 40};

/* What a net must be for a run. */
enum { ONE_WAY = 1, RECURRENT = 2, QUANTIZABLE = 4 };

static const struct {
    const char *name;
    int32_t (*run)(bits *b);
    int needs;
    int64_t batch, steps; /* 0: of the shape */
} runs[] = {
    {"retain", bits_retain, ONE_WAY | RECURRENT, 0, 0},
    {"truncate", bits_truncate, ONE_WAY | RECURRENT, 0, 0},
    {"recompute", bits_recompute, ONE_WAY, 5, 100},
    {"infer", bits_infer, 0, 0, 0},
    {"carry", bits_carry, RECURRENT, 0, 0},
    {"own-loss", bits_own_loss, 0, 0, 0},
    {"link", bits_link, RECURRENT, 0, 0},
    {"stream-1", bits_stream, ONE_WAY, 1, 5},
    {"stream-3", bits_stream, ONE_WAY, 3, 5},
    {"bf16", bits_bf16, ONE_WAY | QUANTIZABLE, 1, 5},
    {"int8", bits_int8, ONE_WAY | QUANTIZABLE, 1, 5},
    {"bf16-3", bits_bf16, ONE_WAY | QUANTIZABLE, 3, 5},
    {"int8-3", bits_int8, ONE_WAY | QUANTIZABLE, 3, 5},
};
enum { N_RUNS = sizeof runs / sizeof *runs };

static int recurrent(const net *n) {
    return bits_has(n, TKR_ELMAN) || bits_has(n, TKR_LSTM) || bits_has(n, TKR_GRU);
}

static int can(const net *n, int needs) {
    return (!(needs & ONE_WAY) || !bits_two_ways(n)) && (!(needs & RECURRENT) || recurrent(n)) &&
           (!(needs & QUANTIZABLE) || bits_has(n, TKR_LINEAR) ||
            (recurrent(n) && !strstr(n->name, "reset-before")));
}

/* A projection to two wants three units. */
static int fits(const net *n, int64_t hidden) {
    return hidden > 2 || !strstr(n->name, "projection");
}

/* The reference tier is slow: every second case. */
static int worth(const bits *b, int index) {
    return b->env.tier != TKR_TIER_REFERENCE || index % 2 == 0;
}

/* Layers two apart share a buffer of gradients. Where their widths differ, builds up to 0.1.0 let
 * chunks overlap in it, and the bits depended on which thread was first. */
static int overlaps(const net *n) {
    return strstr(n->name, "-dropouts") != NULL;
}

/* Runs one case, and says what came of it. How it is run is drawn from its number. */
static int report(bits b, int32_t (*run)(bits *), uint64_t number) {
    const uint64_t drawn = bits_draw(&number);
    char name[256];
    b.lengths_on = drawn & 1;
    b.ids_on = b.net->parts[0].kind == TKR_EMBEDDING ||
               (b.net->parts[0].kind != TKR_DROPOUT && drawn >> 1 & 1);
    b.weights_on = drawn >> 2 & 1;
    b.env.threads = drawn >> 3 & 1 && !overlaps(b.net) ? 3 : 1;
    b.loss = (int)(drawn >> 8 & 0xFF) % 3;
    b.optimizer = drawn >> 16 & 3;
    b.input = bits_has(b.net, TKR_EMBEDDING) ? 13 : drawn >> 20 & 1 ? 1 : 5;
    b.hash = UINT64_C(0xCBF29CE484222325);
    snprintf(name, sizeof name, "tier%d/%s/H%lld/B%lld/T%lld/%s/%s%s%sI%lld-%dt-loss%d-opt%d",
             b.env.tier, b.net->name, (long long)b.hidden, (long long)b.batch, (long long)b.steps,
             b.run, b.lengths_on ? "lengths-" : "", b.ids_on ? "ids-" : "",
             b.weights_on ? "weights-" : "", (long long)b.input, b.env.threads, b.loss,
             b.optimizer);
    if (!strstr(name, b.only)) {
        return 0;
    }
    const int32_t failed = bits_prepare(&b) != TKR_OK || run(&b) != TKR_OK;
    if (failed) {
        printf("%s failed: %s\n", name, b.why);
    } else {
        printf("%s %016llx\n", name, (unsigned long long)b.hash);
        tkr_cell_destroy(b.cell);
    }
    fflush(stdout); /* so that after a crash the last line says where */
    return failed;
}

/* Every pair of width and batch, with lengths of the sequence in turn. */
static int train_all(bits b, uint64_t *number) {
    int failed = 0;
    for (int h = 0; h < N_HIDDEN; h++) {
        for (int n = 0; n < N_BATCH; n++) {
            b.run = "train";
            b.hidden = hiddens[h];
            b.batch = batches[n];
            b.steps = steps[(h + n + (int)(*number / 16)) % N_STEPS];
            if (b.hidden * b.batch > (b.env.tier == TKR_TIER_REFERENCE ? 500 : 2000)) {
                b.steps = b.steps < 7 ? b.steps : 7; /* it would take its time */
            }
            (*number)++;
            if (fits(b.net, b.hidden) && worth(&b, h + n)) {
                failed += report(b, bits_train, *number);
            }
        }
    }
    return failed;
}

/* Every other run, each with two shapes. */
static int run_all(bits b, uint64_t *number) {
    int failed = 0;
    for (int r = 0; r < N_RUNS; r++) {
        for (int twice = 0; twice < 2; twice++) {
            uint64_t state = ++*number;
            const uint64_t drawn = bits_draw(&state);
            b.run = runs[r].name;
            b.hidden = hiddens[drawn % 2 + 2 * (uint64_t)twice];
            b.batch = runs[r].batch ? runs[r].batch : batches[drawn >> 8 & 3];
            b.steps = runs[r].steps ? runs[r].steps : 7 + (int64_t)(drawn >> 16 & 15);
            if (can(b.net, runs[r].needs) && fits(b.net, b.hidden) && worth(&b, r + twice)) {
                failed += report(b, runs[r].run, *number);
            }
        }
    }
    return failed;
}

/* Layers so wide that threads share a step's units, or that a chunk holds 64 sequences. */
static int wide_all(bits b, uint64_t *number) {
    static const char *const names[] = {"elman",       "elman-relu",      "lstm",
                                        "lstm-2-ways", "lstm-peepholes",  "gru-2-layers",
                                        "gru",         "gru-reset-before"};
    int failed = 0;
    for (int i = 0; i < 2 * (int)(sizeof names / sizeof *names); i++) {
        for (b.net = nets; strcmp(b.net->name, names[i / 2]) != 0;) {
            b.net++;
        }
        b.run = "train";
        b.hidden = i % 2 ? 264 : 136;
        b.batch = i % 2 ? 70 : 7;
        b.steps = 2;
        failed += report(b, bits_train, ++*number);
        if (can(b.net, ONE_WAY)) {
            b.run = "stream";
            b.batch = 1;
            failed += report(b, bits_stream, ++*number);
        }
    }
    return failed;
}

static int has_tier(const tkr_env *env) {
    tkr_cell *cell = NULL;
    const int32_t status = tkr_cell_create(&cell, TKR_LINEAR, 1, 1, env);
    tkr_cell_destroy(cell);
    return status == TKR_OK;
}

int main(int argc, char **argv) {
    int failed = 0;
    bits_fill_pool();
    for (int32_t tier = TKR_TIER_REFERENCE; tier <= TKR_TIER_NEON; tier++) {
        bits b = {.only = argc > 1 ? argv[1] : ""};
        b.env = (tkr_env){.size = sizeof b.env, .threads = 1, .tier = tier};
        uint64_t number = 0;
        for (int i = 0; has_tier(&b.env) && i < nets_len; i++) {
            b.net = &nets[i];
            failed += train_all(b, &number);
            failed += run_all(b, &number);
        }
        if (tier != TKR_TIER_REFERENCE && has_tier(&b.env)) {
            failed += wide_all(b, &number);
        }
    }
    return failed > 0;
}
