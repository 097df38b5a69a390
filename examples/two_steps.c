/* SPDX-License-Identifier: MIT
 *
 * two_steps: a recurrent layer of five units sees two steps of three numbers, four times over.
 *
 * Nothing is trained here. The same net is run in three ways, which must agree:
 *   static     a sequence of exactly two steps
 *   dynamic    a sequence with room for five steps, told each row's length
 *   streaming  one step at a time, with the state carried by hand
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

enum { T = 2, B = 4, I = 3, H = 5, ROOM = 5 };

static const float input[T][B][I] = {
    {{0, 1, 2}, {3, 4, 5}, {6, 7, 8}, {9, 0, 1}},
    {{9, 8, 7}, {0, 0, 0}, {6, 5, 4}, {3, 2, 1}},
};

/* Weights from N(0, 1), no bias: h' = tanh(W x + U h). */
static tkr_cell *make_net(uint64_t seed) {
    tkr_cell *net;
    ex_try(ex_env(1), tkr_cell_create(&net, TKR_ELMAN, I, H, ex_env(1)));
    ex_try(net, tkr_cell_set_int(net, TKR_BIASES, 0));
    ex_try(net, tkr_cell_set_int(net, TKR_INIT, TKR_INIT_NORMAL));
    ex_try(net, tkr_cell_set_float(net, TKR_INIT_SCALE, 1.0));
    ex_try(net, tkr_cell_init(net, seed));
    return net;
}

/* Unroll over `room` steps; `lengths` is NULL for "all two". The outputs of two steps come back. */
static void run_unrolled(const tkr_cell *net, float output[T][B][H], int64_t room,
                         const int32_t *lengths) {
    tkr_sequence *seq;
    ex_try(ex_env(1), tkr_sequence_create(&seq, net, room, B, TKR_INFERENCE, ex_env(1)));
    ex_try(seq, tkr_sequence_forward(seq, &input[0][0][0], lengths, T, B));
    ex_try(seq, tkr_sequence_output(seq, &output[0][0][0], T * B * H));
    tkr_sequence_destroy(seq);
}

static void run_streaming(const tkr_cell *net, float output[T][B][H]) {
    tkr_state *state;
    ex_try(ex_env(1), tkr_state_create(&state, net, B, ex_env(1)));
    for (int t = 0; t < T; t++) {
        ex_try(state, tkr_cell_step(net, state, &output[t][0][0], &input[t][0][0]));
    }
    tkr_state_destroy(state);
}

static void print_outputs(const char *title, float output[T][B][H]) {
    printf("%s\n", title);
    for (int t = 0; t < T; t++) {
        printf("t=%d\n", t);
        for (int b = 0; b < B; b++) {
            printf("%s", b == 0 ? "[[" : " [");
            for (int j = 0; j < H; j++) {
                printf("%s%11.8f", j == 0 ? "" : " ", (double)output[t][b][j]);
            }
            printf("%s\n", b == B - 1 ? "]]" : "]");
        }
    }
}

/* The largest difference, which a NaN makes infinite. */
static double difference(float a[T][B][H], float b[T][B][H]) {
    const float *x = &a[0][0][0], *y = &b[0][0][0];
    double worst = 0;
    for (int i = 0; i < T * B * H; i++) {
        double d = fabs((double)x[i] - (double)y[i]);
        worst = d <= worst ? worst : isnan(d) ? INFINITY : d;
    }
    return worst;
}

int main(int argc, char **argv) {
    int64_t seed = 42;
    ex_option options[] = {
        {"seed", EX_INT, &seed, 0, 1e9, "which random weights", 0},
        {0},
    };
    ex_options("Two steps through five recurrent units, in three ways that must agree.", options,
               argc, argv);

    float fixed[T][B][H], dynamic[T][B][H], streamed[T][B][H], shorter[T][B][H];
    const int32_t both[B] = {2, 2, 2, 2}, second_short[B] = {2, 1, 2, 2};
    tkr_cell *net = make_net((uint64_t)seed);
    run_unrolled(net, fixed, T, NULL);
    run_unrolled(net, dynamic, ROOM, both);
    run_streaming(net, streamed);
    run_unrolled(net, shorter, ROOM, second_short);
    tkr_cell_destroy(net);

    print_outputs("Two steps, unrolled:", fixed);
    print_outputs("\nThe same, the second row being one step long: past its end the output is 0.",
                  shorter);
    double by_length = difference(fixed, dynamic), by_step = difference(fixed, streamed);
    printf("\nlargest difference, static to dynamic:   %g\n", by_length);
    printf("largest difference, static to streaming: %g\n", by_step);
    if (by_length > 1e-6 || by_step > 1e-6) {
        ex_die("the three ways disagree");
    }
    return ex_done();
}
