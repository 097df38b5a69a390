/* SPDX-License-Identifier: MIT */
#include "ngram/arpa.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ngram/decimal.h"
#include "ngram/sink.h"

static const double ln_10 = 2.30258509299404568402;

enum { ESCAPED = 6 }; /* <0xHH> */

static int is_hidden(unsigned char c) {
    return c <= ' ' || c == 0x7F;
}

/* A '<' that would begin one of our own escapes, were it not escaped itself. */
static int misleads(const char *name, uint64_t len) {
    return len >= 3 && memcmp(name, "<0x", 3) == 0;
}

/* The first byte of name [len] as a file has it, into out [ESCAPED]; returns how many bytes. */
static uint64_t escape_first(char *out, const char *name, uint64_t len) {
    static const char digit[] = "0123456789ABCDEF";
    unsigned char c = (unsigned char)name[0];
    if (!is_hidden(c) && !misleads(name, len)) {
        out[0] = name[0];
        return 1;
    }
    const char escape[ESCAPED] = {'<', '0', 'x', digit[c >> 4], digit[c & 15], '>'};
    memcpy(out, escape, ESCAPED);
    return ESCAPED;
}

static int hex(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that an escape of ours stands for, or -1. Others' <0x41> stays what it is. */
static int escaped(const char *word, uint64_t len) {
    if (len < ESCAPED || !misleads(word, len) || hex(word[3]) < 0 || hex(word[4]) < 0 ||
        word[5] != '>') {
        return -1;
    }
    int c = 16 * hex(word[3]) + hex(word[4]);
    int bracket = c == '<' && len >= ESCAPED + 2 && memcmp(word + ESCAPED, "0x", 2) == 0;
    return is_hidden((unsigned char)c) || bracket ? c : -1;
}

uint64_t tkri_arpa_unescape(char *out, const char *word, uint64_t len) {
    uint64_t n = 0;
    for (uint64_t i = 0; i < len;) {
        int c = escaped(word + i, len - i);
        out[n++] = c < 0 ? word[i] : (char)c;
        i += c < 0 ? 1 : ESCAPED;
    }
    return n;
}

/* What the writing of one file holds. */
typedef struct job {
    const tkr_ngram *ngram;
    int64_t omitted; /* the id that only the reader of a file without <unk> added; -1 for none */
    const tkri_model *model;
    tkri_sink sink;
} job;

/* Whether a row has a back-off weight that would not be written as 0. */
static int weighs(const job *j, int level, uint64_t row) {
    int last = level + 1 == j->model->order;
    return !last && fabs(tkri_row_backoff(j->model, level, row) / ln_10) >= 0.5e-9;
}

/* A row that nothing saw and that weighs nothing says nothing; but words have to be listed. */
static int is_written(const job *j, int level, uint64_t row) {
    if (level == 0 && (int64_t)row == j->omitted) {
        return 0;
    }
    if (level == 0 && (int64_t)row == j->model->symbols && j->model->order > 1) {
        tkri_nodes children = tkri_row_children(j->model, 0, row);
        return children.from < children.to || weighs(j, 0, row);
    }
    return tkri_row_seen(j->model, level, row) || weighs(j, level, row);
}

static uint64_t count_written(const job *j, int level) {
    uint64_t n = 0;
    for (uint64_t row = 0; row < j->model->level[level].len; row++) {
        n += (uint64_t)is_written(j, level, row);
    }
    return n;
}

static int32_t pour_name(job *j, uint32_t id) {
    char out[16];
    uint64_t len;
    if (id == (uint64_t)j->model->symbols) {
        return tkri_sink_text(&j->sink, "<s>");
    }
    if (!j->ngram->names.len) {
        (void)snprintf(out, sizeof out, "%" PRIu32, id);
        return tkri_sink_text(&j->sink, out);
    }
    const char *name = tkri_names_get(&j->ngram->names, (int32_t)id, &len);
    for (uint64_t i = 0; i < len; i++) {
        uint64_t n = escape_first(out, name + i, len - i);
        TRY(tkri_sink_pour(&j->sink, out, n));
    }
    return TKR_OK;
}

static int32_t pour_number(job *j, double ln) {
    char text[TKRI_DECIMAL_MAX];
    tkri_decimal_write(text, ln > -INFINITY ? ln / ln_10 : -99);
    return tkri_sink_text(&j->sink, text);
}

/* One line; `path` [level + 1] are the rows of its beginnings. */
static int32_t pour_line(job *j, int level, const uint32_t *path) {
    const tkri_model *model = j->model;
    TRY(pour_number(j, tkri_row_logprob(model, level, path[level])));
    for (int l = 0; l <= level; l++) {
        TRY(tkri_sink_text(&j->sink, l ? " " : "\t"));
        TRY(pour_name(j, tkri_row_id(model, l, path[l])));
    }
    if (weighs(j, level, path[level])) {
        TRY(tkri_sink_text(&j->sink, "\t"));
        TRY(pour_number(j, tkri_row_backoff(model, level, path[level])));
    }
    return tkri_sink_text(&j->sink, "\n");
}

/* All n-grams of a level in order: the path to the next row is that of the row before, moved on
 * wherever a row's children end. */
static int32_t pour_level(job *j, int level) {
    uint32_t path[TKRI_MAX_ORDER] = {0};
    for (uint64_t row = 0; row < j->model->level[level].len; row++) {
        path[level] = (uint32_t)row;
        for (int l = level; l > 0; l--) {
            while (tkri_row_children(j->model, l - 1, path[l - 1]).to <= path[l]) {
                path[l - 1]++;
            }
        }
        if (is_written(j, level, row)) {
            TRY(pour_line(j, level, path));
        }
    }
    return TKR_OK;
}

static int32_t pour_all(job *j) {
    char line[64];
    TRY(tkri_sink_text(&j->sink, "\\data\\\n"));
    for (int l = 0; l < j->model->order; l++) {
        (void)snprintf(line, sizeof line, "ngram %d=%" PRIu64 "\n", l + 1, count_written(j, l));
        TRY(tkri_sink_text(&j->sink, line));
    }
    for (int l = 0; l < j->model->order; l++) {
        (void)snprintf(line, sizeof line, "\n\\%d-grams:\n", l + 1);
        TRY(tkri_sink_text(&j->sink, line));
        TRY(pour_level(j, l));
    }
    TRY(tkri_sink_text(&j->sink, "\n\\end\\\n"));
    return tkri_sink_drain(&j->sink);
}

int32_t tkri_arpa_write(const tkr_ngram *ngram, const tkr_writer *writer, tkri_detail *detail) {
    job j = {.ngram = ngram,
             .omitted = tkri_ngram_lacks_unknown(ngram) ? ngram->counts.symbols - 1 : -1,
             .model = &ngram->model,
             .sink = {.writer = writer}};
    REQUIRE(j.model->missing == TKRI_BACKS_OFF, detail, TKR_ERR_UNSUPPORTED,
            "ARPA has no way to say what maximum likelihood and add-k do without backing off");
    int32_t status = pour_all(&j);
    REQUIRE(status == TKR_OK, detail, status, "the writer refused");
    return TKR_OK;
}
