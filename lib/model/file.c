/* SPDX-License-Identifier: MIT
 * The part of our files that all kinds have in common: the format's version, and the tensors. */
#include <string.h>

#include "core/arena.h"
#include "core/utf8.h"
#include "model/model.h"

enum { FORMAT_MAJOR = 1, NAME_LEN = TKRI_PARAMETER_NAME_LEN + 32 };
static const char format_version[] = "1.2";

/* A tensor of ours: where it lies, and what it is called in a file. */
typedef struct record {
    char name[NAME_LEN]; /* in files */
    const tkri_group *group;
    const tkri_parameter *parameter; /* or else */
    const tkri_state_tensor *tensor;
} record;

/* All of them, and what a load needs; one block. `record` NULL counts. */
typedef struct records {
    const tkri_manifest *manifest;
    record *record;
    tkri_entry *entry;
    unsigned char *used; /* [of the file's tensors] */
    float *scratch;      /* [largest] */
    int64_t n, largest;
    uint64_t bytes;
    void *block;
} records;

/* Which letter of a name makes it a file's: NULL if the file calls the parameter as we do.
 *
 * A GRU that resets before its product multiplies rows n of weight_hh and bias_hh with something
 * else than PyTorch's nn.GRU, which has tensors of these names and shapes. So a file calls them
 * weight_rh and bias_rh, and nn.GRU refuses it. Files up to format 1.1 called them weight_hh. */
static char *letter_of(const tkri_parameter *p, char *name) {
    const int reads_h = p && (p->role == TKRI_WEIGHT_HH || p->role == TKRI_BIAS_HH);
    if (!reads_h || tkri_cell_int(p->part, TKR_RESET) != TKR_RESET_BEFORE) {
        return NULL;
    }
    char *dot = strrchr(name, '.');
    return strchr(dot ? dot : name, '_') + 1;
}

static void append(records *all, const char *name, const record *what, tkri_entry entry) {
    int64_t n = 1;
    for (int32_t i = 0; i < entry.rank; i++) {
        n *= entry.shape[i];
    }
    all->largest = tkri_max(all->largest, n);
    if (all->record) {
        record *to = &all->record[all->n];
        *to = *what;
        strcpy(to->name, what->group->prefix);
        strcat(to->name, name);
        char *letter = letter_of(what->parameter, to->name);
        if (letter) {
            *letter = 'r';
        }
        entry.name = to->name;
        entry.dtype = TKRI_F32;
        all->entry[all->n] = entry;
    }
    all->n++;
}

static void list(records *all) {
    all->n = all->largest = 0;
    for (int32_t g = 0; g < all->manifest->n_groups; g++) {
        const tkri_group *group = &all->manifest->group[g];
        const tkri_net *net = group->cell->net;
        for (int64_t i = 0; group->batch == 0 && i < net->n_parameters; i++) {
            const tkri_parameter *p = &net->parameters[i];
            tkri_entry entry = {.rank = p->rank};
            memcpy(entry.shape, p->shape, sizeof p->shape);
            append(all, p->name, &(record){.group = group, .parameter = p}, entry);
        }
        for (int64_t i = 0; group->batch > 0 && i < net->n_state; i++) {
            const tkri_state_tensor *t = &net->state[i];
            append(all, t->name, &(record){.group = group, .tensor = t},
                   (tkri_entry){.rank = 3, .shape = {t->slots, group->batch, t->width}});
        }
    }
}

static void layout(records *all, tkri_arena *arena, int32_t n_tensors) {
    TKRI_TAKE(arena, all->record, all->n);
    TKRI_TAKE(arena, all->entry, all->n);
    TKRI_TAKE(arena, all->used, n_tensors);
    TKRI_TAKE(arena, all->scratch, n_tensors > 0 ? all->largest : 0);
}

/* List a manifest's tensors; for a load, with marks and scratch for a file of n_tensors. */
static int32_t make_records(records *all, const tkri_manifest *manifest, int32_t n_tensors,
                            const tkri_env *env, tkri_detail *detail) {
    tkri_arena arena = {NULL, 0};
    memset(all, 0, sizeof *all);
    all->manifest = manifest;
    list(all);
    layout(all, &arena, n_tensors);
    all->bytes = arena.used;
    all->block = tkri_allocate(env, all->bytes);
    REQUIRE(all->block, detail, TKR_ERR_MEMORY, "no memory for a list of %lld tensors",
            (long long)all->n);
    arena = (tkri_arena){all->block, 0};
    layout(all, &arena, n_tensors);
    list(all);
    return TKR_OK;
}

