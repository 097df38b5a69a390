/* SPDX-License-Identifier: MIT
 *
 * The training. The last fifth of the pair is held out. What lies before it is cut into segments,
 * a batch of which goes side by side: some steps that only fill the state, then windows, each with
 * its own gradient and update, the state being carried from one to the next (truncated BPTT).
 */
#include "amp.h"

#include <stdlib.h>
#include <string.h>

typedef struct pair {
    amp_wave dry, wet;
    int64_t held; /* the first sample that is held out */
} pair;

typedef struct trainer {
    const amp_options *set;
    const pair *sound;
    tkr_cell *net, *best;
    tkr_sequence *seq;
    tkr_optimizer *adam;
    int64_t segments, batch;
    int64_t *starts;         /* [segments] first samples behind the warm-up */
    float *input, *doutput;  /* [steps][batch] */
    float *target, *output;  /* [1 + steps][batch], the step before the window first */
    float *streamed;         /* [len] */
    amp_error valid, lowest; /* of the net as it is, and of the best one */
} trainer;

/* ---- the pair -------------------------------------------------------------------------------- */

static void check_level(const char *path, const amp_wave *wave, int64_t from, int64_t to,
                        const char *part) {
    static const double silence = 1e-5; /* 100 dB below full scale */
    if (amp_rms(wave->samples + from, to - from) < silence) {
        ex_die("%s: is silent in the part %s", path, part);
    }
}

static pair read_pair(const amp_options *set, const char *dry, const char *wet) {
    pair sound = {.dry = amp_wave_read(dry), .wet = amp_wave_read(wet)};
    int64_t len = sound.dry.len, rate = sound.dry.rate, least = 2 * (set->warmup + set->segment);
    if (sound.wet.rate != rate) {
        ex_die("%s has %lld Hz, and %s has %lld Hz", dry, (long long)rate, wet,
               (long long)sound.wet.rate);
    }
    if (sound.wet.len != len) {
        ex_die("%s has %lld samples, and %s has %lld", dry, (long long)len, wet,
               (long long)sound.wet.len);
    }
    sound.held = len - len / 5;
    if (sound.held < least) {
        ex_die("%s: is too short: %.2f s, and %.2f s are wanted", dry, (double)len / (double)rate,
               1.25 * (double)least / (double)rate);
    }
    check_level(dry, &sound.dry, 0, sound.held, "to learn from");
    check_level(wet, &sound.wet, 0, sound.held, "to learn from");
    check_level(dry, &sound.dry, sound.held, len, "held out");
    check_level(wet, &sound.wet, sound.held, len, "held out");
    return sound;
}

/* The error on what is held out. */
static amp_error held_out(const pair *sound, const float *output) {
    int64_t from = sound->held;
    return amp_error_of(sound->wet.samples + from, output + from, sound->wet.len - from);
}

/* ---- the net: y = x + linear(lstm(x)) -------------------------------------------------------- */

static tkr_cell *make_net(const amp_options *set, int64_t rate, tkr_env *env) {
    tkr_cell *parts[2], *sides[2], *net;
    char text[24];
    ex_try(env, tkr_cell_create(&parts[0], TKR_LSTM, 1, set->hidden, env));
    ex_try(env, tkr_cell_create(&parts[1], TKR_LINEAR, set->hidden, 1, env));
    ex_try(env, tkr_cell_chain(&sides[0], parts, 2, env));
    ex_try(env, tkr_cell_create(&sides[1], TKR_SELECT, 1, 1, env));
    ex_try(env, tkr_cell_branch(&net, sides, 2, TKR_SUM, env));
    ex_try(net, tkr_cell_init(net, (uint64_t)set->seed));
    snprintf(text, sizeof text, "%lld", (long long)rate);
    ex_try(net, tkr_cell_set_metadata(net, "sample_rate", text));
    return net;
}

/* ---- an epoch -------------------------------------------------------------------------------- */

/* Where an epoch's segments begin, shuffled: the cuts move from one epoch to the next. */
static void shuffle(trainer *t, uint64_t *random) {
    int64_t first = t->set->warmup + ex_below(random, t->set->segment);
    for (int64_t i = 0; i < t->segments; i++) {
        int64_t j = ex_below(random, i + 1);
        t->starts[i] = t->starts[j];
        t->starts[j] = first + i * t->set->segment;
    }
}

/* Fill input and target with a window of the batch, `at` steps behind the segments' starts. */
static void load_window(trainer *t, const int64_t *starts, int64_t at, int64_t steps) {
    int64_t batch = t->batch;
    for (int64_t b = 0; b < batch; b++) {
        const float *dry = t->sound->dry.samples + starts[b] + at;
        const float *wet = t->sound->wet.samples + starts[b] + at;
        for (int64_t i = 0; i < steps; i++) {
            t->input[i * batch + b] = dry[i];
            t->target[(i + 1) * batch + b] = wet[i];
        }
    }
}

