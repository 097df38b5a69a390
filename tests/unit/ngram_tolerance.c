/* SPDX-License-Identifier: MIT
 * ARPA files as SRILM, KenLM, IRSTLM, OpenGrm and the CMU toolkit write them: what is unusual is
 * read and told by TKR_WARNINGS; what is no ARPA text is named. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/arpa.h"
#include "support/stream.h"
#include "support/support.h"

static char detail[240];
static tkr_env env = {.size = sizeof env, .detail = detail, .detail_len = sizeof detail};

static const char model[] = ARPA_BY_HAND;

static int32_t load_bytes(tkr_ngram **ngram, const void *bytes, uint64_t len, uint64_t piece) {
    stream s;
    stream_init(&s);
    stream_put(&s, bytes, len);
    s.piece = piece;
    tkr_reader reader = stream_reader(&s);
    detail[0] = 0;
    int32_t status = tkr_ngram_load_arpa_from(ngram, &reader, &env);
    stream_fini(&s);
    return status;
}

static tkr_ngram *load(const char *text) {
    tkr_ngram *ngram = NULL;
    if (load_bytes(&ngram, text, strlen(text), 0) < 0) {
        fail_msg("refused: %s", detail);
    }
    return ngram;
}

/* A changed model. */
typedef struct file {
    char text[sizeof model + 100];
} file;

/* Replace the first `from` in `text` by `to`. */
static file changed(const char *text, const char *from, const char *to) {
    file result;
    const char *at = strstr(text, from);
    assert_non_null(at);
    snprintf(result.text, sizeof result.text, "%.*s%s%s", (int)(at - text), text, to,
             at + strlen(from));
    return result;
}

/* Two replacements. */
static file changed_twice(const char *from, const char *to, const char *also, const char *by) {
    const file once = changed(model, from, to);
    return changed(once.text, also, by);
}

static int64_t warnings_of(const tkr_ngram *ngram) {
    int64_t warnings;
    assert_ok(tkr_ngram_get_int(ngram, TKR_WARNINGS, &warnings));
    return warnings;
}

/* log10 p(word | context), words of the file but for a leading <s>. */
static double log_10(const tkr_ngram *ngram, const char *context, const char *word) {
    tkr_vocabulary *v;
    int32_t ids[8] = {TKR_BEGIN}, id;
    int64_t n;
    double logprob;
    int marked = strncmp(context, "<s>", 3) == 0;
    assert_ok(tkr_ngram_get_vocabulary(&v, ngram, NULL));
    assert_ok(tkr_vocabulary_encode(v, ids + marked, 7, &n, context + 3 * marked,
                                    strlen(context) - 3 * (size_t)marked, -1));
    assert_ok(tkr_vocabulary_find(v, &id, word, strlen(word)));
    assert_ok(tkr_ngram_logprob(ngram, &logprob, ids, n + marked, id));
    tkr_vocabulary_destroy(v);
    return logprob / log(10);
}

/* One change of the model: what it is told by, and a probability that shows what was read. */
typedef struct leniency {
    const char *from, *to;
    int64_t warnings;
    const char *context, *word;
    double want;
} leniency;

static void check(const char *text, const leniency *l) {
    tkr_ngram *ngram = load(text);
    if (warnings_of(ngram) != l->warnings) {
        fail_msg("'%s': warnings %d, not %d", l->to, (int)warnings_of(ngram), (int)l->warnings);
    }
    double got = log_10(ngram, l->context, l->word);
    int same = isinf(l->want) ? got < 0 && isinf(got) : fabs(got - l->want) <= 1e-9;
    if (!same) {
        fail_msg("'%s': log10 p(%s | %s) is %.12g, not %.12g", l->to, l->word, l->context, got,
                 l->want);
    }
    tkr_ngram_destroy(ngram);
}

static void check_all(const leniency *all, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const file f = changed(model, all[i].from, all[i].to);
        check(f.text, &all[i]);
    }
}
#define CHECK_ALL(all) check_all(all, sizeof(all) / sizeof *(all))

static void test_text_around(void **unused) {
    (void)unused;
    static const leniency all[] = {
        {"\\data\\\n", "\\data\\\n", 0, "a", "b", -0.4},
        {"\\data\\\n", "\n \n\\data\\\n", 0, "a", "b", -0.4},
        {"\\data\\\n", "made by hand\nfor\ta test\n\n\\data\\\n", TKR_WARNING_TEXT_BEFORE, "a", "b",
         -0.4},
        {"\\data\\\n", "# \\data\\\n\\1-grams:\n#\r\n \\data\\ \r\n", TKR_WARNING_TEXT_BEFORE, "a",
         "b", -0.4},
        {"\\end\\\n", "\\end\\\nand more", TKR_WARNING_TEXT_BEHIND, "a", "b", -0.4},
        {"\\end\\\n", "\\end\\\n\n\\data\\\nngram 1=7\n\\end\\\n", TKR_WARNING_TEXT_BEHIND, "a",
         "b", -0.4},
        {"\\data\\\n", "\xEF\xBB\xBF\\data\\\n", TKR_WARNING_BYTE_ORDER, "a", "b", -0.4},
        {"\\data\\\n", "\xEF\xBB\xBF\n#\n\\data\\\n",
         TKR_WARNING_BYTE_ORDER | TKR_WARNING_TEXT_BEFORE, "a", "b", -0.4},
        {"ngram 2=4", "ngram  2=        4", TKR_WARNING_SPACES, "a", "b", -0.4},
        {"ngram 2=4", "ngram 2 = 4", TKR_WARNING_SPACES, "a", "b", -0.4},
        {"ngram 2=4", " ngram\t2=4 ", 0, "a", "b", -0.4},
    };
    CHECK_ALL(all);
}

