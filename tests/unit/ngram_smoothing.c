/* SPDX-License-Identifier: MIT
 * Smoothed n-grams: by hand on small texts, against the definitions of docs/ngram.md computed
 * slowly and apart, and against what every distribution has to be. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/support.h"

enum { MAX_TEXT = 100, MAX_V = 4, MAX_ORDER = 8, BEGIN = TKR_BEGIN, NONE = -9, KATZ_MOST = 5 };

/* ---- the definitions, slowly ---- */

/* Texts one behind the other, each behind a mark of a beginning, a separator (NONE), or a separator
 * and padding; every question is answered by walking over all of it. */
typedef struct slow {
    int32_t text[MAX_TEXT];
    int predicted[MAX_TEXT]; /* 0 for marks, separators and padding */
    int len, order, symbols, smoothing;
    double off[MAX_ORDER + 1][KATZ_MOST + 1];
} slow;

/* Whether gram [n] ends, as an event, at place `end`. */
static int ends_at(const slow *s, const int32_t *gram, int n, int end) {
    int same = s->predicted[end] && end - n + 1 >= 0;
    for (int i = 0; same && i < n; i++) {
        same = s->text[end - n + 1 + i] == gram[i];
    }
    return same;
}

static int raw(const slow *s, const int32_t *gram, int n) {
    int count = 0;
    for (int end = 0; end < s->len; end++) {
        count += ends_at(s, gram, n, end);
    }
    return count;
}

/* Different left neighbours of gram [n]; a beginning without a mark is one of its own. */
static int neighbours(const slow *s, const int32_t *gram, int n) {
    int32_t longer[MAX_ORDER + 1];
    memcpy(longer + 1, gram, (size_t)n * sizeof *gram);
    int found = 0, at_start = 0;
    for (int32_t left = 0; left <= s->symbols; left++) {
        longer[0] = left < s->symbols ? left : BEGIN;
        found += raw(s, longer, n + 1) > 0;
    }
    for (int end = n; end < s->len; end++) {
        at_start = at_start || (s->text[end - n] == NONE && ends_at(s, gram, n, end));
    }
    return found + at_start;
}

/* The count that is smoothed. */
static int count(const slow *s, const int32_t *gram, int n) {
    int adjusts = s->smoothing == TKR_KNESER_NEY || s->smoothing == TKR_MODIFIED_KNESER_NEY;
    return adjusts && n < s->order && gram[0] != BEGIN ? neighbours(s, gram, n) : raw(s, gram, n);
}

/* counts of counts of the n-grams of one length: all V^n of them, and those behind a mark. */
static void count_counts(const slow *s, int n, double *of) {
    int32_t gram[MAX_ORDER];
    int total = 1;
    memset(of, 0, (KATZ_MOST + 2) * sizeof *of);
    for (int i = 0; i < n; i++) {
        total *= s->symbols + 1;
    }
    for (int code = 0; code < total; code++) {
        int rest = code, legal = 1;
        for (int i = 0; i < n; i++, rest /= s->symbols + 1) {
            int32_t id = rest % (s->symbols + 1);
            gram[i] = id < s->symbols ? id : BEGIN;
            legal = legal && (id < s->symbols || (i == 0 && n > 1));
        }
        int c = legal ? count(s, gram, n) : 0;
        if (c >= 1 && c <= KATZ_MOST + 1) {
            of[c] += 1;
        }
    }
}

static int in_range(double value, double low, double high) {
    return value > low && value <= high;
}

static void fall_back(double *off, int one) {
    for (int r = 1; r <= KATZ_MOST; r++) {
        off[r] = one ? 0.5 : r == 1 ? 0.5 : r == 2 ? 1 : 1.5;
    }
}

static void find_discounts(slow *s, int n) {
    double of[KATZ_MOST + 2], *off = s->off[n];
    count_counts(s, n, of);
    int usable = of[1] > 0;
    double y = of[1] / (of[1] + 2 * of[2]);
    for (int r = 1; r <= KATZ_MOST; r++) {
        int j = r < 3 ? r : 3;
        if (s->smoothing == TKR_MODIFIED_KNESER_NEY) {
            off[r] = j - (j + 1) * y * of[j + 1] / of[j];
            int is_0 = j * (of[1] + 2 * of[2]) * of[j] == (j + 1) * of[1] * of[j + 1];
            off[r] = is_0 ? 0 : off[r];
            usable = usable && of[j] > 0 && (is_0 || in_range(off[r], 0, j));
        } else if (s->smoothing == TKR_KATZ) {
            double better = (r + 1) * of[r + 1] / of[r], all = 6 * of[6] / of[1];
            double kept = (better / r - all) / (1 - all);
            off[r] = r * (1 - kept);
            usable = usable && of[r] > 0 && in_range(kept, 0, 1);
        } else {
            off[r] = y;
        }
    }
    if (!usable) {
        fall_back(off, s->smoothing == TKR_KNESER_NEY || s->smoothing == TKR_ABSOLUTE_DISCOUNT);
    }
}

