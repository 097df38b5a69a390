/* SPDX-License-Identifier: MIT
 * Writing a safetensors file. The order is the reference writer's: larger elements first, so that
 * every tensor is aligned, then by name. */
#include <string.h>

#include "core/arena.h"
#include "core/sort.h"
#include "core/utf8.h"
#include "model/disk.h"
#include "model/json.h"
#include "model/safetensors.h"

enum { LENGTH_BYTES = 8 };

static uint64_t element_size(const tkri_entry *entry) {
    return tkri_dtype_bits(entry->dtype) / 8;
}

/* UINT64_MAX when it does not fit. */
static uint64_t bytes_of(const tkri_entry *entry) {
    uint64_t bytes = element_size(entry);
    for (int32_t i = 0; i < entry->rank; i++) {
        bytes = tkri_mul(bytes, (uint64_t)entry->shape[i]);
    }
    return bytes;
}

static int entry_before(const void *elements, int32_t a, int32_t b) {
    const tkri_entry *x = (const tkri_entry *)elements + a, *y = (const tkri_entry *)elements + b;
    uint64_t x_size = element_size(x), y_size = element_size(y);
    return x_size != y_size ? x_size > y_size : strcmp(x->name, y->name) < 0;
}

/* Append one tensor's member; returns where its data end. */
static uint64_t put_entry(tkri_text *out, const tkri_entry *entry, uint64_t begin) {
    uint64_t end = tkri_add(begin, bytes_of(entry));
    tkri_text_quote(out, entry->name, strlen(entry->name));
    tkri_text_put(out, ":{\"dtype\":\"");
    tkri_text_put(out, tkri_dtype_name(entry->dtype));
    tkri_text_put(out, "\",\"shape\":[");
    for (int32_t i = 0; i < entry->rank; i++) {
        tkri_text_put(out, i > 0 ? "," : "");
        tkri_text_uint(out, (uint64_t)entry->shape[i]);
    }
    tkri_text_put(out, "],\"data_offsets\":[");
    tkri_text_uint(out, begin);
    tkri_text_put(out, ",");
    tkri_text_uint(out, end);
    tkri_text_put(out, "]}");
    return end;
}

/* The whole JSON of the header, padded to a multiple of 8. */
static void put_header(tkri_text *out, const tkri_content *content, const int32_t *order) {
    uint64_t end = 0;
    const char *comma = "";
    tkri_text_put(out, "{");
    if (content->n_pairs > 0) {
        tkri_text_put(out, "\"__metadata__\":{");
        for (int32_t i = 0; i < content->n_pairs; i++) {
            const tkri_pair *pair = &content->pair[i];
            tkri_text_put(out, i > 0 ? "," : "");
            tkri_text_quote(out, pair->key, strlen(pair->key));
            tkri_text_put(out, ":");
            tkri_text_quote(out, pair->text, strlen(pair->text));
        }
        tkri_text_put(out, "}");
        comma = ",";
    }
    for (int32_t i = 0; i < content->n_entries; i++, comma = ",") {
        tkri_text_put(out, comma);
        end = put_entry(out, &content->entry[order[i]], end);
    }
    tkri_text_put(out, "}");
    while (out->used % 8 != 0) {
        tkri_text_put(out, " ");
    }
}

/* A file on its way. */
typedef struct save {
    const tkri_content *content;
    const tkr_writer *writer;
    const char *path; /* NULL for a writer of the caller's */
    const tkri_env *env;
    tkri_detail *detail;
    int32_t *order;                      /* [n_entries] */
    unsigned char *header, *elements;    /* [8 + header_len], [largest] */
    uint64_t header_len, largest, bytes; /* of the block that holds these two */
} save;

static int32_t push(save *s, const void *bytes, uint64_t len) {
    int32_t error = s->writer->write(s->writer->user, bytes, len);
    if (error && s->path) {
        return tkri_disk_fail(s->detail, "write", s->path, error);
    }
    REQUIRE(!error, s->detail, TKR_ERR_IO, "the writer stopped with %d", (int)error);
    return TKR_OK;
}

static int32_t push_header(save *s) {
    tkri_text text = {(char *)s->header + LENGTH_BYTES, 0};
    put_header(&text, s->content, s->order);
    memcpy(s->header, &s->header_len, LENGTH_BYTES);
    tkri_dtype_to_file(s->header, LENGTH_BYTES, LENGTH_BYTES);
    return push(s, s->header, LENGTH_BYTES + s->header_len);
}

