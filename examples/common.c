/* SPDX-License-Identifier: MIT */
#include "common.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *program = "example"; /* the name under which it was started */

_Noreturn void ex_die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fflush(stdout);
    fprintf(stderr, "%s: ", program);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(EXIT_FAILURE);
}

_Noreturn void ex_fail(int32_t status, const char *call, const char *detail) {
    int name_len = (int)strcspn(call, "(");
    if (detail[0] == '\0') {
        ex_die("%.*s: %s", name_len, call, tkr_status_text(status));
    }
    ex_die("%.*s: %s: %s", name_len, call, tkr_status_text(status), detail);
}

const char *ex_env_detail(const tkr_env *env) {
    return env->detail == NULL ? "" : env->detail;
}

int ex_done(void) {
    if (fflush(stdout) != 0 || ferror(stdout)) {
        ex_die("standard output: %s", strerror(errno));
    }
    return EXIT_SUCCESS;
}

tkr_env *ex_env(int64_t threads) {
    static char detail[512];
    static tkr_env env = {.size = sizeof env, .detail = detail, .detail_len = sizeof detail};
    env.threads = (int32_t)threads;
    return &env;
}

void *ex_alloc(int64_t n, size_t size) {
    void *block = n < 0 ? NULL : calloc(n == 0 ? 1 : (size_t)n, size);
    if (block == NULL) {
        ex_die("no memory for %lld x %zu bytes", (long long)n, size);
    }
    return block;
}

/* ---- options --------------------------------------------------------------------------------- */

/* What stands for an option's value in --help. */
static const char *placeholder(const ex_option *option) {
    switch (option->kind) {
        case EX_INT:
            return "N";
        case EX_REAL:
            return "X";
        case EX_TEXT:
            return "TEXT";
        case EX_FILE:
            return "FILE";
        case EX_CHOICE:
            return "WORD";
        default:
            return "";
    }
}

/* The i-th word of "a|b|c: what it means", or NULL. */
static const char *choice_word(const char *meaning, int64_t i, size_t *len) {
    const char *end = meaning + strcspn(meaning, ":");
    for (const char *word = meaning; word < end; i--) {
        *len = strcspn(word, "|:");
        if (i == 0) {
            return word;
        }
        word += *len + 1;
    }
    return NULL;
}

static void print_default(const ex_option *option) {
    const char *word;
    size_t len = 0;
    switch (option->kind) {
        case EX_INT:
            printf(" (%lld)", (long long)*(const int64_t *)option->value);
            break;
        case EX_REAL:
            printf(" (%g)", *(const double *)option->value);
            break;
        case EX_TEXT:
        case EX_FILE:
            word = *(const char **)option->value;
            if (word != NULL && word[0] != '\0') {
                printf(" (%s)", word);
            }
            break;
        case EX_CHOICE:
            word = choice_word(option->meaning, *(const int64_t *)option->value, &len);
            printf(" (%.*s)", (int)len, word == NULL ? "" : word);
            break;
        default:
            break;
    }
}

static _Noreturn void print_help(const char *about, const ex_option *options) {
    printf("Usage: %s [options]\n%s\nOptions, with their defaults:\n", program, about);
    for (const ex_option *option = options; option->name != NULL; option++) {
        int width = printf("  --%s %s", option->name, placeholder(option));
        printf("%*s%s", width < 24 ? 24 - width : 1, "", option->meaning);
        print_default(option);
        putchar('\n');
    }
    printf("  --help                print this and exit\n");
    exit(ex_done());
}

static _Noreturn void refuse(const char *name, const char *text, const char *wanted) {
    ex_die("--%s %s: %s\nTry %s --help.", name, text, wanted, program);
}

/* A number of the option's range, all of the text being used. */
static double read_number(const ex_option *option, const char *text) {
    char *end = NULL, wanted[96];
    errno = 0;
    double value = strtod(text, &end);
    int whole = option->kind != EX_INT ||
                (value >= -9e15 && value <= 9e15 && value == (double)(int64_t)value);
    if (errno != 0 || end == text || *end != '\0' || !whole ||
        !(value >= option->low && value <= option->high)) {
        snprintf(wanted, sizeof wanted, "%s from %.10g to %.10g is wanted",
                 option->kind == EX_INT ? "an integer" : "a number", option->low, option->high);
        refuse(option->name, text, wanted);
    }
    return value;
}

static int64_t read_choice(const ex_option *option, const char *text) {
    const char *word;
    size_t len = 0;
    for (int64_t i = 0; (word = choice_word(option->meaning, i, &len)) != NULL; i++) {
        if (strlen(text) == len && memcmp(word, text, len) == 0) {
            return i;
        }
    }
    char wanted[96];
    snprintf(wanted, sizeof wanted, "one of %.*s is wanted", (int)strcspn(option->meaning, ":"),
             option->meaning);
    refuse(option->name, text, wanted);
}

