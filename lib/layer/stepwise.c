/* SPDX-License-Identifier: MIT */
#include "layer/stepwise.h"

#include <math.h>
#include <string.h>

#include "layer/map.h"

static const tkri_stepwise *stepwise_of(const tkri_layer *layer) {
    return (const tkri_stepwise *)layer->own;
}

static int64_t ld_of(const tkri_stepwise *f, int64_t k) {
    return tkri_row_len(f->width[k]);
}

/* ------------------------------------------------------------------------------------------------
 * One step: dense arrays for the functions
 * --------------------------------------------------------------------------------------------- */

/* Room for the dense arrays of up to `batch` rows, one behind the other: x, dx, y or dy; states,
 * before, after, and their gradients. */
static int64_t room_len(const tkri_layer *layer) {
    const tkri_stepwise *f = stepwise_of(layer);
    uint64_t widths = tkri_times(2, layer->input) + (uint64_t)layer->output;
    for (int64_t k = 0; k < f->n_states; k++) {
        widths = tkri_add(widths, tkri_times(3, f->width[k]));
    }
    return (int64_t)tkri_round_up(widths, TKRI_MAX_VL);
}

/* The arrays of one call. */
typedef struct call {
    const tkri_layer *layer;
    const tkri_stepwise *f;
    int64_t rows;
    float *x, *dx, *y;
    float *before[TKRI_USER_STATES], *after[TKRI_USER_STATES], *gradient[TKRI_USER_STATES];
    const float *parameters[TKRI_USER_PARAMETERS];
    float *dparameters[TKRI_USER_PARAMETERS];
} call;

static float *take(float **room, int64_t n) {
    float *taken = *room;
    *room += n;
    return taken;
}

static call call_of(const tkr_cell *cell, const tkri_layer *layer, float *room, int64_t batch) {
    const tkri_stepwise *own = stepwise_of(layer);
    call c = {.layer = layer, .f = own};
    c.x = take(&room, batch * layer->input);
    c.dx = take(&room, batch * layer->input);
    c.y = take(&room, batch * layer->output);
    for (int64_t k = 0; k < c.f->n_states; k++) {
        c.before[k] = take(&room, batch * c.f->width[k]);
        c.after[k] = take(&room, batch * c.f->width[k]);
        c.gradient[k] = take(&room, batch * c.f->width[k]);
    }
    for (int64_t i = 0; i < c.f->n_parameters; i++) {
        c.parameters[i] = cell->net->values + own->parameter[i];
    }
    return c;
}

static void pack_rows(float *dense, const float *rows, int64_t ld, int64_t n, int64_t width) {
    for (int64_t r = 0; r < n; r++) {
        memcpy(dense + r * width, rows + r * ld, (size_t)width * sizeof *dense);
    }
}

static void unpack_rows(float *rows, int64_t ld, const float *dense, int64_t n, int64_t width) {
    for (int64_t r = 0; r < n; r++) {
        memcpy(rows + r * ld, dense + r * width, (size_t)width * sizeof *dense);
    }
}

static int has_nan(const float *x, int64_t n) {
    int found = 0;
    for (int64_t i = 0; i < n; i++) {
        found |= isnan(x[i]) != 0;
    }
    return found;
}

static int32_t judge(const call *c, int32_t status, const char *way, int nan, tkri_detail *detail) {
    const char *name = stepwise_of(c->layer)->name;
    const int known = status < 0 && status >= TKR_ERR_UNSUPPORTED;
    REQUIRE(status == TKR_OK, detail, known ? status : TKR_ERR_UNSUPPORTED,
            "part '%s': its %s function returned %d", name, way, (int)status);
    REQUIRE(!nan, detail, TKR_ERR_NUMERIC, "part '%s': its %s function made a NaN", name, way);
    return TKR_OK;
}

static int32_t call_forward(const call *c, float *saved, tkri_detail *detail) {
    const tkr_user_step step = {
        .size = sizeof step,
        .rows = c->rows,
        .input = c->layer->input,
        .output = c->layer->output,
        .x = c->x,
        .parameters = c->parameters,
        .states = (const float *const *)c->before,
        .new_states = c->after,
        .y = c->y,
        .saved = saved,
    };
    const int32_t status = c->f->forward(c->f, &step);
    int nan = has_nan(c->y, c->rows * c->layer->output);
    for (int64_t k = 0; k < c->f->n_states; k++) {
        nan |= has_nan(c->after[k], c->rows * c->f->width[k]);
    }
    return judge(c, status, "forward", nan, detail);
}

