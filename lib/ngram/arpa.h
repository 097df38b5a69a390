/* SPDX-License-Identifier: MIT
 * The ARPA format of back-off models: text, logarithms to the base 10, one n-gram a line. Names are
 * separated by white space; a byte of a name that would separate, or be invisible, is written as
 * <0x20>. The mark of a beginning is <s>. */
#ifndef TKRI_NGRAM_ARPA_H
#define TKRI_NGRAM_ARPA_H

#include "ngram/ngram.h"

/* Write a model that backs off; its names, or without them its ids as numbers, are the words. */
int32_t tkri_arpa_write(const tkr_ngram *ngram, const tkr_writer *writer, tkri_detail *detail);

/* Make an n-gram from untrusted text; errors name the line. */
int32_t tkri_arpa_read(tkr_ngram **ngram, const tkr_reader *reader, const tkri_env *env,
                       tkri_detail *detail);

/* The name that a word of a file stands for, into out [len], which may be `word`; returns its
 * length. */
uint64_t tkri_arpa_unescape(char *out, const char *word, uint64_t len);

#endif
