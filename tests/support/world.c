/* SPDX-License-Identifier: MIT */
#include "support/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/status.h"

static const char text[] = "abcabdabcd";
static const int32_t text_ids[] = {0, 1, 2, 0, 1, 3, 0, 1, 2, 3};

static int32_t file_write(void *user, const void *bytes, uint64_t len) {
    world_file *file = user;
    if (len > WORLD_FILE - file->len) {
        return 1;
    }
    memcpy(file->bytes + file->len, bytes, (size_t)len);
    file->len += len;
    return 0;
}

static int32_t file_read(void *user, void *bytes, uint64_t len, uint64_t *got) {
    world_file *file = user;
    uint64_t n = file->len - file->at < len ? file->len - file->at : len;
    memcpy(bytes, file->bytes + file->at, (size_t)n);
    file->at += n;
    *got = n;
    return 0;
}

void world_file_empty(world_file *file) {
    file->len = file->at = 0;
    file->writer = (tkr_writer){sizeof(tkr_writer), file_write, file};
    file->reader = (tkr_reader){sizeof(tkr_reader), file_read, file};
}

void world_file_rewind(world_file *file) {
    file->at = 0;
}

static void fill_arrays(world *w) {
    for (int i = 0; i < 256; i++) {
        w->io.values[i] = (float)(i % 7) * 0.1f - 0.2f;
    }
    for (int i = 0; i < WORLD_T * WORLD_B; i++) {
        w->io.ids[i] = i % WORLD_V;
        w->io.targets[i] = (i + 1) % WORLD_V;
        for (int v = 0; v < WORLD_V; v++) {
            w->io.input[i * WORLD_V + v] = (float)((i + v) % 3) - 0.5f;
        }
    }
}

static int32_t make_parts(world *w, tkr_cell **part) {
    TRY(tkr_cell_create(&part[0], TKR_LSTM, WORLD_V, WORLD_H, w->lent));
    TRY(tkr_cell_create(&part[1], TKR_LINEAR, WORLD_H, WORLD_V, w->lent));
    TRY(tkr_cell_set_int(part[0], TKR_LAYERS, 2));
    TRY(tkr_cell_set_int(part[0], TKR_PEEPHOLES, 1));
    TRY(tkr_cell_set_int(part[0], TKR_LEARNED_STATE, 1));
    TRY(tkr_cell_set_float(part[0], TKR_DROPOUT_BETWEEN, 0.25));
    TRY(tkr_cell_set_name(part[0], "rnn"));
    return tkr_cell_set_name(part[1], "out");
}

static int32_t make_net(world *w) {
    tkr_cell *part[2] = {NULL, NULL};
    int32_t status;
    TRY_OR_FAIL(make_parts(w, part));
    TRY_OR_FAIL(tkr_cell_chain(&w->net, part, 2, w->lent));
    TRY_OR_FAIL(tkr_cell_init(w->net, 5));
    return tkr_cell_set_metadata(w->net, "origin", "a test");
fail:
    tkr_cell_destroy(part[0]);
    tkr_cell_destroy(part[1]);
    return status;
}

static int32_t make_users_of_net(world *w) {
    const int32_t mode = TKR_TRAINING | TKR_INPUT_GRADIENT | TKR_STEP_NORMS;
    TRY(tkr_state_create(&w->state, w->net, WORLD_B, w->lent));
    TRY(tkr_state_create(&w->other, w->net, WORLD_B, w->lent));
    TRY(tkr_sequence_create(&w->seq, w->net, WORLD_T, WORLD_B, mode, w->lent));
    TRY(tkr_sequence_create(&w->decoder, w->net, WORLD_T, WORLD_B, mode, w->lent));
    TRY(tkr_optimizer_create(&w->opt, TKR_ADAM, w->net, w->lent));
    return make_parts(w, w->part);
}

static int32_t train(world *w) {
    double loss;
    TRY(tkr_sequence_set_int(w->seq, TKR_CARRY, 1));
    TRY(tkr_sequence_set_seed(w->seq, 11));
    for (int i = 0; i < 2; i++) { /* a step, and one more backward whose gradients stay */
        TRY(tkr_sequence_forward(w->seq, w->io.input, NULL, WORLD_T, WORLD_B));
        TRY(tkr_sequence_loss_ids(w->seq, &loss, w->io.targets, NULL));
        TRY(tkr_sequence_backward(w->seq, NULL, NULL));
        if (i == 0) {
            TRY(tkr_optimizer_step(w->opt, w->seq));
        }
    }
    TRY(tkr_cell_step(w->net, w->state, NULL, w->io.input));
    TRY(tkr_state_copy(w->other, w->state));
    TRY(tkr_cell_step(w->net, w->other, NULL, w->io.input));
    return tkr_cell_step(w->net, w->other, NULL, w->io.input);
}

static int32_t make_language(world *w) {
    TRY(tkr_vocabulary_create(&w->vocabulary, TKR_CHARACTERS, text, sizeof text - 1, w->lent));
    TRY(tkr_sampler_create(&w->sampler, WORLD_V, 3, w->lent));
    TRY(tkr_ngram_create(&w->counts, 3, WORLD_V, w->lent));
    TRY(tkr_ngram_create(&w->ngram, 3, WORLD_V, w->lent));
    TRY(tkr_ngram_count(w->counts, text_ids, 10, 0));
    TRY(tkr_ngram_count(w->ngram, text_ids, 10, 0));
    TRY(tkr_ngram_estimate(w->ngram, TKR_WITTEN_BELL));
    TRY(tkr_ngram_set_vocabulary(w->ngram, w->vocabulary));
    TRY(tkr_cache_create(&w->cache, WORLD_V, 4, w->lent));
    return tkr_cache_logprobs(w->cache, NULL, text_ids, 10);
}

