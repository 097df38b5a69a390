/* SPDX-License-Identifier: MIT
 * What parts and containers of parts refuse, in what words; and losses that want logits. */
#include <stdio.h>
#include <string.h>

#include "support/stream.h"
#include "support/twin.h"
#include "unit/refusals.h"

enum { MOST = 4 };

/* Parts that make no chain or branch. */
typedef struct refused {
    int32_t status;
    const char *text; /* a piece of it */
    orc_spec whole;
} refused;

#define PARTS(...)                                                         \
    .n_parts = sizeof((const orc_spec[]){__VA_ARGS__}) / sizeof(orc_spec), \
    .parts = (const orc_spec[]) {                                          \
        __VA_ARGS__                                                        \
    }
#define CHAIN(...) {.kind = TKR_CHAIN, PARTS(__VA_ARGS__)}
#define BRANCH(how, ...) {.kind = TKR_BRANCH, .combine = TKR_##how, PARTS(__VA_ARGS__)}
#define PART(k, i, ...) {.kind = TKR_##k, .input = i, .hidden = __VA_ARGS__}

static const refused REFUSED[] = {
    /* widths */
    {TKR_ERR_SHAPE, "part 1 takes 3 inputs, part 0 takes 4",
     BRANCH(CONCATENATE, PART(LSTM, 4, 5), PART(LINEAR, 3, 2))},
    {TKR_ERR_SHAPE, "part 1 has 6 outputs, part 0 has 5",
     BRANCH(SUM, PART(LSTM, 4, 5), PART(LINEAR, 4, 6))},
    {TKR_ERR_SHAPE, "part 1 has 10 outputs, part 0 has 5",
     BRANCH(SUM, PART(LSTM, 4, 5), PART(LSTM, 4, 5, .directions = TKR_BOTH))},
    {TKR_ERR_SHAPE, "part 1 takes 7 inputs, part 0 has 8 outputs",
     CHAIN(BRANCH(CONCATENATE, PART(LSTM, 4, 5), PART(LINEAR, 4, 3)), PART(LINEAR, 7, 2))},
    {TKR_ERR_SHAPE, "part 1 takes 10 inputs, part 0 has 5 outputs",
     CHAIN(PART(ACTIVATE, 10, 10, .activation = TKR_MAGNITUDE), PART(LINEAR, 10, 2))},
    /* ids beside values, and behind something */
    {TKR_ERR_SHAPE, "one part takes ids alone, another values alone",
     BRANCH(CONCATENATE, PART(EMBEDDING, 6, 3), PART(CONV, 6, 2))},
    {TKR_ERR_SHAPE, "part 1 is an embedding",
     CHAIN(PART(LINEAR, 3, 6), CHAIN(PART(EMBEDDING, 6, 2)))},
    {TKR_ERR_SHAPE, "part 1 is an embedding",
     CHAIN(PART(LINEAR, 3, 6), BRANCH(SUM, PART(LINEAR, 6, 2), PART(EMBEDDING, 6, 2)))},
    /* LAST */
    {TKR_ERR_UNSUPPORTED, "part '1': it has a state", CHAIN(PART(LAST, 4, 4), PART(LSTM, 4, 3))},
    {TKR_ERR_UNSUPPORTED, "part 'top': it has a state",
     CHAIN(PART(LAST, 4, 4), PART(CONV, 4, 3, .kernel = 2, .name = "top"))},
    {TKR_ERR_UNSUPPORTED, "part '1.0.rnn': it has a state",
     CHAIN(PART(LAST, 4, 4),
           BRANCH(CONCATENATE, CHAIN(PART(GRU, 4, 3, .name = "rnn")), PART(SELECT, 4, 2)))},
    {TKR_ERR_SHAPE, "part 1 ends in all steps, part 0 in one step",
     BRANCH(CONCATENATE, PART(LAST, 4, 4), PART(SELECT, 4, 2))},
    {TKR_ERR_UNSUPPORTED, "part '1': of steps that end at different ends",
     CHAIN(BRANCH(SUM, PART(LSTM, 4, 3), PART(LSTM, 4, 3, .directions = TKR_REVERSE)),
           PART(LAST, 3, 3))},
    {TKR_ERR_UNSUPPORTED, "part '1': of steps that end at different ends",
     CHAIN(BRANCH(CONCATENATE, PART(LSTM, 4, 3, .directions = TKR_REVERSE), PART(LSTM, 4, 3)),
           PART(LAST, 6, 6))},
    {TKR_ERR_UNSUPPORTED, "part '2': of steps that end at different ends",
     CHAIN(PART(GRU, 4, 3, .directions = TKR_BOTH, .combine = TKR_MEAN), PART(AFFINE, 3, 3),
           PART(LAST, 3, 3))},
    /* convolutions */
    {TKR_ERR_SHAPE, "part 'wide': 5 taps are wider than 4 positions",
     CHAIN(PART(CONV, 4, 2, .channels = 1, .kernel = 5, .name = "wide"))},
    {TKR_ERR_SHAPE, "part '0': 3 taps are wider than 6 positions",
     CHAIN(PART(CONV, 8, 2, .channels = 2, .kernel = 3, .dilation = 3, .pad_left = 2))},
    {TKR_ERR_SHAPE, "part '0': a vector of 7 has no 2 channels",
     CHAIN(PART(CONV, 7, 2, .channels = 2))},
    {TKR_ERR_SHAPE, "part '0': a vector of 7 has no 9 channels",
     CHAIN(PART(CONV, 7, 2, .channels = 9))},
    {TKR_ERR_SHAPE, "part '0': 6 and 4 channels do not fall into 4 groups",
     CHAIN(PART(CONV, 6, 4, .groups = 4))},
    {TKR_ERR_SHAPE, "part '0': 6 and 4 channels do not fall into 3 groups",
     CHAIN(PART(CONV, 6, 4, .groups = 3))},
    {TKR_ERR_SHAPE, "part '0': 2 and 4 channels do not fall into 4 groups",
     CHAIN(PART(CONV, 6, 4, .channels = 2, .groups = 4))},
    {TKR_ERR_SHAPE, "part '0': 4 positions cannot be mirrored in 4",
     CHAIN(PART(CONV, 4, 2, .channels = 1, .pad_left = 4, .reflect = 1))},
    {TKR_ERR_SHAPE, "part '0': 4 positions cannot be mirrored in 3",
     CHAIN(PART(CONV, 3, 2, .channels = 1, .pad_right = 4, .reflect = 1))},
    {TKR_ERR_SHAPE, "part '0': over time there is no stride", CHAIN(PART(CONV, 4, 2, .stride = 2))},
    {TKR_ERR_SHAPE, "part '0': over time there is no stride",
     CHAIN(PART(CONV, 4, 2, .pad_right = 1))},
    /* names */
    {TKR_ERR_KEY, "parts 0 and 1 have one name",
     BRANCH(SUM, PART(LINEAR, 4, 2, .name = "1"), PART(LINEAR, 4, 2))},
};

