/* SPDX-License-Identifier: MIT
 * Reading ARPA: its lines into entries. What becomes of the entries is in arpa_build.c. */
#include "ngram/arpa_entries.h"

#include <math.h>
#include <string.h>

#include "core/check.h"
#include "core/utf8.h"
#include "ngram/decimal.h"
#include "ngram/foreign.h"

static const double ln_10 = 2.30258509299404568402;
static const double log_10_of_missing = -100, log_10_of_begin = -99;
static const double zero_of_srilm = -99, zero_of_cmu = -99.999;

/* Refuse the current line. */
#define REFUSE_UNLESS(condition, entries, ...)     \
    do {                                           \
        if (!(condition)) {                        \
            return refuse((entries), __VA_ARGS__); \
        }                                          \
    } while (0)

static int32_t refuse(tkri_entries *e, const char *what) {
    char shown[80];
    return tkri_fail(e->lines.source.detail, TKR_ERR_FORMAT, "line %llu: %s: '%s'",
                     (unsigned long long)e->lines.source.line, what,
                     tkri_utf8_show(shown, sizeof shown, e->lines.line.text, e->lines.line.len));
}

/* The next line that is not blank; one has to come before this title. */
static int32_t next_line_before(tkri_entries *e, const char *title) {
    int more = 1;
    do {
        TRY(tkri_lines_next(&e->lines, &more));
        REQUIRE(more, e->lines.source.detail, TKR_ERR_FORMAT, "line %llu: the file ends before %s",
                (unsigned long long)e->lines.source.line, title);
    } while (!e->lines.n_fields);
    return TKR_OK;
}

static int32_t next_line(tkri_entries *e) {
    return next_line_before(e, "\\end\\");
}

static int line_is(const tkri_entries *e, const char *text) {
    return e->lines.n_fields == 1 && tkri_field_is(&e->lines.field[0], text);
}