static void put(slow *s, int32_t id, int predicted) {
    s->text[s->len] = id;
    s->predicted[s->len++] = predicted;
}

/* One more text, as tkr_ngram_count() takes it. */
static void add_text(slow *s, const int32_t *ids, int n, int32_t pad) {
    put(s, pad == TKR_BEGIN ? BEGIN : NONE, 0);
    for (int i = 0; pad >= 0 && i < s->order - 1; i++) {
        put(s, pad, 0);
    }
    for (int i = 0; i < n; i++) {
        put(s, ids[i], 1);
    }
}

static double slow_p(const slow *s, const int32_t *context, int n, int32_t id);

/* What the lower order says of an id. */
static double lower_p(const slow *s, const int32_t *context, int n, int32_t id) {
    int uniform = n == 0 || s->smoothing == TKR_ADD_K;
    return uniform ? 1.0 / s->symbols : slow_p(s, context + 1, n - 1, id);
}

/* Katz: discounted counts where there are any, the lower order in proportion where there are none.
 */
static double katz_p(const slow *s, const int32_t *context, int n, int32_t id, const int *c,
                     double total) {
    double kept = 0, covered = 0;
    int seen = 0;
    for (int32_t v = 0; v < s->symbols; v++) {
        if (c[v]) {
            kept += c[v] - (c[v] <= KATZ_MOST ? s->off[n + 1][c[v]] : 0);
            covered += lower_p(s, context, n, v);
            seen++;
        }
    }
    double own = c[id] - (c[id] && c[id] <= KATZ_MOST ? s->off[n + 1][c[id]] : 0);
    if (seen == s->symbols) {
        return own / kept;
    }
    if (!(total - kept > 0)) {
        total += 1; /* nothing was discounted: one more count for what was not seen */
    }
    return c[id] ? own / total
                 : (total - kept) / total / (1 - covered) * lower_p(s, context, n, id);
}

/* p(id | context [n]). */
static double slow_p(const slow *s, const int32_t *context, int n, int32_t id) {
    int32_t gram[MAX_ORDER];
    int c[MAX_V], total = 0, distinct = 0;
    double taken = 0;
    memcpy(gram, context, (size_t)n * sizeof *gram);
    for (int32_t v = 0; v < s->symbols; v++) {
        gram[n] = v;
        c[v] = count(s, gram, n + 1);
        total += c[v];
        distinct += c[v] > 0;
        taken += c[v] ? s->off[n + 1][c[v] < KATZ_MOST ? c[v] : KATZ_MOST] : 0;
    }
    double below = s->smoothing == TKR_KATZ || !total ? 0 : lower_p(s, context, n, id);
    if (!total) {
        return lower_p(s, context, n, id);
    }
    switch (s->smoothing) {
        case TKR_ADD_K:
            return (c[id] + 0.01) / (total + 0.01 * s->symbols);
        case TKR_WITTEN_BELL:
            return (c[id] + distinct * below) / (total + distinct);
        case TKR_KATZ:
            return katz_p(s, context, n, id, c, total);
        default:
            return (c[id] - (c[id] ? s->off[n + 1][c[id] < KATZ_MOST ? c[id] : KATZ_MOST] : 0) +
                    taken * below) /
                   total;
    }
}

/* ---- what is asked ---- */