static void make_parts(tkr_cell **parts, const orc_spec *whole) {
    for (int64_t i = 0; i < whole->n_parts; i++) {
        parts[i] = twin_part(&whole->parts[i], NULL);
        if (whole->parts[i].name) {
            assert_ok(tkr_cell_set_name(parts[i], whole->parts[i].name));
        }
    }
}

/* The parts stay the caller's, as they were. */
static void check_refused(world *w, const refused *r) {
    tkr_cell *parts[MOST], *before[MOST];
    const int64_t n = r->whole.n_parts;
    make_parts(parts, &r->whole);
    memcpy(before, parts, sizeof before);
    w->detail[0] = '\0';
    if (r->whole.kind == TKR_CHAIN) {
        REFUSES_TO_MAKE(w, r->status, tkr_cell_chain(&w->made.cell, parts, n, &w->env));
    } else {
        const int32_t how = (int32_t)r->whole.combine;
        REFUSES_TO_MAKE(w, r->status, tkr_cell_branch(&w->made.cell, parts, n, how, &w->env));
    }
    if (!strstr(w->detail, r->text)) {
        fail_msg("'%s', not '%s'", w->detail, r->text);
    }
    assert_memory_equal(parts, before, (size_t)n * sizeof *parts);
    for (int64_t i = 0; i < n; i++) {
        int32_t kind;
        int64_t input;
        assert_ok(tkr_cell_shape(parts[i], &kind, &input, NULL));
        assert_int_equal(kind, r->whole.parts[i].kind);
        assert_status(tkr_cell_parameters(parts[i], &input, NULL), TKR_ERR_ORDER);
        tkr_cell_destroy(parts[i]);
    }
}

