/* SPDX-License-Identifier: MIT
 * What a file that is no ARPA text is, by its first bytes. */
#ifndef TKRI_NGRAM_FOREIGN_H
#define TKRI_NGRAM_FOREIGN_H

#include <stdint.h>

enum { TKRI_FOREIGN_BYTES = 64 }; /* that are enough to tell */

/* "compressed by gzip", "a binary model of KenLM" ...; NULL if nothing is known of such bytes. */
const char *tkri_foreign(const char *bytes, uint64_t len);

#endif
