/* SPDX-License-Identifier: MIT
 * Files of cells and states: everything comes back bit for bit, and what does not fit is named. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cell/cell.h"
#include "model/safetensors.h"
#include "support/heap.h"
#include "support/models.h"
#include "support/stream.h"

/* A heap, and the env that allocates from it and takes the texts. */
typedef struct place {
    heap heap;
    tkr_env env;
    char detail[240];
} place;

static void place_init(place *p) {
    memset(p, 0, sizeof *p);
    heap_init(&p->heap, &p->env);
    p->env.detail = p->detail;
    p->env.detail_len = sizeof p->detail;
}

static void save(tkr_cell *cell, stream *out) {
    stream_init(out);
    tkr_writer writer = stream_writer(out);
    assert_ok(tkr_cell_save_to(cell, &writer));
}

static int32_t load(tkr_cell **cell, const stream *from, place *p) {
    *cell = (void *)p;
    p->detail[0] = '\0';
    return tkr_cell_load_memory(cell, from->bytes, from->len, &p->env);
}

static void expect_same_bytes(const stream *a, const stream *b) {
    assert_int_equal(a->len, b->len);
    assert_memory_equal(a->bytes, b->bytes, a->len);
}

/* Every option of `a`, through the public calls, is the same in `b`. */
static void expect_same_options(const tkr_cell *a, const tkr_cell *b) {
    int32_t kind[2];
    int64_t input[2], output[2], whole[2];
    double real[2];
    assert_ok(tkr_cell_shape(a, &kind[0], &input[0], &output[0]));
    assert_ok(tkr_cell_shape(b, &kind[1], &input[1], &output[1]));
    assert_true(kind[0] == kind[1] && input[0] == input[1] && output[0] == output[1]);
    for (int32_t key = 1; key < 64; key++) {
        int32_t status = tkr_cell_get_int(a, key, &whole[0]);
        assert_status(tkr_cell_get_int(b, key, &whole[1]), status);
        assert_true(status || whole[0] == whole[1]);
        status = tkr_cell_get_float(a, key, &real[0]);
        assert_status(tkr_cell_get_float(b, key, &real[1]), status);
        assert_true(status || real[0] == real[1] || (isnan(real[0]) && isnan(real[1])));
    }
}

static void expect_same_parameters(const tkr_cell *a, const tkr_cell *b) {
    int64_t n[2], shape[4], other[4];
    const char *name, *other_name;
    int32_t rank, other_rank;
    assert_ok(tkr_cell_parameters(a, &n[0], NULL));
    assert_ok(tkr_cell_parameters(b, &n[1], NULL));
    assert_int_equal(n[0], n[1]);
    for (int64_t i = 0; i < n[0]; i++) {
        assert_ok(tkr_cell_parameter(a, i, &name, &rank, shape));
        assert_ok(tkr_cell_parameter(b, i, &other_name, &other_rank, other));
        assert_string_equal(name, other_name);
        int64_t len = shape[0] * shape[1] * shape[2] * shape[3];
        float *x = calloc((size_t)len, sizeof *x), *y = calloc((size_t)len, sizeof *y);
        assert_ok(tkr_cell_get_parameter(a, name, x, len));
        assert_ok(tkr_cell_get_parameter(b, name, y, len));
        assert_true(compare_bits(x, y, len));
        free(x);
        free(y);
    }
}

/* Both compute the same from the same input. */
static void expect_same_outputs(const tkr_cell *a, const tkr_cell *b, int ids) {
    enum { T = 3, B = 2 };
    float x[T * B * MODELS_I], out[2][T * B * 32];
    const int32_t input[T * B] = {0, 1, 2, 3, 4, -1};
    int64_t width;
    for (int i = 0; i < T * B * MODELS_I; i++) {
        x[i] = (float)(i % 11) / 5 - 1;
    }
    assert_ok(tkr_cell_shape(a, NULL, NULL, &width));
    assert_true(width <= 32);
    int64_t n = T * B * width;
    for (int k = 0; k < 2; k++) {
        tkr_sequence *seq;
        assert_ok(tkr_sequence_create(&seq, k ? b : a, T, B, TKR_INFERENCE, NULL));
        assert_ok(ids ? tkr_sequence_forward_ids(seq, input, NULL, T, B)
                      : tkr_sequence_forward(seq, x, NULL, T, B));
        if (tkr_sequence_output(seq, out[k], n) == TKR_ERR_SHAPE) { /* of one step */
            n = B * width;
            assert_ok(tkr_sequence_output(seq, out[k], n));
        }
        tkr_sequence_destroy(seq);
    }
    assert_true(compare_bits(out[0], out[1], n));
}

