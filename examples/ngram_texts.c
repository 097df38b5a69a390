/* SPDX-License-Identifier: MIT
 *
 * The texts of ngram: read, cut into ids, counted, scored; and the table.
 */
#include "ngram.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const char *const ngram_smoothings[] = {"mle", "addk", "wb", "katz", "ad", "kn", "mkn", NULL};

/* Whether a cut before text[at] would go through a sentence, a word, a character of UTF-8. */
static int inside(const ngram_options *set, const char *text, size_t at) {
    unsigned char before = (unsigned char)text[at - 1], behind = (unsigned char)text[at];
    return set->sentences ? before != '\n'
           : set->words   ? !isspace(before)
                          : set->characters && (behind & 0xC0) == 0x80;
}

/* The last tenth of the training text becomes the held-out one. */
static void hold_out(ngram_texts *texts, const ngram_options *set) {
    size_t split = texts->train_bytes / 10 * 9 + texts->train_bytes % 10 * 9 / 10;
    while (split > 0 && inside(set, texts->train_text, split)) {
        split--;
    }
    if (split == 0 && set->sentences) {
        ex_die(
            "%s: --sentences holds out whole lines, and the last tenth begins in the first "
            "line: give --valid FILE",
            set->train);
    }
    if (split == 0 || split == texts->train_bytes) {
        ex_die("%s: too short for a tenth of it to be held out: give --valid FILE", set->train);
    }
    texts->valid_bytes = texts->train_bytes - split;
    texts->train_bytes = split;
    texts->valid_text = ex_alloc((int64_t)texts->valid_bytes + 1, 1);
    memcpy(texts->valid_text, texts->train_text + split, texts->valid_bytes);
}

static void read_files(ngram_texts *texts, const ngram_options *set, int how) {
    if (set->train != NULL) {
        texts->train_text = ex_read_text(set->train, how, &texts->train_bytes);
    }
    if (set->valid != NULL) {
        texts->valid_text = ex_read_text(set->valid, how, &texts->valid_bytes);
    } else if (set->train != NULL && !set->page) {
        hold_out(texts, set);
    }
}

/* Words are those of the training text: others are unknown. Characters are those of both. */
static void make_vocabulary(ngram_texts *texts, const ngram_options *set) {
    int32_t kind = set->bytes       ? TKR_BYTES
                   : !set->words    ? TKR_CHARACTERS
                   : set->sentences ? TKR_SENTENCES
                                    : TKR_WORDS;
    size_t more = kind == TKR_CHARACTERS ? texts->valid_bytes : 0;
    char *both = ex_alloc((int64_t)(texts->train_bytes + more + 1), 1);
    memcpy(both, texts->train_text, texts->train_bytes);
    if (more > 0) {
        memcpy(both + texts->train_bytes, texts->valid_text, more);
    }
    tkr_env *env = ex_env(1);
    ex_try(env,
           tkr_vocabulary_create(&texts->vocabulary, kind, both, texts->train_bytes + more, env));
    free(both);
}

/* The id of a symbol's text, or -1. */
static int32_t find(const ngram_texts *texts, const char *text) {
    int32_t id;
    int32_t status = tkr_vocabulary_find(texts->vocabulary, &id, text, strlen(text));
    return status == TKR_OK ? id : -1;
}

/* What ends a sentence: </s> in a model that has it; with --sentences else the line feed. */
static int32_t find_end(const ngram_texts *texts, const ngram_options *set) {
    int32_t end = set->train == NULL || set->sentences ? find(texts, "</s>") : -1;
    if (end < 0 && set->sentences && (end = find(texts, "\n")) < 0) {
        ex_die("--sentences: there is neither </s> nor a line feed in the vocabulary");
    }
    return end;
}

int32_t *ngram_ids(const ngram_texts *texts, const char *name, const char *text, size_t len,
                   int64_t *n) {
    const int32_t status =
        tkr_vocabulary_encode(texts->vocabulary, NULL, 0, n, text, len, texts->unknown);
    if (status == TKR_ERR_FORMAT && texts->unknown >= 0) {
        ex_die("%s: it has <s>, </s> or <unk> among its words: --reserved takes them for words",
               name);
    }
    if (status != TKR_OK) {
        ex_refuse_unknown(texts->vocabulary, name, text, len);
    }
    if (*n == 0) {
        ex_die("%s: there is nothing but white space in it", name);
    }
    int32_t *ids = ex_alloc(*n, sizeof *ids);
    ex_try(ex_env(1),
           tkr_vocabulary_encode(texts->vocabulary, ids, *n, n, text, len, texts->unknown));
    return ids;
}

/* What is special in the vocabulary. */
static void find_marks(ngram_texts *texts, const ngram_options *set) {
    ex_try(ex_env(1), tkr_vocabulary_set_int(texts->vocabulary, TKR_RESERVED, set->reserved));
    texts->symbols = tkr_vocabulary_len(texts->vocabulary);
    texts->unknown = find(texts, "<unk>");
    texts->unknown = texts->unknown < 0 ? find(texts, "<UNK>") : texts->unknown;
    texts->end = find_end(texts, set);
}

