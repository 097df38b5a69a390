/* SPDX-License-Identifier: MIT
 * Every public call with its k-th allocation failing, k = 0 until it succeeds, once and for good.
 *
 * After each failure: the status says so, handle outputs are NULL, nothing that can be seen of any
 * object has changed, and the same call, tried again with memory there, gives what it gives where
 * nothing ever failed. At the end of each world nothing is left on its heap.
 *
 * The first round fails the env's allocator; the second gives no env and fails malloc itself, and
 * so also what the C library allocates for the library's files.
 *
 * usage: fail [--list | NAME]: all scenarios, their names, or those of one function */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "oom/scenario.h"
#include "support/malloc.h"

enum { MOST_ALLOCATIONS = 2000 };

/* How a scenario is tried. */
typedef struct trial {
    const scenario *scenario;
    int32_t threads;
    int on_malloc, forever;
    uint64_t after; /* the fingerprint where nothing failed */
} trial;

static char poison;

static int complain(const trial *t, int64_t k, const char *what) {
    fprintf(stderr, "%s, %d threads, %s, allocation %" PRId64 " failing %s: %s\n",
            t->scenario->call, t->threads, t->on_malloc ? "malloc" : "env", k,
            t->forever ? "for good" : "once", what);
    return 0;
}

static void fail_from_now(const trial *t, world *w, int64_t k) {
    if (t->on_malloc) {
        malloc_fail(k, t->forever);
    } else {
        heap_fail(&w->heap, k, t->forever);
    }
}

static int64_t failures(const trial *t, const world *w) {
    return t->on_malloc ? malloc_failures() : w->heap.failures;
}

/* A failure of the C library's own malloc shows as a failed fopen or the like. */
static int status_fits(const trial *t, int32_t status) {
    return status == TKR_ERR_MEMORY || (t->on_malloc && status == TKR_ERR_IO);
}

/* The call failed as told: is everything else as it was? */
static int check_failure(const trial *t, world *w, int64_t k, int32_t status, uint64_t before) {
    if (!status_fits(t, status)) {
        return complain(t, k, tkr_status_text(status));
    }
    if (t->scenario->makes ? w->made.any != NULL : w->made.any != &poison) {
        return complain(t, k, "the handle output is wrong");
    }
    if (world_fingerprint(w) != before) {
        return complain(t, k, "an object has changed");
    }
    w->made.any = &poison;
    if (t->scenario->run(w) != TKR_OK) {
        return complain(t, k, "the call fails also when there is memory");
    }
    if (world_deep_fingerprint(w) != t->after) {
        return complain(t, k, "tried again, it gives something else");
    }
    return 1;
}

/* A fresh world, ready for the call; NULL after a message. */
static world *prepare(const trial *t, int64_t k) {
    world *w = world_create(t->threads, t->on_malloc);
    if (!w || (t->scenario->ready && t->scenario->ready(w) != TKR_OK)) {
        complain(t, k, "the world could not be made ready");
        if (w) {
            world_destroy(w, 0);
        }
        return NULL;
    }
    w->made.any = &poison;
    return w;
}

/* The call with its k-th allocation failing. 1 as it should be, 0 not, -1 none was left to fail. */
static int try_one(trial *t, int64_t k) {
    int64_t blocks = malloc_blocks();
    world *w = prepare(t, k);
    if (!w) {
        return 0;
    }
    uint64_t before = world_fingerprint(w);
    fail_from_now(t, w, k);
    int32_t status = t->scenario->run(w);
    int64_t failed = failures(t, w);
    heap_fail(&w->heap, -1, 0);
    malloc_fail(-1, 0);

    int verdict = failed ? check_failure(t, w, k, status, before) : -1;
    if (!failed && status != TKR_OK) {
        verdict = complain(t, k, "it fails though no allocation did");
    }
    char made = w->made.any == &poison ? 0 : t->scenario->makes;
    if (!world_destroy(w, made)) {
        verdict = complain(t, k, "something was left behind");
    }
    if (malloc_is_counted() && malloc_blocks() != blocks) {
        verdict = complain(t, k, "malloc's blocks are not all freed");
    }
    return verdict;
}

/* The call where nothing fails: notes the fingerprint after it, and whether it allocates. */
static int try_whole(trial *t) {
    world *w = prepare(t, -1);
    if (!w) {
        return 0;
    }
    heap_fail(&w->heap, -1, 0);
    int64_t counted = malloc_calls();
    int32_t status = t->scenario->run(w);
    int64_t asked = w->heap.calls, beside = malloc_calls() - counted - asked;
    int verdict = 1;
    if (status != TKR_OK) {
        verdict = complain(t, -1, tkr_status_text(status));
    } else if (t->scenario->makes && (w->made.any == NULL || w->made.any == &poison)) {
        verdict = complain(t, -1, "it makes nothing");
    } else if (!t->on_malloc && t->scenario->allocates == YES && asked == 0) {
        verdict = complain(t, -1, "it allocates nothing, though its comment says so");
    } else if (t->scenario->allocates == NO && (asked || beside)) {
        verdict = complain(t, -1, "it allocates, though its comment does not say so");
    }
    t->after = world_deep_fingerprint(w);
    char made = w->made.any == &poison ? 0 : t->scenario->makes;
    return world_destroy(w, made) && verdict;
}

/* All k. Returns how many allocations were failed, or -1 if anything was wrong. */
static int64_t try_all(trial *t) {
    for (int64_t k = 0; k < MOST_ALLOCATIONS; k++) {
        int verdict = try_one(t, k);
        if (verdict <= 0) {
            return verdict < 0 ? k : -1;
        }
    }
    complain(t, MOST_ALLOCATIONS, "there is no end to its allocations");
    return -1;
}

static int try_scenario(const scenario *s, int on_malloc) {
    int64_t failed = 0;
    for (int32_t threads = 1; threads <= (on_malloc ? 1 : 2); threads++) {
        trial t = {.scenario = s, .threads = threads, .on_malloc = on_malloc};
        if (!try_whole(&t)) {
            return 0;
        }
        for (t.forever = 0; t.forever < 2; t.forever++) {
            int64_t n = try_all(&t);
            if (n < 0) {
                return 0;
            }
            failed += n;
        }
    }
    if (failed > 0) {
        printf("ok - %s: %" PRId64 " failed allocations of %s survived\n", s->call, failed,
               on_malloc ? "malloc" : "the env");
    } else if (!on_malloc) {
        printf("ok - %s: allocates nothing\n", s->call);
    }
    return 1;
}

static int named(const scenario *s, const char *name) {
    size_t len = strlen(name);
    return strncmp(s->call, name, len) == 0 && (s->call[len] == 0 || s->call[len] == '/');
}

int main(int argc, char **argv) {
    const scenario *const tables[] = {cell_scenarios,     file_scenarios,       state_scenarios,
                                      sequence_scenarios, optimizer_scenarios,  text_scenarios,
                                      ngram_scenarios,    ngram_file_scenarios, mix_scenarios,
                                      part_scenarios};
    int list = argc > 1 && strcmp(argv[1], "--list") == 0, failed = 0;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        for (const scenario *s = tables[i]; s->call; s++) {
            if (list) {
                puts(s->call);
            } else if (argc < 2 || named(s, argv[1])) {
                int good = try_scenario(s, 0) && (!malloc_is_counted() || try_scenario(s, 1));
                if (!good) {
                    printf("not ok - %s\n", s->call);
                    failed++;
                }
            }
        }
    }
    return failed > 0;
}
