/* SPDX-License-Identifier: MIT
 *
 * A character language model of any text. The text is cut into as many streams as the batch has
 * rows; each iteration takes the next window of every stream, carries the state over from the
 * window before, and goes back in time to the window's start: truncated BPTT.
 */
#include "char_lm.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where a training run stands; what tkr_checkpoint_save() keeps for it. */
enum { DONE, TOTAL, SHAPE, TEXT, CURSOR };

typedef struct trainer {
    tkr_cell *net;
    tkr_sequence *seq;
    tkr_optimizer *adam;
    uint64_t cursor[CURSOR];
    int64_t steps, batch;
    int32_t *input, *target; /* [steps][batch] */
} trainer;

/* ---- the net --------------------------------------------------------------------------------- */

/* Add the next part to a chain that is being built, and say what went wrong if it did. */
static tkr_cell *add_part(tkr_cell **parts, int *n, int32_t kind, int64_t input, int64_t output) {
    ex_try(ex_env(0), tkr_cell_create(&parts[*n], kind, input, output, ex_env(0)));
    return parts[(*n)++];
}

/* [embedding] -> recurrent layers -> [dropout] -> linear, a score for each symbol. */
static tkr_cell *make_net(const char_options *set, int64_t symbols) {
    tkr_cell *parts[4], *part, *net;
    int n = 0;
    int64_t width = symbols;
    if (set->embedding > 0) {
        add_part(parts, &n, TKR_EMBEDDING, symbols, width = set->embedding);
    }
    part = add_part(parts, &n, ex_cell_kind(set->cell), width, set->hidden);
    ex_try(part, tkr_cell_set_int(part, TKR_INIT, TKR_INIT_ORTHOGONAL));
    if (ex_cell_kind(set->cell) == TKR_LSTM) {
        ex_try(part, tkr_cell_set_float(part, TKR_FORGET_BIAS, 1));
    }
    ex_try(part, tkr_cell_set_int(part, TKR_LAYERS, set->layers));
    ex_try(part, tkr_cell_set_float(part, TKR_DROPOUT_BETWEEN, set->dropout));
    if (set->dropout > 0) {
        part = add_part(parts, &n, TKR_DROPOUT, set->hidden, set->hidden);
        ex_try(part, tkr_cell_set_float(part, TKR_RATE, set->dropout));
    }
    add_part(parts, &n, TKR_LINEAR, set->hidden, symbols);
    ex_try(ex_env(set->threads), tkr_cell_chain(&net, parts, n, ex_env(set->threads)));
    ex_try(net, tkr_cell_init(net, (uint64_t)set->seed));
    return net;
}

/* ---- measuring ------------------------------------------------------------------------------- */

/* The window of `steps` ids from position `at` on, of stream b of `batch`, each `len` ids long. The
 * input is the id before the target; before the first there is none: -1. */
static void fill_stream(int32_t *input, int32_t *target, const int32_t *ids, int64_t at,
                        int64_t steps, int64_t batch) {
    for (int64_t t = 0; t < steps; t++) {
        input[t * batch] = at + t > 0 ? ids[at + t - 1] : -1;
        target[t * batch] = ids[at + t];
    }
}

enum { VALID_STEPS = 64, VALID_STREAMS = 32, VALID_MIN = 256 };

/* One window of the validation text: `streams` pieces of it, each of `len` ids, from `from` on. */
typedef struct held_window {
    const corpus *data;
    int64_t streams, len, from;
    int32_t target[VALID_STEPS * VALID_STREAMS], lengths[VALID_STREAMS];
} held_window;

/* Run the net over a window; then its loss and its output can be asked for. */
static void run_window(tkr_sequence *seq, held_window *w) {
    int32_t input[VALID_STEPS * VALID_STREAMS];
    for (int64_t b = 0; b < w->streams; b++) {
        int64_t end = (b + 1) * w->len;
        int64_t at = b * w->len + w->from;
        end = end < w->data->valid_len ? end : w->data->valid_len;
        int64_t n = end - at < 0 ? 0 : end - at < VALID_STEPS ? end - at : VALID_STEPS;
        fill_stream(input + b, w->target + b, w->data->valid, at, n, w->streams);
        w->lengths[b] = (int32_t)n;
    }
    int64_t steps = w->len - w->from < VALID_STEPS ? w->len - w->from : VALID_STEPS;
    ex_try(seq, tkr_sequence_forward_ids(seq, input, w->lengths, steps, w->streams));
}

