/* SPDX-License-Identifier: MIT
 * What the files of the plug-in share.
 *
 * Three threads meet here. run() owns the models that are heard. work() makes and destroys models;
 * a new one goes to run() through `arrived`, an old one comes back with a message. save() reads the
 * path while both go on. restore() is alone with run(), as LV2 has it.
 */
#ifndef EXAMPLES_LV2_RNN_H
#define EXAMPLES_LV2_RNN_H

#include <lv2/atom/forge.h>
#include <lv2/log/log.h>
#include <lv2/state/state.h>
#include <lv2/urid/urid.h>
#include <lv2/worker/worker.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <tekrar/tekrar.h>

#define RNN_URI "urn:tekrar:lv2:rnn"
#define RNN_MODEL_URI RNN_URI "#model"

enum { RNN_PATH = 4096, RNN_CHUNK = 256, RNN_DEFAULT_RATE = 48000, RNN_MAX_STREAMS = 64 };

/* Values of the port `status`: rnn.ttl has their texts. */
typedef enum rnn_status {
    RNN_NO_MODEL,
    RNN_RUNNING,
    RNN_UNREADABLE,
    RNN_NOT_A_MODEL,
    RNN_WRONG_SHAPE,
    RNN_WRONG_RATE,
    RNN_CANNOT_STREAM,
    RNN_NO_WORKER,
    RNN_NO_MEMORY,
} rnn_status;

/* ---- model.c: a file, ready to run ----------------------------------------------------------- */

/* A model and its states. Where the host's rate is k times the model's, sample n belongs to state
 * n mod k: each of them moves on at the model's own rate. */
typedef struct rnn_model {
    rnn_status status; /* RNN_RUNNING, or why the file was refused: then there is only a path */
    uint32_t request;  /* the number of the request that it answers */
    tkr_cell *cell;
    tkr_state *streams[RNN_MAX_STREAMS];
    uint32_t n_streams;     /* k */
    uint32_t turn;          /* whose turn the next sample is */
    struct rnn_model *next; /* in the list of those that run() has done with */
    char path[];
} rnn_model;

struct rnn;

/* Load a file for the plug-in's rate. A refused one is logged. NULL: no memory for the answer. */
rnn_model *rnn_model_load(const struct rnn *self, const char *path);
void rnn_model_destroy(rnn_model *model);
/* Back to silence before the first sample. Real-time safe, as the next one is. */
void rnn_model_reset(rnn_model *model);
/* n <= RNN_CHUNK samples in place. 0: the model has failed or left the range of sound. */
bool rnn_model_run(rnn_model *model, float *samples, uint32_t n);

/* ---- the plug-in ----------------------------------------------------------------------------- */

/* A number that moves to its target in equal steps. */
typedef struct rnn_slide {
    float now, target, step;
    uint32_t left; /* samples until it is there */
} rnn_slide;

typedef struct rnn_urids {
    LV2_URID atom_path, atom_urid;
    LV2_URID patch_get, patch_set, patch_property, patch_subject, patch_value;
    LV2_URID plugin, model, log_error;
} rnn_urids;

/* A message to work(): destroy a list of models, and load the file whose path stands behind this,
 * if there is one. */
typedef struct rnn_order {
    rnn_model *done;
    uint32_t request;
} rnn_order;

typedef struct rnn_wish {
    rnn_order order;
    char path[RNN_PATH];
} rnn_wish;

/* A path that run() writes and save() reads meanwhile: odd versions are being written. */
typedef struct rnn_shared_path {
    atomic_uint version;
    atomic_char text[RNN_PATH];
} rnn_shared_path;

typedef struct rnn_ports {
    const LV2_Atom_Sequence *control;
    LV2_Atom_Sequence *notify;
    const float *in;
    float *out;
    const float *enabled, *gain, *level;
    float *status;
} rnn_ports;

typedef struct rnn {
    /* Set by instantiate(), for all threads. */
    double rate;
    uint32_t ramp; /* samples that a fade takes */
    rnn_urids urids;
    const LV2_URID_Map *map;
    const LV2_Worker_Schedule *worker;
    const LV2_Log_Log *log;

    /* run()'s own. */
    rnn_ports ports;
    LV2_Atom_Forge forge;
    rnn_status status;
    rnn_model *model;          /* the one in use, or NULL */
    rnn_model *heard, *fading; /* what sounds and what fades out; NULL is the input as it is */
    uint32_t fade_left;        /* samples until only `heard` sounds */
    bool fresh;                /* nothing has sounded yet: no fade */
    rnn_slide gain, level;
    rnn_model *done;  /* a list for work() to destroy */
    uint32_t request; /* the number of the newest */
    rnn_wish wish;
    bool has_wish, has_news; /* `wish` has to go to work(); the host has to be told the path */

    /* Between threads. */
    _Atomic(rnn_model *) arrived; /* from work() to run() */
    rnn_shared_path path;         /* what save() saves */
} rnn;

/* log.c: to the host's log, or nowhere. Not for run(). */
void rnn_log(const rnn *self, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* message.c: read patch:Set and patch:Get; tell the model's path where somebody wants to know. */
void rnn_messages_read(rnn *self);
void rnn_messages_write(rnn *self);

/* sound.c */
void rnn_sound(rnn *self, uint32_t frames);
/* Is anything of this model still to be heard? */
bool rnn_sound_needs(const rnn *self, const rnn_model *model);

/* swap.c: how models come and go. */
extern const LV2_Worker_Interface rnn_worker;
void rnn_swap(rnn *self);
/* Use this answer to a request, or hear why not. */
void rnn_swap_take(rnn *self, rnn_model *answer);
void rnn_swap_drop(rnn *self, rnn_model *model);
/* Destroy what run() has done with. Not for run(). */
void rnn_swap_clear(rnn *self);

/* state.c */
extern const LV2_State_Interface rnn_state;
void rnn_path_write(rnn_shared_path *path, const char *text);

#endif
