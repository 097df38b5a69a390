/* SPDX-License-Identifier: MIT
 * Options, the same way for every object: a table says what there is, by what key and name, of what
 * type, between which bounds; the object holds the values. Whoever sets one, a caller or a file,
 * comes through tkri_options_check(). */
#ifndef TKRI_CORE_OPTIONS_H
#define TKRI_CORE_OPTIONS_H

#include "core/status.h"

enum { TKRI_MAX_OPTIONS = 32 }; /* of one table */

enum { TKRI_INT, TKRI_REAL };

/* What else there is to an option, or-ed. */
enum {
    TKRI_READ_ONLY = 1, /* the library's own to set */
    TKRI_FIXED = 2,     /* not after the object has been laid out */
    TKRI_UNKEPT = 4     /* worked out when it is asked for, in no file */
};

/* One option of the kinds in `kinds` (bit k: kind k; 0: all that have the table). */
typedef struct tkri_option {
    int32_t key;
    uint32_t kinds;
    char name[20];       /* as in files and texts; a pointer would be one to relocate */
    int16_t type, flags; /* TKRI_INT, TKRI_REAL; or-ed from above */
    double low, high;    /* closed; NaN is in no bounds */
    double standard;     /* the default; NaN: unset, which a file does not mention */
} tkri_option;

/* Below a table: an object has room for its values. */
#define TKRI_OPTIONS_FIT(table)                                             \
    _Static_assert(sizeof(table) / sizeof *(table) <= TKRI_MAX_OPTIONS + 1, \
                   "a table of more than TKRI_MAX_OPTIONS")

/* The largest float below 1: the bound of what is in [0, 1). */
#define TKRI_BELOW_ONE 0.99999994

/* The high bound of an integer that has none: INT64_MAX to callers. Others are within 2^53, where a
 * double has every integer. */
#define TKRI_UNBOUNDED 0x1p63

typedef union tkri_value {
    int64_t whole;
    double real;
} tkri_value;

/* An object's options. */
typedef struct tkri_options {
    const tkri_option *table; /* ended by key 0 */
    int32_t kind;
    tkri_value value[TKRI_MAX_OPTIONS]; /* as in the table */
} tkri_options;

/* All options of the kind at their defaults. */
void tkri_options_init(tkri_options *options, const tkri_option *table, int32_t kind);

/* The option of that key or name; NULL: this kind has none. */
const tkri_option *tkri_options_find(const tkri_options *options, int32_t key);
const tkri_option *tkri_options_named(const tkri_options *options, const char *name, uint64_t len);

/* The next option of the kind behind `last`, from NULL on; NULL at the end. */
const tkri_option *tkri_options_next(const tkri_options *options, const tkri_option *last);

/* May `key`, of that type, become `value` now? TKR_ERR_KEY if the kind has none that can be set so,
 * TKR_ERR_ARGUMENT out of its bounds, TKR_ERR_ORDER if it is fixed. Changes nothing. `noun` is what
 * the text calls the object: "this kind of cell". */
typedef struct tkri_setting {
    int32_t key, type;
    double value; /* of an integer, the nearest: it is in bounds where the integer is */
    int32_t laid_out;
    const char *noun;
    int32_t restored; /* 1: by a file, which sets what is read only too */
} tkri_setting;
int32_t tkri_options_check(const tkri_options *options, const tkri_setting *setting,
                           tkri_detail *detail);

/* Where an option's value is; the option is one of the table. */
tkri_value *tkri_options_at(tkri_options *options, const tkri_option *option);

/* The value of `key`, which the kind has; 0 where it has not. */
int64_t tkri_options_int(const tkri_options *options, int32_t key);
double tkri_options_real(const tkri_options *options, int32_t key);

/* Set what tkri_options_check() allowed, or what the library sets itself. */
void tkri_options_set_int(tkri_options *options, int32_t key, int64_t value);
void tkri_options_set_real(tkri_options *options, int32_t key, double value);

/* What the public calls of an object do. Check and set, where no option shapes the object and none
 * depends on another. */
int32_t tkri_options_change_int(tkri_options *options, int32_t key, int64_t value, const char *noun,
                                tkri_detail *detail);
int32_t tkri_options_change_real(tkri_options *options, int32_t key, double value, const char *noun,
                                 tkri_detail *detail);

/* Read: TKR_ERR_KEY if the kind has no such option of that type. */
int32_t tkri_options_get_int(const tkri_options *options, int32_t key, int64_t *value);
int32_t tkri_options_get_real(const tkri_options *options, int32_t key, double *value);

/* The bounds in the table: TKR_ERR_KEY too for what is read only. */
int32_t tkri_options_bounds_int(const tkri_options *options, int32_t key, int64_t *low,
                                int64_t *high);
int32_t tkri_options_bounds_real(const tkri_options *options, int32_t key, double *low,
                                 double *high);

#endif
