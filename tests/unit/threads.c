/* SPDX-License-Identifier: MIT
 * The same bits for any number of threads and for the caller's parallel_for: loss, outputs, state,
 * gradients and parameters over steps of training, of every kind of cell; and for a sequence that
 * is cut, on any number of threads. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "seq/seq.h"
#include "support/nets.h"
#include "support/shot.h"

enum { STEPS = 11, BATCH = 70, MIDDLE = 40, SMALL = 9, UPDATES = 3 };

static int32_t lengths[BATCH];

/* What a run leaves. */
typedef struct trace {
    shot last;
    double loss[UPDATES];
    float *parameters;
    int64_t n_parameters;
} trace;

static const int32_t THREADS[] = {1, 2, 3, 4, 8, 16};
enum { N_THREADS = sizeof THREADS / sizeof *THREADS };

/* The last part is what a cut leaves out. */
static const orc_spec SPECS[][3] = {
    {{.kind = TKR_EMBEDDING, .input = 11, .hidden = 21},
     {.kind = TKR_LSTM,
      .input = 21,
      .hidden = 33,
      .layers = 2,
      .peepholes = 1,
      .between = 0.25,
      .recurrent = 0.25,
      .zoneout = 0.1,
      .zoneout_cell = 0.1,
      .learned = 1},
     {.kind = TKR_LINEAR, .input = 33, .hidden = 11}},
    {{.kind = TKR_LINEAR, .input = 11, .hidden = 20, .activation = TKR_RELU},
     {.kind = TKR_GRU, .input = 20, .hidden = 40, .directions = 2},
     {.kind = TKR_LINEAR, .input = 80, .hidden = 11}},
    {{.kind = TKR_ELMAN, .input = 11, .hidden = 130, .activation = TKR_RELU},
     {.kind = TKR_DROPOUT, .input = 130, .hidden = 130, .rate = 0.5},
     {.kind = TKR_LINEAR, .input = 130, .hidden = 11}},
    {{.kind = TKR_EMBEDDING, .input = 11, .hidden = 6},
     {.kind = TKR_LSTM, .input = 6, .hidden = 33, .projection = 9, .directions = 2},
     {.kind = TKR_LINEAR, .input = 18, .hidden = 11}},
    {{.kind = TKR_LINEAR, .input = 11, .hidden = 7},
     {.kind = TKR_GRU,
      .input = 7,
      .hidden = 18,
      .layers = 2,
      .directions = 2,
      .reset = TKR_RESET_BEFORE,
      .between = 0.25,
      .recurrent = 0.25,
      .zoneout = 0.1},
     {.kind = TKR_LINEAR, .input = 36, .hidden = 11}},
    {{.kind = TKR_LINEAR, .input = 11, .hidden = 5},
     {.kind = TKR_ELMAN, .input = 5, .hidden = 19, .directions = 2},
     {.kind = TKR_LINEAR, .input = 38, .hidden = 11}},
    /* from here on the batch is one chunk, and threads share out the units of a step */
    {{.kind = TKR_EMBEDDING, .input = 11, .hidden = 130},
     {.kind = TKR_LSTM,
      .input = 130,
      .hidden = 90,
      .layers = 2,
      .peepholes = 1,
      .between = 0.25,
      .recurrent = 0.25,
      .zoneout = 0.1,
      .zoneout_cell = 0.1,
      .learned = 1},
     {.kind = TKR_LINEAR, .input = 90, .hidden = 11}},
    {{.kind = TKR_LINEAR, .input = 11, .hidden = 30},
     {.kind = TKR_LSTM, .input = 30, .hidden = 120, .projection = 60, .directions = 2},
     {.kind = TKR_LINEAR, .input = 120, .hidden = 11}},
    {{.kind = TKR_LINEAR, .input = 11, .hidden = 20, .activation = TKR_RELU},
     {.kind = TKR_GRU, .input = 20, .hidden = 100, .directions = 2},
     {.kind = TKR_LINEAR, .input = 200, .hidden = 11}},
    {{.kind = TKR_LINEAR, .input = 11, .hidden = 7},
     {.kind = TKR_GRU, .input = 7, .hidden = 101, .reset = TKR_RESET_BEFORE, .recurrent = 0.25},
     {.kind = TKR_LINEAR, .input = 101, .hidden = 11}},
    {{.kind = TKR_LINEAR, .input = 11, .hidden = 5},
     {.kind = TKR_ELMAN, .input = 5, .hidden = 150},
     {.kind = TKR_LINEAR, .input = 150, .hidden = 11}},
    /* and here because there are too many weights for every chunk to fetch them */
    {{.kind = TKR_LINEAR, .input = 11, .hidden = 5},
     {.kind = TKR_ELMAN, .input = 5, .hidden = 390},
     {.kind = TKR_LINEAR, .input = 390, .hidden = 11}},
};
enum { N_NETS = sizeof SPECS / sizeof *SPECS, FIRST_SMALL = 6, FAR = N_NETS - 1 };

