/* SPDX-License-Identifier: MIT */
#include "oom/scenario.h"

/* A model that backs off, with names: what every format can hold. */
static int32_t smooth(world *w) {
    int32_t status = tkr_ngram_set_vocabulary(w->ngram, w->vocabulary);
    return status ? status : tkr_ngram_estimate(w->ngram, TKR_WITTEN_BELL);
}

static int32_t compact(world *w) {
    return tkr_ngram_compact(&w->made.ngram, w->ngram, w->lent);
}

static int32_t save(world *w) {
    return tkr_ngram_save(w->ngram, w->path);
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

static int32_t save_arpa(world *w) {
    return tkr_ngram_save_arpa(w->ngram, w->path);
}

static int32_t save_arpa_to(world *w) {
    world_file_empty(&w->written);
    return tkr_ngram_save_arpa_to(w->ngram, &w->written.writer);
}

static int32_t saved(world *w) {
    int32_t status = smooth(w);
    status = status ? status : save(w);
    return status ? status : save_to(w);
}

static int32_t saved_arpa(world *w) {
    int32_t status = smooth(w);
    status = status ? status : save_arpa(w);
    return status ? status : save_arpa_to(w);
}

/* Without the line of the n-gram that a longer one ends with: it has to be made up. */
static int32_t written_gaps(world *w) {
    static const char text[] =
        "\\data\\\nngram 1=3\nngram 2=0\nngram 3=1\n\\1-grams:\n-1 a\n-1 b\n"
        "-2 <unk>\n\\2-grams:\n\\3-grams:\n-0.5 a b a\n\\end\\\n";
    world_file_empty(&w->written);
    return w->written.writer.write(w->written.writer.user, text, sizeof text - 1);
}

static int32_t load(world *w) {
    return tkr_ngram_load(&w->made.ngram, w->path, w->lent);
}

static int32_t load_from(world *w) {
    world_file_rewind(&w->written);
    return tkr_ngram_load_from(&w->made.ngram, &w->written.reader, w->lent);
}

static int32_t map(world *w) {
    return tkr_ngram_map(&w->made.ngram, w->path, w->lent);
}

static int32_t load_arpa(world *w) {
    return tkr_ngram_load_arpa(&w->made.ngram, w->path, w->lent);
}

static int32_t load_arpa_from(world *w) {
    world_file_rewind(&w->written);
    return tkr_ngram_load_arpa_from(&w->made.ngram, &w->written.reader, w->lent);
}

const scenario ngram_file_scenarios[] = {
    {"tkr_ngram_compact", compact, smooth, 'n', YES},
    {"tkr_ngram_save", save, smooth, 0, MAYBE},
    {"tkr_ngram_save/counts", save_counts, NULL, 0, YES},
    {"tkr_ngram_save_to", save_to, smooth, 0, MAYBE},
    {"tkr_ngram_save_to/counts", save_counts_to, NULL, 0, YES},
    {"tkr_ngram_load", load, saved, 'n', YES},
    {"tkr_ngram_load/counts", load, save_counts, 'n', YES},
    {"tkr_ngram_load_from", load_from, saved, 'n', YES},
    {"tkr_ngram_load_from/counts", load_from, save_counts_to, 'n', YES},
    {"tkr_ngram_map", map, saved, 'n', YES},
    {"tkr_ngram_save_arpa", save_arpa, smooth, 0, MAYBE},
    {"tkr_ngram_save_arpa_to", save_arpa_to, smooth, 0, MAYBE},
    {"tkr_ngram_load_arpa", load_arpa, saved_arpa, 'n', YES},
    {"tkr_ngram_load_arpa_from", load_arpa_from, saved_arpa, 'n', YES},
    {"tkr_ngram_load_arpa_from/gaps", load_arpa_from, written_gaps, 'n', YES},
    {0},
};
