/* SPDX-License-Identifier: MIT
 * The program that answers the bench's protocol (bench/peer.h) with oneDNN. */
#include "onednn.h"

#include <inttypes.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TRY(expression)                       \
    do {                                      \
        dnnl_status_t status_ = (expression); \
        if (status_ != dnnl_success) {        \
            return status_;                   \
        }                                     \
    } while (0)

enum { LAYERS_MAX = 4, ARRAYS_MAX = 3 * LAYERS_MAX + 2 };

/* One setup. */
typedef struct job {
    device dev;
    job_shape shape;
    words words;
    layer layers[LAYERS_MAX];
    float *input;            /* [T][B][I], one-hot from ids */
    float *diff[LAYERS_MAX]; /* dL/d(output of layer k), [T][B][H] */
    head head;
    moments adam[ARRAYS_MAX];
    buffer gradients[ARRAYS_MAX]; /* in the parameters' layout where backward's differs */
    const buffer *raw[ARRAYS_MAX];
    int n_arrays;
    int64_t updates; /* Adam steps, or steps of the stream */
} job;

static double now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

float *words_take(words *w, int64_t n) {
    float *at = w->all + w->at;
    if (n > w->n - w->at) {
        return NULL;
    }
    w->at += n;
    return at;
}

double sum_of_squares(const float *values, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += (double)values[i] * (double)values[i];
    }
    return sum;
}

static float *zeros(int64_t n) {
    size_t bytes = ((size_t)n * sizeof(float) + 63) / 64 * 64;
    float *block = aligned_alloc(64, bytes);
    if (block) {
        memset(block, 0, bytes);
    }
    return block;
}

/* ---- setup ----------------------------------------------------------------------------------- */

static int parse_shape(job_shape *s, const char *line) {
    int got = sscanf(line,
                     "setup %7s %7s %7s %15s %d %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64
                     " %" SCNd64 " %" SCNd64 " %d %127s",
                     s->task, s->kind, s->activation, s->loss, &s->ids, &s->steps, &s->batch,
                     &s->input, &s->hidden, &s->layers, &s->output, &s->threads, s->path);
    return got == 13 && s->layers <= LAYERS_MAX ? 0 : -1;
}

static int read_words(words *w, const char *path) {
    FILE *file = fopen(path, "rb");
    long bytes = -1;
    size_t got = 0;
    if (file && !fseek(file, 0, SEEK_END)) {
        bytes = ftell(file);
        rewind(file);
    }
    w->n = bytes / 4;
    w->at = 0;
    w->all = bytes > 0 ? zeros(w->n) : NULL;
    if (w->all) {
        got = fread(w->all, 4, (size_t)w->n, file);
    }
    if (file) {
        fclose(file);
    }
    return w->all && got == (size_t)w->n ? 0 : -1;
}

/* The input stands after the parameters: their number is needed before the layers are made. */
static int64_t parameter_words(const job_shape *s, int64_t gates) {
    int64_t n = s->output * (s->hidden + 1);
    for (int64_t k = 0; k < s->layers; k++) {
        n += gates * s->hidden * ((k ? s->hidden : s->input) + s->hidden + 2);
    }
    return n;
}

static int make_input(job *j, int64_t gates) {
    const job_shape *s = &j->shape;
    int64_t n = s->steps * s->batch;
    words after = {j->words.all, parameter_words(s, gates), j->words.n};
    const float *from = words_take(&after, s->ids ? n : n * s->input);
    int64_t more = j->words.n - after.at;
    const float *target = words_take(&after, more);
    j->input = zeros(n * s->input);
    if (!from || !target || !j->input) {
        return -1;
    }
    for (int64_t i = 0; s->ids && i < n; i++) {
        j->input[i * s->input + ((const int32_t *)(const void *)from)[i]] = 1;
    }
    if (!s->ids) {
        memcpy(j->input, from, (size_t)(n * s->input) * sizeof *from);
    }
    if (!strcmp(s->task, "layer")) {
        memcpy(j->diff[0], target, (size_t)(n * s->hidden) * sizeof *target);
    } else if (!strcmp(s->loss, "cross_entropy")) {
        j->head.target_ids = (const void *)target;
    } else {
        j->head.target = target;
    }
    return 0;
}

