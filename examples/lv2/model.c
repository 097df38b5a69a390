/* SPDX-License-Identifier: MIT
 *
 * A file of tkr_cell_save(), looked at and made ready to run. All that can be wrong with it is
 * found here, before the first sample.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rnn.h"

typedef struct text {
    char words[512];
} text;

static rnn_status load_cell(rnn_model *model, text *why) {
    tkr_env env = {.size = sizeof env, .detail = why->words, .detail_len = sizeof why->words};
    int32_t status = tkr_cell_load(&model->cell, model->path, &env);
    switch (status) {
        case TKR_OK:
            return RNN_RUNNING;
        case TKR_ERR_IO:
            return RNN_UNREADABLE;
        case TKR_ERR_MEMORY:
            return RNN_NO_MEMORY;
        default:
            return RNN_NOT_A_MODEL;
    }
}

static rnn_status check_shape(const rnn_model *model, text *why) {
    int64_t input = 0, output = 0;
    tkr_cell_shape(model->cell, NULL, &input, &output);
    if (input == 1 && output == 1) {
        return RNN_RUNNING;
    }
    snprintf(why->words, sizeof why->words,
             "inputs: %lld, outputs: %lld; one of each is what this plug-in has", (long long)input,
             (long long)output);
    return RNN_WRONG_SHAPE;
}

/* The model's own rate in Hz, or 0 if its metadata has something else there. */
static long own_rate(const rnn_model *model) {
    const char *words = tkr_cell_get_metadata(model->cell, "sample_rate");
    if (words == NULL) {
        return RNN_DEFAULT_RATE;
    }
    size_t digits = strspn(words, "0123456789");
    return digits > 0 && digits <= 7 && words[digits] == '\0' ? atol(words) : 0;
}

static rnn_status check_rate(rnn_model *model, double rate, text *why) {
    long own = own_rate(model);
    for (uint32_t k = 1; own > 0 && k <= RNN_MAX_STREAMS; k++) {
        if ((double)own * k == rate) {
            model->n_streams = k;
            return RNN_RUNNING;
        }
    }
    if (own > 0) {
        snprintf(why->words, sizeof why->words,
                 "made for %ld Hz; it runs there and at 2 to %d times that, not at %.10g Hz", own,
                 RNN_MAX_STREAMS, rate);
    } else {
        snprintf(why->words, sizeof why->words,
                 "its metadata \"sample_rate\" is not a whole number of Hz");
    }
    return RNN_WRONG_RATE;
}

/* The states, and one sample through the first of them: that tells whether the cell
 * streams, and takes numbers (not the ids of an embedding). */
static rnn_status make_streams(rnn_model *model, text *why) {
    tkr_env env = {.size = sizeof env, .detail = why->words, .detail_len = sizeof why->words};
    int32_t status = TKR_OK;
    for (uint32_t i = 0; i < model->n_streams && status == TKR_OK; i++) {
        status = tkr_state_create(&model->streams[i], model->cell, 1, &env);
    }
    if (status == TKR_OK) {
        float sample = 0;
        status = tkr_cell_steps(model->cell, model->streams[0], &sample, &sample, 1);
        snprintf(why->words, sizeof why->words, "%s", tkr_state_detail(model->streams[0]));
        tkr_state_reset(model->streams[0]);
    }
    return status == TKR_OK           ? RNN_RUNNING
           : status == TKR_ERR_MEMORY ? RNN_NO_MEMORY
                                      : RNN_CANNOT_STREAM;
}

static void release(rnn_model *model) {
    for (uint32_t i = 0; i < model->n_streams; i++) {
        tkr_state_destroy(model->streams[i]);
        model->streams[i] = NULL;
    }
    tkr_cell_destroy(model->cell);
    model->cell = NULL;
}

rnn_model *rnn_model_load(const rnn *self, const char *path) {
    size_t len = strlen(path) + 1;
    rnn_model *model = calloc(1, sizeof *model + len);
    if (model == NULL) {
        return NULL;
    }
    memcpy(model->path, path, len);
    text why = {""};
    model->status = load_cell(model, &why);
    model->status = model->status == RNN_RUNNING ? check_shape(model, &why) : model->status;
    model->status =
        model->status == RNN_RUNNING ? check_rate(model, self->rate, &why) : model->status;
    model->status = model->status == RNN_RUNNING ? make_streams(model, &why) : model->status;
    if (model->status != RNN_RUNNING) {
        rnn_log(self, "%s: %s\n", path, why.words);
        release(model);
    }
    return model;
}

void rnn_model_destroy(rnn_model *model) {
    if (model != NULL) {
        release(model);
        free(model);
    }
}

void rnn_model_reset(rnn_model *model) {
    for (uint32_t i = 0; i < model->n_streams; i++) {
        tkr_state_reset(model->streams[i]);
    }
    model->turn = 0;
}

/* The samples of one stream: `first`, and every k-th behind it. */
static int32_t run_stream(rnn_model *model, tkr_state *stream, float *samples, uint32_t first,
                          uint32_t n) {
    float own[RNN_CHUNK] = {samples[first]};
    uint32_t k = model->n_streams, len = 1;
    for (uint32_t i = first + k; i < n; i += k) {
        own[len++] = samples[i];
    }
    int32_t status = tkr_cell_steps(model->cell, stream, own, own, len);
    len = 0;
    for (uint32_t i = first; i < n; i += k) {
        samples[i] = own[len++];
    }
    return status;
}

bool rnn_model_run(rnn_model *model, float *samples, uint32_t n) {
    uint32_t k = model->n_streams;
    int32_t status = TKR_OK;
    if (k == 1) {
        status = tkr_cell_steps(model->cell, model->streams[0], samples, samples, n);
    }
    for (uint32_t first = 0; k > 1 && first < k && first < n && status == TKR_OK; first++) {
        tkr_state *stream = model->streams[(model->turn + first) % k];
        status = run_stream(model, stream, samples, first, n);
    }
    model->turn = (model->turn + n) % k;
    return status == TKR_OK;
}
