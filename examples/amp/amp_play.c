/* SPDX-License-Identifier: MIT
 *
 * A sound goes through a trained net as it would in a plug-in: block by block.
 */
#include "amp.h"

#include <stdlib.h>

tkr_cell *amp_load(const char *path, int64_t *rate) {
    tkr_cell *net;
    int64_t inputs = 0, outputs = 0;
    ex_try(ex_env(1), tkr_cell_load(&net, path, ex_env(1)));
    ex_try(net, tkr_cell_shape(net, NULL, &inputs, &outputs));
    const char *text = tkr_cell_get_metadata(net, "sample_rate");
    char *end = NULL;
    *rate = text == NULL ? 0 : strtol(text, &end, 10);
    if (inputs != 1 || outputs != 1) {
        ex_die("%s: is a net of %lld inputs and %lld outputs, not of one sample", path,
               (long long)inputs, (long long)outputs);
    }
    if (*rate < 1 || *end != '\0') {
        ex_die("%s: its metadata has no sample_rate in Hz", path);
    }
    return net;
}

void amp_stream(const tkr_cell *net, float *output, const float *input, int64_t n, int64_t block) {
    tkr_state *state;
    ex_try(ex_env(1), tkr_state_create(&state, net, 1, ex_env(1)));
    for (int64_t at = 0; at < n; at += block) {
        int64_t steps = n - at < block ? n - at : block;
        ex_try(state, tkr_cell_steps(net, state, output + at, input + at, steps));
    }
    tkr_state_destroy(state);
}

void amp_play(const amp_options *set, const char *model, const char *in, const char *out) {
    int64_t rate = 0;
    const char *const read[] = {model, in};
    ex_keep_apart(out, read, 2);
    ex_try_output(out);
    tkr_cell *net = amp_load(model, &rate);
    amp_wave dry = amp_wave_read(in);
    if (dry.rate != rate) {
        ex_die("%s: has %lld Hz, and %s was trained at %lld Hz", in, (long long)dry.rate, model,
               (long long)rate);
    }
    amp_wave wet = {ex_alloc(dry.len, sizeof *wet.samples), dry.len, rate};
    double start = ex_now();
    amp_stream(net, wet.samples, dry.samples, dry.len, set->block);
    double seconds = ex_now() - start, sound = (double)dry.len / (double)rate;
    amp_wave_write(out, &wet, AMP_FLOAT);
    printf("%s: %.1f s of sound in %.2f s, %.1f times as fast as it sounds\n", out, sound, seconds,
           sound / seconds);
    tkr_cell_destroy(net);
    free(dry.samples);
    free(wet.samples);
}
