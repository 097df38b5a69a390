/* SPDX-License-Identifier: MIT */
#include "sentiment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- words and their numbers ----------------------------------------------------------------- */

static void *grow(void *block, int64_t n, size_t size) {
    if ((n & (n - 1)) != 0 && block != NULL) { /* room is doubled when it is a power of 2 */
        return block;
    }
    void *larger = realloc(block, (n == 0 ? 1 : (size_t)n * 2) * size);
    if (larger == NULL) {
        ex_die("no memory for %lld x %zu bytes", (long long)n * 2, size);
    }
    return larger;
}

static uint64_t hash_of(const char *word, size_t len) {
    uint64_t hash = 0xCBF29CE484222325u;
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ (unsigned char)word[i]) * 0x100000001B3u;
    }
    return hash ^ hash >> 29;
}

/* The slot of a word: it holds the word's number, or -1 if the word is new. */
static int32_t *find_slot(const reviews *data, const char *word, size_t len) {
    uint64_t mask = (uint64_t)data->n_slots - 1, at = hash_of(word, len) & mask;
    for (;; at = (at + 1) & mask) {
        int32_t number = data->slots[at];
        if (number < 0 ||
            (strlen(data->names[number]) == len && memcmp(data->names[number], word, len) == 0)) {
            return &data->slots[at];
        }
    }
}

static void enlarge_table(reviews *data) {
    free(data->slots);
    data->n_slots = data->n_slots == 0 ? 1024 : 2 * data->n_slots;
    data->slots = ex_alloc(data->n_slots, sizeof *data->slots);
    memset(data->slots, -1, (size_t)data->n_slots * sizeof *data->slots);
    for (int32_t i = 0; i < (int32_t)data->n_names; i++) {
        *find_slot(data, data->names[i], strlen(data->names[i])) = i;
    }
}

static int32_t number_of(reviews *data, const char *word, size_t len) {
    if (2 * data->n_names >= data->n_slots) {
        enlarge_table(data);
    }
    int32_t *slot = find_slot(data, word, len);
    if (*slot < 0) {
        char *name = ex_alloc((int64_t)len + 1, 1);
        memcpy(name, word, len);
        data->names = grow(data->names, data->n_names, sizeof *data->names);
        data->names[data->n_names] = name;
        *slot = (int32_t)data->n_names++;
    }
    return *slot;
}

static int word_character(char c) { /* of a word; all that is not ASCII is, too */
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '\'' || (unsigned char)c >= 128;
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* The words of a line, in small letters; and ! and ? which are as good as words. */
static void add_words(reviews *data, review *line, char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        text[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] - 'A' + 'a' : text[i]);
    }
    line->first = data->n_words;
    for (size_t at = 0; at < len;) {
        size_t n = 0;
        while (at + n < len && word_character(text[at + n])) {
            n++;
        }
        if (n > 0 || text[at] == '!' || text[at] == '?') {
            data->words = grow(data->words, data->n_words, sizeof *data->words);
            data->words[data->n_words++] = number_of(data, text + at, n > 0 ? n : 1);
        }
        at += n > 0 ? n : 1;
    }
    line->n = data->n_words - line->first;
}

/* Take the label off a line's front: 1 liked, 0 not, -1 there is none. */
static int take_label(char **text, size_t *len) {
    static const char *const labels[2][2] = {{"-1", "0"}, {"+1", "1"}};
    size_t n = strcspn(*text, " \t,");
    for (int i = 0; i < 4 && n < *len; i++) {
        const char *label = labels[i / 2][i % 2];
        if (strlen(label) == n && memcmp(*text, label, n) == 0) {
            *text += n + 1;
            *len -= n + 1;
            return i / 2;
        }
    }
    return -1;
}

void reviews_read(reviews *data, const char *path, int label) {
    size_t len = 0;
    char *all = ex_read_text(path, EX_LINES, &len);
    int64_t line = 1;
    for (size_t at = 0; at < len; line++) {
        char *text = all + at;
        size_t whole = strcspn(text, "\n"), n = whole;
        int liked = label;
        int comment = label < 0 && text[0] == '#';
        if (strspn(text, " \t") < n && !comment) {
            liked = label < 0 ? take_label(&text, &n) : label;
            if (liked < 0) {
                ex_die("%s, line %lld: a line begins with +1 or 1, -1 or 0, and a space", path,
                       (long long)line);
            }
            data->all = grow(data->all, data->n, sizeof *data->all);
            data->all[data->n] = (review){.liked = liked};
            add_words(data, &data->all[data->n++], text, n);
        }
        at += whole + 1;
    }
    free(all);
}

