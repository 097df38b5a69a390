/* SPDX-License-Identifier: MIT
 *
 * What the files of amp share: waves, the error that is trained and reported, the three commands.
 */
#ifndef EXAMPLES_AMP_H
#define EXAMPLES_AMP_H

#include "../common.h"

/** One channel of sound. */
typedef struct amp_wave {
    float *samples; /**< [len], full scale is 1 */
    int64_t len;
    int64_t rate; /**< Hz */
} amp_wave;

enum { AMP_PCM24, AMP_FLOAT }; /* the samples of a file that is written */

/** Read a file of one channel; the caller frees its samples. What has no samples, several channels,
 *  or a sample that is no number, ends the program. */
amp_wave amp_wave_read(const char *path);

/** Write a WAV file: it appears whole or not at all. AMP_PCM24 clips at full scale. */
void amp_wave_write(const char *path, const amp_wave *wave, int samples);

/** The root of the mean square of n samples. */
double amp_rms(const float *samples, int64_t n);

/** Error-to-signal ratios: behind the pre-emphasis, as it is trained, and of the bare samples. */
typedef struct amp_error {
    double esr, plain;
} amp_error;

amp_error amp_error_of(const float *target, const float *output, int64_t n);

/** The loss of a window and its gradient dL/doutput.
 *  @param doutput  [steps][batch], to be written
 *  @param target   [1 + steps][batch], as is output: the first row is the step before the window */
double amp_loss(float *doutput, const float *target, const float *output, int64_t steps,
                int64_t batch);

/** The rivals, fitted to the first n samples and run on all [len of dry]. */
void amp_wire(float *output, const amp_wave *dry, const amp_wave *wet, int64_t n);
void amp_curve(float *output, const amp_wave *dry, const amp_wave *wet, int64_t n);

typedef struct amp_options {
    int64_t seconds, rate;                                          /* make */
    int64_t hidden, epochs, batch, steps, segment, warmup, threads; /* train */
    int64_t block;                                                  /* play */
    int64_t seed;
    double lr;
} amp_options;

/** amp make DIR: dry.wav and wet.wav of our own making. */
void amp_make(const amp_options *set, const char *folder);

/** amp train DRY WET MODEL */
void amp_train(const amp_options *set, const char *dry, const char *wet, const char *model);

/** amp play MODEL IN OUT */
void amp_play(const amp_options *set, const char *model, const char *in, const char *out);

/** Load a net of one input and one output, and the rate that its metadata tell. */
tkr_cell *amp_load(const char *path, int64_t *rate);

/** Stream n samples through the net, `block` steps a call, from its initial state. */
void amp_stream(const tkr_cell *net, float *output, const float *input, int64_t n, int64_t block);

#endif
