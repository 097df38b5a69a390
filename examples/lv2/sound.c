/* SPDX-License-Identifier: MIT
 *
 * What run() does to samples. A voice is a model, or NULL: the input as it is. One voice is heard;
 * when another is to be heard the two are mixed for `ramp` samples, and nothing else begins
 * meanwhile.
 *
 * Sound is what lies between 2^-100 and 2^100, and zero. All else becomes zero on its way in: so no
 * sum or product here overflows, and none is slow because its numbers are denormal.
 */
#include <math.h>
#include <string.h>

#include "rnn.h"

enum { LEAST_EXPONENT = 127 - 100, MOST_EXPONENT = 127 + 99 };

static uint32_t exponent_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits >> 23 & 0xFF;
}

/* x where it is sound, else a zero of its sign. Integers alone: a denormal costs nothing. */
static float sound_of(float x) {
    uint32_t bits, exponent = exponent_of(x);
    memcpy(&bits, &x, sizeof bits);
    bits &= exponent >= LEAST_EXPONENT && exponent <= MOST_EXPONENT ? 0xFFFFFFFFu : 0x80000000u;
    memcpy(&x, &bits, sizeof bits);
    return x;
}

static bool is_loud_beyond_sound(const float *samples, uint32_t n) {
    uint32_t most = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t exponent = exponent_of(samples[i]);
        most = exponent > most ? exponent : most;
    }
    return most > MOST_EXPONENT;
}

/* ---- gains ----------------------------------------------------------------------------------- */

/* The factor of a port in dB: within what rnn.ttl says; 1 where there is no number. */
static float factor_of(const float *port) {
    if (port == NULL || isnan(*port)) {
        return 1;
    }
    float db = *port < -60 ? -60 : *port > 24 ? 24 : *port;
    return powf(10, 0.05f * db);
}

static void slide_to(rnn_slide *slide, float target, uint32_t ramp) {
    if (ramp == 0) {
        *slide = (rnn_slide){target, target, 0, 0};
    } else if (target != slide->target) {
        *slide = (rnn_slide){slide->now, target, (target - slide->now) / (float)ramp, ramp};
    }
}

/* The factors of the next n samples. */
static void slide_on(rnn_slide *slide, float *factors, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        if (slide->left > 0) {
            slide->left--;
            slide->now = slide->left == 0 ? slide->target : slide->now + slide->step;
        }
        factors[i] = slide->now;
    }
}

/* ---- voices ---------------------------------------------------------------------------------- */

/* What is between input and output for a chunk of samples. */
typedef struct chunk {
    uint32_t n;
    float in[RNN_CHUNK], gains[RNN_CHUNK], levels[RNN_CHUNK];
} chunk;

static void play_voice(rnn_model *voice, const chunk *c, float *y) {
    if (voice == NULL) {
        memcpy(y, c->in, c->n * sizeof *y);
        return;
    }
    for (uint32_t i = 0; i < c->n; i++) {
        y[i] = c->in[i] * c->gains[i];
    }
    if (!rnn_model_run(voice, y, c->n) || is_loud_beyond_sound(y, c->n)) {
        rnn_model_reset(voice);
    }
    for (uint32_t i = 0; i < c->n; i++) {
        y[i] = sound_of(y[i]) * c->levels[i];
    }
}

bool rnn_sound_needs(const rnn *self, const rnn_model *model) {
    return model == self->heard || model == self->fading;
}

/* Begin to fade to the voice that is wanted, if it is another one and no fade is under way. */
static void choose_voice(rnn *self) {
    bool enabled = self->ports.enabled == NULL || *self->ports.enabled > 0;
    rnn_model *wanted = enabled ? self->model : NULL;
    if (self->fade_left > 0 || wanted == self->heard) {
        return;
    }
    self->fading = self->heard;
    self->heard = wanted;
    self->fade_left = self->ramp;
    if (wanted != NULL) {
        rnn_model_reset(wanted);
    }
}

static void end_fade(rnn *self) {
    rnn_model *faded = self->fading;
    self->fading = NULL;
    self->fade_left = 0;
    if (faded != NULL && faded != self->model) {
        rnn_swap_drop(self, faded);
    }
}

/* y from `fading` to y, as far as this fade has come. */
static void mix_fade(rnn *self, const chunk *c, float *y) {
    float old[RNN_CHUNK];
    play_voice(self->fading, c, old);
    for (uint32_t i = 0; i < c->n; i++) {
        float share = (float)(self->ramp - self->fade_left + i + 1) / (float)self->ramp;
        y[i] = old[i] + (y[i] - old[i]) * share;
    }
    self->fade_left -= c->n;
    if (self->fade_left == 0) {
        end_fade(self);
    }
}

/* in and out may be the same samples. */
static void play_chunk(rnn *self, const float *in, float *out, uint32_t n) {
    chunk c;
    float y[RNN_CHUNK];
    c.n = n;
    for (uint32_t i = 0; i < n; i++) {
        c.in[i] = sound_of(in[i]);
    }
    slide_on(&self->gain, c.gains, n);
    slide_on(&self->level, c.levels, n);
    play_voice(self->heard, &c, y);
    if (self->fade_left > 0) {
        mix_fade(self, &c, y);
    }
    memcpy(out, y, n * sizeof *y);
}

/* The first samples of all: no fade, no slide, nothing remembered. */
static void begin(rnn *self) {
    slide_to(&self->gain, factor_of(self->ports.gain), 0);
    slide_to(&self->level, factor_of(self->ports.level), 0);
    end_fade(self);
    choose_voice(self);
    end_fade(self);
    if (self->heard != NULL) {
        rnn_model_reset(self->heard);
    }
    self->fresh = false;
}

void rnn_sound(rnn *self, uint32_t frames) {
    if (frames == 0 || self->ports.in == NULL || self->ports.out == NULL) {
        return;
    }
    if (self->fresh) {
        begin(self);
    }
    slide_to(&self->gain, factor_of(self->ports.gain), self->ramp);
    slide_to(&self->level, factor_of(self->ports.level), self->ramp);
    for (uint32_t n, done = 0; done < frames; done += n) {
        choose_voice(self);
        n = frames - done < RNN_CHUNK ? frames - done : RNN_CHUNK;
        n = self->fade_left > 0 && self->fade_left < n ? self->fade_left : n;
        play_chunk(self, self->ports.in + done, self->ports.out + done, n);
    }
}