/* How to read a text for a vocabulary that is there: bytes, words, or characters; in lines where a
 * line is a sentence. */
static int way_to_read(const ngram_texts *texts) {
    int lines = texts->end >= 0 ? EX_LINES : 0;
    if (texts->unknown >= 0) {
        return lines;
    }
    return find(texts, "\xFF") >= 0 ? EX_BYTES : EX_UTF8 | lines; /* no character is that byte */
}

void ngram_read(ngram_texts *texts, const ngram_options *set, tkr_vocabulary *given) {
    texts->vocabulary = given;
    if (given != NULL) {
        find_marks(texts, set);
        read_files(texts, set, way_to_read(texts));
    } else {
        int lines = set->sentences ? EX_LINES : 0;
        read_files(texts, set, set->bytes ? EX_BYTES : set->words ? lines : EX_UTF8 | lines);
        make_vocabulary(texts, set);
        find_marks(texts, set);
    }
    if (texts->train_text != NULL) {
        texts->train =
            ngram_ids(texts, set->train, texts->train_text, texts->train_bytes, &texts->train_len);
    }
    if (texts->valid_text != NULL) {
        const char *name = set->valid != NULL ? set->valid : "the held-out tenth";
        texts->valid =
            ngram_ids(texts, name, texts->valid_text, texts->valid_bytes, &texts->valid_len);
    }
}

void ngram_free(ngram_texts *texts) {
    free(texts->train);
    free(texts->valid);
    free(texts->train_text);
    free(texts->valid_text);
    tkr_vocabulary_destroy(texts->vocabulary);
}

/* The page's text follows the id "~", which is one more than the vocabulary has. */
tkr_ngram *ngram_count(const ngram_texts *texts, const ngram_options *set, int64_t order) {
    tkr_ngram *ngram;
    int64_t symbols = texts->symbols + (set->page ? 1 : 0);
    ex_try(ex_env(1), tkr_ngram_create(&ngram, (int32_t)order, symbols, ex_env(1)));
    if (texts->end >= 0) {
        ex_try(ngram, tkr_ngram_count_sentences(ngram, texts->train, texts->train_len, texts->end));
    } else {
        int32_t pad = set->page ? (int32_t)texts->symbols : TKR_BEGIN;
        ex_try(ngram, tkr_ngram_count(ngram, texts->train, texts->train_len, pad));
    }
    if (!set->page) {
        ex_try(ngram, tkr_ngram_set_vocabulary(ngram, texts->vocabulary));
    }
    return ngram;
}

void ngram_estimate(tkr_ngram *ngram, const ngram_options *set, int32_t smoothing) {
    ex_try(ngram, tkr_ngram_set_float(ngram, TKR_ADDEND, set->addend));
    ex_try(ngram, tkr_ngram_set_int(ngram, TKR_FALLBACK, set->fallback));
    for (int n = 3; n <= 16; n++) {
        ex_try(ngram, tkr_ngram_set_int(ngram, TKR_PRUNE + n, set->prune));
    }
    int32_t status = tkr_ngram_estimate(ngram, smoothing);
    if (status == TKR_ERR_NUMERIC && !set->fallback) {
        ex_die("%s\nTry --fallback.", tkr_ngram_detail(ngram));
    }
    if (status != TKR_OK) {
        ex_fail(status, "tkr_ngram_estimate", tkr_ngram_detail(ngram));
    }
}

tkr_score ngram_score(const tkr_ngram *ngram, const ngram_texts *texts) {
    tkr_score score = {.size = sizeof score};
    tkr_ngram_state state;
    const int32_t begin = TKR_BEGIN;
    for (int64_t from = 0, to; from < texts->valid_len; from = to) {
        for (to = from + 1; to < texts->valid_len; to++) {
            if (texts->end >= 0 && texts->valid[to - 1] == texts->end) {
                break;
            }
        }
        ex_try(ngram, tkr_ngram_start(ngram, &state, &begin, 1));
        ex_try(ngram, tkr_ngram_score(ngram, &state, &score, texts->valid + from, to - from,
                                      texts->unknown));
    }
    return score;
}

void ngram_table(const ngram_texts *texts, const ngram_options *set) {
    ngram_options all = *set;
    all.fallback = 1; /* the unigrams of characters have no discounts of their own */
    printf("order\tsmoothing\tnats\timpossible\n");
    for (int64_t order = 2; order <= set->order; order++) {
        tkr_ngram *ngram = ngram_count(texts, &all, order);
        for (int32_t i = 0; ngram_smoothings[i] != NULL; i++) {
            ngram_estimate(ngram, &all, i + 1);
            tkr_score score = ngram_score(ngram, texts);
            printf("%lld\t%s\t", (long long)order, ngram_smoothings[i]);
            if (score.impossible > 0) {
                printf("infinite\t");
            } else {
                printf("%.4f\t", score.nats_per_symbol);
            }
            printf("%lld\n", (long long)score.impossible);
        }
        tkr_ngram_destroy(ngram);
    }
}
