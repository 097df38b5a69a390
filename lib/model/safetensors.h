/* SPDX-License-Identifier: MIT
 * The safetensors file format, both ways. What a file means to a cell is no concern of this module.
 *
 *     8 bytes    N, little-endian
 *     N bytes    JSON: {"__metadata__": {"key": "text", ...},
 *                       "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}
 *     the rest   the tensors' elements, little-endian, row-major, without holes or overlap
 *
 * The reader trusts nothing: every size is checked before it is used, and against what is really
 * there before anything of that size is allocated. */
#ifndef TKRI_MODEL_SAFETENSORS_H
#define TKRI_MODEL_SAFETENSORS_H

#include "core/source.h"
#include "model/dtype.h"

enum { TKRI_MAX_RANK = 8, TKRI_MAX_TENSORS = 65536, TKRI_MAX_HEADER = 16 << 20 };

/* UTF-8 of a file, NUL-terminated; it may hold NULs too, hence the length. */
typedef struct tkri_string {
    const char *text;
    uint64_t len;
} tkri_string;

/* A tensor of a file. */
typedef struct tkri_tensor {
    tkri_string name;
    int32_t dtype, rank;
    uint64_t shape[TKRI_MAX_RANK];
    uint64_t n;             /* the product of the shape */
    uint64_t offset, bytes; /* where its elements lie in the data */
} tkri_tensor;

/* What a header says, in the order of the file, and both kinds of names sorted. */
typedef struct tkri_header {
    tkri_tensor *tensor; /* [n_tensors] */
    tkri_string *name;   /* [n_tensors] the same names */
    tkri_string *key;    /* [n_keys] of __metadata__ */
    tkri_string *text;   /* [n_keys] what it maps them to */
    int32_t *by_name, *by_key;
    char *strings;
    int32_t n_tensors, n_keys;
    uint64_t strings_len, data_len;
    void *block;
    uint64_t block_bytes;
} tkri_header;

/* Read and check the JSON of a header; allocates one block. */
int32_t tkri_header_parse(tkri_header *header, const char *json, uint64_t len, const tkri_env *env,
                          tkri_detail *detail);
void tkri_header_fini(tkri_header *header, const tkri_env *env);

/* The index of the tensor, or of the key, of a NUL-terminated name; -1 if there is none. */
int32_t tkri_header_tensor(const tkri_header *header, const char *name);
int32_t tkri_header_key(const tkri_header *header, const char *key);

/* An open file: its header and its data. `detail` and the bytes of _from_memory belong to the
 * caller and must stay as long as it is open. */
typedef struct tkri_file {
    tkri_env env;
    tkri_detail *detail;
    tkri_header header;
    tkri_block data; /* [header.data_len] */
} tkri_file;

/* Open a file and check all of it. On failure nothing stays allocated, and `detail` says what was
 * wrong; TKR_ERR_FORMAT, TKR_ERR_IO, TKR_ERR_MEMORY. */
int32_t tkri_file_from_memory(tkri_file *file, const void *bytes, uint64_t len, const tkri_env *env,
                              tkri_detail *detail);
int32_t tkri_file_from_reader(tkri_file *file, const tkr_reader *reader, const tkri_env *env,
                              tkri_detail *detail);
int32_t tkri_file_from_path(tkri_file *file, const char *path, const tkri_env *env,
                            tkri_detail *detail);
void tkri_file_fini(tkri_file *file);

/* TKR_ERR_MISMATCH, naming it, unless the tensor has this shape. */
int32_t tkri_file_check_shape(const tkri_file *file, const tkri_tensor *tensor, int32_t rank,
                              const int64_t *shape);

/* Copy a tensor's elements to out [tensor->n]: F32, F64, F16 or BF16 as floats, U64 or I64 as whole
 * numbers. TKR_ERR_MISMATCH, naming it, for another type or a number out of range. */
int32_t tkri_file_floats(const tkri_file *file, const tkri_tensor *tensor, float *out);
int32_t tkri_file_uints(const tkri_file *file, const tkri_tensor *tensor, uint64_t *out);

/* A tensor to be written. */
typedef struct tkri_entry {
    const char *name; /* NUL-terminated UTF-8 */
    int32_t dtype;    /* of 8, 16, 32 or 64 bits */
    int32_t rank;
    int64_t shape[TKRI_MAX_RANK];
} tkri_entry;

/* A line of __metadata__ to be written, NUL-terminated UTF-8. */
typedef struct tkri_pair {
    const char *key, *text;
} tkri_pair;

/* A file to be written. */
typedef struct tkri_content {
    const tkri_entry *entry; /* [n_entries] in any order, no two of one name */
    int32_t n_entries;
    const tkri_pair *pair; /* [n_pairs], no two of one key */
    int32_t n_pairs;
    /* Puts the elements of entry[index] in `elements`, in the host's order; `bytes` is their size.
     * Returns a status; may write a detail text. */
    int32_t (*fetch)(void *user, int32_t index, void *elements, uint64_t bytes);
    void *user;
} tkri_content;

/* Write a file: to a writer, or to a path so that it appears whole or not at all. Allocates for the
 * time of the call: the header and room for the largest tensor. */
int32_t tkri_file_write(const tkri_content *content, const tkr_writer *writer, const tkri_env *env,
                        tkri_detail *detail);
int32_t tkri_file_write_path(const tkri_content *content, const char *path, const tkri_env *env,
                             tkri_detail *detail);

#endif