static dnnl_status_t make_layers(job *j, int kind, int streaming) {
    const job_shape *s = &j->shape;
    for (int k = 0; k < s->layers; k++) {
        layer *l = &j->layers[k];
        l->dev = &j->dev;
        l->kind = kind;
        l->relu = !strcmp(s->activation, "relu");
        l->streaming = streaming;
        l->steps = streaming ? 1 : s->steps;
        l->batch = s->batch;
        l->input = k ? s->hidden : s->input;
        l->hidden = s->hidden;
        TRY(layer_create(l, &j->words, k ? j->layers[k - 1].value[DST].data : j->input,
                         j->diff[k]));
        if (k) { /* what this layer sends down is what the one below receives */
            j->layers[k - 1].diff[DST].data = l->diff[SRC].data;
            TRY(dnnl_memory_set_data_handle(j->layers[k - 1].diff[DST].memory, l->diff[SRC].data));
        }
    }
    return dnnl_success;
}

/* Adam's arrays for a parameter and its gradient. */
static dnnl_status_t add_array(job *j, buffer *value, const buffer *gradient, float rate) {
    int i = j->n_arrays++;
    moments *m = &j->adam[i];
    m->n = value->len;
    m->rate = rate;
    m->parameter = value->data;
    m->gradient = gradient->data;
    m->first = zeros(m->n);
    m->second = zeros(m->n);
    if (!dnnl_memory_desc_equal(&value->md, &gradient->md)) {
        TRY(buffer_create(&j->gradients[i], &j->dev, &value->md, NULL));
        j->raw[i] = gradient;
        m->gradient = j->gradients[i].data;
    }
    return m->first && m->second ? dnnl_success : dnnl_out_of_memory;
}

/* An array of the head: weight or bias. */
static float *add_head_array(job *j, float *parameter, int64_t n) {
    moments *m = &j->adam[j->n_arrays++];
    m->n = n;
    m->rate = 1;
    m->parameter = parameter;
    m->gradient = zeros(n);
    m->first = zeros(n);
    m->second = zeros(n);
    return m->first && m->second ? m->gradient : NULL;
}

static dnnl_status_t make_training(job *j) {
    const job_shape *s = &j->shape;
    head *h = &j->head;
    for (int k = 0; k < s->layers; k++) {
        for (int role = WX; role <= BIAS; role++) {
            TRY(add_array(j, &j->layers[k].value[role], &j->layers[k].diff[role],
                          role == BIAS ? 2 : 1));
        }
    }
    h->n = s->steps * s->batch;
    h->hidden = s->hidden;
    h->output = s->output;
    h->h = j->layers[s->layers - 1].value[DST].data;
    h->dh = j->diff[s->layers - 1];
    h->weight = words_take(&j->words, s->output * s->hidden);
    h->bias = words_take(&j->words, s->output);
    h->logits = zeros(h->n * s->output);
    h->dweight = add_head_array(j, h->weight, s->output * s->hidden);
    h->dbias = add_head_array(j, h->bias, s->output);
    return h->dweight && h->dbias && h->logits ? dnnl_success : dnnl_out_of_memory;
}

static dnnl_status_t set_up(job *j) {
    const job_shape *s = &j->shape;
    int kind = !strcmp(s->kind, "lstm") ? 4 : !strcmp(s->kind, "gru") ? 3 : 1;
    int streaming = !strcmp(s->task, "stream");
    omp_set_num_threads(s->threads);
    if (read_words(&j->words, s->path)) {
        return dnnl_invalid_arguments;
    }
    for (int k = 0; k < s->layers && !streaming; k++) {
        j->diff[k] = zeros(s->steps * s->batch * s->hidden);
    }
    if (make_input(j, kind)) {
        return dnnl_out_of_memory;
    }
    if (kind == 3 && s->output) {
        return dnnl_unimplemented; /* its four biases would want three rates */
    }
    TRY(make_layers(j, kind, streaming));
    return strcmp(s->task, "train") ? dnnl_success : make_training(j);
}

static void finish(job *j) {
    device dev = j->dev;
    for (int i = 0; i < j->n_arrays; i++) {
        free(j->adam[i].first);
        free(j->adam[i].second);
        buffer_destroy(&j->gradients[i]);
    }
    free(j->head.dweight);
    free(j->head.dbias);
    free(j->head.logits);
    for (int k = 0; k < LAYERS_MAX; k++) {
        layer_destroy(&j->layers[k]);
        free(j->diff[k]);
    }
    free(j->input);
    free(j->words.all);
    memset(j, 0, sizeof *j);
    j->dev = dev;
}

/* ---- running --------------------------------------------------------------------------------- */

static dnnl_status_t update(job *j) {
    j->updates++;
    for (int i = 0; i < j->n_arrays; i++) {
        if (j->raw[i]) {
            TRY(buffer_reorder(&j->dev, j->raw[i], &j->gradients[i]));
        }
        adam_step(&j->adam[i], j->updates, 0.001f * j->adam[i].rate);
    }
    return dnnl_success;
}

