/* SPDX-License-Identifier: MIT
 * The header of a safetensors file. One walk over the JSON checks and counts, then the same walk
 * fills what was counted. */
#include <stdio.h>
#include <string.h>

#include "core/arena.h"
#include "core/sort.h"
#include "core/utf8.h"
#include "model/json.h"
#include "model/safetensors.h"

/* One walk. */
typedef struct walk {
    tkri_json json;
    tkri_header *header;       /* its arrays are NULL while counting */
    uint64_t strings_capacity; /* 0 while counting */
    uint64_t name_at;          /* where the name of the tensor at hand stands; 0: none */
    int metadata_seen;
    char error[64]; /* room for an error that names what was read */
} walk;

static int32_t refuse(walk *w, const char *error) {
    w->json.error = error;
    return TKR_ERR_FORMAT;
}

typedef int32_t (*read_function)(tkri_json *, char *, uint64_t, uint64_t *);

/* The next string or key into the header's strings. */
static int32_t read_text(walk *w, read_function read, tkri_string *string) {
    tkri_header *header = w->header;
    char *to = header->strings ? header->strings + header->strings_len : NULL;
    TRY(read(&w->json, to, to ? w->strings_capacity - header->strings_len : 0, &string->len));
    header->strings_len += string->len + 1; /* the NUL is there: the block was zeroed */
    string->text = to;
    return TKR_OK;
}

static int32_t read_dtype(walk *w, tkri_tensor *tensor) {
    char name[16], shown[sizeof name + 1];
    uint64_t len;
    TRY(tkri_json_string(&w->json, name, sizeof name, &len));
    tensor->dtype = len <= sizeof name ? tkri_dtype_find(name, len) : -1;
    if (tensor->dtype >= 0) {
        return TKR_OK;
    }
    tkri_utf8_show(shown, sizeof shown, name, len < sizeof name ? len : sizeof name);
    (void)snprintf(w->error, sizeof w->error, "'%s' is no dtype of safetensors", shown);
    return refuse(w, w->error);
}

static int32_t read_shape(walk *w, tkri_tensor *tensor) {
    int more;
    TRY(tkri_json_open(&w->json, '['));
    for (;;) {
        TRY(tkri_json_more(&w->json, ']', &more));
        if (!more) {
            return TKR_OK;
        }
        if (tensor->rank == TKRI_MAX_RANK) {
            return refuse(w, "more than 8 dimensions");
        }
        TRY(tkri_json_uint(&w->json, &tensor->shape[tensor->rank++]));
    }
}

static int32_t read_offsets(walk *w, tkri_tensor *tensor) {
    uint64_t bounds[2];
    int more;
    TRY(tkri_json_open(&w->json, '['));
    for (int i = 0; i < 2; i++) {
        TRY(tkri_json_more(&w->json, ']', &more));
        if (!more) {
            return refuse(w, "data_offsets wants two numbers");
        }
        TRY(tkri_json_uint(&w->json, &bounds[i]));
    }
    TRY(tkri_json_more(&w->json, ']', &more));
    if (more) {
        return refuse(w, "data_offsets wants two numbers");
    }
    if (bounds[1] < bounds[0]) {
        return refuse(w, "data_offsets ends before it begins");
    }
    tensor->offset = bounds[0];
    tensor->bytes = bounds[1] - bounds[0];
    return TKR_OK;
}

/* The three members of a tensor, in any order. */
static int32_t read_members(walk *w, tkri_tensor *tensor) {
    static const char *const names[] = {"dtype", "shape", "data_offsets"};
    static int32_t (*const readers[])(walk *, tkri_tensor *) = {read_dtype, read_shape,
                                                                read_offsets};
    uint64_t seen = 0;
    int index;
    TRY(tkri_json_open(&w->json, '{'));
    for (;;) {
        TRY(tkri_json_member(&w->json, names, 3, &seen, &index));
        if (index < 0) {
            return seen == 7 ? TKR_OK : refuse(w, "dtype, shape or data_offsets is missing");
        }
        TRY(readers[index](w, tensor));
    }
}

/* Shape, type and size must agree; every product is checked. */
static int32_t check_size(walk *w, tkri_tensor *tensor) {
    uint64_t n = 1, element = tkri_dtype_bits(tensor->dtype);
    for (int32_t i = 0; i < tensor->rank; i++) {
        if (tensor->shape[i] != 0 && n > UINT64_MAX / tensor->shape[i]) {
            return refuse(w, "a shape of 2^64 elements or more");
        }
        n *= tensor->shape[i];
    }
    tensor->n = n;
    uint64_t bits = tkri_mul(n, element);
    if (bits == UINT64_MAX || bits % 8 != 0 || bits / 8 != tensor->bytes) {
        return refuse(w, "data_offsets is not the size of this shape and dtype");
    }
    return TKR_OK;
}

