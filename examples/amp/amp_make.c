/* SPDX-License-Identifier: MIT
 *
 * A pair to learn from: something like a guitar, and what an amplifier of four filters and a curve
 * makes of it.
 *
 *     wet = low-pass(clip(gain * peak(high-pass(dry)))), and a high-pass against its offset
 *     clip(v) = tanh(v) for v >= 0, LOWER tanh(v / LOWER) below
 *
 * The curve is applied at the rate of the file: what folds back is part of what is to be learned.
 */
#include "amp.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const double pi = 3.14159265358979323846;

/* ---- the amplifier --------------------------------------------------------------------------- */

/* y[t] = b0 x[t] + b1 x[t-1] + b2 x[t-2] - a1 y[t-1] - a2 y[t-2], the bilinear transform of a
 * resonance at `hertz` of quality q. */
typedef struct biquad {
    double b0, b1, b2, a1, a2, s1, s2;
} biquad;

enum { LOW_PASS, HIGH_PASS, PEAK };

static biquad make_filter(int kind, double hertz, double q, double gain, double rate) {
    double w = 2 * pi * hertz / rate, cosine = cos(w), alpha = sin(w) / (2 * q);
    double root = sqrt(gain), a0 = 1 + (kind == PEAK ? alpha / root : alpha);
    biquad f = {.a1 = -2 * cosine / a0, .a2 = (2 - a0) / a0};
    if (kind == PEAK) {
        f.b0 = (1 + alpha * root) / a0;
        f.b1 = f.a1;
        f.b2 = (1 - alpha * root) / a0;
    } else {
        double sign = kind == LOW_PASS ? 1 : -1;
        f.b0 = f.b2 = (1 - sign * cosine) / 2 / a0;
        f.b1 = sign * 2 * f.b0;
    }
    return f;
}

static double filter(biquad *f, double x) {
    double y = f->b0 * x + f->s1;
    f->s1 = f->b1 * x - f->a1 * y + f->s2;
    f->s2 = f->b2 * x - f->a2 * y;
    return y;
}

static double clip(double v) {
    static const double lower = 0.6;
    return v >= 0 ? tanh(v) : lower * tanh(v / lower);
}

static void amplify(amp_wave *wet, const amp_wave *dry) {
    static const double gain = 5;
    double rate = (double)dry->rate;
    biquad high = make_filter(HIGH_PASS, 100, 0.7, 1, rate);
    biquad peak = make_filter(PEAK, 800, 0.7, 2.5, rate);
    biquad low = make_filter(LOW_PASS, 5000, 0.7, 1, rate);
    biquad offset = make_filter(HIGH_PASS, 20, 0.7, 1, rate);
    for (int64_t t = 0; t < dry->len; t++) {
        double v = filter(&peak, filter(&high, (double)dry->samples[t]));
        wet->samples[t] = (float)(0.7 * filter(&offset, filter(&low, clip(gain * v))));
    }
}

/* ---- the guitar ------------------------------------------------------------------------------ */

static double between(uint64_t *random, double low, double high) {
    return low + (high - low) * ex_uniform(random);
}

/* A string (Karplus & Strong 1983): noise goes round a loop of one period that loses its highs. */
static void pluck(float *x, int64_t n, double period, double level, uint64_t *random) {
    int64_t len = (int64_t)period + 2, whole = (int64_t)(period - 0.5);
    double share = period - 0.5 - (double)whole, before = 0;
    double keep = between(random, 0.985, 0.999), softness = between(random, 0.2, 0.8);
    double *loop = ex_alloc(len, sizeof *loop);
    for (int64_t i = 0; i < len; i++) { /* the softer the pick, the darker the noise */
        before = loop[i] = softness * before + (1 - softness) * between(random, -1, 1);
    }
    before = 0;
    for (int64_t t = 0; t < n; t++) {
        double near = loop[(t + len - whole) % len], far = loop[(t + len - whole - 1) % len];
        double now = (1 - share) * near + share * far;
        loop[t % len] = keep * (now + before) / 2; /* half a step of delay in the mean */
        before = now;
        x[t] += (float)(level * loop[t % len]);
    }
    free(loop);
}

