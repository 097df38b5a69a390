/* SPDX-License-Identifier: MIT
 * Sequences: creating, running, reading results. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "core/fpmode.h"
#include "seq/seq.h"
#include "train/loss.h"

int32_t tkr_sequence_size(uint64_t *bytes, const tkr_cell *cell, int64_t max_steps,
                          int64_t max_batch, int32_t mode, const tkr_env *env) {
    UNTRAPPED;
    tkr_sequence planned;
    tkri_env own;
    if (!bytes) {
        return TKR_ERR_ARGUMENT;
    }
    TRY(tkri_env_read(&own, env));
    TRY(tkri_sequence_plan(&planned, cell, &(tkri_shape){max_steps, max_batch, mode}, &own));
    *bytes = tkri_add(tkri_allocation(planned.bytes), tkri_team_size(&own));
    return TKR_OK;
}

int32_t tkr_sequence_create(tkr_sequence **seq, const tkr_cell *cell, int64_t max_steps,
                            int64_t max_batch, int32_t mode, const tkr_env *env) {
    UNTRAPPED;
    tkri_env own;
    if (!seq) {
        return TKR_ERR_ARGUMENT;
    }
    *seq = NULL;
    TRY(tkri_env_read(&own, env));
    return tkri_sequence_create(seq, cell, &(tkri_shape){max_steps, max_batch, mode}, &own);
}

void tkr_sequence_destroy(tkr_sequence *seq) {
    tkri_sequence_destroy(seq);
}

int32_t tkr_sequence_set_int(tkr_sequence *seq, int32_t key, int64_t value) {
    UNTRAPPED;
    return seq ? tkri_sequence_set_int(seq, key, value) : TKR_ERR_ARGUMENT;
}

int32_t tkr_sequence_get_int(const tkr_sequence *seq, int32_t key, int64_t *value) {
    UNTRAPPED;
    return seq && value ? tkri_options_get_int(&seq->options, key, value) : TKR_ERR_ARGUMENT;
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
    REQUIRE(steps >= 1 && steps <= seq->u.plan.max_steps, &seq->detail, TKR_ERR_SHAPE,
            "%lld steps are not in 1..%lld", (long long)steps, (long long)seq->u.plan.max_steps);
    REQUIRE(batch >= 1 && batch <= seq->u.plan.max_batch, &seq->detail, TKR_ERR_SHAPE,
            "a batch of %lld is not in 1..%lld", (long long)batch,
            (long long)seq->u.plan.max_batch);
    for (int64_t b = 0; lengths && b < batch; b++) {
        REQUIRE(lengths[b] >= 0 && lengths[b] <= steps, &seq->detail, TKR_ERR_SHAPE,
                "length %d of sequence %lld is not in 0..%lld", (int)lengths[b], (long long)b,
                (long long)steps);
    }
    return TKR_OK;
}

static int carries(const tkr_sequence *seq) {
    return seq->start == TKRI_START_FINAL && tkri_options_int(&seq->options, TKR_CARRY);
}

/* May a forward of `batch` sequences start from where this object says it should? */
static int32_t check_start(tkr_sequence *seq, int64_t batch) {
    const tkr_sequence *encoder = seq->encoder;
    if (encoder) {
        REQUIRE(tkri_has_run(encoder), &seq->detail, TKR_ERR_ORDER,
                "the linked encoder was not run");
        REQUIRE(encoder->u.plan.batch == batch, &seq->detail, TKR_ERR_SHAPE,
                "a batch of %lld, but the linked encoder's was %lld", (long long)batch,
                (long long)encoder->u.plan.batch);
    } else if (carries(seq)) {
        REQUIRE(seq->u.plan.batch == batch, &seq->detail, TKR_ERR_SHAPE,
                "a batch of %lld, but the carried state's is %lld", (long long)batch,
                (long long)seq->u.plan.batch);
    } else if (seq->start == TKRI_START_GIVEN) {
        REQUIRE(seq->given_batch == batch, &seq->detail, TKR_ERR_SHAPE,
                "a batch of %lld, but the state that was set has %lld", (long long)batch,
                (long long)seq->given_batch);
    }
    return TKR_OK;
}

static void take_start(tkr_sequence *seq, int64_t batch) {
    const int64_t max = seq->u.plan.max_batch,
                  from = seq->encoder ? seq->encoder->u.plan.max_batch : max;
    const float *start = seq->encoder                     ? seq->encoder->u.tape.final
                         : carries(seq)                   ? seq->u.tape.final
                         : seq->start == TKRI_START_GIVEN ? seq->given
                                                          : NULL;
    seq->u.tape.started_outside = start != NULL;
    seq->started = seq->encoder ? seq->encoder->runs : 0;
    if (start) {
        tkri_state_move(seq->u.net, seq->u.tape.initial, max, start, from, batch);
    } else {
        tkri_state_start(seq->u.net, seq->u.tape.initial, max);
    }
}

