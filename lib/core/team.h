/* SPDX-License-Identifier: MIT
 * Running the tasks of a call on the object's threads. The list of tasks never depends on the
 * number of threads; threads only choose tasks. */
#ifndef TKRI_CORE_TEAM_H
#define TKRI_CORE_TEAM_H

#include "core/env.h"

typedef struct tkri_pool tkri_pool;

/* Where an object runs its tasks: alone, on the caller's parallel_for, or on its own threads. */
typedef struct tkri_team {
    void (*parallel_for)(void *user, int64_t n, tkr_task task, void *argument);
    void *parallel_user;
    tkri_pool *pool;
    int32_t threads;
} tkri_team;

uint64_t tkri_team_size(const tkri_env *env); /* bytes of what tkri_team_start() allocates */
int32_t tkri_team_start(tkri_team *team, const tkri_env *env);
void tkri_team_stop(tkri_team *team, const tkri_env *env);

/* Runs task(argument, 0..n-1); returns when all are done. Allocates nothing. */
void tkri_team_run(const tkri_team *team, int64_t n, tkr_task task, void *argument);

#endif
