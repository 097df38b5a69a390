/* SPDX-License-Identifier: MIT */
#include "model/progress.h"

#include <string.h>

#include "model/options.h"
#include "train/optimizer.h"

static const char *const kind_names[] = {
    [TKR_SGD] = "sgd", [TKR_ADAM] = "adam", [TKR_ADAMW] = "adamw", [TKR_RMSPROP] = "rmsprop"};

static const char *const sequence_names[TKRI_PROGRESS_LEN] = {
    "seed",           "draws",          "carry", "reduction",
    "truncate_every", "truncate_steps", "batch", "gradients"};

const int32_t tkri_progress_option[TKRI_PROGRESS_OPTIONS] = {
    TKR_CARRY, TKR_REDUCTION, TKR_TRUNCATE_EVERY, TKR_TRUNCATE_STEPS};

/* The largest that each may be. */
static const uint64_t sequence_bounds[TKRI_PROGRESS_LEN] = {UINT64_MAX, UINT64_MAX, 1,         1,
                                                            INT32_MAX,  INT32_MAX,  INT32_MAX, 1};

const char *tkri_progress_kind_name(int32_t kind) {
    return kind_names[kind];
}

static void put_key(tkri_text *out, const char *comma, const char *key) {
    tkri_text_put(out, comma);
    tkri_text_quote(out, key, strlen(key));
    tkri_text_put(out, ":");
}

static void put_optimizer(tkri_text *out, const tkri_options *options) {
    tkri_text_put(out, "\"optimizer\":{\"kind\":\"");
    tkri_text_put(out, kind_names[options->kind]);
    tkri_text_put(out, "\",\"options\":{");
    tkri_options_put(out, options);
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
    put_optimizer(out, &progress->optimizer);
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
            tkri_options_init(&progress->optimizer, tkri_optimizer_options, kind);
            return TKR_OK;
        }
    }
    json->error = "a kind of optimizer of an unknown name";
    return TKR_ERR_UNSUPPORTED;
}

/* The options wait for the kind, which may stand behind them. */
static int32_t read_optimizer(tkri_progress *progress, tkri_json *json) {
    static const char *const names[] = {"kind", "options"};
    tkri_json options = *json;
    uint64_t seen = 0;
    int index;
    TRY(tkri_json_open(json, '{'));
    for (;;) {
        TRY(tkri_json_member(json, names, 2, &seen, &index));
        if (index < 0) {
            break;
        }
        options = index == 1 ? *json : options;
        TRY(index == 0 ? read_kind(progress, json) : tkri_options_skip(json));
    }
    if (seen != 3) {
        return refuse(json, "an optimizer has a kind and options");
    }
    int32_t status = tkri_options_read(&options, &progress->optimizer, NULL);
    if (status != TKR_OK) {
        *json = options; /* where it went wrong */
    }
    return status;
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