/* One to four strings, up to 20 ms apart, up from 82 Hz, the lowest of a guitar. */
static void strum(float *x, int64_t n, double rate, double level, uint64_t *random) {
    static const int steps[] = {0, 7, 12, 16}; /* semitones of a chord */
    int64_t strings = ex_below(random, 3) == 0 ? 2 + ex_below(random, 3) : 1, at = 0;
    double root = 82.4 * pow(2, (double)ex_below(random, 32) / 12);
    for (int64_t i = 0; i < strings && at < n; i++) {
        double hertz = root * pow(2, steps[i] / 12.0);
        pluck(x + at, n - at, rate / hertz, 1.5 * level / sqrt((double)strings), random);
        at += (int64_t)(between(random, 0.002, 0.02) * rate);
    }
}

/* A sine that climbs two to six octaves. */
static void chirp(float *x, int64_t n, double rate, double level, uint64_t *random) {
    double hertz = between(random, 60, 200), octaves = between(random, 2, 6), phase = 0;
    for (int64_t t = 0; t < n; t++) {
        double place = (double)t / (double)n;
        phase += 2 * pi * hertz * pow(2, octaves * place) / rate;
        x[t] += (float)(level * sin(pi * place) * sin(phase));
    }
}

static void burst(float *x, int64_t n, double level, uint64_t *random) {
    for (int64_t t = 0; t < n; t++) {
        x[t] += (float)(level * (1 - (double)t / (double)n) * between(random, -1, 1));
    }
}

/* Eight of ten sounds are strings, which ring on into the next; levels are spread over 24 dB. */
static void play_guitar(amp_wave *dry, uint64_t *random) {
    double rate = (double)dry->rate;
    for (int64_t at = 0; at < dry->len;) {
        int64_t kind = ex_below(random, 10);
        double level = pow(10, between(random, -24, 0) / 20), seconds = between(random, 0.15, 0.8);
        int64_t len = (int64_t)(seconds * rate), room = dry->len - at;
        int64_t ringing = 3 * len < room ? 3 * len : room, n = len < room ? len : room;
        if (kind < 8) {
            strum(dry->samples + at, ringing, rate, level, random);
        } else if (kind == 8) {
            chirp(dry->samples + at, n, rate, level, random);
        } else {
            burst(dry->samples + at, n / 4, level / 2, random);
        }
        at += len;
    }
    for (int64_t t = 0; t < dry->len; t++) { /* loud strings together bend, they do not break */
        dry->samples[t] = (float)(0.9 * tanh((double)dry->samples[t]));
    }
}

/* ---- the pair -------------------------------------------------------------------------------- */

static void write_wave(const char *folder, const char *name, const amp_wave *wave) {
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) {
        ex_die("%s: the name is too long", folder);
    }
    amp_wave_write(path, wave, AMP_PCM24);
    printf("%s: %.1f s at %lld Hz, %.1f dB below full scale\n", path,
           (double)wave->len / (double)wave->rate, (long long)wave->rate,
           -20 * log10(amp_rms(wave->samples, wave->len)));
}

void amp_make(const amp_options *set, const char *folder) {
    uint64_t random = (uint64_t)set->seed;
    int64_t len = set->seconds * set->rate;
    amp_wave dry = {ex_alloc(len, sizeof(float)), len, set->rate};
    amp_wave wet = {ex_alloc(len, sizeof(float)), len, set->rate};
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
        ex_die("%s: %s", folder, strerror(errno));
    }
    play_guitar(&dry, &random);
    amplify(&wet, &dry);
    write_wave(folder, "dry.wav", &dry);
    write_wave(folder, "wet.wav", &wet);
    free(dry.samples);
    free(wet.samples);
}
