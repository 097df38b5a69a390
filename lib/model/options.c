/* SPDX-License-Identifier: MIT */
#include "model/options.h"

#include <math.h>
#include <string.h>

static int is_kept(const tkri_options *options, const tkri_option *option) {
    int unset = option->type == TKRI_REAL && isnan(tkri_options_real(options, option->key));
    return !unset && !(option->flags & TKRI_UNKEPT);
}

void tkri_options_put(tkri_text *out, const tkri_options *options) {
    const char *comma = "";
    for (const tkri_option *o = NULL; (o = tkri_options_next(options, o));) {
        if (!is_kept(options, o)) {
            continue;
        }
        tkri_text_put(out, comma);
        tkri_text_quote(out, o->name, strlen(o->name));
        tkri_text_put(out, ":");
        if (o->type == TKRI_REAL) {
            tkri_text_real(out, tkri_options_real(options, o->key));
        } else {
            tkri_text_uint(out, (uint64_t)tkri_options_int(options, o->key));
        }
        comma = ",";
    }
}

static int32_t refuse(tkri_json *json, const char *error) {
    json->error = error;
    return TKR_ERR_FORMAT;
}

static int32_t read_option(tkri_json *json, tkri_options *options, const tkri_option *option,
                           tkri_detail *detail) {
    tkri_setting setting = {
        .key = option->key, .type = option->type, .noun = "a file", .restored = 1};
    uint64_t whole = 0;
    if (option->type == TKRI_REAL) {
        TRY(tkri_json_real(json, &setting.value));
    } else {
        TRY(tkri_json_uint(json, &whole));
        setting.value = (double)whole;
    }
    if (tkri_options_check(options, &setting, detail) != TKR_OK || whole > INT64_MAX) {
        return detail ? TKR_ERR_FORMAT : refuse(json, "an option out of its bounds");
    }
    if (option->type == TKRI_REAL) {
        tkri_options_set_real(options, option->key, setting.value);
    } else {
        tkri_options_set_int(options, option->key, (int64_t)whole);
    }
    return TKR_OK;
}

int32_t tkri_options_read(tkri_json *json, tkri_options *options, tkri_detail *detail) {
    const char
        *names[TKRI_MAX_OPTIONS]; /* of all kinds; where one stands twice, the first counts */
    uint64_t seen = 0;
    int n = 0, index;
    for (; options->table[n].key; n++) {
        names[n] = options->table[n].name;
    }
    TRY(tkri_json_open(json, '{'));
    for (;;) {
        TRY(tkri_json_member(json, names, n, &seen, &index));
        if (index < 0) {
            return TKR_OK;
        }
        const tkri_option *o = tkri_options_named(options, names[index], strlen(names[index]));
        if (!o || (o->flags & TKRI_UNKEPT)) {
            return refuse(json, "an option that this kind has not in files");
        }
        TRY(read_option(json, options, o, detail));
    }
}

int32_t tkri_options_skip(tkri_json *json) {
    uint64_t ignored;
    int more;
    TRY(tkri_json_open(json, '{'));
    for (;;) {
        TRY(tkri_json_more(json, '}', &more));
        if (!more) {
            return TKR_OK;
        }
        TRY(tkri_json_key(json, NULL, 0, &ignored));
        TRY(tkri_json_peek(json) == '"' ? tkri_json_string(json, NULL, 0, &ignored)
                                        : tkri_json_uint(json, &ignored));
    }
}
