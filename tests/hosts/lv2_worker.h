/* SPDX-License-Identifier: MIT
 * The worker of the test's host, in the ways that hosts have one. */
#ifndef TESTS_HOSTS_LV2_WORKER_H
#define TESTS_HOSTS_LV2_WORKER_H

#include <lv2/worker/worker.h>
#include <pthread.h>
#include <stdbool.h>

enum {
    WORKER_NONE,    /* the host has none */
    WORKER_BY_HAND, /* work is done when the test says so: worker_work() */
    WORKER_THREAD,  /* in a thread of its own, while run() goes on */
    WORKER_AT_ONCE, /* inside schedule_work(), answers too: a host that renders offline */
};

enum { WORKER_JOBS = 64, WORKER_JOB_SIZE = 6000 };

typedef struct worker_job {
    uint32_t size;
    char body[WORKER_JOB_SIZE];
} worker_job;

typedef struct worker {
    int mode;
    int refuse; /* so many messages find no room */
    LV2_Handle plugin;
    const LV2_Worker_Interface *interface;
    LV2_Worker_Schedule schedule;
    worker_job jobs[WORKER_JOBS];
    int first, n; /* of the jobs that wait, a ring */
    int done;     /* jobs done so far */
    int answers;  /* responses that wait */
    bool stop, busy;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
} worker;

void worker_begin(worker *w, int mode);
/* The plug-in is there. */
void worker_attach(worker *w, LV2_Handle plugin, const LV2_Worker_Interface *interface);
/* Before the plug-in goes: the thread ends. Jobs that wait are done first: so LV2 promises. */
void worker_end(worker *w);
/* By hand: do all jobs that wait. Returns how many. */
int worker_work(worker *w);
/* After each run(): hand out the answers. */
void worker_answer(worker *w);
/* Wait until the thread has nothing to do. */
void worker_wait(worker *w);

#endif
