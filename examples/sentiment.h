/* SPDX-License-Identifier: MIT
 * sentiment's data: labelled lines as word numbers, the words worth knowing, and naive Bayes. */
#ifndef EXAMPLES_SENTIMENT_H
#define EXAMPLES_SENTIMENT_H

#include "common.h"

/** One line: liked (1) or not (0), and the numbers of its words. */
typedef struct review {
    int32_t liked, part; /* part: which of the equal parts of the data it belongs to */
    int64_t first, n;    /* words[first .. first + n) */
} review;

typedef struct reviews {
    review *all; /* [n] */
    int64_t n;
    int32_t *words; /* of all reviews, one after the other: numbers 0 .. n_names - 1 */
    int64_t n_words, n_names;
    char **names;    /* [n_names] */
    int32_t *slots;  /* hash table: number of a name, or -1 */
    int64_t n_slots; /* a power of 2 */
} reviews;

/** Add a file whose lines begin with +1 or 1, -1 or 0, or with # where they are comments; or, with
 *  `label` 0 or 1, plain lines. Empty lines are passed over. */
void reviews_read(reviews *data, const char *path, int label);

/** Divide them at random into `parts` equal parts. */
void reviews_divide(reviews *data, int64_t parts, uint64_t seed);

/** Number the words that stand at least `least` times outside of part `held_out`: ids [n_names]
 *  gets 1, 2 .. and 0 for all the others. Returns how many ids there are. */
int64_t reviews_vocabulary(const reviews *data, int32_t held_out, int64_t least, int32_t *ids);

/** The share of part `held_out` that naive Bayes, having counted the others, judges rightly. */
double reviews_naive_bayes(const reviews *data, int32_t held_out);

/** The share that the commoner label of the others would judge rightly. */
double reviews_majority(const reviews *data, int32_t held_out);

void reviews_free(reviews *data);

#endif
