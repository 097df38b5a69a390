/* SPDX-License-Identifier: MIT
 * A cell without its parameters, as JSON:
 *
 *     {"kind":"chain","parts":[
 *         {"kind":"lstm","name":"rnn","input":8,"hidden":16,"options":{"layers":2,...}}, ...]}
 *
 * or one part alone. A cell is made from it by the public calls, so a file can ask for nothing that
 * a caller could not. */
#include <math.h>
#include <string.h>

#include "model/model.h"

enum { MAX_PARTS = 256 };

static const char *const kind_names[] = {
    [TKR_ELMAN] = "elman",         [TKR_LSTM] = "lstm",       [TKR_GRU] = "gru",
    [TKR_LINEAR] = "linear",       [TKR_DROPOUT] = "dropout", [TKR_CHAIN] = "chain",
    [TKR_EMBEDDING] = "embedding",
};

static void put_options(tkri_text *out, const tkr_cell *part) {
    const char *comma = "";
    for (const tkri_cell_option *o = tkri_cell_options; o->key; o++) {
        int is_float = tkri_option_is_float(o);
        double real = is_float ? part->floats[o->key - TKRI_FLOAT_BASE] : 0;
        if (tkri_option_find(part->kind, o->key) != o || isnan(real)) { /* NaN: unset */
            continue;
        }
        tkri_text_put(out, comma);
        tkri_text_quote(out, o->name, strlen(o->name));
        tkri_text_put(out, ":");
        if (is_float) {
            tkri_text_real(out, real);
        } else {
            tkri_text_uint(out, (uint64_t)part->ints[o->key]);
        }
        comma = ",";
    }
}

static void put_part(tkri_text *out, const tkr_cell *part) {
    tkri_text_put(out, "{\"kind\":\"");
    tkri_text_put(out, kind_names[part->kind]);
    if (part->name[0]) {
        tkri_text_put(out, "\",\"name\":\"");
        tkri_text_put(out, part->name);
    }
    tkri_text_put(out, "\",\"input\":");
    tkri_text_uint(out, (uint64_t)part->input);
    tkri_text_put(out, ",\"hidden\":");
    tkri_text_uint(out, (uint64_t)part->hidden);
    tkri_text_put(out, ",\"options\":{");
    put_options(out, part);
    tkri_text_put(out, "}}");
}

void tkri_architecture_put(tkri_text *out, const void *about) {
    const tkr_cell *cell = about;
    if (cell->kind != TKR_CHAIN) {
        put_part(out, cell);
        return;
    }
    tkri_text_put(out, "{\"kind\":\"chain\",\"parts\":[");
    for (int64_t i = 0; i < cell->n_parts; i++) {
        tkri_text_put(out, i > 0 ? "," : "");
        put_part(out, cell->parts[i]);
    }
    tkri_text_put(out, "]}");
}

/* What one object of the JSON said. */
typedef struct spec {
    int32_t kind;
    char name[TKRI_NAME_LEN];
    uint64_t input, hidden;
    uint64_t members, options; /* bits of those that were there */
    int64_t ints[TKRI_N_INTS];
    double floats[TKRI_N_FLOATS];
    tkr_cell **parts; /* [MAX_PARTS] of the chain; NULL inside one */
    int32_t n_parts;
} spec;

/* A reading in progress. */
typedef struct reading {
    tkri_json json;
    tkr_env env; /* for the cells; its detail is ours */
    tkri_detail *detail;
} reading;

static int32_t refuse(reading *r, const char *error) {
    r->json.error = error;
    return TKR_ERR_FORMAT;
}

static int32_t read_kind(reading *r, spec *s) {
    char word[16] = "";
    uint64_t len;
    TRY(tkri_json_string(&r->json, word, sizeof word - 1, &len));
    for (s->kind = TKR_ELMAN; s->kind <= TKR_CHAIN; s->kind++) {
        if (strlen(kind_names[s->kind]) == len && strcmp(word, kind_names[s->kind]) == 0) {
            return TKR_OK;
        }
    }
    r->json.error = "a kind of cell of an unknown name";
    return TKR_ERR_UNSUPPORTED;
}

static int32_t read_name(reading *r, spec *s) {
    uint64_t len;
    TRY(tkri_json_string(&r->json, s->name, sizeof s->name - 1, &len));
    return len > 0 && len == strlen(s->name) ? TKR_OK : refuse(r, "not a name of 1 to 63 letters");
}