static void test_containers(void **state) {
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++) {
        check_refused(*state, &REFUSED[i]);
    }
}

/* A convolution alone is judged when it is laid out, and says so as before when asked again. */
static void test_alone(void **state) {
    world *w = *state;
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++) {
        const refused *r = &REFUSED[i];
        if (r->whole.n_parts > 1 || r->whole.parts[0].kind != TKR_CONV) {
            continue;
        }
        tkr_cell *cell = twin_part(&r->whole.parts[0], NULL);
        const char *text = tkr_cell_detail(cell);
        REFUSES(w, TKR_ERR_SHAPE, text, tkr_cell_init(cell, 1));
        assert_non_null(strstr(text, strchr(r->text, ':') + 2));
        REFUSES(w, TKR_ERR_SHAPE, NULL, tkr_cell_size(w->io.u, cell));
        REFUSES(w, TKR_ERR_SHAPE, text, tkr_cell_init(cell, 1));
        tkr_cell_destroy(cell);
    }
}

static void test_create(void **state) {
    world *w = *state;
    const tkr_env *env = &w->env;
    tkr_cell **made = &w->made.cell;
    const int32_t same[] = {TKR_AFFINE, TKR_NORM, TKR_ACTIVATE, TKR_LAST};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_cell_create(made, same[i], 3, 4, env));
    }
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_cell_create(made, TKR_SELECT, 3, 4, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_cell_create(made, TKR_BRANCH, 3, 3, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_cell_create(made, 99, 3, 3, env));
}

/* One option of one part, refused. */
static void refuses_int(world *w, const orc_spec *spec, int32_t key, int64_t value,
                        int32_t status) {
    tkr_cell *cell = twin_part(spec, NULL);
    int64_t before = 0, after = 0;
    const int32_t known = tkr_cell_get_int(cell, key, &before);
    REFUSES(w, status, tkr_cell_detail(cell), tkr_cell_set_int(cell, key, value));
    assert_status(tkr_cell_get_int(cell, key, &after), known);
    assert_int_equal(after, before);
    tkr_cell_destroy(cell);
}

static void test_options(void **state) {
    world *w = *state;
    const orc_spec select = PART(SELECT, 5, 3), odd = PART(ACTIVATE, 5, 5), lstm = PART(LSTM, 4, 5);
    const orc_spec gru = PART(GRU, 4, 5), elman = PART(ELMAN, 4, 5), linear = PART(LINEAR, 4, 5);
    const orc_spec reverse = PART(GRU, 4, 5, .directions = TKR_REVERSE), conv = PART(CONV, 4, 5);
    const orc_spec before = PART(GRU, 4, 5, .before = 1);
    const orc_spec branch = BRANCH(CONCATENATE, PART(LSTM, 4, 5), PART(GRU, 4, 5));
    refuses_int(w, &select, TKR_FIRST, 3, TKR_ERR_ARGUMENT);
    refuses_int(w, &select, TKR_FIRST, -1, TKR_ERR_ARGUMENT);
    refuses_int(w, &odd, TKR_ACTIVATION, TKR_MAGNITUDE, TKR_ERR_ARGUMENT);
    refuses_int(w, &odd, TKR_ACTIVATION, TKR_MAGNITUDE + 1, TKR_ERR_ARGUMENT);
    refuses_int(w, &elman, TKR_ACTIVATION, TKR_SOFTMAX, TKR_ERR_ARGUMENT);
    refuses_int(w, &linear, TKR_ACTIVATION, TKR_SOFTMAX, TKR_ERR_ARGUMENT);
    refuses_int(w, &lstm, TKR_ACTIVATION, TKR_LOGISTIC, TKR_ERR_ARGUMENT);
    refuses_int(w, &gru, TKR_ACTIVATION, TKR_GELU, TKR_ERR_ARGUMENT);
    refuses_int(w, &lstm, TKR_GATE_ACTIVATION, TKR_IDENTITY, TKR_ERR_ARGUMENT);
    refuses_int(w, &gru, TKR_GATE_ACTIVATION, TKR_TANH, TKR_ERR_ARGUMENT);
    refuses_int(w, &elman, TKR_GATE_ACTIVATION, TKR_LOGISTIC, TKR_ERR_KEY);
    refuses_int(w, &lstm, TKR_DIRECTIONS, 4, TKR_ERR_ARGUMENT);
    refuses_int(w, &lstm, TKR_COMBINE, 4, TKR_ERR_ARGUMENT);
    refuses_int(w, &reverse, TKR_OUTPUT_BEFORE, 1, TKR_ERR_ARGUMENT);
    refuses_int(w, &before, TKR_DIRECTIONS, TKR_REVERSE, TKR_ERR_ARGUMENT);
    refuses_int(w, &conv, TKR_KERNEL, 0, TKR_ERR_ARGUMENT);
    refuses_int(w, &conv, TKR_DILATION, 65537, TKR_ERR_ARGUMENT);
    refuses_int(w, &conv, TKR_LAYERS, 1, TKR_ERR_KEY);
    refuses_int(w, &branch, TKR_COMBINE, TKR_SUM, TKR_ERR_KEY);
    tkr_cell *cell = twin_part(&branch, NULL);
    REFUSES(w, TKR_ERR_KEY, NULL, tkr_cell_bounds_int(cell, TKR_COMBINE, w->io.n, w->io.n + 1));
    tkr_cell_destroy(cell);
}

