/* SPDX-License-Identifier: MIT
 * char_lm's parts: the founding page's experiment; a text of yours; its ids; its n-gram rivals. */
#ifndef EXAMPLES_CHAR_LM_H
#define EXAMPLES_CHAR_LM_H

#include "common.h"

typedef struct char_options {
    const char *text, *valid, *save, *load, *resume, *prime;
    int64_t page, bytes, characters, mix;
    int64_t cell, hidden, layers, embedding, steps, batch, iterations, every, order;
    int64_t seed, seeds, sample, threads, valid_all;
    double rate, clip, dropout, temperature, top_p;
    int iterations_given;
} char_options;

/** The texts, in bytes and as ids of one vocabulary. Without a file of its own the held-out text is
 *  the last tenth of the text; without any text (a loaded net that only writes) there is none. */
typedef struct corpus {
    const char *text_name, *valid_name;
    char *text, *valid_text; /* the files' bytes; valid_text is NULL without --valid */
    size_t text_len, train_bytes, valid_bytes;
    tkr_vocabulary *vocabulary;
    int64_t symbols;
    int32_t *train, *valid; /* NULL where there is no text */
    int64_t train_len, valid_len;
} corpus;

/** The page's experiment: 40 tanh units learn 30 characters of each of some 50 lines of source. */
void char_page(const char_options *set);

/** Train on set->text, or load a net; validate it beside the n-grams; sample from it. */
void char_text(const char_options *set);

/** Read set->text and set->valid; if symbols are characters (bytes = 0) they must be UTF-8. */
void char_read_texts(corpus *data, const char_options *set, int bytes);
/** Make the vocabulary of both texts, so that no held-out character is without an id. */
void char_make_vocabulary(corpus *data, int bytes);
/** Keep the vocabulary in the net, for its file; take it from a net that came from a file: returns
 *  whether it is one of bytes. */
void char_note_vocabulary(const corpus *data, tkr_cell *net, int bytes);
int char_recall_vocabulary(corpus *data, const tkr_cell *net, const char *path);
/** Turn the texts, or one text, into ids; the program ends if a character has none. */
void char_encode_texts(corpus *data);
int32_t *char_encode(const corpus *data, const char *name, const char *text, size_t len,
                     int64_t *n);
void char_free_corpus(corpus *data);

/** Score the held-out text with n-grams of the training text, and print it. */
void char_rivals(const corpus *data, int64_t order);

/** Mix the net, whose ln p of each held-out character is given, with modified Kneser-Ney, and print
 *  the loss on all of the held-out text: the weight in each half was found on the other one. */
void char_mix(const corpus *data, int64_t order, const double *net);

#endif