/* Every kind and option: a clone saves the same bytes and gives the same outputs. */
static void test_clones(void **unused) {
    (void)unused;
    for (int i = 0; i < models_len; i++) {
        stream file, again;
        tkr_cell *cell = models_make(&models[i], 11, NULL), *clone;
        assert_ok(tkr_cell_set_metadata(cell, "origin", "here"));
        assert_ok(tkr_cell_clone(&clone, cell, NULL));
        save(cell, &file);
        expect_same_outputs(cell, clone, models[i].ids);
        tkr_cell_destroy(cell);
        save(clone, &again);
        expect_same_bytes(&file, &again);
        tkr_cell_destroy(clone);
        stream_fini(&file);
        stream_fini(&again);
    }
}

/* Every kind and option: saved, loaded by all three ways, saved again to the same bytes. */
static void test_round_trip(void **unused) {
    (void)unused;
    for (int i = 0; i < models_len; i++) {
        place p;
        stream file, again;
        char path[64];
        place_init(&p);
        tkr_cell *cell = models_make(&models[i], 3 + (uint64_t)i, &p.env), *back[3];
        assert_ok(tkr_cell_set_metadata(cell, "\xC5\x9F", "a \"note\"\n\\"));
        assert_ok(tkr_cell_set_metadata(cell, "empty", ""));
        save(cell, &file);
        snprintf(path, sizeof path, "cell_file-%ld.safetensors", (long)getpid());
        assert_ok(tkr_cell_save(cell, path));
        tkr_reader reader = stream_reader(&file);
        file.piece = 100;
        assert_ok(load(&back[0], &file, &p));
        assert_ok(tkr_cell_load_from(&back[1], &reader, &p.env));
        assert_ok(tkr_cell_load(&back[2], path, &p.env));
        for (int way = 0; way < 3; way++) {
            expect_same_options(cell, back[way]);
            expect_same_parameters(cell, back[way]);
            expect_same_outputs(cell, back[way], models[i].ids);
            assert_string_equal(tkr_cell_get_metadata(back[way], "\xC5\x9F"), "a \"note\"\n\\");
            assert_string_equal(tkr_cell_get_metadata(back[way], "empty"), "");
            assert_string_equal(tkr_cell_detail(back[way]), "");
            save(back[way], &again);
            expect_same_bytes(&file, &again);
            stream_fini(&again);
            tkr_cell_destroy(back[way]);
        }
        (void)remove(path);
        stream_fini(&file);
        tkr_cell_destroy(cell);
        assert_true(heap_is_clean(&p.heap));
    }
}

/* The options that only initialisers go by, and real numbers that decimal would round. */
static void test_options_that_init_goes_by(void **unused) {
    (void)unused;
    place p;
    stream file;
    tkr_cell *cell, *back;
    place_init(&p);
    assert_ok(tkr_cell_create(&cell, TKR_LSTM, 2, 3, &p.env));
    assert_ok(tkr_cell_set_int(cell, TKR_INIT, TKR_INIT_ORTHOGONAL));
    assert_ok(tkr_cell_set_float(cell, TKR_INIT_SCALE, 1.0 / 3));
    assert_ok(tkr_cell_set_float(cell, TKR_FORGET_BIAS, -0.1));
    assert_ok(tkr_cell_set_float(cell, TKR_ZONEOUT, 1e-300));
    assert_ok(tkr_cell_init(cell, 1));
    save(cell, &file);
    assert_ok(load(&back, &file, &p));
    expect_same_options(cell, back);
    assert_ok(tkr_cell_init(cell, 2));
    assert_ok(tkr_cell_init(back, 2));
    expect_same_parameters(cell, back);
    tkr_cell_destroy(cell);
    tkr_cell_destroy(back);
    stream_fini(&file);
    assert_true(heap_is_clean(&p.heap));
}

