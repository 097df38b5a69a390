/* SPDX-License-Identifier: MIT
 *
 * ngram: Markov models of text, the rivals that every network has to beat.
 *
 *   ngram --train FILE --fallback               modified Kneser-Ney of order 5 on characters
 *   ngram --train FILE --words --sentences      of words, each line a sentence
 *   ngram --train FILE --table                  all smoothings of orders 2 to 8
 *   ngram --train FILE --page --sample 500      the founding page's generator
 *   ngram --arpa-in MODEL.arpa --valid FILE     ask somebody else's model
 *   ngram --arpa-in MODEL.arpa --valid FILE --query      the same, word by word
 */
#include "ngram.h"

#include <stdlib.h>
#include <string.h>

static const char about[] =
    "An n-gram model of a text: counts, smooths, scores the last tenth of it (or --valid), "
    "writes.\n"
    "Reads and writes ARPA files.\n";

/* What only counting reads; what a table of many models does not. */
static const char *const of_counting[] = {"table",    "page",   "order", "smoothing",
                                          "fallback", "addend", "prune", "chars",
                                          "words",    "bytes",  NULL};
static const char *const of_one_model[] = {"page",   "smoothing", "arpa-out", "binary",
                                           "sample", "prime",     "query",    NULL};

static const char *const of_sampling[] = {"prime", "temperature", "seed", NULL};

/* Refuse an option that would be ignored. */
static void refuse_ignored(const ex_option *options, const char *const *ignored, const char *why) {
    for (; *ignored != NULL; ignored++) {
        if (ex_given(options, *ignored)) {
            ex_die("--%s %s", *ignored, why);
        }
    }
}

/* What is written at the end is tried before anything is counted. */
static void check_outputs(const ngram_options *set, int from_binary) {
    const char *const read[] = {set->train, set->valid, set->arpa_in};
    const char *const written[] = {set->arpa_out, from_binary ? NULL : set->binary};
    for (int i = 0; i < 2; i++) {
        ex_keep_apart(written[i], read, 3);
        if (written[i] != NULL) {
            ex_try_output(written[i]);
        }
    }
}

static void check_together(ngram_options *set, const ex_option *options) {
    int sources = (set->train != NULL) + (set->arpa_in != NULL);
    int from_binary = sources == 0 && set->binary != NULL;
    if (sources != 1 && !from_binary) {
        ex_die("one of --train, --arpa-in, or --binary with a model in it, is wanted");
    }
    if (set->words + set->characters + set->bytes > 1) {
        ex_die("only one of --words, --chars and --bytes");
    }
    if (set->train == NULL) {
        refuse_ignored(options, of_counting, "needs the --train text");
    }
    if (set->table) {
        refuse_ignored(options, of_one_model, "is of no use to --table");
    }
    if (set->sample == 0) {
        refuse_ignored(options, of_sampling, "needs --sample N");
    }
    if (ex_given(options, "addend") && !set->table && set->smoothing != TKR_ADD_K - 1) {
        ex_die("--addend is of --smoothing addk alone");
    }
    if (set->query && set->valid == NULL && (set->train == NULL || set->page)) {
        ex_die("--query needs a text to ask about: --valid FILE");
    }
    if (set->query && set->train != NULL && !set->words) {
        ex_die("--query asks for words: --words");
    }
    set->characters = !set->words && !set->bytes;
    check_outputs(set, from_binary);
    if (set->page && !ex_given(options, "smoothing")) {
        set->smoothing = TKR_MAXIMUM_LIKELIHOOD - 1;
    }
    if (set->table && !ex_given(options, "order")) {
        set->order = 8;
    }
}

