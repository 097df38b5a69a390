/* SPDX-License-Identifier: MIT
 * Opening a safetensors file, from memory, from a reader, from a path. */
#include <string.h>

#include "core/utf8.h"
#include "model/disk.h"
#include "model/json.h"
#include "model/safetensors.h"

/* A block for bytes of unknown number starts with this much and doubles as they come. */
enum { FIRST_BLOCK = 1 << 16, LENGTH_BYTES = 8, MAX_SHOWN = 3 + 21 * TKRI_MAX_RANK };

/* Where bytes come from. */
typedef struct source {
    const tkr_reader *reader;
    const char *path;   /* NULL for a reader of the caller's */
    uint64_t at, there; /* read so far; how many there are if that is known, else UINT64_MAX */
    const tkri_env *env;
    tkri_detail *detail;
} source;

/* Up to `len` bytes; *got is 0 only at the end. */
static int32_t pull(source *from, void *bytes, uint64_t len, uint64_t *got) {
    *got = 0;
    int32_t error = from->reader->read(from->reader->user, bytes, len, got);
    if (error && from->path) {
        return tkri_disk_fail(from->detail, "read", from->path, error);
    }
    REQUIRE(!error, from->detail, TKR_ERR_IO, "the reader stopped at byte %llu with %d",
            (unsigned long long)from->at, (int)error);
    REQUIRE(*got <= len, from->detail, TKR_ERR_IO, "the reader brought more than it was asked for");
    from->at += *got;
    return TKR_OK;
}

static int32_t read_exactly(source *from, void *bytes, uint64_t len, const char *part) {
    uint64_t have = 0, got;
    while (have < len) {
        TRY(pull(from, (char *)bytes + have, len - have, &got));
        REQUIRE(got > 0, from->detail, TKR_ERR_FORMAT, "the file ends at byte %llu, inside its %s",
                (unsigned long long)from->at, part);
        have += got;
    }
    return TKR_OK;
}

/* A block that holds what was read, and may grow. */
typedef struct block {
    unsigned char *bytes;
    uint64_t capacity;
} block;

static int32_t grow(source *from, block *b, uint64_t used, uint64_t capacity) {
    unsigned char *bytes = tkri_allocate(from->env, capacity);
    REQUIRE(bytes, from->detail, TKR_ERR_MEMORY, "no memory for %llu bytes of the file",
            (unsigned long long)capacity);
    if (used > 0) {
        memcpy(bytes, b->bytes, (size_t)used);
    }
    tkri_release(from->env, b->bytes, b->capacity);
    *b = (block){bytes, capacity};
    return TKR_OK;
}

/* How many bytes can still come; UINT64_MAX if nobody knows. */
static uint64_t rest_of(const source *from) {
    if (from->there == UINT64_MAX) {
        return UINT64_MAX;
    }
    return from->there > from->at ? from->there - from->at : 0;
}

/* Read `len` bytes into a block. A length that a stream only claims is not allocated before as much
 * has come; a length that the file's size bears out is. */
static int32_t read_block(source *from, block *b, uint64_t len, const char *part) {
    uint64_t used = 0, rest = rest_of(from);
    uint64_t capacity = rest == UINT64_MAX && len > FIRST_BLOCK ? FIRST_BLOCK : len;
    REQUIRE(len <= rest, from->detail, TKR_ERR_FORMAT, "the file ends at byte %llu, inside its %s",
            (unsigned long long)from->there, part);
    while (used < len) {
        TRY(grow(from, b, used, capacity));
        TRY(read_exactly(from, b->bytes + used, capacity - used, part));
        used = capacity;
        capacity = len - used < used ? len : 2 * used;
    }
    return TKR_OK;
}

static int32_t check_header_len(uint64_t len, tkri_detail *detail) {
    REQUIRE(len <= TKRI_MAX_HEADER, detail, TKR_ERR_FORMAT,
            "a header of %llu bytes, more than %d: not a safetensors file, or not one of ours",
            (unsigned long long)len, (int)TKRI_MAX_HEADER);
    return TKR_OK;
}

static uint64_t length_at(const unsigned char *bytes) {
    uint64_t len;
    (void)tkri_dtype_to_uint(&len, bytes, 1, TKRI_U64);
    return len;
}

static int32_t read_header(source *from, tkri_file *file) {
    unsigned char length[LENGTH_BYTES];
    block b = {NULL, 0};
    TRY(read_exactly(from, length, sizeof length, "first 8 bytes"));
    uint64_t len = length_at(length);
    TRY(check_header_len(len, from->detail));
    int32_t status = read_block(from, &b, len, "header");
    if (status == TKR_OK) {
        status =
            tkri_header_parse(&file->header, (const char *)b.bytes, len, &file->env, file->detail);
    }
    tkri_release(&file->env, b.bytes, b.capacity);
    return status;
}

static int32_t read_data(source *from, tkri_file *file) {
    block b = {NULL, 0};
    uint64_t got;
    char beyond;
    static const unsigned char none[1] = {0};
    int32_t status = read_block(from, &b, file->header.data_len, "data");
    file->block = b.bytes;
    file->block_bytes = b.capacity;
    file->data = b.bytes ? b.bytes : none;
    TRY(status);
    TRY(pull(from, &beyond, 1, &got));
    REQUIRE(got == 0, from->detail, TKR_ERR_FORMAT, "something follows the last tensor");
    return TKR_OK;
}