static int64_t batch_of(int64_t net) {
    return net < FIRST_SMALL ? BATCH : net < FAR ? SMALL : MIDDLE;
}

static void read_parameters(const tkr_cell *cell, trace *result) {
    int64_t tensors, at = 0, shape[4];
    int32_t rank;
    const char *name;
    assert_ok(tkr_cell_parameters(cell, &tensors, &result->n_parameters));
    result->parameters = malloc((size_t)result->n_parameters * sizeof(float));
    for (int64_t i = 0; i < tensors; i++) {
        assert_ok(tkr_cell_parameter(cell, i, &name, &rank, shape));
        assert_ok(tkr_cell_get_parameter(cell, name, result->parameters + at, shape[0] * shape[1]));
        at += shape[0] * shape[1];
    }
    assert_int_equal(at, result->n_parameters);
}

static trace train(int64_t net, const tkr_env *env) {
    trace result = {0};
    twin t;
    tkr_optimizer *opt;
    int32_t targets[STEPS * BATCH];
    for (int32_t i = 0; i < STEPS * BATCH; i++) {
        targets[i] = i * 5 % 11;
    }
    twin_open(&t, SPECS[net], 3, 300 + (uint64_t)net, env);
    twin_shape(&t, STEPS, batch_of(net), lengths, TKR_TRAINING, false);
    assert_int_equal(tkri_chunks_of(t.cell->net, batch_of(net)) == 1, net >= FIRST_SMALL);
    assert_ok(tkr_optimizer_create(&opt, TKR_ADAM, t.cell, env));
    assert_ok(tkr_optimizer_set_float(opt, TKR_CLIP_NORM, 0.05));
    assert_ok(tkr_sequence_set_seed(t.seq, 9));
    for (int i = 0; i < UPDATES; i++) {
        twin_forward_library(&t);
        assert_ok(tkr_sequence_loss_ids(t.seq, &result.loss[i], targets, NULL));
        assert_ok(tkr_sequence_backward(t.seq, NULL, NULL));
        shot_free(&result.last);
        result.last = shot_take(&t, false);
        assert_ok(tkr_optimizer_step(opt, t.seq));
    }
    read_parameters(t.cell, &result);
    tkr_optimizer_destroy(opt);
    twin_close(&t);
    return result;
}

static void free_trace(trace *result) {
    shot_free(&result->last);
    free(result->parameters);
}

/* Train with `env` and compare with what one thread gave. */
static void check(int64_t net, const trace *one, const tkr_env *env) {
    trace other = train(net, env);
    assert_memory_equal(other.loss, one->loss, sizeof one->loss);
    shot_same(&other.last, &one->last);
    assert_true(compare_bits(other.parameters, one->parameters, one->n_parameters));
    free_trace(&other);
}

static void test_threads(void **unused) {
    (void)unused;
    for (int64_t net = 0; net < N_NETS; net++) {
        trace one = train(net, NULL);
        for (int i = 0; i < N_THREADS; i++) {
            const tkr_env env = {.size = sizeof env, .threads = THREADS[i]};
            check(net, &one, &env);
        }
        free_trace(&one);
    }
}

/* A pass in one direction, in pieces of `cut` steps that carry their state. *whole receives output
 * and last state of the first one; the others have the same bits. */
static void check_cut(int64_t net, int64_t cut, const tkr_env *env, shot *whole) {
    orc_spec specs[2] = {SPECS[net][0], SPECS[net][1]};
    shot s = {0};
    twin t;
    tkr_state *state;
    specs[1].directions = 0; /* the default: one */
    twin_open(&t, specs, 2, 400 + (uint64_t)net, env);
    twin_shape(&t, STEPS, batch_of(net), lengths, TKR_INFERENCE, true);
    state = twin_state(&t, TWIN_INITIAL);
    s.n_output = STEPS * batch_of(net) * orc_output_width(t.net);
    s.output = malloc((size_t)s.n_output * sizeof *s.output);
    assert_ok(tkr_sequence_set_state(t.seq, state));
    assert_ok(tkr_sequence_set_int(t.seq, TKR_CARRY, 1));
    for (int64_t from = 0; from < STEPS; from += cut) {
        int64_t to = from + cut < STEPS ? from + cut : STEPS;
        twin_forward_piece(&t, t.seq, from, to);
        twin_output_piece(&t, t.seq, s.output, from, to);
    }
    assert_ok(tkr_sequence_get_state(t.seq, state));
    s.state = shot_state(state, &s.n_state);
    if (whole->output) {
        assert_true(compare_bits(s.output, whole->output, whole->n_output));
        assert_true(compare_bits(s.state, whole->state, whole->n_state));
        shot_free(&s);
    } else {
        *whole = s;
    }
    tkr_state_destroy(state);
    twin_close(&t);
}