/* One window; before a segment's start it only moves the state. Its last step is kept: the next
 * window's pre-emphasis looks back at it. Returns the loss. */
static double run_window(trainer *t, const int64_t *starts, int64_t at, int64_t steps) {
    int64_t batch = t->batch, n = steps * batch;
    size_t row = (size_t)batch * sizeof(float);
    double loss = 0;
    load_window(t, starts, at, steps);
    ex_try(t->seq, tkr_sequence_forward(t->seq, t->input, NULL, steps, batch));
    ex_try(t->seq, tkr_sequence_output(t->seq, t->output + batch, n));
    if (at >= 0) {
        loss = amp_loss(t->doutput, t->target, t->output, steps, batch);
        ex_try(t->seq, tkr_sequence_backward(t->seq, t->doutput, NULL));
        ex_try(t->adam, tkr_optimizer_step(t->adam, t->seq));
    }
    memcpy(t->output, t->output + n, row);
    memcpy(t->target, t->target + n, row);
    return loss;
}

/* One batch of segments, from the initial state. Returns the mean loss of its windows. */
static double run_batch(trainer *t, const int64_t *starts) {
    double sum = 0;
    int64_t windows = 0, steps;
    ex_try(t->seq, tkr_sequence_set_state(t->seq, NULL));
    for (int64_t at = -t->set->warmup; at < t->set->segment; at += steps) {
        int64_t left = at < 0 ? -at : t->set->segment - at;
        steps = left < t->set->steps ? left : t->set->steps;
        sum += run_window(t, starts, at, steps);
        windows += at >= 0;
    }
    return sum / (double)windows;
}

/* The net on what is held out, as one stream, which begins a warm-up earlier. */
static void validate(trainer *t) {
    int64_t from = t->sound->held - t->set->warmup;
    amp_stream(t->net, t->streamed + from, t->sound->dry.samples + from, t->sound->dry.len - from,
               4096);
    t->valid = held_out(t->sound, t->streamed);
    if (t->best == NULL || t->valid.esr < t->lowest.esr) {
        tkr_cell_destroy(t->best);
        ex_try(t->net, tkr_cell_clone(&t->best, t->net, NULL));
        t->lowest = t->valid;
    }
}

/* ---- the training ---------------------------------------------------------------------------- */

static void start(trainer *t, tkr_env *env) {
    const amp_options *set = t->set;
    int64_t segments = (t->sound->held - set->warmup) / set->segment - 1; /* and room to move */
    int64_t batch = set->batch < segments ? set->batch : segments;
    int64_t updates = segments / batch * ((set->segment + set->steps - 1) / set->steps);
    t->segments = segments;
    t->batch = batch;
    t->starts = ex_alloc(segments, sizeof *t->starts);
    t->input = ex_alloc(set->steps * batch, sizeof(float));
    t->doutput = ex_alloc(set->steps * batch, sizeof(float));
    t->target = ex_alloc((1 + set->steps) * batch, sizeof(float));
    t->output = ex_alloc((1 + set->steps) * batch, sizeof(float));
    t->streamed = ex_alloc(t->sound->dry.len, sizeof(float));
    ex_try(env, tkr_sequence_create(&t->seq, t->net, set->steps, batch, TKR_TRAINING, env));
    ex_try(t->seq, tkr_sequence_set_int(t->seq, TKR_CARRY, 1));
    ex_try(env, tkr_optimizer_create(&t->adam, TKR_ADAM, t->net, env));
    ex_try(t->adam, tkr_optimizer_set_float(t->adam, TKR_LEARNING_RATE, set->lr));
    ex_try(t->adam, tkr_optimizer_set_float(t->adam, TKR_CLIP_NORM, 1));
    ex_try(t->adam, tkr_optimizer_set_int(t->adam, TKR_SCHEDULE, TKR_SCHEDULE_COSINE));
    ex_try(t->adam, tkr_optimizer_set_int(t->adam, TKR_SCHEDULE_STEPS, set->epochs * updates));
    ex_try(t->adam, tkr_optimizer_set_float(t->adam, TKR_SCHEDULE_FLOOR, 0.01));
}

static void stop(trainer *t) {
    tkr_optimizer_destroy(t->adam);
    tkr_sequence_destroy(t->seq);
    tkr_cell_destroy(t->net);
    tkr_cell_destroy(t->best);
    free(t->starts);
    free(t->input);
    free(t->doutput);
    free(t->target);
    free(t->output);
    free(t->streamed);
}

