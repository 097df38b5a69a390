/* SPDX-License-Identifier: MIT
 * A resumed run is the uninterrupted one, bit for bit: every kind of cell, option and optimizer,
 * stopped at any point of an iteration; killed at random moments; on a disk that fills up. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/random.h"
#include "support/heap.h"
#include "support/models.h"
#include "support/stream.h"
#include "support/system.h"

enum { T = 4, B = 3, MOST_OUT = 24 };

/* How a run is set up. */
typedef struct setup {
    const model *model;
    int32_t kind, mode;
    int carry, truncate;
    int threads;
} setup;

/* A run: what it trains, and what it has drawn so far. */
typedef struct run {
    const setup *with;
    heap heap;
    tkr_env env;
    tkr_cell *cell;
    tkr_sequence *seq;
    tkr_optimizer *opt;
    tkr_state *state;
    uint64_t cursor[4];
    double loss;
} run;

static void set_options(tkr_optimizer *opt, int32_t kind) {
    assert_ok(tkr_optimizer_set_float(opt, TKR_LEARNING_RATE, 0.03));
    assert_ok(tkr_optimizer_set_float(opt, TKR_CLIP_NORM, 0.7));
    assert_ok(tkr_optimizer_set_float(opt, TKR_WEIGHT_DECAY, 0.001));
    assert_ok(tkr_optimizer_set_int(opt, TKR_SCHEDULE, TKR_SCHEDULE_COSINE));
    assert_ok(tkr_optimizer_set_int(opt, TKR_SCHEDULE_STEPS, 50));
    assert_ok(tkr_optimizer_set_int(opt, TKR_WARMUP_STEPS, 3));
    if (kind == TKR_SGD || kind == TKR_RMSPROP) {
        assert_ok(tkr_optimizer_set_float(opt, TKR_MOMENTUM, 0.9));
    }
    if (kind == TKR_SGD) {
        assert_ok(tkr_optimizer_set_int(opt, TKR_NESTEROV, 1));
    }
}

/* A fresh run. Its numbers and settings are another's, unless `configured`: a load must bring back
 * all that matters. */
static void run_init(run *r, const setup *with, int configured) {
    memset(r, 0, sizeof *r);
    heap_init(&r->heap, &r->env);
    r->env.threads = with->threads;
    r->with = with;
    r->cell = models_make(with->model, configured ? 7 : 1234, &r->env);
    assert_ok(tkr_sequence_create(&r->seq, r->cell, T, B + 1, with->mode, &r->env));
    assert_ok(tkr_optimizer_create(&r->opt, with->kind, r->cell, &r->env));
    assert_ok(tkr_state_create(&r->state, r->cell, 2, &r->env));
    if (configured) {
        set_options(r->opt, with->kind);
        assert_ok(tkr_sequence_set_seed(r->seq, 99));
        assert_ok(tkr_sequence_set_int(r->seq, TKR_CARRY, with->carry));
        assert_ok(tkr_sequence_set_int(r->seq, TKR_REDUCTION, 1));
        if (with->truncate) {
            assert_ok(tkr_sequence_set_int(r->seq, TKR_TRUNCATE_EVERY, 2));
            assert_ok(tkr_sequence_set_int(r->seq, TKR_TRUNCATE_STEPS, with->truncate));
        }
    }
}

static void run_fini(run *r) {
    tkr_state_destroy(r->state);
    tkr_optimizer_destroy(r->opt);
    tkr_sequence_destroy(r->seq);
    tkr_cell_destroy(r->cell);
    assert_true(heap_is_clean(&r->heap));
}

/* Forward, loss, backward, on data that the cursor alone decides. */
static void compute(run *r) {
    float x[T * B * MODELS_I], targets[T * B * MOST_OUT];
    int32_t ids[T * B], lengths[B] = {T, 2, 3};
    int64_t output;
    tkri_random random = {.seed = 5, .stream = r->cursor[0]++};
    for (int i = 0; i < T * B; i++) {
        ids[i] = (int32_t)(tkri_uniform(&random) * MODELS_I);
    }
    for (int i = 0; i < T * B * MODELS_I; i++) {
        x[i] = (float)tkri_normal(&random);
    }
    for (int i = 0; i < T * B * MOST_OUT; i++) {
        targets[i] = (float)tkri_normal(&random);
    }
    assert_ok(tkr_cell_shape(r->cell, NULL, NULL, &output));
    assert_true(output <= MOST_OUT);
    assert_ok(r->with->model->ids ? tkr_sequence_forward_ids(r->seq, ids, lengths, T, B)
                                  : tkr_sequence_forward(r->seq, x, lengths, T, B));
    assert_ok(tkr_sequence_loss_values(r->seq, &r->loss, TKR_MSE, targets, NULL));
    assert_ok(tkr_sequence_backward(r->seq, NULL, NULL));
}

