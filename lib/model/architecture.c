/* SPDX-License-Identifier: MIT
 * A cell without its parameters, as JSON:
 *
 *     {"kind":"chain","parts":[
 *         {"kind":"lstm","name":"rnn","input":8,"hidden":16,"options":{"layers":2,...}}, ...]}
 *
 * or one part alone; containers nest. A cell is made from it by what a caller's calls come to, so a
 * file can ask for nothing that a caller could not. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "layer/layer.h"
#include "model/model.h"
#include "model/options.h"

static void put_parts(tkri_text *out, const tkr_cell *cell) {
    tkri_text_put(out, ",\"parts\":[");
    for (int64_t i = 0; i < cell->n_parts; i++) {
        tkri_text_put(out, i > 0 ? "," : "");
        tkri_architecture_put(out, cell->parts[i]);
    }
    tkri_text_put(out, "]");
}

static void put_widths(tkri_text *out, const tkr_cell *cell) {
    tkri_text_put(out, ",\"input\":");
    tkri_text_uint(out, (uint64_t)cell->input);
    tkri_text_put(out, ",\"hidden\":");
    tkri_text_uint(out, (uint64_t)cell->hidden);
}

void tkri_architecture_put(tkri_text *out, const void *about) {
    const tkr_cell *cell = about;
    tkri_text_put(out, "{\"kind\":\"");
    tkri_text_put(out, cell->kind->name);
    if (cell->name[0]) {
        tkri_text_put(out, "\",\"name\":\"");
        tkri_text_put(out, cell->name);
    }
    tkri_text_put(out, "\"");
    if (!tkri_has_parts(cell->kind)) {
        put_widths(out, cell);
    }
    if (cell->user) {
        tkri_text_put(out, ",\"user\":\"");
        tkri_text_put(out, cell->user->name);
        tkri_text_put(out, "\"");
    }
    if (tkri_options_next(&cell->options, NULL) || !tkri_has_parts(cell->kind)) {
        tkri_text_put(out, ",\"options\":{");
        tkri_options_put(out, &cell->options);
        tkri_text_put(out, "}");
    }
    if (tkri_has_parts(cell->kind)) {
        put_parts(out, cell);
    }
    tkri_text_put(out, "}");
}

/* What one object of the JSON said. */
typedef struct spec {
    const tkri_kind *kind;
    char name[TKRI_NAME_LEN], user[TKRI_NAME_LEN];
    uint64_t input, hidden;
    uint64_t members;  /* bits of those that were there */
    tkri_json options; /* where they stand: to be read when the kind is known */
    tkr_cell *parts[TKRI_MAX_PARTS];
    int32_t n_parts;
} spec;

enum { KIND = 1, NAME = 2, INPUT = 4, HIDDEN = 8, OPTIONS = 16, PARTS = 32, USER = 64 };

/* A reading in progress. */
typedef struct reading {
    tkri_json json;
    tkri_env env; /* for the cells; its detail is ours */
    tkri_detail *detail;
    int depth;
} reading;

static int32_t refuse(reading *r, const char *error) {
    r->json.error = error;
    return TKR_ERR_FORMAT;
}

static int32_t read_kind(reading *r, spec *s) {
    char word[16] = "";
    uint64_t len;
    TRY(tkri_json_string(&r->json, word, sizeof word, &len));
    s->kind = len <= sizeof word ? tkri_kind_named(word, len) : NULL;
    r->json.error = s->kind ? NULL : "a kind of cell of an unknown name";
    return s->kind ? TKR_OK : TKR_ERR_UNSUPPORTED;
}

static int32_t read_word(reading *r, char word[TKRI_NAME_LEN]) {
    uint64_t len;
    TRY(tkri_json_string(&r->json, word, TKRI_NAME_LEN - 1, &len));
    return len > 0 && len == strlen(word) ? TKR_OK : refuse(r, "not a name of 1 to 63 letters");
}

static int32_t read_name(reading *r, spec *s) {
    return read_word(r, s->name);
}

static int32_t read_user(reading *r, spec *s) {
    return read_word(r, s->user);
}

static int32_t read_input(reading *r, spec *s) {
    return tkri_json_uint(&r->json, &s->input);
}

static int32_t read_hidden(reading *r, spec *s) {
    return tkri_json_uint(&r->json, &s->hidden);
}

static int32_t read_options(reading *r, spec *s) {
    s->options = r->json;
    return tkri_options_skip(&r->json);
}

static int32_t read_cell(reading *r, tkr_cell **cell);

static int32_t read_parts(reading *r, spec *s) {
    int more;
    if (r->depth > TKRI_MAX_DEPTH) {
        return refuse(r, "containers that nest too deep");
    }
    TRY(tkri_json_open(&r->json, '['));
    for (;;) {
        TRY(tkri_json_more(&r->json, ']', &more));
        if (!more) {
            return TKR_OK;
        }
        if (s->n_parts == TKRI_MAX_PARTS) {
            return refuse(r, "more than 256 parts");
        }
        TRY(read_cell(r, &s->parts[s->n_parts]));
        s->n_parts++;
    }
}

