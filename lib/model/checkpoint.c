/* SPDX-License-Identifier: MIT
 * A training run: the cell's own tensors and texts, so that it can be loaded as a cell too, the
 * optimizer's moments, and, where given, a sequence's random and carried state, a state, a cursor.
 */
#include <string.h>

#include "core/arena.h"
#include "model/disk.h"
#include "model/model.h"
#include "model/progress.h"

/* Names with two dots or more: no parameter has as many. */
static const char first_prefix[] = "checkpoint.first.", second_prefix[] = "checkpoint.second.",
                  gradients_prefix[] = "checkpoint.gradients.",
                  sequence_prefix[] = "checkpoint.sequence.", state_prefix[] = "checkpoint.state.";

enum { MAX_GROUPS = 6 };

/* A save or a load in progress. */
typedef struct checkpoint {
    const tkri_training *with;
    tkri_progress progress;
    tkri_group group[MAX_GROUPS];
    int32_t n_groups;
    float *start; /* the sequence's next initial state, as long as its batch; allocated */
} checkpoint;

static uint64_t start_bytes(const checkpoint *c) {
    const tkri_net *net = c->with->opt->cell->net;
    uint64_t batch = c->progress.has_sequence ? c->progress.sequence[TKRI_PROGRESS_BATCH] : 0;
    return tkri_mul(tkri_mul((uint64_t)net->state_width, batch), sizeof(float));
}

static int32_t allocate_start(checkpoint *c) {
    tkr_optimizer *opt = c->with->opt;
    uint64_t bytes = start_bytes(c);
    c->start = bytes > 0 ? tkri_allocate(&opt->env, bytes) : NULL;
    REQUIRE(bytes == 0 || c->start, &opt->detail, TKR_ERR_MEMORY,
            "no memory for %llu bytes of a carried state", (unsigned long long)bytes);
    return TKR_OK;
}

static void release_start(checkpoint *c) {
    tkri_release(&c->with->opt->env, c->start, start_bytes(c));
}

static void add_group(checkpoint *c, const char *prefix, const tkr_cell *cell, float *flat,
                      int64_t batch) {
    if (flat) {
        c->group[c->n_groups++] = (tkri_group){prefix, cell, flat, batch};
    }
}

/* The tensors that `progress` tells of and the caller gave room for. */
static void list_groups(checkpoint *c) {
    const tkri_training *with = c->with;
    tkr_optimizer *opt = with->opt;
    const tkri_progress *progress = &c->progress;
    add_group(c, "", opt->cell, opt->cell->net->values, 0);
    add_group(c, first_prefix, opt->cell, opt->first, 0);
    add_group(c, second_prefix, opt->cell, opt->second, 0);
    if (with->seq && progress->sequence[TKRI_PROGRESS_GRADIENTS]) {
        add_group(c, gradients_prefix, opt->cell, with->seq->u.grad.values, 0);
    }
    if (with->seq) {
        add_group(c, sequence_prefix, opt->cell, c->start,
                  (int64_t)progress->sequence[TKRI_PROGRESS_BATCH]);
    }
    if (with->state) {
        add_group(c, state_prefix, with->state->cell, with->state->values, with->state->batch);
    }
}

static int any(const float *values, int64_t n) {
    int64_t i = 0;
    while (i < n && values[i] == 0.0f) {
        i++;
    }
    return i < n;
}

/* Where a sequence's next forward starts from: its last final state, what was set, or NULL for the
 * cell's own. */
static const float *start_of(const tkr_sequence *seq, int64_t *batch) {
    *batch = 0;
    if (seq->start == TKRI_START_FINAL && tkri_options_int(&seq->options, TKR_CARRY)) {
        *batch = seq->u.plan.batch;
        return seq->u.tape.final;
    }
    if (seq->start == TKRI_START_GIVEN) {
        *batch = seq->given_batch;
        return seq->given;
    }
    return NULL;
}

static void note_sequence(tkri_progress *progress, const tkr_sequence *seq) {
    const float *gradients = seq->u.grad.values;
    int64_t batch;
    (void)start_of(seq, &batch);
    progress->has_sequence = 1;
    progress->sequence[TKRI_PROGRESS_SEED] = seq->seed;
    progress->sequence[TKRI_PROGRESS_DRAWS] = seq->draws;
    progress->sequence[TKRI_PROGRESS_BATCH] = (uint64_t)batch;
    progress->sequence[TKRI_PROGRESS_GRADIENTS] = gradients && any(gradients, seq->u.net->numbers);
    for (int i = 0; i < TKRI_PROGRESS_OPTIONS; i++) {
        const int32_t key = tkri_progress_option[i];
        progress->sequence[TKRI_PROGRESS_CARRY + i] =
            (uint64_t)tkri_options_int(&seq->options, key);
    }
}

