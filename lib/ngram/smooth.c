/* SPDX-License-Identifier: MIT */
#include "ngram/smooth.h"

enum { TOP = TKRI_KATZ_MOST };

/* counts of counts: of[r] n-grams were seen r times, r = 1 .. TOP + 1. */
typedef struct tally {
    double of[TOP + 2];
} tally;

static tally count_counts(const uint64_t *counts, uint64_t n) {
    tally seen = {{0}};
    for (uint64_t i = 0; i < n; i++) {
        if (counts[i] <= TOP + 1) {
            seen.of[counts[i]] += 1;
        }
    }
    return seen;
}

/* D = n1 / (n1 + 2 n2) for every count (Ney, Essen & Kneser 1994). */
static int one_discount(double *off, const tally *n) {
    double d = n->of[1] / (n->of[1] + 2 * n->of[2]);
    for (int r = 1; r <= TOP; r++) {
        off[r] = d;
    }
    return n->of[1] > 0;
}

/* D_j = j - (j + 1) Y n_{j+1} / n_j, j = 1, 2, 3+, Y = n1 / (n1 + 2 n2) (Chen & Goodman 1998). It
 * may be 0, and then is without rounding: both products are whole numbers. */
static int three_discounts(double *off, const tally *n) {
    int usable = 1;
    for (int j = 1; j <= 3; j++) {
        double of = (n->of[1] + 2 * n->of[2]) * n->of[j];
        off[j] = (j * of - (j + 1) * n->of[1] * n->of[j + 1]) / of;
        usable = usable && n->of[j] > 0 && off[j] >= 0 && off[j] <= j;
    }
    for (int r = 4; r <= TOP; r++) {
        off[r] = off[3];
    }
    return usable;
}

/* r - d_r r, where d_r is Katz's discount ratio of counts up to TOP (Katz 1987). */
static int good_turing(double *off, const tally *n) {
    double beyond = (TOP + 1) * n->of[TOP + 1] / n->of[1];
    int usable = n->of[1] > 0;
    for (int r = 1; r <= TOP; r++) {
        double better = (r + 1) * n->of[r + 1] / n->of[r];
        double ratio = (better / r - beyond) / (1 - beyond);
        off[r] = r - ratio * r;
        usable = usable && n->of[r] > 0 && ratio > 0 && ratio <= 1;
    }
    return usable;
}

static void fall_back(double *off, int32_t kind) {
    int graded = kind == TKR_MODIFIED_KNESER_NEY || kind == TKR_KATZ;
    for (int r = 1; r <= TOP; r++) {
        off[r] = graded ? 0.5 * (r < 3 ? r : 3) : 0.5;
    }
}

int32_t tkri_smooth_discounts(tkri_discounts *discounts, const tkri_smoothing *smoothing, int level,
                              const uint64_t *counts, uint64_t n, tkri_detail *detail) {
    double *off = discounts->off[level];
    tally seen = count_counts(counts, n);
    int usable = 1;
    if (smoothing->kind == TKR_KATZ) {
        usable = good_turing(off, &seen);
    } else if (smoothing->kind == TKR_MODIFIED_KNESER_NEY) {
        usable = three_discounts(off, &seen);
    } else if (smoothing->kind == TKR_ABSOLUTE_DISCOUNT || smoothing->kind == TKR_KNESER_NEY) {
        usable = one_discount(off, &seen);
    }
    if (!usable && smoothing->fallback) {
        fall_back(off, smoothing->kind);
        usable = 1;
    }
    REQUIRE(usable, detail, TKR_ERR_NUMERIC,
            "order %d: no discounts from %.0f n-grams seen once, %.0f twice, %.0f three and %.0f "
            "four times; more text, or TKR_FALLBACK",
            level + 1, seen.of[1], seen.of[2], seen.of[3], seen.of[4]);
    return TKR_OK;
}

/* (c - D(c)) / C, and all that was taken off goes to the lower order. */
static double split_discounted(int katz, const double *off, const uint64_t *counts, uint64_t n,
                               double total, double *share) {
    double left = 0;
    for (uint64_t i = 0; i < n; i++) {
        double taken = counts[i] <= TOP ? off[counts[i]] : katz ? 0 : off[TOP];
        share[i] = ((double)counts[i] - taken) / total;
        left += taken / total;
    }
    return left;
}

/* c / (C + more), and more / (C + more) for the lower order. */
static double split_added(double more, const uint64_t *counts, uint64_t n, double total,
                          double *share) {
    for (uint64_t i = 0; i < n; i++) {
        share[i] = (double)counts[i] / (total + more);
    }
    return more / (total + more);
}

double tkri_smooth_split(const tkri_smoothing *smoothing, const double *off, const uint64_t *counts,
                         uint64_t n, double *share) {
    uint64_t total = 0, distinct = 0;
    for (uint64_t i = 0; i < n; i++) {
        total += counts[i];
        distinct += counts[i] > 0;
        share[i] = 0;
    }
    if (smoothing->kind == TKR_MAXIMUM_LIKELIHOOD) {
        return total ? split_added(0, counts, n, (double)total, share) : 0;
    }
    if (!total) {
        return 1;
    }
    switch (smoothing->kind) {
        case TKR_ADD_K:
            return split_added(smoothing->addend * (double)smoothing->symbols, counts, n,
                               (double)total, share);
        case TKR_WITTEN_BELL:
            return split_added((double)distinct, counts, n, (double)total, share);
        default:
            return split_discounted(smoothing->kind == TKR_KATZ, off, counts, n, (double)total,
                                    share);
    }
}
