/* SPDX-License-Identifier: MIT */
#include "ngram/ngram.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/check.h"
#include "ngram/file.h"

int32_t tkri_ngram_create(tkr_ngram **ngram, int32_t order, int64_t symbols, const tkri_env *env) {
    tkr_ngram *created = tkri_allocate(env, sizeof *created);
    if (!created) {
        return tkri_env_fail(env, TKR_ERR_MEMORY, "no memory for an n-gram");
    }
    created->env = *env;
    created->env.detail = NULL; /* the caller's buffer is lent for this call only */
    created->names.env = &created->env;
    created->smoothing.symbols = symbols;
    created->smoothing.addend = 0.01;
    tkri_counts_init(&created->counts, &created->env, order, symbols);
    *ngram = created;
    return TKR_OK;
}

void tkri_ngram_destroy(tkr_ngram *ngram) {
    tkri_env env = ngram->env;
    if (ngram->mapped) {
        munmap(ngram->mapped, (size_t)ngram->mapped_bytes);
    }
    tkri_model_destroy(&ngram->model, &env);
    tkri_counts_fini(&ngram->counts);
    tkri_names_fini(&ngram->names);
    tkri_release(&env, ngram, sizeof *ngram);
}

static int32_t fill_compact(tkr_ngram *compact, const tkr_ngram *ngram) {
    compact->sealed = 1;
    compact->vocabulary = ngram->vocabulary;
    TRY(tkri_names_copy(&compact->names, &ngram->names, &compact->env));
    return tkri_model_narrow(&compact->model, &compact->env, &ngram->model);
}

int32_t tkri_ngram_compact(tkr_ngram **compact, const tkr_ngram *ngram, const tkri_env *env) {
    tkr_ngram *made;
    TRY(tkri_ngram_create(&made, ngram->counts.order, ngram->counts.symbols, env));
    int32_t status = fill_compact(made, ngram);
    if (status < 0) {
        tkri_ngram_destroy(made);
        return tkri_env_fail(env, status, "no memory for a compact model");
    }
    *compact = made;
    return TKR_OK;
}

/* A mapping of the whole file. */
static int32_t map_file(void **mapped, uint64_t *bytes, const char *path, tkri_detail *detail) {
    struct stat info;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    REQUIRE(descriptor >= 0, detail, TKR_ERR_IO, "cannot open the n-gram file: error %d", errno);
    int known = fstat(descriptor, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0;
    *bytes = known ? (uint64_t)info.st_size : 0;
    *mapped = known && *bytes <= TKRI_SIZE_LIMIT
                  ? mmap(NULL, (size_t)*bytes, PROT_READ, MAP_SHARED, descriptor, 0)
                  : MAP_FAILED;
    close(descriptor);
    REQUIRE(known, detail, TKR_ERR_FORMAT, "the n-gram file is empty, or no regular file");
    REQUIRE(*mapped != MAP_FAILED, detail, TKR_ERR_IO, "cannot map the n-gram file: error %d",
            errno);
    return TKR_OK;
}

int32_t tkri_ngram_map(tkr_ngram **ngram, const char *path, const tkri_env *env,
                       tkri_detail *detail) {
    void *mapped;
    uint64_t bytes;
    TRY(map_file(&mapped, &bytes, path, detail));
    tkri_source from = {NULL, mapped, 0, bytes, env, detail};
    tkr_ngram *read = NULL;
    int32_t status = tkri_ngram_read(&read, &from);
    if (status < 0) {
        munmap(mapped, (size_t)bytes);
        return status;
    }
    if (!read->sealed) {
        tkri_ngram_destroy(read);
        munmap(mapped, (size_t)bytes);
        return tkri_fail(detail, TKR_ERR_UNSUPPORTED, "counts are loaded, not mapped");
    }
    read->mapped = mapped;
    read->mapped_bytes = bytes;
    *ngram = read;
    return TKR_OK;
}
