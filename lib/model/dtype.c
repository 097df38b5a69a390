/* SPDX-License-Identifier: MIT */
#include "model/dtype.h"

#include <float.h>
#include <math.h>
#include <string.h>

typedef struct row {
    const char *name;
    uint64_t bits;
} row;

/* In the order of the enum, then those without a number of ours. */
static const row dtypes[] = {
    {"F64", 64},        {"F32", 32},        {"F16", 16}, {"BF16", 16},   {"I64", 64},
    {"U64", 64},        {"I32", 32},        {"U32", 32}, {"I16", 16},    {"U16", 16},
    {"I8", 8},          {"U8", 8},          {"BOOL", 8}, {"C64", 64},    {"F8_E4M3", 8},
    {"F8_E5M2", 8},     {"F8_E8M0", 8},     {"F4", 4},   {"F6_E2M3", 6}, {"F6_E3M2", 6},
    {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8},
};
enum { N_DTYPES = sizeof dtypes / sizeof *dtypes };

int32_t tkri_dtype_find(const char *name, uint64_t len) {
    for (int32_t i = 0; i < N_DTYPES; i++) {
        if (strlen(dtypes[i].name) == len && memcmp(dtypes[i].name, name, (size_t)len) == 0) {
            return i;
        }
    }
    return -1;
}

const char *tkri_dtype_name(int32_t dtype) {
    return dtypes[dtype].name;
}

uint64_t tkri_dtype_bits(int32_t dtype) {
    return dtypes[dtype].bits;
}

static uint64_t load(const unsigned char *bytes, int n) {
    uint64_t value = 0;
    for (int i = 0; i < n; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

/* IEEE binary16 (1 sign, 5 exponent, 10 fraction bits) to the bits of a float. */
static uint32_t from_half(uint32_t half) {
    uint32_t sign = (half & 0x8000u) << 16, exponent = half >> 10 & 31, fraction = half & 1023;
    if (exponent == 0) {
        float size = (float)fraction * 0x1p-24f;
        uint32_t bits;
        memcpy(&bits, &size, sizeof bits);
        return sign | bits;
    }
    return sign | (exponent == 31 ? 255 : exponent + 112) << 23 | fraction << 13;
}

/* The bits of the float that stands at bytes in one of the formats that fit in one. */
static uint32_t load_bits(const unsigned char *bytes, int32_t dtype) {
    if (dtype == TKRI_F32) {
        return (uint32_t)load(bytes, 4);
    }
    uint32_t half = (uint32_t)load(bytes, 2);
    return dtype == TKRI_BF16 ? half << 16 : from_half(half);
}

static double load_double(const unsigned char *bytes) {
    uint64_t bits = load(bytes, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

uint64_t tkri_dtype_to_float(float *out, const unsigned char *bytes, uint64_t n, int32_t dtype) {
    uint64_t size = tkri_dtype_bits(dtype) / 8;
    for (uint64_t i = 0; i < n; i++) {
        if (dtype == TKRI_F64) {
            double value = load_double(bytes + i * size);
            if (isfinite(value) && fabs(value) > FLT_MAX) {
                return i;
            }
            out[i] = (float)value;
        } else {
            uint32_t bits = load_bits(bytes + i * size, dtype);
            memcpy(&out[i], &bits, sizeof bits);
        }
    }
    return n;
}

uint64_t tkri_dtype_to_uint(uint64_t *out, const unsigned char *bytes, uint64_t n, int32_t dtype) {
    for (uint64_t i = 0; i < n; i++) {
        out[i] = load(bytes + 8 * i, 8);
        if (dtype == TKRI_I64 && out[i] > INT64_MAX) {
            return i;
        }
    }
    return n;
}

void tkri_dtype_to_file(void *elements, uint64_t bytes, uint64_t element_size) {
    unsigned char *at = elements;
    for (uint64_t i = 0; i < bytes; i += element_size) {
        uint64_t value = 0;
        if (element_size == 8) {
            memcpy(&value, at + i, 8);
        } else if (element_size == 4) {
            uint32_t word;
            memcpy(&word, at + i, 4);
            value = word;
        } else if (element_size == 2) {
            uint16_t word;
            memcpy(&word, at + i, 2);
            value = word;
        } else {
            value = at[i];
        }
        for (uint64_t k = 0; k < element_size; k++) {
            at[i + k] = (unsigned char)(value >> (8 * k));
        }
    }
}
