/* SPDX-License-Identifier: MIT
 * ARPA files: a model by hand, what other tools write, what none may write, and the way there and
 * back. */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/arpa.h"
#include "support/heap.h"
#include "support/stream.h"
#include "support/support.h"

static char detail[240];
static tkr_env env = {.size = sizeof env, .detail = detail, .detail_len = sizeof detail};

static int32_t load_bytes(tkr_ngram **ngram, const void *bytes, uint64_t len, const tkr_env *with,
                          uint64_t piece) {
    stream s;
    stream_init(&s);
    stream_put(&s, bytes, len);
    s.piece = piece;
    tkr_reader reader = stream_reader(&s);
    detail[0] = 0;
    int32_t status = tkr_ngram_load_arpa_from(ngram, &reader, with);
    stream_fini(&s);
    return status;
}

static int32_t load(tkr_ngram **ngram, const char *text) {
    return load_bytes(ngram, text, strlen(text), &env, 0);
}

static stream saved(tkr_ngram *ngram) {
    stream s;
    stream_init(&s);
    tkr_writer writer = stream_writer(&s);
    assert_ok(tkr_ngram_save_arpa_to(ngram, &writer));
    return s;
}

/* Whether the file holds this text. */
static int has(const stream *s, const char *text) {
    uint64_t len = strlen(text);
    for (uint64_t i = 0; i + len <= s->len; i++) {
        if (memcmp(s->bytes + i, text, (size_t)len) == 0) {
            return 1;
        }
    }
    return 0;
}

/* log10 p(word | context), words being those of the file. */
static double log_10(const tkr_ngram *ngram, const char *context, const char *word) {
    tkr_vocabulary *v;
    int32_t ids[8] = {TKR_BEGIN}, id;
    int64_t n;
    double logprob;
    assert_ok(tkr_ngram_get_vocabulary(&v, ngram, NULL));
    assert_ok(tkr_vocabulary_set_int(v, TKR_RESERVED, 1)); /* a context may have <unk> in it */
    int marked = strncmp(context, "<s>", 3) == 0;
    assert_ok(tkr_vocabulary_encode(v, ids + marked, 7, &n, context + 3 * marked,
                                    strlen(context) - 3 * (size_t)marked, -1));
    assert_ok(tkr_vocabulary_find(v, &id, word, strlen(word)));
    assert_ok(tkr_ngram_logprob(ngram, &logprob, ids, n + marked, id));
    tkr_vocabulary_destroy(v);
    return logprob / log(10);
}

static void expect_log_10(const tkr_ngram *ngram, const char *context, const char *word,
                          double want) {
    double got = log_10(ngram, context, word);
    if (!(fabs(got - want) <= 1e-9)) {
        fail_msg("log10 p(%s | %s) is %.12g, not %.12g", word, context, got, want);
    }
}

static const char by_hand[] = ARPA_BY_HAND;

static void check_by_hand(const tkr_ngram *ngram) {
    expect_log_10(ngram, "", "a", -0.7);
    expect_log_10(ngram, "a", "b", -0.4);
    expect_log_10(ngram, "<s> a", "b", -0.01);
    expect_log_10(ngram, "a b", "</s>", -0.02);
    expect_log_10(ngram, "a b", "a", -0.125 - 0.6);       /* one step back */
    expect_log_10(ngram, "a b", "b", -0.125 + 0.1 - 0.9); /* two, one of them upwards */
    expect_log_10(ngram, "b a", "a", 0 - 0.2 - 0.7);      /* a missing weight is 0 */
    expect_log_10(ngram, "a a", "b", -0.4);               /* an unseen context costs nothing */
    expect_log_10(ngram, "<s>", "b", -0.5 - 0.9);
    expect_log_10(ngram, "b </s>", "<unk>", -1);
}

static void test_by_hand(void **unused) {
    (void)unused;
    tkr_ngram *ngram;
    int64_t n, warnings;
    int32_t order, precision;
    int64_t symbols;
    assert_ok(load(&ngram, by_hand));
    check_by_hand(ngram);
    assert_ok(tkr_ngram_shape(ngram, &order, &symbols, &precision));
    assert_true(order == 3 && symbols == 4 && precision == 8);
    assert_ok(tkr_ngram_len(ngram, 2, &n, NULL));
    assert_int_equal(n, 4);
    assert_ok(tkr_ngram_get_int(ngram, TKR_WARNINGS, &warnings));
    assert_int_equal(warnings, 0);
    tkr_ngram_destroy(ngram);
}

