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

/* A training step reads a dozen options: this does not ask every option for its kinds. */
const tkri_option *tkri_options_find(const tkri_options *options, int32_t key) {
    const tkri_option *o = options->table;
    while (o->key && (o->key != key || !has(options, o))) {
        o++;
    }
    return o->key ? o : NULL;
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
    int settable = o && (setting->restored || !(o->flags & TKRI_READ_ONLY));
    REQUIRE(settable && o->type == setting->type, detail, TKR_ERR_KEY,
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

int32_t tkri_options_change_int(tkri_options *options, int32_t key, int64_t value, const char *noun,
                                tkri_detail *detail) {
    const tkri_setting setting = {
        .key = key, .type = TKRI_INT, .value = (double)value, .noun = noun};
    TRY(tkri_options_check(options, &setting, detail));
    tkri_options_set_int(options, key, value);
    return TKR_OK;
}

int32_t tkri_options_change_real(tkri_options *options, int32_t key, double value, const char *noun,
                                 tkri_detail *detail) {
    const tkri_setting setting = {.key = key, .type = TKRI_REAL, .value = value, .noun = noun};
    TRY(tkri_options_check(options, &setting, detail));
    tkri_options_set_real(options, key, value);
    return TKR_OK;
}

/* The option `key` of that type, without any of these flags, or NULL. */
static const tkri_option *of_type(const tkri_options *options, int32_t key, int32_t type,
                                  int32_t flags) {
    const tkri_option *o = tkri_options_find(options, key);
    return o && o->type == type && !(o->flags & flags) ? o : NULL;
}

int32_t tkri_options_get_int(const tkri_options *options, int32_t key, int64_t *value) {
    if (!of_type(options, key, TKRI_INT, 0)) {
        return TKR_ERR_KEY;
    }
    *value = tkri_options_int(options, key);
    return TKR_OK;
}

int32_t tkri_options_get_real(const tkri_options *options, int32_t key, double *value) {
    if (!of_type(options, key, TKRI_REAL, 0)) {
        return TKR_ERR_KEY;
    }
    *value = tkri_options_real(options, key);
    return TKR_OK;
}

int32_t tkri_options_bounds_int(const tkri_options *options, int32_t key, int64_t *low,
                                int64_t *high) {
    const tkri_option *o = of_type(options, key, TKRI_INT, TKRI_READ_ONLY);
    if (!o) {
        return TKR_ERR_KEY;
    }
    *low = (int64_t)o->low;
    *high = o->high < TKRI_UNBOUNDED ? (int64_t)o->high : INT64_MAX;
    return TKR_OK;
}

int32_t tkri_options_bounds_real(const tkri_options *options, int32_t key, double *low,
                                 double *high) {
    const tkri_option *o = of_type(options, key, TKRI_REAL, TKRI_READ_ONLY);
    if (!o) {
        return TKR_ERR_KEY;
    }
    *low = o->low;
    *high = o->high;
    return TKR_OK;
}
