/* SPDX-License-Identifier: MIT
 * Sequences: creating, running, reading results. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "api/copy.h"
#include "core/fpmode.h"
#include "seq/seq.h"
#include "train/loss.h"

static int32_t check_mode(int32_t mode, const tkri_env *env) {
    const int32_t known =
        TKR_TRAINING | TKR_INPUT_GRADIENT | TKR_RETAIN | TKR_STEP_NORMS | TKR_RECOMPUTE;
    if ((mode & ~known) || (mode && !(mode & TKR_TRAINING))) {
        return tkri_env_fail(env, TKR_ERR_ARGUMENT, "mode %d is no combination of modes",
                             (int)mode);
    }
    return TKR_OK;
}

/* A blank sequence that knows what it will be; its size. */
static int32_t plan(tkr_sequence *seq, const tkr_cell *cell, int64_t max_steps, int64_t max_batch,
                    int32_t mode, const tkri_env *env) {
    tkr_sequence *self;
    tkri_arena arena = {0};
    const int64_t limit = INT32_MAX;
    memset(seq, 0, sizeof *seq);
    if (!cell || max_steps < 1 || max_steps > limit || max_batch < 1 || max_batch > limit) {
        return tkri_env_fail(env, TKR_ERR_ARGUMENT,
                             "cell is NULL, or steps or batch are not in 1..2^31-1");
    }
    TRY(check_mode(mode, env));
    if (!cell->net) {
        return tkri_env_fail(env, TKR_ERR_ORDER, "the cell is not initialised");
    }
    if (cell->precision) {
        return tkri_env_fail(env, TKR_ERR_UNSUPPORTED, "%s", tkri_reduced_text);
    }
    if ((mode & TKR_RECOMPUTE) && cell->net->two_directions) {
        return tkri_env_fail(env, TKR_ERR_UNSUPPORTED, "TKR_RECOMPUTE needs one direction");
    }
    seq->env = *env;
    seq->env.detail = NULL;
    seq->cell = cell;
    seq->net = cell->net;
    seq->mode = mode;
    seq->max_steps = max_steps;
    seq->max_batch = max_batch;
    TKRI_TAKE(&arena, self, 1);
    tkri_sequence_place(seq, &arena);
    seq->bytes = arena.used;
    if (arena.used > TKRI_SIZE_LIMIT) {
        return tkri_env_fail(env, TKR_ERR_MEMORY, "%lld steps of %lld sequences exceed the memory",
                             (long long)max_steps, (long long)max_batch);
    }
    return TKR_OK;
}

int32_t tkr_sequence_size(uint64_t *bytes, const tkr_cell *cell, int64_t max_steps,
                          int64_t max_batch, int32_t mode, const tkr_env *env) {
    tkr_sequence planned;
    tkri_env own;
    if (!bytes) {
        return TKR_ERR_ARGUMENT;
    }
    TRY(tkri_env_read(&own, env));
    TRY(plan(&planned, cell, max_steps, max_batch, mode, &own));
    *bytes = tkri_add(tkri_allocation(planned.bytes), tkri_crew_size(&own));
    return TKR_OK;
}

int32_t tkr_sequence_create(tkr_sequence **seq, const tkr_cell *cell, int64_t max_steps,
                            int64_t max_batch, int32_t mode, const tkr_env *env) {
    tkr_sequence planned, *made;
    tkri_env own;
    if (!seq) {
        return TKR_ERR_ARGUMENT;
    }
    *seq = NULL;
    TRY(tkri_env_read(&own, env));
    TRY(plan(&planned, cell, max_steps, max_batch, mode, &own));
    tkri_arena arena = {.base = tkri_allocate(&own, planned.bytes)};
    if (!arena.base) {
        return tkri_env_fail(&own, TKR_ERR_MEMORY, "no memory for %llu bytes of a sequence",
                             (unsigned long long)planned.bytes);
    }
    TKRI_TAKE(&arena, made, 1);
    *made = planned;
    tkri_sequence_place(made, &arena);
    if (made->jobs) {
        tkri_list_jobs(made, 0);
    }
    if (tkri_crew_start(&made->crew, &own) < 0) {
        tkr_sequence_destroy(made);
        return tkri_env_fail(&own, TKR_ERR_MEMORY, "no memory for %d threads", (int)own.threads);
    }
    made->packed_version = UINT64_MAX;
    *seq = made;
    return TKR_OK;
}