static void test_inner_begins(void **unused) {
    (void)unused;
    const int64_t inner = TKR_WARNING_INNER_BEGIN;
    const leniency all[] = {
        {"-0.6\tb a\n", "-0.6\tb <s>\n", inner, "b", "a", 0.1 - 0.7},
        {"-0.6\tb a\n", "-0.6\t</s> <s>\t-0.3\n", inner, "b", "a", 0.1 - 0.7},
        {"-0.6\tb a\n", "-inf\t<s> <s>\n", inner, "b", "a", 0.1 - 0.7},
        {"-0.02\ta b </s>", "-0.02\ta </s> <s>", inner, "a b", "</s>", -0.125 - 0.8},
        {"-0.02\ta b </s>", "-0.02\t</s> <s> a\t0", inner | TKR_WARNING_LAST_BACKOFF, "a b", "</s>",
         -0.125 - 0.8},
    };
    CHECK_ALL(all);
}

static void test_last_backoffs(void **unused) {
    (void)unused;
    static const leniency all[] = {
        {"a b </s>\n", "a b </s>\t0\n", TKR_WARNING_LAST_BACKOFF, "a b", "</s>", -0.02},
        {"a b </s>\n", "a b </s>\t-0.000\n", TKR_WARNING_LAST_BACKOFF, "a b", "</s>", -0.02},
        {"a b </s>\n", "a b </s> 0e5\r\n", TKR_WARNING_LAST_BACKOFF, "a b", "</s>", -0.02},
    };
    static const char unigrams[] =
        "\\data\\\nngram 1=2\n\\1-grams:\n-1 <unk> 0\n-0.5 a 0\n\\end\\\n";
    const leniency single = {NULL, "0", TKR_WARNING_LAST_BACKOFF, "", "a", -0.5};
    CHECK_ALL(all);
    check(unigrams, &single);
}

static void test_zeros(void **unused) {
    (void)unused;
    static const leniency all[] = {
        {"-0.4\ta b", "-inf\ta b", TKR_WARNING_ZERO, "a", "b", -INFINITY},
        {"-0.4\ta b", "-Inf\ta b", TKR_WARNING_ZERO, "a", "b", -INFINITY},
        {"-0.4\ta b", "-INF\ta b", TKR_WARNING_ZERO, "a", "b", -INFINITY},
        {"-0.4\ta b", "-99\ta b", TKR_WARNING_ZERO, "a", "b", -INFINITY},
        {"-0.4\ta b", "-99.9990\ta b", TKR_WARNING_ZERO, "a", "b", -INFINITY},
        {"-0.4\ta b", "-98.9999\ta b", 0, "a", "b", -98.9999},
        {"-0.4\ta b", "-99.0001\ta b", 0, "a", "b", -99.0001},
        {"-0.4\ta b", "-99.9999971\ta b", 0, "a", "b", -99.9999971}, /* -100 as a float */
        {"-0.01\t<s> a b", "-99\t<s> a b", TKR_WARNING_ZERO, "<s> a", "b", -INFINITY},
        {"-1\t<unk>", "-99\t<unk>", TKR_WARNING_ZERO, "a", "<unk>", -INFINITY},
        {"-99\t<s>", "-inf\t<s>", 0, "<s>", "a", -0.3}, /* no event has this probability */
        {"-99\t<s>", "-99.999\t<s>", 0, "<s>", "b", -0.5 - 0.9},
        {"-99\t<s>", "0\t<s>", 0, "<s>", "a", -0.3},
        {"a b\t-0.125", "a b\t-99", TKR_WARNING_ZERO, "a b", "a", -INFINITY},
        {"a b\t-0.125", "a b\t-inf", TKR_WARNING_ZERO, "a b", "</s>", -0.02},
        {"<s>\t-0.5", "<s>\t-99", TKR_WARNING_ZERO, "<s>", "b", -INFINITY},
    };
    CHECK_ALL(all);
}