/* The options of the sequence as the file has them. */
static tkri_options options_of(const tkr_sequence *seq, const tkri_progress *progress) {
    tkri_options options = seq->options;
    for (int i = 0; i < TKRI_PROGRESS_OPTIONS; i++) {
        tkri_options_set_int(&options, tkri_progress_option[i],
                             (int64_t)progress->sequence[TKRI_PROGRESS_CARRY + i]);
    }
    return options;
}

static void note_progress(checkpoint *c, const uint64_t *cursor) {
    const tkri_training *with = c->with;
    tkri_progress *progress = &c->progress;
    progress->optimizer = with->opt->options;
    if (with->seq) {
        note_sequence(progress, with->seq);
    }
    if (with->state) {
        progress->has_state = 1;
        progress->state_batch = (uint64_t)with->state->batch;
    }
    if (cursor) {
        progress->has_cursor = 1;
        memcpy(progress->cursor, cursor, sizeof progress->cursor);
    }
}

int32_t tkri_checkpoint_save(const tkri_training *with, const uint64_t *cursor,
                             const tkri_target *target) {
    checkpoint c = {.with = with};
    tkr_optimizer *opt = with->opt;
    note_progress(&c, cursor);
    TRY(allocate_start(&c));
    if (c.start) {
        int64_t batch;
        const float *from = start_of(with->seq, &batch);
        tkri_state_move(opt->cell->net, c.start, batch, from, with->seq->u.plan.max_batch, batch);
    }
    list_groups(&c);
    const tkri_page pages[] = {{"tekrar.cell", tkri_architecture_put, opt->cell},
                               {"tekrar.checkpoint", tkri_progress_put, &c.progress}};
    const tkri_manifest manifest = {
        .content = "checkpoint",
        .group = c.group,
        .n_groups = c.n_groups,
        .page = pages,
        .n_pages = 2,
        .metadata = opt->cell->metadata,
    };
    int32_t status = tkri_model_save(&manifest, target, &opt->env, &opt->detail);
    release_start(&c);
    return status;
}

/* The caller's own cells among the parts. */
enum { MAX_USERS = 64 };
typedef struct users {
    const tkr_user_cell *cell[MAX_USERS];
    int64_t n;
} users;

static void find_users(const tkr_cell *cell, users *found) {
    if (cell->user && found->n < MAX_USERS) {
        found->cell[found->n++] = cell->user;
    }
    for (int64_t i = 0; i < cell->n_parts; i++) {
        find_users(cell->parts[i], found);
    }
}

static int32_t check_cell(const tkr_cell *cell, const tkri_file *file) {
    tkr_cell *found;
    users lent = {.n = 0};
    tkri_env env = file->env;
    find_users(cell, &lent);
    env.user_cells = lent.cell;
    env.n_user_cells = lent.n;
    TRY(tkri_architecture_make(&found, file, &env));
    int32_t status = tkri_architecture_compare(found, cell, file->detail);
    tkri_cell_destroy(found);
    return status;
}

static int32_t read_progress(checkpoint *c, const tkri_file *file) {
    int32_t key = tkri_header_key(&file->header, "tekrar.checkpoint");
    REQUIRE(key >= 0, file->detail, TKR_ERR_MISMATCH, "the file has no tekrar.checkpoint");
    const tkri_string text = file->header.text[key];
    tkri_json json = tkri_json_begin(text.text, text.len);
    int32_t status = tkri_progress_read(&c->progress, &json);
    return tkri_model_explain(&json, "tekrar.checkpoint", status, file->detail);
}

/* The sequence's numbers fit the sequence. */
static int32_t check_sequence(const tkr_sequence *seq, const tkri_progress *progress,
                              tkri_detail *detail) {
    const uint64_t *n = progress->sequence;
    const tkri_options options = options_of(seq, progress);
    tkri_detail why = {""};
    REQUIRE(n[TKRI_PROGRESS_BATCH] <= (uint64_t)seq->u.plan.max_batch, detail, TKR_ERR_MISMATCH,
            "the file's sequence carries a batch of %llu, this one has room for %lld",
            (unsigned long long)n[TKRI_PROGRESS_BATCH], (long long)seq->u.plan.max_batch);
    REQUIRE(seq->u.grad.values || !n[TKRI_PROGRESS_GRADIENTS], detail, TKR_ERR_MISMATCH,
            "the file has gradients, this sequence is for inference");
    REQUIRE(tkri_sequence_check(seq, &options, &why) == TKR_OK, detail, TKR_ERR_MISMATCH,
            "the file's sequence: %s", why.text);
    return TKR_OK;
}