void tkr_sequence_destroy(tkr_sequence *seq) {
    if (seq) {
        const tkri_env env = seq->env;
        tkri_crew_stop(&seq->crew, &env);
        tkri_release(&env, seq, seq->bytes);
    }
}

static int32_t check_truncation(tkr_sequence *seq, int64_t every, int64_t steps) {
    REQUIRE(!(every || steps) || !seq->net->two_directions, &seq->detail, TKR_ERR_UNSUPPORTED,
            "truncation needs a cell of one direction");
    REQUIRE(!every || steps <= every || (seq->mode & TKR_RETAIN), &seq->detail, TKR_ERR_UNSUPPORTED,
            "windows overlap (k2 > k1): the sequence needs TKR_RETAIN");
    return TKR_OK;
}

int32_t tkr_sequence_set_int(tkr_sequence *seq, int32_t key, int64_t value) {
    if (!seq) {
        return TKR_ERR_ARGUMENT;
    }
    const int flag = key == TKR_CARRY || key == TKR_REDUCTION;
    REQUIRE(flag || key == TKR_TRUNCATE_EVERY || key == TKR_TRUNCATE_STEPS, &seq->detail,
            TKR_ERR_KEY, "a sequence has no option %d", (int)key);
    REQUIRE(value >= 0 && value <= (flag ? 1 : INT32_MAX), &seq->detail, TKR_ERR_ARGUMENT,
            "%lld is out of the range of option %d", (long long)value, (int)key);
    if (key == TKR_CARRY) {
        seq->carry = value;
    } else if (key == TKR_REDUCTION) {
        seq->reduction = value;
    } else if (key == TKR_TRUNCATE_EVERY) {
        TRY(check_truncation(seq, value, seq->truncate_steps));
        seq->truncate_every = value;
    } else {
        TRY(check_truncation(seq, seq->truncate_every, value));
        seq->truncate_steps = value;
    }
    return TKR_OK;
}

int32_t tkr_sequence_get_int(const tkr_sequence *seq, int32_t key, int64_t *value) {
    if (!seq || !value) {
        return TKR_ERR_ARGUMENT;
    }
    switch (key) {
        case TKR_CARRY:
            *value = seq->carry;
            return TKR_OK;
        case TKR_REDUCTION:
            *value = seq->reduction;
            return TKR_OK;
        case TKR_TRUNCATE_EVERY:
            *value = seq->truncate_every;
            return TKR_OK;
        case TKR_TRUNCATE_STEPS:
            *value = seq->truncate_steps;
            return TKR_OK;
        default:
            return TKR_ERR_KEY;
    }
}

int32_t tkr_sequence_set_seed(tkr_sequence *seq, uint64_t seed) {
    if (!seq) {
        return TKR_ERR_ARGUMENT;
    }
    seq->seed = seed;
    seq->draws = 0;
    return TKR_OK;
}

static int32_t check_lengths(tkr_sequence *seq, const int32_t *lengths, int64_t steps,
                             int64_t batch) {
    REQUIRE(steps >= 1 && steps <= seq->max_steps, &seq->detail, TKR_ERR_SHAPE,
            "%lld steps are not in 1..%lld", (long long)steps, (long long)seq->max_steps);
    REQUIRE(batch >= 1 && batch <= seq->max_batch, &seq->detail, TKR_ERR_SHAPE,
            "a batch of %lld is not in 1..%lld", (long long)batch, (long long)seq->max_batch);
    for (int64_t b = 0; lengths && b < batch; b++) {
        REQUIRE(lengths[b] >= 0 && lengths[b] <= steps, &seq->detail, TKR_ERR_SHAPE,
                "length %d of sequence %lld is not in 0..%lld", (int)lengths[b], (long long)b,
                (long long)steps);
    }
    return TKR_OK;
}

