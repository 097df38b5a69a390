/* SPDX-License-Identifier: MIT
 * Every index is run once, whoever runs it; a team costs what it announces and leaves nothing. */
#include "core/team.h"

#include <stdatomic.h>

#include "support/heap.h"
#include "support/malloc.h"
#include "support/support.h"

enum { N = 1000 };

static void mark(void *argument, int64_t index) {
    atomic_int *marks = argument;
    atomic_fetch_add(&marks[index], 1);
}

static void expect_each_once(tkri_team *team, int64_t n) {
    static atomic_int marks[N];
    for (int i = 0; i < N; i++) {
        atomic_store(&marks[i], 0);
    }
    tkri_team_run(team, n, mark, marks);
    for (int i = 0; i < N; i++) {
        assert_int_equal(atomic_load(&marks[i]), i < n);
    }
}

static void test_every_index_once(void **unused) {
    (void)unused;
    for (int32_t threads = 1; threads <= 5; threads++) {
        heap h;
        tkr_env from;
        tkri_env env;
        tkri_team team;
        heap_init(&h, &from);
        from.threads = threads;
        assert_int_equal(tkri_env_read(&env, &from), TKR_OK);
        assert_int_equal(tkri_team_start(&team, &env), TKR_OK);
        assert_true(h.bytes == tkri_team_size(&env));
        int64_t calls = h.calls;
        for (int repeat = 0; repeat < 200; repeat++) {
            expect_each_once(&team, repeat % 7);
        }
        expect_each_once(&team, N);
        assert_int_equal(h.calls, calls);
        tkri_team_stop(&team, &env);
        tkri_team_stop(&team, &env); /* twice is harmless */
        assert_true(heap_is_clean(&h));
    }
}

/* Between jobs the workers go to sleep and must wake for the next one. */
static void test_sleepers_wake(void **unused) {
    (void)unused;
    tkr_env from = {.size = sizeof from, .threads = 3};
    tkri_env env;
    tkri_team team;
    assert_int_equal(tkri_env_read(&env, &from), TKR_OK);
    assert_int_equal(tkri_team_start(&team, &env), TKR_OK);
    for (int repeat = 0; repeat < 20; repeat++) {
        static volatile int waited;
        for (waited = 0; waited < 300000;) {
            waited = waited + 1;
        }
        expect_each_once(&team, 50);
    }
    tkri_team_stop(&team, &env);
}

static void backwards(void *user, int64_t n, tkr_task task, void *argument) {
    ++*(int *)user;
    while (n-- > 0) {
        task(argument, n);
    }
}

static void test_callers_parallel_for(void **unused) {
    (void)unused;
    int used = 0;
    tkr_env from = {.size = sizeof from, .threads = 4};
    from.parallel_for = backwards;
    from.parallel_user = &used;
    tkri_env env;
    tkri_team team;
    assert_int_equal(tkri_env_read(&env, &from), TKR_OK);
    assert_true(tkri_team_size(&env) == 0);
    assert_int_equal(tkri_team_start(&team, &env), TKR_OK);
    assert_null(team.pool);
    expect_each_once(&team, 100);
    assert_int_equal(used, 1);
    expect_each_once(&team, 1); /* a single task is not worth a call */
    assert_int_equal(used, 1);
    tkri_team_stop(&team, &env);
}

static void test_no_memory(void **unused) {
    (void)unused;
    heap h;
    tkr_env from;
    tkri_env env;
    tkri_team team;
    heap_init(&h, &from);
    from.threads = 4;
    heap_fail(&h, 0, 0);
    assert_int_equal(tkri_env_read(&env, &from), TKR_OK);
    assert_int_equal(tkri_team_start(&team, &env), TKR_ERR_MEMORY);
    assert_null(team.pool);
    assert_true(heap_is_clean(&h));
}

/* pthread_create() itself allocates a thread's table with calloc: let it run out. */
static void test_no_thread(void **unused) {
    (void)unused;
    if (!malloc_is_counted()) {
        skip();
    }
    heap h;
    tkr_env from;
    tkri_env env;
    tkri_team team;
    heap_init(&h, &from);
    from.threads = 64;
    assert_int_equal(tkri_env_read(&env, &from), TKR_OK);
    malloc_fail(3, 1); /* one for the heap's block, two for threads that do start */
    int32_t status = tkri_team_start(&team, &env);
    malloc_fail(-1, 0);
    assert_int_equal(status, TKR_ERR_MEMORY);
    assert_null(team.pool);
    assert_true(heap_is_clean(&h));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_index_once),
        cmocka_unit_test(test_sleepers_wake),
        cmocka_unit_test(test_callers_parallel_for),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_no_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