static int32_t read_tensor(walk *w) {
    tkri_header *header = w->header;
    tkri_tensor tensor = {.rank = 0};
    tkri_json_peek(&w->json);
    w->name_at = w->json.at;
    (void)read_text(w, tkri_json_key, &tensor.name); /* read_entry() could read it */
    TRY(read_members(w, &tensor));
    TRY(check_size(w, &tensor));
    if (header->n_tensors == TKRI_MAX_TENSORS) {
        return refuse(w, "more than 65536 tensors");
    }
    if (header->tensor) {
        header->tensor[header->n_tensors] = tensor;
        header->name[header->n_tensors] = tensor.name;
    }
    header->n_tensors++;
    w->name_at = 0;
    return TKR_OK;
}

static int32_t read_pair(walk *w) {
    tkri_header *header = w->header;
    tkri_string key, text;
    TRY(read_text(w, tkri_json_key, &key));
    TRY(read_text(w, tkri_json_string, &text));
    if (header->n_keys == TKRI_MAX_TENSORS) {
        return refuse(w, "more than 65536 entries in __metadata__");
    }
    if (header->key) {
        header->key[header->n_keys] = key;
        header->text[header->n_keys] = text;
    }
    header->n_keys++;
    return TKR_OK;
}

static int32_t read_metadata(walk *w) {
    int more;
    if (w->metadata_seen) {
        return refuse(w, "__metadata__ twice");
    }
    w->metadata_seen = 1;
    TRY(tkri_json_open(&w->json, '{'));
    for (;;) {
        TRY(tkri_json_more(&w->json, '}', &more));
        if (!more) {
            return TKR_OK;
        }
        TRY(read_pair(w));
    }
}

/* A member of the header: __metadata__, or else a tensor, whose name is then read once more. */
static int32_t read_entry(walk *w) {
    static const char reserved[12] = "__metadata__";
    char name[sizeof reserved];
    uint64_t start = w->json.at, len;
    TRY(tkri_json_key(&w->json, name, sizeof name, &len));
    if (len == sizeof name && memcmp(name, reserved, sizeof name) == 0) {
        return read_metadata(w);
    }
    w->json.at = start;
    return read_tensor(w);
}

static int32_t read_all(walk *w) {
    int more;
    w->header->n_tensors = w->header->n_keys = 0;
    w->header->strings_len = 0;
    (void)tkri_json_open(&w->json, '{'); /* tkri_header_parse() saw it */
    for (;;) {
        TRY(tkri_json_more(&w->json, '}', &more));
        if (!more) {
            return tkri_json_end(&w->json);
        }
        TRY(read_entry(w));
    }
}

/* Say where a walk failed, and at which tensor. */
static int32_t explain(walk *w, tkri_detail *detail) {
    char name[64], shown[64];
    const char *error = w->json.error;
    unsigned long long at = w->json.at;
    uint64_t len = 0;
    if (!w->name_at) {
        return tkri_fail(detail, TKR_ERR_FORMAT, "header, byte %llu: %s", at, error);
    }
    w->json.at = w->name_at;
    (void)tkri_json_string(&w->json, name, sizeof name, &len);
    tkri_utf8_show(shown, sizeof shown, name, len < sizeof name ? len : sizeof name);
    return tkri_fail(detail, TKR_ERR_FORMAT, "header, byte %llu, tensor '%s': %s", at, shown,
                     error);
}

/* Walk, counting, or filling what was counted. */
static int32_t run(tkri_header *header, const char *json, uint64_t len, tkri_detail *detail) {
    walk w = {
        .json = tkri_json_begin(json, len),
        .header = header,
        .strings_capacity = header->strings_len,
    };
    return read_all(&w) == TKR_OK ? TKR_OK : explain(&w, detail);
}

