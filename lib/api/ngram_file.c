/* SPDX-License-Identifier: MIT
 * N-grams: files and copies. */
#include "model/disk.h"
#include "ngram/arpa.h"
#include "ngram/file.h"

/* Writes an n-gram in one of its formats. */
typedef int32_t (*format)(const tkr_ngram *ngram, const tkr_writer *writer, tkri_detail *detail);

/* Counts can only be written when all of them are in the trie. */
static int32_t prepare(tkr_ngram *ngram) {
    if (ngram->model.order) {
        return TKR_OK;
    }
    int32_t status = tkri_counts_flush(&ngram->counts);
    REQUIRE(status == TKR_OK, &ngram->detail, status, "no memory to sort what was counted");
    return TKR_OK;
}

static int32_t save_to(tkr_ngram *ngram, const tkr_writer *writer, format write) {
    REQUIRE(writer && writer->size >= sizeof *writer && writer->write, &ngram->detail,
            TKR_ERR_ARGUMENT, "no writer");
    return write(ngram, writer, &ngram->detail);
}

static int32_t save(tkr_ngram *ngram, const char *path, format write) {
    tkri_disk_writer disk;
    REQUIRE(path, &ngram->detail, TKR_ERR_ARGUMENT, "no path");
    TRY(tkri_disk_begin(&disk, path, &ngram->env, &ngram->detail));
    int32_t status = write(ngram, &disk.writer, &ngram->detail);
    if (status < 0) {
        tkri_disk_abandon(&disk);
        return status;
    }
    return tkri_disk_commit(&disk);
}

int32_t tkr_ngram_save(tkr_ngram *ngram, const char *path) {
    if (!ngram) {
        return TKR_ERR_ARGUMENT;
    }
    TRY(prepare(ngram));
    return save(ngram, path, tkri_ngram_write);
}

int32_t tkr_ngram_save_to(tkr_ngram *ngram, const tkr_writer *writer) {
    if (!ngram) {
        return TKR_ERR_ARGUMENT;
    }
    TRY(prepare(ngram));
    return save_to(ngram, writer, tkri_ngram_write);
}

static int32_t check_model(tkr_ngram *ngram) {
    if (!ngram) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(ngram->model.order, &ngram->detail, TKR_ERR_ORDER, "not estimated");
    return TKR_OK;
}

int32_t tkr_ngram_save_arpa(tkr_ngram *ngram, const char *path) {
    TRY(check_model(ngram));
    return save(ngram, path, tkri_arpa_write);
}

int32_t tkr_ngram_save_arpa_to(tkr_ngram *ngram, const tkr_writer *writer) {
    TRY(check_model(ngram));
    return save_to(ngram, writer, tkri_arpa_write);
}

/* Makes an n-gram from one of its formats; `there` is the number of bytes, if it is known. */
typedef int32_t (*parser)(tkr_ngram **ngram, const tkr_reader *reader, uint64_t there,
                          const tkri_env *env, tkri_detail *detail);

static int32_t parse_file(tkr_ngram **ngram, const tkr_reader *reader, uint64_t there,
                          const tkri_env *env, tkri_detail *detail) {
    tkri_source from = {"n-gram file", env, detail, reader, NULL, there, 0, 0};
    return tkri_ngram_read(ngram, &from);
}

static int32_t parse_arpa(tkr_ngram **ngram, const tkr_reader *reader, uint64_t there,
                          const tkri_env *env, tkri_detail *detail) {
    (void)there;
    return tkri_arpa_read(ngram, reader, env, detail);
}

static int32_t parse_map(tkr_ngram **ngram, const tkr_reader *reader, uint64_t there,
                         const tkri_env *env, tkri_detail *detail) {
    const tkri_disk_reader *disk = reader->user;
    return tkri_ngram_map(ngram, disk->descriptor, there, env, detail);
}

/* What all loads do first. */
static int32_t begin_load(tkr_ngram **ngram, const tkr_env *env, tkri_env *own) {
    if (!ngram) {
        return TKR_ERR_ARGUMENT;
    }
    *ngram = NULL;
    return tkri_env_read(own, env);
}

static int32_t load(tkr_ngram **ngram, const char *path, const tkr_env *env, parser parse) {
    tkri_env own;
    tkri_detail detail = {""};
    tkri_disk_reader disk;
    TRY(begin_load(ngram, env, &own));
    if (!path) {
        return tkri_env_fail(&own, TKR_ERR_ARGUMENT, "no path");
    }
    int32_t status = tkri_disk_open(&disk, path, &detail);
    if (status == TKR_OK) {
        status = parse(ngram, &disk.reader, disk.bytes, &own, &detail);
        tkri_disk_close(&disk);
    }
    (void)tkri_disk_blame(&detail, path, status);
    return status < 0 ? tkri_env_forward(&own, status, &detail) : status;
}

static int32_t load_from(tkr_ngram **ngram, const tkr_reader *reader, const tkr_env *env,
                         parser parse) {
    tkri_env own;
    tkri_detail detail = {""};
    TRY(begin_load(ngram, env, &own));
    if (!reader || reader->size < sizeof *reader || !reader->read) {
        return tkri_env_fail(&own, TKR_ERR_ARGUMENT, "no reader");
    }
    int32_t status = parse(ngram, reader, UINT64_MAX, &own, &detail);
    return status < 0 ? tkri_env_forward(&own, status, &detail) : status;
}

int32_t tkr_ngram_load(tkr_ngram **ngram, const char *path, const tkr_env *env) {
    return load(ngram, path, env, parse_file);
}

int32_t tkr_ngram_load_from(tkr_ngram **ngram, const tkr_reader *reader, const tkr_env *env) {
    return load_from(ngram, reader, env, parse_file);
}

int32_t tkr_ngram_load_arpa(tkr_ngram **ngram, const char *path, const tkr_env *env) {
    return load(ngram, path, env, parse_arpa);
}

int32_t tkr_ngram_load_arpa_from(tkr_ngram **ngram, const tkr_reader *reader, const tkr_env *env) {
    return load_from(ngram, reader, env, parse_arpa);
}

int32_t tkr_ngram_map(tkr_ngram **ngram, const char *path, const tkr_env *env) {
    return load(ngram, path, env, parse_map);
}

int32_t tkr_ngram_compact(tkr_ngram **compact, const tkr_ngram *ngram, const tkr_env *env) {
    tkri_env own;
    TRY(begin_load(compact, env, &own));
    if (!ngram) {
        return tkri_env_fail(&own, TKR_ERR_ARGUMENT, "no n-gram");
    }
    if (!ngram->model.order) {
        return tkri_env_fail(&own, TKR_ERR_ORDER, "not estimated");
    }
    return tkri_ngram_compact(compact, ngram, &own);
}
