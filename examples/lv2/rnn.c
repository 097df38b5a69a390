/* SPDX-License-Identifier: MIT
 *
 * An LV2 plug-in that runs a recurrent network on every sample. This file is what the host sees.
 */
#include "rnn.h"

#include <lv2/core/lv2.h>
#include <lv2/patch/patch.h>
#include <stdlib.h>
#include <string.h>

static void take_feature(rnn *self, const LV2_Feature *feature) {
    if (feature->URI == NULL) {
        return;
    }
    if (strcmp(feature->URI, LV2_URID__map) == 0) {
        self->map = feature->data;
    } else if (strcmp(feature->URI, LV2_WORKER__schedule) == 0) {
        self->worker = feature->data;
    } else if (strcmp(feature->URI, LV2_LOG__log) == 0) {
        self->log = feature->data;
    }
}

static LV2_URID map_uri(const rnn *self, const char *uri) {
    return self->map->map(self->map->handle, uri);
}

/* Some hosts give no features, not even those that are required. Then no message and no session can
 * be understood, and the input goes through. */
static void map_uris(rnn *self) {
    rnn_urids *urids = &self->urids;
    urids->atom_path = map_uri(self, LV2_ATOM__Path);
    urids->atom_urid = map_uri(self, LV2_ATOM__URID);
    urids->patch_get = map_uri(self, LV2_PATCH__Get);
    urids->patch_set = map_uri(self, LV2_PATCH__Set);
    urids->patch_property = map_uri(self, LV2_PATCH__property);
    urids->patch_subject = map_uri(self, LV2_PATCH__subject);
    urids->patch_value = map_uri(self, LV2_PATCH__value);
    urids->plugin = map_uri(self, RNN_URI);
    urids->model = map_uri(self, RNN_MODEL_URI);
    urids->log_error = map_uri(self, LV2_LOG__Error);
    lv2_atom_forge_init(&self->forge, (LV2_URID_Map *)self->map);
}

/* A fade takes 20 ms. */
static uint32_t ramp_of(double rate) {
    double ramp = rate / 50;
    return ramp >= 1 && ramp <= 1e6 ? (uint32_t)ramp : 1;
}

static LV2_Handle instantiate(const LV2_Descriptor *descriptor, double rate, const char *bundle,
                              const LV2_Feature *const *features) {
    (void)descriptor;
    (void)bundle;
    rnn *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return NULL;
    }
    self->rate = rate;
    self->ramp = ramp_of(rate);
    self->fresh = true;
    for (; features != NULL && *features != NULL; features++) {
        take_feature(self, *features);
    }
    if (self->map != NULL) {
        map_uris(self);
    } else {
        self->log = NULL;
    }
    return self;
}

static void connect_port(LV2_Handle instance, uint32_t port, void *data) {
    rnn_ports *ports = &((rnn *)instance)->ports;
    switch (port) {
        case 0:
            ports->control = data;
            break;
        case 1:
            ports->notify = data;
            break;
        case 2:
            ports->in = data;
            break;
        case 3:
            ports->out = data;
            break;
        case 4:
            ports->enabled = data;
            break;
        case 5:
            ports->gain = data;
            break;
        case 6:
            ports->level = data;
            break;
        case 7:
            ports->status = data;
            break;
        default:
            break;
    }
}

static void activate(LV2_Handle instance) {
    ((rnn *)instance)->fresh = true;
}

static void run(LV2_Handle instance, uint32_t frames) {
    rnn *self = instance;
    rnn_messages_read(self);
    rnn_swap(self);
    rnn_sound(self, frames);
    if (self->ports.status != NULL) {
        *self->ports.status = (float)self->status;
    }
    rnn_messages_write(self);
}

static void cleanup(LV2_Handle instance) {
    rnn *self = instance;
    rnn_model *fading = self->fading;
    rnn_swap_clear(self);
    rnn_model_destroy(atomic_exchange(&self->arrived, NULL));
    if (self->heard != self->model) {
        rnn_model_destroy(self->heard);
    }
    if (fading != self->model) {
        rnn_model_destroy(fading);
    }
    rnn_model_destroy(self->model);
    free(self);
}

static const void *extension_data(const char *uri) {
    return strcmp(uri, LV2_STATE__interface) == 0    ? (const void *)&rnn_state
           : strcmp(uri, LV2_WORKER__interface) == 0 ? (const void *)&rnn_worker
                                                     : NULL;
}

LV2_SYMBOL_EXPORT const LV2_Descriptor *lv2_descriptor(uint32_t index) {
    static const LV2_Descriptor descriptor = {RNN_URI, instantiate, connect_port, activate,
                                              run,     NULL,        cleanup,      extension_data};
    return index == 0 ? &descriptor : NULL;
}
