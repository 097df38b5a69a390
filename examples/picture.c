/* SPDX-License-Identifier: MIT
 * Pictures through gnuplot: the numbers to one file, its commands to another, and then its help. */
#include "common.h"

#include <errno.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

/* The gnuplot terminal of a picture's ending, or NULL. */
static const char *terminal_of(const char *path) {
    const char *ending = strrchr(path, '.');
    if (ending != NULL && strcmp(ending, ".png") == 0) {
        return "pngcairo size 1200,700 font 'sans,12'";
    }
    if (ending != NULL && strcmp(ending, ".svg") == 0) {
        return "svg size 1200,700 font 'sans,14' background 'white'";
    }
    return NULL;
}

void ex_plot_open(ex_plot *plot, const char *path, const char *read) {
    size_t stem = strlen(path);
    if (terminal_of(path) == NULL || strpbrk(path, "'\n") != NULL) {
        ex_die("picture %s: a name that ends in .png or .svg is wanted, without quotes", path);
    }
    if (stem + 1 > sizeof plot->picture) {
        ex_die("picture: the name is too long");
    }
    stem -= 4;
    memcpy(plot->picture, path, stem + 5);
    snprintf(plot->data_path, sizeof plot->data_path, "%.*s.dat", (int)stem, path);
    snprintf(plot->script_path, sizeof plot->script_path, "%.*s.gp", (int)stem, path);
    const char *const written[] = {plot->picture, plot->data_path, plot->script_path};
    for (int i = 0; i < 3; i++) {
        ex_keep_apart(written[i], &read, 1);
        ex_try_output(written[i]);
    }
    plot->data = fopen(plot->data_path, "w");
    if (plot->data == NULL) {
        ex_die("%s: %s", plot->data_path, strerror(errno));
    }
}

/* Close a file that was written; a full disk shows here at the latest. */
static void finish(FILE *file, const char *path) {
    int bad = ferror(file);
    if (fclose(file) != 0 || bad) {
        ex_die("%s: could not be written", path);
    }
}

static void write_script(const ex_plot *plot, const char *script) {
    FILE *file = fopen(plot->script_path, "w");
    if (file == NULL) {
        ex_die("%s: %s", plot->script_path, strerror(errno));
    }
    fprintf(file, "set terminal %s\nset output '%s'\nDATA = '%s'\n", terminal_of(plot->picture),
            plot->picture, plot->data_path);
    fprintf(file, "set grid lc rgb '#dddddd'\nset key outside top center horizontal\n%s\n", script);
    finish(file, plot->script_path);
}

/* Run gnuplot on a script; 0 if it is there and content. */
static int run_gnuplot(char *script_path) {
    char *arguments[] = {"gnuplot", script_path, NULL};
    pid_t child = 0;
    int status = 0;
    if (posix_spawnp(&child, "gnuplot", NULL, NULL, arguments, environ) != 0) {
        return -1;
    }
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

const char *ex_plot_draw(ex_plot *plot, const char *script) {
    finish(plot->data, plot->data_path);
    plot->data = NULL;
    write_script(plot, script);
    fflush(stdout);
    if (run_gnuplot(plot->script_path) == 0) {
        return plot->picture;
    }
    fprintf(stderr,
            "No picture: gnuplot is missing or failed. The numbers are in %s, "
            "and gnuplot %s would draw them.\n",
            plot->data_path, plot->script_path);
    return plot->data_path;
}