static int32_t read_members(reading *r, spec *s) {
    static const char *const names[] = {"kind",    "name",  "input", "hidden",
                                        "options", "parts", "user"};
    static int32_t (*const readers[])(reading *, spec *) = {
        read_kind, read_name, read_input, read_hidden, read_options, read_parts, read_user};
    int index;
    TRY(tkri_json_open(&r->json, '{'));
    for (;;) {
        TRY(tkri_json_member(&r->json, names, 7, &s->members, &index));
        if (index < 0) {
            return s->kind ? TKR_OK : refuse(r, "a cell has a kind");
        }
        TRY(readers[index](r, s));
    }
}

/* What a caller would have been refused, the file is to blame for, unless it is memory or the
 * machine. */
static int32_t blame(reading *r, int32_t status, const tkr_cell *cell) {
    if (cell && cell->detail.text[0]) {
        (void)tkri_fail(r->detail, status, "%s", cell->detail.text);
    }
    return status == TKR_OK || status == TKR_ERR_MEMORY || status == TKR_ERR_UNSUPPORTED ||
                   status == TKR_ERR_MISMATCH
               ? status
               : TKR_ERR_FORMAT;
}

/* What the cell says of an option that was found among its own. One that is read only it was made
 * with. */
static int32_t set_option(tkr_cell *cell, const tkri_options *found, const tkri_option *o) {
    if (o->flags & TKRI_READ_ONLY) {
        return TKR_OK;
    }
    if (o->type == TKRI_INT) {
        return tkri_cell_set_int(cell, o->key, tkri_options_int(found, o->key));
    }
    const double real = tkri_options_real(found, o->key);
    return isnan(real) ? TKR_OK : tkri_cell_set_real(cell, o->key, real);
}

/* The options that were there, the others at their defaults. */
static int32_t find_options(reading *r, const spec *s, tkri_options *found) {
    tkri_json json = s->options;
    tkri_options_init(found, s->kind->options, s->kind->number);
    const int32_t status =
        s->members & OPTIONS ? tkri_options_read(&json, found, r->detail) : TKR_OK;
    if (status < 0) {
        r->json = json;
    }
    return status;
}

static int32_t configure(reading *r, tkr_cell *cell, const spec *s, const tkri_options *found) {
    for (const tkri_option *o = NULL; (o = tkri_options_next(found, o));) {
        TRY(blame(r, set_option(cell, found, o), cell));
    }
    return s->name[0] ? blame(r, tkri_cell_set_name(cell, s->name), cell) : TKR_OK;
}

