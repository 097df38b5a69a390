/* SPDX-License-Identifier: MIT
 * The header, and writing. */
#include "core/check.h"
#include "ngram/file.h"
#include "ngram/sink.h"

#include <string.h>

static const char magic[8] = {'t', 'e', 'k', 'r', 'a', 'r', 'N', 'G'};

enum { MAJOR = 1, LENS_AT = 64, WARNINGS_AT = 192 };

static void put(unsigned char *at, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++) {
        at[i] = (unsigned char)(value >> (8 * i));
    }
}

static uint64_t get(const unsigned char *at, int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) {
        value |= (uint64_t)at[i] << (8 * i);
    }
    return value;
}

void tkri_file_encode(unsigned char *bytes, const tkri_file_header *header) {
    memset(bytes, 0, TKRI_FILE_HEADER);
    memcpy(bytes, magic, sizeof magic);
    put(bytes + 8, MAJOR, 4);
    put(bytes + 12, header->kind, 4);
    put(bytes + 16, (uint64_t)header->order, 4);
    put(bytes + 20, (uint64_t)header->value_bytes, 4);
    put(bytes + 24, (uint64_t)header->missing, 4);
    put(bytes + 28, (uint64_t)header->vocabulary, 4);
    put(bytes + 32, (uint64_t)header->symbols, 8);
    put(bytes + 40, header->block, 8);
    put(bytes + 48, header->names, 8);
    put(bytes + 56, header->sum, 8);
    put(bytes + WARNINGS_AT, (uint64_t)header->warnings, 4);
    for (int l = 0; l < TKRI_MAX_ORDER; l++) {
        put(bytes + LENS_AT + 8 * l, header->lens[l], 8);
    }
}

/* What can be judged of a header by itself. */
static int32_t check_header(const tkri_file_header *h, tkri_detail *detail) {
    const char *what = "the header of the n-gram file is damaged: %s";
    REQUIRE(h->kind == TKRI_FILE_MODEL || h->kind == TKRI_FILE_COUNTS, detail, TKR_ERR_FORMAT, what,
            "kind");
    REQUIRE(h->order >= 1 && h->order <= TKRI_MAX_ORDER, detail, TKR_ERR_FORMAT, what, "order");
    REQUIRE(h->symbols >= 1 && h->symbols < INT32_MAX, detail, TKR_ERR_FORMAT, what, "symbols");
    for (int l = 0; l < TKRI_MAX_ORDER; l++) {
        const int may_be = l < h->order && h->lens[0] > 0; /* without first ones there are none */
        REQUIRE(h->lens[l] < TKRI_NO_NODE && (may_be || !h->lens[l]), detail, TKR_ERR_FORMAT, what,
                "numbers of n-grams");
    }
    int model = h->kind == TKRI_FILE_MODEL;
    REQUIRE(model ? h->value_bytes == 4 || h->value_bytes == 8 : !h->value_bytes, detail,
            TKR_ERR_FORMAT, what, "bytes of a probability");
    REQUIRE(h->missing >= TKRI_BACKS_OFF && h->missing <= (model ? TKRI_NEVER : TKRI_BACKS_OFF),
            detail, TKR_ERR_FORMAT, what, "rule for what is missing");
    REQUIRE(h->vocabulary >= 0 && h->vocabulary <= TKR_SENTENCES, detail, TKR_ERR_FORMAT, what,
            "kind of vocabulary");
    REQUIRE(h->warnings >= 0 && h->warnings <= TKRI_WARNINGS, detail, TKR_ERR_FORMAT, what,
            "warnings");
    REQUIRE(!model || h->lens[0] == (uint64_t)h->symbols + 1, detail, TKR_ERR_FORMAT, what,
            "number of first n-grams");
    REQUIRE(h->names % 8 == 0 && h->names <= TKRI_SIZE_LIMIT, detail, TKR_ERR_FORMAT, what,
            "bytes of the vocabulary");
    return TKR_OK;
}

int32_t tkri_file_decode(tkri_file_header *header, const unsigned char *bytes,
                         tkri_detail *detail) {
    REQUIRE(memcmp(bytes, magic, sizeof magic) == 0, detail, TKR_ERR_FORMAT,
            "not an n-gram file of tekrar");
    REQUIRE(get(bytes + 8, 4) == MAJOR, detail, TKR_ERR_UNSUPPORTED,
            "an n-gram file of format %llu; this library reads %d",
            (unsigned long long)get(bytes + 8, 4), MAJOR);
    header->kind = (uint32_t)get(bytes + 12, 4);
    header->order = (int32_t)get(bytes + 16, 4);
    header->value_bytes = (int32_t)get(bytes + 20, 4);
    header->missing = (int32_t)get(bytes + 24, 4);
    header->vocabulary = (int32_t)get(bytes + 28, 4);
    header->symbols = (int64_t)get(bytes + 32, 8);
    header->block = get(bytes + 40, 8);
    header->names = get(bytes + 48, 8);
    header->sum = get(bytes + 56, 8);
    header->warnings = (int32_t)get(bytes + WARNINGS_AT, 4);
    for (int l = 0; l < TKRI_MAX_ORDER; l++) {
        header->lens[l] = get(bytes + LENS_AT + 8 * l, 8);
    }
    return check_header(header, detail);
}