static void test_branch(void **state) {
    world *w = *state;
    const tkr_env *env = &w->env;
    tkr_cell **made = &w->made.cell, *parts[65];
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cell_branch(NULL, w->part, 1, TKR_SUM, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_cell_branch(made, NULL, 1, TKR_SUM, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_cell_branch(made, w->part, 0, TKR_SUM, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_cell_branch(made, w->part, 1, TKR_MEAN, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_cell_branch(made, w->part, 1, -1, env));
    for (int i = 0; i < 65; i++) {
        assert_ok(tkr_cell_create(&parts[i], TKR_SELECT, 3, 2, NULL));
    }
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_cell_branch(made, parts, 65, TKR_SUM, env));
    assert_non_null(strstr(w->detail, "a branch has 1 to 64 parts"));
    assert_ok(tkr_cell_branch(made, parts, 64, TKR_SUM, env));
    tkr_cell_destroy(*made);
    tkr_cell_destroy(parts[64]);
}

/* A cell in `levels` containers, all named alike; the last call is the one that may be refused. */
static int32_t nest(world *w, int levels, const char *name, tkr_cell **inner) {
    int32_t status = TKR_OK;
    assert_ok(tkr_cell_create(inner, TKR_LINEAR, 3, 3, NULL));
    for (int i = 0; i < levels && status == TKR_OK; i++) {
        tkr_cell *part = *inner;
        if (name) {
            assert_ok(tkr_cell_set_name(part, name));
        }
        if (i == levels - 1) {
            refusal r = refusal_begin(w);
            status = tkr_cell_chain(&w->made.cell, &part, 1, &w->env);
            if (status < 0) {
                refusal_end(&r, status, TKR_ERR_SHAPE, w->detail, 1, "nested", __LINE__);
            }
            *inner = status < 0 ? part : w->made.cell;
        } else {
            assert_ok(i % 2 ? tkr_cell_chain(inner, &part, 1, NULL)
                            : tkr_cell_branch(inner, &part, 1, TKR_SUM, NULL));
        }
    }
    return status;
}

static void test_nesting(void **state) {
    world *w = *state;
    char name[64];
    tkr_cell *cell;
    memset(name, 'n', 63);
    name[63] = '\0';
    assert_status(nest(w, 8, NULL, &cell), TKR_OK);
    tkr_cell_destroy(cell);
    assert_status(nest(w, 9, NULL, &cell), TKR_ERR_SHAPE);
    assert_non_null(strstr(w->detail, "8 levels of parts"));
    tkr_cell_destroy(cell);
    assert_status(nest(w, 3, name, &cell), TKR_ERR_SHAPE); /* three names and dots: 192 */
    assert_non_null(strstr(w->detail, "191 bytes of their names"));
    tkr_cell_destroy(cell);
    name[62] = '\0';
    assert_status(nest(w, 3, name, &cell), TKR_OK);
    assert_ok(tkr_cell_init(cell, 1));
    tkr_cell_destroy(cell);
}

/* A checkpoint's own tensors begin so. */
static void test_names(void **state) {
    world *w = *state;
    const orc_spec chain = CHAIN(PART(LINEAR, 3, 4)), branch = BRANCH(SUM, PART(LINEAR, 3, 4));
    const orc_spec leaf = PART(LINEAR, 3, 4), *specs[] = {&chain, &branch, &leaf};
    for (int i = 0; i < 3; i++) {
        tkr_cell *cell = twin_part(specs[i], NULL);
        const char *text = tkr_cell_detail(cell);
        if (i < 2) {
            REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_set_name(cell, "checkpoint"));
            assert_non_null(strstr(text, "checkpoint"));
        } else {
            assert_ok(tkr_cell_set_name(cell, "checkpoint"));
        }
        tkr_cell_destroy(cell);
    }
}

/* What goes backwards in time cannot be streamed, truncated or computed again. */
static void test_reverse(void **state) {
    world *w = *state;
    const orc_spec spec = PART(GRU, 3, 4, .directions = TKR_REVERSE);
    tkr_cell *cell = twin_cell(&spec, 1, NULL);
    tkr_state *streams;
    tkr_sequence *seq;
    const int32_t mode = TKR_TRAINING | TKR_RECOMPUTE;
    float x[3] = {0}, y[4];
    assert_ok(tkr_state_create(&streams, cell, 1, NULL));
    REFUSES(w, TKR_ERR_UNSUPPORTED, tkr_state_detail(streams), tkr_cell_step(cell, streams, y, x));
    REFUSES_TO_MAKE(w, TKR_ERR_UNSUPPORTED,
                    tkr_sequence_create(&w->made.seq, cell, 2, 2, mode, &w->env));
    REFUSES_TO_MAKE(w, TKR_ERR_UNSUPPORTED,
                    tkr_cell_quantize(&w->made.cell, NULL, cell, TKR_INT8, NULL, &w->env));
    assert_ok(tkr_sequence_create(&seq, cell, 2, 2, TKR_TRAINING, NULL));
    REFUSES(w, TKR_ERR_UNSUPPORTED, tkr_sequence_detail(seq),
            tkr_sequence_set_int(seq, TKR_TRUNCATE_EVERY, 1));
    tkr_sequence_destroy(seq);
    tkr_state_destroy(streams);
    tkr_cell_destroy(cell);
}

/* A file with a part or an option that this version does not know. */
static void test_files(void **state) {
    world *w = *state;
    static const struct {
        int32_t status;
        const char *from, *to, *text;
    } edits[] = {
        {TKR_ERR_UNSUPPORTED, "\\\"norm\\\"", "\\\"noun\\\"", "unknown name"},
        {TKR_ERR_UNSUPPORTED, "\\\"branch\\\"", "\\\"brunch\\\"", "unknown name"},
        {TKR_ERR_UNSUPPORTED, "norm_epsilon", "norm_opsilon", "unknown"},
        {TKR_ERR_FORMAT, "\\\"combine\\\":1", "\\\"combine\\\":2", "combine = 2"},
        {TKR_ERR_FORMAT, "\\\"kernel\\\":2", "\\\"kernel\\\":0", "kernel = 0"},
        {TKR_ERR_FORMAT, "\\\"groups\\\":1", "\\\"groups\\\":3", "part '1': 4 and 4 channels"},
    };
    const orc_spec spec =
        BRANCH(SUM, PART(NORM, 4, 4, .epsilon = 0.5), PART(CONV, 4, 4, .kernel = 2, .groups = 1));
    tkr_cell *cell = twin_cell(&spec, 1, NULL);
    stream whole;
    stream_init(&whole);
    const tkr_writer writer = stream_writer(&whole);
    assert_ok(tkr_cell_save_to(cell, &writer));
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        stream edited;
        stream_copy(&edited, &whole);
        assert_true(stream_edit(&edited, edits[i].from, edits[i].to));
        const tkr_reader reader = stream_reader(&edited);
        REFUSES_TO_MAKE(w, edits[i].status, tkr_cell_load_from(&w->made.cell, &reader, &w->env));
        if (!strstr(w->detail, edits[i].text)) {
            fail_msg("'%s', not '%s'", w->detail, edits[i].text);
        }
        stream_fini(&edited);
    }
    stream_fini(&whole);
    tkr_cell_destroy(cell);
}