static int64_t width(uint64_t n) {
    return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

/* Members that the kind does not have, or lacks. */
static int32_t check_members(reading *r, const spec *s) {
    const uint64_t members = s->members | NAME;
    const uint64_t user = s->kind->contains == TKRI_FUNCTIONS ? USER : 0;
    if (tkri_has_parts(s->kind)) {
        return (members | OPTIONS) == (KIND | NAME | OPTIONS | PARTS)
                   ? TKR_OK
                   : refuse(r, "a container has a kind and parts");
    }
    return members == (KIND | NAME | INPUT | HIDDEN | OPTIONS | user)
               ? TKR_OK
               : refuse(r, "a cell has a kind, input, hidden and options");
}

/* The caller's functions of that name, which he lent to this load. */
static int32_t make_user(reading *r, tkr_cell **cell, const spec *s) {
    const tkr_user_cell *const *lent = r->env.user_cells;
    int64_t i = 0;
    while (i < r->env.n_user_cells &&
           !(lent[i] && lent[i]->name && !strcmp(lent[i]->name, s->user))) {
        i++;
    }
    REQUIRE(i < r->env.n_user_cells, r->detail, TKR_ERR_UNSUPPORTED,
            "the file has a cell '%s' of its writer's own, whose functions env->user_cells lacks",
            s->user);
    REQUIRE(lent[i]->size < sizeof **lent || (uint64_t)lent[i]->output == s->hidden, r->detail,
            TKR_ERR_MISMATCH, "'%s' has %lld outputs, in the file %llu", s->user,
            (long long)lent[i]->output, (unsigned long long)s->hidden);
    return tkri_cell_create_user(cell, s->kind, width(s->input), lent[i], &r->env);
}

static int32_t make_cell(reading *r, tkr_cell **cell, const spec *s, const tkri_parts *parts) {
    if (tkri_has_parts(s->kind)) {
        return tkri_cell_contain(cell, s->kind, parts, &r->env);
    }
    return s->kind->contains == TKRI_FUNCTIONS
               ? make_user(r, cell, s)
               : tkri_cell_create(cell, s->kind, width(s->input), width(s->hidden), &r->env);
}

/* Make what a spec says. */
static int32_t make(reading *r, tkr_cell **cell, spec *s) {
    tkri_options found;
    TRY(check_members(r, s));
    TRY(find_options(r, s, &found));
    const tkri_parts parts = {s->parts, s->n_parts, (int32_t)tkri_options_int(&found, TKR_COMBINE)};
    int32_t status = make_cell(r, cell, s, &parts);
    if (status != TKR_OK) {
        return blame(r, status, NULL);
    }
    status = configure(r, *cell, s, &found);
    if (status != TKR_OK) {
        tkri_cell_destroy(*cell);
        *cell = NULL;
    }
    return status;
}

static int32_t read_cell(reading *r, tkr_cell **cell) {
    spec s = {.kind = NULL};
    r->depth++;
    int32_t status = read_members(r, &s);
    if (status == TKR_OK) {
        status = make(r, cell, &s);
    }
    for (int32_t i = 0; i < s.n_parts; i++) {
        tkri_cell_destroy(s.parts[i]); /* NULL by now, unless something failed */
    }
    r->depth--;
    return status;
}

int32_t tkri_architecture_make(tkr_cell **cell, const tkri_file *file, const tkri_env *env) {
    tkr_cell *made = NULL;
    int32_t key = tkri_header_key(&file->header, "tekrar.cell");
    REQUIRE(key >= 0, file->detail, TKR_ERR_MISMATCH, "the file has no tekrar.cell: no cell");
    const tkri_string text = file->header.text[key];
    reading r = {
        .json = tkri_json_begin(text.text, text.len),
        .env = *env,
        .detail = file->detail,
    };
    r.env.detail = file->detail->text;
    r.env.detail_len = sizeof file->detail->text;
    int32_t status = read_cell(&r, &made);
    if (status == TKR_OK) {
        status = tkri_json_end(&r.json);
    }
    if (status != TKR_OK) {
        tkri_cell_destroy(made);
        return tkri_model_explain(&r.json, "tekrar.cell", status, file->detail);
    }
    *cell = made;
    return TKR_OK;
}

/* The options that a forward or a backward sees: all but what initialisers go by. */
static int32_t compare_options(const tkr_cell *found, const tkr_cell *wanted, tkri_detail *detail) {
    for (const tkri_option *o = NULL; (o = tkri_options_next(&wanted->options, o));) {
        const int is_real = o->type == TKRI_REAL;
        const double a = is_real ? tkri_options_real(&found->options, o->key)
                                 : (double)tkri_options_int(&found->options, o->key);
        const double b = is_real ? tkri_options_real(&wanted->options, o->key)
                                 : (double)tkri_options_int(&wanted->options, o->key);
        REQUIRE(!(o->flags & TKRI_FIXED) || a == b, detail, TKR_ERR_MISMATCH,
                "%s%s%s is %g in the file, %g in the cell", wanted->name,
                wanted->name[0] ? "." : "", o->name, a, b);
    }
    return TKR_OK;
}

/* `what` is what the text calls them: "part 0". */
static int32_t compare(const tkr_cell *found, const tkr_cell *wanted, const char *what,
                       tkri_detail *detail) {
    const int64_t n = tkri_max(wanted->n_parts, 1), there = tkri_max(found->n_parts, 1);
    REQUIRE(tkri_has_parts(found->kind) == tkri_has_parts(wanted->kind) && there == n, detail,
            TKR_ERR_MISMATCH, "the file's cell has %lld parts, this one has %lld", (long long)there,
            (long long)n);
    REQUIRE(found->kind == wanted->kind && found->input == wanted->input &&
                found->hidden == wanted->hidden,
            detail, TKR_ERR_MISMATCH, "%s is %s %lld x %lld in the file, %s %lld x %lld here", what,
            found->kind->name, (long long)found->input, (long long)found->hidden,
            wanted->kind->name, (long long)wanted->input, (long long)wanted->hidden);
    REQUIRE(!wanted->user || strcmp(found->user->name, wanted->user->name) == 0, detail,
            TKR_ERR_MISMATCH, "%s is '%s' in the file, '%s' here", what, found->user->name,
            wanted->user->name);
    REQUIRE(strcmp(found->name, wanted->name) == 0, detail, TKR_ERR_MISMATCH,
            "%s is named '%s' in the file, '%s' here", what, found->name, wanted->name);
    for (int64_t i = 0; i < wanted->n_parts; i++) {
        char part[16];
        (void)snprintf(part, sizeof part, "part %d", (int)i);
        TRY(compare(found->parts[i], wanted->parts[i], part, detail));
    }
    return compare_options(found, wanted, detail);
}

int32_t tkri_architecture_compare(const tkr_cell *found, const tkr_cell *wanted,
                                  tkri_detail *detail) {
    return compare(found, wanted, "the cell", detail);
}