static int32_t call_backward(const call *c, float *saved, tkri_detail *detail) {
    const tkr_user_step step = {
        .size = sizeof step,
        .rows = c->rows,
        .input = c->layer->input,
        .output = c->layer->output,
        .x = c->x,
        .parameters = c->parameters,
        .states = (const float *const *)c->before,
        .new_states = c->after,
        .saved = saved,
        .dy = c->y,
        .dx = c->dx,
        .dstates = c->gradient,
        .dparameters = c->dparameters,
    };
    const int32_t status = c->f->backward(c->f, &step);
    int nan = has_nan(c->dx, c->rows * c->layer->input);
    for (int64_t k = 0; k < c->f->n_states; k++) {
        nan |= has_nan(c->gradient[k], c->rows * c->f->width[k]);
    }
    return judge(c, status, "backward", nan, detail);
}

/* ------------------------------------------------------------------------------------------------
 * A sequence
 * --------------------------------------------------------------------------------------------- */

/* What it keeps. The states of a chunk start with the rows of the state before. */
typedef struct step_tape {
    float *states[TKRI_USER_STATES]; /* [chunk][B + rows][ld] */
    float *saved;                    /* [rows][saved] */
    float *room;                     /* [B][room_len] */
    float *sums;                     /* [chunk][numbers of all parameters] */
} step_tape;

static const step_tape *tape_of(const tkri_unroll *u, int64_t l) {
    return (const step_tape *)u->tape.layers[l].own;
}

static int64_t sums_len(const tkri_stepwise *own) {
    return own->n_parameters ? own->end - own->parameter[0] : 0;
}

static void place(const tkri_unroll *u, int64_t l, tkri_layer_tape *tape, tkri_arena *arena,
                  const tkri_room *room) {
    const tkri_layer *layer = &u->net->layers[l];
    const tkri_stepwise *own = stepwise_of(layer);
    const tkri_stepwise *f = own;
    const int64_t kept = (int64_t)tkri_add((uint64_t)room->rows, (uint64_t)room->batch);
    step_tape *placed, measured;
    TKRI_TAKE(arena, placed, 1);
    tape->own = placed;
    step_tape *to = placed ? placed : &measured;
    for (int64_t k = 0; k < f->n_states; k++) {
        TKRI_TAKE(arena, to->states[k], tkri_times(kept, ld_of(f, k)));
    }
    TKRI_TAKE(arena, to->saved, tkri_times(room->rows, f->saved));
    TKRI_TAKE(arena, to->room, tkri_times(room->batch, room_len(layer)));
    if (tkri_trains(u)) {
        TKRI_TAKE(arena, to->sums, tkri_times(tkri_chunks_of(u->net, room->batch), sums_len(own)));
    }
}

/* The rows of state k before, or after, those of step t. */
static float *state_rows(const tkri_unroll *u, int64_t l, const tkri_chunk *chunk, int64_t k,
                         int64_t t) {
    const int64_t ld = ld_of(stepwise_of(&u->net->layers[l]), k);
    const int64_t row = t < chunk->from ? 0 : chunk->batch + tkri_held_row(chunk, t);
    return tape_of(u, l)->states[k] + (chunk->tape + chunk->batch0 + row) * ld;
}

static float *saved_rows(const tkri_unroll *u, int64_t l, const tkri_chunk *chunk, int64_t t) {
    const int64_t row = chunk->tape + tkri_held_row(chunk, t);
    return tape_of(u, l)->saved + row * stepwise_of(&u->net->layers[l])->saved;
}

static call chunk_call(const tkri_unroll *u, int64_t l, const tkri_chunk *chunk) {
    const tkri_layer *layer = &u->net->layers[l];
    return call_of(u->cell, layer, tape_of(u, l)->room + chunk->batch0 * room_len(layer),
                   chunk->batch);
}

/* What a step of the chunk reads. */
static void pack_step(const tkri_unroll *u, int64_t l, const tkri_chunk *chunk, int64_t t,
                      call *c) {
    const tkri_view x = tkri_layer_input(u, l, 0, chunk);
    c->rows = chunk->active[t];
    pack_rows(c->x, x.p + tkri_held_row(chunk, t) * x.ld, x.ld, c->rows, c->layer->input);
    for (int64_t k = 0; k < c->f->n_states; k++) {
        pack_rows(c->before[k], state_rows(u, l, chunk, k, t - 1), ld_of(c->f, k), c->rows,
                  c->f->width[k]);
    }
}