static void test_unknown(void **unused) {
    (void)unused;
    static const leniency all[] = {
        {"<unk>", "<UNK>", TKR_WARNING_UNKNOWN, "a", "<unk>", -0.2 - 1},
    };
    const leniency inside = {NULL, "b <UNK>", TKR_WARNING_UNKNOWN, "b", "<unk>", -0.6};
    const leniency first = {NULL, "<UNK>, <unk>", 0, "", "<UNK>", -1};
    const leniency second = {NULL, "<unk>, <UNK>", 0, "", "<unk>", -1};
    CHECK_ALL(all);
    file f = changed_twice("<unk>", "<UNK>", "b a", "b <UNK>");
    check(f.text, &inside);
    f = changed_twice("<unk>\n", "<UNK>\n-2\t<unk>\n", "1=5", "1=6");
    check(f.text, &first);
    f = changed_twice("<unk>\n", "<unk>\n-2\t<UNK>\n", "1=5", "1=6");
    check(f.text, &second);
    f = changed_twice("<unk>\n", "<UNK>\n-2\t<UNK>\n", "1=5", "1=6");
    tkr_ngram *ngram = NULL;
    assert_status(load_bytes(&ngram, f.text, strlen(f.text), 0), TKR_ERR_FORMAT);
}

/* Warnings go with copies and files; what was read as 0 is written as 0. */
static void test_kept(void **unused) {
    (void)unused;
    const int64_t want = TKR_WARNING_ZERO | TKR_WARNING_UNKNOWN;
    const file f = changed_twice("<unk>", "<UNK>", "-0.4\ta b", "-inf\ta b");
    tkr_ngram *ngram = load(f.text), *compact, *again;
    stream s;
    stream_init(&s);
    tkr_writer writer = stream_writer(&s);
    assert_ok(tkr_ngram_compact(&compact, ngram, NULL));
    assert_int_equal(warnings_of(compact), want);
    assert_ok(tkr_ngram_save_to(compact, &writer));
    tkr_reader reader = stream_reader(&s);
    assert_ok(tkr_ngram_load_from(&again, &reader, NULL));
    assert_int_equal(warnings_of(again), want);
    stream_fini(&s);
    stream_init(&s);
    writer = stream_writer(&s);
    assert_ok(tkr_ngram_save_arpa_to(again, &writer));
    tkr_ngram_destroy(again);
    assert_ok(load_bytes(&again, s.bytes, s.len, 0));
    assert_int_equal(warnings_of(again), TKR_WARNING_ZERO);
    assert_true(isinf(log_10(again, "a", "b")));
    stream_put(&s, "", 1);
    assert_non_null(strstr((char *)s.bytes, "-99\ta b\t-0.125"));
    stream_fini(&s);
    tkr_ngram_destroy(again);
    tkr_ngram_destroy(compact);
    tkr_ngram_destroy(ngram);
}

/* Files of other kinds begin with these bytes. */
static void test_foreign(void **unused) {
    (void)unused;
    static const struct {
        const char *bytes;
        uint64_t len;
        const char *name;
    } files[] = {
        {"\x1F\x8B\x08", 3, "gzip"},
        {"\x1F\x9D", 2, "compress"},
        {"BZh91AY&SY", 10, "bzip2"},
        {"\xFD\x37zXZ\0", 6, "xz"},
        {"\x28\xB5\x2F\xFD", 4, "zstd"},
        {"PK\3\4", 4, "zip"},
        {"\xFF\xFE\\\0", 4, "UTF-16"},
        {"\xFE\xFF\0\\", 4, "UTF-16"},
        {"mmap lm http://kheafield.com/code format version 5\n\0", 52, "KenLM"},
        {"iARPA\n\n\\data\\\n", 14, "iARPA"},
        {"blmt 3 1 2 3\n", 13, "IRSTLM"},
        {"Qblmt 3 1 2 3\n", 14, "IRSTLM"},
        {"SRILM_BINARY_NGRAM_002\n", 23, "SRILM"},
        {"\x11\0\0\0Darpa Trigram LM\0", 21, "Sphinx"},
        {"\0\0\0\x11"
         "Darpa Trigram LM\0",
         21, "Sphinx"},
        {"Trie Language Model\3", 20, "pocketsphinx"},
        {"\xD6\xFD\xB2\x7E", 4, "OpenFst"},
        {"tekrarNG\1\0\0\0", 12, "tkr_ngram_save()"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char bytes[300 + sizeof model];
        memset(bytes, '\n', sizeof bytes);
        memcpy(bytes, files[i].bytes, (size_t)files[i].len);
        memcpy(bytes + 300, model, sizeof model - 1); /* so that it would be text otherwise */
        for (uint64_t piece = 0; piece < 3; piece++) {
            tkr_ngram *ngram = (void *)bytes;
            assert_status(load_bytes(&ngram, bytes, sizeof bytes, piece), TKR_ERR_FORMAT);
            assert_null(ngram);
            if (!strstr(detail, files[i].name) || !strstr(detail, "ARPA text is wanted")) {
                fail_msg("'%s' does not name %s", detail, files[i].name);
            }
        }
        tkr_ngram *ngram; /* too short to be one */
        assert_status(load_bytes(&ngram, bytes, files[i].len, 0), TKR_ERR_FORMAT);
        assert_status(load_bytes(&ngram, bytes, 1, 0), TKR_ERR_FORMAT);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_around),   cmocka_unit_test(test_inner_begins),
        cmocka_unit_test(test_last_backoffs), cmocka_unit_test(test_zeros),
        cmocka_unit_test(test_unknown),       cmocka_unit_test(test_kept),
        cmocka_unit_test(test_foreign),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