/* One step of training, and one of streaming. */
static void train(run *r) {
    const float x[2 * MODELS_I] = {1, 0, -1};
    const int32_t ids[2] = {1, 2};
    compute(r);
    assert_ok(tkr_optimizer_step(r->opt, r->seq));
    if (!models_goes_back(r->with->model)) {
        assert_ok(r->with->model->ids ? tkr_cell_step_ids(r->cell, r->state, NULL, ids)
                                      : tkr_cell_step(r->cell, r->state, NULL, x));
    }
}

static void save(run *r, stream *out) {
    stream_init(out);
    tkr_writer writer = stream_writer(out);
    assert_ok(tkr_checkpoint_save_to(r->opt, r->seq, r->state, r->cursor, &writer));
}

static int32_t load(run *r, stream *from) {
    tkr_reader reader = stream_reader(from);
    return tkr_checkpoint_load_from(r->opt, r->seq, r->state, r->cursor, &reader);
}

static void expect_same_bytes(const stream *a, const stream *b) {
    assert_int_equal(a->len, b->len);
    assert_memory_equal(a->bytes, b->bytes, a->len);
}

/* Run `a`, save it after `steps` and perhaps half a step, resume it as `b`, and let both run on:
 * losses and everything that a checkpoint holds stay equal. */
static void check_resume(const setup *with, int steps, int half) {
    run a, b;
    stream saved, last[2];
    run_init(&a, with, 1);
    run_init(&b, with, 0);
    train(&b); /* nothing of what it did, or left half done, may stay */
    compute(&b);
    for (int i = 0; i < steps; i++) {
        train(&a);
    }
    if (half) {
        compute(&a);
    }
    save(&a, &saved);
    int32_t status = load(&b, &saved);
    if (status) {
        print_error("%s: %s\n", with->model->label, tkr_optimizer_detail(b.opt));
    }
    assert_ok(status);
    save(&b, &last[1]);
    expect_same_bytes(&saved, &last[1]);
    stream_fini(&last[1]);
    for (int i = 0; i < 4; i++) {
        train(&a);
        train(&b);
        if (memcmp(&a.loss, &b.loss, sizeof a.loss) != 0) {
            print_error("%s: step %d after the resume: loss %.17g, not %.17g\n", with->model->label,
                        i, b.loss, a.loss);
            fail();
        }
    }
    save(&a, &last[0]);
    save(&b, &last[1]);
    expect_same_bytes(&last[0], &last[1]);
    stream_fini(&saved);
    stream_fini(&last[0]);
    stream_fini(&last[1]);
    run_fini(&a);
    run_fini(&b);
}

static void test_every_model(void **unused) {
    (void)unused;
    for (int i = 0; i < models_len; i++) {
        for (int32_t kind = TKR_SGD; kind <= TKR_RMSPROP; kind++) {
            setup with = {&models[i], kind, TKR_TRAINING, models_carries(&models[i]), 0, 1};
            check_resume(&with, kind == TKR_ADAM ? 7 : 2, 0);
        }
    }
}

/* At every step, with gradients that wait for their step, before the first, without carrying. */
static void test_every_moment(void **unused) {
    (void)unused;
    for (int i = 0; i < models_len; i += 3) {
        for (int steps = 0; steps < 5; steps++) {
            for (int half = 0; half < 2; half++) {
                setup with = {&models[i], TKR_ADAMW, TKR_TRAINING, steps % 2, 0, 1 + half};
                check_resume(&with, steps, half);
            }
        }
    }
}

static void test_truncation(void **unused) {
    (void)unused;
    static const int which[] = {0, 4, 6, 8};
    for (int i = 0; i < 4; i++) {
        setup with = {&models[which[i]], TKR_ADAM, TKR_TRAINING, 1, 2, 1};
        check_resume(&with, 3, 0);
        with.mode |= TKR_RETAIN;
        with.truncate = 3;
        check_resume(&with, 3, 0);
    }
}