static int compare(tkri_string a, tkri_string b) {
    int order = memcmp(a.text, b.text, (size_t)(a.len < b.len ? a.len : b.len));
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int string_before(const void *elements, int32_t a, int32_t b) {
    const tkri_string *strings = elements;
    return compare(strings[a], strings[b]) < 0;
}

static int tensor_before(const void *elements, int32_t a, int32_t b) {
    const tkri_tensor *x = (const tkri_tensor *)elements + a,
                      *y = (const tkri_tensor *)elements + b;
    if (x->offset != y->offset) {
        return x->offset < y->offset;
    }
    return x->bytes != y->bytes ? x->bytes < y->bytes : a < b;
}

/* The tensors follow each other from 0 without a hole or an overlap. */
static int32_t check_coverage(tkri_header *header, tkri_detail *detail) {
    uint64_t end = 0;
    tkri_sort(header->by_name, header->n_tensors, tensor_before, header->tensor);
    for (int32_t i = 0; i < header->n_tensors; i++) {
        const tkri_tensor *tensor = &header->tensor[header->by_name[i]];
        char shown[64];
        REQUIRE(tensor->offset == end, detail, TKR_ERR_FORMAT,
                "tensor '%s' begins at byte %llu of the data: %s, the one before it ends at %llu",
                tkri_utf8_show(shown, sizeof shown, tensor->name.text, tensor->name.len),
                (unsigned long long)tensor->offset, tensor->offset < end ? "an overlap" : "a hole",
                (unsigned long long)end);
        end += tensor->bytes;
    }
    header->data_len = end;
    return TKR_OK;
}

/* Sort strings; no two may be equal. */
static int32_t check_distinct(const tkri_string *strings, int32_t *order, int32_t n,
                              const char *what, tkri_detail *detail) {
    tkri_sort(order, n, string_before, strings);
    for (int32_t i = 1; i < n; i++) {
        tkri_string string = strings[order[i]];
        char shown[64];
        REQUIRE(compare(strings[order[i - 1]], string) != 0, detail, TKR_ERR_FORMAT,
                "two %s are named '%s'", what,
                tkri_utf8_show(shown, sizeof shown, string.text, string.len));
    }
    return TKR_OK;
}

static int32_t find(const tkri_string *strings, const int32_t *order, int32_t n, const char *name) {
    tkri_string wanted = {name, strlen(name)};
    int32_t low = 0, high = n;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (compare(strings[order[middle]], wanted) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < n && compare(strings[order[low]], wanted) == 0 ? order[low] : -1;
}

int32_t tkri_header_tensor(const tkri_header *header, const char *name) {
    return find(header->name, header->by_name, header->n_tensors, name);
}

int32_t tkri_header_key(const tkri_header *header, const char *key) {
    return find(header->key, header->by_key, header->n_keys, key);
}

/* Measure or place the arrays for what was counted. */
static void layout(tkri_header *header, tkri_arena *arena) {
    TKRI_TAKE(arena, header->tensor, header->n_tensors);
    TKRI_TAKE(arena, header->name, header->n_tensors);
    TKRI_TAKE(arena, header->key, header->n_keys);
    TKRI_TAKE(arena, header->text, header->n_keys);
    TKRI_TAKE(arena, header->by_name, header->n_tensors);
    TKRI_TAKE(arena, header->by_key, header->n_keys);
    TKRI_TAKE(arena, header->strings, header->strings_len);
}

static int32_t allocate(tkri_header *header, const tkri_env *env, tkri_detail *detail) {
    tkri_arena measure = {NULL, 0};
    layout(header, &measure);
    header->block_bytes = measure.used;
    header->block = tkri_allocate(env, header->block_bytes);
    REQUIRE(header->block, detail, TKR_ERR_MEMORY, "no memory for the header of the file");
    tkri_arena place = {header->block, 0};
    layout(header, &place);
    return TKR_OK;
}

int32_t tkri_header_parse(tkri_header *header, const char *json, uint64_t len, const tkri_env *env,
                          tkri_detail *detail) {
    int32_t status;
    memset(header, 0, sizeof *header);
    REQUIRE(len > 0 && json[0] == '{', detail, TKR_ERR_FORMAT, "the header does not begin with {");
    for (int filling = 0; filling < 2; filling++) {
        TRY_OR_FAIL(filling ? allocate(header, env, detail) : TKR_OK);
        TRY_OR_FAIL(run(header, json, len, detail));
    }
    TRY_OR_FAIL(check_coverage(header, detail));
    TRY_OR_FAIL(
        check_distinct(header->name, header->by_name, header->n_tensors, "tensors", detail));
    TRY_OR_FAIL(
        check_distinct(header->key, header->by_key, header->n_keys, "keys of metadata", detail));
    return TKR_OK;
fail:
    tkri_header_fini(header, env);
    return status;
}

void tkri_header_fini(tkri_header *header, const tkri_env *env) {
    tkri_release(env, header->block, header->block_bytes);
    memset(header, 0, sizeof *header);
}
