/* SPDX-License-Identifier: MIT */
#include "hosts/lv2_host.h"

#include <lv2/atom/util.h>
#include <lv2/patch/patch.h>
#include <lv2/state/state.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/support.h"

/* ---- URIDs: one table for the whole program -------------------------------------------------- */

enum { MAX_URIS = 500 };
static char *uris[MAX_URIS];
static uint32_t n_uris;

static LV2_URID map_uri(LV2_URID_Map_Handle handle, const char *uri) {
    (void)handle;
    for (uint32_t i = 0; i < n_uris; i++) {
        if (strcmp(uris[i], uri) == 0) {
            return i + 1;
        }
    }
    assert_true(n_uris < MAX_URIS);
    uris[n_uris] = strdup(uri);
    return ++n_uris;
}

static const char *unmap_urid(LV2_URID_Unmap_Handle handle, LV2_URID urid) {
    (void)handle;
    return urid >= 1 && urid <= n_uris ? uris[urid - 1] : NULL;
}

static LV2_URID_Map map = {NULL, map_uri};
static LV2_URID_Unmap unmap = {NULL, unmap_urid};
static const LV2_Feature map_feature = {LV2_URID__map, &map};

LV2_URID host_urid(const char *uri) {
    return map_uri(NULL, uri);
}

/* ---- the world: what is in the bundle -------------------------------------------------------- */

static LilvWorld *world;
static const LilvPlugin *plugin;

static void close_world(void) {
    lilv_world_free(world);
    while (n_uris > 0) {
        free(uris[--n_uris]);
    }
}

static void open_world(void) {
    if (world != NULL) {
        return;
    }
    setenv("LV2_PATH", LV2_BUNDLES, 1);
    world = lilv_world_new();
    assert_non_null(world);
    atexit(close_world);
    lilv_world_load_all(world);
    LilvNode *uri = lilv_new_uri(world, HOST_PLUGIN);
    plugin = lilv_plugins_get_by_uri(lilv_world_get_all_plugins(world), uri);
    lilv_node_free(uri);
    assert_non_null(plugin);
}

/* ---- an instance ----------------------------------------------------------------------------- */

static int log_vprintf(LV2_Log_Handle handle, LV2_URID type, const char *format, va_list more) {
    (void)type;
    host *h = handle;
    return vsnprintf(h->logged, sizeof h->logged, format, more);
}

static int log_printf(LV2_Log_Handle handle, LV2_URID type, const char *format, ...) {
    va_list more;
    va_start(more, format);
    int len = log_vprintf(handle, type, format, more);
    va_end(more);
    return len;
}

static void list_features(host *h, int mode) {
    int n = 0;
    if (mode == HOST_BARE) {
        return;
    }
    h->log = (LV2_Log_Log){h, log_printf, log_vprintf};
    h->log_feature = (LV2_Feature){LV2_LOG__log, &h->log};
    h->schedule_feature = (LV2_Feature){LV2_WORKER__schedule, &h->worker.schedule};
    h->features[n++] = &map_feature;
    h->features[n++] = &h->log_feature;
    if (mode != WORKER_NONE) {
        h->features[n++] = &h->schedule_feature;
    }
}

/* Ports by their symbols. */
static void connect(host *h, const char *symbol, void *data) {
    LilvNode *name = lilv_new_string(world, symbol);
    const LilvPort *port = lilv_plugin_get_port_by_symbol(plugin, name);
    lilv_node_free(name);
    assert_non_null(port);
    lilv_instance_connect_port(h->instance, lilv_port_get_index(plugin, port), data);
}

static void begin_messages(host *h) {
    lv2_atom_forge_set_buffer(&h->forge, h->control, sizeof h->control);
    lv2_atom_forge_sequence_head(&h->forge, &h->sequence, 0);
}

host *host_open(double rate, int mode) {
    open_world();
    host *h = calloc(1, sizeof *h);
    assert_non_null(h);
    h->rate = rate;
    h->ramp = rate < 1e6 ? (uint32_t)(rate / 50) : 1; /* some rates are no rates */
    h->enabled = 1;
    h->status = -1;
    worker_begin(&h->worker, mode == HOST_BARE ? WORKER_NONE : mode);
    list_features(h, mode);
    const LV2_Descriptor *descriptor;
    h->instance = lilv_plugin_instantiate(plugin, rate, mode == HOST_BARE ? NULL : h->features);
    assert_non_null(h->instance);
    descriptor = lilv_instance_get_descriptor(h->instance);
    worker_attach(&h->worker, lilv_instance_get_handle(h->instance),
                  descriptor->extension_data(LV2_WORKER__interface));
    lv2_atom_forge_init(&h->forge, &map);
    begin_messages(h);
    if (mode != HOST_BARE) {
        connect(h, "control", h->control);
        connect(h, "notify", h->notify);
    }
    connect(h, "enabled", &h->enabled);
    connect(h, "gain", &h->gain);
    connect(h, "level", &h->level);
    connect(h, "status", &h->status);
    return h;
}

