/* SPDX-License-Identifier: MIT
 *
 * sentiment: did the writer like the film? Many to one: the net reads the words one by one, and
 * only what it says after the last word counts.
 *
 *   sentiment                                            our own few hundred lines
 *   sentiment --data FILE                                lines that begin with +1 or -1
 *   sentiment --positive FILE --negative FILE            plain lines, a file for each
 */
#include "sentiment.h"

#include <math.h>
#include <stdlib.h>

typedef struct settings {
    const char *data, *positive, *negative;
    int64_t cell, embedding, hidden, steps, batch, epochs, least, folds, only, seed, threads;
    double rate, dropout, clip;
} settings;

/* A batch as the net wants it: [steps][batch], and where each line ends. */
typedef struct batch {
    int64_t n, steps; /* lines; words of the longest */
    int32_t *ids, *target, *lengths;
    float *weights;
} batch;

/* ids -> embedding -> dropout -> recurrent layer -> dropout -> two scores */
static tkr_cell *make_net(const settings *set, int64_t symbols, tkr_env *env) {
    tkr_cell *parts[5], *net;
    int64_t embedding = set->embedding, hidden = set->hidden;
    ex_try(env, tkr_cell_create(&parts[0], TKR_EMBEDDING, symbols, embedding, env));
    ex_try(env, tkr_cell_create(&parts[1], TKR_DROPOUT, embedding, embedding, env));
    ex_try(env, tkr_cell_create(&parts[2], ex_cell_kind(set->cell), embedding, hidden, env));
    ex_try(env, tkr_cell_create(&parts[3], TKR_DROPOUT, hidden, hidden, env));
    ex_try(env, tkr_cell_create(&parts[4], TKR_LINEAR, hidden, 2, env));
    ex_try(parts[0], tkr_cell_set_float(parts[0], TKR_INIT_SCALE, 0.1));
    ex_try(parts[1], tkr_cell_set_float(parts[1], TKR_RATE, set->dropout));
    ex_try(parts[3], tkr_cell_set_float(parts[3], TKR_RATE, set->dropout));
    ex_try(env, tkr_cell_chain(&net, parts, 5, env));
    ex_try(net, tkr_cell_init(net, (uint64_t)set->seed));
    return net;
}

static batch make_batch(const settings *set) {
    int64_t room = set->steps * set->batch;
    return (batch){.ids = ex_alloc(room, sizeof(int32_t)),
                   .target = ex_alloc(room, sizeof(int32_t)),
                   .weights = ex_alloc(room, sizeof(float)),
                   .lengths = ex_alloc(set->batch, sizeof(int32_t))};
}

static void free_batch(batch *lines) {
    free(lines->ids);
    free(lines->target);
    free(lines->weights);
    free(lines->lengths);
}

/* Lines chosen[0 .. n) side by side. Of a long line the end is kept; a line without words is one
 * unknown word, id 0. The loss has a weight at the last word only. */
static void fill_batch(batch *lines, const settings *set, const reviews *data, const int32_t *ids,
                       const int64_t *chosen) {
    lines->steps = 1;
    for (int64_t b = 0; b < lines->n; b++) {
        int64_t n = data->all[chosen[b]].n;
        n = n < 1 ? 1 : n > set->steps ? set->steps : n;
        lines->lengths[b] = (int32_t)n;
        lines->steps = n > lines->steps ? n : lines->steps;
    }
    for (int64_t b = 0; b < lines->n; b++) {
        const review *line = &data->all[chosen[b]];
        int64_t len = lines->lengths[b], skip = line->n - len;
        for (int64_t t = 0; t < lines->steps; t++) {
            int64_t at = t * lines->n + b;
            int known = t < len && line->n > 0;
            lines->ids[at] = known ? ids[data->words[line->first + skip + t]] : 0;
            lines->target[at] = line->liked;
            lines->weights[at] = t == len - 1 ? 1 : 0;
        }
    }
}

/* The numbers of all reviews in (or outside of) a part. */
static int64_t choose(const reviews *data, int32_t part, int inside, int64_t *chosen) {
    int64_t n = 0;
    for (int64_t i = 0; i < data->n; i++) {
        if ((data->all[i].part == part) == inside) {
            chosen[n++] = i;
        }
    }
    return n;
}

static void shuffle(int64_t *values, int64_t n, uint64_t *random) {
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = ex_below(random, i + 1), swapped = values[i];
        values[i] = values[j];
        values[j] = swapped;
    }
}

typedef struct trial {
    const settings *set;
    const reviews *data;
    int32_t part, *ids; /* the part held out; ids of the words for this trial */
    int64_t *chosen;    /* room for the numbers of all reviews */
    tkr_cell *net;
    batch lines;
} trial;