/* A failed pass counts as not run: the next one starts where it did. */
static void forget_run(tkr_sequence *seq) {
    seq->draws--;
    seq->phase = TKRI_BLANK;
    seq->start = TKRI_START_CELL;
    if (seq->u.tape.started_outside && !seq->encoder) {
        const int64_t max = seq->u.plan.max_batch;
        tkri_state_move(seq->u.net, seq->given, max, seq->u.tape.initial, max, seq->u.plan.batch);
        seq->start = TKRI_START_GIVEN;
        seq->given_batch = seq->u.plan.batch;
    }
}

static int32_t run(tkr_sequence *seq) {
    seq->u.tape.mask_seed = seq->seed;
    seq->u.tape.mask_draws = seq->draws++;
    const int32_t status = tkri_forward(&seq->u, &seq->detail);
    seq->decoder_left = 0;
    seq->runs++;
    if (status < 0) {
        forget_run(seq);
        return status;
    }
    seq->phase = TKRI_RAN;
    seq->start = TKRI_START_FINAL;
    return TKR_OK;
}

int32_t tkr_sequence_forward(tkr_sequence *seq, const float *input, const int32_t *lengths,
                             int64_t steps, int64_t batch) {
    UNTRAPPED;
    if (!seq) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(input, &seq->detail, TKR_ERR_ARGUMENT, "input is NULL");
    REQUIRE(seq->u.tape.x, &seq->detail, TKR_ERR_UNSUPPORTED,
            "the cell begins with an embedding: give ids");
    TRY(check_lengths(seq, lengths, steps, batch));
    TRY(check_start(seq, batch));
    take_start(seq, batch);
    tkri_rows_plan(&seq->u, lengths, steps, batch);
    tkri_border_input(&seq->u, input);
    return run(seq);
}

static int32_t check_ids(tkr_sequence *seq, const int32_t *ids, const int32_t *lengths,
                         int64_t steps, int64_t batch) {
    for (int64_t t = 0; t < steps; t++) {
        for (int64_t b = 0; b < batch; b++) {
            const int32_t id = ids[t * batch + b];
            REQUIRE((lengths && t >= lengths[b]) || (id >= -1 && id < seq->u.net->input),
                    &seq->detail, TKR_ERR_TOKEN,
                    "id %d at step %lld of sequence %lld is not in 0..%lld", (int)id, (long long)t,
                    (long long)b, (long long)seq->u.net->input - 1);
        }
    }
    return TKR_OK;
}

int32_t tkr_sequence_forward_ids(tkr_sequence *seq, const int32_t *ids, const int32_t *lengths,
                                 int64_t steps, int64_t batch) {
    UNTRAPPED;
    if (!seq) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(ids, &seq->detail, TKR_ERR_ARGUMENT, "ids is NULL");
    REQUIRE(seq->u.net->takes & TKRI_IDS, &seq->detail, TKR_ERR_UNSUPPORTED,
            "the cell begins with a part that takes values");
    TRY(check_lengths(seq, lengths, steps, batch));
    TRY(check_ids(seq, ids, lengths, steps, batch));
    TRY(check_start(seq, batch));
    take_start(seq, batch);
    tkri_rows_plan(&seq->u, lengths, steps, batch);
    tkri_border_ids(&seq->u, ids);
    return run(seq);
}

int32_t tkr_sequence_output(const tkr_sequence *seq, float *output, int64_t len) {
    UNTRAPPED;
    if (!seq || !output) {
        return TKR_ERR_ARGUMENT;
    }
    if (!tkri_has_run(seq)) {
        return TKR_ERR_ORDER;
    }
    if (len != tkri_output_steps(seq) * seq->u.plan.batch * seq->u.net->output) {
        return TKR_ERR_SHAPE;
    }
    tkri_border_output(&seq->u, output);
    return TKR_OK;
}

/* Are a forward's activations there? */
static int32_t check_activations(tkr_sequence *seq) {
    REQUIRE(seq->phase != TKRI_BLANK, &seq->detail, TKR_ERR_ORDER, "no forward was run before");
    REQUIRE(seq->phase != TKRI_USED_UP, &seq->detail, TKR_ERR_ORDER,
            "backward used up the activations: run forward again (or see TKR_RETAIN)");
    return TKR_OK;
}

int32_t tkr_sequence_loss_ids(tkr_sequence *seq, double *loss, const int32_t *targets,
                              const float *weights) {
    UNTRAPPED;
    if (!seq) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(loss && targets, &seq->detail, TKR_ERR_ARGUMENT, "loss or targets is NULL");
    TRY(check_activations(seq));
    return tkri_loss(seq, loss, targets, NULL, 0, weights);
}