/* May a forward of `batch` sequences start from where this object says it should? */
static int32_t check_start(tkr_sequence *seq, int64_t batch) {
    const tkr_sequence *encoder = seq->encoder;
    if (encoder) {
        REQUIRE(encoder->ran, &seq->detail, TKR_ERR_ORDER, "the linked encoder was not run");
        REQUIRE(encoder->batch == batch, &seq->detail, TKR_ERR_SHAPE,
                "a batch of %lld, but the linked encoder's was %lld", (long long)batch,
                (long long)encoder->batch);
    } else if (seq->carry && seq->ran && !seq->restart) {
        REQUIRE(seq->batch == batch, &seq->detail, TKR_ERR_SHAPE,
                "a batch of %lld, but the carried state's is %lld", (long long)batch,
                (long long)seq->batch);
    } else if (seq->has_initial) {
        REQUIRE(seq->initial_batch == batch, &seq->detail, TKR_ERR_SHAPE,
                "a batch of %lld, but the state that was set has %lld", (long long)batch,
                (long long)seq->initial_batch);
    }
    return TKR_OK;
}

static void take_start(tkr_sequence *seq, int64_t batch) {
    if (seq->encoder) {
        tkri_state_move(seq->net, seq->initial, seq->max_batch, seq->encoder->final,
                        seq->encoder->max_batch, batch);
        seq->started_outside = 1;
    } else if (seq->carry && seq->ran && !seq->restart) {
        tkri_state_move(seq->net, seq->initial, seq->max_batch, seq->final, seq->max_batch, batch);
        seq->started_outside = 1;
    } else if (seq->has_initial) {
        tkri_state_move(seq->net, seq->initial, seq->max_batch, seq->given, seq->max_batch, batch);
        seq->started_outside = 1;
    } else {
        tkri_state_start(seq->net, seq->initial, seq->max_batch);
        seq->started_outside = 0;
    }
}

static void run(tkr_sequence *seq) {
    tkri_forward(seq);
    seq->ran = 1;
    seq->has_loss = seq->has_backward = seq->used_up = 0;
    seq->has_initial = seq->restart = 0;
}

/* Rows from the caller's [steps][batch] order; `put` copies user row `from` to row `to`. */
static void gather_input(tkr_sequence *seq, const float *input, const int32_t *ids) {
    const int64_t n = seq->net->input;
    for (int64_t c = 0; c < seq->n_chunks; c++) {
        const tkri_chunk *chunk = &seq->chunks[c];
        for (int64_t t = 0; t < chunk->steps; t++) {
            for (int64_t i = 0; i < chunk->active[t]; i++) {
                const int64_t user = tkri_user_row(seq, chunk, t, i);
                const int64_t row = chunk->row0 + chunk->first[t] + i;
                if (ids) {
                    seq->ids[row] = ids[user];
                } else {
                    memcpy(seq->x + row * seq->x_ld, input + user * n, (size_t)n * sizeof *input);
                }
            }
        }
    }
}

int32_t tkr_sequence_forward(tkr_sequence *seq, const float *input, const int32_t *lengths,
                             int64_t steps, int64_t batch) {
    if (!seq) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(input, &seq->detail, TKR_ERR_ARGUMENT, "input is NULL");
    REQUIRE(seq->x, &seq->detail, TKR_ERR_UNSUPPORTED,
            "the cell begins with an embedding: give ids");
    TRY(check_lengths(seq, lengths, steps, batch));
    TRY(check_start(seq, batch));
    take_start(seq, batch);
    tkri_rows_plan(seq, lengths, steps, batch);
    seq->has_ids = 0;
    gather_input(seq, input, NULL);
    run(seq);
    return TKR_OK;
}

static int32_t check_ids(tkr_sequence *seq, const int32_t *ids, const int32_t *lengths,
                         int64_t steps, int64_t batch) {
    for (int64_t t = 0; t < steps; t++) {
        for (int64_t b = 0; b < batch; b++) {
            const int32_t id = ids[t * batch + b];
            REQUIRE((lengths && t >= lengths[b]) || (id >= -1 && id < seq->net->input),
                    &seq->detail, TKR_ERR_TOKEN,
                    "id %d at step %lld of sequence %lld is not in 0..%lld", (int)id, (long long)t,
                    (long long)b, (long long)seq->net->input - 1);
        }
    }
    return TKR_OK;
}