/* A file does not know the tier that wrote it. */
static void test_tiers(void **unused) {
    (void)unused;
    for (int i = 0; i < models_len; i++) {
        place p;
        stream file, other;
        tkr_cell *back;
        place_init(&p);
        tkr_cell *cell = models_make(&models[i], 1, &p.env);
        save(cell, &file);
        p.env.tier = TKR_TIER_REFERENCE;
        assert_ok(load(&back, &file, &p));
        assert_int_equal(tkr_cell_tier(back), TKR_TIER_REFERENCE);
        expect_same_parameters(cell, back);
        save(back, &other);
        expect_same_bytes(&file, &other);
        tkr_cell_destroy(cell);
        tkr_cell_destroy(back);
        stream_fini(&file);
        stream_fini(&other);
    }
}

static void test_absent_tier(void **unused) {
    (void)unused;
    place p;
    stream file;
    tkr_cell *cell = models_make(&models[0], 1, NULL), *back;
    place_init(&p);
    save(cell, &file);
#if defined(__aarch64__)
    p.env.tier = TKR_TIER_AVX2;
#else
    p.env.tier = TKR_TIER_NEON;
#endif
    assert_status(load(&back, &file, &p), TKR_ERR_UNSUPPORTED);
    assert_null(back);
    assert_non_null(strstr(p.detail, "tier"));
    assert_true(heap_is_clean(&p.heap));
    tkr_cell_destroy(cell);
    stream_fini(&file);
}

/* Change a good file's header; the load must fail so, with these words, and leave nothing. */
static void expect_refused(const stream *good, const char *from, const char *to, int32_t status,
                           const char *words) {
    place p;
    stream bad;
    tkr_cell *cell;
    place_init(&p);
    stream_copy(&bad, good);
    assert_true(stream_edit(&bad, from, to));
    int32_t got = load(&cell, &bad, &p);
    if (got != status || !strstr(p.detail, words)) {
        print_error("'%s' -> '%s' gave %d '%s', not %d '%s'\n", from, to, got, p.detail, status,
                    words);
        fail();
    }
    assert_null(cell);
    assert_true(heap_is_clean(&p.heap));
    assert_true(p.heap.peak < 1 << 20);
    stream_fini(&bad);
}

static void expect_accepted(const stream *good, const char *from, const char *to) {
    place p;
    stream edited;
    tkr_cell *cell;
    place_init(&p);
    stream_copy(&edited, good);
    assert_true(stream_edit(&edited, from, to));
    assert_ok(load(&cell, &edited, &p));
    tkr_cell_destroy(cell);
    assert_true(heap_is_clean(&p.heap));
    stream_fini(&edited);
}

/* The file that the next tests change: a chain "rnn" (LSTM 3 x 4) and "out". */
static void make_chain_file(stream *file) {
    static const orc_spec specs[] = {
        {.name = "rnn", .kind = TKR_LSTM, .input = 3, .hidden = 4, .between = 0.5},
        {.name = "out", .kind = TKR_LINEAR, .input = 4, .hidden = 2}};
    tkr_cell *cell = twin_cell(specs, 2, NULL);
    assert_ok(tkr_cell_set_metadata(cell, "who", "me"));
    save(cell, file);
    tkr_cell_destroy(cell);
}

static void test_tensors_that_do_not_fit(void **unused) {
    (void)unused;
    stream file;
    make_chain_file(&file);
    expect_refused(&file, "\"out.weight\"", "\"out.wait\"", TKR_ERR_MISMATCH,
                   "the file has no tensor 'out.weight'");
    expect_refused(&file, ",\"rnn.bias_hh_l0\"",
                   ",\"zz\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},"
                   "\"rnn.bias_hh_l0\"",
                   TKR_ERR_MISMATCH, "the file has a tensor 'zz' that is not wanted");
    expect_refused(&file, ",\"rnn.bias_hh_l0\"",
                   ",\"checkpoint.a.b\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},"
                   "\"rnn.bias_hh_l0\"",
                   TKR_ERR_MISMATCH, "tensor 'checkpoint.a.b' that is not wanted");
    expect_refused(&file, "\"shape\":[16,4]", "\"shape\":[4,16]", TKR_ERR_MISMATCH,
                   "tensor 'rnn.weight_hh_l0' has shape [4,16], not [16,4]");
    expect_refused(&file, "\"shape\":[2,4]", "\"shape\":[8]", TKR_ERR_MISMATCH,
                   "tensor 'out.weight' has shape [8], not [2,4]");
    expect_refused(&file, "\"F32\",\"shape\":[2,4]", "\"I32\",\"shape\":[2,4]", TKR_ERR_MISMATCH,
                   "tensor 'out.weight' is I32, not floating point");
    stream_fini(&file);
}

