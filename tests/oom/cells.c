/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "oom/scenario.h"

static int32_t status_text(world *w) {
    (void)w;
    return tkr_status_text(TKR_ERR_MEMORY) == NULL;
}

static int32_t version(world *w) {
    (void)w;
    return tkr_version() < 0;
}

static int32_t version_text(world *w) {
    (void)w;
    return tkr_version_text() == NULL;
}

static int32_t blas_text(world *w) {
    (void)w;
    return tkr_blas_text() == NULL;
}

static int32_t env_from_memory(world *w) {
    tkr_env env;
    return tkr_env_from_memory(&env, w->io.values, sizeof w->io.values);
}

static int32_t create(world *w) {
    return tkr_cell_create(&w->made.cell, TKR_GRU, 3, 5, w->lent);
}

static int32_t nothing(void *user, const tkr_user_step *step) {
    (void)user, (void)step;
    return TKR_OK;
}

static int32_t create_user(world *w) {
    static const tkr_user_tensor tensor[] = {{"w", 1, {2, 0, 0, 0}}};
    const tkr_user_cell functions = {.size = sizeof functions,
                                     .name = "own",
                                     .output = 2,
                                     .n_parameters = 1,
                                     .n_states = 1,
                                     .parameters = tensor,
                                     .states = tensor,
                                     .forward = nothing,
                                     .backward = nothing};
    return tkr_cell_create_user(&w->made.cell, 3, &functions, w->lent);
}

static int32_t destroy(world *w) {
    tkr_cell_destroy(w->part[0]);
    w->part[0] = NULL;
    return TKR_OK;
}

static int32_t chain(world *w) {
    return tkr_cell_chain(&w->made.cell, w->part, 2, w->lent);
}

static int32_t branch(world *w) {
    return tkr_cell_branch(&w->made.cell, w->part, 1, TKR_CONCATENATE, w->lent);
}

static int32_t set_name(world *w) {
    return tkr_cell_set_name(w->part[0], "other");
}

static int32_t set_int(world *w) {
    return tkr_cell_set_int(w->part[0], TKR_LAYERS, 3);
}

static int32_t set_float(world *w) {
    return tkr_cell_set_float(w->part[0], TKR_FORGET_BIAS, 1.0);
}

static int32_t get_int(world *w) {
    int64_t value;
    return tkr_cell_get_int(w->part[0], TKR_LAYERS, &value);
}

static int32_t get_float(world *w) {
    double value;
    return tkr_cell_get_float(w->part[0], TKR_DROPOUT_BETWEEN, &value);
}

static int32_t bounds_int(world *w) {
    int64_t low, high;
    return tkr_cell_bounds_int(w->part[0], TKR_LAYERS, &low, &high);
}

static int32_t bounds_float(world *w) {
    double low, high;
    return tkr_cell_bounds_float(w->part[0], TKR_DROPOUT_BETWEEN, &low, &high);
}

static int32_t shape(world *w) {
    int32_t kind;
    int64_t input, output;
    return tkr_cell_shape(w->net, &kind, &input, &output);
}

static int32_t tier(world *w) {
    return tkr_cell_tier(w->net) <= TKR_TIER_BEST;
}

static int32_t size(world *w) {
    uint64_t bytes;
    return tkr_cell_size(&bytes, w->part[0]);
}

static int32_t init(world *w) {
    return tkr_cell_init(w->part[0], 7);
}

static int32_t init_again(world *w) {
    return tkr_cell_init(w->net, 7);
}

static int32_t clone(world *w) {
    return tkr_cell_clone(&w->made.cell, w->net, w->lent);
}

static int32_t parameters(world *w) {
    int64_t tensors, numbers;
    return tkr_cell_parameters(w->net, &tensors, &numbers);
}

static int32_t parameter(world *w) {
    const char *name;
    int32_t rank;
    int64_t dimensions[4];
    return tkr_cell_parameter(w->net, 0, &name, &rank, dimensions);
}

static int32_t get_parameter(world *w) {
    return tkr_cell_get_parameter(w->net, "out.bias", w->io.values, WORLD_V);
}

static int32_t set_parameter(world *w) {
    return tkr_cell_set_parameter(w->net, "out.bias", w->io.values, WORLD_V);
}

