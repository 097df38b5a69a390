/* SPDX-License-Identifier: MIT
 * Opening a safetensors file, from memory, from a reader, from a path. */
#include <string.h>

#include "core/utf8.h"
#include "model/disk.h"
#include "model/json.h"
#include "model/safetensors.h"

enum { LENGTH_BYTES = 8, MAX_SHOWN = 3 + 21 * TKRI_MAX_RANK };

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

static int32_t read_header(tkri_source *from, tkri_file *file) {
    unsigned char length[LENGTH_BYTES];
    tkri_block block;
    TRY(tkri_source_read(from, length, sizeof length, "first 8 bytes"));
    const uint64_t len = length_at(length);
    TRY(check_header_len(len, from->detail));
    TRY(tkri_source_take(from, &block, len, "header"));
    const int32_t status =
        tkri_header_parse(&file->header, (const char *)block.bytes, len, &file->env, file->detail);
    tkri_block_release(&block, &file->env);
    return status;
}

static int32_t read_data(tkri_source *from, tkri_file *file) {
    TRY(tkri_source_take(from, &file->data, file->header.data_len, "data"));
    return tkri_source_end(from, "something follows the last tensor");
}

static int32_t read_all(tkri_file *file, tkri_source *from) {
    int32_t status;
    memset(file, 0, sizeof *file);
    file->env = *from->env;
    file->detail = from->detail;
    TRY_OR_FAIL(read_header(from, file));
    TRY_OR_FAIL(read_data(from, file));
    return TKR_OK;
fail:
    tkri_file_fini(file);
    return status;
}

int32_t tkri_file_from_reader(tkri_file *file, const tkr_reader *reader, const tkri_env *env,
                              tkri_detail *detail) {
    tkri_source from = {"file", env, detail, reader, NULL, UINT64_MAX, 0, 0};
    return read_all(file, &from);
}

int32_t tkri_file_from_path(tkri_file *file, const char *path, const tkri_env *env,
                            tkri_detail *detail) {
    tkri_disk_reader disk;
    TRY(tkri_disk_open(&disk, path, detail));
    tkri_source from = {"file", env, detail, &disk.reader, NULL, disk.bytes, 0, 0};
    const int32_t status = read_all(file, &from);
    tkri_disk_close(&disk);
    return disk.error ? tkri_disk_fail(detail, "read", path, disk.error) : status;
}

int32_t tkri_file_from_memory(tkri_file *file, const void *bytes, uint64_t len, const tkri_env *env,
                              tkri_detail *detail) {
    tkri_source from = {"file", env, detail, NULL, bytes, len, 0, 0};
    return read_all(file, &from);
}

void tkri_file_fini(tkri_file *file) {
    tkri_block_release(&file->data, &file->env);
    tkri_header_fini(&file->header, &file->env);
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
    const char *dtype = tkri_dtype_name(tensor->dtype);
    REQUIRE(tensor->dtype <= TKRI_BF16 || dtype[0] != 'F', file->detail, TKR_ERR_MISMATCH,
            "tensor '%s' is %s, floating point of %d bits: F64, F32, F16 and BF16 are read",
            show_name(name, tensor), dtype, (int)tkri_dtype_bits(tensor->dtype));
    REQUIRE(tensor->dtype <= TKRI_BF16, file->detail, TKR_ERR_MISMATCH,
            "tensor '%s' is %s, not floating point", show_name(name, tensor), dtype);
    uint64_t n =
        tkri_dtype_to_float(out, file->data.bytes + tensor->offset, tensor->n, tensor->dtype);
    REQUIRE(n == tensor->n, file->detail, TKR_ERR_MISMATCH,
            "tensor '%s': element %llu is too large for a float", show_name(name, tensor),
            (unsigned long long)n);
    return TKR_OK;
}

int32_t tkri_file_uints(const tkri_file *file, const tkri_tensor *tensor, uint64_t *out) {
    char name[64];
    REQUIRE(tensor->dtype == TKRI_U64 || tensor->dtype == TKRI_I64, file->detail, TKR_ERR_MISMATCH,
            "tensor '%s' is %s, not U64", show_name(name, tensor), tkri_dtype_name(tensor->dtype));
    uint64_t n =
        tkri_dtype_to_uint(out, file->data.bytes + tensor->offset, tensor->n, tensor->dtype);
    REQUIRE(n == tensor->n, file->detail, TKR_ERR_MISMATCH, "tensor '%s': element %llu is negative",
            show_name(name, tensor), (unsigned long long)n);
    return TKR_OK;
}