/* An initial state that was set and not used yet is part of the run. */
static void test_given_state(void **unused) {
    (void)unused;
    for (int carry = 0; carry < 2; carry++) {
        setup with = {&models[5], TKR_ADAM, TKR_TRAINING, carry, 0, 1};
        run a, b;
        stream saved;
        tkr_state *given;
        run_init(&a, &with, 1);
        run_init(&b, &with, 0);
        train(&a);
        assert_ok(tkr_state_create(&given, a.cell, B, NULL));
        assert_ok(tkr_sequence_get_state(a.seq, given));
        train(&a);
        assert_ok(tkr_sequence_set_state(a.seq, given));
        save(&a, &saved);
        assert_ok(load(&b, &saved));
        train(&a);
        train(&b);
        assert_memory_equal(&a.loss, &b.loss, sizeof a.loss);
        assert_ok(tkr_sequence_set_state(a.seq, NULL)); /* and so is a start from the beginning */
        stream_fini(&saved);
        save(&a, &saved);
        assert_ok(load(&b, &saved));
        train(&a);
        train(&b);
        assert_memory_equal(&a.loss, &b.loss, sizeof a.loss);
        stream_fini(&saved);
        tkr_state_destroy(given);
        run_fini(&a);
        run_fini(&b);
    }
}

/* The optimizer's options and counters can be read after a load as before the save. */
static void test_options(void **unused) {
    (void)unused;
    for (int32_t kind = TKR_SGD; kind <= TKR_RMSPROP; kind++) {
        setup with = {&models[0], kind, TKR_TRAINING, 1, 0, 1};
        run a, b;
        stream saved;
        int64_t whole[2];
        double real[2];
        run_init(&a, &with, 1);
        run_init(&b, &with, 0);
        train(&a);
        a.cursor[1] = UINT64_MAX;
        save(&a, &saved);
        assert_ok(load(&b, &saved));
        for (int32_t key = 90; key < 140; key++) {
            int32_t status = tkr_optimizer_get_float(a.opt, key, &real[0]);
            assert_status(tkr_optimizer_get_float(b.opt, key, &real[1]), status);
            assert_true(status || real[0] == real[1]);
            status = tkr_optimizer_get_int(a.opt, key, &whole[0]);
            assert_status(tkr_optimizer_get_int(b.opt, key, &whole[1]), status);
            assert_true(status || whole[0] == whole[1]);
        }
        for (int32_t key = TKR_CARRY; key <= TKR_REDUCTION; key++) {
            assert_ok(tkr_sequence_get_int(a.seq, key, &whole[0]));
            assert_ok(tkr_sequence_get_int(b.seq, key, &whole[1]));
            assert_true(whole[0] == whole[1]);
        }
        assert_memory_equal(a.cursor, b.cursor, sizeof a.cursor);
        stream_fini(&saved);
        run_fini(&a);
        run_fini(&b);
    }
}

/* What is not asked for stays in the file; what is, and is not there, is a mismatch. */
static void test_parts_of_a_run(void **unused) {
    (void)unused;
    setup with = {&models[4], TKR_ADAM, TKR_TRAINING, 1, 0, 1};
    run a, b;
    run_init(&a, &with, 1);
    run_init(&b, &with, 0);
    train(&a);
    compute(&a);
    for (int saved = 0; saved < 8; saved++) {
        for (int wanted = 0; wanted < 8; wanted++) {
            stream file;
            uint64_t cursor[4] = {7, 7, 7, 7};
            stream_init(&file);
            tkr_writer writer = stream_writer(&file);
            assert_ok(tkr_checkpoint_save_to(a.opt, saved & 1 ? a.seq : NULL,
                                             saved & 2 ? a.state : NULL,
                                             saved & 4 ? a.cursor : NULL, &writer));
            tkr_reader reader = stream_reader(&file);
            int32_t status = tkr_checkpoint_load_from(b.opt, wanted & 1 ? b.seq : NULL,
                                                      wanted & 2 ? b.state : NULL,
                                                      wanted & 4 ? cursor : NULL, &reader);
            assert_status(status, wanted & ~saved ? TKR_ERR_MISMATCH : TKR_OK);
            assert_true(status == TKR_OK || strstr(tkr_optimizer_detail(b.opt), "the file has no"));
            assert_true(cursor[0] == (status == TKR_OK && (wanted & 4) ? a.cursor[0] : 7));
            stream_fini(&file);
        }
    }
    run_fini(&a);
    run_fini(&b);
}