/* The file has what was asked for, and for objects like these. */
static int32_t check_progress(const checkpoint *c, int wants_cursor, tkri_detail *detail) {
    const tkri_training *with = c->with;
    const tkri_progress *progress = &c->progress;
    const int32_t kind = progress->optimizer.kind, wanted = with->opt->options.kind;
    REQUIRE(kind == wanted, detail, TKR_ERR_MISMATCH, "the file's optimizer is %s, this one is %s",
            tkri_progress_kind_name(kind), tkri_progress_kind_name(wanted));
    REQUIRE(progress->has_sequence || !with->seq, detail, TKR_ERR_MISMATCH,
            "the file has no sequence");
    REQUIRE(progress->has_state || !with->state, detail, TKR_ERR_MISMATCH, "the file has no state");
    REQUIRE(progress->has_cursor || !wants_cursor, detail, TKR_ERR_MISMATCH,
            "the file has no cursor");
    return with->seq ? check_sequence(with->seq, progress, detail) : TKR_OK;
}

static void restore_sequence(const checkpoint *c, tkr_sequence *seq) {
    const uint64_t *n = c->progress.sequence;
    const int64_t batch = (int64_t)n[TKRI_PROGRESS_BATCH];
    float *gradients = seq->u.grad.values;
    seq->seed = n[TKRI_PROGRESS_SEED];
    seq->draws = n[TKRI_PROGRESS_DRAWS];
    seq->options = options_of(seq, &c->progress);
    if (gradients && !n[TKRI_PROGRESS_GRADIENTS]) {
        memset(gradients, 0, (size_t)seq->u.net->numbers * sizeof *gradients);
    }
    if (batch > 0) {
        tkri_state_move(seq->u.net, seq->given, seq->u.plan.max_batch, c->start, batch, batch);
    }
    seq->start = batch > 0 ? TKRI_START_GIVEN : TKRI_START_CELL;
    seq->given_batch = batch;
    seq->phase = TKRI_BLANK;
    seq->decoder_left = 0;
}

/* What is left when all tensors are in place: nothing of it can fail. */
static void restore(const checkpoint *c, uint64_t *cursor) {
    const tkri_training *with = c->with;
    with->opt->options = c->progress.optimizer;
    tkri_cell_refresh(with->opt->cell);
    if (with->seq) {
        restore_sequence(c, with->seq);
    }
    if (cursor) {
        memcpy(cursor, c->progress.cursor, sizeof c->progress.cursor);
    }
}

static int32_t load(checkpoint *c, uint64_t *cursor, const tkri_file *file) {
    const tkri_training *with = c->with;
    const char *others[4] = {NULL};
    int n = 0;
    TRY(check_cell(with->opt->cell, file));
    TRY(read_progress(c, file));
    TRY(check_progress(c, cursor != NULL, file->detail));
    if (!with->seq) {
        c->progress.sequence[TKRI_PROGRESS_BATCH] = 0;
        others[n++] = sequence_prefix;
        others[n++] = gradients_prefix;
    }
    if (!with->state) {
        others[n++] = state_prefix;
    }
    TRY(allocate_start(c));
    list_groups(c);
    const tkri_manifest manifest = {.group = c->group, .n_groups = c->n_groups, .others = others};
    int32_t status = tkri_model_load(&manifest, file);
    if (status == TKR_OK) {
        restore(c, cursor);
    }
    release_start(c);
    return status;
}

int32_t tkri_checkpoint_load(const tkri_training *with, uint64_t *cursor,
                             const tkri_origin *origin) {
    checkpoint c = {.with = with};
    tkri_file file;
    tkr_optimizer *opt = with->opt;
    int32_t status = tkri_model_open(&file, origin, "checkpoint", &opt->env, &opt->detail);
    if (status == TKR_OK) {
        status = load(&c, cursor, &file);
        tkri_file_fini(&file);
    }
    return tkri_disk_blame(&opt->detail, origin->path, status);
}