int32_t tkr_sequence_forward_ids(tkr_sequence *seq, const int32_t *ids, const int32_t *lengths,
                                 int64_t steps, int64_t batch) {
    if (!seq) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(ids, &seq->detail, TKR_ERR_ARGUMENT, "ids is NULL");
    REQUIRE(seq->net->layers[0].kind != TKR_DROPOUT, &seq->detail, TKR_ERR_UNSUPPORTED,
            "the cell begins with a dropout, which takes values");
    TRY(check_lengths(seq, lengths, steps, batch));
    TRY(check_ids(seq, ids, lengths, steps, batch));
    TRY(check_start(seq, batch));
    take_start(seq, batch);
    tkri_rows_plan(seq, lengths, steps, batch);
    seq->has_ids = 1;
    gather_input(seq, NULL, ids);
    run(seq);
    return TKR_OK;
}

/* Rows of [rows][ld] to the caller's [steps][batch][n], zero where there is no row. */
static void scatter_rows(const tkr_sequence *seq, float *out, int64_t n,
                         tkri_view (*view)(const tkr_sequence *, const tkri_chunk *)) {
    memset(out, 0, (size_t)(seq->steps * seq->batch * n) * sizeof *out);
    for (int64_t c = 0; c < seq->n_chunks; c++) {
        const tkri_chunk *chunk = &seq->chunks[c];
        const tkri_view v = view(seq, chunk);
        for (int64_t t = 0; t < chunk->steps; t++) {
            for (int64_t i = 0; i < chunk->active[t]; i++) {
                memcpy(out + tkri_user_row(seq, chunk, t, i) * n,
                       v.p + (chunk->first[t] + i) * v.ld, (size_t)n * sizeof *out);
            }
        }
    }
}

int32_t tkr_sequence_output(const tkr_sequence *seq, float *output, int64_t len) {
    if (!seq || !output) {
        return TKR_ERR_ARGUMENT;
    }
    if (!seq->ran) {
        return TKR_ERR_ORDER;
    }
    if (len != seq->steps * seq->batch * seq->net->output) {
        return TKR_ERR_SHAPE;
    }
    scatter_rows(seq, output, seq->net->output, tkri_output);
    return TKR_OK;
}

int32_t tkr_sequence_loss_ids(tkr_sequence *seq, double *loss, const int32_t *targets,
                              const float *weights) {
    if (!seq) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(loss && targets, &seq->detail, TKR_ERR_ARGUMENT, "loss or targets is NULL");
    REQUIRE(seq->ran && !seq->used_up, &seq->detail, TKR_ERR_ORDER, "no forward was run before");
    return tkri_loss(seq, loss, targets, NULL, 0, weights);
}

int32_t tkr_sequence_loss_values(tkr_sequence *seq, double *loss, int32_t kind,
                                 const float *targets, const float *weights) {
    if (!seq) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(loss && targets, &seq->detail, TKR_ERR_ARGUMENT, "loss or targets is NULL");
    REQUIRE(kind == TKR_MSE || kind == TKR_BINARY_CROSS_ENTROPY, &seq->detail, TKR_ERR_ARGUMENT,
            "no loss against values has number %d", (int)kind);
    REQUIRE(seq->ran && !seq->used_up, &seq->detail, TKR_ERR_ORDER, "no forward was run before");
    return tkri_loss(seq, loss, NULL, targets, kind, weights);
}

/* The caller's dL/doutput to rows. */
static void gather_gradient(tkr_sequence *seq, const float *doutput) {
    const int64_t n = seq->net->output, ld = tkri_row_len(n);
    for (int64_t c = 0; c < seq->n_chunks; c++) {
        const tkri_chunk *chunk = &seq->chunks[c];
        for (int64_t t = 0; t < chunk->steps; t++) {
            for (int64_t i = 0; i < chunk->active[t]; i++) {
                memcpy(seq->loss_dy + (chunk->row0 + chunk->first[t] + i) * ld,
                       doutput + tkri_user_row(seq, chunk, t, i) * n, (size_t)n * sizeof *doutput);
            }
        }
    }
}