/* Nets whose outputs are probabilities, and, at the end, some that only look like it. */
static const orc_spec LOGITS[] = {
    CHAIN(PART(LINEAR, 3, 4), PART(ACTIVATE, 4, 4, .activation = TKR_SOFTMAX, .name = "soft")),
    CHAIN(PART(ACTIVATE, 3, 3, .activation = TKR_SOFTMAX), PART(LAST, 3, 3)),
    CHAIN(PART(ACTIVATE, 3, 3, .activation = TKR_SOFTMAX), PART(DROPOUT, 3, 3, .rate = 0.5)),
    CHAIN(PART(ACTIVATE, 3, 3, .activation = TKR_SOFTMAX), PART(SELECT, 3, 2)),
    BRANCH(SUM, PART(ACTIVATE, 3, 3, .activation = TKR_SOFTMAX)),
    BRANCH(CONCATENATE, PART(ACTIVATE, 3, 3, .activation = TKR_SOFTMAX),
           CHAIN(PART(LINEAR, 3, 2), PART(ACTIVATE, 2, 2, .activation = TKR_SOFTMAX))),
    CHAIN(PART(ACTIVATE, 3, 3, .activation = TKR_SOFTMAX), PART(LINEAR, 3, 2)),
    BRANCH(SUM, PART(ACTIVATE, 3, 3, .activation = TKR_SOFTMAX), PART(SELECT, 3, 3)),
    CHAIN(PART(LINEAR, 3, 2), PART(ACTIVATE, 2, 2, .activation = TKR_LOGISTIC)),
};
enum { N_LOGITS = sizeof LOGITS / sizeof *LOGITS, N_REFUSED = 6 };

