/* SPDX-License-Identifier: MIT */
#include "core/options.h"

#include <stddef.h>
#include <string.h>

static int has(const tkri_options *options, const tkri_option *option) {
    return option->kinds == 0 || (option->kinds >> options->kind & 1);
}

const tkri_option *tkri_options_next(const tkri_options *options, const tkri_option *last) {
    const tkri_option *next = last ? last + 1 : options->table;
    while (next->key && !has(options, next)) {
        next++;
    }
    return next->key ? next : NULL;
}

const tkri_option *tkri_options_find(const tkri_options *options, int32_t key) {
    const tkri_option *o = tkri_options_next(options, NULL);
    while (o && o->key != key) {
        o = tkri_options_next(options, o);
    }
    return o;
}

const tkri_option *tkri_options_named(const tkri_options *options, const char *name, uint64_t len) {
    const tkri_option *o = tkri_options_next(options, NULL);
    while (o && (strlen(o->name) != len || memcmp(o->name, name, (size_t)len) != 0)) {
        o = tkri_options_next(options, o);
    }
    return o;
}

void tkri_options_init(tkri_options *options, const tkri_option *table, int32_t kind) {
    memset(options, 0, sizeof *options);
    options->table = table;
    options->kind = kind;
    for (const tkri_option *o = NULL; (o = tkri_options_next(options, o));) {
        tkri_value *value = tkri_options_at(options, o);
        if (o->type == TKRI_REAL) {
            value->real = o->standard;
        } else {
            value->whole = (int64_t)o->standard;
        }
    }
}

int32_t tkri_options_check(const tkri_options *options, const tkri_setting *setting,
                           tkri_detail *detail) {
    const tkri_option *o = tkri_options_find(options, setting->key);
    REQUIRE(o && o->type == setting->type && !(o->flags & TKRI_READ_ONLY), detail, TKR_ERR_KEY,
            "%s has no %s option %d that can be set", setting->noun,
            setting->type == TKRI_REAL ? "real" : "integer", (int)setting->key);
    REQUIRE(setting->value >= o->low && setting->value <= o->high, detail, TKR_ERR_ARGUMENT,
            "%s = %g is not in %g..%g", o->name, setting->value, o->low, o->high);
    REQUIRE(!setting->laid_out || !(o->flags & TKRI_FIXED), detail, TKR_ERR_ORDER,
            "%s shapes parameters that exist already", o->name);
    return TKR_OK;
}

tkri_value *tkri_options_at(tkri_options *options, const tkri_option *option) {
    return &options->value[option - options->table];
}

int64_t tkri_options_int(const tkri_options *options, int32_t key) {
    const tkri_option *o = tkri_options_find(options, key);
    return o ? options->value[o - options->table].whole : 0;
}

double tkri_options_real(const tkri_options *options, int32_t key) {
    const tkri_option *o = tkri_options_find(options, key);
    return o ? options->value[o - options->table].real : 0;
}

void tkri_options_set_int(tkri_options *options, int32_t key, int64_t value) {
    tkri_options_at(options, tkri_options_find(options, key))->whole = value;
}

void tkri_options_set_real(tkri_options *options, int32_t key, double value) {
    tkri_options_at(options, tkri_options_find(options, key))->real = value;
}
