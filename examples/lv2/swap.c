/* SPDX-License-Identifier: MIT
 *
 * How models come and go while sound is made. run() asks work() for a file and goes on; work()
 * leaves its answer in `arrived`, one pointer; run() takes it when it comes by next. What run() has
 * done with goes back to work(). Neither ever waits for the other.
 */
#include <stdlib.h>
#include <string.h>

#include "rnn.h"

static bool send(const rnn *self, const void *order, size_t size) {
    return self->worker->schedule_work(self->worker->handle, (uint32_t)size, order) ==
           LV2_WORKER_SUCCESS;
}

/* A host may call work() from within send(), so all is in order before; if it has no room for the
 * message, the next run() tries again. */
static void send_wish(rnn *self) {
    self->has_wish = false;
    if (self->worker == NULL) {
        self->status = RNN_NO_WORKER;
        self->has_news = true;
        return;
    }
    self->wish.order = (rnn_order){NULL, self->request};
    self->has_wish =
        !send(self, &self->wish, sizeof self->wish.order + strlen(self->wish.path) + 1);
}

static void send_done(rnn *self) {
    rnn_order order = {self->done, 0};
    self->done = NULL;
    if (!send(self, &order, sizeof order)) {
        self->done = order.done;
    }
}

void rnn_swap(rnn *self) {
    rnn_model *answer = atomic_exchange(&self->arrived, NULL);
    if (answer != NULL) {
        rnn_swap_take(self, answer);
    }
    if (self->has_wish) {
        send_wish(self);
    }
    if (self->done != NULL && self->worker != NULL) {
        send_done(self);
    }
}

void rnn_swap_drop(rnn *self, rnn_model *model) {
    model->next = self->done;
    self->done = model;
}

void rnn_swap_take(rnn *self, rnn_model *answer) {
    if (answer->request != self->request) { /* something newer has been asked for */
        rnn_swap_drop(self, answer);
        return;
    }
    self->status = answer->status;
    self->has_news = true;
    if (answer->status == RNN_RUNNING || self->model == NULL) {
        rnn_path_write(&self->path, answer->path);
    }
    if (answer->status != RNN_RUNNING) {
        rnn_swap_drop(self, answer);
        return;
    }
    rnn_model *old = self->model;
    self->model = answer;
    if (old != NULL && !rnn_sound_needs(self, old)) {
        rnn_swap_drop(self, old);
    }
}

static void destroy_list(rnn_model *list) {
    while (list != NULL) {
        rnn_model *next = list->next;
        rnn_model_destroy(list);
        list = next;
    }
}

void rnn_swap_clear(rnn *self) {
    destroy_list(self->done);
    self->done = NULL;
}

/* ---- the worker ------------------------------------------------------------------------------ */

static LV2_Worker_Status work(LV2_Handle instance, LV2_Worker_Respond_Function respond,
                              LV2_Worker_Respond_Handle handle, uint32_t size, const void *data) {
    rnn *self = instance;
    rnn_order order;
    const char *path = (const char *)data + sizeof order;
    if (size < sizeof order) {
        return LV2_WORKER_ERR_UNKNOWN;
    }
    memcpy(&order, data, sizeof order);
    destroy_list(order.done);
    if (size == sizeof order) {
        return LV2_WORKER_SUCCESS;
    }
    rnn_model *answer = rnn_model_load(self, path);
    if (answer == NULL) {
        return LV2_WORKER_ERR_NO_SPACE;
    }
    answer->request = order.request;
    rnn_model_destroy(atomic_exchange(&self->arrived, answer)); /* one that run() has not taken */
    respond(handle, 0, NULL); /* where this fails, the next run() looks all the same */
    return LV2_WORKER_SUCCESS;
}

static LV2_Worker_Status work_response(LV2_Handle instance, uint32_t size, const void *body) {
    (void)size;
    (void)body;
    rnn *self = instance;
    rnn_model *answer = atomic_exchange(&self->arrived, NULL);
    if (answer != NULL) {
        rnn_swap_take(self, answer);
    }
    return LV2_WORKER_SUCCESS;
}

const LV2_Worker_Interface rnn_worker = {work, work_response, NULL};
