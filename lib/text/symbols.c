/* SPDX-License-Identifier: MIT
 * A vocabulary's block, whatever its kind. */
#include <stddef.h>

#include "core/arena.h"
#include "text/vocabulary.h"

/* Measure or place a vocabulary with room for n code points. */
static tkr_vocabulary *layout(tkri_arena *arena, int32_t n) {
    tkr_vocabulary *vocabulary;
    uint32_t *code;
    TKRI_TAKE(arena, vocabulary, 1);
    TKRI_TAKE(arena, code, n);
    if (vocabulary) {
        vocabulary->code = n > 0 ? code : NULL;
    }
    return vocabulary;
}

int32_t tkri_vocabulary_allocate(tkr_vocabulary **vocabulary, int32_t kind, int32_t n,
                                 const tkri_env *env) {
    tkri_arena arena = {NULL, 0};
    (void)layout(&arena, n);
    uint64_t bytes = arena.used;
    arena = (tkri_arena){tkri_allocate(env, bytes), 0};
    if (!arena.base) {
        return tkri_env_fail(env, TKR_ERR_MEMORY, "no memory for a vocabulary of %d", (int)n);
    }
    *vocabulary = layout(&arena, n);
    (*vocabulary)->env = *env;
    (*vocabulary)->env.detail = NULL; /* the caller's buffer is lent for this call only */
    (*vocabulary)->bytes = bytes;
    (*vocabulary)->kind = kind;
    (*vocabulary)->words.env = &(*vocabulary)->env;
    (*vocabulary)->end = -1;
    return TKR_OK;
}

void tkri_vocabulary_destroy(tkr_vocabulary *vocabulary) {
    tkri_env env = vocabulary->env;
    tkri_names_fini(&vocabulary->words);
    tkri_release(&env, vocabulary, vocabulary->bytes);
}
