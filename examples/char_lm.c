/* SPDX-License-Identifier: MIT
 *
 * char_lm: a character language model, beside the n-grams that it must beat.
 *
 *   char_lm                             the founding page's experiment, on our own source
 *   char_lm --text FILE                 train on a text, validate on its last tenth, write
 *   char_lm --text FILE --save NET      the same, keeping the net and the state of its training
 *   char_lm --text FILE --resume NET    go on with a training that was interrupted
 *   char_lm --load NET --sample 500     let a trained net write
 *   char_lm --text FILE --mix           at the end mix the net with an n-gram
 */
#include "char_lm.h"

#include <string.h>

static const char about[] =
    "A character language model. Without --text: the first experiment of the founding page, the\n"
    "introduction to recurrent networks that this project began with: 40 tanh units that learn 30\n"
    "characters of each line of their own source. With --text: any net on any text, validated on\n"
    "held-out text beside n-grams.\n";

/* What each way to use the program understands; the page's experiment has fixed sizes, a net from a
 * file is as it is. */
static const char *const of_the_page[] = {"text",        "page",    "seed", "seeds",
                                          "temperature", "threads", NULL};
static const char *const of_load[] = {"text", "valid",   "valid-all",   "mix",   "order",
                                      "seed", "sample",  "temperature", "top-p", "prime",
                                      "load", "threads", NULL};
static const char *const of_resume[] = {
    "text",  "valid", "valid-all", "mix",     "order", "seed",       "sample", "temperature",
    "top-p", "prime", "resume",    "threads", "save",  "iterations", "every",  NULL};
static const char *const of_sampling[] = {"temperature", "top-p", "prime", NULL};

static char_options defaults(void) {
    return (char_options){.prime = "",
                          .cell = 1,
                          .hidden = 256,
                          .layers = 1,
                          .embedding = 64,
                          .steps = 64,
                          .batch = 32,
                          .iterations = 2000,
                          .every = 200,
                          .order = 5,
                          .seed = 1,
                          .seeds = 5,
                          .sample = 500,
                          .threads = 1,
                          .rate = 0.01,
                          .clip = 1,
                          .temperature = 1,
                          .top_p = 1};
}

/* Refuse an option that would be ignored: any but those that are understood. */
static void refuse_others(const ex_option *options, const char *const *understood,
                          const char *why) {
    for (; options->name != NULL; options++) {
        const char *const *name = understood;
        while (*name != NULL && strcmp(*name, options->name) != 0) {
            name++;
        }
        if (*name == NULL && options->given) {
            ex_die("--%s %s", options->name, why);
        }
    }
}

static void check_ignored(const char_options *set, const ex_option *options) {
    if (set->page || (set->text == NULL && set->load == NULL && set->resume == NULL)) {
        refuse_others(options, of_the_page,
                      "needs --text FILE: the sizes of the page's experiment are fixed");
        return;
    }
    if (set->load != NULL) {
        refuse_others(options, of_load, "is of no use to --load: the net is as its file has it");
    }
    if (set->resume != NULL) {
        refuse_others(options, of_resume,
                      "is of no use to --resume: the training goes on as it began");
    }
    if (ex_given(options, "seeds")) {
        ex_die("--seeds is of the page's experiment alone: give one --seed");
    }
    for (const char *const *name = of_sampling; *name != NULL && set->sample == 0; name++) {
        if (ex_given(options, *name)) {
            ex_die("--%s is of no use to --sample 0", *name);
        }
    }
}

static void check_together(const char_options *set, const ex_option *options) {
    if (set->load != NULL && (set->resume != NULL || set->save != NULL)) {
        ex_die("--load only reads a net: to train it further and save it, use --resume");
    }
    if (set->resume != NULL && set->text == NULL) {
        ex_die("--resume needs the --text that the training began with");
    }
    if ((set->mix || ex_given(options, "order")) && set->load != NULL && set->text == NULL) {
        ex_die("--%s needs the --text that the n-grams are counted on", set->mix ? "mix" : "order");
    }
    if (set->valid_all && set->text == NULL && set->valid == NULL) {
        ex_die("--valid-all needs a held-out text: --text or --valid");
    }
    if (set->bytes && set->characters) {
        ex_die("--bytes: or --chars?");
    }
    check_ignored(set, options);
    const char *const read[] = {set->text, set->valid};
    ex_keep_apart(set->save, read, 2);
    if (set->save != NULL) {
        ex_try_output(set->save);
    }
}