static int32_t read_input(reading *r, spec *s) {
    return tkri_json_uint(&r->json, &s->input);
}

static int32_t read_hidden(reading *r, spec *s) {
    return tkri_json_uint(&r->json, &s->hidden);
}

static int32_t read_option(reading *r, const tkri_cell_option *option, spec *s) {
    uint64_t whole;
    if (tkri_option_is_float(option)) {
        return tkri_json_real(&r->json, &s->floats[option->key - TKRI_FLOAT_BASE]);
    }
    TRY(tkri_json_uint(&r->json, &whole));
    s->ints[option->key] = whole > INT64_MAX ? -1 : (int64_t)whole; /* -1 is out of all bounds */
    return TKR_OK;
}

static int32_t read_options(reading *r, spec *s) {
    const char *names[64];
    int n = 0, index;
    for (; tkri_cell_options[n].key; n++) {
        names[n] = tkri_cell_options[n].name;
    }
    TRY(tkri_json_open(&r->json, '{'));
    for (;;) {
        TRY(tkri_json_member(&r->json, names, n, &s->options, &index));
        if (index < 0) {
            return TKR_OK;
        }
        TRY(read_option(r, &tkri_cell_options[index], s));
    }
}

static int32_t read_part(reading *r, tkr_cell **cell, tkr_cell **parts);

static int32_t read_parts(reading *r, spec *s) {
    int more;
    if (!s->parts) {
        return refuse(r, "a chain in a chain");
    }
    TRY(tkri_json_open(&r->json, '['));
    for (;;) {
        TRY(tkri_json_more(&r->json, ']', &more));
        if (!more) {
            return TKR_OK;
        }
        if (s->n_parts == MAX_PARTS) {
            return refuse(r, "more than 256 parts");
        }
        TRY(read_part(r, &s->parts[s->n_parts], NULL));
        s->n_parts++;
    }
}

enum { KIND = 1, NAME = 2, INPUT = 4, HIDDEN = 8, OPTIONS = 16, PARTS = 32 };

static int32_t read_members(reading *r, spec *s) {
    static const char *const names[] = {"kind", "name", "input", "hidden", "options", "parts"};
    static int32_t (*const readers[])(reading *, spec *) = {read_kind,   read_name,    read_input,
                                                            read_hidden, read_options, read_parts};
    int index;
    TRY(tkri_json_open(&r->json, '{'));
    for (;;) {
        TRY(tkri_json_member(&r->json, names, 6, &s->members, &index));
        if (index < 0) {
            return TKR_OK;
        }
        TRY(readers[index](r, s));
    }
}

/* What a public call refused, the file is to blame for, unless it is memory or the machine. */
static int32_t blame(reading *r, int32_t status, const tkr_cell *cell) {
    if (cell && cell->detail.text[0]) {
        (void)tkri_fail(r->detail, status, "%s", cell->detail.text);
    }
    return status == TKR_OK || status == TKR_ERR_MEMORY || status == TKR_ERR_UNSUPPORTED
               ? status
               : TKR_ERR_FORMAT;
}

static int32_t configure(tkr_cell *cell, const spec *s) {
    for (uint32_t i = 0; tkri_cell_options[i].key; i++) {
        const tkri_cell_option *o = &tkri_cell_options[i];
        if (s->options >> i & 1) {
            TRY(tkri_option_is_float(o)
                    ? tkr_cell_set_float(cell, o->key, s->floats[o->key - TKRI_FLOAT_BASE])
                    : tkr_cell_set_int(cell, o->key, s->ints[o->key]));
        }
    }
    return s->name[0] ? tkr_cell_set_name(cell, s->name) : TKR_OK;
}