static void read_options(ngram_options *set, int argc, char **argv) {
    ex_option options[] = {
        {"train", EX_FILE, &set->train, 0, 0, "the text to count", 0},
        {"valid", EX_FILE, &set->valid, 0, 0, "held-out text, else the last tenth of --train", 0},
        {"order", EX_INT, &set->order, 1, 16, "symbols of an n-gram: the context's and one", 0},
        {"smoothing", EX_CHOICE, &set->smoothing, 0, 0,
         "mle|addk|wb|katz|ad|kn|mkn: maximum likelihood, add-k, Witten-Bell, Katz, absolute "
         "discounting, Kneser-Ney, modified Kneser-Ney",
         0},
        {"fallback", EX_FLAG, &set->fallback, 0, 0,
         "take 0.5, 1, 1.5 where an order has no discounts of its own", 0},
        {"addend", EX_REAL, &set->addend, 1e-9, 1e9, "k of add-k", 0},
        {"prune", EX_INT, &set->prune, 0, 1e9, "drop n-grams from 3 on seen at most so often", 0},
        {"chars", EX_FLAG, &set->characters, 0, 0, "symbols are UTF-8 characters (the default)", 0},
        {"words", EX_FLAG, &set->words, 0, 0, "symbols are words", 0},
        {"reserved", EX_FLAG, &set->reserved, 0, 0,
         "take <s>, </s> and <unk> in a text for words; else they are refused", 0},
        {"bytes", EX_FLAG, &set->bytes, 0, 0, "symbols are bytes", 0},
        {"sentences", EX_FLAG, &set->sentences, 0, 0,
         "each line begins anew; it always does where a model has </s>", 0},
        {"query", EX_FLAG, &set->query, 0, 0,
         "each held-out word on its own: word=number, length of the n-gram, log10 p", 0},
        {"table", EX_FLAG, &set->table, 0, 0, "all smoothings, orders 2 to --order (8)", 0},
        {"page", EX_FLAG, &set->page, 0, 0,
         "as the founding page of the README: all of the text, behind ~~~~", 0},
        {"arpa-in", EX_FILE, &set->arpa_in, 0, 0, "read a model instead of counting one", 0},
        {"arpa-out", EX_FILE, &set->arpa_out, 0, 0, "write the model as text", 0},
        {"binary", EX_FILE, &set->binary, 0, 0,
         "keep the compact model here; with no other source, map it", 0},
        {"sample", EX_INT, &set->sample, 0, 1e9, "symbols to write at the end", 0},
        {"prime", EX_TEXT, &set->prime, 0, 0, "text that comes before the sample", 0},
        {"temperature", EX_REAL, &set->temperature, 0, 100, "of sampling; 0: the likeliest", 0},
        {"seed", EX_INT, &set->seed, 0, 1e9, "of sampling", 0},
        {0},
    };
    ex_options(about, options, argc, argv);
    check_together(set, options);
}

/* ---- the model ---------------------------------------------------------------------------------
 */

/* Where remarks go: nowhere between the answers of --query. */
static FILE *remarks(const ngram_options *set) {
    return set->query ? stderr : stdout;
}

/* Somebody else's model, or ours of another day, with its vocabulary. */
static tkr_ngram *read_model(const ngram_options *set, ngram_texts *texts) {
    tkr_ngram *ngram;
    tkr_vocabulary *vocabulary;
    tkr_env *env = ex_env(1);
    if (set->arpa_in != NULL) {
        ngram = ngram_load_arpa(set->arpa_in, remarks(set));
    } else {
        ex_try(env, tkr_ngram_map(&ngram, set->binary, env));
    }
    ex_try(env, tkr_ngram_get_vocabulary(&vocabulary, ngram, env));
    ngram_read(texts, set, vocabulary);
    return ngram;
}

static tkr_ngram *make_model(const ngram_options *set, ngram_texts *texts) {
    ngram_read(texts, set, NULL);
    double start = ex_now();
    tkr_ngram *ngram = ngram_count(texts, set, set->order);
    ngram_estimate(ngram, set, (int32_t)set->smoothing + 1);
    fprintf(remarks(set), "%lld symbols of text, %lld different; counted and estimated in %.3f s\n",
            (long long)texts->train_len, (long long)texts->symbols, ex_now() - start);
    return ngram;
}

/* The form to ask: smaller, and of one kind wherever the model comes from. */
static tkr_ngram *make_compact(tkr_ngram *ngram, FILE *out) {
    tkr_ngram *compact;
    int32_t order;
    int64_t all = 0;
    uint64_t bytes = 0;
    ex_try(ex_env(1), tkr_ngram_compact(&compact, ngram, ex_env(1)));
    ex_try(compact, tkr_ngram_shape(compact, &order, NULL, NULL));
    fprintf(out, "n-grams:");
    for (int32_t n = 1; n <= order; n++) {
        int64_t len;
        ex_try(compact, tkr_ngram_len(compact, n, &len, &bytes));
        fprintf(out, " %lld", (long long)len);
        all += len;
    }
    fprintf(out, "; %.2f bytes each\n", (double)bytes / (double)all);
    return compact;
}

static void print_score(const tkr_ngram *ngram, const ngram_texts *texts) {
    tkr_score score = ngram_score(ngram, texts);
    printf("held out: %lld symbols", (long long)score.symbols);
    if (score.impossible > 0) {
        printf(", %lld of them (%.2f %%) impossible", (long long)score.impossible,
               100 * (double)score.impossible / (double)score.symbols);
    }
    printf("\n%10.4f nats per symbol, %.4f bits, perplexity %.4g\n", score.nats_per_symbol,
           score.bits_per_symbol, score.perplexity);
    if (score.unknown > 0) {
        printf("%10.4f nats, %.4f bits, perplexity %.4g without the unknown: %lld\n",
               score.known_nats_per_symbol, score.known_bits_per_symbol, score.known_perplexity,
               (long long)score.unknown);
    }
}

