/* SPDX-License-Identifier: MIT
 * The element types of safetensors files: little-endian in the file, the host's own in memory. */
#ifndef TKRI_MODEL_DTYPE_H
#define TKRI_MODEL_DTYPE_H

#include <stdint.h>

/* Those that we compute with come first; the others can only be in a file. */
enum {
    TKRI_F64,
    TKRI_F32,
    TKRI_F16,
    TKRI_BF16,
    TKRI_I64,
    TKRI_U64,
    TKRI_I32,
    TKRI_U32,
    TKRI_I16,
    TKRI_U16,
    TKRI_I8,
    TKRI_U8,
    TKRI_BOOL
};

/* The type of that name (not NUL-terminated), or -1. */
int32_t tkri_dtype_find(const char *name, uint64_t len);

const char *tkri_dtype_name(int32_t dtype);

/* Bits of one element: a multiple of 8 but for the 4- and 6-bit floats. */
uint64_t tkri_dtype_bits(int32_t dtype);

/* Numbers of a file to floats, rounded to nearest; `dtype` is one of the four F types. Returns the
 * index of the first finite number beyond float's range, or `n` when all were converted. */
uint64_t tkri_dtype_to_float(float *out, const unsigned char *bytes, uint64_t n, int32_t dtype);

/* Whole numbers of a file, U64 or I64. Returns the index of the first negative, or `n`. */
uint64_t tkri_dtype_to_uint(uint64_t *out, const unsigned char *bytes, uint64_t n, int32_t dtype);

/* Turn `bytes` bytes of elements of 1, 2, 4 or 8 bytes from the host's order to the file's, in
 * place. */
void tkri_dtype_to_file(void *elements, uint64_t bytes, uint64_t element_size);

#endif
