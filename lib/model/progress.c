/* SPDX-License-Identifier: MIT */
#include "model/progress.h"

#include <string.h>

static const char *const kind_names[] = {
    [TKR_SGD] = "sgd", [TKR_ADAM] = "adam", [TKR_ADAMW] = "adamw", [TKR_RMSPROP] = "rmsprop"};

static const char *const sequence_names[TKRI_PROGRESS_LEN] = {
    "seed",           "draws",          "carry", "reduction",
    "truncate_every", "truncate_steps", "batch", "gradients"};

/* The largest that each may be. */
static const uint64_t sequence_bounds[TKRI_PROGRESS_LEN] = {UINT64_MAX, UINT64_MAX, 1,         1,
                                                            INT32_MAX,  INT32_MAX,  INT32_MAX, 1};

const char *tkri_progress_kind_name(int32_t kind) {
    return kind_names[kind];
}

static int is_float(const tkri_opt_option *option) {
    return option->key < TKRI_OPT_INT_BASE;
}

/* The rate in use is worked out, not kept. */
static int is_kept(const tkri_opt_option *option, int32_t kind) {
    return option->key != TKR_CURRENT_RATE && (option->kinds >> kind & 1);
}

static void put_key(tkri_text *out, const char *comma, const char *key) {
    tkri_text_put(out, comma);
    tkri_text_quote(out, key, strlen(key));
    tkri_text_put(out, ":");
}

static void put_optimizer(tkri_text *out, const tkri_progress *progress) {
    const char *comma = "";
    tkri_text_put(out, "\"optimizer\":{\"kind\":\"");
    tkri_text_put(out, kind_names[progress->kind]);
    tkri_text_put(out, "\",\"options\":{");
    for (const tkri_opt_option *o = tkri_opt_options; o->key; o++) {
        if (!is_kept(o, progress->kind)) {
            continue;
        }
        put_key(out, comma, o->name);
        if (is_float(o)) {
            tkri_text_real(out, progress->floats[o->key - TKRI_OPT_FLOAT_BASE]);
        } else {
            tkri_text_uint(out, (uint64_t)progress->ints[o->key - TKRI_OPT_INT_BASE]);
        }
        comma = ",";
    }
    tkri_text_put(out, "}}");
}

static void put_sequence(tkri_text *out, const uint64_t *values) {
    tkri_text_put(out, ",\"sequence\":{");
    for (int i = 0; i < TKRI_PROGRESS_LEN; i++) {
        put_key(out, i > 0 ? "," : "", sequence_names[i]);
        tkri_text_uint(out, values[i]);
    }
    tkri_text_put(out, "}");
}

void tkri_progress_put(tkri_text *out, const void *about) {
    const tkri_progress *progress = about;
    tkri_text_put(out, "{");
    put_optimizer(out, progress);
    if (progress->has_sequence) {
        put_sequence(out, progress->sequence);
    }
    if (progress->has_state) {
        tkri_text_put(out, ",\"state\":{\"batch\":");
        tkri_text_uint(out, progress->state_batch);
        tkri_text_put(out, "}");
    }
    for (int i = 0; progress->has_cursor && i < TKRI_CURSOR_LEN; i++) {
        tkri_text_put(out, i > 0 ? "," : ",\"cursor\":[");
        tkri_text_uint(out, progress->cursor[i]);
        tkri_text_put(out, i == TKRI_CURSOR_LEN - 1 ? "]" : "");
    }
    tkri_text_put(out, "}");
}

static int32_t refuse(tkri_json *json, const char *error) {
    json->error = error;
    return TKR_ERR_FORMAT;
}

static int32_t read_kind(tkri_progress *progress, tkri_json *json) {
    char word[16] = "";
    uint64_t len;
    TRY(tkri_json_string(json, word, sizeof word - 1, &len));
    for (int32_t kind = TKR_SGD; kind <= TKR_RMSPROP; kind++) {
        if (strlen(kind_names[kind]) == len && strcmp(word, kind_names[kind]) == 0) {
            progress->kind = kind;
            return TKR_OK;
        }
    }
    json->error = "a kind of optimizer of an unknown name";
    return TKR_ERR_UNSUPPORTED;
}

