/* SPDX-License-Identifier: MIT
 * Vocabularies and samplers: arguments checked, then down. */
#include <stddef.h>

#include "core/fpmode.h"
#include "text/sampler.h"
#include "text/vocabulary.h"

int32_t tkr_vocabulary_create(tkr_vocabulary **vocabulary, int32_t kind, const char *text,
                              uint64_t len, const tkr_env *env) {
    UNTRAPPED;
    tkri_env own;
    if (!vocabulary) {
        return TKR_ERR_ARGUMENT;
    }
    *vocabulary = NULL;
    TRY(tkri_env_read(&own, env));
    if (kind < TKR_BYTES || kind > TKR_SENTENCES) {
        return tkri_env_fail(&own, TKR_ERR_ARGUMENT, "no kind of vocabulary is %d", (int)kind);
    }
    if (kind == TKR_CHARACTERS && (!text || len == 0)) {
        return tkri_env_fail(&own, TKR_ERR_ARGUMENT, "a vocabulary of no text");
    }
    if (kind > TKR_CHARACTERS && !text && len > 0) {
        return tkri_env_fail(&own, TKR_ERR_ARGUMENT, "text is NULL");
    }
    return tkri_vocabulary_create(vocabulary, kind, text, len, &own);
}

void tkr_vocabulary_destroy(tkr_vocabulary *vocabulary) {
    if (vocabulary) {
        tkri_vocabulary_destroy(vocabulary);
    }
}

int64_t tkr_vocabulary_len(const tkr_vocabulary *vocabulary) {
    UNTRAPPED;
    return vocabulary ? vocabulary->len : 0;
}

int32_t tkr_vocabulary_set_int(tkr_vocabulary *vocabulary, int32_t key, int64_t value) {
    if (!vocabulary) {
        return TKR_ERR_ARGUMENT;
    }
    if (key != TKR_RESERVED) {
        return TKR_ERR_KEY;
    }
    if (value < 0 || value > 1) {
        return TKR_ERR_ARGUMENT;
    }
    vocabulary->takes_reserved = (int32_t)value;
    return TKR_OK;
}

/* Two passes: the first finds what there is to refuse, so that nothing is written before. */
int32_t tkr_vocabulary_encode(const tkr_vocabulary *vocabulary, int32_t *ids, int64_t capacity,
                              int64_t *n_ids, const char *text, uint64_t len, int32_t unknown) {
    UNTRAPPED;
    tkri_ids counted = {NULL, 0, 0}, out = {ids, capacity, 0};
    if (!vocabulary || !n_ids || (!text && len > 0) || (ids && capacity < 0)) {
        return TKR_ERR_ARGUMENT;
    }
    if (unknown < -1 || unknown >= vocabulary->len) {
        return TKR_ERR_TOKEN;
    }
    TRY(tkri_vocabulary_encode(vocabulary, &counted, text, len, unknown));
    if (ids) {
        if (counted.n > capacity) {
            return TKR_ERR_SHAPE;
        }
        (void)tkri_vocabulary_encode(vocabulary, &out, text, len, unknown);
    }
    *n_ids = counted.n;
    return TKR_OK;
}

int32_t tkr_vocabulary_decode(const tkr_vocabulary *vocabulary, int32_t id, char *text,
                              uint64_t *len) {
    UNTRAPPED;
    if (!vocabulary || !text || !len) {
        return TKR_ERR_ARGUMENT;
    }
    if (vocabulary->kind > TKR_CHARACTERS) {
        return TKR_ERR_UNSUPPORTED;
    }
    if (id < 0 || id >= vocabulary->len) {
        return TKR_ERR_TOKEN;
    }
    *len = tkri_vocabulary_decode(vocabulary, id, text);
    return TKR_OK;
}

int32_t tkr_vocabulary_spell(const tkr_vocabulary *vocabulary, int32_t id, char *text,
                             uint64_t capacity, uint64_t *len) {
    UNTRAPPED;
    if (!vocabulary || !len || (!text && capacity > 0)) {
        return TKR_ERR_ARGUMENT;
    }
    if (id < 0 || id >= vocabulary->len) {
        return TKR_ERR_TOKEN;
    }
    *len = tkri_vocabulary_spell(vocabulary, id, text, capacity);
    return TKR_OK;
}

int32_t tkr_vocabulary_find(const tkr_vocabulary *vocabulary, int32_t *id, const char *text,
                            uint64_t len) {
    UNTRAPPED;
    if (!vocabulary || !id || (!text && len > 0)) {
        return TKR_ERR_ARGUMENT;
    }
    int32_t found = tkri_vocabulary_find(vocabulary, text, len);
    if (found < 0) {
        return TKR_ERR_TOKEN;
    }
    *id = found;
    return TKR_OK;
}

int32_t tkr_sampler_create(tkr_sampler **sampler, int64_t capacity, uint64_t seed,
                           const tkr_env *env) {
    UNTRAPPED;
    tkri_env own;
    if (!sampler) {
        return TKR_ERR_ARGUMENT;
    }
    *sampler = NULL;
    TRY(tkri_env_read(&own, env));
    if (capacity < 1 || capacity > INT32_MAX) {
        return tkri_env_fail(&own, TKR_ERR_ARGUMENT, "a sampler of %lld symbols",
                             (long long)capacity);
    }
    return tkri_sampler_create(sampler, (int32_t)capacity, seed, &own);
}

void tkr_sampler_destroy(tkr_sampler *sampler) {
    if (sampler) {
        tkri_sampler_destroy(sampler);
    }
}

int32_t tkr_sampler_set_float(tkr_sampler *sampler, int32_t key, double value) {
    UNTRAPPED;
    return sampler ? tkri_options_change_real(&sampler->options, key, value, "a sampler",
                                              &sampler->detail)
                   : TKR_ERR_ARGUMENT;
}

int32_t tkr_sampler_set_int(tkr_sampler *sampler, int32_t key, int64_t value) {
    UNTRAPPED;
    return sampler ? tkri_options_change_int(&sampler->options, key, value, "a sampler",
                                             &sampler->detail)
                   : TKR_ERR_ARGUMENT;
}

int32_t tkr_sampler_draw(tkr_sampler *sampler, int32_t *id, const float *scores, int64_t n) {
    UNTRAPPED;
    if (!sampler) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(id && scores, &sampler->detail, TKR_ERR_ARGUMENT, "id or scores is NULL");
    REQUIRE(n >= 1 && n <= sampler->capacity, &sampler->detail, TKR_ERR_SHAPE,
            "%lld scores; the sampler takes 1 to %d", (long long)n, (int)sampler->capacity);
    return tkri_sampler_draw(sampler, id, scores, (int32_t)n);
}

int32_t tkr_sampler_get_random(const tkr_sampler *sampler, uint64_t *random) {
    UNTRAPPED;
    if (!sampler || !random) {
        return TKR_ERR_ARGUMENT;
    }
    tkri_sampler_get_random(sampler, random);
    return TKR_OK;
}

int32_t tkr_sampler_set_random(tkr_sampler *sampler, const uint64_t *random) {
    UNTRAPPED;
    if (!sampler) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(random, &sampler->detail, TKR_ERR_ARGUMENT, "random is NULL");
    return tkri_sampler_set_random(sampler, random);
}

const char *tkr_sampler_detail(const tkr_sampler *sampler) {
    return sampler ? sampler->detail.text : "";
}
