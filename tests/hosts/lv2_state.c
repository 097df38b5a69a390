/* SPDX-License-Identifier: MIT
 * examples/lv2 in a host, sessions: the path is saved and comes back, with any worker; a file that
 * is gone is no end of anything; a session is saved while models come and go. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hosts/lv2_host.h"
#include "hosts/lv2_models.h"
#include "support/malloc.h"
#include "support/support.h"

enum { LEN = 6000 };

static float in[LEN], out[LEN], want[LEN], other[LEN];

/* With a model that came by a message, as a user chooses it. */
static host *open_with(const char *path) {
    host *h = host_open(48000, WORKER_BY_HAND);
    host_activate(h);
    host_set(h, path);
    host_run(h, out, in, 0);
    host_work(h);
    host_run(h, out, in, LEN);
    return h;
}

static const char *saved_text(const char *folder) {
    static char text[5000];
    char path[500];
    snprintf(path, sizeof path, "%s/state.ttl", folder);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void play_reference(const char *path) {
    reference r = reference_open(path, 1);
    reference_run(&r, want, in, LEN);
    reference_close(&r);
}

/* Restored before it is active, the model is there from the first sample on. And once more: what is
 * saved from what was restored. */
static void test_round_trip(void **state) {
    (void)state;
    static const int workers[] = {WORKER_NONE, WORKER_BY_HAND, WORKER_AT_ONCE, WORKER_THREAD};
    const char *path = models_plain("round", 2, NULL), *folder = models_path("session");
    const char *second = models_path("session two");
    host *h = open_with(path);
    host_save(h, folder);
    host_close(h);
    assert_non_null(strstr(saved_text(folder), HOST_MODEL));
    play_reference(path);
    for (int i = 0; i < 4; i++) {
        h = host_open(48000, workers[i]);
        host_restore(h, i % 2 ? second : folder);
        host_activate(h);
        host_run(h, out, in, LEN);
        assert_int_equal((int)h->status, RUNNING);
        signal_same(out, want, LEN);
        assert_true(access(host_told(h), R_OK) == 0);
        host_save(h, second);
        host_close(h);
    }
    h = host_open(44100, WORKER_NONE); /* the same session, another rate: dry, and nothing lost */
    host_restore(h, folder);
    host_run(h, out, in, LEN);
    signal_same(out, in, LEN);
    assert_int_equal((int)h->status, WRONG_RATE);
    host_save(h, second);
    host_close(h);
    h = host_open(48000, WORKER_NONE);
    host_restore(h, second);
    host_run(h, out, in, LEN);
    signal_same(out, want, LEN);
    host_close(h);
}

/* Restored while it plays: a fade, and the old one is freed. */
static void test_live(void **state) {
    (void)state;
    const char *a = models_plain("live a", 2, NULL), *b = models_plain("live b", 4, NULL);
    const char *folder[] = {models_path("session a"), models_path("session b")};
    for (int i = 0; i < 2; i++) {
        host *h = open_with(i ? b : a);
        host_save(h, folder[i]);
        host_close(h);
    }
    host *h = host_open(48000, WORKER_NONE);
    reference ra = reference_open(a, 1), rb = reference_open(b, 1);
    host_restore(h, folder[0]);
    host_activate(h);
    host_run(h, out, in, LEN);
    reference_run(&ra, want, in, LEN);
    host_restore(h, folder[1]);
    host_run(h, out, in, LEN);
    reference_run(&ra, want, in, LEN);
    reference_run(&rb, other, in, LEN);
    signal_fade(want, want, other, LEN, h->ramp);
    signal_same(out, want, LEN);
    int64_t before = -1;
    for (int i = 0; i < 20; i++) {
        host_restore(h, folder[i % 2]);
        host_run(h, out, in, LEN);
        before = i == 1 ? malloc_blocks() : before;
    }
    assert_int_equal(malloc_blocks(), before);
    host_close(h);
    reference_close(&ra);
    reference_close(&rb);
}

/* Nothing chosen: nothing is saved, no empty path either; restored, that changes nothing. */
static void test_nothing(void **state) {
    (void)state;
    const char *folder = models_path("session of nothing");
    host *h = host_open(48000, WORKER_BY_HAND);
    host_activate(h);
    host_run(h, out, in, 64);
    host_save(h, folder);
    assert_null(strstr(saved_text(folder), HOST_MODEL));
    host_restore(h, folder);
    host_run(h, out, in, LEN);
    signal_same(out, in, LEN);
    assert_int_equal((int)h->status, NO_MODEL);
    host_close(h);
    const char *path = models_plain("stays", 2, NULL);
    h = open_with(path);
    host_restore(h, folder);
    lilv_instance_deactivate(h->instance);
    host_activate(h);
    host_run(h, out, in, LEN);
    play_reference(path);
    signal_same(out, want, LEN);
    host_close(h);
}

/* A host that maps no URIs has no use for a state, and gets none. */
static void test_bare(void **state) {
    (void)state;
    const char *folder = models_path("session of bare"), *full = models_path("session of full");
    host *h = open_with(models_plain("full", 2, NULL));
    host_save(h, full);
    host_close(h);
    h = host_open(48000, HOST_BARE);
    host_restore(h, full);
    host_run(h, out, in, LEN);
    signal_same(out, in, LEN);
    host_save(h, folder);
    assert_null(strstr(saved_text(folder), "state:state"));
    host_close(h);
}

/* The file is gone: what plays goes on, the host hears of it, the session does not forget it. */
static void test_missing(void **state) {
    (void)state;
    const char *gone = models_plain("gone", 2, NULL), *here = models_plain("here", 4, NULL);
    const char *folder = models_path("session of gone"), *again = models_path("saved again");
    host *h = open_with(gone);
    host_save(h, folder);
    host_close(h);
    assert_int_equal(rename(gone, models_path("elsewhere")), 0);
    h = open_with(here);
    h->logged[0] = '\0';
    host_restore(h, folder);
    assert_non_null(strstr(h->logged, "gone"));
    lilv_instance_deactivate(h->instance);
    host_activate(h);
    host_run(h, out, in, LEN);
    play_reference(here);
    signal_same(out, want, LEN);
    assert_int_equal((int)h->status, UNREADABLE);
    host_close(h);
    h = host_open(48000, WORKER_BY_HAND);
    host_restore(h, folder);
    host_activate(h);
    host_run(h, out, in, LEN);
    signal_same(out, in, LEN);
    assert_int_equal((int)h->status, UNREADABLE);
    host_save(h, again);
    host_close(h);
    assert_int_equal(rename(models_path("elsewhere"), gone), 0);
    h = host_open(48000, WORKER_NONE);
    host_restore(h, again);
    host_run(h, out, in, LEN);
    play_reference(gone);
    signal_same(out, want, LEN);
    host_close(h);
}

/* restore() comes before the worker's answer to an older wish: restored is what stays. */
static void test_overtaken(void **state) {
    (void)state;
    const char *a = models_plain("over a", 2, NULL), *b = models_plain("over b", 4, NULL);
    const char *folder = models_path("session over");
    host *h = open_with(b);
    host_save(h, folder);
    host_set(h, a);
    host_run(h, out, in, 64);
    host_restore(h, folder);
    host_work(h);
    host_run(h, out, in, LEN);
    lilv_instance_deactivate(h->instance);
    host_activate(h);
    host_run(h, out, in, LEN);
    play_reference(b);
    signal_same(out, want, LEN);
    host_close(h);
}

/* ---- saved while it plays -------------------------------------------------------------------- */

typedef struct saver {
    host *h;
    const char *a, *b;
    atomic_int stop, saves, wrong;
} saver;

static LV2_State_Status check_path(LV2_State_Handle handle, uint32_t key, const void *value,
                                   size_t size, uint32_t type, uint32_t flags) {
    saver *s = handle;
    (void)key;
    (void)type;
    (void)flags;
    s->wrong += strlen(value) + 1 != size || (strcmp(value, s->a) && strcmp(value, s->b));
    s->saves++;
    return LV2_STATE_SUCCESS;
}

static void *save_often(void *argument) {
    saver *s = argument;
    const LV2_Descriptor *descriptor = lilv_instance_get_descriptor(s->h->instance);
    const LV2_State_Interface *interface = descriptor->extension_data(LV2_STATE__interface);
    while (!s->stop) {
        interface->save(lilv_instance_get_handle(s->h->instance), check_path, s, 0, NULL);
    }
    return NULL;
}

/* A long path to that file, of `filler` mostly: writing it takes a while. */
static char *long_path(const char *name, const char *filler) {
    char *path = calloc(1, 4000);
    assert_non_null(path);
    strcpy(path, models_folder());
    while (strlen(path) < 3000) {
        strcat(path, filler);
    }
    return strcat(strcat(path, "/"), name);
}

static void test_save_meanwhile(void **state) {
    (void)state;
    models_plain("one", 2, NULL);
    models_plain("two", 4, NULL);
    char *a = long_path("one", "/."), *b = long_path("two", "//");
    host *h = open_with(a);
    saver s = {.h = h, .a = a, .b = b};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, save_often, &s), 0);
    for (int i = 0; i < 1000 || s.saves < 1000; i++) {
        host_set(h, i % 2 ? a : b);
        host_run(h, out, in, 64);
        host_work(h);
    }
    s.stop = 1;
    pthread_join(thread, NULL);
    assert_int_equal(s.wrong, 0);
    host_close(h);
    free(a);
    free(b);
}

int main(void) {
    signal_make(in, LEN, 2);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),     cmocka_unit_test(test_live),
        cmocka_unit_test(test_nothing),        cmocka_unit_test(test_bare),
        cmocka_unit_test(test_missing),        cmocka_unit_test(test_overtaken),
        cmocka_unit_test(test_save_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