static void test_format_version(void **unused) {
    (void)unused;
    stream file;
    make_chain_file(&file);
    expect_accepted(&file, "\"tekrar.format\":\"1.2\"", "\"tekrar.format\":\"1.99\"");
    expect_accepted(&file, "\"tekrar.format\":\"1.2\"", "\"tekrar.format\":\"1.0\"");
    expect_refused(&file, "\"tekrar.format\":\"1.2\"", "\"tekrar.format\":\"2.0\"",
                   TKR_ERR_UNSUPPORTED, "the file's format is version 2");
    expect_refused(&file, "\"tekrar.format\":\"1.2\"", "\"tekrar.format\":\"0.9\"",
                   TKR_ERR_UNSUPPORTED, "the file's format is version 0");
    expect_refused(&file, "\"tekrar.format\":\"1.2\",", "", TKR_ERR_MISMATCH,
                   "not written by tekrar");
    static const char *const bad[] = {"", "1", ".0", "x1.0", "-1.0", "1e3.0", "9999999.0"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char to[64];
        snprintf(to, sizeof to, "\"tekrar.format\":\"%s\"", bad[i]);
        expect_refused(&file, "\"tekrar.format\":\"1.2\"", to, TKR_ERR_FORMAT, "not a version");
    }
    expect_refused(&file, "\"tekrar.content\":\"cell\"", "\"tekrar.content\":\"state\"",
                   TKR_ERR_MISMATCH, "the file holds a state, not a cell");
    expect_refused(&file, "\"tekrar.content\":\"cell\",", "", TKR_ERR_MISMATCH,
                   "the file holds a thing, not a cell");
    expect_refused(&file, "\"tekrar.cell\":", "\"tekrar.sell\":", TKR_ERR_MISMATCH,
                   "no tekrar.cell");
    expect_accepted(&file, "\"tekrar.cell\":", "\"tekrar.new\":\"later\",\"tekrar.cell\":");
    stream_fini(&file);
}

#define Q "\\\""

