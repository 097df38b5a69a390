/* SPDX-License-Identifier: MIT
 * A host for examples/lv2, on lilv: it finds the bundle in the build folder and does with it what a
 * DAW does. Whatever goes wrong in the host itself fails the test. */
#ifndef TESTS_HOSTS_LV2_HOST_H
#define TESTS_HOSTS_LV2_HOST_H

#include <lilv/lilv.h>
#include <lv2/atom/forge.h>
#include <lv2/log/log.h>
#include <lv2/state/state.h>
#include <lv2/urid/urid.h>

#include "hosts/lv2_worker.h"

#define HOST_PLUGIN "urn:tekrar:lv2:rnn"
#define HOST_MODEL HOST_PLUGIN "#model"

enum { HOST_BUFFER = 8192, HOST_BARE = 100 }; /* HOST_BARE for a worker: no features at all */

/* The values of the port `status`. */
enum {
    NO_MODEL,
    RUNNING,
    UNREADABLE,
    NOT_A_MODEL,
    WRONG_SHAPE,
    WRONG_RATE,
    CANNOT_STREAM,
    NO_WORKER,
};

typedef struct host {
    double rate;
    uint32_t ramp; /* samples of a fade */
    float enabled, gain, level, status;
    LilvInstance *instance;
    worker worker;
    LV2_Log_Log log;
    char logged[1000]; /* the last line */
    LV2_Feature schedule_feature, log_feature;
    const LV2_Feature *features[4];
    LV2_Atom_Forge forge; /* writes the next run's messages into `control` */
    LV2_Atom_Forge_Frame sequence;
    _Alignas(8) uint8_t control[HOST_BUFFER];
    _Alignas(8) uint8_t notify[HOST_BUFFER];
} host;

/* A plug-in at `rate`, connected but not yet active. */
host *host_open(double rate, int mode);
void host_activate(host *h);
void host_close(host *h);

/* n frames; in and out may be the same. The messages go with it, answers are handed out behind. */
void host_run(host *h, float *out, const float *in, uint32_t n);

/* Messages for the next run: patch:Set of the model; patch:Get; or a value of any kind, with a
 * subject unless that is NULL. */
void host_set(host *h, const char *path);
void host_get(host *h);
void host_send(host *h, const char *subject, const char *type, const void *value, uint32_t size);

/* The path in the patch:Set that the last run sent; "" if it sent none. */
const char *host_told(const host *h);

/* By hand: run nothing, do the work, hand out the answers. */
void host_work(host *h);

/* Save into a folder; restore from there. Lilv's own maps of paths. */
void host_save(host *h, const char *folder);
void host_restore(host *h, const char *folder);

LV2_URID host_urid(const char *uri);

#endif