static void train(trial *run, tkr_env *env) {
    const settings *set = run->set;
    int64_t n = choose(run->data, run->part, 0, run->chosen);
    int64_t batches = (n + set->batch - 1) / set->batch, total = batches * set->epochs;
    uint64_t random = (uint64_t)set->seed;
    double loss = 0;
    tkr_sequence *seq;
    tkr_optimizer *adam;
    ex_try(env, tkr_sequence_create(&seq, run->net, set->steps, set->batch, TKR_TRAINING, env));
    ex_try(seq, tkr_sequence_set_seed(seq, (uint64_t)set->seed));
    ex_try(env, tkr_optimizer_create(&adam, TKR_ADAM, run->net, env));
    ex_try(adam, tkr_optimizer_set_float(adam, TKR_LEARNING_RATE, set->rate));
    ex_try(adam, tkr_optimizer_set_float(adam, TKR_CLIP_NORM, set->clip));
    ex_try(adam, tkr_optimizer_set_int(adam, TKR_SCHEDULE, TKR_SCHEDULE_COSINE));
    ex_try(adam, tkr_optimizer_set_int(adam, TKR_SCHEDULE_STEPS, total));
    ex_progress progress = ex_progress_start("train", 0, total, (double)set->batch, "lines");
    for (int64_t i = 0; i < total; i++) {
        int64_t from = i % batches * set->batch;
        if (from == 0) {
            shuffle(run->chosen, n, &random);
        }
        run->lines.n = n - from < set->batch ? n - from : set->batch;
        fill_batch(&run->lines, set, run->data, run->ids, run->chosen + from);
        ex_try(seq, tkr_sequence_forward_ids(seq, run->lines.ids, run->lines.lengths,
                                             run->lines.steps, run->lines.n));
        ex_try(seq, tkr_sequence_loss_ids(seq, &loss, run->lines.target, run->lines.weights));
        ex_try(seq, tkr_sequence_backward(seq, NULL, NULL));
        ex_try(adam, tkr_optimizer_step(adam, seq));
        ex_progress_show(&progress, i + 1, loss);
    }
    ex_progress_hide(&progress);
    tkr_optimizer_destroy(adam);
    tkr_sequence_destroy(seq);
}

/* How many lines of the batch are judged rightly, after their last word. */
static double count_right(const batch *lines, const float *output) {
    double right = 0;
    for (int64_t b = 0; b < lines->n; b++) {
        int64_t at = (lines->lengths[b] - 1) * lines->n + b;
        right += (output[2 * at + 1] > output[2 * at]) == lines->target[at];
    }
    return right;
}

/* The share of right answers inside (or outside of) the part held out. */
static double accuracy(trial *run, int inside, tkr_env *env) {
    const settings *set = run->set;
    int64_t n = choose(run->data, run->part, inside, run->chosen);
    float *output = ex_alloc(set->steps * set->batch * 2, sizeof *output);
    double right = 0;
    tkr_sequence *seq;
    ex_try(env, tkr_sequence_create(&seq, run->net, set->steps, set->batch, TKR_INFERENCE, env));
    for (int64_t from = 0; from < n; from += set->batch) {
        run->lines.n = n - from < set->batch ? n - from : set->batch;
        fill_batch(&run->lines, set, run->data, run->ids, run->chosen + from);
        ex_try(seq, tkr_sequence_forward_ids(seq, run->lines.ids, run->lines.lengths,
                                             run->lines.steps, run->lines.n));
        ex_try(seq, tkr_sequence_output(seq, output, run->lines.steps * run->lines.n * 2));
        right += count_right(&run->lines, output);
    }
    tkr_sequence_destroy(seq);
    free(output);
    return right / (double)n;
}

/* Train on all parts but one; the accuracies on those and on that one. */
static void run_trial(const settings *set, const reviews *data, int32_t part, double *trained,
                      double *tested) {
    tkr_env *env = ex_env(set->threads);
    trial run = {.set = set, .data = data, .part = part, .lines = make_batch(set)};
    run.ids = ex_alloc(data->n_names, sizeof *run.ids);
    run.chosen = ex_alloc(data->n, sizeof *run.chosen);
    run.net = make_net(set, reviews_vocabulary(data, part, set->least, run.ids), env);
    train(&run, env);
    *trained = accuracy(&run, 0, env);
    *tested = accuracy(&run, 1, env);
    tkr_cell_destroy(run.net);
    free_batch(&run.lines);
    free(run.ids);
    free(run.chosen);
}