/* A tensor's elements into `out`, as a file has them. */
static int32_t fetch(void *user, int32_t index, void *elements, uint64_t bytes) {
    const records *all = user;
    const record *from = &all->record[index];
    const tkri_group *group = from->group;
    (void)bytes;
    if (from->parameter) {
        tkri_parameter_export(from->parameter, group->cell->kern->vl, group->flat, elements);
    } else {
        tkri_state_export(group->cell->net, from->tensor, group->flat, group->batch, elements);
    }
    return TKR_OK;
}

static void store(const record *to, const float *elements) {
    const tkri_group *group = to->group;
    if (to->parameter) {
        tkri_parameter_import(to->parameter, group->cell->kern->vl, group->flat, elements);
    } else {
        tkri_state_import(group->cell->net, to->tensor, group->flat, group->batch, elements);
    }
}

/* The texts of a save: one block. */
typedef struct pages {
    tkri_pair *pair; /* NULL while counting */
    tkri_text text;
    int32_t n;
    uint64_t bytes;
    void *block;
} pages;

static void append_pair(pages *all, const char *key, const char *text) {
    if (all->pair) {
        all->pair[all->n] = (tkri_pair){key, text};
    }
    all->n++;
}

static void list_pages(pages *all, const tkri_manifest *manifest) {
    all->n = 0;
    all->text.used = 0;
    append_pair(all, "tekrar.format", format_version);
    append_pair(all, "tekrar.content", manifest->content);
    for (int32_t i = 0; i < manifest->n_pages; i++) {
        const char *start = all->text.base ? all->text.base + all->text.used : NULL;
        manifest->page[i].put(&all->text, manifest->page[i].about);
        tkri_text_bytes(&all->text, "", 1);
        append_pair(all, manifest->page[i].key, start);
    }
    for (const tkri_metadata *line = manifest->metadata; line; line = line->next) {
        append_pair(all, line->key, line->text);
    }
}

static void layout_pages(pages *all, tkri_arena *arena) {
    TKRI_TAKE(arena, all->pair, all->n);
    TKRI_TAKE(arena, all->text.base, all->text.used);
}

static int32_t make_pages(pages *all, const tkri_manifest *manifest, const tkri_env *env,
                          tkri_detail *detail) {
    tkri_arena arena = {NULL, 0};
    memset(all, 0, sizeof *all);
    list_pages(all, manifest);
    layout_pages(all, &arena);
    all->bytes = arena.used;
    all->block = tkri_allocate(env, all->bytes);
    REQUIRE(all->block, detail, TKR_ERR_MEMORY, "no memory for %d texts", (int)all->n);
    arena = (tkri_arena){all->block, 0};
    layout_pages(all, &arena);
    list_pages(all, manifest);
    return TKR_OK;
}

static int32_t save(records *all, const pages *texts, const tkri_target *target,
                    const tkri_env *env, tkri_detail *detail) {
    const tkri_content content = {
        .entry = all->entry,
        .n_entries = (int32_t)all->n,
        .pair = texts->pair,
        .n_pairs = texts->n,
        .fetch = fetch,
        .user = all,
    };
    return target->path ? tkri_file_write_path(&content, target->path, env, detail)
                        : tkri_file_write(&content, target->writer, env, detail);
}

int32_t tkri_model_save(const tkri_manifest *manifest, const tkri_target *target,
                        const tkri_env *env, tkri_detail *detail) {
    records all;
    pages texts;
    TRY(make_records(&all, manifest, 0, env, detail));
    int32_t status = make_pages(&texts, manifest, env, detail);
    if (status == TKR_OK) {
        status = save(&all, &texts, target, env, detail);
        tkri_release(env, texts.block, texts.bytes);
    }
    tkri_release(env, all.block, all.bytes);
    return status;
}

/* "<major>.<minor>"; an older minor, and a newer one, we can read. */
static int32_t check_version(const tkri_file *file) {
    int32_t key = tkri_header_key(&file->header, "tekrar.format");
    REQUIRE(key >= 0, file->detail, TKR_ERR_MISMATCH,
            "the file has no tekrar.format: it was not written by tekrar");
    const char *text = file->header.text[key].text;
    char shown[32];
    size_t digits = strspn(text, "0123456789");
    REQUIRE(digits > 0 && digits < 6 && text[digits] == '.', file->detail, TKR_ERR_FORMAT,
            "tekrar.format is '%s', not a version",
            tkri_utf8_show(shown, sizeof shown, text, strlen(text)));
    int32_t major = 0;
    for (size_t i = 0; i < digits; i++) {
        major = 10 * major + (text[i] - '0');
    }
    REQUIRE(major == FORMAT_MAJOR, file->detail, TKR_ERR_UNSUPPORTED,
            "the file's format is version %d; this library reads version %d", (int)major,
            FORMAT_MAJOR);
    return TKR_OK;
}

