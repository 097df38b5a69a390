/* SPDX-License-Identifier: MIT
 *
 * long_memory: the adding problem. At each step the net is shown a number and a mark; two of the
 * numbers are marked, and after the last step it must tell their sum. To always say 1 has a mean
 * squared error of 1/6. What the net needs, it saw up to --steps steps ago: does any gradient get
 * there? The picture shows |dL/dh_t| from the last step back to the first. Elman, LSTM and GRU are
 * the library's; the minGRU is a cell of one's own.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "mingru.h"

typedef struct settings {
    const char *picture;
    int64_t steps, hidden, batch, iterations, seed, threads;
    double rate, clip;
} settings;

enum { CONTENDERS = 4 };

/* One of the cells, all trained on the same examples. */
typedef struct contender {
    int32_t kind;
    tkr_cell *net;
    double *before, *after; /* [steps] |dL/dh_t|, untrained and trained; NULL of a minGRU */
    double mse, seconds;
} contender;

/* A batch of examples, [steps][batch]: number and mark, the sum, and where the loss counts. */
typedef struct examples {
    float *input, *target, *weights;
} examples;

enum { TEST_BATCHES = 10, REPORTS = 10 };

static const char *name_of(int32_t kind) {
    return kind == TKR_USER ? "mingru" : ex_cell_name(kind);
}

static examples make_examples(const settings *set) {
    int64_t n = set->steps * set->batch;
    examples made = {ex_alloc(2 * n, sizeof(float)), ex_alloc(n, sizeof(float)),
                     ex_alloc(n, sizeof(float))};
    for (int64_t b = 0; b < set->batch; b++) {
        made.weights[n - set->batch + b] = 1; /* many to one: only after the last step */
    }
    return made;
}

static void free_examples(examples *made) {
    free(made->input);
    free(made->target);
    free(made->weights);
}

/* One mark in the first half, one in the second. */
static void draw_examples(examples *made, const settings *set, uint64_t *random) {
    int64_t steps = set->steps, batch = set->batch, half = steps / 2;
    for (int64_t b = 0; b < batch; b++) {
        int64_t first = ex_below(random, half), second = half + ex_below(random, steps - half);
        double sum = 0;
        for (int64_t t = 0; t < steps; t++) {
            double number = ex_uniform(random);
            int marked = t == first || t == second;
            float *x = made->input + 2 * (t * batch + b);
            x[0] = (float)number;
            x[1] = marked ? 1 : 0;
            sum += marked ? number : 0;
        }
        made->target[(steps - 1) * batch + b] = (float)sum;
    }
}

/* The LSTM's forget bias of 1 is Jozefowicz's; the recurrent weights are orthogonal for all. */
static tkr_cell *make_net(const settings *set, int32_t kind, tkr_env *env) {
    tkr_cell *parts[2], *net;
    if (kind == TKR_USER) {
        ex_try(env, mingru_create(&parts[0], 2, set->hidden, env));
    } else {
        ex_try(env, tkr_cell_create(&parts[0], kind, 2, set->hidden, env));
    }
    ex_try(env, tkr_cell_create(&parts[1], TKR_LINEAR, set->hidden, 1, env));
    ex_try(parts[0], tkr_cell_set_int(parts[0], TKR_INIT, TKR_INIT_ORTHOGONAL));
    if (kind == TKR_LSTM) {
        ex_try(parts[0], tkr_cell_set_float(parts[0], TKR_FORGET_BIAS, 1));
    }
    ex_try(env, tkr_cell_chain(&net, parts, 2, env));
    ex_try(net, tkr_cell_init(net, (uint64_t)set->seed));
    return net;
}

static tkr_optimizer *make_adam(tkr_cell *net, const settings *set, tkr_env *env) {
    tkr_optimizer *adam;
    ex_try(env, tkr_optimizer_create(&adam, TKR_ADAM, net, env));
    ex_try(adam, tkr_optimizer_set_float(adam, TKR_LEARNING_RATE, set->rate));
    ex_try(adam, tkr_optimizer_set_float(adam, TKR_CLIP_NORM, set->clip));
    ex_try(adam, tkr_optimizer_set_int(adam, TKR_SCHEDULE, TKR_SCHEDULE_COSINE));
    ex_try(adam, tkr_optimizer_set_int(adam, TKR_SCHEDULE_STEPS, set->iterations));
    return adam;
}