void reviews_divide(reviews *data, int64_t parts, uint64_t seed) {
    for (int64_t i = data->n - 1; i > 0; i--) {
        int64_t j = ex_below(&seed, i + 1);
        review swapped = data->all[i];
        data->all[i] = data->all[j];
        data->all[j] = swapped;
    }
    for (int64_t i = 0; i < data->n; i++) {
        data->all[i].part = (int32_t)(i % parts);
    }
}

void reviews_free(reviews *data) {
    for (int64_t i = 0; i < data->n_names; i++) {
        free(data->names[i]);
    }
    free(data->names);
    free(data->slots);
    free(data->words);
    free(data->all);
}

int64_t reviews_vocabulary(const reviews *data, int32_t held_out, int64_t least, int32_t *ids) {
    int64_t *counts = ex_alloc(data->n_names, sizeof *counts), n = 1;
    for (int64_t i = 0; i < data->n; i++) {
        const review *line = &data->all[i];
        for (int64_t k = 0; k < line->n && line->part != held_out; k++) {
            counts[data->words[line->first + k]]++;
        }
    }
    for (int64_t i = 0; i < data->n_names; i++) {
        ids[i] = counts[i] >= least ? (int32_t)n++ : 0;
    }
    free(counts);
    return n;
}

/* ---- rivals ---------------------------------------------------------------------------------- */

typedef struct bayes {
    double *counts[2];           /* [n_names] of a word in reviews of each label */
    double words[2], reviews[2]; /* in all */
    double known;                /* words seen at all */
} bayes;

static void count_words(bayes *model, const reviews *data, int32_t held_out) {
    for (int64_t i = 0; i < data->n; i++) {
        const review *line = &data->all[i];
        if (line->part != held_out) {
            model->reviews[line->liked]++;
            model->words[line->liked] += (double)line->n;
            for (int64_t k = 0; k < line->n; k++) {
                model->counts[line->liked][data->words[line->first + k]]++;
            }
        }
    }
    for (int64_t i = 0; i < data->n_names; i++) {
        model->known += model->counts[0][i] + model->counts[1][i] > 0;
    }
}

/* ln p(liked | words) - ln p(not liked | words), each word counted once more than it was seen. */
static double log_odds(const bayes *model, const reviews *data, const review *line) {
    double odds = log(model->reviews[1] + 1) - log(model->reviews[0] + 1);
    for (int64_t k = 0; k < line->n; k++) {
        int32_t word = data->words[line->first + k];
        double liked = model->counts[1][word], not_liked = model->counts[0][word];
        if (liked + not_liked > 0) {
            odds += log((liked + 1) / (model->words[1] + model->known));
            odds -= log((not_liked + 1) / (model->words[0] + model->known));
        }
    }
    return odds;
}

double reviews_naive_bayes(const reviews *data, int32_t held_out) {
    bayes model = {
        {ex_alloc(data->n_names, sizeof(double)), ex_alloc(data->n_names, sizeof(double))},
        {0, 0},
        {0, 0},
        0};
    double right = 0, n = 0;
    count_words(&model, data, held_out);
    for (int64_t i = 0; i < data->n; i++) {
        if (data->all[i].part == held_out) {
            right += (log_odds(&model, data, &data->all[i]) > 0) == data->all[i].liked;
            n++;
        }
    }
    free(model.counts[0]);
    free(model.counts[1]);
    return right / n;
}

double reviews_majority(const reviews *data, int32_t held_out) {
    double liked[2] = {0, 0}, n[2] = {0, 0}; /* [is it held out] */
    for (int64_t i = 0; i < data->n; i++) {
        int out = data->all[i].part == held_out;
        liked[out] += data->all[i].liked;
        n[out]++;
    }
    return (2 * liked[0] >= n[0] ? liked[1] : n[1] - liked[1]) / n[1];
}