static void read_data(reviews *data, const settings *set) {
    if (set->positive != NULL && set->negative != NULL) {
        reviews_read(data, set->positive, 1);
        reviews_read(data, set->negative, 0);
    } else if (set->positive != NULL || set->negative != NULL) {
        ex_die("--positive and --negative go together");
    } else {
        reviews_read(data, set->data, -1);
    }
    if (data->n < 2 * set->folds) {
        ex_die("%lld lines are too few for %lld parts", (long long)data->n, (long long)set->folds);
    }
    reviews_divide(data, set->folds, (uint64_t)set->seed);
}

static void read_options(settings *set, int argc, char **argv) {
    ex_option options[] = {
        {"data", EX_FILE, &set->data, 0, 0, "lines that begin with +1 or -1, or # (comments)", 0},
        {"positive", EX_FILE, &set->positive, 0, 0, "lines of those who liked it", 0},
        {"negative", EX_FILE, &set->negative, 0, 0, "lines of those who did not", 0},
        {"folds", EX_INT, &set->folds, 2, 100, "parts; each is held out in its turn", 0},
        {"only", EX_INT, &set->only, 0, 100, "try only so many of them; 0: all", 0},
        {"cell", EX_CHOICE, &set->cell, 0, 0, "elman|lstm|gru: the cell", 0},
        {"embedding", EX_INT, &set->embedding, 1, 4096, "numbers for a word", 0},
        {"hidden", EX_INT, &set->hidden, 1, 4096, "hidden units", 0},
        {"steps", EX_INT, &set->steps, 1, 4096, "words of a line that are read, its last ones", 0},
        {"least", EX_INT, &set->least, 1, 1e6, "a word seen less often is unknown", 0},
        {"batch", EX_INT, &set->batch, 1, 4096, "lines side by side", 0},
        {"epochs", EX_INT, &set->epochs, 1, 1e6, "how often each line is shown", 0},
        {"lr", EX_REAL, &set->rate, 0, 100, "Adam's rate, falling to 0 on a cosine", 0},
        {"clip", EX_REAL, &set->clip, 0, 1e9, "clip the gradient's norm; 0 does not", 0},
        {"dropout", EX_REAL, &set->dropout, 0, 0.99, "before and after the recurrent layer", 0},
        {"seed", EX_INT, &set->seed, 0, 1e9, "of all that is random", 0},
        {"threads", EX_INT, &set->threads, 1, 64, "threads", 0},
        {0},
    };
    ex_options("Did the writer like it? A net that reads word by word, beside naive Bayes.",
               options, argc, argv);
    if (ex_given(options, "data") && (set->positive != NULL || set->negative != NULL)) {
        ex_die("--data, or --positive and --negative");
    }
}

int main(int argc, char **argv) {
    settings set = {.data = EXAMPLES_DIR "/data/sentiment.txt",
                    .cell = 2,
                    .embedding = 32,
                    .hidden = 32,
                    .steps = 60,
                    .batch = 32,
                    .epochs = 20,
                    .least = 1,
                    .folds = 5,
                    .seed = 1,
                    .threads = 1,
                    .rate = 0.005,
                    .dropout = 0.5,
                    .clip = 1};
    reviews data = {0};
    double sum[4] = {0, 0, 0, 0};
    read_options(&set, argc, argv);
    read_data(&data, &set);
    int64_t trials = set.only > 0 && set.only < set.folds ? set.only : set.folds;
    printf(
        "%lld lines, %lld words, %lld different ones; %s of %lld units\n\n"
        "        net, accuracy on   naive\n"
        "part   training  held out   Bayes   majority\n",
        (long long)data.n, (long long)data.n_words, (long long)data.n_names,
        ex_cell_name(ex_cell_kind(set.cell)), (long long)set.hidden);
    for (int32_t part = 0; part < trials; part++) {
        double of[4] = {0, 0, reviews_naive_bayes(&data, part), reviews_majority(&data, part)};
        run_trial(&set, &data, part, &of[0], &of[1]);
        printf("%4d %8.1f %% %6.1f %% %5.1f %% %7.1f %%\n", (int)part + 1, 100 * of[0], 100 * of[1],
               100 * of[2], 100 * of[3]);
        fflush(stdout);
        for (int k = 0; k < 4; k++) {
            sum[k] += 100 * of[k] / (double)trials;
        }
    }
    printf("mean %8.1f %% %6.1f %% %5.1f %% %7.1f %%\n", sum[0], sum[1], sum[2], sum[3]);
    printf("\nsentiment: train=%.1f test=%.1f naive_bayes=%.1f majority=%.1f\n", sum[0], sum[1],
           sum[2], sum[3]);
    reviews_free(&data);
    return ex_done();
}
