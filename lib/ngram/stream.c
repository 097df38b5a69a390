/* SPDX-License-Identifier: MIT */
#include "ngram/stream.h"

#include <string.h>

enum { FIRST_BUFFER = 1 << 16 };

/* One reading. */
typedef struct stream {
    const tkr_reader *reader;
    const tkri_encoder *encoder;
    const tkri_env *env;
    tkri_detail *detail;
    char *text;   /* [capacity] what was read and is not yet ids */
    int32_t *ids; /* [capacity] */
    uint64_t len, capacity, read;
    tkri_counts counts;
    int32_t first, end;
} stream;

static void release(stream *s) {
    tkri_release(s->env, s->text, s->capacity);
    tkri_release(s->env, s->ids, s->capacity * sizeof *s->ids);
}

/* A buffer of twice the size: a symbol does not fit into this one. */
static int32_t grow(stream *s) {
    uint64_t capacity = s->capacity ? 2 * s->capacity : FIRST_BUFFER;
    char *text = tkri_allocate(s->env, capacity);
    int32_t *ids = tkri_allocate(s->env, capacity * sizeof *ids);
    if (!text || !ids) {
        tkri_release(s->env, text, capacity);
        tkri_release(s->env, ids, capacity * sizeof *ids);
        return tkri_fail(s->detail, TKR_ERR_MEMORY, "no memory for %llu bytes of text",
                         (unsigned long long)capacity);
    }
    if (s->len) {
        memcpy(text, s->text, (size_t)s->len);
    }
    release(s);
    s->text = text;
    s->ids = ids;
    s->capacity = capacity;
    return TKR_OK;
}

static int32_t read_more(stream *s, int *ended) {
    uint64_t got = 0;
    if (s->len == s->capacity) {
        TRY(grow(s));
    }
    uint64_t room = s->capacity - s->len;
    int32_t error = s->reader->read(s->reader->user, s->text + s->len, room, &got);
    REQUIRE(!error && got <= room, s->detail, TKR_ERR_IO, "the reader stopped at byte %llu",
            (unsigned long long)s->read);
    s->read += got;
    s->len += got;
    *ended = got == 0;
    return TKR_OK;
}

/* Count the whole symbols of the buffer, all of it at the end of the text. */
static int32_t count(stream *s, int ended) {
    uint64_t len = ended ? s->len : s->encoder->whole(s->encoder->vocabulary, s->text, s->len);
    uint64_t n = 0;
    int32_t status = s->encoder->encode(s->encoder->vocabulary, s->ids, &n, s->text, len);
    REQUIRE(status == TKR_OK, s->detail, status, "within the %llu bytes before byte %llu: %s",
            (unsigned long long)s->len, (unsigned long long)s->read,
            status == TKR_ERR_TOKEN ? "what has no id" : "no UTF-8");
    const tkri_piece piece = {s->ids, n, s->first, s->end};
    status = tkri_counts_add(&s->counts, &piece);
    REQUIRE(status == TKR_OK, s->detail, status, "no memory to count");
    if (n) {
        s->first = s->ids[n - 1] == s->end ? TKRI_LEAD_BEGIN : TKRI_LEAD_CONTINUE;
    }
    memmove(s->text, s->text + len, (size_t)(s->len - len));
    s->len -= len;
    return TKR_OK;
}

static int32_t count_all(stream *s) {
    int ended = 0;
    while (!ended) {
        TRY(read_more(s, &ended));
        TRY(count(s, ended));
    }
    return TKR_OK;
}

/* All or nothing: a counter apart, which joins the n-gram's in the end. */
static int32_t count_apart(stream *s, tkri_counts *counts) {
    TRY(tkri_counts_follow(&s->counts, counts));
    TRY(count_all(s));
    return tkri_counts_join(counts, &s->counts);
}

int32_t tkri_ngram_count_from(tkr_ngram *ngram, const tkr_reader *reader,
                              const tkri_encoder *encoder, int32_t first, int32_t end) {
    stream s = {.reader = reader,
                .encoder = encoder,
                .env = &ngram->env,
                .detail = &ngram->detail,
                .first = first,
                .end = end};
    tkri_counts_init(&s.counts, &ngram->env, ngram->counts.order, ngram->counts.symbols);
    int32_t status = count_apart(&s, &ngram->counts);
    release(&s);
    if (status < 0) {
        tkri_counts_fini(&s.counts);
    }
    return status;
}