static int32_t push_tensors(save *s) {
    for (int32_t i = 0; i < s->content->n_entries; i++) {
        const tkri_entry *entry = &s->content->entry[s->order[i]];
        uint64_t bytes = bytes_of(entry);
        if (bytes > 0) {
            TRY(s->content->fetch(s->content->user, s->order[i], s->elements, bytes));
            tkri_dtype_to_file(s->elements, bytes, element_size(entry));
            TRY(push(s, s->elements, bytes));
        }
    }
    return TKR_OK;
}

/* What this writer writes, this library's reader can read. */
static int32_t check_limits(const save *s) {
    const tkri_content *content = s->content;
    REQUIRE(content->n_entries <= TKRI_MAX_TENSORS && content->n_pairs <= TKRI_MAX_TENSORS,
            s->detail, TKR_ERR_ARGUMENT,
            "%d tensors and %d lines of metadata; a file has at most %d of each",
            (int)content->n_entries, (int)content->n_pairs, (int)TKRI_MAX_TENSORS);
    REQUIRE(s->header_len <= TKRI_MAX_HEADER, s->detail, TKR_ERR_ARGUMENT,
            "names and metadata make a header of %llu bytes; a file's has at most %d",
            (unsigned long long)s->header_len, (int)TKRI_MAX_HEADER);
    return TKR_OK;
}

static void layout(save *s, tkri_arena *arena) {
    TKRI_TAKE(arena, s->header, LENGTH_BYTES + s->header_len);
    TKRI_TAKE(arena, s->elements, s->largest);
}

static int32_t allocate(save *s) {
    tkri_text text = {NULL, 0};
    uint64_t end = 0;
    put_header(&text, s->content, s->order);
    s->header_len = text.used;
    TRY(check_limits(s));
    for (int32_t i = 0; i < s->content->n_entries; i++) {
        uint64_t bytes = bytes_of(&s->content->entry[i]);
        s->largest = bytes > s->largest ? bytes : s->largest;
        end = tkri_add(end, bytes);
    }
    tkri_arena measure = {NULL, 0};
    layout(s, &measure);
    s->bytes = measure.used;
    tkri_arena place = {tkri_allocate(s->env, end == UINT64_MAX ? end : s->bytes), 0};
    REQUIRE(place.base, s->detail, TKR_ERR_MEMORY, "no memory to save %llu bytes",
            (unsigned long long)end);
    layout(s, &place);
    return TKR_OK;
}

static int32_t write_all(save *s) {
    TRY(allocate(s));
    int32_t status = push_header(s);
    if (status == TKR_OK) {
        status = push_tensors(s);
    }
    tkri_release(s->env, s->header, s->bytes);
    return status;
}

/* Sort, then write through `writer`; `path` is for the texts. */
static int32_t write_sorted(const tkri_content *content, const tkr_writer *writer, const char *path,
                            const tkri_env *env, tkri_detail *detail) {
    save s = {.content = content, .writer = writer, .path = path, .env = env, .detail = detail};
    uint64_t bytes = tkri_mul((uint64_t)content->n_entries, sizeof *s.order);
    s.order = tkri_allocate(env, bytes);
    REQUIRE(s.order, detail, TKR_ERR_MEMORY, "no memory to save %d tensors",
            (int)content->n_entries);
    tkri_sort(s.order, content->n_entries, entry_before, content->entry);
    int32_t status = write_all(&s);
    tkri_release(env, s.order, bytes);
    return status;
}

int32_t tkri_file_write(const tkri_content *content, const tkr_writer *writer, const tkri_env *env,
                        tkri_detail *detail) {
    return write_sorted(content, writer, NULL, env, detail);
}

int32_t tkri_file_write_path(const tkri_content *content, const char *path, const tkri_env *env,
                             tkri_detail *detail) {
    tkri_disk_writer disk;
    TRY(tkri_disk_begin(&disk, path, env, detail));
    int32_t status = write_sorted(content, &disk.writer, path, env, detail);
    if (status != TKR_OK) {
        tkri_disk_abandon(&disk);
        return status;
    }
    return tkri_disk_commit(&disk);
}