/* One iteration of training, or of the layer alone. */
static dnnl_status_t iterate(job *j, double *loss) {
    int layers = (int)j->shape.layers, training = j->shape.output > 0;
    for (int k = 0; k < layers; k++) {
        TRY(layer_forward(&j->layers[k]));
    }
    if (training) {
        TRY(head_run(&j->head, loss));
    }
    for (int k = layers; k-- > 0;) {
        TRY(layer_backward(&j->layers[k]));
    }
    TRY(dnnl_stream_wait(j->dev.stream));
    return training ? update(j) : dnnl_success;
}

static dnnl_status_t run_iterations(job *j, int64_t n, double *ns, double *check) {
    const layer *first = &j->layers[0];
    for (int64_t i = 0; i < n; i++) {
        double start = now_ns();
        TRY(iterate(j, &check[0]));
        ns[i] = now_ns() - start;
    }
    if (j->shape.output) {
        return dnnl_success;
    }
    check[0] = sum_of_squares(first->diff[SRC].data, first->diff[SRC].len);
    return layer_norm_wh(first, &check[1]);
}

/* The input is copied to where the primitive reads it; the states change places. */
static dnnl_status_t run_stream(job *j, int64_t n, double *ns, double *check) {
    layer *l = &j->layers[0];
    size_t bytes = (size_t)l->input * sizeof(float);
    float *x = malloc(bytes * (size_t)j->shape.steps);
    double start;
    if (!x) {
        return dnnl_out_of_memory;
    }
    memcpy(x, j->words.all + j->words.at, bytes * (size_t)j->shape.steps);
    start = now_ns();
    for (int64_t i = 0; i < n; i++, j->updates++) {
        const call *c = &l->forward[j->updates & 1];
        memcpy(l->value[SRC].data, x + (j->updates % j->shape.steps) * l->input, bytes);
        if (dnnl_primitive_execute(c->primitive, j->dev.stream, c->n_args, c->args)) {
            free(x);
            return dnnl_runtime_error;
        }
    }
    dnnl_stream_wait(j->dev.stream);
    ns[0] = (now_ns() - start) / (double)n;
    check[0] = sum_of_squares(l->value[DST].data, l->hidden);
    free(x);
    return dnnl_success;
}

static void answer_run(job *j, const char *line) {
    int64_t n = 0;
    double check[2] = {0, 0}, *ns;
    int streaming = !strcmp(j->shape.task, "stream");
    dnnl_status_t status;
    if (sscanf(line, "run %" SCNd64, &n) != 1 || n < 1 || !j->words.all) {
        printf("error nothing to run\n");
        return;
    }
    ns = malloc((size_t)(streaming ? 1 : n) * sizeof *ns);
    status = !ns         ? dnnl_out_of_memory
             : streaming ? run_stream(j, n, ns, check)
                         : run_iterations(j, n, ns, check);
    if (status != dnnl_success) {
        printf("error oneDNN status %d\n", (int)status);
    } else {
        printf("ok %.17g %.17g", check[0], check[1]);
        for (int64_t i = 0; i < (streaming ? 1 : n); i++) {
            printf(" %.1f", ns[i]);
        }
        printf("\n");
    }
    free(ns);
}

static void answer(job *j, const char *line) {
    const dnnl_version_t *v = dnnl_version();
    dnnl_status_t status;
    if (!strncmp(line, "hello", 5)) {
        printf("ok oneDNN %d.%d.%d (OpenMP), head by its sgemm, own Adam\n", v->major, v->minor,
               v->patch);
    } else if (!strncmp(line, "setup", 5)) {
        finish(j);
        if (parse_shape(&j->shape, line)) {
            printf("error setup line\n");
            return;
        }
        status = set_up(j);
        if (status == dnnl_unimplemented) {
            printf("unsupported by oneDNN\n");
        } else if (status != dnnl_success) {
            printf("error oneDNN status %d\n", (int)status);
        } else {
            printf("ok\n");
        }
    } else if (!strncmp(line, "run", 3)) {
        answer_run(j, line);
    } else {
        finish(j);
        printf("ok\n");
    }
}

int main(void) {
    static job j;
    char line[512];
    if (dnnl_engine_create(&j.dev.engine, dnnl_cpu, 0) ||
        dnnl_stream_create(&j.dev.stream, j.dev.engine, dnnl_stream_default_flags)) {
        printf("error no CPU engine\n");
        return 1;
    }
    while (fgets(line, sizeof line, stdin)) {
        answer(&j, line);
        fflush(stdout);
    }
    finish(&j);
    return 0;
}