static void take_final_gradient(tkr_sequence *seq, const tkr_state *dstate) {
    if (dstate) {
        tkri_state_move(seq->net, seq->dfinal, seq->max_batch, dstate->values, dstate->batch,
                        seq->batch);
    } else if (!seq->decoder_left) {
        memset(seq->dfinal, 0,
               (size_t)tkri_state_len(seq->net, seq->max_batch) * sizeof *seq->dfinal);
    }
}

/* What flows into the initial state flows on to the encoder's final state. */
static void hand_to_encoder(tkr_sequence *seq) {
    tkr_sequence *encoder = seq->encoder;
    if (encoder && encoder->dfinal) {
        tkri_state_move(seq->net, encoder->dfinal, encoder->max_batch, seq->dinitial,
                        seq->max_batch, seq->batch);
        encoder->decoder_left = 1;
    }
}

int32_t tkr_sequence_backward(tkr_sequence *seq, const float *doutput, const tkr_state *dstate) {
    if (!seq) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(seq->mode & TKR_TRAINING, &seq->detail, TKR_ERR_UNSUPPORTED,
            "an inference sequence has no backward");
    REQUIRE(seq->ran && !seq->used_up, &seq->detail, TKR_ERR_ORDER,
            seq->ran ? "backward used up the activations (see TKR_RETAIN)" : "no forward was run");
    REQUIRE(!(seq->mode & TKR_RECOMPUTE) || seq->ran_version == seq->cell->version, &seq->detail,
            TKR_ERR_ORDER, "the parameters changed since the forward");
    REQUIRE(doutput || seq->has_loss, &seq->detail, TKR_ERR_ORDER, "no loss was computed");
    REQUIRE(!dstate || (dstate->batch == seq->batch && tkri_state_alike(dstate->cell, seq->cell)),
            &seq->detail, TKR_ERR_SHAPE, "dstate is not a state of this cell and batch");
    if (doutput) {
        gather_gradient(seq, doutput);
        seq->has_loss = 0; /* its gradient was where the caller's is now */
    }
    take_final_gradient(seq, dstate);
    tkri_backward(seq);
    seq->decoder_left = 0;
    hand_to_encoder(seq);
    seq->has_backward = 1;
    seq->used_up = !(seq->mode & TKR_RETAIN);
    return TKR_OK;
}

int32_t tkr_sequence_zero_gradients(tkr_sequence *seq) {
    if (!seq) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(seq->gradients, &seq->detail, TKR_ERR_UNSUPPORTED,
            "an inference sequence has no gradients");
    memset(seq->gradients, 0, (size_t)seq->net->numbers * sizeof *seq->gradients);
    return TKR_OK;
}

int32_t tkr_sequence_gradient(const tkr_sequence *seq, const char *name, float *values,
                              int64_t len) {
    if (!seq || !name || !values) {
        return TKR_ERR_ARGUMENT;
    }
    if (!seq->gradients) {
        return TKR_ERR_UNSUPPORTED;
    }
    const tkri_parameter *p = tkri_parameter_find(seq->net, name);
    if (!p || len != tkri_parameter_len(p)) {
        return p ? TKR_ERR_SHAPE : TKR_ERR_KEY;
    }
    tkri_parameter_export(p, seq->cell->kern->vl, seq->gradients, values);
    return TKR_OK;
}

int32_t tkr_sequence_gradients(tkr_sequence *seq, float **values, int64_t *len) {
    if (!seq) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(values && len, &seq->detail, TKR_ERR_ARGUMENT, "values or len is NULL");
    REQUIRE(seq->gradients, &seq->detail, TKR_ERR_UNSUPPORTED,
            "an inference sequence has no gradients");
    *values = seq->gradients;
    *len = seq->net->numbers;
    return TKR_OK;
}