static int32_t forward(tkri_unroll *u, int64_t l, tkri_chunk *chunk) {
    const tkri_stepwise *own = stepwise_of(&u->net->layers[l]);
    const tkri_view y = tkri_layer_output(u, l, chunk);
    call c = chunk_call(u, l, chunk);
    for (int64_t k = 0; k < c.f->n_states; k++) {
        tkri_slot_load(u, chunk, own->column[k], ld_of(c.f, k),
                       state_rows(u, l, chunk, k, chunk->from - 1));
    }
    for (int64_t t = chunk->from; t < chunk->to; t++) {
        pack_step(u, l, chunk, t, &c);
        TRY(call_forward(&c, saved_rows(u, l, chunk, t), &chunk->detail));
        unpack_rows(y.p + tkri_held_row(chunk, t) * y.ld, y.ld, c.y, c.rows, c.layer->output);
        for (int64_t k = 0; k < c.f->n_states; k++) {
            unpack_rows(state_rows(u, l, chunk, k, t), ld_of(c.f, k), c.after[k], c.rows,
                        c.f->width[k]);
        }
    }
    for (int64_t k = 0; k < c.f->n_states; k++) {
        tkri_slot_store(u, chunk, own->column[k], ld_of(c.f, k),
                        state_rows(u, l, chunk, k, chunk->from - 1));
    }
    return TKR_OK;
}

static void begin(tkri_unroll *u, int64_t l) {
    const int64_t n =
        tkri_chunks_of(u->net, u->plan.max_batch) * sums_len(stepwise_of(&u->net->layers[l]));
    memset(tape_of(u, l)->sums, 0, (size_t)n * sizeof(float));
}

/* One step back: the gradients of the states behind it become those of the states before it. */
static int32_t step_back(tkri_unroll *u, int64_t l, tkri_chunk *chunk, int64_t t, call *c,
                         const tkri_back *b) {
    const tkri_stepwise *own = stepwise_of(c->layer);
    const int64_t row = tkri_held_row(chunk, t);
    pack_step(u, l, chunk, t, c);
    pack_rows(c->y, b->dy.p + row * b->dy.ld, b->dy.ld, c->rows, c->layer->output);
    for (int64_t k = 0; k < c->f->n_states; k++) {
        const int64_t ld = ld_of(c->f, k), width = c->f->width[k];
        pack_rows(c->after[k], state_rows(u, l, chunk, k, t), ld, c->rows, width);
        pack_rows(c->gradient[k], tkri_slot_gradient(u, chunk, own->column[k], ld), ld, c->rows,
                  width);
    }
    TRY(call_backward(c, saved_rows(u, l, chunk, t), &chunk->detail));
    for (int64_t k = 0; k < c->f->n_states; k++) {
        const int64_t ld = ld_of(c->f, k);
        unpack_rows(tkri_slot_gradient(u, chunk, own->column[k], ld), ld, c->gradient[k], c->rows,
                    c->f->width[k]);
    }
    for (int64_t i = 0; b->dx.p && i < c->rows; i++) {
        tkri_put(b->dx.p + (row + i) * b->dx.ld, c->dx + i * c->layer->input, c->layer->input,
                 b->adds);
    }
    return TKR_OK;
}

static int32_t backward(tkri_unroll *u, int64_t l, tkri_chunk *chunk, const tkri_window *window) {
    const tkri_stepwise *own = stepwise_of(&u->net->layers[l]);
    const tkri_back b = tkri_back_of(u, l, chunk, window);
    call c = chunk_call(u, l, chunk);
    for (int64_t i = 0; i < c.f->n_parameters; i++) {
        c.dparameters[i] = tape_of(u, l)->sums + chunk->number * sums_len(own) +
                           (own->parameter[i] - own->parameter[0]);
    }
    for (int64_t k = 0; k < c.f->n_states; k++) {
        tkri_slot_gradient_start(u, chunk, window, own->column[k], ld_of(c.f, k));
    }
    for (int64_t t = tkri_min(window->to, chunk->to) - 1; t >= window->from; t--) {
        TRY(step_back(u, l, chunk, t, &c, &b));
    }
    for (int64_t k = 0; window->from == 0 && k < c.f->n_states; k++) {
        tkri_slot_gradient_end(u, chunk, own->column[k], ld_of(c.f, k));
    }
    return TKR_OK;
}