static void run_epochs(trainer *t) {
    uint64_t random = (uint64_t)t->set->seed;
    double began = ex_now();
    int64_t epochs = t->set->epochs, every = epochs < 10 ? 1 : epochs / 10;
    ex_progress progress = ex_progress_start("amp", 0, epochs, (double)t->sound->held, "samples");
    printf("\n epoch      loss  ESR held out      time\n");
    for (int64_t epoch = 1; epoch <= epochs; epoch++) {
        int64_t batches = t->segments / t->batch;
        double loss = 0;
        shuffle(t, &random);
        for (int64_t i = 0; i < batches; i++) {
            loss += run_batch(t, t->starts + i * t->batch) / (double)batches;
        }
        validate(t);
        ex_progress_show(&progress, epoch, loss);
        if (epoch % every == 0 || epoch == epochs) {
            ex_progress_hide(&progress);
            printf("%6lld %9.4f %13.4f %7.1f s\n", (long long)epoch, loss, t->valid.esr,
                   ex_now() - began);
        }
    }
    ex_progress_hide(&progress);
}

/* ---- what came of it ------------------------------------------------------------------------- */

/* Load the file again: its metadata must be there, and a stream of blocks must give the samples of
 * an unrolled forward, bit for bit. */
static void check_file(trainer *t, const char *path) {
    enum { STEPS = 1024, BLOCK = 64 };
    int64_t rate = 0, from = t->sound->held, len = t->sound->dry.len - from;
    const float *input = t->sound->dry.samples + from;
    float *unrolled = ex_alloc(len, sizeof *unrolled), *streamed = t->streamed;
    tkr_cell *net = amp_load(path, &rate);
    tkr_sequence *seq;
    ex_try(ex_env(1), tkr_sequence_create(&seq, net, STEPS, 1, TKR_INFERENCE, ex_env(1)));
    ex_try(seq, tkr_sequence_set_int(seq, TKR_CARRY, 1));
    for (int64_t at = 0; at < len; at += STEPS) {
        int64_t steps = len - at < STEPS ? len - at : STEPS;
        ex_try(seq, tkr_sequence_forward(seq, input + at, NULL, steps, 1));
        ex_try(seq, tkr_sequence_output(seq, unrolled + at, steps));
    }
    amp_stream(net, streamed, input, len, BLOCK);
    if (rate != t->sound->dry.rate || memcmp(streamed, unrolled, (size_t)len * sizeof(float))) {
        ex_die("%s: is not the net that was saved", path);
    }
    printf("%s: read again; in blocks of %d it gives the %lld samples of a forward, bit for bit\n",
           path, BLOCK, (long long)len);
    tkr_sequence_destroy(seq);
    tkr_cell_destroy(net);
    free(unrolled);
}

static void print_table(trainer *t, double *wire, double *curve) {
    const char *const names[] = {"straight wire", "static curve", "LSTM"};
    amp_error errors[3];
    amp_wire(t->streamed, &t->sound->dry, &t->sound->wet, t->sound->held);
    errors[0] = held_out(t->sound, t->streamed);
    amp_curve(t->streamed, &t->sound->dry, &t->sound->wet, t->sound->held);
    errors[1] = held_out(t->sound, t->streamed);
    errors[2] = t->lowest;
    printf("\nerror-to-signal ratio, held out   with pre-emphasis   without\n");
    for (int i = 0; i < 3; i++) {
        printf("%-33s %17.4f %9.4f\n", names[i], errors[i].esr, errors[i].plain);
    }
    *wire = errors[0].esr;
    *curve = errors[1].esr;
}

void amp_train(const amp_options *set, const char *dry, const char *wet, const char *model) {
    const char *const read[] = {dry, wet};
    double began = ex_now(), wire = 0, curve = 0;
    ex_keep_apart(model, read, 2);
    ex_try_output(model);
    pair sound = read_pair(set, dry, wet);
    tkr_env *env = ex_env(set->threads);
    trainer t = {.set = set, .sound = &sound, .net = make_net(set, sound.dry.rate, env)};
    start(&t, env);
    printf("%.1f s at %lld Hz to learn from, %.1f s held out; %lld units, batches of %lld\n",
           (double)sound.held / (double)sound.dry.rate, (long long)sound.dry.rate,
           (double)(sound.dry.len - sound.held) / (double)sound.dry.rate, (long long)set->hidden,
           (long long)t.batch);
    run_epochs(&t);
    print_table(&t, &wire, &curve);
    ex_try(t.best, tkr_cell_save(t.best, model));
    check_file(&t, model);
    printf("\namp: ESR %.4f, wire %.4f, curve %.4f, %.0f s\n", t.lowest.esr, wire, curve,
           ex_now() - began);
    stop(&t);
    free(sound.dry.samples);
    free(sound.wet.samples);
}