/* A checkpoint is a cell's file too. */
static void test_as_a_cell(void **unused) {
    (void)unused;
    for (int i = 0; i < models_len; i++) {
        setup with = {&models[i], TKR_ADAM, TKR_TRAINING, 1, 0, 1};
        run a;
        stream saved, direct, loaded;
        tkr_cell *cell;
        run_init(&a, &with, 1);
        assert_ok(tkr_cell_set_metadata(a.cell, "epoch", "3"));
        train(&a);
        compute(&a);
        save(&a, &saved);
        assert_ok(tkr_cell_load_memory(&cell, saved.bytes, saved.len, NULL));
        assert_string_equal(tkr_cell_get_metadata(cell, "epoch"), "3");
        stream_init(&direct);
        stream_init(&loaded);
        tkr_writer writer = stream_writer(&direct);
        assert_ok(tkr_cell_save_to(a.cell, &writer));
        writer = stream_writer(&loaded);
        assert_ok(tkr_cell_save_to(cell, &writer));
        expect_same_bytes(&direct, &loaded);
        tkr_cell_destroy(cell);
        stream_fini(&saved);
        stream_fini(&direct);
        stream_fini(&loaded);
        run_fini(&a);
    }
}

/* A load that fails says why and changes nothing, in any object. */
static void expect_refused(run *b, stream *file, int32_t status, const char *words) {
    stream before, after;
    uint64_t cursor[4];
    memcpy(cursor, b->cursor, sizeof cursor);
    save(b, &before);
    int32_t got = load(b, file);
    if (got != status || !strstr(tkr_optimizer_detail(b->opt), words)) {
        print_error("%d '%s', not %d '%s'\n", got, tkr_optimizer_detail(b->opt), status, words);
        fail();
    }
    save(b, &after);
    expect_same_bytes(&before, &after);
    assert_memory_equal(cursor, b->cursor, sizeof cursor);
    stream_fini(&before);
    stream_fini(&after);
}

#define Q "\\\""

