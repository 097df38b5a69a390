/* SPDX-License-Identifier: MIT
 *
 * What a session remembers: the model's path. The host maps it, so that a session can be moved.
 */
#include <stdlib.h>
#include <string.h>

#include "rnn.h"

/* ---- the path, from run() to save() ---------------------------------------------------------- */

void rnn_path_write(rnn_shared_path *path, const char *text) {
    size_t len = strnlen(text, RNN_PATH - 1);
    atomic_fetch_add(&path->version, 1);
    for (size_t i = 0; i < len; i++) {
        atomic_store_explicit(&path->text[i], text[i], memory_order_release);
    }
    atomic_store_explicit(&path->text[len], '\0', memory_order_release);
    atomic_fetch_add(&path->version, 1);
}

/* Again, until nobody has written meanwhile. */
static void read_path(rnn_shared_path *path, char *text) {
    unsigned before, after;
    do {
        size_t len = 0;
        before = atomic_load(&path->version);
        do {
            text[len] = atomic_load_explicit(&path->text[len], memory_order_acquire);
        } while (text[len] != '\0' && ++len < RNN_PATH);
        after = atomic_load(&path->version);
    } while (before != after || before % 2 != 0);
}

/* ---- features -------------------------------------------------------------------------------- */

/* The data of that feature, or NULL. Lists with holes in them have been seen. */
static void *feature_of(const LV2_Feature *const *features, const char *uri) {
    for (; features != NULL && *features != NULL; features++) {
        if ((*features)->URI != NULL && strcmp((*features)->URI, uri) == 0) {
            return (*features)->data;
        }
    }
    return NULL;
}

/* A path that the host has made is the host's to free. */
static void free_path(const LV2_Feature *const *features, char *path) {
    const LV2_State_Free_Path *host = feature_of(features, LV2_STATE__freePath);
    if (host != NULL && host->free_path != NULL) {
        host->free_path(host->handle, path);
    } else {
        free(path);
    }
}

/* ---- save, restore --------------------------------------------------------------------------- */

static LV2_State_Status store_path(const rnn *self, LV2_State_Store_Function store,
                                   LV2_State_Handle handle, const char *path) {
    return path == NULL || path[0] == '\0'
               ? LV2_STATE_ERR_UNKNOWN
               : store(handle, self->urids.model, path, strlen(path) + 1, self->urids.atom_path,
                       LV2_STATE_IS_POD | LV2_STATE_IS_PORTABLE);
}

/* An empty path is never saved: it would come back as the name of the state's own folder. */
static LV2_State_Status save(LV2_Handle instance, LV2_State_Store_Function store,
                             LV2_State_Handle handle, uint32_t flags,
                             const LV2_Feature *const *features) {
    (void)flags;
    rnn *self = instance;
    const LV2_State_Map_Path *map = feature_of(features, LV2_STATE__mapPath);
    if (self->map == NULL) {
        return LV2_STATE_ERR_NO_FEATURE;
    }
    char *path = malloc(RNN_PATH);
    LV2_State_Status status = LV2_STATE_SUCCESS;
    if (path == NULL) {
        return LV2_STATE_ERR_UNKNOWN;
    }
    read_path(&self->path, path);
    if (path[0] != '\0' && map != NULL) {
        char *abstract = map->abstract_path(map->handle, path);
        status = store_path(self, store, handle, abstract);
        free_path(features, abstract);
    } else if (path[0] != '\0') {
        status = store_path(self, store, handle, path);
    }
    free(path);
    return status;
}

/* Load it here and now: run() waits for restore(). */
static LV2_State_Status use_path(rnn *self, const char *path) {
    if (path == NULL || path[0] == '\0' || strlen(path) >= RNN_PATH) {
        return LV2_STATE_ERR_UNKNOWN;
    }
    rnn_model *answer = rnn_model_load(self, path);
    if (answer == NULL) {
        self->status = RNN_NO_MEMORY;
        return LV2_STATE_ERR_UNKNOWN;
    }
    answer->request = ++self->request;
    self->has_wish = false;
    LV2_State_Status status =
        answer->status == RNN_RUNNING ? LV2_STATE_SUCCESS : LV2_STATE_ERR_UNKNOWN;
    rnn_swap_take(self, answer);
    rnn_swap_clear(self);
    return status;
}

/* Hosts call it with nothing saved, too: then all stays as it is. */
static LV2_State_Status restore(LV2_Handle instance, LV2_State_Retrieve_Function retrieve,
                                LV2_State_Handle handle, uint32_t flags,
                                const LV2_Feature *const *features) {
    (void)flags;
    rnn *self = instance;
    size_t size = 0;
    uint32_t type = 0, value_flags = 0;
    if (self->map == NULL) {
        return LV2_STATE_ERR_NO_FEATURE;
    }
    const char *saved = retrieve(handle, self->urids.model, &size, &type, &value_flags);
    if (saved == NULL) {
        return LV2_STATE_SUCCESS;
    }
    if (type != self->urids.atom_path || size < 2 || memchr(saved, '\0', size) == NULL) {
        return LV2_STATE_ERR_BAD_TYPE;
    }
    const LV2_State_Map_Path *map = feature_of(features, LV2_STATE__mapPath);
    if (map == NULL) {
        return use_path(self, saved);
    }
    char *path = map->absolute_path(map->handle, saved);
    LV2_State_Status status = use_path(self, path);
    free_path(features, path);
    return status;
}

const LV2_State_Interface rnn_state = {save, restore};
