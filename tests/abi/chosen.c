/* SPDX-License-Identifier: MIT
 * A program for a build that has LSTMs alone: it trains one and streams it; the rest is refused. */
#include <stdio.h>
#include <tekrar/tekrar.h>

enum { STEPS = 8, INPUT = 3, HIDDEN = 12 };

static int fails(int32_t status, const char *what) {
    if (status < 0) {
        printf("%s: %s\n", what, tkr_status_text(status));
    }
    return status < 0;
}

/* A few steps of Adam on y = 0; says the losses of the first and the last. */
static int train(tkr_cell *cell) {
    tkr_sequence *sequence;
    tkr_optimizer *adam;
    float x[STEPS * INPUT], y[STEPS * HIDDEN] = {0};
    double loss = 0, first = 0;
    for (int i = 0; i < STEPS * INPUT; i++) {
        x[i] = (float)(i % 5) - 2.0f;
    }
    if (fails(tkr_sequence_create(&sequence, cell, STEPS, 1, TKR_TRAINING, NULL), "sequence") ||
        fails(tkr_optimizer_create(&adam, TKR_ADAM, cell, NULL), "optimizer")) {
        return 0;
    }
    for (int i = 0; i < 50; i++) {
        if (fails(tkr_sequence_forward(sequence, x, NULL, STEPS, 1), "forward") ||
            fails(tkr_sequence_loss_values(sequence, &loss, TKR_MSE, y, NULL), "loss") ||
            fails(tkr_sequence_backward(sequence, NULL, NULL), "backward") ||
            fails(tkr_optimizer_step(adam, sequence), "step")) {
            return 0;
        }
        first = i == 0 ? loss : first;
    }
    tkr_optimizer_destroy(adam);
    tkr_sequence_destroy(sequence);
    printf("loss %g, later %g\n", first, loss);
    return loss < first;
}

static int stream(tkr_cell *cell) {
    tkr_state *state;
    const float x[INPUT] = {1, 2, 3};
    float y[HIDDEN];
    if (fails(tkr_state_create(&state, cell, 1, NULL), "state") ||
        fails(tkr_cell_step(cell, state, y, x), "step")) {
        return 0;
    }
    tkr_state_destroy(state);
    return y[0] == y[0] && y[0] != 0.0f;
}

int main(void) {
    tkr_cell *cell, *other = NULL, *parts[2];
    const int32_t kinds[] = {TKR_ELMAN, TKR_GRU, TKR_LINEAR, TKR_EMBEDDING, TKR_DROPOUT, TKR_CONV};
    if (fails(tkr_cell_create(&cell, TKR_LSTM, INPUT, HIDDEN, NULL), "an LSTM") ||
        fails(tkr_cell_create(&parts[0], TKR_LSTM, 2, 2, NULL), "an LSTM") ||
        fails(tkr_cell_init(cell, 7), "its parameters") || !train(cell) || !stream(cell)) {
        return 1;
    }
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (tkr_cell_create(&other, kinds[i], 2, 2, NULL) != TKR_ERR_ARGUMENT || other) {
            printf("kind %d is not refused\n", (int)kinds[i]);
            return 1;
        }
    }
    if (tkr_cell_chain(&other, parts, 1, NULL) != TKR_ERR_UNSUPPORTED || other || !parts[0]) {
        printf("a chain is not refused\n");
        return 1;
    }
    tkr_cell_destroy(parts[0]);
    tkr_cell_destroy(cell);
    printf("as chosen\n");
    return 0;
}
