/* SPDX-License-Identifier: MIT */
#include "ngram/stream.h"

#include "core/source.h"

/* One reading. */
typedef struct stream {
    tkri_source source;
    const tkri_encoder *encoder;
    tkri_buffer text; /* what was read and is not yet ids */
    int32_t *ids;     /* [capacity] */
    uint64_t capacity;
    tkri_counts counts;
    int32_t first, end;
} stream;

static void release_ids(stream *s) {
    tkri_release(s->source.env, s->ids, s->capacity * sizeof *s->ids);
}

/* Room for as many ids as there may be bytes. */
static int32_t make_room(stream *s) {
    if (s->capacity == s->text.capacity) {
        return TKR_OK;
    }
    release_ids(s);
    s->capacity = s->text.capacity;
    s->ids = tkri_allocate(s->source.env, s->capacity * sizeof *s->ids);
    REQUIRE(s->ids, s->source.detail, TKR_ERR_MEMORY, "no memory for the ids of %llu bytes",
            (unsigned long long)s->capacity);
    return TKR_OK;
}

/* Count the whole symbols of what was read, all of it at the end of the text. */
static int32_t count(stream *s) {
    const tkri_encoder *encoder = s->encoder;
    const char *text = s->text.bytes + s->text.from;
    const uint64_t there = s->text.to - s->text.from;
    const uint64_t len = s->text.ended ? there : encoder->whole(encoder->vocabulary, text, there);
    uint64_t n = 0;
    int32_t status = encoder->encode(encoder->vocabulary, s->ids, &n, text, len);
    REQUIRE(status == TKR_OK, s->source.detail, status,
            "within the %llu bytes before byte %llu: %s", (unsigned long long)there,
            (unsigned long long)s->source.at,
            status == TKR_ERR_TOKEN ? "what has no id" : encoder->malformed);
    const tkri_piece piece = {s->ids, n, s->first, s->end};
    status = tkri_counts_add(&s->counts, &piece);
    REQUIRE(status == TKR_OK, s->source.detail, status, "no memory to count");
    if (n) {
        s->first = s->ids[n - 1] == s->end ? TKRI_LEAD_BEGIN : TKRI_LEAD_CONTINUE;
    }
    s->text.from += len;
    return TKR_OK;
}

static int32_t count_all(stream *s) {
    while (!s->text.ended) {
        TRY(tkri_source_fill(&s->source, &s->text));
        TRY(make_room(s));
        TRY(count(s));
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
    stream s = {
        .source = {"text", &ngram->env, &ngram->detail, reader, NULL, UINT64_MAX, 0, 0},
        .encoder = encoder,
        .first = first,
        .end = end,
    };
    tkri_counts_init(&s.counts, &ngram->env, ngram->counts.order, ngram->counts.symbols);
    int32_t status = count_apart(&s, &ngram->counts);
    release_ids(&s);
    tkri_buffer_release(&s.text, s.source.env);
    if (status < 0) {
        tkri_counts_fini(&s.counts);
    }
    return status;
}