static int32_t pour_number(tkri_sink *to, uint64_t value, int bytes) {
    unsigned char number[8];
    put(number, value, bytes);
    return tkri_sink_pour(to, number, (uint64_t)bytes);
}

static int32_t pour_padding(tkri_sink *to, uint64_t written) {
    return tkri_sink_pour(to, "\0\0\0\0\0\0\0", tkri_file_padded(written) - written);
}

static int32_t pour_level(tkri_sink *to, const tkri_level *level, int last) {
    for (uint64_t i = 0; i < level->len; i++) {
        TRY(pour_number(to, level->counts[i], 8));
    }
    for (uint64_t i = 0; i < level->len; i++) {
        TRY(pour_number(to, level->ids[i], 4));
    }
    TRY(pour_padding(to, 4 * level->len));
    if (last) {
        return TKR_OK;
    }
    for (uint64_t i = 0; i <= level->len; i++) {
        TRY(pour_number(to, level->begin ? level->begin[i] : 0, 4)); /* NULL in the empty trie */
    }
    return pour_padding(to, 4 * (level->len + 1));
}

uint64_t tkri_file_counts_size(int32_t order, const uint64_t *lens) {
    uint64_t bytes = 0;
    for (int l = 0; l < order; l++) {
        bytes += 8 * lens[l] + tkri_file_padded(4 * lens[l]);
        bytes += l + 1 < order ? tkri_file_padded(4 * (lens[l] + 1)) : 0;
    }
    return bytes;
}

static int32_t pour_names(tkri_sink *to, const tkri_names *names) {
    uint64_t written = 0, len;
    for (int32_t i = 0; i < names->len; i++) {
        const char *text = tkri_names_get(names, i, &len);
        TRY(pour_number(to, len, 4));
        TRY(tkri_sink_pour(to, text, len));
        written += 4 + len;
    }
    return pour_padding(to, written);
}

static int32_t pour_all(tkri_sink *to, const tkr_ngram *ngram, const tkri_file_header *header) {
    unsigned char bytes[TKRI_FILE_HEADER];
    tkri_file_encode(bytes, header);
    TRY(tkri_sink_pour(to, bytes, sizeof bytes));
    if (header->kind == TKRI_FILE_MODEL) {
        TRY(tkri_sink_pour(to, ngram->model.block, header->block));
    } else {
        for (int l = 0; l < header->order; l++) {
            TRY(pour_level(to, &ngram->counts.trie.level[l], l + 1 == header->order));
        }
    }
    TRY(pour_names(to, &ngram->names));
    return tkri_sink_drain(to);
}

static void describe(tkri_file_header *header, const tkr_ngram *ngram) {
    const tkri_names *names = &ngram->names;
    int model = ngram->model.order > 0;
    memset(header, 0, sizeof *header);
    header->kind = model ? TKRI_FILE_MODEL : TKRI_FILE_COUNTS;
    header->order = ngram->counts.order;
    header->symbols = ngram->counts.symbols;
    header->vocabulary = ngram->vocabulary;
    header->warnings = (int32_t)tkri_options_int(&ngram->options, TKR_WARNINGS);
    header->value_bytes = ngram->model.value_bytes;
    header->missing = ngram->model.missing;
    for (int l = 0; l < header->order; l++) {
        header->lens[l] = model ? ngram->model.level[l].len : ngram->counts.trie.level[l].len;
    }
    header->block = model ? ngram->model.bytes : tkri_file_counts_size(header->order, header->lens);
    header->names = tkri_file_padded(names->text_len + 4 * (uint64_t)names->len);
}

int32_t tkri_ngram_write(const tkr_ngram *ngram, const tkr_writer *writer, tkri_detail *detail) {
    tkri_file_header header;
    tkri_sink to = {.writer = NULL};
    describe(&header, ngram);
    TRY(pour_all(&to, ngram, &header));
    header.sum = to.sum;
    to.writer = writer;
    int32_t status = pour_all(&to, ngram, &header);
    REQUIRE(status == TKR_OK, detail, status, "the writer refused");
    return TKR_OK;
}