int32_t tkr_sequence_loss_values(tkr_sequence *seq, double *loss, int32_t kind,
                                 const float *targets, const float *weights) {
    UNTRAPPED;
    if (!seq) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(loss && targets, &seq->detail, TKR_ERR_ARGUMENT, "loss or targets is NULL");
    REQUIRE(kind == TKR_MSE || kind == TKR_BINARY_CROSS_ENTROPY, &seq->detail, TKR_ERR_ARGUMENT,
            "no loss against values has number %d", (int)kind);
    TRY(check_activations(seq));
    return tkri_loss(seq, loss, NULL, targets, kind, weights);
}

static void take_final_gradient(tkr_sequence *seq, const tkr_state *dstate) {
    const int64_t max = seq->u.plan.max_batch;
    float *dfinal = seq->u.grad.dfinal;
    if (dstate) {
        (seq->decoder_left ? tkri_state_add : tkri_state_move)(
            seq->u.net, dfinal, max, dstate->values, dstate->batch, seq->u.plan.batch);
    } else if (!seq->decoder_left) {
        memset(dfinal, 0, (size_t)tkri_state_len(seq->u.net, max) * sizeof *dfinal);
    }
}

/* What flows into the initial state flows on to the encoder's final state, if that is what the
 * forward began at. */
static void hand_to_encoder(tkr_sequence *seq) {
    tkr_sequence *encoder = seq->encoder;
    if (encoder && encoder->u.grad.dfinal && encoder->runs == seq->started) {
        (encoder->decoder_left ? tkri_state_add : tkri_state_move)(
            seq->u.net, encoder->u.grad.dfinal, encoder->u.plan.max_batch, seq->u.grad.dinitial,
            seq->u.plan.max_batch, seq->u.plan.batch);
        encoder->decoder_left = 1;
    }
}

static int32_t check_backward(tkr_sequence *seq, const float *doutput, const tkr_state *dstate) {
    const int32_t mode = seq->u.plan.mode;
    REQUIRE(mode & TKR_TRAINING, &seq->detail, TKR_ERR_UNSUPPORTED,
            "an inference sequence has no backward");
    TRY(check_activations(seq));
    REQUIRE(seq->u.tape.version == seq->u.cell->version, &seq->detail, TKR_ERR_ORDER,
            "the parameters changed since the forward");
    REQUIRE(doutput || tkri_has_loss(seq) || seq->decoder_left, &seq->detail, TKR_ERR_ORDER,
            "no loss was computed");
    REQUIRE(!dstate ||
                (dstate->batch == seq->u.plan.batch && tkri_state_alike(dstate->cell, seq->u.cell)),
            &seq->detail, TKR_ERR_SHAPE, "dstate is not a state of this cell and batch");
    return TKR_OK;
}

int32_t tkr_sequence_backward(tkr_sequence *seq, const float *doutput, const tkr_state *dstate) {
    UNTRAPPED;
    if (!seq) {
        return TKR_ERR_ARGUMENT;
    }
    TRY(check_backward(seq, doutput, dstate));
    const int of_loss = !doutput && tkri_has_loss(seq);
    if (!of_loss) { /* the caller's gradient takes the place of the loss' */
        tkri_border_loss_gradient(&seq->u, doutput);
    }
    take_final_gradient(seq, dstate);
    const int32_t status = tkri_backward(&seq->u, &seq->options, &seq->detail);
    if (status < 0) {
        seq->phase = TKRI_BLANK;
        return status;
    }
    seq->decoder_left = 0;
    hand_to_encoder(seq);
    seq->phase = !(seq->u.plan.mode & TKR_RETAIN) ? TKRI_USED_UP
                 : of_loss                        ? TKRI_BACK_LOSS
                                                  : TKRI_BACK;
    return TKR_OK;
}

int32_t tkr_sequence_zero_gradients(tkr_sequence *seq) {
    UNTRAPPED;
    if (!seq) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(seq->u.grad.values, &seq->detail, TKR_ERR_UNSUPPORTED,
            "an inference sequence has no gradients");
    memset(seq->u.grad.values, 0, (size_t)seq->u.net->numbers * sizeof *seq->u.grad.values);
    return TKR_OK;
}

int32_t tkr_sequence_gradient(const tkr_sequence *seq, const char *name, float *values,
                              int64_t len) {
    UNTRAPPED;
    if (!seq || !name || !values) {
        return TKR_ERR_ARGUMENT;
    }
    if (!seq->u.grad.values) {
        return TKR_ERR_UNSUPPORTED;
    }
    const tkri_parameter *p = tkri_parameter_find(seq->u.net, name);
    if (!p || len != tkri_parameter_len(p)) {
        return p ? TKR_ERR_SHAPE : TKR_ERR_KEY;
    }
    tkri_parameter_export(p, seq->u.cell->kern->vl, seq->u.grad.values, values);
    return TKR_OK;
}