void host_activate(host *h) {
    lilv_instance_activate(h->instance);
}

void host_close(host *h) {
    worker_end(&h->worker);
    lilv_instance_deactivate(h->instance);
    lilv_instance_free(h->instance);
    free(h);
}

void host_run(host *h, float *out, const float *in, uint32_t n) {
    LV2_Atom_Sequence *notify = (LV2_Atom_Sequence *)h->notify;
    lv2_atom_forge_pop(&h->forge, &h->sequence);
    notify->atom = (LV2_Atom){sizeof h->notify - sizeof(LV2_Atom), host_urid(LV2_ATOM__Chunk)};
    lilv_instance_connect_port(h->instance, 2, (void *)in);
    lilv_instance_connect_port(h->instance, 3, out);
    lilv_instance_run(h->instance, n);
    worker_answer(&h->worker);
    begin_messages(h);
}

/* ---- messages -------------------------------------------------------------------------------- */

void host_send(host *h, const char *subject, const char *type, const void *value, uint32_t size) {
    LV2_Atom_Forge_Frame object;
    lv2_atom_forge_frame_time(&h->forge, 0);
    lv2_atom_forge_object(&h->forge, &object, 0,
                          host_urid(value == NULL ? LV2_PATCH__Get : LV2_PATCH__Set));
    if (subject != NULL) {
        lv2_atom_forge_key(&h->forge, host_urid(LV2_PATCH__subject));
        lv2_atom_forge_urid(&h->forge, host_urid(subject));
    }
    lv2_atom_forge_key(&h->forge, host_urid(LV2_PATCH__property));
    lv2_atom_forge_urid(&h->forge, host_urid(HOST_MODEL));
    if (value != NULL) {
        lv2_atom_forge_key(&h->forge, host_urid(LV2_PATCH__value));
        lv2_atom_forge_atom(&h->forge, size, host_urid(type));
        lv2_atom_forge_write(&h->forge, value, size);
    }
    lv2_atom_forge_pop(&h->forge, &object);
}

void host_set(host *h, const char *path) {
    host_send(h, HOST_PLUGIN, LV2_ATOM__Path, path, (uint32_t)strlen(path) + 1);
}

void host_get(host *h) {
    host_send(h, NULL, NULL, NULL, 0);
}

const char *host_told(const host *h) {
    const LV2_Atom_Sequence *notify = (const LV2_Atom_Sequence *)h->notify;
    assert_true(notify->atom.type == host_urid(LV2_ATOM__Sequence));
    LV2_ATOM_SEQUENCE_FOREACH(notify, event) {
        const LV2_Atom_Object *object = (const LV2_Atom_Object *)&event->body;
        const LV2_Atom *property = NULL, *value = NULL;
        assert_true(object->atom.type == host_urid(LV2_ATOM__Object));
        assert_true(object->body.otype == host_urid(LV2_PATCH__Set));
        lv2_atom_object_get(object, host_urid(LV2_PATCH__property), &property,
                            host_urid(LV2_PATCH__value), &value, 0);
        assert_true(property && ((const LV2_Atom_URID *)property)->body == host_urid(HOST_MODEL));
        assert_true(value && value->type == host_urid(LV2_ATOM__Path));
        return LV2_ATOM_BODY_CONST(value);
    }
    return "";
}

void host_work(host *h) {
    worker_work(&h->worker);
    worker_answer(&h->worker);
}

/* ---- sessions -------------------------------------------------------------------------------- */

static const void *no_port(const char *symbol, void *user, uint32_t *size, uint32_t *type) {
    (void)symbol;
    (void)user;
    *size = *type = 0;
    return NULL;
}

void host_save(host *h, const char *folder) {
    LilvState *state =
        lilv_state_new_from_instance(plugin, h->instance, &map, folder, NULL, folder, folder,
                                     no_port, NULL, LV2_STATE_IS_POD | LV2_STATE_IS_PORTABLE, NULL);
    assert_non_null(state);
    assert_int_equal(lilv_state_save(world, &map, &unmap, state, NULL, folder, "state.ttl"), 0);
    lilv_state_free(state);
}

void host_restore(host *h, const char *folder) {
    char path[500];
    snprintf(path, sizeof path, "%s/state.ttl", folder);
    LilvState *state = lilv_state_new_from_file(world, &map, NULL, path);
    assert_non_null(state);
    lilv_state_restore(state, h->instance, NULL, NULL, 0, h->features);
    lilv_state_free(state);
}