/* ln p of every character of a window, each at its place in the text. */
static void window_logprobs(const tkr_sequence *seq, const held_window *w, double *logprobs,
                            float *logits) {
    int64_t symbols = w->data->symbols;
    int64_t steps = w->len - w->from < VALID_STEPS ? w->len - w->from : VALID_STEPS;
    ex_try(seq, tkr_sequence_output(seq, logits, steps * w->streams * symbols));
    for (int64_t b = 0; b < w->streams; b++) {
        for (int64_t t = 0; t < w->lengths[b]; t++) {
            int64_t row = t * w->streams + b;
            ex_try(ex_env(1),
                   tkr_logits_logprobs(logprobs + b * w->len + w->from + t, logits + row * symbols,
                                       &w->target[row], 1, symbols));
        }
    }
}

/* Nats per character of the validation text, every character predicted once; of a text of more than
 * `most` only some so many, from the beginnings of its streams, which lie all over it. ln p of each
 * goes to logprobs [valid_len], unless that is NULL. */
static double validate(const tkr_cell *net, const corpus *data, int64_t most, int64_t threads,
                       double *logprobs) {
    int64_t streams = data->valid_len / VALID_MIN;
    streams = streams < 1 ? 1 : streams > VALID_STREAMS ? VALID_STREAMS : streams;
    int64_t len = (data->valid_len + streams - 1) / streams, counted = 0;
    int64_t end = most < data->valid_len ? most / streams : len;
    tkr_sequence *seq;
    tkr_env *env = ex_env(threads);
    ex_try(env, tkr_sequence_create(&seq, net, VALID_STEPS, streams, TKR_INFERENCE, env));
    ex_try(seq, tkr_sequence_set_int(seq, TKR_CARRY, 1));
    ex_try(seq, tkr_sequence_set_int(seq, TKR_REDUCTION, 1));
    float *logits = ex_alloc(VALID_STEPS * streams * data->symbols, sizeof *logits);
    double nats = 0, sum = 0;
    held_window w = {.data = data, .streams = streams, .len = len};
    for (; w.from < end; w.from += VALID_STEPS) {
        run_window(seq, &w);
        ex_try(seq, tkr_sequence_loss_ids(seq, &nats, w.target, NULL));
        sum += nats;
        for (int64_t b = 0; b < streams; b++) {
            counted += w.lengths[b];
        }
        if (logprobs != NULL) {
            window_logprobs(seq, &w, logprobs, logits);
        }
    }
    free(logits);
    tkr_sequence_destroy(seq);
    return sum / (double)counted;
}

static double bits(double nats) {
    return nats / log(2.0);
}

/* ---- training -------------------------------------------------------------------------------- */

/* FNV-1a of the text: a resumed run must go on with the text that it began with. */
static uint64_t fingerprint(const corpus *data) {
    uint64_t hash = 0xCBF29CE484222325u;
    for (int64_t i = 0; i < data->train_len; i++) {
        hash = (hash ^ (uint64_t)data->train[i]) * 0x100000001B3u;
    }
    return hash;
}

static void open_trainer(trainer *run, const char_options *set, const corpus *data) {
    tkr_env *env = ex_env(set->threads);
    if (data->train_len / run->batch < run->steps) {
        ex_die("%s: %lld characters are too few for %lld streams of %lld steps", set->text,
               (long long)data->train_len, (long long)run->batch, (long long)run->steps);
    }
    ex_try(env,
           tkr_sequence_create(&run->seq, run->net, run->steps, run->batch, TKR_TRAINING, env));
    ex_try(run->seq, tkr_sequence_set_int(run->seq, TKR_CARRY, 1));
    ex_try(run->seq, tkr_sequence_set_seed(run->seq, (uint64_t)set->seed));
    run->input = ex_alloc(run->steps * run->batch, sizeof *run->input);
    run->target = ex_alloc(run->steps * run->batch, sizeof *run->target);
}

