/* SPDX-License-Identifier: MIT
 *
 * reverse: an encoder reads a word and hands its final state to a decoder, which says the word
 * backwards. In training the decoder is shown the right letters (teacher forcing) and its gradient
 * flows back into the encoder; in the test it must live with its own. No word of the test is ever
 * shown in training.
 */
#include <stdlib.h>
#include <string.h>

#include "common.h"

enum { MAX_LETTERS = 16, TESTS = 500 };

typedef struct settings {
    int64_t cell, letters, shortest, longest, hidden, batch, iterations, every, seed, threads;
    double rate, clip;
} settings;

/* A net for each half. The recurrent layer is called "memory" in both: the states must match. */
typedef struct nets {
    tkr_cell *encoder, *decoder;
} nets;

/* A batch of words and what the decoder sees and says; [steps][n]. Letters are 0 .. letters - 1;
 * `letters` itself ends what the decoder says, and is what it sees first. */
typedef struct batch {
    int64_t n;
    int32_t *word, *seen, *said; /* said: the word backwards, then the end; seen: one step later */
    int32_t *word_len, *said_len;
} batch;

/* ---- words ----------------------------------------------------------------------------------- */

/* One word in ten is kept for the test: which one, its letters decide. */
static int is_test_word(const int32_t *word, int64_t len) {
    uint64_t hash = (uint64_t)len;
    for (int64_t i = 0; i < len; i++) {
        hash = (hash ^ (uint64_t)(word[i] + 1)) * 0x9E3779B97F4A7C15u;
        hash ^= hash >> 32;
    }
    return hash % 10 == 0;
}

static int64_t draw_word(const settings *set, int for_test, int32_t *word, uint64_t *random) {
    int64_t len;
    do {
        len = set->shortest + ex_below(random, set->longest - set->shortest + 1);
        for (int64_t i = 0; i < len; i++) {
            word[i] = (int32_t)ex_below(random, set->letters);
        }
    } while (is_test_word(word, len) != for_test);
    return len;
}

static batch make_batch(int64_t n) {
    int64_t room = n * (MAX_LETTERS + 1);
    return (batch){.n = n,
                   .word = ex_alloc(room, sizeof(int32_t)),
                   .seen = ex_alloc(room, sizeof(int32_t)),
                   .said = ex_alloc(room, sizeof(int32_t)),
                   .word_len = ex_alloc(n, sizeof(int32_t)),
                   .said_len = ex_alloc(n, sizeof(int32_t))};
}

static void free_batch(batch *words) {
    free(words->word);
    free(words->seen);
    free(words->said);
    free(words->word_len);
    free(words->said_len);
}

static void fill_batch(batch *words, const settings *set, int for_test, uint64_t *random) {
    int32_t word[MAX_LETTERS], end = (int32_t)set->letters;
    int64_t n = words->n;
    for (int64_t b = 0; b < n; b++) {
        int64_t len = draw_word(set, for_test, word, random);
        words->word_len[b] = (int32_t)len;
        words->said_len[b] = (int32_t)len + 1;
        words->seen[b] = end;
        for (int64_t t = 0; t < len; t++) {
            words->word[t * n + b] = word[t];
            words->said[t * n + b] = word[len - 1 - t];
            words->seen[(t + 1) * n + b] = word[len - 1 - t];
        }
        words->said[len * n + b] = end;
    }
}

/* ---- the two nets ---------------------------------------------------------------------------- */

static tkr_cell *make_memory(const settings *set, tkr_env *env) {
    tkr_cell *memory;
    ex_try(env,
           tkr_cell_create(&memory, ex_cell_kind(set->cell), set->letters + 1, set->hidden, env));
    ex_try(memory, tkr_cell_set_name(memory, "memory"));
    ex_try(memory, tkr_cell_set_int(memory, TKR_INIT, TKR_INIT_ORTHOGONAL));
    return memory;
}

static nets make_nets(const settings *set, tkr_env *env) {
    nets made;
    tkr_cell *reader[1] = {make_memory(set, env)}, *writer[2] = {make_memory(set, env), NULL};
    ex_try(env, tkr_cell_create(&writer[1], TKR_LINEAR, set->hidden, set->letters + 1, env));
    ex_try(env, tkr_cell_chain(&made.encoder, reader, 1, env));
    ex_try(env, tkr_cell_chain(&made.decoder, writer, 2, env));
    ex_try(made.encoder, tkr_cell_init(made.encoder, (uint64_t)set->seed));
    ex_try(made.decoder, tkr_cell_init(made.decoder, (uint64_t)set->seed + 1));
    return made;
}

/* ---- test: the decoder on its own ------------------------------------------------------------ */