static int32_t check_content(const tkri_file *file, const char *wanted) {
    int32_t key = tkri_header_key(&file->header, "tekrar.content");
    const tkri_string found = key >= 0 ? file->header.text[key] : (tkri_string){"thing", 5};
    char shown[32];
    int is = strcmp(found.text, wanted) == 0;
    int has = strcmp(found.text, "checkpoint") == 0 && strcmp(wanted, "cell") == 0;
    REQUIRE(is || has, file->detail, TKR_ERR_MISMATCH, "the file holds a %s, not a %s",
            tkri_utf8_show(shown, sizeof shown, found.text, found.len), wanted);
    return TKR_OK;
}

static int32_t open_origin(tkri_file *file, const tkri_origin *origin, const tkri_env *env,
                           tkri_detail *detail) {
    if (origin->path) {
        return tkri_file_from_path(file, origin->path, env, detail);
    }
    return origin->reader ? tkri_file_from_reader(file, origin->reader, env, detail)
                          : tkri_file_from_memory(file, origin->bytes, origin->len, env, detail);
}

int32_t tkri_model_open(tkri_file *file, const tkri_origin *origin, const char *content,
                        const tkri_env *env, tkri_detail *detail) {
    TRY(open_origin(file, origin, env, detail));
    int32_t status = check_version(file);
    if (status == TKR_OK) {
        status = check_content(file, content);
    }
    if (status != TKR_OK) {
        tkri_file_fini(file);
    }
    return status;
}

int32_t tkri_model_explain(const tkri_json *json, const char *key, int32_t status,
                           tkri_detail *detail) {
    const char *newer = status == TKR_ERR_UNSUPPORTED ? "; a file of a newer tekrar?" : "";
    return json->error ? tkri_fail(detail, status, "%s, byte %llu: %s%s", key,
                                   (unsigned long long)json->at, json->error, newer)
                       : status;
}

/* By its name in files, or by that in files of older formats. */
static int32_t find_tensor(const record *of, const tkri_file *file) {
    char name[NAME_LEN];
    const int32_t index = tkri_header_tensor(&file->header, of->name);
    strcpy(name, of->name);
    char *letter = letter_of(of->parameter, name);
    if (index >= 0 || !letter) {
        return index;
    }
    *letter = 'h';
    return tkri_header_tensor(&file->header, name);
}

/* Find a record's tensor, check it, convert it to scratch. */
static int32_t convert(records *all, int64_t i, const tkri_file *file) {
    const tkri_entry *entry = &all->entry[i];
    const int32_t index = find_tensor(&all->record[i], file);
    REQUIRE(index >= 0, file->detail, TKR_ERR_MISMATCH, "the file has no tensor '%s'", entry->name);
    const tkri_tensor *tensor = &file->header.tensor[index];
    TRY(tkri_file_check_shape(file, tensor, entry->rank, entry->shape));
    all->used[index] = 1;
    return tkri_file_floats(file, tensor, all->scratch);
}

static int left_alone(const tkri_manifest *manifest, tkri_string name) {
    for (const char *const *other = manifest->others; other && *other; other++) {
        uint64_t len = strlen(*other);
        if (name.len > len && memcmp(name.text, *other, (size_t)len) == 0) {
            return 1;
        }
    }
    return 0;
}

static int32_t check_unused(const records *all, const tkri_file *file) {
    for (int32_t i = 0; i < file->header.n_tensors; i++) {
        tkri_string name = file->header.name[i];
        char shown[64];
        REQUIRE(all->used[i] || left_alone(all->manifest, name), file->detail, TKR_ERR_MISMATCH,
                "the file has a tensor '%s' that is not wanted",
                tkri_utf8_show(shown, sizeof shown, name.text, name.len));
    }
    return TKR_OK;
}

static int32_t load_records(records *all, const tkri_file *file) {
    for (int64_t i = 0; i < all->n; i++) {
        TRY(convert(all, i, file));
    }
    TRY(check_unused(all, file));
    for (int64_t i = 0; i < all->n; i++) {
        (void)convert(all, i, file);
        store(&all->record[i], all->scratch);
    }
    return TKR_OK;
}

int32_t tkri_model_load(const tkri_manifest *manifest, const tkri_file *file) {
    records all;
    TRY(make_records(&all, manifest, file->header.n_tensors, &file->env, file->detail));
    int32_t status = load_records(&all, file);
    tkri_release(&file->env, all.block, all.bytes);
    return status;
}
