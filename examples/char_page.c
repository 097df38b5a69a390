/* SPDX-License-Identifier: MIT
 *
 * The founding page's first experiment: a net of 40 tanh units learns the source code that it is
 * written in, 30 characters of each line, and then writes lines of its own. Its text are the first
 * 60 lines of this file: whoever edits them changes all its figures.
 */
#include "char_lm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    STEPS = 30,       /* characters of a line */
    SYMBOLS = 128,    /* ASCII */
    HIDDEN = 40,      /* tanh units */
    MAX_LINES = 60,   /* of the text */
    ITERATIONS = 280, /* of Adam on all lines at once */
    EVERY = 10,       /* a row of the table */
    ROWS = ITERATIONS / EVERY,
    SAMPLES = 20,
    ORDER = 5, /* the n-gram's: the page's context of four, and the next */
    PAD = '~', /* what the n-gram sees before a line begins */
    MAX_SEEDS = 100,
};

/* How the same net is trained on the same text in the same number of iterations. */
typedef struct recipe {
    const char *name;
    double rate, clip, beta2;
    int64_t schedule;
} recipe;

static const recipe of_the_page = {"page", 0.1, 0, 0.999, TKR_SCHEDULE_CONSTANT};
static const recipe of_ours = {"ours", 0.05, 0.25, 0.99, TKR_SCHEDULE_COSINE};

typedef struct lines {
    int64_t n;
    int32_t *ids; /* [STEPS][n] */
} lines;

typedef struct run {
    double table[ROWS]; /* the loss before iterations 0, 10, 20 .. */
    double last;        /* after the last one */
    tkr_cell *net;
} run;

/* Put one line, with spaces behind it, into column `column`. */
static void add_line(lines *text, int64_t column, const char *line, size_t len, const char *path) {
    for (int64_t t = 0; t < STEPS; t++) {
        int c = (size_t)t < len ? (unsigned char)line[t] : ' ';
        if (c >= SYMBOLS) {
            ex_die("%s: only ASCII here, for the page's net has 128 symbols", path);
        }
        text->ids[t * text->n + column] = c;
    }
}

/* Of the first 60 lines those of more than 2 characters, the line end being one of them. */
static lines read_lines(const char *path) {
    size_t len = 0, starts[MAX_LINES], lengths[MAX_LINES];
    char *all = ex_read_text(path, EX_LINES, &len);
    lines text = {0, NULL};
    size_t at = 0;
    for (int seen = 0; seen < MAX_LINES && at < len; seen++) {
        const char *end = memchr(all + at, '\n', len - at);
        size_t line_len = end == NULL ? len - at : (size_t)(end - (all + at)) + 1;
        if (line_len > 2) {
            starts[text.n] = at;
            lengths[text.n++] = line_len;
        }
        at += line_len;
    }
    if (text.n == 0) {
        ex_die("%s: no line of more than 2 characters", path);
    }
    text.ids = ex_alloc(STEPS * text.n, sizeof *text.ids);
    for (int64_t i = 0; i < text.n; i++) {
        add_line(&text, i, all + starts[i], lengths[i], path);
    }
    free(all);
    return text;
}

/* Everything, the initial state too, is learned and starts as 0.01 N(0, 1). The output comes from
 * the state before a character is seen, so that the first one is predicted too. */
static tkr_cell *make_net(uint64_t seed, tkr_env *env) {
    tkr_cell *parts[2], *net;
    ex_try(env, tkr_cell_create(&parts[0], TKR_ELMAN, SYMBOLS, HIDDEN, env));
    ex_try(env, tkr_cell_create(&parts[1], TKR_LINEAR, HIDDEN, SYMBOLS, env));
    ex_try(parts[0], tkr_cell_set_int(parts[0], TKR_BIASES, 1));
    ex_try(parts[0], tkr_cell_set_int(parts[0], TKR_LEARNED_STATE, 1));
    ex_try(parts[0], tkr_cell_set_int(parts[0], TKR_OUTPUT_BEFORE, 1));
    for (int i = 0; i < 2; i++) {
        ex_try(parts[i], tkr_cell_set_int(parts[i], TKR_INIT, TKR_INIT_NORMAL));
    }
    ex_try(env, tkr_cell_chain(&net, parts, 2, env));
    ex_try(net, tkr_cell_init(net, seed));
    return net;
}

static tkr_optimizer *make_adam(tkr_cell *net, const recipe *how, tkr_env *env) {
    tkr_optimizer *adam;
    ex_try(env, tkr_optimizer_create(&adam, TKR_ADAM, net, env));
    ex_try(adam, tkr_optimizer_set_float(adam, TKR_LEARNING_RATE, how->rate));
    ex_try(adam, tkr_optimizer_set_float(adam, TKR_CLIP_NORM, how->clip));
    ex_try(adam, tkr_optimizer_set_float(adam, TKR_BETA2, how->beta2));
    ex_try(adam, tkr_optimizer_set_int(adam, TKR_SCHEDULE, how->schedule));
    if (how->schedule == TKR_SCHEDULE_COSINE) {
        ex_try(adam, tkr_optimizer_set_int(adam, TKR_SCHEDULE_STEPS, ITERATIONS));
    }
    return adam;
}