static int32_t likeliest(const float *scores, int64_t n) {
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++) {
        best = scores[i] > scores[best] ? i : best;
    }
    return (int32_t)best;
}

/* The decoder goes on from `state`, each letter said being the next one seen, until it ends. */
static void say_words(const settings *set, const tkr_cell *decoder, tkr_state *state, int64_t n,
                      int32_t *said) {
    int64_t symbols = set->letters + 1;
    float *scores = ex_alloc(n * symbols, sizeof *scores);
    int32_t *next = ex_alloc(n, sizeof *next);
    for (int64_t b = 0; b < n; b++) {
        next[b] = (int32_t)set->letters;
    }
    for (int64_t t = 0; t <= set->longest; t++) {
        ex_try(state, tkr_cell_step_ids(decoder, state, scores, next));
        for (int64_t b = 0; b < n; b++) {
            said[t * n + b] = next[b] = likeliest(scores + b * symbols, symbols);
        }
    }
    free(scores);
    free(next);
}

static int is_right(const batch *words, const int32_t *said, int64_t b) {
    for (int64_t t = 0; t < words->said_len[b]; t++) {
        if (said[t * words->n + b] != words->said[t * words->n + b]) {
            return 0;
        }
    }
    return 1;
}

static void print_letters(const char *before, const int32_t *ids, int64_t stride, int64_t len,
                          int64_t end) {
    printf("%s", before);
    for (int64_t t = 0; t < len && ids[t * stride] != end; t++) {
        putchar('a' + (int)ids[t * stride]);
    }
}

static void print_words(const settings *set, const batch *words, const int32_t *said) {
    for (int64_t b = 0; b < 8; b++) {
        print_letters("  ", words->word + b, words->n, words->word_len[b], set->letters);
        print_letters(" -> ", said + b, words->n, set->longest + 1, set->letters);
        printf("%s\n", is_right(words, said, b) ? "" : "   wrong");
    }
}

/* The share of unseen words that come out backwards, to the last letter. */
static double test(const settings *set, const nets *net, const batch *words, int print) {
    tkr_env *env = ex_env(set->threads);
    tkr_sequence *reading;
    tkr_state *state;
    int32_t *said = ex_alloc(words->n * (set->longest + 1), sizeof *said);
    ex_try(env,
           tkr_sequence_create(&reading, net->encoder, set->longest, words->n, TKR_INFERENCE, env));
    ex_try(env, tkr_state_create(&state, net->decoder, words->n, env));
    ex_try(reading,
           tkr_sequence_forward_ids(reading, words->word, words->word_len, set->longest, words->n));
    ex_try(reading, tkr_sequence_get_state(reading, state));
    say_words(set, net->decoder, state, words->n, said);
    double right = 0;
    for (int64_t b = 0; b < words->n; b++) {
        right += is_right(words, said, b);
    }
    if (print) {
        print_words(set, words, said);
    }
    tkr_state_destroy(state);
    tkr_sequence_destroy(reading);
    free(said);
    return right / (double)words->n;
}

/* ---- training -------------------------------------------------------------------------------- */

typedef struct trainer {
    tkr_sequence *reading, *writing;
    tkr_optimizer *reader, *writer;
} trainer;

static tkr_optimizer *make_adam(tkr_cell *net, const settings *set, tkr_env *env) {
    tkr_optimizer *adam;
    ex_try(env, tkr_optimizer_create(&adam, TKR_ADAM, net, env));
    ex_try(adam, tkr_optimizer_set_float(adam, TKR_LEARNING_RATE, set->rate));
    ex_try(adam, tkr_optimizer_set_float(adam, TKR_CLIP_NORM, set->clip));
    ex_try(adam, tkr_optimizer_set_int(adam, TKR_SCHEDULE, TKR_SCHEDULE_COSINE));
    ex_try(adam, tkr_optimizer_set_int(adam, TKR_SCHEDULE_STEPS, set->iterations));
    return adam;
}

static trainer make_trainer(const nets *net, const settings *set, tkr_env *env) {
    trainer made;
    int64_t steps = set->longest, n = set->batch;
    ex_try(env, tkr_sequence_create(&made.reading, net->encoder, steps, n, TKR_TRAINING, env));
    ex_try(env, tkr_sequence_create(&made.writing, net->decoder, steps + 1, n, TKR_TRAINING, env));
    ex_try(made.writing, tkr_sequence_link(made.writing, made.reading));
    made.reader = make_adam(net->encoder, set, env);
    made.writer = make_adam(net->decoder, set, env);
    return made;
}