static void test_mismatches(void **unused) {
    (void)unused;
    static const struct {
        const char *from, *to;
        int32_t status;
        const char *words;
    } rows[] = {
        {"\"checkpoint.first.bias_hh_l0\"", "\"checkpoint.fast.bias_hh_l0\"", TKR_ERR_MISMATCH,
         "the file has no tensor 'checkpoint.first.bias_hh_l0'"},
        {"\"checkpoint.second.bias_hh_l0\"", "\"checkpoint.s.bias_hh_l0\"", TKR_ERR_MISMATCH,
         "the file has no tensor 'checkpoint.second.bias_hh_l0'"},
        {"\"checkpoint.sequence.c\"", "\"checkpoint.sequence.d\"", TKR_ERR_MISMATCH,
         "the file has no tensor 'checkpoint.sequence.c'"},
        {"\"checkpoint.state.h\"", "\"checkpoint.state.i\"", TKR_ERR_MISMATCH,
         "the file has no tensor 'checkpoint.state.h'"},
        {"\"checkpoint.gradients.weight_ih_l0\"", "\"checkpoint.gradients.x\"", TKR_ERR_MISMATCH,
         "the file has no tensor 'checkpoint.gradients.weight_ih_l0'"},
        {"\"shape\":[36,9]", "\"shape\":[9,36]", TKR_ERR_MISMATCH, "has shape [9,36], not [36,9]"},
        {"{\"__metadata__\"",
         "{\"checkpoint.x\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},"
         "\"__metadata__\"",
         TKR_ERR_MISMATCH, "the file has a tensor 'checkpoint.x' that is not wanted"},
        {Q "gradients" Q ":1", Q "gradients" Q ":0", TKR_ERR_MISMATCH,
         "the file has a tensor 'checkpoint.gradients."},
        {Q "batch" Q ":3", Q "batch" Q ":2", TKR_ERR_MISMATCH, "has shape [1,3,9], not [1,2,9]"},
        {Q "batch" Q ":3", Q "batch" Q ":5", TKR_ERR_MISMATCH, "carries a batch of 5"},
        {Q "batch" Q ":3", Q "batch" Q ":2147483648", TKR_ERR_FORMAT, "out of its bounds"},
        {Q "carry" Q ":1", Q "carry" Q ":2", TKR_ERR_FORMAT, "out of its bounds"},
        {Q "carry" Q ":1,", "", TKR_ERR_FORMAT, "a number is missing"},
        {Q "carry" Q ":1", Q "curry" Q ":1", TKR_ERR_UNSUPPORTED, "a newer tekrar?"},
        {Q "truncate_every" Q ":0," Q "truncate_steps" Q ":0",
         Q "truncate_every" Q ":3," Q "truncate_steps" Q ":4", TKR_ERR_MISMATCH, "TKR_RETAIN"},
        {Q "kind" Q ":" Q "adam" Q, Q "kind" Q ":" Q "adamw" Q, TKR_ERR_MISMATCH,
         "the file's optimizer is adamw, this one is adam"},
        {Q "kind" Q ":" Q "adam" Q, Q "kind" Q ":" Q "eve" Q, TKR_ERR_UNSUPPORTED,
         "a kind of optimizer of an unknown name"},
        {Q "kind" Q ":" Q "adam" Q ",", "", TKR_ERR_FORMAT, "an optimizer has a kind and options"},
        {Q "beta1" Q ":" Q, Q "beta1" Q ":" Q "-", TKR_ERR_FORMAT, "an option out of its bounds"},
        {Q "beta1" Q ":", Q "beta9" Q ":", TKR_ERR_UNSUPPORTED, "unknown name"},
        {Q "step_count" Q ":2", Q "step_count" Q ":18446744073709551615", TKR_ERR_FORMAT,
         "an option out of its bounds"},
        {Q "step_count" Q ":2", Q "step_count" Q ":2," Q "step_count" Q ":2", TKR_ERR_FORMAT,
         "a member twice"},
        {Q "cursor" Q ":[", Q "cursor" Q ":[1,", TKR_ERR_FORMAT, "a cursor has four numbers"},
        {Q "cursor" Q ":[3,", Q "cursor" Q ":[", TKR_ERR_FORMAT, "a cursor has four numbers"},
        {Q "state" Q ":{" Q "batch" Q ":2}", Q "state" Q ":{}", TKR_ERR_FORMAT,
         "a state has a batch"},
        {"\"tekrar.checkpoint\":\"{", "\"tekrar.checkpoint\":\"{}", TKR_ERR_FORMAT, "no optimizer"},
        {"\"tekrar.checkpoint\"", "\"tekrar.check\"", TKR_ERR_MISMATCH, "no tekrar.checkpoint"},
        {"\"tekrar.content\":\"checkpoint\"", "\"tekrar.content\":\"cell\"", TKR_ERR_MISMATCH,
         "the file holds a cell, not a checkpoint"},
        {Q "hidden" Q ":9", Q "hidden" Q ":8", TKR_ERR_MISMATCH,
         "the cell is lstm 5 x 8 in the file, lstm 5 x 9 here"},
        {Q "input" Q ":5", Q "input" Q ":4", TKR_ERR_MISMATCH,
         "the cell is lstm 4 x 9 in the file"},
        {Q "kind" Q ":" Q "lstm" Q, Q "kind" Q ":" Q "elman" Q, TKR_ERR_FORMAT, "option"},
        {Q "zoneout" Q ":" Q "0x0p+0", Q "zoneout" Q ":" Q "0x1p-2", TKR_ERR_MISMATCH,
         "zoneout is 0.25 in the file, 0 in the cell"},
        {Q "peepholes" Q ":0", Q "peepholes" Q ":1", TKR_ERR_MISMATCH,
         "peepholes is 1 in the file, 0 in the cell"},
        {"{" Q "kind" Q ":" Q "lstm" Q, "{" Q "name" Q ":" Q "x" Q "," Q "kind" Q ":" Q "lstm" Q,
         TKR_ERR_MISMATCH, "the cell is named 'x' in the file, '' here"},
    };
    setup with = {&models[4], TKR_ADAM, TKR_TRAINING, 1, 0, 1};
    run a, b;
    stream good;
    run_init(&a, &with, 1);
    run_init(&b, &with, 1);
    train(&a);
    train(&a);
    compute(&a);
    train(&b);
    save(&a, &good);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        stream bad;
        stream_copy(&bad, &good);
        if (!stream_edit(&bad, rows[i].from, rows[i].to)) {
            fail_msg("no %s in the header", rows[i].from);
        }
        expect_refused(&b, &bad, rows[i].status, rows[i].words);
        stream_fini(&bad);
    }
    /* What initialisers go by is no mismatch: it is not part of the run. */
    assert_true(stream_edit(&good, Q "init" Q ":1", Q "init" Q ":2"));
    assert_ok(load(&b, &good));
    stream_fini(&good);
    run_fini(&a);
    run_fini(&b);
}