static double loss_of(tkr_sequence *seq, const settings *set, const examples *shown) {
    double loss = 0;
    ex_try(seq, tkr_sequence_forward(seq, shown->input, NULL, set->steps, set->batch));
    ex_try(seq, tkr_sequence_loss_values(seq, &loss, TKR_MSE, shown->target, shown->weights));
    return loss;
}

/* |dL/dh_t| at every step, over a fresh batch. The parameters stay as they are. */
static void record_norms(tkr_sequence *seq, const settings *set, examples *shown, double *norms) {
    uint64_t random = (uint64_t)set->seed + 12345;
    if (!norms) {
        return;
    }
    draw_examples(shown, set, &random);
    loss_of(seq, set, shown);
    ex_try(seq, tkr_sequence_backward(seq, NULL, NULL));
    ex_try(seq, tkr_sequence_step_norms(seq, norms, set->steps));
    ex_try(seq, tkr_sequence_zero_gradients(seq));
}

/* Mean squared error on examples never trained on. */
static double test(tkr_sequence *seq, const settings *set, examples *shown) {
    uint64_t random = (uint64_t)set->seed + 67890;
    double sum = 0;
    for (int i = 0; i < TEST_BATCHES; i++) {
        draw_examples(shown, set, &random);
        sum += loss_of(seq, set, shown);
    }
    return sum / TEST_BATCHES;
}

static void train(contender *who, const settings *set, examples *shown, double *history) {
    tkr_env *env = ex_env(set->threads);
    tkr_sequence *seq;
    tkr_optimizer *adam = make_adam(who->net, set, env);
    uint64_t random = (uint64_t)set->seed;
    ex_try(env, tkr_sequence_create(&seq, who->net, set->steps, set->batch,
                                    TKR_TRAINING | TKR_STEP_NORMS, env));
    record_norms(seq, set, shown, who->before);
    ex_progress progress =
        ex_progress_start(name_of(who->kind), 0, set->iterations, (double)set->batch, "examples");
    for (int64_t i = 1; i <= set->iterations; i++) {
        draw_examples(shown, set, &random);
        double loss = loss_of(seq, set, shown);
        ex_try(seq, tkr_sequence_backward(seq, NULL, NULL));
        ex_try(adam, tkr_optimizer_step(adam, seq));
        history[(i - 1) * REPORTS / set->iterations] = loss; /* the last of each tenth stays */
        ex_progress_show(&progress, i, loss);
    }
    ex_progress_hide(&progress);
    who->seconds = ex_now() - progress.start;
    record_norms(seq, set, shown, who->after);
    who->mse = test(seq, set, shown);
    tkr_optimizer_destroy(adam);
    tkr_sequence_destroy(seq);
}

static contender compete(const settings *set, int32_t kind, examples *shown, double *history) {
    contender who = {.kind = kind, .net = make_net(set, kind, ex_env(set->threads))};
    if (kind != TKR_USER) { /* whose h the library does not know from other states */
        who.before = ex_alloc(set->steps, sizeof *who.before);
        who.after = ex_alloc(set->steps, sizeof *who.after);
    }
    train(&who, set, shown, history);
    return who;
}

static void print_history(const settings *set, double history[CONTENDERS][REPORTS]) {
    printf("\niteration    elman     lstm      gru   mingru   (squared error of one batch)\n");
    for (int i = 0; i < REPORTS; i++) {
        printf("%9lld %8.4f %8.4f %8.4f %8.4f\n", (long long)(set->iterations * (i + 1) / REPORTS),
               history[0][i], history[1][i], history[2][i], history[3][i]);
    }
}

/* How much of the gradient at the last step arrives at the first. */
static double arriving(const double *norms, int64_t steps) {
    return norms[steps - 1] > 0 ? norms[0] / norms[steps - 1] : 0;
}

static void print_result(const settings *set, const contender *all) {
    printf(
        "\n          error on    |dL/dh_1| / |dL/dh_T|\n"
        "       new examples   untrained     trained   seconds\n");
    for (int k = 0; k < CONTENDERS; k++) {
        printf("%-6s %12.6f", name_of(all[k].kind), all[k].mse);
        if (all[k].before) {
            printf(" %11.1e %11.1e", arriving(all[k].before, set->steps),
                   arriving(all[k].after, set->steps));
        } else {
            printf(" %11s %11s", "-", "-");
        }
        printf(" %9.1f\n", all[k].seconds);
    }
    printf("to say 1 always: %.4f\n", 1.0 / 6);
}