static void free_trainer(trainer *made) {
    tkr_optimizer_destroy(made->reader);
    tkr_optimizer_destroy(made->writer);
    tkr_sequence_destroy(made->writing); /* the decoder before its encoder */
    tkr_sequence_destroy(made->reading);
}

/* Forward through both, backward through both: the link carries the state one way and its gradient
 * the other. */
static double train_batch(trainer *run, const settings *set, const batch *words) {
    tkr_sequence *reading = run->reading, *writing = run->writing;
    int64_t steps = set->longest, n = words->n;
    double loss = 0;
    ex_try(reading, tkr_sequence_forward_ids(reading, words->word, words->word_len, steps, n));
    ex_try(writing, tkr_sequence_forward_ids(writing, words->seen, words->said_len, steps + 1, n));
    ex_try(writing, tkr_sequence_loss_ids(writing, &loss, words->said, NULL));
    ex_try(writing, tkr_sequence_backward(writing, NULL, NULL));
    ex_try(reading, tkr_sequence_backward(reading, NULL, NULL));
    ex_try(run->writer, tkr_optimizer_step(run->writer, writing));
    ex_try(run->reader, tkr_optimizer_step(run->reader, reading));
    return loss;
}

static void train(const settings *set, const nets *net, const batch *unseen) {
    trainer run = make_trainer(net, set, ex_env(set->threads));
    batch words = make_batch(set->batch);
    uint64_t random = (uint64_t)set->seed;
    double loss = 0;
    ex_progress progress =
        ex_progress_start("train", 0, set->iterations, (double)set->batch, "words");
    printf("iteration   loss in nats per letter   unseen words right\n");
    for (int64_t i = 1; i <= set->iterations; i++) {
        fill_batch(&words, set, 0, &random);
        loss = train_batch(&run, set, &words);
        ex_progress_show(&progress, i, loss);
        if (i % set->every == 0 || i == set->iterations) {
            ex_progress_hide(&progress);
            printf("%9lld %25.4f %18.1f %%\n", (long long)i, loss, 100 * test(set, net, unseen, 0));
        }
    }
    free_batch(&words);
    free_trainer(&run);
}

static void read_options(settings *set, int argc, char **argv) {
    ex_option options[] = {
        {"cell", EX_CHOICE, &set->cell, 0, 0, "elman|lstm|gru: the cell", 0},
        {"letters", EX_INT, &set->letters, 2, 26, "of the alphabet", 0},
        {"shortest", EX_INT, &set->shortest, 1, MAX_LETTERS, "letters of a word, at least", 0},
        {"longest", EX_INT, &set->longest, 1, MAX_LETTERS, "letters of a word, at most", 0},
        {"hidden", EX_INT, &set->hidden, 1, 4096, "hidden units of each half", 0},
        {"batch", EX_INT, &set->batch, 1, 4096, "words side by side", 0},
        {"iterations", EX_INT, &set->iterations, 1, 1e9, "batches to train on", 0},
        {"every", EX_INT, &set->every, 1, 1e9, "iterations between tests", 0},
        {"lr", EX_REAL, &set->rate, 0, 100, "Adam's rate, falling to 0 on a cosine", 0},
        {"clip", EX_REAL, &set->clip, 0, 1e9, "clip the gradient's norm; 0 does not", 0},
        {"seed", EX_INT, &set->seed, 0, 1e9, "of all that is random", 0},
        {"threads", EX_INT, &set->threads, 1, 64, "threads", 0},
        {0},
    };
    ex_options("An encoder and a decoder learn to say words backwards.", options, argc, argv);
    if (set->longest < set->shortest) {
        ex_die("--longest %lld is shorter than --shortest %lld", (long long)set->longest,
               (long long)set->shortest);
    }
}

int main(int argc, char **argv) {
    settings set = {.cell = 1,
                    .letters = 26,
                    .shortest = 3,
                    .longest = 8,
                    .hidden = 128,
                    .batch = 64,
                    .iterations = 2000,
                    .every = 500,
                    .seed = 1,
                    .threads = 1,
                    .rate = 0.005,
                    .clip = 1};
    read_options(&set, argc, argv);
    uint64_t random = (uint64_t)set.seed + 1;
    nets net = make_nets(&set, ex_env(set.threads));
    batch unseen = make_batch(TESTS);
    fill_batch(&unseen, &set, 1, &random);
    train(&set, &net, &unseen);
    printf("\nsome of the %d unseen words:\n", TESTS);
    double right = test(&set, &net, &unseen, 1);
    printf("\nreverse: exact=%.1f\n", 100 * right);
    free_batch(&unseen);
    tkr_cell_destroy(net.decoder);
    tkr_cell_destroy(net.encoder);
    return ex_done();
}
