/* SPDX-License-Identifier: MIT
 * Nets that have among them every part and option that stands beside the plain recurrent cells:
 * what holds of one part of the library is tried on all of them. */
#ifndef TESTS_SUPPORT_NETS_H
#define TESTS_SUPPORT_NETS_H

#include "support/oracle.h"

/* What a test has to know of a net, or-ed. */
enum {
    NETS_BACKWARDS = 1, /* a layer goes from the last step to the first: no streaming, no windows */
    NETS_ONCE = 2,      /* the output is one step: a cut sequence has other outputs */
    NETS_IDS = 4,       /* the input is ids alone */
    NETS_KINKS = 8,     /* drawn numbers come near a kink, where there is no derivative */
};

typedef struct nets_net {
    const char *label;
    int64_t n;
    const orc_spec *specs; /* [n] */
    int32_t flags;
} nets_net;

extern const nets_net NETS_OF_PARTS[];
extern const int64_t N_NETS_OF_PARTS;

#endif