static void read_options(char_options *set, int argc, char **argv) {
    ex_option options[] = {
        {"text", EX_FILE, &set->text, 0, 0, "the text to learn", 0},
        {"valid", EX_FILE, &set->valid, 0, 0, "held-out text, else the last tenth of --text", 0},
        {"valid-all", EX_FLAG, &set->valid_all, 0, 0,
         "validate on all of it; else on 3 characters for 10 of training", 0},
        {"page", EX_FLAG, &set->page, 0, 0, "the page's experiment, on --text", 0},
        {"chars", EX_FLAG, &set->characters, 0, 0, "symbols are the text's UTF-8 characters", 0},
        {"bytes", EX_FLAG, &set->bytes, 0, 0, "symbols are bytes", 0},
        {"cell", EX_CHOICE, &set->cell, 0, 0, "elman|lstm|gru: the cell", 0},
        {"hidden", EX_INT, &set->hidden, 1, 65536, "units of a layer", 0},
        {"layers", EX_INT, &set->layers, 1, 64, "recurrent layers", 0},
        {"embedding", EX_INT, &set->embedding, 0, 65536, "width of an embedding; 0 none", 0},
        {"dropout", EX_REAL, &set->dropout, 0, 0.99, "dropout between layers and at the end", 0},
        {"steps", EX_INT, &set->steps, 1, 65536, "steps of a window", 0},
        {"batch", EX_INT, &set->batch, 1, 65536, "streams side by side", 0},
        {"lr", EX_REAL, &set->rate, 0, 100, "Adam's rate, falling to 1 % on a cosine", 0},
        {"clip", EX_REAL, &set->clip, 0, 1e9, "clip the gradient's norm; 0 does not", 0},
        {"iterations", EX_INT, &set->iterations, 1, 1e9, "windows to train on", 0},
        {"every", EX_INT, &set->every, 1, 1e9, "iterations between validations and saves", 0},
        {"mix", EX_FLAG, &set->mix, 0, 0, "mix the net with modified Kneser-Ney at the end", 0},
        {"order", EX_INT, &set->order, 1, 16, "of the n-grams: characters before, plus 1", 0},
        {"seed", EX_INT, &set->seed, 0, 1e9, "of all that is random", 0},
        {"seeds", EX_INT, &set->seeds, 1, 100, "page: how many seeds, for medians", 0},
        {"sample", EX_INT, &set->sample, 0, 1e9, "characters to write at the end", 0},
        {"temperature", EX_REAL, &set->temperature, 0, 100, "of sampling; 0: the likeliest", 0},
        {"top-p", EX_REAL, &set->top_p, 1e-6, 1, "sample from the likeliest up to this mass", 0},
        {"prime", EX_TEXT, &set->prime, 0, 0, "text that the net reads before it writes", 0},
        {"save", EX_FILE, &set->save, 0, 0, "keep the net and its training here", 0},
        {"load", EX_FILE, &set->load, 0, 0, "a saved net, to validate and to sample", 0},
        {"resume", EX_FILE, &set->resume, 0, 0, "go on with a saved training", 0},
        {"threads", EX_INT, &set->threads, 1, 64, "threads", 0},
        {0},
    };
    ex_options(about, options, argc, argv);
    set->iterations_given = ex_given(options, "iterations");
    check_together(set, options);
}

int main(int argc, char **argv) {
    char_options set = defaults();
    read_options(&set, argc, argv);
    if (set.page || (set.text == NULL && set.load == NULL && set.resume == NULL)) {
        char_page(&set);
    } else {
        char_text(&set);
    }
    return ex_done();
}