/* Mismatches between chains, whose parts have names. */
static void test_mismatched_chains(void **unused) {
    (void)unused;
    setup with = {&models[14], TKR_ADAM, TKR_TRAINING, 0, 0, 1}, single = with, longer = with;
    run a, b;
    stream good, bad;
    run_init(&a, &with, 1);
    run_init(&b, &with, 1);
    train(&a);
    save(&a, &good);
    stream_copy(&bad, &good);
    assert_true(stream_edit(&bad, Q "name" Q ":" Q "table" Q, Q "name" Q ":" Q "fable" Q));
    expect_refused(&b, &bad, TKR_ERR_MISMATCH, "part 0 is named 'fable' in the file, 'table' here");
    stream_fini(&bad);
    stream_copy(&bad, &good);
    assert_true(stream_edit(&bad, Q "zoneout" Q ":" Q "0x0p+0", Q "zoneout" Q ":" Q "0x1p-2"));
    expect_refused(&b, &bad, TKR_ERR_MISMATCH, "checkpoint.zoneout is 0.25 in the file");
    stream_fini(&bad);
    stream_copy(&bad, &good);
    assert_true(stream_edit(&bad, Q "kind" Q ":" Q "embedding" Q, Q "kind" Q ":" Q "linear" Q));
    assert_true(stream_edit(&bad, Q "init" Q ":1",
                            Q "init" Q ":1," Q "biases" Q ":0," Q "activation" Q ":4"));
    expect_refused(&b, &bad, TKR_ERR_MISMATCH, "part 0 is linear 5 x 6 in the file");
    stream_fini(&bad);
    run_fini(&b);
    single.model = &models[4];
    run_init(&b, &single, 1);
    expect_refused(&b, &good, TKR_ERR_MISMATCH, "the file's cell has 4 parts, this one has 1");
    run_fini(&b);
    static const model two = {"two parts",
                              {{.kind = TKR_EMBEDDING, .input = MODELS_I, .hidden = 6},
                               {.kind = TKR_LSTM, .input = 6, .hidden = 4}},
                              2,
                              1};
    longer.model = &two;
    run_init(&b, &longer, 1);
    expect_refused(&b, &good, TKR_ERR_MISMATCH, "the file's cell has 4 parts, this one has 2");
    run_fini(&b);
    run_fini(&a);
    stream_fini(&good);
}

/* A sequence for inference has a carried state too. */
static void test_inference_sequence(void **unused) {
    (void)unused;
    setup with = {&models[4], TKR_ADAM, TKR_INFERENCE, 1, 0, 1};
    run a, b;
    stream saved, last[2];
    run_init(&a, &with, 1);
    run_init(&b, &with, 0);
    const int32_t ids[T * B] = {0, 1, 2, 3};
    assert_ok(tkr_sequence_forward_ids(a.seq, ids, NULL, T, B));
    save(&a, &saved);
    assert_ok(load(&b, &saved));
    assert_ok(tkr_sequence_forward_ids(a.seq, ids, NULL, T, B));
    assert_ok(tkr_sequence_forward_ids(b.seq, ids, NULL, T, B));
    save(&a, &last[0]);
    save(&b, &last[1]);
    expect_same_bytes(&last[0], &last[1]);
    stream_fini(&saved);
    stream_fini(&last[0]);
    stream_fini(&last[1]);
    run_fini(&a);
    run_fini(&b);
}

/* Objects that are not like the saved ones. */
static void test_other_objects(void **unused) {
    (void)unused;
    setup with = {&models[4], TKR_ADAM, TKR_TRAINING, 1, 0, 1}, chain = with, inference = with;
    run a, b;
    stream saved, state_file;
    chain.model = &models[models_len - 1];
    inference.mode = TKR_INFERENCE;
    run_init(&a, &with, 1);
    compute(&a);
    save(&a, &saved);
    run_init(&b, &chain, 1);
    expect_refused(&b, &saved, TKR_ERR_MISMATCH, "the file's cell has 1 parts, this one has 4");
    run_fini(&b);
    run_init(&b, &inference, 1);
    expect_refused(&b, &saved, TKR_ERR_MISMATCH, "this sequence is for inference");
    stream_init(&state_file);
    tkr_writer writer = stream_writer(&state_file);
    assert_ok(tkr_state_save_to(a.state, &writer));
    expect_refused(&b, &state_file, TKR_ERR_MISMATCH, "the file holds a state, not a checkpoint");
    run_fini(&b);
    /* Objects of different cells in one call. */
    run_init(&b, &with, 1);
    assert_status(tkr_checkpoint_save_to(a.opt, b.seq, NULL, NULL, &writer), TKR_ERR_ARGUMENT);
    run_fini(&b);
    run_init(&b, &chain, 1);
    assert_status(tkr_checkpoint_save_to(a.opt, NULL, b.state, NULL, &writer), TKR_ERR_ARGUMENT);
    run_fini(&b);
    run_fini(&a);
    stream_fini(&saved);
    stream_fini(&state_file);
}