static void test_cuts(void **unused) {
    (void)unused;
    for (int64_t net = 0; net < N_NETS; net++) {
        shot whole = {0};
        check_cut(net, STEPS, NULL, &whole);
        for (int i = 0; i < N_THREADS; i++) {
            const tkr_env env = {.size = sizeof env, .threads = THREADS[i]};
            for (int64_t cut = 1; cut <= STEPS; cut += 5) {
                check_cut(net, cut, &env, &whole);
            }
        }
        shot_free(&whole);
    }
}

/* A forward and a backward of a net, with noise where it has some. */
static shot run_net(const nets_net *net, const tkr_env *env) {
    twin t;
    twin_open(&t, net->specs, net->n, 500, env);
    twin_shape(&t, STEPS, BATCH, lengths, TKR_TRAINING | TKR_INPUT_GRADIENT, false);
    assert_ok(tkr_sequence_set_seed(t.seq, 9));
    twin_forward_library(&t);
    twin_backward_library(&t);
    shot s = shot_take(&t, !t.by_ids);
    twin_close(&t);
    return s;
}

/* Every part, several times: threads that meet where they must not do so now and then. */
static void check_net(const nets_net *net, int times) {
    static const int32_t threads[] = {2, 5, 3};
    shot one = run_net(net, NULL);
    for (int i = 0; i < times; i++) {
        const tkr_env env = {.size = sizeof env, .threads = threads[i % 3]};
        shot more = run_net(net, &env);
        shot_same(&more, &one);
        shot_free(&more);
    }
    shot_free(&one);
}

static void test_parts(void **unused) {
    (void)unused;
    for (int64_t i = 0; i < N_NETS_OF_PARTS; i++) {
        check_net(&NETS_OF_PARTS[i], 2);
    }
}

/* Layers of several widths take turns in one buffer for their outputs' gradients, and chunks are at
 * different layers at one time; behind LAST a chunk's rows are elsewhere. */
static void test_shared_buffer(void **unused) {
    (void)unused;
    static const orc_spec specs[] = {{.kind = TKR_DROPOUT, .input = 1, .hidden = 1, .rate = 0.1},
                                     {.kind = TKR_GRU, .input = 1, .hidden = 33},
                                     {.kind = TKR_DROPOUT, .input = 33, .hidden = 33, .rate = 0.1},
                                     {.kind = TKR_GRU, .input = 33, .hidden = 7},
                                     {.kind = TKR_LINEAR, .input = 7, .hidden = 5}};
    static const orc_spec once[] = {{.kind = TKR_GRU, .input = 3, .hidden = 20},
                                    {.kind = TKR_LAST, .input = 20, .hidden = 20},
                                    {.kind = TKR_NORM, .input = 20, .hidden = 20},
                                    {.kind = TKR_ACTIVATE, .input = 20, .hidden = 20}};
    const nets_net net = {"widths", 5, specs, 0}, last = {"one step", 4, once, NETS_ONCE};
    check_net(&net, 24);
    check_net(&last, 24);
}

/* Backwards, on the calling thread; counts the calls. */
static void run_backwards(void *user, int64_t n, tkr_task task, void *argument) {
    ++*(int64_t *)user;
    for (int64_t i = n - 1; i >= 0; i--) {
        task(argument, i);
    }
}

typedef struct worker {
    pthread_t thread;
    int64_t from, to;
    tkr_task task;
    void *argument;
} worker;

static void *work(void *user) {
    worker *w = user;
    for (int64_t i = w->from; i < w->to; i++) {
        w->task(w->argument, i);
    }
    return NULL;
}

/* A thread for each third of the tasks. */
static void run_threads(void *user, int64_t n, tkr_task task, void *argument) {
    worker workers[3];
    ++*(int64_t *)user;
    for (int64_t i = 0; i < 3; i++) {
        workers[i] =
            (worker){.from = n * i / 3, .to = n * (i + 1) / 3, .task = task, .argument = argument};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int64_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
    }
}