static int64_t width(uint64_t n) {
    return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

/* Make what a spec says; members that its kind does not have are refused. */
static int32_t make(reading *r, tkr_cell **cell, const spec *s) {
    if (s->kind == TKR_CHAIN) {
        if (s->members != (KIND | PARTS)) {
            return refuse(r, "a chain has a kind and parts");
        }
        return blame(r, tkr_cell_chain(cell, s->parts, s->n_parts, &r->env), NULL);
    }
    if ((s->members | NAME) != (KIND | NAME | INPUT | HIDDEN | OPTIONS)) {
        return refuse(r, "a cell has a kind, input, hidden and options");
    }
    int32_t status = tkr_cell_create(cell, s->kind, width(s->input), width(s->hidden), &r->env);
    if (status == TKR_OK) {
        status = blame(r, configure(*cell, s), *cell);
    } else {
        status = blame(r, status, NULL);
    }
    if (status != TKR_OK) {
        tkr_cell_destroy(*cell);
        *cell = NULL;
    }
    return status;
}

/* An object: a cell, or, with room for parts, perhaps a chain. */
static int32_t read_part(reading *r, tkr_cell **cell, tkr_cell **parts) {
    spec s = {.parts = parts};
    int32_t status = read_members(r, &s);
    if (status == TKR_OK) {
        status = make(r, cell, &s);
    }
    for (int32_t i = 0; i < s.n_parts; i++) {
        tkr_cell_destroy(parts[i]); /* NULL by now, unless something failed */
    }
    return status;
}

/* The public form of an env. */
static tkr_env public_env(const tkri_env *env, tkri_detail *detail) {
    return (tkr_env){
        .size = sizeof(tkr_env),
        .allocate = env->allocate,
        .release = env->release,
        .memory_user = env->memory_user,
        .parallel_for = env->parallel_for,
        .parallel_user = env->parallel_user,
        .threads = env->threads,
        .tier = env->tier,
        .detail = detail->text,
        .detail_len = sizeof detail->text,
    };
}

int32_t tkri_architecture_make(tkr_cell **cell, const tkri_file *file) {
    tkr_cell *parts[MAX_PARTS] = {NULL}, *made = NULL;
    int32_t key = tkri_header_key(&file->header, "tekrar.cell");
    REQUIRE(key >= 0, file->detail, TKR_ERR_MISMATCH, "the file has no tekrar.cell: no cell");
    const tkri_string text = file->header.text[key];
    reading r = {
        .json = tkri_json_begin(text.text, text.len),
        .env = public_env(&file->env, file->detail),
        .detail = file->detail,
    };
    int32_t status = read_part(&r, &made, parts);
    if (status == TKR_OK) {
        status = tkri_json_end(&r.json);
    }
    if (status != TKR_OK) {
        tkr_cell_destroy(made);
        return tkri_model_explain(&r.json, "tekrar.cell", status, file->detail);
    }
    *cell = made;
    return TKR_OK;
}

/* The options that a forward or a backward sees: all but what initialisers go by. */
static int32_t compare_options(const tkr_cell *found, const tkr_cell *wanted, tkri_detail *detail) {
    for (const tkri_cell_option *o = tkri_cell_options; o->key; o++) {
        if (o->after_init || tkri_option_find(wanted->kind, o->key) != o) {
            continue;
        }
        int is_float = tkri_option_is_float(o), at = o->key - TKRI_FLOAT_BASE;
        double a = is_float ? found->floats[at] : (double)found->ints[o->key];
        double b = is_float ? wanted->floats[at] : (double)wanted->ints[o->key];
        REQUIRE(a == b, detail, TKR_ERR_MISMATCH, "%s%s%s is %g in the file, %g in the cell",
                wanted->name, wanted->name[0] ? "." : "", o->name, a, b);
    }
    return TKR_OK;
}

int32_t tkri_architecture_compare(const tkr_cell *found, const tkr_cell *wanted,
                                  tkri_detail *detail) {
    int64_t n = tkri_cell_n_parts(wanted);
    REQUIRE(
        (found->kind == TKR_CHAIN) == (wanted->kind == TKR_CHAIN) && tkri_cell_n_parts(found) == n,
        detail, TKR_ERR_MISMATCH, "the file's cell has %lld parts, this one has %lld",
        (long long)tkri_cell_n_parts(found), (long long)n);
    for (int64_t i = 0; i < n; i++) {
        const tkr_cell *a = tkri_cell_part(found, i), *b = tkri_cell_part(wanted, i);
        REQUIRE(a->kind == b->kind && a->input == b->input && a->hidden == b->hidden, detail,
                TKR_ERR_MISMATCH, "part %lld is %s %lld x %lld in the file, %s %lld x %lld here",
                (long long)i, kind_names[a->kind], (long long)a->input, (long long)a->hidden,
                kind_names[b->kind], (long long)b->input, (long long)b->hidden);
        REQUIRE(strcmp(a->name, b->name) == 0, detail, TKR_ERR_MISMATCH,
                "part %lld is named '%s' in the file, '%s' here", (long long)i, a->name, b->name);
        TRY(compare_options(a, b, detail));
    }
    return TKR_OK;
}