int32_t tkr_sequence_gradients(tkr_sequence *seq, float **values, int64_t *len) {
    if (!seq) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(values && len, &seq->detail, TKR_ERR_ARGUMENT, "values or len is NULL");
    REQUIRE(seq->u.grad.values, &seq->detail, TKR_ERR_UNSUPPORTED,
            "an inference sequence has no gradients");
    *values = seq->u.grad.values;
    *len = seq->u.net->numbers;
    return TKR_OK;
}

int32_t tkr_sequence_input_gradient(const tkr_sequence *seq, float *values, int64_t len) {
    UNTRAPPED;
    if (!seq || !values) {
        return TKR_ERR_ARGUMENT;
    }
    if (!seq->u.grad.dx || (tkri_has_run(seq) && seq->u.tape.has_ids)) {
        return TKR_ERR_UNSUPPORTED;
    }
    if (!tkri_has_gone_back(seq)) {
        return TKR_ERR_ORDER;
    }
    if (len != seq->u.plan.steps * seq->u.plan.batch * seq->u.net->input) {
        return TKR_ERR_SHAPE;
    }
    tkri_border_input_gradient(&seq->u, values);
    return TKR_OK;
}

int32_t tkr_sequence_set_state(tkr_sequence *seq, const tkr_state *state) {
    UNTRAPPED;
    if (!seq) {
        return TKR_ERR_ARGUMENT;
    }
    if (!state) {
        seq->start = TKRI_START_CELL;
        return TKR_OK;
    }
    REQUIRE(state->batch <= seq->u.plan.max_batch && tkri_state_alike(state->cell, seq->u.cell),
            &seq->detail, TKR_ERR_SHAPE, "not a state of this cell, or its batch is too large");
    tkri_state_move(seq->u.net, seq->given, seq->u.plan.max_batch, state->values, state->batch,
                    state->batch);
    seq->start = TKRI_START_GIVEN;
    seq->given_batch = state->batch;
    return TKR_OK;
}

static int32_t give_state(const tkr_sequence *seq, tkr_state *state, const float *from,
                          int32_t ready) {
    if (!seq || !state) {
        return TKR_ERR_ARGUMENT;
    }
    const tkri_plan *plan = &seq->u.plan;
    REQUIRE(ready, &state->detail, TKR_ERR_ORDER, "the sequence was not run so far");
    REQUIRE(state->batch == plan->batch && tkri_state_alike(state->cell, seq->u.cell),
            &state->detail, TKR_ERR_SHAPE, "not a state of the sequence's cell and batch");
    tkri_state_move(seq->u.net, state->values, state->batch, from, plan->max_batch, plan->batch);
    return TKR_OK;
}

int32_t tkr_sequence_get_state(const tkr_sequence *seq, tkr_state *state) {
    UNTRAPPED;
    return give_state(seq, state, seq ? seq->u.tape.final : NULL, seq && tkri_has_run(seq));
}

int32_t tkr_sequence_get_state_gradient(const tkr_sequence *seq, tkr_state *gradient) {
    UNTRAPPED;
    return give_state(seq, gradient, seq ? seq->u.grad.dinitial : NULL,
                      seq && tkri_has_gone_back(seq));
}

int32_t tkr_sequence_link(tkr_sequence *decoder, tkr_sequence *encoder) {
    if (!decoder) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(decoder != encoder, &decoder->detail, TKR_ERR_ARGUMENT,
            "a sequence cannot be its own encoder");
    REQUIRE(!encoder || tkri_state_alike(decoder->u.cell, encoder->u.cell), &decoder->detail,
            TKR_ERR_SHAPE, "the encoder's state has other tensors");
    decoder->encoder = encoder;
    decoder->started = 0;
    return TKR_OK;
}

int32_t tkr_sequence_step_norms(const tkr_sequence *seq, double *norms, int64_t len) {
    UNTRAPPED;
    if (!seq || !norms) {
        return TKR_ERR_ARGUMENT;
    }
    const double *all = seq->u.grad.norms;
    const int64_t tracks = seq->u.net->n_tracks, steps = seq->u.plan.steps;
    if (!all) {
        return TKR_ERR_UNSUPPORTED;
    }
    if (!tkri_has_gone_back(seq)) {
        return TKR_ERR_ORDER;
    }
    if (len != tracks * steps) {
        return TKR_ERR_SHAPE;
    }
    for (int64_t i = 0; i < len; i++) {
        double sum = 0;
        for (int64_t c = 0; c < seq->u.plan.n_chunks; c++) {
            const int64_t track = c * tracks + i / steps;
            sum += all[track * seq->u.plan.max_steps + i % steps];
        }
        norms[i] = sqrt(sum);
    }
    return TKR_OK;
}

const char *tkr_sequence_detail(const tkr_sequence *seq) {
    return seq ? seq->detail.text : "";
}
