/* SPDX-License-Identifier: MIT */
#include "core/team.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

enum { SPINS = 2000, LINE = 64 };

/* Workers wait for `job` to change, take indices from `next` until none is left, and report in
 * `working`. They spin a little, then sleep on the condition. These three words are written while
 * others wait for their neighbours: each has a cache line of its own. */
struct tkri_pool {
    pthread_mutex_t lock;
    pthread_cond_t wake, idle;
    _Alignas(LINE) atomic_uint job;
    _Alignas(LINE) atomic_int working;
    _Alignas(LINE) _Atomic int64_t next;
    _Alignas(LINE) int64_t n;
    tkr_task task;
    void *argument;
    int stop;
    int32_t started;
    pid_t home;
    pthread_t thread[];
};

static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void take_tasks(tkri_pool *pool) {
    for (;;) {
        int64_t index = atomic_fetch_add(&pool->next, 1);
        if (index >= pool->n) {
            return;
        }
        pool->task(pool->argument, index);
    }
}

static unsigned wait_for_job(tkri_pool *pool, unsigned seen) {
    for (int i = 0; i < SPINS; i++) {
        unsigned job = atomic_load(&pool->job);
        if (job != seen) {
            return job;
        }
        relax();
    }
    pthread_mutex_lock(&pool->lock);
    while (atomic_load(&pool->job) == seen) {
        pthread_cond_wait(&pool->wake, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return atomic_load(&pool->job);
}

static void *worker(void *argument) {
    tkri_pool *pool = argument;
    unsigned seen = 0;
    for (;;) {
        seen = wait_for_job(pool, seen);
        if (pool->stop) {
            return NULL;
        }
        take_tasks(pool);
        if (atomic_fetch_sub(&pool->working, 1) == 1) {
            pthread_mutex_lock(&pool->lock);
            pthread_cond_signal(&pool->idle);
            pthread_mutex_unlock(&pool->lock);
        }
    }
}

static void publish(tkri_pool *pool) {
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->working, pool->started);
    atomic_fetch_add(&pool->job, 1);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
}

static void wait_until_idle(tkri_pool *pool) {
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load(&pool->working) == 0) {
            return;
        }
        relax();
    }
    pthread_mutex_lock(&pool->lock);
    while (atomic_load(&pool->working) != 0) {
        pthread_cond_wait(&pool->idle, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
}

/* Does this process have the pool's threads? A child made by fork() has but the one that forked. */
static int at_home(const tkri_pool *pool) {
    return getpid() == pool->home;
}

static uint64_t pool_bytes(int32_t threads) {
    return sizeof(tkri_pool) + (uint64_t)(threads - 1) * sizeof(pthread_t);
}

static int own_threads(const tkri_env *env) {
    return env->threads > 1 && !env->parallel_for;
}

uint64_t tkri_team_size(const tkri_env *env) {
    return own_threads(env) ? tkri_allocation(pool_bytes(env->threads)) : 0;
}

/* Signals belong to the caller's threads: ours block them all. */
static void start_threads(tkri_pool *pool, int32_t n) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    while (pool->started < n &&
           pthread_create(&pool->thread[pool->started], NULL, worker, pool) == 0) {
        pool->started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int32_t tkri_team_start(tkri_team *team, const tkri_env *env) {
    *team = (tkri_team){env->parallel_for, env->parallel_user, NULL, env->threads};
    if (!own_threads(env)) {
        return TKR_OK;
    }
    tkri_pool *pool = tkri_allocate(env, pool_bytes(env->threads));
    if (!pool) {
        return TKR_ERR_MEMORY;
    }
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->idle, NULL);
    pool->home = getpid();
    team->pool = pool;
    start_threads(pool, env->threads - 1);
    if (pool->started < env->threads - 1) {
        tkri_team_stop(team, env);
        return TKR_ERR_MEMORY;
    }
    return TKR_OK;
}

void tkri_team_stop(tkri_team *team, const tkri_env *env) {
    tkri_pool *pool = team->pool;
    if (!pool) {
        return;
    }
    if (at_home(pool)) { /* else they are in the state in which fork() found them */
        pool->stop = 1;
        publish(pool);
        for (int32_t i = 0; i < pool->started; i++) {
            pthread_join(pool->thread[i], NULL);
        }
        pthread_cond_destroy(&pool->idle);
        pthread_cond_destroy(&pool->wake);
        pthread_mutex_destroy(&pool->lock);
    }
    tkri_release(env, pool, pool_bytes(team->threads));
    team->pool = NULL;
}

void tkri_team_run(const tkri_team *team, int64_t n, tkr_task task, void *argument) {
    tkri_pool *pool = team->pool;
    if (n > 1 && team->parallel_for) {
        team->parallel_for(team->parallel_user, n, task, argument);
    } else if (n <= 1 || !pool || !at_home(pool)) {
        for (int64_t i = 0; i < n; i++) {
            task(argument, i);
        }
    } else {
        pool->task = task;
        pool->argument = argument;
        pool->n = n;
        atomic_store(&pool->next, 0);
        publish(pool);
        take_tasks(pool);
        wait_until_idle(pool);
    }
}