/* Every bit of the header flipped, and the file cut anywhere: loaded whole, or nothing changed. */
static void test_damaged(void **unused) {
    (void)unused;
    setup with = {&models[0], TKR_ADAM, TKR_TRAINING, 1, 0, 1};
    run a, b;
    stream good, before, after;
    run_init(&a, &with, 1);
    run_init(&b, &with, 1);
    train(&a);
    train(&b);
    train(&b);
    save(&a, &good);
    save(&b, &before);
    uint64_t whole = good.len, header = good.bytes[0] + 256u * good.bytes[1];
    int refused = 0;
    for (uint64_t i = 0; i < 8 * (8 + header) + whole; i++) {
        int flip = i < 8 * (8 + header);
        good.bytes[i / 8] ^= (unsigned char)(flip ? 1u << i % 8 : 0);
        good.len = flip ? whole : i - 8 * (8 + header);
        if (load(&b, &good) == TKR_OK) {
            tkr_reader reader = stream_reader(&before);
            assert_true(flip);
            assert_ok(tkr_checkpoint_load_from(b.opt, b.seq, b.state, b.cursor, &reader));
        } else {
            assert_true(tkr_optimizer_detail(b.opt)[0]);
            refused++;
        }
        good.bytes[i / 8] ^= (unsigned char)(flip ? 1u << i % 8 : 0);
        if (i % 16 == 0) {
            save(&b, &after);
            expect_same_bytes(&before, &after);
            stream_fini(&after);
        }
    }
    assert_true(refused > 10000);
    stream_fini(&good);
    stream_fini(&before);
    run_fini(&a);
    run_fini(&b);
}

static void test_memory(void **unused) {
    (void)unused;
    setup with = {&models[14], TKR_ADAM, TKR_TRAINING, 1, 0, 1};
    run a, b;
    stream saved;
    run_init(&a, &with, 1);
    run_init(&b, &with, 1);
    train(&a);
    compute(&a);
    save(&a, &saved);
    for (int forever = 0; forever < 2; forever++) {
        for (int loading = 0; loading < 2; loading++) {
            run *r = loading ? &b : &a;
            stream before, after;
            int32_t status = TKR_ERR_MEMORY;
            int64_t k = 0;
            for (; status != TKR_OK; k++) {
                stream written;
                save(r, &before);
                int64_t blocks = r->heap.blocks;
                stream_init(&written);
                tkr_writer writer = stream_writer(&written);
                heap_fail(&r->heap, k, forever);
                status = loading
                             ? load(r, &saved)
                             : tkr_checkpoint_save_to(r->opt, r->seq, r->state, r->cursor, &writer);
                heap_fail(&r->heap, -1, 0);
                assert_int_equal(r->heap.blocks, blocks);
                assert_true(status == TKR_OK || status == TKR_ERR_MEMORY);
                assert_true(status == TKR_OK || tkr_optimizer_detail(r->opt)[0]);
                save(r, &after);
                if (status != TKR_OK || !loading) {
                    expect_same_bytes(&before, &after);
                }
                stream_fini(&before);
                stream_fini(&after);
                stream_fini(&written);
            }
            assert_true(k > (loading ? 7 : 4));
        }
    }
    stream_fini(&saved);
    run_fini(&a);
    run_fini(&b);
}

/* A folder of its own. */
typedef struct folder {
    char name[64], path[100];
} folder;

static void folder_make(folder *f) {
    system_reset();
    strcpy(f->name, "/tmp/tekrar-run-XXXXXX");
    assert_non_null(mkdtemp(f->name));
    snprintf(f->path, sizeof f->path, "%s/run.safetensors", f->name);
}

/* Remove all; returns how many names there were. */
static int folder_remove(const folder *f) {
    char path[400];
    int n = 0;
    DIR *open_folder = opendir(f->name);
    assert_non_null(open_folder);
    for (struct dirent *e = readdir(open_folder); e; e = readdir(open_folder)) {
        snprintf(path, sizeof path, "%s/%s", f->name, e->d_name);
        n += unlinkat(AT_FDCWD, path, 0) == 0;
    }
    closedir(open_folder);
    assert_int_equal(rmdir(f->name), 0);
    return n;
}

