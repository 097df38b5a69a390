/* SPDX-License-Identifier: MIT */
#include "oom/scenario.h"

static int32_t save(world *w) {
    return tkr_ngram_save(w->ngram, w->path);
}

static int32_t save_over(world *w) {
    return tkr_ngram_save(w->ngram, w->ngram_path);
}

static int32_t save_counts(world *w) {
    return tkr_ngram_save(w->counts, w->path);
}

static int32_t save_to(world *w) {
    world_file_empty(&w->written);
    return tkr_ngram_save_to(w->ngram, &w->written.writer);
}

static int32_t save_counts_to(world *w) {
    world_file_empty(&w->written);
    return tkr_ngram_save_to(w->counts, &w->written.writer);
}

static int32_t load(world *w) {
    return tkr_ngram_load(&w->made.ngram, w->ngram_path, w->lent);
}

static int32_t load_from(world *w) {
    world_file_rewind(&w->ngram_file);
    return tkr_ngram_load_from(&w->made.ngram, &w->ngram_file.reader, w->lent);
}

static int32_t load_counts(world *w) {
    world_file_rewind(&w->written);
    return tkr_ngram_load_from(&w->made.ngram, &w->written.reader, w->lent);
}

static int32_t save_compact(world *w) {
    tkr_ngram *compact;
    int32_t status = tkr_ngram_compact(&compact, w->ngram, w->lent);
    status = status ? status : tkr_ngram_save(compact, w->path);
    tkr_ngram_destroy(compact);
    return status;
}

static int32_t map(world *w) {
    return tkr_ngram_map(&w->made.ngram, w->path, w->lent);
}

static int32_t save_arpa(world *w) {
    return tkr_ngram_save_arpa(w->ngram, w->path);
}

static int32_t save_arpa_to(world *w) {
    world_file_empty(&w->written);
    return tkr_ngram_save_arpa_to(w->ngram, &w->written.writer);
}

static int32_t load_arpa(world *w) {
    return tkr_ngram_load_arpa(&w->made.ngram, w->arpa_path, w->lent);
}

static int32_t load_arpa_from(world *w) {
    world_file_rewind(&w->arpa_file);
    return tkr_ngram_load_arpa_from(&w->made.ngram, &w->arpa_file.reader, w->lent);
}

const scenario ngram_file_scenarios[] = {
    {"tkr_ngram_save", save, NULL, 0, YES},
    {"tkr_ngram_save/over", save_over, NULL, 0, YES},
    {"tkr_ngram_save/counts", save_counts, NULL, 0, YES},
    {"tkr_ngram_save_to", save_to, NULL, 0, MAYBE},
    {"tkr_ngram_save_to/counts", save_counts_to, NULL, 0, YES},
    {"tkr_ngram_load", load, NULL, 'n', YES},
    {"tkr_ngram_load_from", load_from, NULL, 'n', YES},
    {"tkr_ngram_load_from/counts", load_counts, save_counts_to, 'n', YES},
    {"tkr_ngram_map", map, save_compact, 'n', YES},
    {"tkr_ngram_save_arpa", save_arpa, NULL, 0, YES},
    {"tkr_ngram_save_arpa_to", save_arpa_to, NULL, 0, MAYBE},
    {"tkr_ngram_load_arpa", load_arpa, NULL, 'n', YES},
    {"tkr_ngram_load_arpa_from", load_arpa_from, NULL, 'n', YES},
    {0},
};