static int32_t set_metadata(world *w) {
    return tkr_cell_set_metadata(w->net, "colour", "a text of some length");
}

static int32_t set_metadata_again(world *w) {
    return tkr_cell_set_metadata(w->net, "origin", "another text");
}

static int32_t remove_metadata(world *w) {
    return tkr_cell_set_metadata(w->net, "origin", NULL);
}

static int32_t get_metadata(world *w) {
    const char *text = tkr_cell_get_metadata(w->net, "origin");
    return !text || strcmp(text, "a test") != 0;
}

static int32_t detail(world *w) {
    return tkr_cell_detail(w->net) == NULL;
}

static tkr_trial trial_of(world *w) {
    return (tkr_trial){
        .size = sizeof(tkr_trial),
        .steps = WORLD_T,
        .batch = WORLD_B,
        .ids = w->io.ids,
        .target_ids = w->io.targets,
    };
}

static int32_t quantize(world *w) {
    const tkr_trial trial = trial_of(w);
    return tkr_cell_quantize(&w->made.cell, w->io.real, w->net, TKR_INT8, &trial, w->lent);
}

static int32_t quantized_size(world *w) {
    uint64_t bytes;
    return tkr_cell_quantized_size(&bytes, w->net, TKR_BF16);
}

static int32_t compare(world *w) {
    const tkr_trial trial = trial_of(w);
    return tkr_cell_compare(w->io.real, w->net, w->net, &trial, w->lent);
}

static int32_t precision(world *w) {
    return tkr_cell_precision(w->net) == TKR_FLOAT32 ? TKR_OK : TKR_ERR_ARGUMENT;
}

const scenario cell_scenarios[] = {
    {"tkr_status_text", status_text, NULL, 0, NO},
    {"tkr_version", version, NULL, 0, NO},
    {"tkr_version_text", version_text, NULL, 0, NO},
    {"tkr_blas_text", blas_text, NULL, 0, NO},
    {"tkr_env_from_memory", env_from_memory, NULL, 0, NO},
    {"tkr_cell_create", create, NULL, 'c', YES},
    {"tkr_cell_create_user", create_user, NULL, 'c', YES},
    {"tkr_cell_destroy", destroy, NULL, 0, NO},
    {"tkr_cell_branch", branch, NULL, 'c', YES},
    {"tkr_cell_chain", chain, NULL, 'c', YES},
    {"tkr_cell_set_name", set_name, NULL, 0, NO},
    {"tkr_cell_set_int", set_int, NULL, 0, NO},
    {"tkr_cell_set_float", set_float, NULL, 0, NO},
    {"tkr_cell_get_int", get_int, NULL, 0, NO},
    {"tkr_cell_get_float", get_float, NULL, 0, NO},
    {"tkr_cell_bounds_int", bounds_int, NULL, 0, NO},
    {"tkr_cell_bounds_float", bounds_float, NULL, 0, NO},
    {"tkr_cell_shape", shape, NULL, 0, NO},
    {"tkr_cell_tier", tier, NULL, 0, NO},
    {"tkr_cell_size", size, NULL, 0, NO},
    {"tkr_cell_init", init, NULL, 0, YES},
    {"tkr_cell_init/again", init_again, NULL, 0, NO},
    {"tkr_cell_clone", clone, NULL, 'c', YES},
    {"tkr_cell_parameters", parameters, NULL, 0, NO},
    {"tkr_cell_parameter", parameter, NULL, 0, NO},
    {"tkr_cell_get_parameter", get_parameter, NULL, 0, NO},
    {"tkr_cell_set_parameter", set_parameter, NULL, 0, NO},
    {"tkr_cell_set_metadata", set_metadata, NULL, 0, YES},
    {"tkr_cell_set_metadata/again", set_metadata_again, NULL, 0, YES},
    {"tkr_cell_set_metadata/remove", remove_metadata, NULL, 0, NO},
    {"tkr_cell_get_metadata", get_metadata, NULL, 0, NO},
    {"tkr_cell_detail", detail, NULL, 0, NO},
    {"tkr_cell_quantize", quantize, NULL, 'c', YES},
    {"tkr_cell_quantized_size", quantized_size, NULL, 0, NO},
    {"tkr_cell_compare", compare, NULL, 0, YES},
    {"tkr_cell_precision", precision, NULL, 0, NO},
    {0},
};
