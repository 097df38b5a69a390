/* SPDX-License-Identifier: MIT
 *
 * Sound files, through libsndfile.
 */
#include "amp.h"

#include <errno.h>
#include <math.h>
#include <sndfile.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void check_samples(const char *path, const amp_wave *wave) {
    for (int64_t i = 0; i < wave->len; i++) {
        if (!isfinite(wave->samples[i])) {
            ex_die("%s: sample %lld is not a number", path, (long long)i);
        }
    }
}

amp_wave amp_wave_read(const char *path) {
    SF_INFO info = {.format = 0};
    SNDFILE *file = sf_open(path, SFM_READ, &info);
    if (file == NULL) {
        ex_die("%s: is no sound file that can be read: %s", path, sf_strerror(NULL));
    }
    if (info.channels != 1) {
        ex_die("%s: has %d channels, and one is wanted", path, info.channels);
    }
    if (info.frames < 1) {
        ex_die("%s: has no samples", path);
    }
    amp_wave wave = {NULL, info.frames, info.samplerate};
    wave.samples = ex_alloc(wave.len, sizeof *wave.samples);
    if (sf_readf_float(file, wave.samples, wave.len) != wave.len) {
        ex_die("%s: ends before its %lld samples do", path, (long long)wave.len);
    }
    sf_close(file);
    check_samples(path, &wave);
    return wave;
}

/* The end of a program that could not write: nothing is left behind. */
static _Noreturn void give_up(const char *path, const char *temporary, const char *why) {
    unlink(temporary);
    ex_die("%s: cannot be written: %s", path, why);
}

static void write_samples(int descriptor, const char *path, const char *temporary,
                          const amp_wave *wave, int samples) {
    int format = SF_FORMAT_WAV | (samples == AMP_FLOAT ? SF_FORMAT_FLOAT : SF_FORMAT_PCM_24);
    SF_INFO info = {.samplerate = (int)wave->rate, .channels = 1, .format = format};
    SNDFILE *file = sf_open_fd(descriptor, SFM_WRITE, &info, SF_FALSE);
    if (file == NULL) {
        give_up(path, temporary, sf_strerror(NULL));
    }
    sf_command(file, SFC_SET_CLIPPING, NULL,
               SF_TRUE); /* else what is over full scale wraps round */
    if (sf_writef_float(file, wave->samples, wave->len) != wave->len) {
        give_up(path, temporary, sf_strerror(file));
    }
    if (sf_close(file) != 0) {
        give_up(path, temporary, "the file could not be closed");
    }
}

/* The mode of a new file: what the umask leaves. mkstemp() gives it to its owner alone. */
static mode_t new_mode(void) {
    mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

void amp_wave_write(const char *path, const amp_wave *wave, int samples) {
    static const int64_t most =
        INT32_MAX / (int64_t)sizeof(float); /* half of what a header can say */
    char temporary[4096];
    if (wave->len > most) {
        ex_die("%s: %lld samples are too many for a WAV file", path, (long long)wave->len);
    }
    if (snprintf(temporary, sizeof temporary, "%s.XXXXXX", path) >= (int)sizeof temporary) {
        ex_die("%s: the name is too long", path);
    }
    int descriptor = mkstemp(temporary);
    if (descriptor < 0) {
        ex_die("%s: cannot be written: %s", path, strerror(errno));
    }
    write_samples(descriptor, path, temporary, wave, samples);
    if (fchmod(descriptor, new_mode()) != 0 || fsync(descriptor) != 0 || close(descriptor) != 0 ||
        rename(temporary, path) != 0) {
        give_up(path, temporary, strerror(errno));
    }
}

double amp_rms(const float *samples, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += (double)samples[i] * (double)samples[i];
    }
    return n > 0 ? sqrt(sum / (double)n) : 0;
}
