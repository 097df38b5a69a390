/* SPDX-License-Identifier: MIT
 *
 * amp: an LSTM learns the sound of an amplifier.
 *
 *   amp make DIR                a pair to learn from: DIR/dry.wav and DIR/wet.wav
 *   amp train DRY WET MODEL     a net that makes the one of the other
 *   amp play MODEL IN OUT       another sound through it, block by block
 */
#include "amp.h"

#include <string.h>

static const char about[] =
    "An LSTM learns the sound of an amplifier from a recording of what goes in and what comes "
    "out.\n"
    "  amp make DIR             writes a pair to learn from: DIR/dry.wav and DIR/wet.wav\n"
    "  amp train DRY WET MODEL  learns it, holds it beside a straight wire and a static curve\n"
    "  amp play MODEL IN OUT    sends a sound through the net, block by block\n"
    "Options stand behind the names of files.\n";

static const char *const of_make[] = {"seconds", "rate", "seed", NULL};
static const char *const of_train[] = {"hidden", "epochs", "batch", "steps",   "segment",
                                       "warmup", "lr",     "seed",  "threads", NULL};
static const char *const of_play[] = {"block", NULL};

typedef struct command {
    const char *name;
    int files;
    const char *const *options; /* those that it understands */
} command;

static const command commands[] = {
    {"make", 1, of_make}, {"train", 3, of_train}, {"play", 3, of_play}};

enum { MAKE, TRAIN, PLAY, COMMANDS };

static int knows(const command *what, const char *option) {
    const char *const *name = what->options;
    while (*name != NULL && strcmp(*name, option) != 0) {
        name++;
    }
    return *name != NULL;
}

/* Take the words in front of the options: the command and its files. Returns how many. */
static int take_words(const char **words, int most, int argc, char **argv) {
    int n = 0;
    while (n < most && n + 1 < argc && strncmp(argv[n + 1], "--", 2) != 0) {
        words[n] = argv[n + 1];
        n++;
    }
    return n;
}

static int which_command(const char *const *words, int n, const ex_option *options) {
    int which = 0;
    while (which < COMMANDS && (n == 0 || strcmp(words[0], commands[which].name) != 0)) {
        which++;
    }
    if (which == COMMANDS) {
        ex_die("make, train or play?\nTry amp --help.");
    }
    if (n - 1 != commands[which].files) {
        ex_die("%s wants %d name%s, and got %d\nTry amp --help.", words[0], commands[which].files,
               commands[which].files == 1 ? "" : "s", n - 1);
    }
    for (; options->name != NULL; options++) {
        if (options->given && !knows(&commands[which], options->name)) {
            ex_die("--%s is of no use to %s", options->name, words[0]);
        }
    }
    return which;
}

enum { MOST_WORDS = 4 };

static int read_options(amp_options *set, const char **words, int argc, char **argv) {
    ex_option options[] = {
        {"seconds", EX_INT, &set->seconds, 1, 3600, "make: length of the pair", 0},
        {"rate", EX_INT, &set->rate, 16000, 192000, "make: samples a second", 0},
        {"hidden", EX_INT, &set->hidden, 1, 1024, "train: LSTM units", 0},
        {"epochs", EX_INT, &set->epochs, 1, 1e6, "train: how often all of it is heard", 0},
        {"batch", EX_INT, &set->batch, 1, 4096, "train: segments side by side", 0},
        {"steps", EX_INT, &set->steps, 1, 65536, "train: steps between updates (k1 = k2)", 0},
        {"segment", EX_INT, &set->segment, 1, 1e7, "train: steps of a segment", 0},
        {"warmup", EX_INT, &set->warmup, 1, 1e7, "train: steps before it, without a loss", 0},
        {"lr", EX_REAL, &set->lr, 0, 1, "train: Adam's rate, falling to 1 % on a cosine", 0},
        {"threads", EX_INT, &set->threads, 1, 64, "train: threads", 0},
        {"block", EX_INT, &set->block, 1, 1e6, "play: steps a call", 0},
        {"seed", EX_INT, &set->seed, 0, 1e9, "make, train: of all that is random", 0},
        {0},
    };
    int n = take_words(words, MOST_WORDS, argc, argv);
    argv[n] = argv[0]; /* what is left is options */
    ex_options(about, options, argc - n, argv + n);
    return which_command(words, n, options);
}

int main(int argc, char **argv) {
    amp_options set = {.seconds = 60,
                       .rate = 44100,
                       .hidden = 16,
                       .epochs = 60,
                       .batch = 32,
                       .steps = 256,
                       .segment = 22050,
                       .warmup = 1000,
                       .threads = 1,
                       .block = 64,
                       .seed = 1,
                       .lr = 0.005};
    const char *words[MOST_WORDS] = {NULL};
    switch (read_options(&set, words, argc, argv)) {
        case MAKE:
            amp_make(&set, words[1]);
            break;
        case TRAIN:
            amp_train(&set, words[1], words[2], words[3]);
            break;
        default:
            amp_play(&set, words[1], words[2], words[3]);
    }
    return ex_done();
}