/* The characters are the inputs and, the output coming first, the targets as well. */
static double loss_of(tkr_sequence *seq, const lines *text) {
    double loss = 0;
    ex_try(seq, tkr_sequence_forward_ids(seq, text->ids, NULL, STEPS, text->n));
    ex_try(seq, tkr_sequence_loss_ids(seq, &loss, text->ids, NULL));
    return loss;
}

static run train(const lines *text, const recipe *how, uint64_t seed, tkr_env *env) {
    run result = {.net = make_net(seed, env)};
    tkr_optimizer *adam = make_adam(result.net, how, env);
    tkr_sequence *seq;
    ex_try(env, tkr_sequence_create(&seq, result.net, STEPS, text->n, TKR_TRAINING, env));
    ex_progress progress =
        ex_progress_start(how->name, 0, ITERATIONS, (double)(STEPS * text->n), "chars");
    for (int i = 0; i < ITERATIONS; i++) {
        double loss = loss_of(seq, text);
        if (i % EVERY == 0) {
            result.table[i / EVERY] = loss;
        }
        ex_try(seq, tkr_sequence_backward(seq, NULL, NULL));
        ex_try(adam, tkr_optimizer_step(adam, seq));
        ex_progress_show(&progress, i + 1, loss);
    }
    ex_progress_hide(&progress);
    result.last = loss_of(seq, text);
    tkr_sequence_destroy(seq);
    tkr_optimizer_destroy(adam);
    return result;
}

/* What the page printed, one number every ten iterations; its text was its own source. */
static const double printed[ROWS] = {4.8545, 3.0699, 2.9565, 2.5906, 2.3255, 2.1211, 1.9692,
                                     1.8869, 1.7455, 1.7750, 1.6059, 1.5077, 1.4375, 1.4505,
                                     1.3480, 1.4083, 1.2656, 1.2052, 1.1562, 1.1814, 1.3673,
                                     1.1592, 1.0567, 1.0465, 1.0373, 1.3592, 1.1556, 1.0324};

static void print_table(const run *page, const run *ours) {
    printf(
        "                 loss in nats per character\n"
        "iteration   page printed   page's settings   our recipe\n");
    for (int i = 0; i < ROWS; i++) {
        printf("%9d %14.4f %17.4f %12.4f\n", i * EVERY, printed[i], page->table[i], ours->table[i]);
    }
    printf("%9d %14s %17.4f %12.4f\n", ITERATIONS, "", page->last, ours->last);
}

/* One line of the text, behind its padding: [ORDER - 1 + STEPS]. */
static void padded_line(const lines *text, int64_t column, int32_t *padded) {
    for (int i = 0; i < ORDER - 1; i++) {
        padded[i] = PAD;
    }
    for (int64_t t = 0; t < STEPS; t++) {
        padded[ORDER - 1 + t] = text->ids[t * text->n + column];
    }
}

static tkr_ngram *count_lines(const lines *text) {
    int32_t padded[ORDER - 1 + STEPS];
    tkr_ngram *ngram;
    ex_try(ex_env(1), tkr_ngram_create(&ngram, ORDER, SYMBOLS, ex_env(1)));
    for (int64_t i = 0; i < text->n; i++) {
        padded_line(text, i, padded);
        ex_try(ngram, tkr_ngram_count(ngram, padded + ORDER - 1, STEPS, PAD));
    }
    ex_try(ngram, tkr_ngram_estimate(ngram, TKR_MAXIMUM_LIKELIHOOD));
    return ngram;
}

/* Nats per character on the very lines that it has counted. */
static double ngram_loss(const tkr_ngram *ngram, const lines *text) {
    int32_t padded[ORDER - 1 + STEPS];
    double sum = 0, logprob = 0;
    for (int64_t i = 0; i < text->n; i++) {
        padded_line(text, i, padded);
        for (int t = 0; t < STEPS; t++) {
            ex_try(ngram, tkr_ngram_logprob(ngram, &logprob, padded + t, ORDER - 1,
                                            padded[t + ORDER - 1]));
            sum -= logprob;
        }
    }
    return sum / (double)(STEPS * text->n);
}

static char printable(int32_t id) {
    return id < ' ' || id > '~' ? ' ' : (char)id;
}

/* A line from the net: its prediction, a draw, and the drawn character as the next input. */
static void sample_net(const tkr_cell *net, tkr_state *state, tkr_sampler *sampler, char *line) {
    float logits[SYMBOLS];
    int32_t id = 0;
    ex_try(state, tkr_state_reset(state));
    for (int t = 0; t < STEPS; t++) {
        ex_try(state, tkr_cell_step(net, state, logits, NULL));
        ex_try(sampler, tkr_sampler_draw(sampler, &id, logits, SYMBOLS));
        ex_try(state, tkr_cell_step_ids(net, state, NULL, &id));
        line[t] = printable(id);
    }
}