static uint64_t next_random(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

static tkr_ngram *estimated(const int32_t *ids, int64_t n, int32_t pad, int32_t order,
                            int64_t symbols, int32_t smoothing) {
    tkr_ngram *ngram;
    assert_ok(tkr_ngram_create(&ngram, order, symbols, NULL));
    assert_ok(tkr_ngram_count(ngram, ids, n, pad));
    assert_ok(tkr_ngram_set_int(ngram, TKR_FALLBACK, 1));
    assert_ok(tkr_ngram_estimate(ngram, smoothing));
    return ngram;
}

static double p_of(const tkr_ngram *ngram, const int32_t *context, int64_t n, int32_t id) {
    double logprob = NAN;
    assert_ok(tkr_ngram_logprob(ngram, &logprob, context, n, id));
    return exp(logprob);
}

static void expect_p(double got, double want, const char *what, int order, int smoothing) {
    if (!(fabs(got - want) <= 1e-12)) {
        fail_msg("%s: %.17g, not %.17g (order %d, smoothing %d)", what, got, want, order,
                 smoothing);
    }
}

/* A few texts, counted by the library and written down for the slow way. */
static tkr_ngram *random_texts(slow *s, uint64_t *random) {
    const int32_t pads[] = {TKR_BEGIN, TKR_NOTHING, 0, s->symbols - 1};
    int32_t pad = pads[next_random(random) % 4];
    tkr_ngram *ngram;
    assert_ok(tkr_ngram_create(&ngram, s->order, s->symbols, NULL));
    for (int texts = 1 + (int)(next_random(random) % 4); texts > 0; texts--) {
        int32_t ids[12];
        int n = 1 + (int)(next_random(random) % 12);
        for (int i = 0; i < n; i++) {
            uint64_t draw = next_random(random) % 8;
            ids[i] = (int32_t)(draw < (uint64_t)s->symbols ? draw : 0);
        }
        add_text(s, ids, n, pad);
        assert_ok(tkr_ngram_count(ngram, ids, n, pad));
    }
    for (int l = 1; l <= s->order; l++) {
        find_discounts(s, l);
    }
    assert_ok(tkr_ngram_set_int(ngram, TKR_FALLBACK, 1));
    assert_ok(tkr_ngram_estimate(ngram, s->smoothing));
    return ngram;
}

/* All ids behind one context: the probabilities are those of the definition, asked one by one and
 * all at once. */
static void check_context(const tkr_ngram *ngram, const slow *s, const int32_t *context, int n) {
    float all[MAX_V];
    assert_ok(tkr_ngram_distribution(ngram, all, context, n));
    for (int32_t id = 0; id < s->symbols; id++) {
        double want = slow_p(s, context, n, id);
        expect_p(p_of(ngram, context, n, id), want, "p", s->order, s->smoothing);
        assert_true(want > 0 ? fabs(exp((double)all[id]) - want) <= 1e-6 : all[id] == -INFINITY);
    }
}

static void test_against_the_definitions(void **unused) {
    (void)unused;
    uint64_t random = compare_seed(40);
    for (int trial = 0; trial < 480; trial++) {
        slow s = {.smoothing = TKR_ADD_K + trial % 6, .order = 1 + (trial / 6) % 4};
        s.symbols = 1 + (int)(next_random(&random) % MAX_V);
        tkr_ngram *ngram = random_texts(&s, &random);
        for (int question = 0; question < 40; question++) {
            int32_t context[MAX_ORDER];
            int len = (int)(next_random(&random) % (uint64_t)s.order);
            for (int i = 0; i < len; i++) {
                context[i] = (int32_t)(next_random(&random) % (uint64_t)s.symbols);
            }
            if (len && s.text[0] == BEGIN && question % 4 == 0) {
                context[0] = BEGIN;
            }
            check_context(ngram, &s, context, len);
        }
        tkr_ngram_destroy(ngram);
    }
}

/* Sums over all ids after a context that was seen, one that was not, and all between. */
static void check_sums(const tkr_ngram *ngram, const int32_t *text, int order, int symbols,
                       int smoothing) {
    int32_t context[MAX_ORDER];
    for (int unseen = 0; unseen < order; unseen++) {
        for (int at = order - 1; at < 40; at += 3) {
            for (int i = 0; i < order - 1; i++) {
                context[i] = i < unseen ? symbols - 1 : text[at - order + 1 + i];
            }
            double sum = 0;
            for (int32_t id = 0; id < symbols; id++) {
                sum += p_of(ngram, context, order - 1, id);
            }
            int none = smoothing == TKR_MAXIMUM_LIKELIHOOD && !(sum > 0.5);
            expect_p(sum, none ? 0 : 1, "sum", order, smoothing);
        }
    }
}

static void test_sums_are_one(void **unused) {
    (void)unused;
    enum { LEN = 3000, V = 9 };
    static int32_t text[LEN];
    uint64_t random = compare_seed(41);
    for (int i = 0; i < LEN; i++) { /* id V - 1 never occurs */
        uint64_t draw = next_random(&random) % 64;
        text[i] = (int32_t)(draw < 32 ? (uint64_t)i % 2 : draw < 56 ? draw % 4 : draw % (V - 1));
    }
    for (int smoothing = TKR_MAXIMUM_LIKELIHOOD; smoothing <= TKR_MODIFIED_KNESER_NEY;
         smoothing++) {
        for (int order = 1; order <= MAX_ORDER; order++) {
            tkr_ngram *ngram = estimated(text, LEN, TKR_BEGIN, order, V, smoothing);
            check_sums(ngram, text, order, V, smoothing);
            tkr_ngram_destroy(ngram);
        }
    }
}

/* a b a b a c, order 2, Witten-Bell: after a come b, b, c; p(.) = (c + T p0) / (5 + ... ) by hand.
 */
static void test_witten_bell_by_hand(void **unused) {
    (void)unused;
    const int32_t text[] = {0, 1, 0, 1, 0, 2}, a = 0, d = 3;
    tkr_ngram *ngram = estimated(text, 6, TKR_NOTHING, 2, 4, TKR_WITTEN_BELL);
    const double p_b = (2 + 3 * 0.25) / 9, p_d = (3 * 0.25) / 9;
    expect_p(p_of(ngram, NULL, 0, 1), p_b, "p(b)", 2, TKR_WITTEN_BELL);
    expect_p(p_of(ngram, NULL, 0, 3), p_d, "p(d)", 2, TKR_WITTEN_BELL);
    expect_p(p_of(ngram, &a, 1, 1), (2 + 2 * p_b) / 5, "p(b|a)", 2, TKR_WITTEN_BELL);
    expect_p(p_of(ngram, &a, 1, 3), 2 * p_d / 5, "p(d|a)", 2, TKR_WITTEN_BELL);
    expect_p(p_of(ngram, &d, 1, 1), p_b, "p(b|d)", 2, TKR_WITTEN_BELL);
    tkr_ngram_destroy(ngram);
}

/* <s> a b a b a c, order 2, Kneser-Ney with one discount. Adjusted counts of the unigrams: a has
 * the predecessors <s> and b, b has a, c has a. Raw bigrams: <s>a 1, ab 2, ba 2, ac 1. */
static void test_kneser_ney_by_hand(void **unused) {
    (void)unused;
    const int32_t text[] = {0, 1, 0, 1, 0, 2}, a = 0, begin = TKR_BEGIN;
    tkr_ngram *ngram = estimated(text, 6, TKR_BEGIN, 2, 3, TKR_KNESER_NEY);
    const double d1 = 2.0 / (2 + 2 * 1), d2 = 2.0 / (2 + 2 * 2); /* n1 = 2, n2 = 1; n1 = n2 = 2 */
    const double left = 3 * d1 / 4 / 3;                          /* of each id of the uniform */
    const double p_a = (2 - d1) / 4 + left, p_b = (1 - d1) / 4 + left;
    expect_p(p_of(ngram, NULL, 0, 0), p_a, "p(a)", 2, TKR_KNESER_NEY);
    expect_p(p_of(ngram, NULL, 0, 1), p_b, "p(b)", 2, TKR_KNESER_NEY);
    expect_p(p_of(ngram, &a, 1, 1), (2 - d2) / 3 + 2 * d2 / 3 * p_b, "p(b|a)", 2, TKR_KNESER_NEY);
    expect_p(p_of(ngram, &a, 1, 0), 2 * d2 / 3 * p_a, "p(a|a)", 2, TKR_KNESER_NEY);
    expect_p(p_of(ngram, &begin, 1, 0), 1 - d2 + d2 * p_a, "p(a|<s>)", 2, TKR_KNESER_NEY);
    tkr_ngram_destroy(ngram);
}

/* Modified Kneser-Ney, order 1: 1 x a, 2 x b, 3 x c, 4 x d, 1 x e, and f not at all. */
static void test_modified_kneser_ney_by_hand(void **unused) {
    (void)unused;
    const int32_t text[] = {3, 3, 3, 3, 2, 2, 2, 1, 1, 0, 4};
    tkr_ngram *ngram = estimated(text, 11, TKR_NOTHING, 1, 6, TKR_MODIFIED_KNESER_NEY);
    const double y = 2.0 / (2 + 2 * 1); /* n1 = 2, n2 = n3 = n4 = 1 */
    const double d1 = 1 - 2 * y * 1 / 2, d2 = 2 - 3 * y * 1 / 1, d3 = 3 - 4 * y * 1 / 1;
    const double left = (2 * d1 + d2 + 2 * d3) / 11 / 6;
    const double want[] = {(1 - d1) / 11 + left, (2 - d2) / 11 + left, (3 - d3) / 11 + left,
                           (4 - d3) / 11 + left, (1 - d1) / 11 + left, left};
    for (int32_t id = 0; id < 6; id++) {
        expect_p(p_of(ngram, NULL, 0, id), want[id], "p", 1, TKR_MODIFIED_KNESER_NEY);
    }
    tkr_ngram_destroy(ngram);
}

/* n1 = 4, n2 = n3 = 1, n4 = 0: y = 2/3, and the second discount is 0. */
static void test_a_discount_of_0(void **unused) {
    (void)unused;
    const int32_t text[] = {0, 1, 2, 3, 4, 4, 5, 5, 5};
    tkr_ngram *ngram = estimated(text, 9, TKR_NOTHING, 1, 7, TKR_MODIFIED_KNESER_NEY);
    const double d1 = 2.0 / 3, left = (4 * d1 + 0 + 3) / 9 / 7;
    const double want[] = {(1 - d1) / 9, (1 - d1) / 9, (1 - d1) / 9, (1 - d1) / 9, 2.0 / 9, 0, 0};
    for (int32_t id = 0; id < 7; id++) {
        expect_p(p_of(ngram, NULL, 0, id), want[id] + left, "p", 1, TKR_MODIFIED_KNESER_NEY);
    }
    tkr_ngram_destroy(ngram);
}

/* The same of 2-grams: what follows 4 has no discount, and nothing else can follow it. */
static void test_a_context_of_discount_0(void **unused) {
    (void)unused;
    tkr_ngram *ngram;
    double logprob;
    assert_ok(tkr_ngram_create(&ngram, 2, 7, NULL));
    for (int32_t i = 0; i < 9; i++) {
        const int32_t text[] = {i < 4 ? i : i < 6 ? 4 : 5, 6};
        assert_ok(tkr_ngram_count(ngram, text, 2, TKR_NOTHING));
    }
    assert_ok(tkr_ngram_set_int(ngram, TKR_FALLBACK, 1));
    assert_ok(tkr_ngram_estimate(ngram, TKR_MODIFIED_KNESER_NEY));
    const int32_t sure = 4, other = 0;
    expect_p(p_of(ngram, &sure, 1, 6), 1, "p(6|4)", 2, TKR_MODIFIED_KNESER_NEY);
    assert_ok(tkr_ngram_logprob(ngram, &logprob, &sure, 1, 0));
    assert_true(isinf(logprob) && logprob < 0);
    assert_ok(tkr_ngram_logprob(ngram, &logprob, &other, 1, 0));
    assert_true(isfinite(logprob));
    tkr_ngram_destroy(ngram);
}

/* Katz, order 1: 24 ids seen once, 10 twice, 6, 4, 3 and 2 three to six times, one 20 times, and 5
 * not at all. beyond = 6 n6 / n1 = 1/2; r+/r = 20/24, 18/20, 16/18, 15/16, 12/15. */
static void test_katz_by_hand(void **unused) {
    (void)unused;
    static const int ids_of[] = {0, 24, 10, 6, 4, 3, 2}, V = 55, total = 125;
    static const double better[] = {1, 20. / 24, 18. / 20, 16. / 18, 15. / 16, 12. / 15, 1};
    int32_t text[125], id = 0;
    int n = 0;
    double left = 0, want[51];
    for (int r = 1; r <= 6; r++) {
        double ratio = r <= 5 ? (better[r] - 0.5) / 0.5 : 1;
        for (int i = 0; i < ids_of[r]; i++, id++) {
            want[id] = ratio * r / total;
            left += (1 - ratio) * r / total;
            for (int seen = 0; seen < r; seen++) {
                text[n++] = id;
            }
        }
    }
    want[id] = 20.0 / total;
    while (n < total) {
        text[n++] = id;
    }
    tkr_ngram *ngram;
    assert_ok(tkr_ngram_create(&ngram, 1, V, NULL));
    assert_ok(tkr_ngram_count(ngram, text, n, TKR_NOTHING));
    assert_ok(tkr_ngram_estimate(ngram, TKR_KATZ)); /* without a fallback */
    for (id = 0; id < V; id++) {
        expect_p(p_of(ngram, NULL, 0, id), id < 50 ? want[id] : left / 5, "p", 1, TKR_KATZ);
    }
    tkr_ngram_destroy(ngram);
}

static void test_an_unseen_context_is_the_lower_order(void **unused) {
    (void)unused;
    int32_t text[400];
    uint64_t random = compare_seed(42);
    for (int i = 0; i < 400; i++) {
        text[i] = (int32_t)(next_random(&random) % 4);
    }
    for (int smoothing = TKR_WITTEN_BELL; smoothing <= TKR_MODIFIED_KNESER_NEY; smoothing++) {
        tkr_ngram *ngram = estimated(text, 400, TKR_NOTHING, 4, 5, smoothing);
        const int32_t unseen[] = {4, 1, 2}, shorter[] = {1, 2}, never[] = {1, 2, 4};
        for (int32_t id = 0; id < 5; id++) {
            assert_true(p_of(ngram, unseen, 3, id) == p_of(ngram, shorter, 2, id));
            assert_true(p_of(ngram, never, 3, id) == p_of(ngram, NULL, 0, id));
        }
        tkr_ngram_destroy(ngram);
    }
}

/* Discounts need n-grams seen once and twice: without them it is an error, unless told otherwise.
 */
static void test_no_discounts(void **unused) {
    (void)unused;
    const int32_t text[] = {0, 1, 0, 1, 0, 1, 0, 1};
    tkr_ngram *ngram;
    assert_ok(tkr_ngram_create(&ngram, 2, 2, NULL));
    assert_ok(tkr_ngram_count(ngram, text, 8, TKR_NOTHING));
    for (int smoothing = TKR_KATZ; smoothing <= TKR_MODIFIED_KNESER_NEY; smoothing++) {
        assert_status(tkr_ngram_estimate(ngram, smoothing), TKR_ERR_NUMERIC);
        assert_non_null(strstr(tkr_ngram_detail(ngram), "order "));
    }
    double logprob;
    assert_status(tkr_ngram_logprob(ngram, &logprob, NULL, 0, 0), TKR_ERR_ORDER);
    assert_ok(tkr_ngram_set_int(ngram, TKR_FALLBACK, 1));
    assert_ok(tkr_ngram_estimate(ngram, TKR_ABSOLUTE_DISCOUNT));
    const int32_t zero = 0;
    expect_p(p_of(ngram, &zero, 1, 1), 3.5 / 4 + 0.5 / 4 * 0.5, "p(1|0)", 2, 0);
    /* A failed estimation leaves the model that was there. */
    assert_ok(tkr_ngram_set_int(ngram, TKR_FALLBACK, 0));
    assert_status(tkr_ngram_estimate(ngram, TKR_MODIFIED_KNESER_NEY), TKR_ERR_NUMERIC);
    expect_p(p_of(ngram, &zero, 1, 1), 3.5 / 4 + 0.5 / 4 * 0.5, "p(1|0)", 2, 0);
    tkr_ngram_destroy(ngram);
}

/* Dropped n-grams are gone, what stays keeps its probability, and the sums stay one. */
static void test_pruning(void **unused) {
    (void)unused;
    enum { LEN = 2000, V = 6 };
    static int32_t text[LEN];
    uint64_t random = compare_seed(43);
    for (int i = 0; i < LEN; i++) {
        text[i] = (int32_t)(next_random(&random) % 3 + next_random(&random) % 3);
    }
    for (int smoothing = TKR_MAXIMUM_LIKELIHOOD; smoothing <= TKR_MODIFIED_KNESER_NEY;
         smoothing++) {
        tkr_ngram *all = estimated(text, LEN, TKR_BEGIN, 3, V, smoothing), *some;
        assert_ok(tkr_ngram_create(&some, 3, V, NULL));
        assert_ok(tkr_ngram_count(some, text, LEN, TKR_BEGIN));
        assert_ok(tkr_ngram_set_int(some, TKR_FALLBACK, 1));
        assert_ok(tkr_ngram_set_int(some, TKR_PRUNE + 3, 9));
        assert_ok(tkr_ngram_estimate(some, smoothing));
        int64_t n_all, n_some, kept = 0;
        assert_ok(tkr_ngram_len(all, 3, &n_all, NULL));
        assert_ok(tkr_ngram_len(some, 3, &n_some, NULL));
        for (int32_t code = 0; code < V * V * V; code++) {
            const int32_t gram[] = {code / V / V, code / V % V, code % V};
            uint64_t count;
            assert_ok(tkr_ngram_get_count(some, &count, gram, 3));
            kept += count > 9;
        }
        assert_int_equal(n_some, kept);
        assert_true(n_some < n_all && n_some > 0);
        check_sums(some, text, 3, V, smoothing);
        tkr_ngram_destroy(all);
        tkr_ngram_destroy(some);
    }
}

/* Without a lower order what is dropped is gone, and the rest is divided among what stays. */
static void test_pruning_of_plain_counts(void **unused) {
    (void)unused;
    const int32_t text[] = {0, 1, 0, 1, 0, 1, 0, 2, 0, 3, 3, 2}, a = 0;
    tkr_ngram *ngram = estimated(text, 12, TKR_NOTHING, 2, 4, TKR_MAXIMUM_LIKELIHOOD);
    expect_p(p_of(ngram, &a, 1, 1), 3.0 / 5, "p(b|a)", 2, 0);
    assert_ok(tkr_ngram_set_int(ngram, TKR_PRUNE + 2, 1));
    assert_ok(tkr_ngram_estimate(ngram, TKR_MAXIMUM_LIKELIHOOD));
    expect_p(p_of(ngram, &a, 1, 1), 1, "p(b|a)", 2, 0);
    expect_p(p_of(ngram, &a, 1, 2), 0, "p(c|a)", 2, 0);
    assert_ok(tkr_ngram_estimate(ngram, TKR_ADD_K));
    expect_p(p_of(ngram, &a, 1, 1), 3.01 / 3.04, "p(b|a)", 2, 0);
    expect_p(p_of(ngram, &a, 1, 2), 0.01 / 3.04, "p(c|a)", 2, 0);
    tkr_ngram_destroy(ngram);
}

/* What a longer n-gram that stays begins or ends with stays, however rare it is. */
static void test_pruning_keeps_what_is_needed(void **unused) {
    (void)unused;
    const int32_t text[] = {0, 1, 2, 0, 1, 2, 3, 3, 0, 2};
    const int32_t abc[] = {0, 1}, bc[] = {1};
    tkr_ngram *ngram = estimated(text, 10, TKR_NOTHING, 3, 4, TKR_WITTEN_BELL);
    double p_abc = p_of(ngram, abc, 2, 2), p_bc = p_of(ngram, bc, 1, 2);
    assert_ok(tkr_ngram_set_int(ngram, TKR_PRUNE + 2, 100));
    assert_ok(tkr_ngram_set_int(ngram, TKR_PRUNE + 3, 1));
    assert_ok(tkr_ngram_estimate(ngram, TKR_WITTEN_BELL));
    int64_t bigrams, trigrams;
    assert_ok(tkr_ngram_len(ngram, 2, &bigrams, NULL));
    assert_ok(tkr_ngram_len(ngram, 3, &trigrams, NULL));
    assert_int_equal(trigrams, 1); /* abc, seen twice */
    assert_int_equal(bigrams, 2);  /* ab and bc, seen twice each: below their own threshold */
    expect_p(p_of(ngram, abc, 2, 2), p_abc, "p(c|ab)", 3, 0);
    expect_p(p_of(ngram, bc, 1, 2), p_bc, "p(c|b)", 3, 0);
    tkr_ngram_destroy(ngram);
}

/* In discounted models an n-gram that stays keeps its share; only the lower order weighs more. */
static void test_pruning_leaves_shares(void **unused) {
    (void)unused;
    const int32_t text[] = {0, 1, 0, 1, 0, 1, 0, 2, 0, 3, 3, 2}, a = 0;
    tkr_ngram *ngram = estimated(text, 12, TKR_NOTHING, 2, 4, TKR_ABSOLUTE_DISCOUNT);
    double p_b = p_of(ngram, NULL, 0, 1), p_c = p_of(ngram, NULL, 0, 2);
    assert_ok(tkr_ngram_set_int(ngram, TKR_PRUNE + 2, 1));
    assert_ok(tkr_ngram_estimate(ngram, TKR_ABSOLUTE_DISCOUNT));
    /* ab 3, ba 3 stay; ac, ad, ca ... were seen once. n1 = 5: ac ca? ad d3 32; n2 = 0: D = 1. */
    expect_p(p_of(ngram, &a, 1, 1), 2.0 / 5 + 3.0 / 5 * p_b, "p(b|a)", 2, 0);
    expect_p(p_of(ngram, &a, 1, 2), 3.0 / 5 * p_c, "p(c|a)", 2, 0);
    tkr_ngram_destroy(ngram);
}

static void test_options(void **unused) {
    (void)unused;
    tkr_ngram *ngram;
    int64_t low, high, value;
    double low_k, high_k, k;
    assert_ok(tkr_ngram_create(&ngram, 3, 4, NULL));
    assert_ok(tkr_ngram_get_float(ngram, TKR_ADDEND, &k));
    assert_true(k == 0.01);
    assert_ok(tkr_ngram_bounds_float(ngram, TKR_ADDEND, &low_k, &high_k));
    assert_true(low_k > 0 && high_k >= 1);
    assert_ok(tkr_ngram_set_float(ngram, TKR_ADDEND, 1));
    assert_ok(tkr_ngram_get_float(ngram, TKR_ADDEND, &k));
    assert_true(k == 1);
    assert_status(tkr_ngram_set_float(ngram, TKR_ADDEND, 0), TKR_ERR_ARGUMENT);
    assert_status(tkr_ngram_set_float(ngram, TKR_ADDEND, NAN), TKR_ERR_ARGUMENT);
    assert_status(tkr_ngram_set_float(ngram, TKR_FALLBACK, 1), TKR_ERR_KEY);
    assert_status(tkr_ngram_get_float(ngram, 0, &k), TKR_ERR_KEY);
    assert_status(tkr_ngram_bounds_float(ngram, 0, &low_k, &high_k), TKR_ERR_KEY);
    assert_ok(tkr_ngram_bounds_int(ngram, TKR_FALLBACK, &low, &high));
    assert_true(low == 0 && high == 1);
    assert_status(tkr_ngram_set_int(ngram, TKR_FALLBACK, 2), TKR_ERR_ARGUMENT);
    assert_ok(tkr_ngram_set_int(ngram, TKR_PRUNE + 3, 7));
    assert_ok(tkr_ngram_get_int(ngram, TKR_PRUNE + 3, &value));
    assert_int_equal(value, 7);
    assert_ok(tkr_ngram_get_int(ngram, TKR_PRUNE + 2, &value));
    assert_int_equal(value, 0);
    assert_status(tkr_ngram_set_int(ngram, TKR_PRUNE + 3, -1), TKR_ERR_ARGUMENT);
    assert_status(tkr_ngram_set_int(ngram, TKR_PRUNE + 1, 1), TKR_ERR_KEY);
    assert_status(tkr_ngram_set_int(ngram, TKR_PRUNE + 17, 1), TKR_ERR_KEY);
    assert_ok(tkr_ngram_get_int(ngram, TKR_WARNINGS, &value));
    assert_int_equal(value, 0);
    assert_status(tkr_ngram_set_int(ngram, TKR_WARNINGS, 0), TKR_ERR_KEY);
    assert_status(tkr_ngram_bounds_int(ngram, TKR_WARNINGS, &low, &high), TKR_ERR_KEY);
    tkr_ngram_destroy(ngram);
}

/* k of add-k is what was set. */
static void test_addend(void **unused) {
    (void)unused;
    const int32_t text[] = {0, 1, 0, 1, 0, 2}, a = 0;
    tkr_ngram *ngram = estimated(text, 6, TKR_NOTHING, 2, 4, TKR_ADD_K);
    expect_p(p_of(ngram, &a, 1, 1), 2.01 / 3.04, "p(b|a)", 2, TKR_ADD_K);
    assert_ok(tkr_ngram_set_float(ngram, TKR_ADDEND, 2));
    assert_ok(tkr_ngram_estimate(ngram, TKR_ADD_K));
    expect_p(p_of(ngram, &a, 1, 1), 4.0 / 11, "p(b|a)", 2, TKR_ADD_K);
    expect_p(p_of(ngram, &a, 1, 3), 2.0 / 11, "p(d|a)", 2, TKR_ADD_K);
    tkr_ngram_destroy(ngram);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_the_definitions),
        cmocka_unit_test(test_sums_are_one),
        cmocka_unit_test(test_witten_bell_by_hand),
        cmocka_unit_test(test_kneser_ney_by_hand),
        cmocka_unit_test(test_modified_kneser_ney_by_hand),
        cmocka_unit_test(test_katz_by_hand),
        cmocka_unit_test(test_an_unseen_context_is_the_lower_order),
        cmocka_unit_test(test_a_discount_of_0),
        cmocka_unit_test(test_a_context_of_discount_0),
        cmocka_unit_test(test_no_discounts),
        cmocka_unit_test(test_pruning),
        cmocka_unit_test(test_pruning_of_plain_counts),
        cmocka_unit_test(test_pruning_keeps_what_is_needed),
        cmocka_unit_test(test_pruning_leaves_shares),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_addend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