/* Replace the first `from` in `text` by `to`; the result lives until the next call. */
static const char *changed(const char *text, const char *from, const char *to) {
    static char result[4096];
    const char *at = strstr(text, from);
    assert_non_null(at);
    snprintf(result, sizeof result, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return result;
}

/* What other tools write: spaces for tabs, CR LF, blank lines, spaces around '='. */
static void test_other_tools(void **unused) {
    (void)unused;
    static const char *const changes[][2] = {
        {"-0.4\ta b\t-0.125", "-0.4 a b -0.125"},
        {"-0.7\ta\t-0.2\n", " -0.7\ta  -0.2 \n"},
        {"\\data\\\n", "\n\n\\data\\\n"},
        {"ngram 2=4", "ngram  2 = 4"},
        {"ngram 1=5", "ngram 1=\t5\r"},
        {"-0.6\tb a\n", "\n-6e-1\tb a\t0\r\n\n"},
        {"\\end\\\n", "\\end\\"},
        {"\\end\\\n", "\\end\\\n \n\t\n"},
        {"-0.9\tb\t0.1", "-.9\tb\t+1E-1"},
        {"\\2-grams:\n-", "\\2-grams:   \n-"},
        {"-0.3\t<s> a\t-0.25", "-3.0e-01 <s>\ta -0.2500000000000000000000000000"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        tkr_ngram *ngram = NULL;
        assert_ok(load(&ngram, changed(by_hand, changes[i][0], changes[i][1])));
        check_by_hand(ngram);
        tkr_ngram_destroy(ngram);
    }
    for (uint64_t piece = 1; piece < 9; piece++) {
        tkr_ngram *ngram;
        assert_ok(load_bytes(&ngram, by_hand, sizeof by_hand - 1, &env, piece));
        check_by_hand(ngram);
        tkr_ngram_destroy(ngram);
    }
}

/* Each is refused with its reason and its line. */
static void test_refusals(void **unused) {
    (void)unused;
    static const struct {
        const char *from, *to, *reason;
    } wrong[] = {
        {"\\data\\", "\\date\\", "line 24: the file ends before \\data\\"},
        {"ngram 2=4", "ngram 3=4", "line 3: the orders"},
        {"ngram 1=5\nngram 2=4\nngram 3=2\n", "", "line 3: 'ngram 1=count' is wanted"},
        {"ngram 2=4", "ngram 2=four", "line 3: 'ngram N=count'"},
        {"ngram 2=4", "ngram 2=-4", "line 3: 'ngram N=count'"},
        {"ngram 2=4", "ngram 2=99999999999999999999", "line 3: 'ngram N=count'"},
        {"ngram 2=4", "2=4", "line 3: 'ngram N=count'"},
        {"ngram 2=4", "ngram 2", "line 3: 'ngram N=count'"},
        {"ngram 2=4", "ngram 2=5", "line 19: fewer n-grams"},
        {"ngram 2=4", "ngram 2=3", "line 17: more n-grams"},
        {"ngram 3=2", "ngram 3=1", "line 21: more n-grams"},
        {"\\2-grams:", "\\3-grams:", "line 13: the title"},
        {"\\1-grams:", "\\1-gram:", "line 6: the title"},
        {"-0.7\ta\t-0.2", "0.7\ta\t-0.2", "line 9: the logarithm of a probability is above 0"},
        {"-0.7\ta\t-0.2", "1e-9\ta\t-0.2", "line 9: the logarithm of a probability is above 0"},
        {"-0.7\ta\t-0.2", "nan\ta\t-0.2", "line 9: this probability is no number"},
        {"-0.7\ta\t-0.2", "inf\ta\t-0.2", "line 9: this probability is no number"},
        {"-0.7\ta\t-0.2", "-info\ta\t-0.2", "line 9: this probability is no number"},
        {"-0.7\ta\t-0.2", "-1.1e9\ta\t-0.2", "line 9: this probability is no number"},
        {"-0.7\ta\t-0.2", "-0.7\ta\t1e10", "line 9: this back-off weight is no number"},
        {"-0.7\ta\t-0.2", "-1e999\ta\t-0.2", "line 9: this probability is no number"},
        {"-0.7\ta\t-0.2", "-0.7x\ta\t-0.2", "line 9: this probability is no number"},
        {"-0.7\ta\t-0.2", "-0,7\ta\t-0.2", "line 9: this probability is no number"},
        {"-0.7\ta\t-0.2", "-0.7\ta\t-0.2.1", "line 9: this back-off weight is no number"},
        {"-0.7\ta\t-0.2", "-0.7\ta\tinf", "line 9: this back-off weight is no number"},
        {"-0.7\ta\t-0.2", "-0.7", "line 9: a probability, the words"},
        {"-0.7\ta\t-0.2", "-0.7\ta\t-0.2\t-0.2", "line 9: a probability, the words"},
        {"-0.01\t<s> a b", "-0.01\t<s> a b\t-0.3", "line 20: a back-off weight that is not 0"},
        {"-0.01\t<s> a b", "-0.01\t<s> a b\t-inf", "line 20: a back-off weight that is not 0"},
        {"-0.01\t<s> a b", "-0.01\t<s> a b\t-99", "line 20: a back-off weight that is not 0"},
        {"-0.01\t<s> a b", "-0.01\t<s> a b\t0\t0", "line 20: a probability, the words"},
        {"-0.01\t<s> a b", "-0.01\t<s> a", "line 20: a probability, the words"},
        {"-0.9\tb\t0.1", "-0.9\ta\t0.1", "line 10: this word was there before"},
        {"-0.9\tb\t0.1", "-0.9\t<s>\t0.1", "line 10: <s> was there before"},
        {"-0.4\ta b", "-0.4\ta c", "line 15: a word is not among the 1-grams"},
        {"-0.4\ta b", "-0.4\tc <s>", "line 15: a word is not among the 1-grams"},
        {"-0.4\ta b", "-0.4\t<s> a", "the 2-gram '<s> a' is there twice"},
        {"\\end\\", "end", "line 23: more n-grams"},
        {"\\end\\", "\\fin\\", "line 23: \\end\\ is wanted"},
        {"\\end\\\n", "", "the file ends before \\end\\"},
        {"ngram 1=5", "ngram 1=0", "line 7: more n-grams"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        tkr_ngram *ngram = (void *)detail;
        int32_t status = load(&ngram, changed(by_hand, wrong[i].from, wrong[i].to));
        if (status != TKR_ERR_FORMAT || ngram || !strstr(detail, wrong[i].reason)) {
            fail_msg("'%s' for '%s': status %d, '%s' without '%s'", wrong[i].to, wrong[i].from,
                     (int)status, detail, wrong[i].reason);
        }
    }
    tkr_ngram *ngram;
    assert_status(load(&ngram, ""), TKR_ERR_FORMAT);
    assert_status(tkr_ngram_load_arpa_from(&ngram, NULL, &env), TKR_ERR_ARGUMENT);
    assert_status(tkr_ngram_load_arpa(&ngram, "no/such/file", &env), TKR_ERR_IO);
    char many[2048] = "\\data\\\n";
    for (int n = 1; n <= 17; n++) {
        snprintf(many + strlen(many), 30, "ngram %d=1\n", n);
    }
    assert_status(load(&ngram, many), TKR_ERR_FORMAT);
    assert_non_null(strstr(detail, "line 18: orders above 16"));
}

static void test_long_lines(void **unused) {
    (void)unused;
    enum { LONG = 3 << 20 };
    char *line = malloc(LONG);
    assert_non_null(line);
    memset(line, 'x', LONG);
    memcpy(line, "\\data\\\n", 7);
    tkr_ngram *ngram;
    assert_status(load_bytes(&ngram, line, LONG, &env, 0), TKR_ERR_FORMAT);
    assert_non_null(strstr(detail, "line 2 is longer"));
    free(line);
}

static void test_missing_unknown(void **unused) {
    (void)unused;
    tkr_ngram *ngram;
    int64_t warnings, symbols;
    char text[sizeof by_hand + 1];
    strcpy(text, changed(by_hand, "-1\t<unk>\n", ""));
    assert_ok(load(&ngram, changed(text, "ngram 1=5", "ngram 1=4")));
    assert_ok(tkr_ngram_get_int(ngram, TKR_WARNINGS, &warnings));
    assert_int_equal(warnings, TKR_WARNING_NO_UNKNOWN);
    assert_ok(tkr_ngram_shape(ngram, NULL, &symbols, NULL));
    assert_int_equal(symbols, 4);
    expect_log_10(ngram, "", "<unk>", -100);
    expect_log_10(ngram, "a", "<unk>", -0.2 - 100);
    /* What the reader added the writer leaves out, also after a detour through a file. */
    tkr_ngram *compact;
    assert_ok(tkr_ngram_compact(&compact, ngram, NULL));
    stream first = saved(ngram), second = saved(compact);
    assert_false(has(&first, "<unk>"));
    assert_false(has(&second, "<unk>"));
    stream_fini(&first);
    stream_fini(&second);
    tkr_ngram_destroy(compact);
    tkr_ngram_destroy(ngram);
}

/* Without <s> there is a mark all the same, which nothing follows. */
static void test_missing_begin(void **unused) {
    (void)unused;
    tkr_ngram *ngram;
    assert_ok(load(&ngram,
                   "\\data\\\nngram 1=2\nngram 2=1\n\\1-grams:\n-1 <unk>\n-0.5 a\n"
                   "\\2-grams:\n-0.1 a a\n\\end\\\n"));
    expect_log_10(ngram, "<s>", "a", -0.5);
    expect_log_10(ngram, "a", "a", -0.1);
    stream s = saved(ngram);
    assert_false(has(&s, "<s>"));
    stream_fini(&s);
    tkr_ngram_destroy(ngram);
}

/* Pruned models lack what longer n-grams begin or end with: backing off must find its way. */
static void test_missing_middles(void **unused) {
    (void)unused;
    static const char text[] =
        "\\data\\\nngram 1=6\nngram 2=1\nngram 3=0\nngram 4=1\n"
        "\\1-grams:\n-1 <unk>\n-99 <s> -0.5\n-0.7 a -0.2\n-0.9 b -0.3\n-1.1 c -0.4\n-1.5 d -0.6\n"
        "\\2-grams:\n-0.35 b c -0.15\n"
        "\\3-grams:\n"
        "\\4-grams:\n-0.05 a b c d\n"
        "\\end\\\n";
    tkr_ngram *ngram;
    assert_ok(load(&ngram, text));
    expect_log_10(ngram, "a b c", "d", -0.05);
    expect_log_10(ngram, "a b", "c", -0.35);    /* a b has no weight, b c is there */
    expect_log_10(ngram, "a", "b", -0.2 - 0.9); /* a b is not */
    expect_log_10(ngram, "b c", "d", -0.15 - 0.4 - 1.5);
    expect_log_10(ngram, "c", "d", -0.4 - 1.5);
    expect_log_10(ngram, "a b c", "a", -0.15 - 0.4 - 0.7);
    expect_log_10(ngram, "<s> a b c", "d", -0.05);
    int64_t n;
    assert_ok(tkr_ngram_len(ngram, 3, &n, NULL));
    assert_int_equal(n, 0);
    /* Nothing of it is written that was not read. */
    stream s = saved(ngram);
    assert_true(has(&s, "ngram 2=1\nngram 3=0\nngram 4=1\n"));
    stream_fini(&s);
    tkr_ngram_destroy(ngram);
}

/* Write, read, write: the same bytes; and the scores are the same. */
static void expect_round_trip(tkr_ngram *ngram, const int32_t *text, int64_t n, double tolerance) {
    stream first = saved(ngram);
    tkr_ngram *read;
    assert_ok(load_bytes(&read, first.bytes, first.len, &env, 0));
    stream second = saved(read);
    assert_int_equal(first.len, second.len);
    assert_memory_equal(first.bytes, second.bytes, first.len);
    const int32_t begin = TKR_BEGIN;
    for (int marked = 0; marked < 2; marked++) {
        tkr_ngram_state states[2];
        assert_ok(tkr_ngram_start(ngram, &states[0], &begin, marked));
        assert_ok(tkr_ngram_start(read, &states[1], &begin, marked));
        for (int64_t i = 0; i < n; i++) {
            double want, got;
            assert_ok(tkr_ngram_step(ngram, &states[0], &want, text[i]));
            assert_ok(tkr_ngram_step(read, &states[1], &got, text[i]));
            if (!(fabs(got - want) <= tolerance)) {
                fail_msg("id %d: %.12g read, %.12g written", (int)i, got, want);
            }
        }
    }
    tkr_ngram_destroy(read);
    stream_fini(&first);
    stream_fini(&second);
}

static void test_round_trips(void **unused) {
    (void)unused;
    enum { LEN = 1000, V = 7 };
    int32_t text[LEN];
    uint32_t random = (uint32_t)compare_seed(70);
    for (int i = 0; i < LEN; i++) {
        random = random * 1664525u + 1013904223u;
        text[i] = (int32_t)((random >> 28) % (V - 1));
    }
    for (int smoothing = TKR_WITTEN_BELL; smoothing <= TKR_MODIFIED_KNESER_NEY; smoothing++) {
        for (int32_t order = 1; order <= 7; order++) {
            const int32_t pads[] = {TKR_BEGIN, TKR_NOTHING, V - 1};
            tkr_ngram *ngram, *compact;
            assert_ok(tkr_ngram_create(&ngram, order, V, NULL));
            assert_ok(tkr_ngram_count(ngram, text, LEN, pads[order % 3]));
            assert_ok(tkr_ngram_set_int(ngram, TKR_FALLBACK, 1));
            assert_ok(tkr_ngram_set_int(ngram, TKR_PRUNE + 3, order % 2));
            assert_ok(tkr_ngram_estimate(ngram, smoothing));
            assert_ok(tkr_ngram_compact(&compact, ngram, NULL));
            expect_round_trip(ngram, text, LEN, 1e-6);
            expect_round_trip(compact, text, LEN, 1e-6);
            tkr_ngram_destroy(ngram);
            tkr_ngram_destroy(compact);
        }
    }
    tkr_ngram *ngram;
    assert_ok(load(&ngram, by_hand));
    expect_round_trip(ngram, text, 0, 0);
    tkr_ngram_destroy(ngram);
}

static void test_what_arpa_cannot_say(void **unused) {
    (void)unused;
    const int32_t text[] = {0, 1, 0};
    tkr_ngram *ngram;
    stream s;
    stream_init(&s);
    tkr_writer writer = stream_writer(&s);
    assert_ok(tkr_ngram_create(&ngram, 2, 2, NULL));
    assert_ok(tkr_ngram_count(ngram, text, 3, TKR_NOTHING));
    assert_status(tkr_ngram_save_arpa_to(ngram, &writer), TKR_ERR_ORDER);
    assert_ok(tkr_ngram_estimate(ngram, TKR_MAXIMUM_LIKELIHOOD));
    assert_status(tkr_ngram_save_arpa_to(ngram, &writer), TKR_ERR_UNSUPPORTED);
    assert_ok(tkr_ngram_estimate(ngram, TKR_ADD_K));
    assert_status(tkr_ngram_save_arpa_to(ngram, &writer), TKR_ERR_UNSUPPORTED);
    assert_int_equal(s.len, 0);
    assert_ok(tkr_ngram_estimate(ngram, TKR_WITTEN_BELL));
    s.fail_at = 0;
    assert_status(tkr_ngram_save_arpa_to(ngram, &writer), TKR_ERR_IO);
    assert_status(tkr_ngram_save_arpa_to(ngram, NULL), TKR_ERR_ARGUMENT);
    stream_fini(&s);
    tkr_ngram_destroy(ngram);
}

/* Symbols that would separate words, and names that look like our way to write them. */
static void test_names(void **unused) {
    (void)unused;
    static const char text[] = "\t\n <az\x7F\xC3\xA9";
    static const char *const want[] = {"<0x09>", "<0x0A>", "<0x20>", "<",
                                       "a",      "z",      "<0x7F>", "\xC3\xA9"};
    tkr_vocabulary *vocabulary, *read;
    tkr_ngram *ngram, *loaded;
    int32_t ids[16];
    int64_t n;
    assert_ok(tkr_vocabulary_create(&vocabulary, TKR_CHARACTERS, text, sizeof text - 1, NULL));
    assert_ok(tkr_vocabulary_encode(vocabulary, ids, 16, &n, text, sizeof text - 1, -1));
    assert_ok(tkr_ngram_create(&ngram, 2, n, NULL));
    assert_ok(tkr_ngram_count(ngram, ids, n, TKR_BEGIN));
    assert_ok(tkr_ngram_estimate(ngram, TKR_WITTEN_BELL));
    stream numbers = saved(ngram);
    assert_true(has(&numbers, "\t6\t"));
    assert_ok(tkr_ngram_set_vocabulary(ngram, vocabulary));
    stream s = saved(ngram);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        char line[20], last[20];
        snprintf(line, sizeof line, "\t%s\t", want[i]);
        snprintf(last, sizeof last, "\t%s\n", want[i]);
        assert_true(has(&s, line) || has(&s, last));
    }
    assert_ok(load_bytes(&loaded, s.bytes, s.len, &env, 0));
    assert_ok(tkr_ngram_get_vocabulary(&read, loaded, NULL));
    assert_int_equal(tkr_vocabulary_len(read), n); /* characters again, without the <unk> */
    int32_t again[16];
    assert_ok(tkr_vocabulary_encode(read, again, 16, &n, text, sizeof text - 1, -1));
    assert_memory_equal(again, ids, (size_t)n * sizeof *ids);
    tkr_vocabulary_destroy(read);
    tkr_vocabulary_destroy(vocabulary);
    tkr_ngram_destroy(ngram);
    tkr_ngram_destroy(loaded);
    stream_fini(&s);
    stream_fini(&numbers);

    /* Words: <0x41> is somebody's word and stays one; <0x3C>0x20> is the word <0x20>. */
    assert_ok(load(&loaded,
                   "\\data\\\nngram 1=4\n\\1-grams:\n-1 <unk>\n-0.5 <0x41>\n-1 A\n"
                   "-2 x<0x3C>0x20>\n\\end\\\n"));
    expect_log_10(loaded, "", "<0x41>", -0.5);
    expect_log_10(loaded, "", "x<0x20>", -2);
    s = saved(loaded);
    assert_true(has(&s, "\tx<0x3C>0x20>\n"));
    /* "<0x41>" is written so that nothing is read into it. */
    tkr_ngram *second;
    assert_ok(load_bytes(&second, s.bytes, s.len, &env, 0));
    expect_log_10(second, "", "<0x41>", -0.5);
    stream_fini(&s);
    tkr_ngram_destroy(loaded);
    tkr_ngram_destroy(second);
}

/* Which vocabulary the words of a file are. */
static void test_kinds(void **unused) {
    (void)unused;
    static const struct {
        const char *words[3];
        int32_t feeds; /* ids that "a\na\n" becomes */
        int64_t len;
    } cases[] = {
        {{"a", "b", "<unk>"}, 2, 3}, {{"a", "</s>", "<unk>"}, 4, 3}, {{"\n", "a", "b"}, 4, 3}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        char text[200];
        tkr_ngram *ngram;
        tkr_vocabulary *v;
        int64_t n;
        snprintf(text, sizeof text,
                 "\\data\\\nngram 1=3\n\\1-grams:\n-1 %s\n-1 %s\n-1 %s\n\\end\\\n",
                 cases[c].words[0][0] == '\n' ? "<0x0A>" : cases[c].words[0], cases[c].words[1],
                 cases[c].words[2]);
        assert_ok(load(&ngram, text));
        assert_ok(tkr_ngram_get_vocabulary(&v, ngram, NULL));
        assert_int_equal(tkr_vocabulary_len(v), cases[c].len);
        assert_ok(tkr_vocabulary_encode(v, NULL, 0, &n, "a\na\n", 4, -1));
        assert_int_equal(n, cases[c].feeds);
        tkr_vocabulary_destroy(v);
        tkr_ngram_destroy(ngram);
    }
}

static void test_every_truncation(void **unused) {
    (void)unused;
    for (uint64_t len = 0; len + 1 < sizeof by_hand - 1; len++) { /* the last line feed may go */
        heap h;
        tkr_env counted;
        tkr_ngram *ngram = (void *)&h;
        heap_init(&h, &counted);
        assert_status(load_bytes(&ngram, by_hand, len, &counted, 0), TKR_ERR_FORMAT);
        assert_null(ngram);
        assert_true(heap_is_clean(&h));
    }
}

/* Whatever a damaged file turns out to be, it is a whole model or none. */
static void test_damage(void **unused) {
    (void)unused;
    int taken = 0;
    for (uint64_t at = 0; at < sizeof by_hand - 1; at++) {
        for (int byte = 0; byte < 256; byte += byte < 128 ? 1 : 17) {
            char text[sizeof by_hand];
            heap h;
            tkr_env counted;
            tkr_ngram *ngram = NULL;
            memcpy(text, by_hand, sizeof text);
            text[at] = (char)byte;
            heap_init(&h, &counted);
            int32_t status = load_bytes(&ngram, text, sizeof text - 1, &counted, 0);
            assert_true(status == TKR_OK || status == TKR_ERR_FORMAT);
            assert_true((status == TKR_OK) == (ngram != NULL));
            if (ngram) {
                double logprob;
                const int32_t context[] = {TKR_BEGIN, 1};
                assert_ok(tkr_ngram_logprob(ngram, &logprob, context, 2, 2));
                assert_true(logprob < 0.5);
                taken++;
            }
            tkr_ngram_destroy(ngram);
            assert_true(heap_is_clean(&h));
        }
    }
    assert_true(taken > 1000);
}

static void test_reader_failures(void **unused) {
    (void)unused;
    stream s;
    stream_init(&s);
    stream_put(&s, by_hand, sizeof by_hand - 1);
    s.piece = 40;
    const int64_t calls = (int64_t)(s.len + s.piece - 1) / (int64_t)s.piece + 1;
    for (s.fail_at = 0; s.fail_at < calls; s.fail_at++) {
        tkr_ngram *ngram;
        tkr_reader reader = stream_reader(&s);
        assert_status(tkr_ngram_load_arpa_from(&ngram, &reader, NULL), TKR_ERR_IO);
    }
    s.fail_at = -1;
    s.liar = 1;
    tkr_ngram *ngram;
    tkr_reader reader = stream_reader(&s);
    assert_status(tkr_ngram_load_arpa_from(&ngram, &reader, NULL), TKR_ERR_IO);
    stream_fini(&s);
}

static void test_paths(void **unused) {
    (void)unused;
    static const char path[] = "test_ngram_arpa.tmp";
    tkr_ngram *ngram, *again;
    assert_ok(load(&ngram, by_hand));
    assert_ok(tkr_ngram_save_arpa(ngram, path));
    assert_ok(tkr_ngram_load_arpa(&again, path, NULL));
    check_by_hand(again);
    tkr_ngram_destroy(ngram);
    tkr_ngram_destroy(again);
    assert_int_equal(unlink(path), 0);
}

/* Numbers have a point in every country. */
static void test_locales(void **unused) {
    (void)unused;
    static const char *const names[] = {"de_DE.UTF-8", "tr_TR.UTF-8", "fr_FR.UTF-8", "de_DE",
                                        "C.UTF-8"};
    const char *set = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !set; i++) {
        set = setlocale(LC_ALL, names[i]);
    }
    tkr_ngram *ngram;
    assert_ok(load(&ngram, by_hand));
    check_by_hand(ngram);
    expect_round_trip(ngram, NULL, 0, 0);
    tkr_ngram_destroy(ngram);
    setlocale(LC_ALL, "C");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_other_tools),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_missing_unknown),
        cmocka_unit_test(test_missing_begin),
        cmocka_unit_test(test_missing_middles),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_what_arpa_cannot_say),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_reader_failures),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_locales),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