static void check_losses(world *w, const orc_spec *spec, int32_t mode, int32_t status) {
    enum { T = 2, B = 2 };
    tkr_cell *cell = twin_cell(spec, 1, NULL);
    tkr_sequence *seq;
    const float x[T * B * 3] = {1, 2, 3, -1, 0, 2, 1, 1, 0, 4, 2, 1}, values[T * B * 8] = {0};
    const int32_t targets[T * B] = {0, 1, 1, 0};
    double before = 0, loss = 7;
    assert_ok(tkr_sequence_create(&seq, cell, T, B, mode, NULL));
    assert_ok(tkr_sequence_forward(seq, x, NULL, T, B));
    assert_ok(tkr_sequence_loss_values(seq, &before, TKR_MSE, values, NULL));
    const char *text = status < 0 ? tkr_sequence_detail(seq) : NULL;
    for (int kind = 0; kind <= TKR_BINARY_CROSS_ENTROPY; kind += TKR_BINARY_CROSS_ENTROPY) {
        int32_t got = kind ? tkr_sequence_loss_values(seq, &loss, kind, values, NULL)
                           : tkr_sequence_loss_ids(seq, &loss, targets, NULL);
        assert_int_equal(got, status);
        assert_true(status == TKR_OK || (loss >= 7 && loss <= 7 && strstr(text, "softmax")));
    }
    if (mode && status < 0) { /* the loss that was there still is */
        assert_ok(tkr_sequence_backward(seq, NULL, NULL));
    }
    if (status < 0) {
        tkr_trial t = {.size = sizeof t, .steps = T, .batch = B, .input = x, .target_ids = targets};
        REFUSES(w, status, w->detail, tkr_cell_compare(w->io.real, cell, cell, &t, &w->env));
        t.target_ids = NULL;
        t.target_values = values;
        t.loss = TKR_BINARY_CROSS_ENTROPY;
        REFUSES(w, status, w->detail, tkr_cell_compare(w->io.real, cell, cell, &t, &w->env));
        assert_non_null(strstr(w->detail, "softmax"));
        t.loss = TKR_MSE;
        assert_ok(tkr_cell_compare(w->io.real, cell, cell, &t, NULL));
    }
    tkr_sequence_destroy(seq);
    tkr_cell_destroy(cell);
}

static void test_logits(void **state) {
    for (int i = 0; i < N_LOGITS; i++) {
        const int32_t status = i < N_REFUSED ? TKR_ERR_UNSUPPORTED : TKR_OK;
        check_losses(*state, &LOGITS[i], TKR_TRAINING, status);
        check_losses(*state, &LOGITS[i], TKR_INFERENCE, status);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, refusal_setup, refusal_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_containers), CASE(test_alone),   CASE(test_create), CASE(test_options),
        CASE(test_branch),     CASE(test_nesting), CASE(test_names),  CASE(test_reverse),
        CASE(test_files),      CASE(test_logits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
