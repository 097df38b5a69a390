/* SPDX-License-Identifier: MIT */
#include "oom/scenario.h"

static int32_t create_characters(world *w) {
    const char text[] = "gr\xC3\xBC\xC3\x9F dich";
    return tkr_vocabulary_create(&w->made.vocabulary, TKR_CHARACTERS, text, sizeof text - 1,
                                 w->lent);
}

static int32_t create_bytes(world *w) {
    return tkr_vocabulary_create(&w->made.vocabulary, TKR_BYTES, NULL, 0, w->lent);
}

static int32_t destroy(world *w) {
    tkr_vocabulary_destroy(w->vocabulary);
    w->vocabulary = NULL;
    return TKR_OK;
}

static int32_t len(world *w) {
    return tkr_vocabulary_len(w->vocabulary) != WORLD_V;
}

static int32_t encode(world *w) {
    int32_t ids[4];
    int64_t n_ids;
    return tkr_vocabulary_encode(w->vocabulary, ids, 4, &n_ids, "dab", 3, -1);
}

static int32_t decode(world *w) {
    char text[4];
    uint64_t bytes;
    return tkr_vocabulary_decode(w->vocabulary, 1, text, &bytes);
}

static int32_t spell(world *w) {
    char text[8];
    uint64_t bytes;
    return tkr_vocabulary_spell(w->vocabulary, 1, text, 8, &bytes);
}

static int32_t find(world *w) {
    int32_t id;
    return tkr_vocabulary_find(w->vocabulary, &id, "d", 1);
}

static int32_t set_int(world *w) {
    return tkr_vocabulary_set_int(w->vocabulary, TKR_RESERVED, 0);
}

static int32_t create_words(world *w) {
    const char text[] = "a rose is a rose\nis a rose";
    return tkr_vocabulary_create(&w->made.vocabulary, TKR_SENTENCES, text, sizeof text - 1,
                                 w->lent);
}

static int32_t sampler_create(world *w) {
    return tkr_sampler_create(&w->made.sampler, 100, 1, w->lent);
}

static int32_t sampler_destroy(world *w) {
    tkr_sampler_destroy(w->sampler);
    w->sampler = NULL;
    return TKR_OK;
}

static int32_t sampler_set_float(world *w) {
    return tkr_sampler_set_float(w->sampler, TKR_TOP_P, 0.9);
}

static int32_t sampler_set_int(world *w) {
    return tkr_sampler_set_int(w->sampler, TKR_TOP_K, 3);
}

static int32_t draw(world *w) {
    int32_t id;
    return tkr_sampler_draw(w->sampler, &id, w->io.values, WORLD_V);
}

static int32_t get_random(world *w) {
    uint64_t random[4];
    return tkr_sampler_get_random(w->sampler, random);
}

static int32_t set_random(world *w) {
    uint64_t random[4];
    int32_t status = tkr_sampler_get_random(w->sampler, random);
    return status ? status : tkr_sampler_set_random(w->sampler, random);
}

static int32_t sampler_detail(world *w) {
    return tkr_sampler_detail(w->sampler) == NULL;
}

const scenario text_scenarios[] = {
    {"tkr_vocabulary_create/characters", create_characters, NULL, 'v', YES},
    {"tkr_vocabulary_create/bytes", create_bytes, NULL, 'v', YES},
    {"tkr_vocabulary_create/words", create_words, NULL, 'v', YES},
    {"tkr_vocabulary_destroy", destroy, NULL, 0, NO},
    {"tkr_vocabulary_len", len, NULL, 0, NO},
    {"tkr_vocabulary_set_int", set_int, NULL, 0, NO},
    {"tkr_vocabulary_encode", encode, NULL, 0, NO},
    {"tkr_vocabulary_decode", decode, NULL, 0, NO},
    {"tkr_vocabulary_spell", spell, NULL, 0, NO},
    {"tkr_vocabulary_find", find, NULL, 0, NO},
    {"tkr_sampler_create", sampler_create, NULL, 'p', YES},
    {"tkr_sampler_destroy", sampler_destroy, NULL, 0, NO},
    {"tkr_sampler_set_float", sampler_set_float, NULL, 0, NO},
    {"tkr_sampler_set_int", sampler_set_int, NULL, 0, NO},
    {"tkr_sampler_draw", draw, NULL, 0, NO},
    {"tkr_sampler_get_random", get_random, NULL, 0, NO},
    {"tkr_sampler_set_random", set_random, NULL, 0, NO},
    {"tkr_sampler_detail", sampler_detail, NULL, 0, NO},
    {0},
};