static void test_bad_architectures(void **unused) {
    (void)unused;
    stream file;
    make_chain_file(&file);
    static const struct {
        const char *from, *to;
        int32_t status;
        const char *words;
    } rows[] = {
        {Q "lstm" Q, Q "gru2" Q, TKR_ERR_UNSUPPORTED, "a kind of cell of an unknown name"},
        {Q "lstm" Q, Q "chain" Q, TKR_ERR_FORMAT, "a container has a kind and parts"},
        {Q "lstm" Q, Q "a kind with a very long name" Q, TKR_ERR_UNSUPPORTED, "unknown name"},
        {Q "lstm" Q, Q "lstm\\\\u0000" Q, TKR_ERR_UNSUPPORTED, "unknown name"},
        {Q "lstm" Q, "2", TKR_ERR_FORMAT, "expected a string"},
        {Q "lstm" Q, Q "linear" Q, TKR_ERR_UNSUPPORTED, "a newer tekrar?"},
        {Q "layers" Q, Q "lawyers" Q, TKR_ERR_UNSUPPORTED, "a newer tekrar?"},
        {Q "layers" Q ":1", Q "layers" Q ":0", TKR_ERR_FORMAT, "layers"},
        {Q "layers" Q ":1", Q "layers" Q ":18446744073709551615", TKR_ERR_FORMAT, "layers"},
        {Q "layers" Q ":1", Q "layers" Q ":" Q "1" Q, TKR_ERR_FORMAT, "non-negative integer"},
        {Q "layers" Q ":1", Q "layers" Q ":1," Q "layers" Q ":1", TKR_ERR_FORMAT, "a member twice"},
        {Q "layers" Q ":1", Q "layers" Q ":2", TKR_ERR_MISMATCH, "the cell has 10 tensors"},
        {Q "layers" Q ":1", Q "rate" Q ":" Q "0x1p-1" Q, TKR_ERR_UNSUPPORTED, "unknown name"},
        {Q "peepholes" Q ":0", Q "peepholes" Q ":1", TKR_ERR_MISMATCH, "the cell has 9 tensors"},
        {Q "dropout_between" Q ":" Q "0x1p-1" Q, Q "dropout_between" Q ":" Q "0x1p+0" Q,
         TKR_ERR_FORMAT, "dropout_between"},
        {Q "dropout_between" Q ":" Q "0x1p-1" Q, Q "dropout_between" Q ":0", TKR_ERR_FORMAT,
         "expected a string"},
        {Q "dropout_between" Q ":" Q "0x1p-1" Q, Q "dropout_between" Q ":" Q "0.5" Q,
         TKR_ERR_FORMAT, "expected a real number"},
        {Q "hidden" Q ":4", Q "hidden" Q ":0", TKR_ERR_FORMAT, "hidden 0"},
        {Q "hidden" Q ":4", Q "hidden" Q ":2147483648", TKR_ERR_FORMAT, "is not in 1..2^31-1"},
        {Q "hidden" Q ":4", Q "hidden" Q ":18446744073709551615", TKR_ERR_FORMAT, "2^31-1"},
        {Q "hidden" Q ":4", Q "hidden" Q ":5", TKR_ERR_FORMAT, "part 1 takes 4 inputs"},
        {Q "input" Q ":3", Q "input" Q ":2147483647", TKR_ERR_MISMATCH, "the cell has 6 tensors"},
        {Q "input" Q ":3", Q "input" Q ":4", TKR_ERR_MISMATCH, ""},
        {Q "input" Q ":3", Q "inputs" Q ":3", TKR_ERR_UNSUPPORTED, "a member of an unknown name"},
        {Q "input" Q ":3,", "", TKR_ERR_FORMAT, "a cell has a kind, input, hidden and options"},
        {Q "input" Q ":3", Q "parts" Q ":[]", TKR_ERR_FORMAT, "a cell has a kind, input, hidden"},
        {Q "name" Q ":" Q "rnn" Q, Q "name" Q ":" Q "r.n" Q, TKR_ERR_FORMAT, ""},
        {Q "name" Q ":" Q "rnn" Q, Q "name" Q ":" Q "out" Q, TKR_ERR_FORMAT, "have one name"},
        {Q "name" Q ":" Q "rnn" Q, Q "name" Q ":" Q Q, TKR_ERR_FORMAT, "not a name"},
        {Q "name" Q ":" Q "rnn" Q, Q "name" Q ":" Q "rnn\\\\u0000" Q, TKR_ERR_FORMAT, "not a name"},
        {Q "name" Q ":" Q "rnn" Q,
         Q "name" Q ":" Q "0123456789012345678901234567890123456789012345678901234567890123" Q,
         TKR_ERR_FORMAT, "not a name"},
        {Q "name" Q ":" Q "rnn" Q ",", "", TKR_ERR_MISMATCH, "no tensor '0.weight_ih_l0'"},
        {Q "kind" Q ":" Q "chain" Q ",", "", TKR_ERR_FORMAT, ""},
        {Q "kind" Q ":" Q "chain" Q ",", Q "kind" Q ":" Q "chain" Q "," Q "input" Q ":3,",
         TKR_ERR_FORMAT, "a container has a kind and parts"},
        {"[{" Q "kind", "[],[{" Q "kind", TKR_ERR_FORMAT, ""},
        {"\"tekrar.cell\":\"{", "\"tekrar.cell\":\"[", TKR_ERR_FORMAT,
         "byte 0: expected an object"},
        {"}]}\"", "}]}}\"", TKR_ERR_FORMAT, "something follows the end"},
        {"\"tekrar.cell\":\"", "\"tekrar.cell\":\"\",\"tekrar.old\":\"", TKR_ERR_FORMAT,
         "tekrar.cell, byte 0"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        expect_refused(&file, rows[i].from, rows[i].to, rows[i].status, rows[i].words);
    }
    expect_accepted(&file, Q "layers" Q ":1,", ""); /* an option that was not there yet */
    expect_accepted(&file, "{" Q "kind" Q ":" Q "lstm" Q, " {" Q "kind" Q " : " Q "lstm" Q);
    stream_fini(&file);
}

/* What version 1.0 wrote knows no option that came later: those have their defaults. */
static void test_older_file(void **unused) {
    (void)unused;
    static const char *const later[] = {Q "combine" Q ":0,", Q "gate_activation" Q ":3,",
                                        Q "layer_norm" Q ":0,"};
    stream file;
    place p;
    tkr_cell *cell;
    int64_t combine, gates;
    make_chain_file(&file);
    assert_true(stream_edit(&file, "\"tekrar.format\":\"1.2\"", "\"tekrar.format\":\"1.0\""));
    for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
        assert_true(stream_edit(&file, later[i], ""));
    }
    place_init(&p);
    assert_ok(load(&cell, &file, &p));
    assert_ok(tkr_cell_get_int(cell->parts[0], TKR_COMBINE, &combine));
    assert_ok(tkr_cell_get_int(cell->parts[0], TKR_GATE_ACTIVATION, &gates));
    assert_int_equal(combine, TKR_CONCATENATE);
    assert_int_equal(gates, TKR_LOGISTIC);
    tkr_cell_destroy(cell);
    stream_fini(&file);
    assert_true(heap_is_clean(&p.heap));
}

