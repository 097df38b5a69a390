/* SPDX-License-Identifier: MIT
 *
 * What the examples share and what has nothing to do with recurrent networks: options, texts, the
 * clock, a progress line, pictures, and the polite end of a program whose call failed.
 */
#ifndef EXAMPLES_COMMON_H
#define EXAMPLES_COMMON_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <tekrar/tekrar.h>

/* ---- failing politely ------------------------------------------------------------------------ */

/** Print "program: <message>" to stderr and exit with 1. */
_Noreturn void ex_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** The end of a program whose call `call` gave `status`: what it means, and the object's detail. */
_Noreturn void ex_fail(int32_t status, const char *call, const char *detail);

/** The detail text that a failed _create or _load left in an environment. */
const char *ex_env_detail(const tkr_env *env);

/** The detail function of an object, chosen by its type. */
#define ex_detail(object)                          \
    _Generic((object),                             \
        tkr_env *: ex_env_detail,                  \
        const tkr_env *: ex_env_detail,            \
        tkr_cell *: tkr_cell_detail,               \
        const tkr_cell *: tkr_cell_detail,         \
        tkr_sequence *: tkr_sequence_detail,       \
        const tkr_sequence *: tkr_sequence_detail, \
        tkr_state *: tkr_state_detail,             \
        const tkr_state *: tkr_state_detail,       \
        tkr_optimizer *: tkr_optimizer_detail,     \
        tkr_sampler *: tkr_sampler_detail,         \
        tkr_ngram *: tkr_ngram_detail,             \
        const tkr_ngram *: tkr_ngram_detail)(object)

/** Make a call that may fail; if it does, say why with the text of `object`, and exit with 1. */
#define ex_try(object, call)                              \
    do {                                                  \
        int32_t ex_status = (call);                       \
        if (ex_status != TKR_OK) {                        \
            ex_fail(ex_status, #call, ex_detail(object)); \
        }                                                 \
    } while (0)

/** The end of main(): 0 if all that was printed has arrived, else 1. */
int ex_done(void);

/** The environment of the whole program: this many threads, and a place for details. */
tkr_env *ex_env(int64_t threads);

/** n zeroed elements of `size` bytes, or the end of the program. */
void *ex_alloc(int64_t n, size_t size);

/* ---- options --------------------------------------------------------------------------------- */

enum { EX_FLAG, EX_INT, EX_REAL, EX_TEXT, EX_FILE, EX_CHOICE };

/** One option "--name". What *value holds before is its default, shown by --help. */
typedef struct ex_option {
    const char *name;
    int kind;            /**< an EX_... */
    void *value;         /**< FLAG, INT: int64_t; REAL: double; TEXT, FILE: const char *;
                              CHOICE: int64_t, the number of the word */
    double low, high;    /**< of numbers: the closed range */
    const char *meaning; /**< for --help; a CHOICE begins with its words: "lstm|gru: the cell" */
    int given;           /**< set to 1 if it stood on the command line */
} ex_option;

/** Read the command line into `options` (ended by a NULL name). --help prints `about` and the
 *  options and exits with 0; a word that is not an option, or a bad value, exits with 1. */
void ex_options(const char *about, ex_option *options, int argc, char **argv);

/** Was this option given on the command line? */
int ex_given(const ex_option *options, const char *name);

/** A CHOICE "elman|lstm|gru" as a TKR_ELMAN, TKR_LSTM, TKR_GRU; its name. */
int32_t ex_cell_kind(int64_t choice);
const char *ex_cell_name(int32_t kind);

/* ---- texts ----------------------------------------------------------------------------------- */

enum {
    EX_BYTES = 1, /**< the bytes as they are, whatever they are */
    EX_UTF8 = 2,  /**< refuse what is not UTF-8 */
    EX_LINES = 4, /**< as ex_line_feeds() leaves it */
};

/** A file's text, and a NUL behind it; the caller frees it. A byte order mark is passed over. Exits
 *  with 1, and says why, where there is no such file or no text in it, where it has a NUL or is
 *  UTF-16. @param how  0, EX_BYTES, or EX_UTF8 and EX_LINES. @param len  receives its bytes */
char *ex_read_text(const char *path, int how, size_t *len);

/** Make CR LF and CR a line feed, and end the last line with one: the text may grow by a byte, for
 *  which ex_read_text() leaves room. */
void ex_line_feeds(char *text, size_t *len);

/** The bytes of the UTF-8 character at text[0], 1 to 4; 0 if there is none. */
size_t ex_character(const char *text, size_t len);

/** Such a character of n bytes for a message, in `shown` [EX_SHOWN]: "a", or U+000D. */
enum { EX_SHOWN = 16 };
const char *ex_show_character(const char *text, size_t n, char *shown);

/** The line, from 1, that byte `at` of a text stands in. */
int64_t ex_line_of(const char *text, size_t at);

/** The end of a program whose vocabulary lacks a character of a text: which one, and where. */
_Noreturn void ex_refuse_unknown(const tkr_vocabulary *vocabulary, const char *name,
                                 const char *text, size_t len);

/** Exit with 1 if no file can be written to this path; a file that is there stays as it is. For the
 *  beginning of a program that writes at its end. */
void ex_try_output(const char *path);

/** Exit with 1 if `output` is one of the files that are read; both may be NULL. */
void ex_keep_apart(const char *output, const char *const *inputs, int n);

/* ---- time, chance ---------------------------------------------------------------------------- */

/** Seconds of a clock that never goes back. */
double ex_now(void);

/** A uniform number in [0, 1); the state is one number, any number (splitmix64). */
double ex_uniform(uint64_t *random);

/** A uniform integer in [0, n). */
int64_t ex_below(uint64_t *random, int64_t n);

/** The middle value of n numbers (the lower of two); they are sorted on return. */
double ex_median(double *values, int64_t n);

/* ---- progress -------------------------------------------------------------------------------- */

/** A line on the terminal that tells how far a loop is. Silent where stderr is not a terminal. */
typedef struct ex_progress {
    const char *label;
    int64_t total;       /**< iterations in all */
    int64_t first;       /**< where this run starts: 0, or the iteration that was resumed */
    double units;        /**< how many `unit`s one iteration works on */
    const char *unit;    /**< "chars" gives chars/s */
    double start, shown; /**< times */
} ex_progress;

/** Start it. */
ex_progress ex_progress_start(const char *label, int64_t first, int64_t total, double units,
                              const char *unit);
/** After iteration `done` (counted from 1): show loss, speed and time left, ten times a second. */
void ex_progress_show(ex_progress *progress, int64_t done, double loss);
/** Take the line away, before something else is printed and at the end. */
void ex_progress_hide(ex_progress *progress);
/** Units a second so far; seconds left. */
double ex_progress_speed(const ex_progress *progress, int64_t done);
double ex_progress_left(const ex_progress *progress, int64_t done);

/* ---- pictures -------------------------------------------------------------------------------- */

/** A picture in the making: its data file, and where the picture will be. */
typedef struct ex_plot {
    FILE *data;
    char picture[512], data_path[512], script_path[512];
} ex_plot;

/** Begin a picture "name.png" or "name.svg": its numbers go to plot->data ("name.dat"). `read` is a
 *  file that none of these may be, or NULL. */
void ex_plot_open(ex_plot *plot, const char *path, const char *read);

/** Draw it with gnuplot: `script` is gnuplot's commands, in which DATA is the data file's name.
 *  Returns the path of the picture, or, where there is no gnuplot, of the data, and says so. */
const char *ex_plot_draw(ex_plot *plot, const char *script);

#endif