static void start_run(trainer *run, const char_options *set, const corpus *data) {
    run->steps = set->steps;
    run->batch = set->batch;
    run->cursor[TOTAL] = (uint64_t)set->iterations;
    run->cursor[SHAPE] = (uint64_t)set->steps << 32 | (uint64_t)set->batch;
    run->cursor[TEXT] = fingerprint(data);
    tkr_env *env = ex_env(set->threads);
    ex_try(env, tkr_optimizer_create(&run->adam, TKR_ADAM, run->net, env));
    ex_try(run->adam, tkr_optimizer_set_float(run->adam, TKR_LEARNING_RATE, set->rate));
    ex_try(run->adam, tkr_optimizer_set_float(run->adam, TKR_CLIP_NORM, set->clip));
    ex_try(run->adam, tkr_optimizer_set_int(run->adam, TKR_SCHEDULE, TKR_SCHEDULE_COSINE));
    ex_try(run->adam, tkr_optimizer_set_float(run->adam, TKR_SCHEDULE_FLOOR, 0.01));
    ex_try(run->adam, tkr_optimizer_set_int(run->adam, TKR_SCHEDULE_STEPS, set->iterations));
    open_trainer(run, set, data);
}

/* Go on where the file stopped: its window size, its schedule, its place in the text. */
static void resume_run(trainer *run, const char_options *set, const corpus *data) {
    tkr_env *env = ex_env(set->threads);
    ex_try(env, tkr_optimizer_create(&run->adam, TKR_ADAM, run->net, env));
    ex_try(run->adam, tkr_checkpoint_load(run->adam, NULL, NULL, run->cursor, set->resume));
    if (run->cursor[TEXT] != fingerprint(data)) {
        ex_die("%s was trained on another text than %s", set->resume, set->text);
    }
    run->steps = (int64_t)(run->cursor[SHAPE] >> 32);
    run->batch = (int64_t)(run->cursor[SHAPE] & 0xFFFFFFFFu);
    open_trainer(run, set, data);
    ex_try(run->adam, tkr_checkpoint_load(run->adam, run->seq, NULL, run->cursor, set->resume));
    if (set->iterations_given) {
        run->cursor[TOTAL] = (uint64_t)set->iterations;
        ex_try(run->adam, tkr_optimizer_set_int(run->adam, TKR_SCHEDULE_STEPS, set->iterations));
    }
    printf("resumed after iteration %" PRIu64 "\n", run->cursor[DONE]);
}

/* One iteration on the next window of every stream. Returns its loss. */
static double train_window(trainer *run, const corpus *data) {
    double loss = 0;
    int64_t stream_len = data->train_len / run->batch, windows = stream_len / run->steps;
    int64_t window = (int64_t)(run->cursor[DONE] % (uint64_t)windows);
    if (window == 0) {
        ex_try(run->seq, tkr_sequence_set_state(run->seq, NULL));
    }
    for (int64_t b = 0; b < run->batch; b++) {
        fill_stream(run->input + b, run->target + b, data->train,
                    b * stream_len + window * run->steps, run->steps, run->batch);
    }
    ex_try(run->seq, tkr_sequence_forward_ids(run->seq, run->input, NULL, run->steps, run->batch));
    ex_try(run->seq, tkr_sequence_loss_ids(run->seq, &loss, run->target, NULL));
    ex_try(run->seq, tkr_sequence_backward(run->seq, NULL, NULL));
    ex_try(run->adam, tkr_optimizer_step(run->adam, run->seq));
    run->cursor[DONE]++;
    return loss;
}

static void save_run(trainer *run, const char *path) {
    if (path != NULL) {
        ex_try(run->adam, tkr_checkpoint_save(run->adam, run->seq, NULL, run->cursor, path));
    }
}

/* How many held-out characters a validation after `iterations` may read: 3 for 10 of training. It
 * costs a third of training for each, so a tenth of the time, however long the text is. */