/* On a full disk, whichever write it is, the older checkpoint stays and can be resumed from. */
static void test_full_disk(void **unused) {
    (void)unused;
    setup with = {&models[4], TKR_ADAM, TKR_TRAINING, 1, 0, 1};
    folder f;
    run a, b;
    stream first, again;
    folder_make(&f);
    run_init(&a, &with, 1);
    run_init(&b, &with, 0);
    train(&a);
    save(&a, &first);
    assert_ok(tkr_checkpoint_save(a.opt, a.seq, a.state, a.cursor, f.path));
    int64_t writes = system_calls(SYSTEM_WRITE);
    assert_true(writes > 10);
    train(&a);
    for (int64_t k = 0; k < writes; k++) {
        system_fail(SYSTEM_WRITE, k, ENOSPC);
        assert_status(tkr_checkpoint_save(a.opt, a.seq, a.state, a.cursor, f.path), TKR_ERR_IO);
        assert_non_null(strstr(tkr_optimizer_detail(a.opt), "No space left on device"));
        system_reset();
        assert_ok(tkr_checkpoint_load(b.opt, b.seq, b.state, b.cursor, f.path));
        save(&b, &again);
        expect_same_bytes(&first, &again);
        stream_fini(&again);
    }
    stream_fini(&first);
    run_fini(&a);
    run_fini(&b);
    assert_int_equal(folder_remove(&f), 1);
}

enum { STEPS = 30, TRIALS = 20 };

/* A process that trains to the end, from the checkpoint if there is one, saving after every step,
 * and tells of each on `progress`. */
static void train_to_the_end(const setup *with, const char *path, int progress) {
    run r;
    run_init(&r, with, 1);
    if (access(path, F_OK) == 0) {
        assert_ok(tkr_checkpoint_load(r.opt, r.seq, r.state, r.cursor, path));
    }
    while (r.cursor[0] < STEPS) {
        train(&r);
        assert_ok(tkr_checkpoint_save(r.opt, r.seq, r.state, r.cursor, path));
        assert_int_equal(write(progress, "", 1), 1);
    }
    run_fini(&r);
}

/* Start such a process and kill it some time after its step `kill_after`; -1: let it finish.
 * Returns 1 if it was killed. */
static int train_in_a_child(const setup *with, const char *path, int kill_after,
                            tkri_random *random) {
    int ends[2], status;
    char byte;
    fflush(NULL);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)close(ends[0]);
        train_to_the_end(with, path, ends[1]);
        _exit(0);
    }
    (void)close(ends[1]);
    for (int i = 0; i != kill_after && read(ends[0], &byte, 1) == 1; i++) {
    }
    if (kill_after >= 0) {
        struct timespec wait = {0, (long)(tkri_uniform(random) * 1e6)};
        (void)nanosleep(&wait, NULL);
        (void)kill(child, SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    (void)close(ends[0]);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status);
}

static void test_killed(void **unused) {
    (void)unused;
    setup with = {&models[6], TKR_ADAM, TKR_TRAINING, 1, 0, 1};
    tkri_random random = {.seed = (uint64_t)time(NULL) ^ (uint64_t)getpid() << 32};
    run r;
    stream want, got;
    int killed = 0;
    compare_set_seed(random.seed);
    system_reset();
    run_init(&r, &with, 1);
    while (r.cursor[0] < STEPS) {
        train(&r);
    }
    save(&r, &want);
    run_fini(&r);
    for (int trial = 0; trial < TRIALS; trial++) {
        folder f;
        folder_make(&f);
        int times = 1 + trial % 3; /* killed more than once on its way, too */
        for (int i = 0; i < times; i++) {
            int after = (int)(tkri_uniform(&random) * STEPS / times * 0.9);
            killed += train_in_a_child(&with, f.path, after, &random);
        }
        assert_int_equal(train_in_a_child(&with, f.path, -1, &random), 0);
        stream_init(&got);
        assert_true(stream_load(&got, f.path));
        expect_same_bytes(&want, &got);
        stream_fini(&got);
        assert_true(folder_remove(&f) <= 1 + times); /* a kill may leave a temporary */
    }
    assert_true(killed >= TRIALS);
    stream_fini(&want);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_model),
        cmocka_unit_test(test_every_moment),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_given_state),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_parts_of_a_run),
        cmocka_unit_test(test_as_a_cell),
        cmocka_unit_test(test_mismatches),
        cmocka_unit_test(test_mismatched_chains),
        cmocka_unit_test(test_inference_sequence),
        cmocka_unit_test(test_other_objects),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
