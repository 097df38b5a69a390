/* SPDX-License-Identifier: MIT */
#include "text/sampler.h"

#include <float.h>
#include <math.h>
#include <stddef.h>

#include "core/arena.h"
#include "core/fpmode.h"
#include "core/sort.h"

/* A sampler's own stream, so that it shares no number with other users of the same seed. */
static const uint64_t sampler_stream = UINT64_C(0x73616d706c657200);
static const uint64_t random_version = 1;

/* A temperature is finite, top_p above 0. */
static const tkri_option table[] = {
    {TKR_TEMPERATURE, 0, "temperature", TKRI_REAL, 0, 0, DBL_MAX, 1},
    {TKR_TOP_P, 0, "top_p", TKRI_REAL, 0, DBL_TRUE_MIN, 1, 1},
    {TKR_TOP_K, 0, "top_k", TKRI_INT, 0, 0, TKRI_UNBOUNDED, 0},
    {0, 0, "", 0, 0, 0, 0, 0},
};
TKRI_OPTIONS_FIT(table);

static tkr_sampler *layout(tkri_arena *arena, int32_t capacity) {
    tkr_sampler *sampler;
    double *weight;
    int32_t *order;
    TKRI_TAKE(arena, sampler, 1);
    TKRI_TAKE(arena, weight, capacity);
    TKRI_TAKE(arena, order, capacity);
    if (sampler) {
        sampler->weight = weight;
        sampler->order = order;
    }
    return sampler;
}

int32_t tkri_sampler_create(tkr_sampler **sampler, int32_t capacity, uint64_t seed,
                            const tkri_env *env) {
    tkri_arena arena = {NULL, 0};
    (void)layout(&arena, capacity);
    uint64_t bytes = arena.used;
    arena = (tkri_arena){tkri_allocate(env, bytes), 0};
    if (!arena.base) {
        return tkri_env_fail(env, TKR_ERR_MEMORY, "no memory for a sampler of %d", (int)capacity);
    }
    tkr_sampler *s = layout(&arena, capacity);
    s->env = *env;
    s->bytes = bytes;
    s->capacity = capacity;
    tkri_options_init(&s->options, table, 0);
    s->random = (tkri_random){seed, sampler_stream, 0};
    *sampler = s;
    return TKR_OK;
}

void tkri_sampler_destroy(tkr_sampler *sampler) {
    tkri_env env = sampler->env;
    tkri_release(&env, sampler, sampler->bytes);
}

/* The id of the largest score, the lowest of equal ones; -1 if a score is NaN or +inf, or none is
 * finite. */
static int32_t likeliest(const float *scores, int32_t n) {
    int32_t best = 0;
    for (int32_t i = 0; i < n; i++) {
        if (!(scores[i] < INFINITY)) {
            return -1;
        }
        best = scores[i] > scores[best] ? i : best;
    }
    return isinf(scores[best]) ? -1 : best;
}

/* Ids in the order of likelihood, from the least to the most; of equal ones the lower id is more.
 */
static int less_likely(const void *elements, int32_t a, int32_t b) {
    const float *scores = elements;
    return scores[a] != scores[b] ? scores[a] < scores[b] : a > b;
}

/* The ids that may be drawn: order[first..n-1], the likeliest last; `mass` is their weight. */
typedef struct choice {
    int32_t first;
    double mass;
} choice;

/* Take ids off the heap until there are `k` of them, or `enough` mass; one at least. */
static choice take(tkr_sampler *s, const float *scores, int32_t n, int64_t k, double enough) {
    choice taken = {n, 0};
    for (int32_t i = 0; i < n; i++) {
        s->order[i] = i;
    }
    tkri_heap_build(s->order, n, less_likely, scores);
    while (taken.first == n || (n - taken.first < k && taken.mass < enough)) {
        tkri_heap_pop(s->order, taken.first, less_likely, scores);
        taken.first--;
        taken.mass += s->weight[s->order[taken.first]];
    }
    return taken;
}

/* Leave only the likeliest of a choice, up to a share p of its mass; one at least. */
static choice cut(const tkr_sampler *s, choice all, int32_t n, double p) {
    choice kept = {n, 0};
    while (kept.first == n || (kept.first > all.first && kept.mass < p * all.mass)) {
        kept.first--;
        kept.mass += s->weight[s->order[kept.first]];
    }
    return kept;
}

/* One of order[first..n-1], or of all ids if `order` is NULL, by weight. The sum runs as that of
 * the mass did, so it ends there exactly, and target, a rounded product with less than 1, is below
 * it: an id of weight 0 is never drawn. */
static int32_t spin(tkr_sampler *s, const int32_t *order, choice from, int32_t n) {
    double target = tkri_uniform(&s->random) * from.mass, sum = 0;
    int32_t i = n, id;
    do {
        i--;
        id = order ? order[i] : i;
        sum += s->weight[id];
    } while (!(sum > target) && i > from.first);
    return id;
}

static int32_t draw(tkr_sampler *s, const float *scores, int32_t n, float largest) {
    const double temperature = tkri_options_real(&s->options, TKR_TEMPERATURE);
    const double top_p = tkri_options_real(&s->options, TKR_TOP_P);
    const int64_t top_k = tkri_options_int(&s->options, TKR_TOP_K);
    choice all = {0, 0};
    for (int32_t i = n - 1; i >= 0; i--) {
        s->weight[i] = exp(((double)scores[i] - (double)largest) / temperature);
        all.mass += s->weight[i];
    }
    if (top_k > 0 && top_k < n) {
        choice top = take(s, scores, n, top_k, INFINITY);
        return spin(s, s->order, cut(s, top, n, top_p), n);
    }
    if (top_p < 1) {
        return spin(s, s->order, take(s, scores, n, n, top_p * all.mass), n);
    }
    return spin(s, NULL, all, n);
}

int32_t tkri_sampler_draw(tkr_sampler *sampler, int32_t *id, const float *scores, int32_t n) {
    double temperature = tkri_options_real(&sampler->options, TKR_TEMPERATURE);
    uint64_t mode = tkri_fpmode_enter();
    int32_t drawn = likeliest(scores, n);
    if (drawn >= 0 && temperature >= DBL_MIN) { /* below, it counts as 0: greedy */
        drawn = draw(sampler, scores, n, scores[drawn]);
    }
    tkri_fpmode_leave(mode);
    REQUIRE(drawn >= 0, &sampler->detail, TKR_ERR_NUMERIC,
            "a score is NaN or +inf, or all are -inf");
    *id = drawn;
    return TKR_OK;
}

void tkri_sampler_get_random(const tkr_sampler *sampler, uint64_t *random) {
    random[0] = random_version;
    random[1] = sampler->random.seed;
    random[2] = sampler->random.stream;
    random[3] = sampler->random.index;
}

int32_t tkri_sampler_set_random(tkr_sampler *sampler, const uint64_t *random) {
    REQUIRE(random[0] == random_version, &sampler->detail, TKR_ERR_ARGUMENT,
            "a random state of version %llu, not %llu", (unsigned long long)random[0],
            (unsigned long long)random_version);
    sampler->random = (tkri_random){random[1], random[2], random[3]};
    return TKR_OK;
}