static const char *draw(ex_plot *plot, const settings *set, const contender *all) {
    for (int k = 0; k < 3; k++) {
        fprintf(plot->data, "# %s: t, untrained, trained\n", ex_cell_name(all[k].kind));
        for (int64_t t = 0; t < set->steps; t++) {
            fprintf(plot->data, "%lld %g %g\n", (long long)(t + 1), fmax(all[k].before[t], 1e-30),
                    fmax(all[k].after[t], 1e-30));
        }
        fprintf(plot->data, "\n\n");
    }
    return ex_plot_draw(
        plot,
        "set title 'What arrives at step t of the loss after the last step'\n"
        "set xlabel 'step t'\nset ylabel '|dL/dh_t|'\nset logscale y\nset format y '10^{%T}'\n"
        "set key outside right center vertical\n"
        "plot DATA index 0 using 1:2 with lines dt 2 lc rgb '#d62728' title 'Elman untrained', \\\n"
        "  DATA index 1 using 1:2 with lines dt 2 lc rgb '#1f77b4' title 'LSTM untrained', \\\n"
        "  DATA index 2 using 1:2 with lines dt 2 lc rgb '#2ca02c' title 'GRU untrained', \\\n"
        "  DATA index 0 using 1:3 with lines lw 2 lc rgb '#d62728' title 'Elman trained', \\\n"
        "  DATA index 1 using 1:3 with lines lw 2 lc rgb '#1f77b4' title 'LSTM trained', \\\n"
        "  DATA index 2 using 1:3 with lines lw 2 lc rgb '#2ca02c' title 'GRU trained'");
}

static void read_options(settings *set, int argc, char **argv) {
    ex_option options[] = {
        {"steps", EX_INT, &set->steps, 2, 10000, "length of a sequence", 0},
        {"hidden", EX_INT, &set->hidden, 1, 4096, "hidden units", 0},
        {"batch", EX_INT, &set->batch, 1, 4096, "sequences side by side", 0},
        {"iterations", EX_INT, &set->iterations, REPORTS, 1e9, "batches to train on", 0},
        {"lr", EX_REAL, &set->rate, 0, 100, "Adam's rate, falling to 0 on a cosine", 0},
        {"clip", EX_REAL, &set->clip, 0, 1e9, "clip the gradient's norm; 0 does not", 0},
        {"seed", EX_INT, &set->seed, 0, 1e9, "of all that is random", 0},
        {"picture", EX_FILE, &set->picture, 0, 0, "where to draw: .png or .svg", 0},
        {"threads", EX_INT, &set->threads, 1, 64, "threads", 0},
        {0},
    };
    ex_options(
        "The adding problem: Elman against LSTM, GRU and minGRU, and how far back a gradient goes.",
        options, argc, argv);
}

int main(int argc, char **argv) {
    settings set = {.picture = "long_memory.png",
                    .steps = 100,
                    .hidden = 64,
                    .batch = 32,
                    .iterations = 3000,
                    .seed = 1,
                    .threads = 1,
                    .rate = 0.005,
                    .clip = 0.3};
    static const int32_t kinds[CONTENDERS] = {TKR_ELMAN, TKR_LSTM, TKR_GRU, TKR_USER};
    double history[CONTENDERS][REPORTS] = {{0}};
    contender all[CONTENDERS];
    ex_plot plot;
    read_options(&set, argc, argv);
    ex_plot_open(&plot, set.picture, NULL);
    printf("adding problem: two marked numbers of %lld, %lld units, %lld batches of %lld\n",
           (long long)set.steps, (long long)set.hidden, (long long)set.iterations,
           (long long)set.batch);
    examples shown = make_examples(&set);
    for (int k = 0; k < CONTENDERS; k++) {
        all[k] = compete(&set, kinds[k], &shown, history[k]);
    }
    print_history(&set, history);
    print_result(&set, all);
    const char *picture = draw(&plot, &set, all);
    printf("\nlong_memory: elman=%.6f lstm=%.6f gru=%.6f mingru=%.6f picture=%s\n", all[0].mse,
           all[1].mse, all[2].mse, all[3].mse, picture);
    for (int k = 0; k < CONTENDERS; k++) {
        tkr_cell_destroy(all[k].net);
        free(all[k].before);
        free(all[k].after);
    }
    free_examples(&shown);
    return ex_done();
}