static void test_parallel_for(void **unused) {
    (void)unused;
    for (int64_t net = 0; net < N_NETS; net++) {
        trace one = train(net, NULL);
        for (int k = 0; k < 4; k++) {
            int64_t calls = 0;
            const tkr_env env = {.size = sizeof env,
                                 .threads = 1 + k / 2 * 3,
                                 .parallel_for = k % 2 ? run_threads : run_backwards,
                                 .parallel_user = &calls};
            check(net, &one, &env);
            assert_true(env.threads == 1 || calls > 0);
        }
        free_trace(&one);
    }
}

/* Two cells, two sequences, two optimizers on two threads at the same time: as one by one. */
static void *train_alone(void *user) {
    trace *result = user;
    *result = train(0, NULL);
    return NULL;
}

static void test_side_by_side(void **unused) {
    (void)unused;
    trace alone = train(0, NULL), both[2];
    pthread_t thread[2];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, train_alone, &both[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        shot_same(&both[i].last, &alone.last);
        assert_true(compare_bits(both[i].parameters, alone.parameters, alone.n_parameters));
        free_trace(&both[i]);
    }
    free_trace(&alone);
}

/* A child made by fork() has none of the threads that its objects had. */
enum { FORKED_T = 6, FORKED_B = 40, FORKED_H = 33, FORKED_OF_HH = 4 * FORKED_H * FORKED_H };
typedef struct forked {
    tkr_cell *cell;
    tkr_sequence *seq;
    tkr_optimizer *opt;
    float x[FORKED_T * FORKED_B * 3], target[FORKED_T * FORKED_B * FORKED_H];
    float weight[FORKED_OF_HH];
} forked;

/* A step of training; the weights afterwards. Returns 0 if all went well. */
static int forked_step(forked *f) {
    double loss;
    return tkr_sequence_forward(f->seq, f->x, NULL, FORKED_T, FORKED_B) ||
           tkr_sequence_loss_values(f->seq, &loss, TKR_MSE, f->target, NULL) ||
           tkr_sequence_backward(f->seq, NULL, NULL) || tkr_optimizer_step(f->opt, f->seq) ||
           tkr_cell_get_parameter(f->cell, "weight_hh_l0", f->weight, FORKED_OF_HH);
}

static void forked_destroy(const forked *f) {
    tkr_optimizer_destroy(f->opt);
    tkr_sequence_destroy(f->seq);
    tkr_cell_destroy(f->cell);
}

/* In the child: another step, its weights told, all destroyed; 0 if all went well. */
static int forked_child(forked *f, int to) {
    const size_t bytes = sizeof f->weight;
    int bad = forked_step(f) || write(to, f->weight, bytes) != (ssize_t)bytes;
    forked_destroy(f);
    return bad;
}

static void test_fork(void **unused) {
    (void)unused;
    const tkr_env env = {.size = sizeof env, .threads = 3};
    forked *f = calloc(1, sizeof *f);
    assert_non_null(f);
    for (int i = 0; i < FORKED_T * FORKED_B * 3; i++) {
        f->x[i] = (float)(i % 7 - 3) / 4;
    }
    assert_ok(tkr_cell_create(&f->cell, TKR_LSTM, 3, FORKED_H, &env));
    assert_ok(tkr_cell_init(f->cell, 1));
    assert_ok(tkr_sequence_create(&f->seq, f->cell, FORKED_T, FORKED_B, TKR_TRAINING, &env));
    assert_ok(tkr_optimizer_create(&f->opt, TKR_ADAM, f->cell, &env));
    assert_int_equal(forked_step(f), 0);
    int ends[2], status;
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(60); /* in place of a hang */
        _exit(forked_child(f, ends[1]));
    }
    close(ends[1]);
    float *theirs = malloc(sizeof f->weight);
    size_t got = 0;
    for (ssize_t n; got < sizeof f->weight; got += (size_t)n) {
        n = read(ends[0], (char *)theirs + got, sizeof f->weight - got);
        if (n <= 0) {
            break;
        }
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(got, sizeof f->weight);
    assert_int_equal(forked_step(f), 0);
    assert_true(compare_bits(theirs, f->weight, FORKED_OF_HH));
    close(ends[0]);
    free(theirs);
    forked_destroy(f);
    free(f);
}

int main(void) {
    for (int32_t b = 0; b < BATCH; b++) {
        lengths[b] = b * 3 % (STEPS + 1);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),      cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_parts),        cmocka_unit_test(test_shared_buffer),
        cmocka_unit_test(test_parallel_for), cmocka_unit_test(test_side_by_side),
        cmocka_unit_test(test_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
