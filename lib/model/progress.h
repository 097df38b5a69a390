/* SPDX-License-Identifier: MIT
 * The numbers of a training run that are not tensors, as the JSON of a checkpoint:
 *
 *     {"optimizer":{"kind":"adam","options":{"learning_rate":"0x...",...,"step_count":120}},
 *      "sequence":{"seed":1,"draws":120,"carry":1,...,"batch":8,"gradients":0},
 *      "state":{"batch":4},"cursor":[0,0,0,0]} */
#ifndef TKRI_MODEL_PROGRESS_H
#define TKRI_MODEL_PROGRESS_H

#include "core/options.h"
#include "model/json.h"

enum { TKRI_CURSOR_LEN = 4 };

/* The numbers of a sequence. */
enum {
    TKRI_PROGRESS_SEED,
    TKRI_PROGRESS_DRAWS,
    TKRI_PROGRESS_CARRY, /* and the other options, as in tkri_progress_option */
    TKRI_PROGRESS_REDUCTION,
    TKRI_PROGRESS_EVERY,
    TKRI_PROGRESS_STEPS,
    TKRI_PROGRESS_BATCH,     /* of the state that the next forward starts from; 0: the cell's own */
    TKRI_PROGRESS_GRADIENTS, /* 1: some are not applied yet */
    TKRI_PROGRESS_LEN
};

/* The options among these, from TKRI_PROGRESS_CARRY on. */
enum { TKRI_PROGRESS_OPTIONS = 4 };
extern const int32_t tkri_progress_option[TKRI_PROGRESS_OPTIONS];

/* What is saved, or what a file said. */
typedef struct tkri_progress {
    tkri_options optimizer; /* its kind too */
    int32_t has_sequence, has_state, has_cursor;
    uint64_t sequence[TKRI_PROGRESS_LEN], state_batch, cursor[TKRI_CURSOR_LEN];
} tkri_progress;

/* "adam" */
const char *tkri_progress_kind_name(int32_t kind);

/* Write it; `progress` is a tkri_progress. */
void tkri_progress_put(tkri_text *out, const void *progress);

/* Read it; options that are not there have their defaults. TKR_ERR_FORMAT; TKR_ERR_UNSUPPORTED if
 * something has an unknown name. */
int32_t tkri_progress_read(tkri_progress *progress, tkri_json *json);

#endif