/* Memory before disk: a world is made thousands of times, and every save of it waits for fsync. */
static const char *place_for_files(void) {
    const char *asked = getenv("TMPDIR");
    return asked ? asked : access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
}

static int32_t save_to_disk(world *w) {
    const uint64_t cursor[4] = {1, 2, 3, 4};
    snprintf(w->folder, sizeof w->folder, "%.40s/tekrar-XXXXXX", place_for_files());
    if (!mkdtemp(w->folder)) {
        return TKR_ERR_IO;
    }
    snprintf(w->path, sizeof w->path, "%s/written", w->folder);
    snprintf(w->cell_path, sizeof w->cell_path, "%s/cell", w->folder);
    snprintf(w->state_path, sizeof w->state_path, "%s/state", w->folder);
    snprintf(w->run_path, sizeof w->run_path, "%s/run", w->folder);
    snprintf(w->ngram_path, sizeof w->ngram_path, "%s/ngram", w->folder);
    snprintf(w->arpa_path, sizeof w->arpa_path, "%s/arpa", w->folder);
    TRY(tkr_cell_save(w->net, w->cell_path));
    TRY(tkr_state_save(w->state, w->state_path));
    TRY(tkr_ngram_save(w->ngram, w->ngram_path));
    TRY(tkr_ngram_save_arpa(w->ngram, w->arpa_path));
    return tkr_checkpoint_save(w->opt, w->seq, w->state, cursor, w->run_path);
}

static int32_t save_to_memory(world *w) {
    const uint64_t cursor[4] = {1, 2, 3, 4};
    world_file *files[] = {&w->cell_file,  &w->state_file, &w->run_file,
                           &w->ngram_file, &w->arpa_file,  &w->written};
    for (int i = 0; i < 6; i++) {
        world_file_empty(files[i]);
    }
    TRY(tkr_cell_save_to(w->net, &w->cell_file.writer));
    TRY(tkr_state_save_to(w->state, &w->state_file.writer));
    TRY(tkr_ngram_save_to(w->ngram, &w->ngram_file.writer));
    TRY(tkr_ngram_save_arpa_to(w->ngram, &w->arpa_file.writer));
    return tkr_checkpoint_save_to(w->opt, w->seq, w->state, cursor, &w->run_file.writer);
}

static int32_t fill(world *w) {
    fill_arrays(w);
    TRY(make_net(w));
    TRY(make_users_of_net(w));
    TRY(train(w));
    TRY(make_language(w));
    TRY(save_to_memory(w));
    return save_to_disk(w);
}

world *world_create(int32_t threads, int on_malloc) {
    world *w = calloc(1, sizeof *w);
    if (!w) {
        return NULL;
    }
    heap_init(&w->heap, &w->env);
    w->env.threads = threads;
    w->env.detail = w->detail;
    w->env.detail_len = sizeof w->detail;
    w->lent = on_malloc ? NULL : &w->env;
    int32_t status = fill(w);
    if (status) {
        fprintf(stderr, "world: %s: %s %s\n", tkr_status_text(status), w->detail,
                w->net ? tkr_cell_detail(w->net) : "");
        world_destroy(w, 0);
        return NULL;
    }
    return w;
}

static void destroy_made(world *w, char kind) {
    switch (kind) {
        case 'c':
            tkr_cell_destroy(w->made.cell);
            break;
        case 's':
            tkr_state_destroy(w->made.state);
            break;
        case 'q':
            tkr_sequence_destroy(w->made.seq);
            break;
        case 'o':
            tkr_optimizer_destroy(w->made.opt);
            break;
        case 'v':
            tkr_vocabulary_destroy(w->made.vocabulary);
            break;
        case 'p':
            tkr_sampler_destroy(w->made.sampler);
            break;
        case 'n':
            tkr_ngram_destroy(w->made.ngram);
            break;
        case 'a':
            tkr_cache_destroy(w->made.cache);
            break;
        default:
            break;
    }
}

int world_destroy(world *w, char kind) {
    destroy_made(w, kind);
    tkr_cache_destroy(w->cache);
    tkr_ngram_destroy(w->ngram);
    tkr_ngram_destroy(w->counts);
    tkr_sampler_destroy(w->sampler);
    tkr_vocabulary_destroy(w->vocabulary);
    tkr_optimizer_destroy(w->opt);
    tkr_sequence_destroy(w->decoder);
    tkr_sequence_destroy(w->seq);
    tkr_state_destroy(w->other);
    tkr_state_destroy(w->state);
    tkr_cell_destroy(w->net);
    tkr_cell_destroy(w->part[0]);
    tkr_cell_destroy(w->part[1]);
    const char *paths[] = {w->path,     w->cell_path,  w->state_path,
                           w->run_path, w->ngram_path, w->arpa_path};
    for (int i = 0; i < 6; i++) {
        unlink(paths[i]);
    }
    int clean = heap_is_clean(&w->heap);
    if (w->folder[0] && rmdir(w->folder) != 0) {
        fprintf(stderr, "world: %s is not empty: a save left something behind\n", w->folder);
        clean = 0;
    }
    free(w);
    return clean;
}