/* A chain of 257 parts, and one of none. */
static void test_number_of_parts(void **unused) {
    (void)unused;
    static const char part[] = "{" Q "kind" Q ":" Q "dropout" Q "," Q "input" Q ":1," Q "hidden" Q
                               ":1," Q "options" Q ":{}}";
    static const int counts[] = {0, 1, 256, 257};
    for (int c = 0; c < 4; c++) {
        const int n = counts[c];
        place p;
        stream file;
        tkr_cell *cell;
        char *header = malloc(300 * sizeof part);
        place_init(&p);
        stream_init(&file);
        strcpy(header,
               "{\"__metadata__\":{\"tekrar.format\":\"1.0\",\"tekrar.content\":\"cell\","
               "\"tekrar.cell\":\"{" Q "kind" Q ":" Q "chain" Q "," Q "parts" Q ":[");
        for (int i = 0; i < n; i++) {
            strcat(header, i > 0 ? "," : "");
            strcat(header, part);
        }
        strcat(header, "]}\"}}");
        stream_put_file(&file, header, 0);
        assert_status(load(&cell, &file, &p), n == 0 || n > 256 ? TKR_ERR_FORMAT : TKR_OK);
        tkr_cell_destroy(cell);
        assert_true(heap_is_clean(&p.heap));
        stream_fini(&file);
        free(header);
    }
}

static void test_bad_metadata(void **unused) {
    (void)unused;
    stream file;
    make_chain_file(&file);
    expect_refused(&file, "\"who\":\"me\"", "\"who\":\"m\\u0000e\"", TKR_ERR_FORMAT, "a NUL");
    expect_refused(&file, "\"who\":\"me\"", "\"w\\u0000o\":\"me\"", TKR_ERR_FORMAT, "a NUL");
    expect_refused(&file, "\"who\":\"me\"", "\"\":\"me\"", TKR_ERR_FORMAT, "1 to 64 bytes");
    expect_refused(
        &file, "\"who\":", "\"01234567890123456789012345678901234567890123456789012345678901234\":",
        TKR_ERR_FORMAT, "1 to 64 bytes");
    stream_fini(&file);
}