static int32_t read_option(tkri_progress *progress, tkri_json *json,
                           const tkri_opt_option *option) {
    double real;
    uint64_t whole = 0;
    if (is_float(option)) {
        TRY(tkri_json_real(json, &real));
        progress->floats[option->key - TKRI_OPT_FLOAT_BASE] = real;
    } else {
        TRY(tkri_json_uint(json, &whole));
        real = (double)whole;
    }
    int is_norm = option->key == TKR_GRADIENT_NORM; /* read only: has no bounds but 0 */
    if (!(real >= option->low && (is_norm || real <= option->high))) {
        return refuse(json, "an option out of its bounds");
    }
    if (!is_float(option)) {
        progress->ints[option->key - TKRI_OPT_INT_BASE] = (int64_t)whole;
    }
    return TKR_OK;
}

static int32_t read_options(tkri_progress *progress, tkri_json *json) {
    const char *names[64];
    uint64_t seen = 0;
    int n = 0, index;
    for (; tkri_opt_options[n].key; n++) {
        names[n] = tkri_opt_options[n].name;
    }
    TRY(tkri_json_open(json, '{'));
    for (;;) {
        TRY(tkri_json_member(json, names, n, &seen, &index));
        if (index < 0) {
            return TKR_OK;
        }
        TRY(read_option(progress, json, &tkri_opt_options[index]));
    }
}

static int32_t read_optimizer(tkri_progress *progress, tkri_json *json) {
    static const char *const names[] = {"kind", "options"};
    uint64_t seen = 0;
    int index;
    TRY(tkri_json_open(json, '{'));
    for (;;) {
        TRY(tkri_json_member(json, names, 2, &seen, &index));
        if (index < 0) {
            return seen == 3 ? TKR_OK : refuse(json, "an optimizer has a kind and options");
        }
        TRY(index == 0 ? read_kind(progress, json) : read_options(progress, json));
    }
}

static int32_t read_sequence(tkri_progress *progress, tkri_json *json) {
    uint64_t seen = 0;
    int index;
    TRY(tkri_json_open(json, '{'));
    for (;;) {
        TRY(tkri_json_member(json, sequence_names, TKRI_PROGRESS_LEN, &seen, &index));
        if (index < 0) {
            progress->has_sequence = 1;
            return seen == (1u << TKRI_PROGRESS_LEN) - 1 ? TKR_OK
                                                         : refuse(json, "a number is missing");
        }
        TRY(tkri_json_uint(json, &progress->sequence[index]));
        if (progress->sequence[index] > sequence_bounds[index]) {
            return refuse(json, "a number out of its bounds");
        }
    }
}

static int32_t read_state(tkri_progress *progress, tkri_json *json) {
    static const char *const names[] = {"batch"};
    uint64_t seen = 0;
    int index;
    TRY(tkri_json_open(json, '{'));
    for (;;) {
        TRY(tkri_json_member(json, names, 1, &seen, &index));
        if (index < 0) {
            progress->has_state = 1;
            return seen == 1 ? TKR_OK : refuse(json, "a state has a batch");
        }
        TRY(tkri_json_uint(json, &progress->state_batch));
    }
}

static int32_t read_cursor(tkri_progress *progress, tkri_json *json) {
    int more, n = 0;
    TRY(tkri_json_open(json, '['));
    for (;; n++) {
        TRY(tkri_json_more(json, ']', &more));
        if (!more || n == TKRI_CURSOR_LEN) {
            progress->has_cursor = 1;
            return !more && n == TKRI_CURSOR_LEN ? TKR_OK
                                                 : refuse(json, "a cursor has four numbers");
        }
        TRY(tkri_json_uint(json, &progress->cursor[n]));
    }
}

int32_t tkri_progress_read(tkri_progress *progress, tkri_json *json) {
    static const char *const names[] = {"optimizer", "sequence", "state", "cursor"};
    static int32_t (*const readers[])(tkri_progress *, tkri_json *) = {
        read_optimizer, read_sequence, read_state, read_cursor};
    uint64_t seen = 0;
    int index;
    TRY(tkri_json_open(json, '{'));
    for (;;) {
        TRY(tkri_json_member(json, names, 4, &seen, &index));
        if (index < 0) {
            return seen & 1 ? tkri_json_end(json) : refuse(json, "no optimizer");
        }
        TRY(readers[index](progress, json));
    }
}