static void begin(tkri_file *file, const tkri_env *env, tkri_detail *detail) {
    memset(file, 0, sizeof *file);
    file->env = *env;
    file->detail = detail;
}

static int32_t read_all(tkri_file *file, const tkr_reader *reader, const char *path,
                        uint64_t there) {
    int32_t status;
    source from = {reader, path, 0, there, &file->env, file->detail};
    TRY_OR_FAIL(read_header(&from, file));
    TRY_OR_FAIL(read_data(&from, file));
    return TKR_OK;
fail:
    tkri_file_fini(file);
    return status;
}

int32_t tkri_file_from_reader(tkri_file *file, const tkr_reader *reader, const tkri_env *env,
                              tkri_detail *detail) {
    begin(file, env, detail);
    return read_all(file, reader, NULL, UINT64_MAX);
}

int32_t tkri_file_from_path(tkri_file *file, const char *path, const tkri_env *env,
                            tkri_detail *detail) {
    tkri_disk_reader disk;
    begin(file, env, detail);
    TRY(tkri_disk_open(&disk, path, detail));
    int32_t status = read_all(file, &disk.reader, path, disk.bytes);
    tkri_disk_close(&disk);
    return status;
}

int32_t tkri_file_from_memory(tkri_file *file, const void *bytes, uint64_t len, const tkri_env *env,
                              tkri_detail *detail) {
    int32_t status;
    begin(file, env, detail);
    REQUIRE(len >= LENGTH_BYTES, detail, TKR_ERR_FORMAT, "a file of less than 8 bytes");
    uint64_t header_len = length_at(bytes), rest = len - LENGTH_BYTES;
    TRY(check_header_len(header_len, detail));
    REQUIRE(header_len <= rest, detail, TKR_ERR_FORMAT,
            "the file ends at byte %llu, inside its header", (unsigned long long)len);
    const char *header = (const char *)bytes + LENGTH_BYTES;
    TRY_OR_FAIL(tkri_header_parse(&file->header, header, header_len, env, detail));
    file->data = (const unsigned char *)header + header_len;
    rest -= header_len;
    if (file->header.data_len != rest) {
        status = tkri_fail(detail, TKR_ERR_FORMAT, "%llu bytes of data, not the header's %llu",
                           (unsigned long long)rest, (unsigned long long)file->header.data_len);
        goto fail;
    }
    return TKR_OK;
fail:
    tkri_file_fini(file);
    return status;
}

void tkri_file_fini(tkri_file *file) {
    tkri_release(&file->env, file->block, file->block_bytes);
    tkri_header_fini(&file->header, &file->env);
    file->block = NULL;
    file->data = NULL;
}

/* "[2,3]", in out [MAX_SHOWN]. */
static const char *show_shape(char *out, int32_t rank, const uint64_t *shape) {
    tkri_text text = {out, 0};
    tkri_text_put(&text, "[");
    for (int32_t i = 0; i < rank; i++) {
        tkri_text_put(&text, i > 0 ? "," : "");
        tkri_text_uint(&text, shape[i]);
    }
    tkri_text_bytes(&text, "]", 2);
    return out;
}

static const char *show_name(char out[64], const tkri_tensor *tensor) {
    return tkri_utf8_show(out, 64, tensor->name.text, tensor->name.len);
}

int32_t tkri_file_check_shape(const tkri_file *file, const tkri_tensor *tensor, int32_t rank,
                              const int64_t *shape) {
    uint64_t wanted[TKRI_MAX_RANK] = {0};
    char name[64], found[MAX_SHOWN], expected[MAX_SHOWN];
    for (int32_t i = 0; i < rank; i++) {
        wanted[i] = (uint64_t)shape[i];
    }
    int same = tensor->rank == rank;
    for (int32_t i = 0; same && i < rank; i++) {
        same = tensor->shape[i] == wanted[i];
    }
    REQUIRE(same, file->detail, TKR_ERR_MISMATCH, "tensor '%s' has shape %s, not %s",
            show_name(name, tensor), show_shape(found, tensor->rank, tensor->shape),
            show_shape(expected, rank, wanted));
    return TKR_OK;
}

int32_t tkri_file_floats(const tkri_file *file, const tkri_tensor *tensor, float *out) {
    char name[64];
    REQUIRE(tensor->dtype <= TKRI_BF16, file->detail, TKR_ERR_MISMATCH,
            "tensor '%s' is %s, not floating point", show_name(name, tensor),
            tkri_dtype_name(tensor->dtype));
    uint64_t n = tkri_dtype_to_float(out, file->data + tensor->offset, tensor->n, tensor->dtype);
    REQUIRE(n == tensor->n, file->detail, TKR_ERR_MISMATCH,
            "tensor '%s': element %llu is too large for a float", show_name(name, tensor),
            (unsigned long long)n);
    return TKR_OK;
}

int32_t tkri_file_uints(const tkri_file *file, const tkri_tensor *tensor, uint64_t *out) {
    char name[64];
    REQUIRE(tensor->dtype == TKRI_U64 || tensor->dtype == TKRI_I64, file->detail, TKR_ERR_MISMATCH,
            "tensor '%s' is %s, not U64", show_name(name, tensor), tkri_dtype_name(tensor->dtype));
    uint64_t n = tkri_dtype_to_uint(out, file->data + tensor->offset, tensor->n, tensor->dtype);
    REQUIRE(n == tensor->n, file->detail, TKR_ERR_MISMATCH, "tensor '%s': element %llu is negative",
            show_name(name, tensor), (unsigned long long)n);
    return TKR_OK;
}