static int64_t valid_most(const trainer *run, const char_options *set, int64_t iterations) {
    const int64_t least = 4096;
    double trained = 0.3 * (double)iterations * (double)(run->steps * run->batch);
    return set->valid_all || trained > 9e15 ? INT64_MAX
           : trained < (double)least        ? least
                                            : (int64_t)trained;
}

/* A row of the table: training and validation loss so far, speed, time left. */
static void report(const trainer *run, const char_options *set, const corpus *data,
                   const ex_progress *progress, double loss) {
    int64_t done = (int64_t)run->cursor[DONE];
    double speed = ex_progress_speed(progress, done), left = ex_progress_left(progress, done);
    double epochs = (double)done * progress->units / (double)data->train_len;
    double valid = validate(run->net, data, valid_most(run, set, set->every), set->threads, NULL);
    printf("%9lld %6.2f %8.4f %7.4f %9.4f %7.4f %10.0f %6.0f s\n", (long long)done, epochs, loss,
           bits(loss), valid, bits(valid), speed, left);
    fflush(stdout);
}

static void train(trainer *run, const char_options *set, const corpus *data) {
    int64_t done = (int64_t)run->cursor[DONE], total = (int64_t)run->cursor[TOTAL], since = 0;
    double sum = 0;
    if (done >= total) {
        printf("nothing is left to train; --iterations N would go on to iteration N\n");
        return;
    }
    int64_t most = valid_most(run, set, set->every);
    if (most < data->valid_len) {
        printf("validation: some %lld of the held-out characters; --valid-all takes all\n",
               (long long)most);
    }
    printf(
        "                      training         validation                  time\n"
        "iteration  epoch     nats    bits      nats    bits    chars/s     left\n");
    ex_progress progress =
        ex_progress_start("train", done, total, (double)(run->steps * run->batch), "chars");
    while (done < total) {
        sum += train_window(run, data);
        done++, since++;
        ex_progress_show(&progress, done, sum / (double)since);
        if (done % set->every == 0 || done == total) {
            ex_progress_hide(&progress);
            report(run, set, data, &progress, sum / (double)since);
            save_run(run, set->save);
            sum = 0, since = 0;
        }
    }
}

