/* SPDX-License-Identifier: MIT
 *
 * The texts of char_lm as ids: what to train on, what is held out, and their common vocabulary,
 * which is kept as metadata in the net's file.
 */
#include "char_lm.h"

#include <stdlib.h>
#include <string.h>

static const char metadata_key[] = "vocabulary", metadata_of_bytes[] = "bytes";

static int inside_character(char byte) { /* of UTF-8: not its first byte */
    return ((unsigned char)byte & 0xC0) == 0x80;
}

void char_read_texts(corpus *data, const char_options *set, int bytes) {
    int how = bytes ? EX_BYTES : EX_UTF8;
    data->text_name = set->text;
    data->valid_name = set->valid;
    if (set->text != NULL) {
        data->text = ex_read_text(set->text, how, &data->text_len);
        data->train_bytes = data->text_len;
    }
    if (set->valid != NULL) {
        data->valid_text = ex_read_text(set->valid, how, &data->valid_bytes);
    } else if (set->text != NULL) {
        size_t split = data->text_len / 10 * 9 + data->text_len % 10 * 9 / 10;
        while (split > 0 && !bytes && inside_character(data->text[split])) {
            split--;
        }
        data->train_bytes = split;
        data->valid_bytes = data->text_len - split;
        data->valid_name = "the held-out tenth";
        if (data->train_bytes == 0 || data->valid_bytes == 0) {
            ex_die("%s: too short for a tenth of it to be held out: give --valid FILE", set->text);
        }
    }
}

/* Where the held-out text begins: in a file of its own, or in the last tenth of the text. */
static const char *held_out(const corpus *data) {
    return data->valid_text != NULL ? data->valid_text
           : data->text != NULL     ? data->text + data->train_bytes
                                    : NULL;
}

void char_make_vocabulary(corpus *data, int bytes) {
    size_t len = data->train_bytes + data->valid_bytes;
    char *both = ex_alloc((int64_t)len, 1);
    memcpy(both, data->text, data->train_bytes);
    memcpy(both + data->train_bytes, held_out(data), data->valid_bytes);
    ex_try(ex_env(1), tkr_vocabulary_create(&data->vocabulary, bytes ? TKR_BYTES : TKR_CHARACTERS,
                                            both, len, ex_env(1)));
    data->symbols = tkr_vocabulary_len(data->vocabulary);
    free(both);
}

int32_t *char_encode(const corpus *data, const char *name, const char *text, size_t len,
                     int64_t *n) {
    if (tkr_vocabulary_encode(data->vocabulary, NULL, 0, n, text, len, -1) != TKR_OK) {
        ex_refuse_unknown(data->vocabulary, name, text, len);
    }
    if (*n == 0) {
        ex_die("%s: there is no text in it", name);
    }
    int32_t *ids = ex_alloc(*n, sizeof *ids);
    ex_try(ex_env(1), tkr_vocabulary_encode(data->vocabulary, ids, *n, n, text, len, -1));
    return ids;
}

void char_encode_texts(corpus *data) {
    const char *valid = held_out(data);
    if (data->text != NULL) {
        data->train =
            char_encode(data, data->text_name, data->text, data->train_bytes, &data->train_len);
    }
    if (valid != NULL) {
        data->valid =
            char_encode(data, data->valid_name, valid, data->valid_bytes, &data->valid_len);
    }
}

void char_free_corpus(corpus *data) {
    free(data->train);
    free(data->valid);
    free(data->text);
    free(data->valid_text);
    tkr_vocabulary_destroy(data->vocabulary);
}

void char_note_vocabulary(const corpus *data, tkr_cell *net, int bytes) {
    if (bytes) {
        ex_try(net, tkr_cell_set_metadata(net, metadata_key, metadata_of_bytes));
        return;
    }
    char *alphabet = ex_alloc(4 * data->symbols + 1, 1);
    uint64_t at = 0, len = 0;
    for (int32_t id = 0; id < data->symbols; id++, at += len) { /* no text has a NUL */
        ex_try(ex_env(1), tkr_vocabulary_decode(data->vocabulary, id, alphabet + at, &len));
    }
    ex_try(net, tkr_cell_set_metadata(net, metadata_key, alphabet));
    free(alphabet);
}

int char_recall_vocabulary(corpus *data, const tkr_cell *net, const char *path) {
    const char *text = tkr_cell_get_metadata(net, metadata_key);
    int64_t inputs = 0, outputs = 0;
    if (text == NULL) {
        ex_die("%s: a net, but not one of char_lm: no vocabulary is kept with it", path);
    }
    int32_t kind = strcmp(text, metadata_of_bytes) == 0 ? TKR_BYTES : TKR_CHARACTERS;
    ex_try(ex_env(1),
           tkr_vocabulary_create(&data->vocabulary, kind, text, strlen(text), ex_env(1)));
    data->symbols = tkr_vocabulary_len(data->vocabulary);
    ex_try(net, tkr_cell_shape(net, NULL, &inputs, &outputs));
    if (inputs != data->symbols || outputs != data->symbols) {
        ex_die("%s: the net and the vocabulary kept with it do not fit", path);
    }
    return kind == TKR_BYTES;
}
