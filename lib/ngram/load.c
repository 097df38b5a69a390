/* SPDX-License-Identifier: MIT
 * Reading n-gram files. */
#include <string.h>

#include "core/check.h"
#include "ngram/file.h"
#include "ngram/sink.h"

static uint64_t load(const unsigned char *at, int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) {
        value |= (uint64_t)at[i] << (8 * i);
    }
    return value;
}

static int are_zeros(const unsigned char *bytes, uint64_t len) {
    for (uint64_t i = 0; i < len; i++) {
        if (bytes[i]) {
            return 0;
        }
    }
    return 1;
}

/* An array of 32-bit numbers and its padding, which must be zeros. Returns where it ends, or NULL.
 */
static const unsigned char *load_u32(uint32_t *to, const unsigned char *from, uint64_t n) {
    for (uint64_t i = 0; i < n; i++) {
        to[i] = (uint32_t)load(from + 4 * i, 4);
    }
    uint64_t padded = tkri_file_padded(4 * n);
    return are_zeros(from + 4 * n, padded - 4 * n) ? from + padded : NULL;
}

/* One level of counts. Returns where it ends, or NULL. */
static const unsigned char *load_level(tkri_level *level, const unsigned char *from) {
    for (uint64_t i = 0; i < level->len; i++, from += 8) {
        level->counts[i] = load(from, 8);
    }
    from = load_u32(level->ids, from, level->len);
    return from && level->begin ? load_u32(level->begin, from, level->len + 1) : from;
}

/* The counts of a file; the block has the length that their header asks for. */
static int32_t read_counts(tkr_ngram *ngram, const tkri_file_header *header,
                           const tkri_block *block, tkri_detail *detail) {
    tkri_trie *trie = &ngram->counts.trie;
    const char *damaged = "the padding of the n-gram file is damaged";
    if (!header->lens[0]) {
        REQUIRE(are_zeros(block->bytes, block->len), detail, TKR_ERR_FORMAT, "%s", damaged);
        return TKR_OK;
    }
    int32_t status = tkri_trie_create(trie, &ngram->env, header->order, header->lens);
    REQUIRE(status == TKR_OK, detail, status, "no memory for the counts");
    const unsigned char *at = block->bytes;
    for (int l = 0; l < header->order; l++) {
        at = load_level(&trie->level[l], at);
        REQUIRE(at, detail, TKR_ERR_FORMAT, "%s", damaged);
    }
    return tkri_trie_check(trie, &ngram->env, header->symbols, detail);
}

/* The model of a file, which stays in its block. */
static int32_t read_model(tkr_ngram *ngram, const tkri_file_header *header, tkri_block *block,
                          tkri_detail *detail) {
    tkri_model_shape shape = {
        header->symbols, header->order, header->value_bytes, header->missing, {0}};
    memcpy(shape.lens, header->lens, sizeof shape.lens);
    tkri_model_lay_out(&ngram->model, &shape, block->bytes);
    ngram->model.owned = block->owned;
    block->owned = NULL;
    ngram->sealed = 1;
    return tkri_model_check(&ngram->model, detail);
}

/* The vocabulary's texts: V strings of different content, each behind its length. */
static int32_t read_names(tkr_ngram *ngram, const tkri_file_header *header, const tkri_block *p,
                          tkri_detail *detail) {
    const char *damaged = "the vocabulary of the n-gram file is damaged";
    uint64_t at = 0;
    ngram->vocabulary = header->vocabulary;
    tkri_options_set_int(&ngram->options, TKR_WARNINGS, header->warnings);
    for (int64_t i = 0; p->len && i < header->symbols; i++) {
        REQUIRE(p->len - at >= 4, detail, TKR_ERR_FORMAT, "%s", damaged);
        uint64_t len = load(p->bytes + at, 4);
        const char *text = (const char *)p->bytes + at + 4;
        REQUIRE(len <= p->len - at - 4 && tkri_names_find(&ngram->names, text, len) < 0, detail,
                TKR_ERR_FORMAT, "%s", damaged);
        REQUIRE(tkri_names_add(&ngram->names, text, len) == TKR_OK, detail, TKR_ERR_MEMORY,
                "no memory for the vocabulary");
        at += 4 + len;
    }
    int padded = !p->len || are_zeros(p->bytes + at, p->len - at);
    REQUIRE(tkri_file_padded(at) == p->len && padded && tkri_ngram_has_kind(ngram), detail,
            TKR_ERR_FORMAT, "%s", damaged);
    return TKR_OK;
}

/* The length that a block must have. */
static uint64_t wanted_block(const tkri_file_header *header) {
    tkri_model model;
    tkri_model_shape shape = {
        header->symbols, header->order, header->value_bytes, header->missing, {0}};
    if (header->kind == TKRI_FILE_COUNTS) {
        return tkri_file_counts_size(header->order, header->lens);
    }
    memcpy(shape.lens, header->lens, sizeof shape.lens);
    return tkri_model_lay_out(&model, &shape, NULL);
}

static uint64_t sum_of(tkri_file_header header, const tkri_block *block, const tkri_block *names) {
    unsigned char bytes[TKRI_FILE_HEADER];
    header.sum = 0;
    tkri_file_encode(bytes, &header);
    uint64_t sum = tkri_sink_sum(0, bytes, sizeof bytes);
    sum = tkri_sink_sum(sum, block->bytes, block->len);
    return tkri_sink_sum(sum, names->bytes, names->len);
}

/* Everything behind the header; what it allocates is in `ngram`, `block` and `names`. */
static int32_t read_parts(tkr_ngram *ngram, const tkri_file_header *header, tkri_source *from,
                          tkri_block *block, tkri_block *names) {
    TRY(tkri_source_take(from, block, header->block, "n-grams"));
    TRY(tkri_source_take(from, names, header->names, "vocabulary"));
    TRY(tkri_source_end(from, "the n-gram file goes on behind its end"));
    REQUIRE(sum_of(*header, block, names) == header->sum, from->detail, TKR_ERR_FORMAT,
            "the n-gram file is damaged: its sum does not fit");
    TRY(read_names(ngram, header, names, from->detail));
    if (header->kind == TKRI_FILE_COUNTS) {
        return read_counts(ngram, header, block, from->detail);
    }
    return read_model(ngram, header, block, from->detail);
}

static int32_t read_header(tkri_file_header *header, tkri_source *from) {
    unsigned char bytes[TKRI_FILE_HEADER], again[TKRI_FILE_HEADER];
    TRY(tkri_source_read(from, bytes, sizeof bytes, "header"));
    TRY(tkri_file_decode(header, bytes, from->detail));
    tkri_file_encode(again, header);
    REQUIRE(memcmp(bytes, again, sizeof again) == 0 && header->block == wanted_block(header),
            from->detail, TKR_ERR_FORMAT, "the header of the n-gram file contradicts itself");
    return TKR_OK;
}

int32_t tkri_ngram_read(tkr_ngram **ngram, tkri_source *from) {
    tkri_file_header header;
    tkri_block block = {NULL, NULL, 0}, names = {NULL, NULL, 0};
    tkr_ngram *read = NULL;
    TRY(read_header(&header, from));
    int32_t status = tkri_ngram_create(&read, header.order, header.symbols, from->env);
    REQUIRE(status == TKR_OK, from->detail, status, "no memory for an n-gram");
    status = read_parts(read, &header, from, &block, &names);
    tkri_block_release(&names, from->env);
    tkri_block_release(&block, from->env);
    if (status < 0) {
        tkri_ngram_destroy(read);
        return status;
    }
    *ngram = read;
    return TKR_OK;
}
