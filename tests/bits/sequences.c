/* SPDX-License-Identifier: MIT
 * The runs of a net that is unrolled over time. */
#include "bits.h"

static int32_t forward(bits *b, tkr_sequence *seq) {
    const int32_t *lengths = b->lengths_on ? bits_pool.lengths : NULL;
    if (b->ids_on) {
        MUST(tkr_sequence_forward_ids(seq, bits_pool.ids, lengths, b->steps, b->batch));
    } else {
        MUST(tkr_sequence_forward(seq, bits_pool.x, lengths, b->steps, b->batch));
    }
    return bits_add_output(b, seq);
}

/* The loss of the case: against ids, squared, or binary cross-entropy. */
static int32_t loss(bits *b, tkr_sequence *seq) {
    const float *weights = b->weights_on ? bits_pool.weights : NULL;
    double value = 0;
    if (b->loss == 0) {
        MUST(tkr_sequence_loss_ids(seq, &value, bits_pool.targets, weights));
    } else {
        MUST(tkr_sequence_loss_values(seq, &value,
                                      b->loss == 1 ? TKR_MSE : TKR_BINARY_CROSS_ENTROPY,
                                      bits_pool.share, weights));
    }
    bits_add(b, &value, sizeof value);
    return TKR_OK;
}

/* The modes in which there is most to see. */
static int32_t all_modes(const bits *b) {
    return TKR_TRAINING | (b->ids_on ? 0 : TKR_INPUT_GRADIENT) | (b->slots ? TKR_STEP_NORMS : 0);
}

/* All that a backward leaves, but for the parameters' gradients, whose copies take long. */
static int32_t add_flow(bits *b, const tkr_sequence *seq) {
    MUST(bits_add_final_state(b, seq, 0));
    MUST(bits_add_final_state(b, seq, 1));
    if (!b->ids_on) {
        MUST(bits_add_input_gradient(b, seq));
    }
    if (b->slots) {
        MUST(bits_add_norms(b, seq));
    }
    return TKR_OK;
}

static int32_t add_backward(bits *b, const tkr_sequence *seq) {
    MUST(bits_add_gradients(b, seq));
    return add_flow(b, seq);
}

static int32_t pass(bits *b, tkr_sequence *seq) {
    MUST(forward(b, seq));
    MUST(loss(b, seq));
    MUST(tkr_sequence_backward(seq, NULL, NULL));
    return add_flow(b, seq);
}

static int32_t make_sequence(bits *b, tkr_sequence **seq, int32_t mode) {
    MUST(tkr_sequence_create(seq, b->cell, b->steps, b->batch, mode, &b->env));
    MUST(tkr_sequence_set_seed(*seq, 3));
    return TKR_OK;
}

static int32_t make_optimizer(bits *b, tkr_optimizer **opt) {
    static const int32_t kinds[] = {TKR_SGD, TKR_ADAM, TKR_ADAMW, TKR_RMSPROP};
    MUST(tkr_optimizer_create(opt, kinds[b->optimizer], b->cell, &b->env));
    MUST(tkr_optimizer_set_float(*opt, TKR_WEIGHT_DECAY, 0.01));
    MUST(tkr_optimizer_set_float(*opt, TKR_CLIP_VALUE, 0.02));
    MUST(tkr_optimizer_set_float(*opt, TKR_CLIP_NORM, 0.05));
    MUST(tkr_optimizer_set_int(*opt, TKR_WARMUP_STEPS, 2));
    if (kinds[b->optimizer] == TKR_SGD || kinds[b->optimizer] == TKR_RMSPROP) {
        MUST(tkr_optimizer_set_float(*opt, TKR_MOMENTUM, 0.9));
    }
    if (kinds[b->optimizer] == TKR_SGD) {
        MUST(tkr_optimizer_set_int(*opt, TKR_NESTEROV, b->weights_on));
    }
    return TKR_OK;
}

int32_t bits_train(bits *b) {
    tkr_sequence *seq = NULL;
    tkr_optimizer *opt = NULL;
    MUST(make_sequence(b, &seq, all_modes(b)));
    MUST(make_optimizer(b, &opt));
    for (int i = 0; i < 4; i++) {
        double norm = 0;
        MUST(pass(b, seq));
        if (i == 0 || i == 3) {
            MUST(bits_add_gradients(b, seq));
        }
        MUST(tkr_optimizer_step(opt, seq));
        MUST(tkr_optimizer_get_float(opt, TKR_GRADIENT_NORM, &norm));
        bits_add(b, &norm, sizeof norm);
    }
    MUST(bits_add_parameters(b, b->cell));
    tkr_optimizer_destroy(opt);
    tkr_sequence_destroy(seq);
    return TKR_OK;
}

