/* SPDX-License-Identifier: MIT
 * The table of kinds. */
#include <string.h>

#include "layer/layer.h"

extern const tkri_kind tkri_kind_elman, tkri_kind_lstm, tkri_kind_gru, tkri_kind_linear,
    tkri_kind_embedding, tkri_kind_dropout, tkri_kind_chain, tkri_kind_branch, tkri_kind_select,
    tkri_kind_affine, tkri_kind_norm, tkri_kind_activate, tkri_kind_last, tkri_kind_conv,
    tkri_kind_user;

static const tkri_kind *const kinds[] = {
    &tkri_kind_elman,     &tkri_kind_lstm,    &tkri_kind_gru,   &tkri_kind_linear,
    &tkri_kind_embedding, &tkri_kind_dropout, &tkri_kind_chain, &tkri_kind_branch,
    &tkri_kind_select,    &tkri_kind_affine,  &tkri_kind_norm,  &tkri_kind_activate,
    &tkri_kind_last,      &tkri_kind_conv,    &tkri_kind_user,
};

enum { N_KINDS = sizeof kinds / sizeof *kinds };

const tkri_kind *tkri_kind_of(int32_t number) {
    for (int i = 0; i < N_KINDS; i++) {
        if (kinds[i]->number == number) {
            return kinds[i];
        }
    }
    return NULL;
}

const tkri_kind *tkri_kind_named(const char *name, uint64_t len) {
    for (int i = 0; i < N_KINDS; i++) {
        if (strlen(kinds[i]->name) == len && memcmp(kinds[i]->name, name, (size_t)len) == 0) {
            return kinds[i];
        }
    }
    return NULL;
}