/* Returns how many held-out characters are worth looking at after so much training. */
static int64_t train_and_close(tkr_cell *net, const char_options *set, const corpus *data) {
    trainer run = {.net = net};
    if (set->resume != NULL) {
        resume_run(&run, set, data);
    } else {
        start_run(&run, set, data);
    }
    train(&run, set, data);
    int64_t most = valid_most(&run, set, (int64_t)run.cursor[TOTAL]);
    free(run.input);
    free(run.target);
    tkr_sequence_destroy(run.seq);
    tkr_optimizer_destroy(run.adam);
    return most;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Print a symbol; control characters other than tabs and line ends, of which a carriage return may
 * be a part, would spoil a terminal. */
static void print_symbol(const tkr_vocabulary *vocabulary, int32_t id) {
    char text[4];
    uint64_t len = 0;
    ex_try(ex_env(1), tkr_vocabulary_decode(vocabulary, id, text, &len));
    int control = len == 1 && ((unsigned char)text[0] < ' ' || text[0] == 127);
    if (control && strchr("\n\r\t", text[0]) == NULL) {
        putchar('?');
    } else {
        fwrite(text, 1, len, stdout);
    }
}

/* Read the prime into the state; the scores of what follows are left in `logits`. */
static void read_prime(const tkr_cell *net, tkr_state *state, const corpus *data, const char *prime,
                       float *logits) {
    int64_t n = 0;
    int32_t nothing = -1;
    if (prime[0] == '\0') {
        ex_try(state, tkr_cell_step_ids(net, state, logits, &nothing));
        return;
    }
    int32_t *ids = char_encode(data, "--prime", prime, strlen(prime), &n);
    for (int64_t i = 0; i < n; i++) {
        ex_try(state, tkr_cell_step_ids(net, state, logits, &ids[i]));
        print_symbol(data->vocabulary, ids[i]);
    }
    free(ids);
}

static void sample(const tkr_cell *net, const char_options *set, const corpus *data) {
    tkr_env *env = ex_env(set->threads);
    tkr_state *state;
    tkr_sampler *sampler;
    float *logits = ex_alloc(data->symbols, sizeof *logits);
    ex_try(env, tkr_state_create(&state, net, 1, env));
    ex_try(env, tkr_sampler_create(&sampler, data->symbols, (uint64_t)set->seed, env));
    ex_try(sampler, tkr_sampler_set_float(sampler, TKR_TEMPERATURE, set->temperature));
    ex_try(sampler, tkr_sampler_set_float(sampler, TKR_TOP_P, set->top_p));
    printf("\n");
    read_prime(net, state, data, set->prime, logits);
    for (int64_t i = 0; i < set->sample; i++) {
        int32_t id = 0;
        ex_try(sampler, tkr_sampler_draw(sampler, &id, logits, data->symbols));
        print_symbol(data->vocabulary, id);
        ex_try(state, tkr_cell_step_ids(net, state, logits, &id));
    }
    printf("\n");
    tkr_sampler_destroy(sampler);
    tkr_state_destroy(state);
    free(logits);
}

/* ---- all together ---------------------------------------------------------------------------- */

static void print_net(const tkr_cell *net, const corpus *data) {
    int64_t numbers = 0;
    ex_try(net, tkr_cell_parameters(net, NULL, &numbers));
    printf("net: %lld symbols, %lld parameters\n", (long long)data->symbols, (long long)numbers);
    if (data->train != NULL) {
        printf("text: %lld characters to train on\n", (long long)data->train_len);
    }
    if (data->valid != NULL) {
        printf("held out: %lld characters\n", (long long)data->valid_len);
    }
}

/* The net beside its rivals, all on the same held-out characters: at most the first `most`. */
static void compare(const tkr_cell *net, const char_options *set, corpus *data, int64_t most) {
    if (most < data->valid_len) {
        printf("\nthe first %lld of the held-out characters; --valid-all takes all\n",
               (long long)most);
        data->valid_len = most;
    }
    double *logprobs = ex_alloc(data->valid_len, sizeof *logprobs);
    double nats = validate(net, data, INT64_MAX, set->threads, logprobs);
    printf("\non the held-out text                            nats/char bits/char\n");
    printf("%-47s %9.4f %9.4f\n", "the net", nats, bits(nats));
    if (data->train != NULL) {
        char_rivals(data, set->order);
    }
    if (set->mix) {
        char_mix(data, set->order, logprobs);
    }
    free(logprobs);
}

/* The net to begin with, and the texts: made for the text, or taken from a file with its
 * vocabulary. */
static tkr_cell *open_net(corpus *data, const char_options *set) {
    const char *path = set->resume != NULL ? set->resume : set->load;
    tkr_cell *net;
    if (path != NULL) {
        ex_try(ex_env(set->threads), tkr_cell_load(&net, path, ex_env(set->threads)));
        char_read_texts(data, set, char_recall_vocabulary(data, net, path));
        char_encode_texts(data);
        return net;
    }
    char_read_texts(data, set, set->bytes != 0);
    char_make_vocabulary(data, set->bytes != 0);
    char_encode_texts(data);
    net = make_net(set, data->symbols);
    char_note_vocabulary(data, net, set->bytes != 0);
    return net;
}

/* What would end the program after hours of training is told before. */
static void check_early(const char_options *set, const corpus *data) {
    if (set->mix && data->valid_len < 2) {
        ex_die("--mix needs two held-out characters or more");
    }
    if (set->prime[0] != '\0') {
        int64_t n;
        free(char_encode(data, "--prime", set->prime, strlen(set->prime), &n));
    }
}

void char_text(const char_options *set) {
    corpus data = {0};
    int64_t most = INT64_MAX;
    tkr_cell *net = open_net(&data, set);
    print_net(net, &data);
    check_early(set, &data);
    if (set->load == NULL) {
        most = train_and_close(net, set, &data);
    }
    if (data.valid != NULL) {
        compare(net, set, &data, most);
    }
    if (set->sample > 0) {
        sample(net, set, &data);
    }
    tkr_cell_destroy(net);
    char_free_corpus(&data);
}