/* Cut anywhere, and every bit of the header flipped: a clear status, nothing left behind. */
static void test_damaged(void **unused) {
    (void)unused;
    place p;
    stream file;
    tkr_cell *cell;
    int counts[16] = {0};
    make_chain_file(&file);
    place_init(&p);
    uint64_t whole = file.len, header = file.bytes[0] + 256u * file.bytes[1];
    for (file.len = 0; file.len < whole; file.len++) {
        assert_status(load(&cell, &file, &p), TKR_ERR_FORMAT);
        assert_true(p.detail[0] && heap_is_clean(&p.heap));
    }
    for (uint64_t bit = 64; bit < 8 * (8 + header); bit++) {
        file.bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        int32_t status = load(&cell, &file, &p);
        assert_true(status == TKR_OK || status == TKR_ERR_FORMAT || status == TKR_ERR_MISMATCH ||
                    status == TKR_ERR_UNSUPPORTED);
        assert_true((status == TKR_OK) == (cell != NULL));
        assert_true(status == TKR_OK || p.detail[0]);
        counts[-status]++;
        tkr_cell_destroy(cell);
        assert_true(heap_is_clean(&p.heap));
        assert_true(p.heap.peak < 1 << 20);
        file.bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    assert_true(counts[0] > 20 && counts[-TKR_ERR_MISMATCH] > 100 &&
                counts[-TKR_ERR_UNSUPPORTED] > 100);
    stream_fini(&file);
}

/* Files of other precisions, as converters write them, can be loaded. */
static const float halves[] = {1.5f, -2, 0.25f, 1024, -0.125f, 3, 7, 0};

static int32_t fetch_as(void *user, int32_t index, void *elements, uint64_t bytes) {
    int32_t dtype = *(const int32_t *)user;
    (void)index;
    for (uint64_t i = 0; i < bytes * 8 / tkri_dtype_bits(dtype); i++) {
        double wide = (double)halves[i % 8];
        uint32_t bits;
        memcpy(&bits, &halves[i % 8], sizeof bits);
        uint16_t brain = (uint16_t)(bits >> 16);
        uint16_t half =
            (uint16_t)((bits >> 16 & 0x8000) | (bits << 1 ? ((bits >> 23 & 255) - 112) << 10 : 0) |
                       (bits >> 13 & 1023));
        memcpy((char *)elements + i * tkri_dtype_bits(dtype) / 8,
               dtype == TKRI_F64    ? (const void *)&wide
               : dtype == TKRI_BF16 ? (const void *)&brain
                                    : (const void *)&half,
               tkri_dtype_bits(dtype) / 8);
    }
    return TKR_OK;
}

static void test_other_precisions(void **unused) {
    (void)unused;
    static const int32_t types[] = {TKRI_F64, TKRI_BF16, TKRI_F16};
    static const char architecture[] =
        "{\"kind\":\"linear\",\"input\":2,\"hidden\":4,\"options\":{\"biases\":0}}";
    for (int i = 0; i < 3; i++) {
        place p;
        stream file;
        tkri_env env;
        tkri_detail detail;
        tkr_cell *cell;
        float got[8];
        const tkri_entry entry = {"weight", types[i], 2, {4, 2}};
        const tkri_pair pairs[] = {
            {"tekrar.format", "1.0"}, {"tekrar.content", "cell"}, {"tekrar.cell", architecture}};
        const tkri_content content = {&entry, 1, pairs, 3, fetch_as, (void *)(uintptr_t)&types[i]};
        place_init(&p);
        stream_init(&file);
        tkr_writer writer = stream_writer(&file);
        assert_ok(tkri_env_read(&env, &p.env));
        assert_ok(tkri_file_write(&content, &writer, &env, &detail));
        assert_ok(load(&cell, &file, &p));
        assert_ok(tkr_cell_get_parameter(cell, "weight", got, 8));
        assert_true(compare_bits(got, halves, 8));
        tkr_cell_destroy(cell);
        if (types[i] == TKRI_F64) { /* a number that no float can hold */
            memcpy(file.bytes + file.len - 8, "\0\0\0\0\0\0\xF0\x7E", 8);
            assert_status(load(&cell, &file, &p), TKR_ERR_MISMATCH);
            assert_non_null(strstr(p.detail, "tensor 'weight': element 7 is too large"));
        }
        stream_fini(&file);
        assert_true(heap_is_clean(&p.heap));
    }
}

/* States: out, in, and into another one, bit for bit; what does not fit changes nothing. */
static void test_states(void **unused) {
    (void)unused;
    enum { B = 3 };
    for (int i = 0; i < models_len; i++) {
        tkr_cell *cell = models_make(&models[i], 5, NULL);
        tkr_state *state, *other, *narrow;
        stream file, again;
        float x[B * MODELS_I];
        int32_t ids[B] = {0, 4, -1};
        for (int k = 0; k < B * MODELS_I; k++) {
            x[k] = (float)k / 7 - 1;
        }
        assert_ok(tkr_state_create(&state, cell, B, NULL));
        assert_ok(tkr_state_create(&other, cell, B, NULL));
        assert_ok(tkr_state_create(&narrow, cell, B - 1, NULL));
        int64_t tensors;
        assert_ok(tkr_state_tensors(state, &tensors));
        for (int k = 0; k < 3; k++) {
            int32_t status = models[i].ids ? tkr_cell_step_ids(cell, state, NULL, ids)
                                           : tkr_cell_step(cell, state, NULL, x);
            assert_true(status == TKR_OK || status == TKR_ERR_UNSUPPORTED); /* two directions */
        }
        stream_init(&file);
        stream_init(&again);
        tkr_writer writer = stream_writer(&file), writer_again = stream_writer(&again);
        assert_ok(tkr_state_save_to(state, &writer));
        tkr_reader reader = stream_reader(&file);
        assert_ok(tkr_state_load_from(other, &reader));
        assert_ok(tkr_state_save_to(other, &writer_again));
        expect_same_bytes(&file, &again);
        reader = stream_reader(&file);
        assert_status(tkr_state_load_from(narrow, &reader), tensors ? TKR_ERR_MISMATCH : TKR_OK);
        assert_true(!tensors || strstr(tkr_state_detail(narrow), "has shape ["));
        stream_fini(&file);
        stream_fini(&again);
        tkr_state_destroy(state);
        tkr_state_destroy(other);
        tkr_state_destroy(narrow);
        tkr_cell_destroy(cell);
    }
}

static void test_a_state_is_not_a_cell(void **unused) {
    (void)unused;
    place p;
    stream file, cell_bytes, before, after;
    tkr_state *state;
    tkr_cell *none;
    place_init(&p);
    tkr_cell *cell = models_make(&models[4], 5, &p.env);
    assert_ok(tkr_state_create(&state, cell, 1, &p.env));
    stream_init(&file);
    stream_init(&before);
    stream_init(&after);
    tkr_writer writer = stream_writer(&file);
    assert_ok(tkr_state_save_to(state, &writer));
    assert_status(load(&none, &file, &p), TKR_ERR_MISMATCH);
    assert_string_equal(p.detail, "the file holds a state, not a cell");
    save(cell, &cell_bytes);
    tkr_reader reader = stream_reader(&cell_bytes);
    assert_status(tkr_state_load_from(state, &reader), TKR_ERR_MISMATCH);
    assert_string_equal(tkr_state_detail(state), "the file holds a cell, not a state");
    /* c does not fit, h does: h must not have been loaded. */
    float ones[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    assert_ok(tkr_state_set(state, "h", ones, 9));
    writer = stream_writer(&before);
    assert_ok(tkr_state_save_to(state, &writer));
    assert_true(stream_edit(&file, "\"c\"", "\"d\""));
    reader = stream_reader(&file);
    assert_status(tkr_state_load_from(state, &reader), TKR_ERR_MISMATCH);
    assert_string_equal(tkr_state_detail(state), "the file has no tensor 'c'");
    writer = stream_writer(&after);
    assert_ok(tkr_state_save_to(state, &writer));
    expect_same_bytes(&before, &after);
    tkr_state_destroy(state);
    tkr_cell_destroy(cell);
    stream_fini(&file);
    stream_fini(&cell_bytes);
    stream_fini(&before);
    stream_fini(&after);
    assert_true(heap_is_clean(&p.heap));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clones),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_options_that_init_goes_by),
        cmocka_unit_test(test_tiers),
        cmocka_unit_test(test_absent_tier),
        cmocka_unit_test(test_tensors_that_do_not_fit),
        cmocka_unit_test(test_format_version),
        cmocka_unit_test(test_bad_architectures),
        cmocka_unit_test(test_older_file),
        cmocka_unit_test(test_number_of_parts),
        cmocka_unit_test(test_bad_metadata),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_other_precisions),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_a_state_is_not_a_cell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