static void take_value(ex_option *option, const char *text) {
    option->given = 1;
    switch (option->kind) {
        case EX_FLAG:
            *(int64_t *)option->value = 1;
            break;
        case EX_INT:
            *(int64_t *)option->value = (int64_t)read_number(option, text);
            break;
        case EX_REAL:
            *(double *)option->value = read_number(option, text);
            break;
        case EX_TEXT:
        case EX_FILE:
            *(const char **)option->value = text;
            break;
        default:
            *(int64_t *)option->value = read_choice(option, text);
    }
}

enum { MAX_OPTIONS = 40 };

void ex_options(const char *about, ex_option *options, int argc, char **argv) {
    struct option table[MAX_OPTIONS + 2] = {{0}};
    int n = 0, found = 0, index = 0;
    const char *slash = strrchr(argv[0], '/');
    program = slash == NULL ? argv[0] : slash + 1;
    setvbuf(stdout, NULL, _IOLBF, 0); /* a line at a time, in a pipe too */
    for (; options[n].name != NULL && n < MAX_OPTIONS; n++) {
        table[n].name = options[n].name;
        table[n].has_arg = options[n].kind == EX_FLAG ? no_argument : required_argument;
    }
    table[n] = (struct option){"help", no_argument, NULL, 'h'};
    while ((found = getopt_long(argc, argv, "", table, &index)) == 0) {
        take_value(&options[index], optarg);
    }
    if (found == 'h') {
        print_help(about, options);
    }
    if (found != -1) { /* getopt_long has said what was wrong */
        fprintf(stderr, "Try %s --help.\n", program);
        exit(EXIT_FAILURE);
    }
    if (optind < argc) {
        ex_die("what is \"%s\"? Every option begins with --.\nTry %s --help.", argv[optind],
               program);
    }
}

int ex_given(const ex_option *options, const char *name) {
    while (options->name != NULL && strcmp(options->name, name) != 0) {
        options++;
    }
    return options->name != NULL && options->given;
}

int32_t ex_cell_kind(int64_t choice) {
    static const int32_t kinds[] = {TKR_ELMAN, TKR_LSTM, TKR_GRU};
    return kinds[choice];
}

const char *ex_cell_name(int32_t kind) {
    return kind == TKR_ELMAN ? "elman" : kind == TKR_LSTM ? "lstm" : "gru";
}

/* ---- time, chance ---------------------------------------------------------------------------- */

double ex_now(void) {
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double ex_uniform(uint64_t *random) {
    uint64_t z = *random += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    return (double)(z >> 11) * 0x1p-53;
}

int64_t ex_below(uint64_t *random, int64_t n) {
    return (int64_t)(ex_uniform(random) * (double)n);
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double ex_median(double *values, int64_t n) {
    qsort(values, (size_t)n, sizeof *values, compare_doubles);
    return values[(n - 1) / 2];
}

/* ---- progress -------------------------------------------------------------------------------- */

ex_progress ex_progress_start(const char *label, int64_t first, int64_t total, double units,
                              const char *unit) {
    double now = ex_now();
    return (ex_progress){label, total, first, units, unit, now, isatty(STDERR_FILENO) ? now : -1};
}

double ex_progress_speed(const ex_progress *progress, int64_t done) {
    double seconds = ex_now() - progress->start;
    return seconds > 0 ? (double)(done - progress->first) * progress->units / seconds : 0;
}

double ex_progress_left(const ex_progress *progress, int64_t done) {
    double seconds = ex_now() - progress->start;
    int64_t since = done - progress->first;
    return since > 0 ? seconds / (double)since * (double)(progress->total - done) : 0;
}

void ex_progress_show(ex_progress *progress, int64_t done, double loss) {
    double now = ex_now();
    if (progress->shown < 0 || now - progress->shown < 0.1) {
        return;
    }
    progress->shown = now;
    int64_t left = (int64_t)ex_progress_left(progress, done);
    double speed = ex_progress_speed(progress, done);
    fprintf(stderr, "\r\033[K%s %lld/%lld  loss %.4f  %.*f %s/s  %lld:%02lld left", progress->label,
            (long long)done, (long long)progress->total, loss, speed < 100 ? 1 : 0, speed,
            progress->unit, (long long)(left / 60), (long long)(left % 60));
    fflush(stderr);
}

void ex_progress_hide(ex_progress *progress) {
    if (progress->shown >= 0) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
    fflush(stdout);
}
