/* SPDX-License-Identifier: MIT */
#include "hosts/lv2_worker.h"

#include <string.h>

/* The lock is for the thread alone: by hand nothing may make a system call. */
static void lock(worker *w) {
    if (w->mode == WORKER_THREAD) {
        pthread_mutex_lock(&w->lock);
    }
}

static void unlock(worker *w) {
    if (w->mode == WORKER_THREAD) {
        pthread_cond_broadcast(&w->changed);
        pthread_mutex_unlock(&w->lock);
    }
}

static LV2_Worker_Status respond(LV2_Worker_Respond_Handle handle, uint32_t size,
                                 const void *data) {
    worker *w = handle;
    (void)data;
    if (size != 0) {
        return LV2_WORKER_ERR_NO_SPACE;
    }
    if (w->mode == WORKER_AT_ONCE) {
        return w->interface->work_response(w->plugin, 0, NULL);
    }
    lock(w);
    w->answers++;
    unlock(w);
    return LV2_WORKER_SUCCESS;
}

static LV2_Worker_Status schedule(LV2_Worker_Schedule_Handle handle, uint32_t size,
                                  const void *data) {
    worker *w = handle;
    LV2_Worker_Status status = LV2_WORKER_ERR_NO_SPACE;
    if (w->mode == WORKER_AT_ONCE) {
        w->done++;
        return w->interface->work(w->plugin, respond, w, size, data);
    }
    lock(w);
    if (w->refuse > 0) {
        w->refuse--;
    } else if (w->n < WORKER_JOBS && size <= WORKER_JOB_SIZE) {
        worker_job *job = &w->jobs[(w->first + w->n) % WORKER_JOBS];
        job->size = size;
        memcpy(job->body, data, size);
        w->n++;
        status = LV2_WORKER_SUCCESS;
    }
    unlock(w);
    return status;
}

/* Takes the first job off the ring and does it, without the lock. */
static void do_first(worker *w) {
    worker_job job = w->jobs[w->first];
    w->first = (w->first + 1) % WORKER_JOBS;
    w->n--;
    w->busy = true;
    unlock(w);
    w->interface->work(w->plugin, respond, w, job.size, job.body);
    lock(w);
    w->done++;
    w->busy = false;
}

static void *loop(void *argument) {
    worker *w = argument;
    lock(w);
    while (!w->stop || w->n > 0) {
        if (w->n > 0) {
            do_first(w);
            pthread_cond_broadcast(&w->changed);
        } else {
            pthread_cond_wait(&w->changed, &w->lock);
        }
    }
    unlock(w);
    return NULL;
}

void worker_begin(worker *w, int mode) {
    memset(w, 0, sizeof *w);
    w->mode = mode;
    w->schedule = (LV2_Worker_Schedule){w, schedule};
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
}

void worker_attach(worker *w, LV2_Handle plugin, const LV2_Worker_Interface *interface) {
    w->plugin = plugin;
    w->interface = interface;
    if (w->mode == WORKER_THREAD) {
        pthread_create(&w->thread, NULL, loop, w);
    }
}

void worker_end(worker *w) {
    if (w->mode == WORKER_THREAD) {
        lock(w);
        w->stop = true;
        unlock(w);
        pthread_join(w->thread, NULL);
    } else {
        worker_work(w);
    }
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
}

int worker_work(worker *w) {
    int before = w->done;
    while (w->n > 0) {
        do_first(w);
    }
    return w->done - before;
}

void worker_answer(worker *w) {
    lock(w);
    int answers = w->answers;
    w->answers = 0;
    unlock(w);
    while (answers-- > 0) {
        w->interface->work_response(w->plugin, 0, NULL);
    }
    if (w->interface->end_run != NULL) {
        w->interface->end_run(w->plugin);
    }
}

void worker_wait(worker *w) {
    lock(w);
    while (w->mode == WORKER_THREAD && (w->n > 0 || w->busy)) {
        pthread_cond_wait(&w->changed, &w->lock);
    }
    unlock(w);
}