static int64_t jobs(const tkri_unroll *u, int64_t l, tkri_job *list) {
    (void)u;
    return tkri_sums_job(l, list);
}

static void rest(tkri_unroll *u, const tkri_job *job, const tkri_window *window) {
    const tkri_stepwise *own = stepwise_of(&u->net->layers[job->layer]);
    (void)window;
    if (own->n_parameters > 0) {
        tkri_sums_add(u, &(tkri_sums){tape_of(u, job->layer)->sums}, sums_len(own),
                      own->parameter[0]);
    }
}

/* ------------------------------------------------------------------------------------------------
 * Streaming
 * --------------------------------------------------------------------------------------------- */

static uint64_t scratch(const tkr_cell *cell, const tkri_layer *layer, int64_t batch,
                        int64_t steps) {
    const int64_t saved = stepwise_of(layer)->saved;
    (void)cell, (void)steps; /* one after the other */
    return tkri_mul((uint64_t)batch,
                    tkri_round_up((uint64_t)(room_len(layer) + saved), TKRI_MAX_VL));
}

/* The step whose rows begin with this one. */
static int32_t step_at(const tkri_step *s, int64_t row) {
    const tkri_stepwise *own = stepwise_of(s->layer);
    const int64_t batch = s->state->batch, ld = tkri_row_len(s->layer->output);
    float *saved = s->state->scratch + batch * room_len(s->layer);
    call c = call_of(s->cell, s->layer, s->state->scratch, batch);
    c.rows = batch;
    pack_rows(c.x, s->in[0].p + row * s->in[0].ld, s->in[0].ld, batch, s->layer->input);
    for (int64_t k = 0; k < c.f->n_states; k++) {
        pack_rows(c.before[k], tkri_state_rows(s->state->values, own->column[k], batch),
                  ld_of(c.f, k), batch, c.f->width[k]);
    }
    TRY(call_forward(&c, saved, &s->state->detail));
    for (int64_t k = 0; k < c.f->n_states; k++) {
        unpack_rows(tkri_state_rows(s->state->values, own->column[k], batch), ld_of(c.f, k),
                    c.after[k], batch, c.f->width[k]);
    }
    unpack_rows(s->out + row * ld, ld, c.y, batch, s->layer->output);
    return TKR_OK;
}

static int32_t step(const tkri_step *s, tkri_signal *out) {
    for (int64_t row = 0; row < s->state->rows; row += s->state->batch) {
        TRY(step_at(s, row));
    }
    *out = (tkri_signal){s->out, tkri_row_len(s->layer->output), NULL};
    return TKR_OK;
}

static const tkri_layer_ops stepwise_ops = {
    .place = place,
    .forward = forward,
    .backward = backward,
    .begin = begin,
    .jobs = jobs,
    .rest = rest,
    .scratch = scratch,
    .wants_out = tkri_map_wants_out,
    .step = step,
};

/* ------------------------------------------------------------------------------------------------
 * Building one
 * --------------------------------------------------------------------------------------------- */

void tkri_stepwise_parameter(tkri_builder *b, tkri_stepwise *own, const tkri_parameter_spec *spec) {
    own->parameter[own->n_parameters++] = tkri_build_parameter(b, spec);
    own->end = b->numbers > INT64_MAX ? INT64_MAX : (int64_t)b->numbers;
}

void tkri_stepwise_state(tkri_builder *b, tkri_stepwise *own, int64_t tensor, int64_t width) {
    own->width[own->n_states] = width;
    own->column[own->n_states++] = tkri_build_slot(b, tensor, tkri_row_len(width), -1);
}

tkri_wire tkri_stepwise_build(tkri_builder *b, tkri_wire in, tkri_stepwise *own, uint64_t own_bytes,
                              void (*refresh)(tkr_cell *cell, const tkri_layer *layer)) {
    const size_t path = strlen(b->path);
    if (in.once && own->n_states > 0) {
        tkri_build_fail(b, TKR_ERR_UNSUPPORTED, "it has a state, but there is but one step");
    }
    if (path > 0) {
        memcpy(own->name, b->path, path - 1); /* without the dot */
    }
    b->net->may_fail = 1;
    const tkri_layer layer = {
        .ops = &stepwise_ops,
        .output = own->output,
        .without_input = in.without_input,
        .refresh = refresh,
    };
    return tkri_build_layer(b, &layer, &in, 1, own, own_bytes);
}