/* Overlapping windows, and a second backward over the same activations. */
int32_t bits_retain(bits *b) {
    tkr_sequence *seq = NULL;
    MUST(make_sequence(b, &seq, all_modes(b) | TKR_RETAIN));
    MUST(tkr_sequence_set_int(seq, TKR_TRUNCATE_EVERY, 3));
    MUST(tkr_sequence_set_int(seq, TKR_TRUNCATE_STEPS, 5));
    MUST(pass(b, seq));
    MUST(bits_add_gradients(b, seq));
    MUST(tkr_sequence_backward(seq, NULL, NULL));
    MUST(add_backward(b, seq));
    tkr_sequence_destroy(seq);
    return TKR_OK;
}

int32_t bits_truncate(bits *b) {
    tkr_sequence *seq = NULL;
    MUST(make_sequence(b, &seq, all_modes(b)));
    MUST(tkr_sequence_set_int(seq, TKR_TRUNCATE_EVERY, 4));
    MUST(tkr_sequence_set_int(seq, TKR_REDUCTION, 1));
    MUST(pass(b, seq));
    MUST(bits_add_gradients(b, seq));
    tkr_sequence_destroy(seq);
    return TKR_OK;
}

int32_t bits_recompute(bits *b) {
    tkr_sequence *seq = NULL;
    MUST(make_sequence(b, &seq, all_modes(b) | TKR_RECOMPUTE));
    MUST(pass(b, seq));
    MUST(pass(b, seq));
    MUST(bits_add_gradients(b, seq));
    tkr_sequence_destroy(seq);
    return TKR_OK;
}

int32_t bits_infer(bits *b) {
    tkr_sequence *seq = NULL;
    MUST(make_sequence(b, &seq, TKR_INFERENCE));
    MUST(forward(b, seq));
    MUST(loss(b, seq));
    MUST(bits_add_final_state(b, seq, 0));
    tkr_sequence_destroy(seq);
    return TKR_OK;
}

/* A state whose tensors are all set. */
static int32_t make_state(bits *b, tkr_state **state) {
    int64_t tensors = 0;
    MUST(tkr_state_create(state, b->cell, b->batch, &b->env));
    MUST(tkr_state_tensors(*state, &tensors));
    for (int64_t i = 0; i < tensors; i++) {
        const char *name = NULL;
        int64_t shape[3];
        MUST(tkr_state_tensor(*state, i, &name, shape));
        MUST(tkr_state_set(*state, name, bits_pool.x + 17 * i, shape[0] * shape[1] * shape[2]));
    }
    return TKR_OK;
}

/* From a state of the caller's, on to two more forwards, and from the beginning again. */
int32_t bits_carry(bits *b) {
    tkr_sequence *seq = NULL;
    tkr_state *state = NULL;
    MUST(make_sequence(b, &seq, all_modes(b)));
    MUST(make_state(b, &state));
    MUST(tkr_sequence_set_int(seq, TKR_CARRY, 1));
    MUST(tkr_sequence_set_state(seq, state));
    for (int i = 0; i < 3; i++) {
        MUST(pass(b, seq));
    }
    MUST(tkr_sequence_set_state(seq, NULL));
    MUST(pass(b, seq));
    MUST(bits_add_gradients(b, seq));
    tkr_state_destroy(state);
    tkr_sequence_destroy(seq);
    return TKR_OK;
}

/* The caller's own gradients of the outputs and of the final state. */
int32_t bits_own_loss(bits *b) {
    tkr_sequence *seq = NULL;
    tkr_state *state = NULL;
    MUST(make_sequence(b, &seq, all_modes(b)));
    MUST(make_state(b, &state));
    MUST(forward(b, seq));
    MUST(tkr_sequence_backward(seq, bits_pool.x + 5, state));
    MUST(add_backward(b, seq));
    tkr_state_destroy(state);
    tkr_sequence_destroy(seq);
    return TKR_OK;
}

/* Two cells of the same net: the decoder's has parameters of its own. */
int32_t bits_link(bits *b) {
    tkr_sequence *encoder = NULL, *decoder = NULL;
    tkr_cell *first = b->cell, *second = NULL;
    MUST(bits_make(b, &second));
    MUST(tkr_cell_init(second, 6));
    MUST(make_sequence(b, &encoder, all_modes(b)));
    b->cell = second;
    MUST(make_sequence(b, &decoder, all_modes(b)));
    MUST(tkr_sequence_link(decoder, encoder));
    for (int i = 0; i < 2; i++) {
        MUST(forward(b, encoder));
        MUST(pass(b, decoder));
        MUST(bits_add_gradients(b, decoder));
        MUST(tkr_sequence_backward(encoder, NULL, NULL));
        b->cell = first;
        MUST(add_backward(b, encoder));
        b->cell = second;
    }
    b->cell = first;
    tkr_sequence_destroy(decoder);
    tkr_sequence_destroy(encoder);
    tkr_cell_destroy(second);
    return TKR_OK;
}