static int is_dead_end(const float *logprobs) {
    int id = 0;
    while (id < SYMBOLS && isinf(logprobs[id])) {
        id++;
    }
    return id == SYMBOLS;
}

/* A line from the n-gram, by the same sampler. It ends early after four characters that stood only
 * at a line's end: nothing ever followed them. */
static void sample_ngram(const tkr_ngram *ngram, tkr_sampler *sampler, char *line) {
    int32_t ids[ORDER - 1 + STEPS] = {PAD, PAD, PAD, PAD};
    float logprobs[SYMBOLS];
    memset(line, ' ', STEPS);
    for (int t = 0; t < STEPS; t++) {
        int32_t *id = &ids[ORDER - 1 + t];
        ex_try(ngram, tkr_ngram_distribution(ngram, logprobs, ids, ORDER - 1 + t));
        if (is_dead_end(logprobs)) {
            return;
        }
        ex_try(sampler, tkr_sampler_draw(sampler, id, logprobs, SYMBOLS));
        line[t] = printable(*id);
    }
}

static void print_samples(const char_options *set, const tkr_cell *net, const tkr_ngram *ngram) {
    char left[STEPS + 1] = "", right[STEPS + 1] = "";
    tkr_state *state;
    tkr_sampler *sampler;
    tkr_env *env = ex_env(1);
    ex_try(env, tkr_state_create(&state, net, 1, env));
    ex_try(env, tkr_sampler_create(&sampler, SYMBOLS, (uint64_t)set->seed, env));
    ex_try(sampler, tkr_sampler_set_float(sampler, TKR_TEMPERATURE, set->temperature));
    printf("\n%-*s | %s\n", STEPS, "The net writes:", "The n-gram writes:");
    for (int i = 0; i < SAMPLES; i++) {
        sample_net(net, state, sampler, left);
        sample_ngram(ngram, sampler, right);
        printf("%s | %s\n", left, right);
    }
    tkr_sampler_destroy(sampler);
    tkr_state_destroy(state);
}

/* One row for each seed, and the medians in the first elements. */
static void print_seeds(int64_t n, const double *seeds, double *first, double *page, double *ours) {
    printf("\nseed   first loss   page's settings   our recipe\n");
    for (int64_t i = 0; i < n; i++) {
        printf("%4.0f %12.4f %17.4f %12.4f\n", seeds[i], first[i], page[i], ours[i]);
    }
    first[0] = ex_median(first, n);
    page[0] = ex_median(page, n);
    ours[0] = ex_median(ours, n);
    printf("%s %9.4f %17.4f %12.4f\n", n > 1 ? "median" : "result", first[0], page[0], ours[0]);
}

void char_page(const char_options *set) {
    const char *path = set->text != NULL ? set->text : EXAMPLES_DIR "/char_page.c";
    double seeds[MAX_SEEDS], first[MAX_SEEDS], page[MAX_SEEDS], ours[MAX_SEEDS];
    tkr_env *env = ex_env(set->threads);
    lines text = read_lines(path);
    tkr_cell *writer = NULL; /* the first seed's net, trained by our recipe */
    printf("text: %lld lines of %d characters from %s\n", (long long)text.n, STEPS, path);
    printf("net: %d ids -> %d tanh -> %d, learned initial state, Adam, full batch\n\n", SYMBOLS,
           HIDDEN, SYMBOLS);
    for (int64_t i = 0; i < set->seeds; i++) {
        run by_page = train(&text, &of_the_page, (uint64_t)(set->seed + i), env);
        run by_ours = train(&text, &of_ours, (uint64_t)(set->seed + i), env);
        seeds[i] = (double)(set->seed + i);
        first[i] = by_ours.table[0], page[i] = by_page.last, ours[i] = by_ours.last;
        if (i == 0) {
            print_table(&by_page, &by_ours);
            writer = by_ours.net;
        } else {
            tkr_cell_destroy(by_ours.net);
        }
        tkr_cell_destroy(by_page.net);
    }
    print_seeds(set->seeds, seeds, first, page, ours);

    tkr_ngram *ngram = count_lines(&text);
    double rival = ngram_loss(ngram, &text);
    printf(
        "\nThe page's n-gram (%d characters of context, maximum likelihood): %.4f nats per "
        "character,\nscored, as the net is, on the text that it has learned by heart. On a new "
        "text it would soon\nmeet a character of probability zero: for that, see --text.\n",
        ORDER - 1, rival);
    print_samples(set, writer, ngram);
    printf("\nchar_lm: loss_first=%.4f loss_page=%.4f loss_last=%.4f ngram=%.4f\n", first[0],
           page[0], ours[0], rival);
    tkr_ngram_destroy(ngram);
    tkr_cell_destroy(writer);
    free(text.ids);
}