/* "ngram 3=1234", with or without spaces around the sign. Returns 0 if it is something else. */
static int read_promise(tkri_entries *e, uint64_t *n, uint64_t *count) {
    const char *at = e->lines.line.text, *end = at + e->lines.line.len;
    const char *equals = memchr(at, '=', (size_t)e->lines.line.len);
    if (!tkri_field_is(&e->lines.field[0], "ngram") || !equals) {
        return 0;
    }
    e->warnings |= e->lines.n_fields > 2 ? TKR_WARNING_SPACES : 0;
    at = e->lines.field[0].text + 5;
    while (at < equals && (*at == ' ' || *at == '\t')) {
        at++;
    }
    const char *stop = equals;
    while (stop > at && (stop[-1] == ' ' || stop[-1] == '\t')) {
        stop--;
    }
    const char *from = equals + 1;
    while (from < end && (*from == ' ' || *from == '\t')) {
        from++;
    }
    while (end > from && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    return tkri_decimal_read_whole(n, at, (uint64_t)(stop - at)) &&
           tkri_decimal_read_whole(count, from, (uint64_t)(end - from));
}

/* Look at the first bytes: what is no text is named, a byte order mark passed over. */
static int32_t read_first_bytes(tkri_entries *e) {
    static const char mark[] = {'\xEF', '\xBB', '\xBF'};
    tkri_buffer *ahead = &e->lines.buffer;
    while (ahead->to < TKRI_FOREIGN_BYTES && !ahead->ended) {
        TRY(tkri_source_fill(&e->lines.source, ahead));
    }
    const char *what = tkri_foreign(ahead->bytes, ahead->to);
    REQUIRE(!what, e->lines.source.detail, TKR_ERR_FORMAT, "ARPA text is wanted; this is %s", what);
    if (ahead->to >= sizeof mark && memcmp(ahead->bytes, mark, sizeof mark) == 0) {
        ahead->from = sizeof mark;
        e->warnings |= TKR_WARNING_BYTE_ORDER;
    }
    return TKR_OK;
}

/* Up to \data\, with it. */
static int32_t read_before(tkri_entries *e) {
    TRY(read_first_bytes(e));
    TRY(next_line_before(e, "\\data\\"));
    while (!line_is(e, "\\data\\")) {
        e->warnings |= TKR_WARNING_TEXT_BEFORE;
        TRY(next_line_before(e, "\\data\\"));
    }
    return TKR_OK;
}

/* The head: how many n-grams of each length there are. Ends at the line behind it. */
static int32_t read_promises(tkri_entries *e) {
    uint64_t n, count;
    TRY(next_line(e));
    while (e->lines.line.text[0] != '\\') {
        REFUSE_UNLESS(read_promise(e, &n, &count), e, "'ngram N=count' is wanted");
        REFUSE_UNLESS(n == (uint64_t)e->order + 1, e, "the orders must be 1, 2, 3 ...");
        REFUSE_UNLESS(n <= TKRI_MAX_ORDER, e, "orders above 16 are not supported");
        e->promised[e->order++] = count;
        TRY(next_line(e));
    }
    REFUSE_UNLESS(e->order, e, "'ngram 1=count' is wanted");
    return TKR_OK;
}

/* Whether a field is "-inf", in letters of either case. */
static int is_infinite(const tkri_field *field) {
    return field->len == 4 && field->text[0] == '-' && (field->text[1] | 32) == 'i' &&
           (field->text[2] | 32) == 'n' && (field->text[3] | 32) == 'f';
}

/* A logarithm to the base 10 that is one: beyond +-1e9 nothing means anything. To the base e. */
static int read_log(double *value, const tkri_field *field) {
    if (is_infinite(field)) {
        *value = -INFINITY;
        return 1;
    }
    if (!tkri_decimal_read(value, field->text, field->len) || !(fabs(*value) <= 1e9)) {
        return 0;
    }
    int is_zero = *value == zero_of_srilm || *value == zero_of_cmu;
    *value = is_zero ? -INFINITY : *value * ln_10;
    return 1;
}

static void warn_of_zero(tkri_entries *e, double log) {
    e->warnings |= log > -INFINITY ? 0 : TKR_WARNING_ZERO;
}

/* The logarithms of the current line to the base e: its first field, and the last one if there is
 * one more than `n` words. */
static int32_t read_values(tkri_entries *e, int n, tkri_values *values) {
    const tkri_field *field = e->lines.field;
    REFUSE_UNLESS(e->lines.n_fields >= n + 1 && e->lines.n_fields <= n + 2, e,
                  "a probability, the words and perhaps a back-off weight are wanted");
    REFUSE_UNLESS(read_log(&values->logprob, &field[0]), e, "this probability is no number");
    REFUSE_UNLESS(values->logprob <= 0, e, "the logarithm of a probability is above 0");
    values->backoff = 0;
    if (e->lines.n_fields == n + 2) {
        REFUSE_UNLESS(read_log(&values->backoff, &field[n + 1]), e,
                      "this back-off weight is no number");
        warn_of_zero(e, values->backoff);
    }
    if (n == e->order && e->lines.n_fields == n + 2) {
        REFUSE_UNLESS(values->backoff == 0, e, "a back-off weight that is not 0 at the last order");
        e->warnings |= TKR_WARNING_LAST_BACKOFF;
    }
    return TKR_OK;
}

static int32_t add(tkri_entries *e, const uint32_t *ids, int n, tkri_values values) {
    int32_t status = tkri_entries_add(e, ids, n, values);
    REQUIRE(status == TKR_OK, e->lines.source.detail, status,
            "line %llu: no memory for so many n-grams", (unsigned long long)e->lines.source.line);
    return TKR_OK;
}

static int32_t add_word(tkri_entries *e, const char *name, uint64_t len, tkri_values values) {
    uint32_t id = (uint32_t)e->names.len;
    REFUSE_UNLESS(tkri_names_find(&e->names, name, len) < 0, e, "this word was there before");
    REFUSE_UNLESS(e->names.len < INT32_MAX - 2, e, "there are too many words");
    int32_t status = tkri_names_add(&e->names, name, len);
    REQUIRE(status == TKR_OK, e->lines.source.detail, status, "no memory for the words");
    return add(e, &id, 1, values);
}

static int32_t read_word(tkri_entries *e) {
    tkri_values values;
    tkri_field *word = &e->lines.field[1];
    TRY(read_values(e, 1, &values));
    if (tkri_field_is(word, "<s>")) {
        REFUSE_UNLESS(!e->has_begin, e, "<s> was there before");
        e->has_begin = 1;
        e->begin = values;
        if (!(values.logprob > -INFINITY)) {
            e->begin.logprob =
                log_10_of_begin * ln_10; /* it is no event: there is nothing to warn of */
        }
        return TKR_OK;
    }
    warn_of_zero(e, values.logprob);
    word->len = tkri_arpa_unescape(word->text, word->text, word->len);
    return add_word(e, word->text, word->len, values);
}

/* The id of a word of an n-gram, or -1; of <s> that of the mark of a beginning. */
static int32_t find_word(tkri_entries *e, tkri_field *word) {
    if (tkri_field_is(word, "<s>")) {
        return e->has_begin ? (int32_t)e->names.len : -1;
    }
    if (e->warnings & TKR_WARNING_UNKNOWN && tkri_field_is(word, "<UNK>")) {
        return tkri_names_find(&e->names, "<unk>", 5);
    }
    word->len = tkri_arpa_unescape(word->text, word->text, word->len);
    return tkri_names_find(&e->names, word->text, word->len);
}

static int32_t read_ngram(tkri_entries *e, int n) {
    uint32_t ids[TKRI_MAX_ORDER];
    tkri_values values;
    int begins = 0; /* behind the first word */
    TRY(read_values(e, n, &values));
    for (int i = 0; i < n; i++) {
        int32_t id = find_word(e, &e->lines.field[1 + i]);
        REFUSE_UNLESS(id >= 0, e, "a word is not among the 1-grams");
        begins += i > 0 && id == e->names.len;
        ids[i] = (uint32_t)id;
    }
    if (begins) {
        e->warnings |= TKR_WARNING_INNER_BEGIN;
        return TKR_OK;
    }
    warn_of_zero(e, values.logprob);
    return add(e, ids, n, values);
}

/* An unknown word there must be: if <unk> is not among the words, <UNK> is it. */
static int32_t find_unknown(tkri_entries *e) {
    const tkri_values missing = {log_10_of_missing * ln_10, 0};
    int32_t capital = tkri_names_find(&e->names, "<UNK>", 5);
    if (tkri_names_find(&e->names, "<unk>", 5) >= 0) {
        return TKR_OK;
    }
    if (capital >= 0) {
        tkri_names_rename(&e->names, capital, "<unk>");
        e->warnings |= TKR_WARNING_UNKNOWN;
        return TKR_OK;
    }
    e->warnings |= TKR_WARNING_NO_UNKNOWN;
    return add_word(e, "<unk>", 5, missing);
}

/* When all words are known, <s> becomes the last of the 1-grams. */
static int32_t end_words(tkri_entries *e) {
    TRY(find_unknown(e));
    uint32_t begin = (uint32_t)e->names.len;
    if (!e->has_begin) {
        e->begin = (tkri_values){log_10_of_begin * ln_10, 0};
    }
    return add(e, &begin, 1, e->begin);
}

/* One section, whose title is the current line; ends at the line behind it. */
static int32_t read_section(tkri_entries *e, int n) {
    char title[] = "\\00-grams:";
    title[1] = (char)('0' + n / 10);
    title[2] = (char)('0' + n % 10);
    REFUSE_UNLESS(
        line_is(e, title) ||
            (n < 10 && e->lines.line.text[0] == '\\' && e->lines.n_fields == 1 &&
             tkri_field_is(&(tkri_field){e->lines.field[0].text + 1, e->lines.field[0].len - 1},
                           title + 2)),
        e, "the title of the next order is wanted");
    for (uint64_t i = 0; i < e->promised[n - 1]; i++) {
        TRY(next_line(e));
        REFUSE_UNLESS(e->lines.line.text[0] != '\\', e, "fewer n-grams than the head promised");
        TRY(n == 1 ? read_word(e) : read_ngram(e, n));
    }
    TRY(next_line(e));
    REFUSE_UNLESS(e->lines.line.text[0] == '\\', e, "more n-grams than the head promised");
    return n == 1 ? end_words(e) : TKR_OK;
}

int32_t tkri_entries_read(tkri_entries *e) {
    int more = 1;
    TRY(read_before(e));
    TRY(read_promises(e));
    for (int n = 1; n <= e->order; n++) {
        TRY(read_section(e, n));
    }
    REFUSE_UNLESS(line_is(e, "\\end\\"), e, "\\end\\ is wanted");
    while (more) {
        TRY(tkri_lines_next(&e->lines, &more));
        e->warnings |= more && e->lines.n_fields ? TKR_WARNING_TEXT_BEHIND : 0;
    }
    return TKR_OK;
}