/* ---- writing -----------------------------------------------------------------------------------
 */

static void print_symbol(const ngram_texts *texts, int32_t id) {
    char text[256];
    uint64_t len = 0;
    if (id == texts->symbols) {
        putchar('~');
        return;
    }
    ex_try(ex_env(1), tkr_vocabulary_spell(texts->vocabulary, id, text, sizeof text, &len));
    if (id == texts->end) {
        putchar('\n');
        return;
    }
    fwrite(text, 1, len < sizeof text ? len : sizeof text, stdout);
    if (texts->unknown >= 0) {
        putchar(' '); /* behind a word */
    }
}

/* A state behind the beginning (the page's: behind order - 1 times "~") and the prime. */
static void start(const tkr_ngram *ngram, const ngram_texts *texts, const ngram_options *set,
                  tkr_ngram_state *state) {
    int32_t context[16];
    int64_t n = set->page ? set->order - 1 : 1;
    for (int64_t i = 0; i < n; i++) {
        context[i] = set->page ? (int32_t)texts->symbols : TKR_BEGIN;
    }
    ex_try(ngram, tkr_ngram_start(ngram, state, context, n));
    if (set->prime[0] == '\0') {
        return;
    }
    int32_t *ids = ngram_ids(texts, "--prime", set->prime, strlen(set->prime), &n);
    for (int64_t i = 0; i < n; i++) {
        ex_try(ngram, tkr_ngram_step(ngram, state, NULL, ids[i]));
        print_symbol(texts, ids[i]);
    }
    free(ids);
}

static void sample(const tkr_ngram *ngram, const ngram_texts *texts, const ngram_options *set) {
    tkr_sampler *sampler;
    tkr_ngram_state state;
    int64_t symbols = 0;
    tkr_env *env = ex_env(1);
    ex_try(ngram, tkr_ngram_shape(ngram, NULL, &symbols, NULL));
    float *logprobs = ex_alloc(symbols, sizeof *logprobs);
    ex_try(env, tkr_sampler_create(&sampler, symbols, (uint64_t)set->seed, env));
    ex_try(sampler, tkr_sampler_set_float(sampler, TKR_TEMPERATURE, set->temperature));
    printf("\n");
    start(ngram, texts, set, &state);
    for (int64_t i = 0; i < set->sample; i++) {
        int32_t id = 0;
        ex_try(ngram, tkr_ngram_next(ngram, &state, logprobs));
        ex_try(sampler, tkr_sampler_draw(sampler, &id, logprobs, symbols));
        print_symbol(texts, id);
        ex_try(ngram, tkr_ngram_step(ngram, &state, NULL, id));
        if (id == texts->end) {
            const int32_t begin = TKR_BEGIN;
            ex_try(ngram, tkr_ngram_start(ngram, &state, &begin, 1));
        }
    }
    printf("\n");
    tkr_sampler_destroy(sampler);
    free(logprobs);
}

/* ---- all together ------------------------------------------------------------------------------
 */

static void use_model(tkr_ngram *ngram, const ngram_texts *texts, const ngram_options *set) {
    tkr_ngram *compact = make_compact(ngram, remarks(set));
    if (set->query) {
        ngram_query(compact, texts);
    } else if (texts->valid_len > 0) {
        print_score(compact, texts);
    }
    if (set->arpa_out != NULL) {
        ex_try(ngram, tkr_ngram_save_arpa(ngram, set->arpa_out));
    }
    if (set->binary != NULL && (set->train != NULL || set->arpa_in != NULL)) {
        ex_try(compact, tkr_ngram_save(compact, set->binary));
    }
    if (set->sample > 0) {
        sample(compact, texts, set);
    }
    tkr_ngram_destroy(compact);
}

int main(int argc, char **argv) {
    ngram_options set = {
        .order = 5, .smoothing = 6, .addend = 0.01, .temperature = 1, .seed = 1, .prime = ""};
    ngram_texts texts = {.unknown = -1, .end = -1};
    read_options(&set, argc, argv);
    if (set.table) {
        ngram_read(&texts, &set, NULL);
        ngram_table(&texts, &set);
    } else {
        tkr_ngram *ngram = set.train != NULL ? make_model(&set, &texts) : read_model(&set, &texts);
        use_model(ngram, &texts, &set);
        tkr_ngram_destroy(ngram);
    }
    ngram_free(&texts);
    return ex_done();
}