static tkri_view input_gradient_view(const tkr_sequence *seq, const tkri_chunk *chunk) {
    return (tkri_view){seq->dx + chunk->row0 * seq->x_ld, seq->x_ld};
}

int32_t tkr_sequence_input_gradient(const tkr_sequence *seq, float *values, int64_t len) {
    if (!seq || !values) {
        return TKR_ERR_ARGUMENT;
    }
    if (!seq->dx || (seq->ran && seq->has_ids)) {
        return TKR_ERR_UNSUPPORTED;
    }
    if (!seq->has_backward) {
        return TKR_ERR_ORDER;
    }
    if (len != seq->steps * seq->batch * seq->net->input) {
        return TKR_ERR_SHAPE;
    }
    scatter_rows(seq, values, seq->net->input, input_gradient_view);
    return TKR_OK;
}

int32_t tkr_sequence_set_state(tkr_sequence *seq, const tkr_state *state) {
    if (!seq) {
        return TKR_ERR_ARGUMENT;
    }
    if (!state) {
        seq->has_initial = 0;
        seq->restart = 1;
        return TKR_OK;
    }
    REQUIRE(state->batch <= seq->max_batch && tkri_state_alike(state->cell, seq->cell),
            &seq->detail, TKR_ERR_SHAPE, "not a state of this cell, or its batch is too large");
    tkri_state_move(seq->net, seq->given, seq->max_batch, state->values, state->batch,
                    state->batch);
    seq->has_initial = 1;
    seq->initial_batch = state->batch;
    seq->restart = 1;
    return TKR_OK;
}

static int32_t give_state(const tkr_sequence *seq, tkr_state *state, const float *from,
                          int32_t ready) {
    if (!seq || !state) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(ready, &state->detail, TKR_ERR_ORDER, "the sequence was not run so far");
    REQUIRE(state->batch == seq->batch && tkri_state_alike(state->cell, seq->cell), &state->detail,
            TKR_ERR_SHAPE, "not a state of the sequence's cell and batch");
    tkri_state_move(seq->net, state->values, state->batch, from, seq->max_batch, seq->batch);
    return TKR_OK;
}

int32_t tkr_sequence_get_state(const tkr_sequence *seq, tkr_state *state) {
    return give_state(seq, state, seq ? seq->final : NULL, seq && seq->ran);
}

int32_t tkr_sequence_get_state_gradient(const tkr_sequence *seq, tkr_state *gradient) {
    return give_state(seq, gradient, seq ? seq->dinitial : NULL, seq && seq->has_backward);
}

int32_t tkr_sequence_link(tkr_sequence *decoder, tkr_sequence *encoder) {
    if (!decoder) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(decoder != encoder, &decoder->detail, TKR_ERR_ARGUMENT,
            "a sequence cannot be its own encoder");
    REQUIRE(!encoder || tkri_state_alike(decoder->cell, encoder->cell), &decoder->detail,
            TKR_ERR_SHAPE, "the encoder's state has other tensors");
    decoder->encoder = encoder;
    return TKR_OK;
}

int32_t tkr_sequence_step_norms(const tkr_sequence *seq, double *norms, int64_t len) {
    if (!seq || !norms) {
        return TKR_ERR_ARGUMENT;
    }
    if (!seq->norms) {
        return TKR_ERR_UNSUPPORTED;
    }
    if (!seq->has_backward) {
        return TKR_ERR_ORDER;
    }
    if (len != seq->net->n_slots * seq->steps) {
        return TKR_ERR_SHAPE;
    }
    for (int64_t slot = 0; slot < seq->net->n_slots; slot++) {
        for (int64_t t = 0; t < seq->steps; t++) {
            double sum = 0;
            for (int64_t c = 0; c < seq->n_chunks; c++) {
                sum += seq->norms[(c * seq->net->n_slots + slot) * seq->max_steps + t];
            }
            norms[slot * seq->steps + t] = sqrt(sum);
        }
    }
    return TKR_OK;
}

const char *tkr_sequence_detail(const tkr_sequence *seq) {
    return seq ? seq->detail.text : "";
}
