/* SPDX-License-Identifier: MIT
 * Metadata: short texts of the caller's that travel with a cell. */
#include <string.h>

#include "cell/cell.h"
#include "core/utf8.h"

enum { MAX_KEY = 64, MAX_TEXT = 1 << 20 };

static int is_utf8(const char *text) {
    return tkri_utf8_check(text, strlen(text)) == strlen(text);
}

/* The link that points at the line of this key, or at the list's end. */
static tkri_metadata **find(tkri_metadata **link, const char *key) {
    while (*link && strcmp((*link)->key, key) != 0) {
        link = &(*link)->next;
    }
    return link;
}

static void unlink_line(tkr_cell *cell, tkri_metadata **link) {
    tkri_metadata *line = *link;
    if (line) {
        *link = line->next;
        tkri_release(&cell->env, line, line->bytes);
    }
}

/* The line, its key and its text in one block. */
static tkri_metadata *new_line(const tkr_cell *cell, const char *key, const char *text) {
    const size_t key_len = strlen(key) + 1, text_len = strlen(text) + 1;
    const uint64_t bytes = sizeof(tkri_metadata) + key_len + text_len;
    tkri_metadata *line = tkri_allocate(&cell->env, bytes);
    if (line) {
        char *room = (char *)(line + 1);
        memcpy(room, key, key_len);
        memcpy(room + key_len, text, text_len);
        line->bytes = bytes;
        line->key = room;
        line->text = room + key_len;
    }
    return line;
}

int32_t tkri_metadata_set(tkr_cell *cell, const char *key, const char *text) {
    tkri_metadata *line = NULL;
    REQUIRE(key && *key && strlen(key) <= MAX_KEY && is_utf8(key), &cell->detail, TKR_ERR_ARGUMENT,
            "a key of metadata is 1 to 64 bytes of UTF-8");
    REQUIRE(strncmp(key, "tekrar.", 7) != 0, &cell->detail, TKR_ERR_ARGUMENT,
            "the metadata key '%s' begins with 'tekrar.', which is the library's own", key);
    REQUIRE(!text || (strlen(text) <= MAX_TEXT && is_utf8(text)), &cell->detail, TKR_ERR_ARGUMENT,
            "the metadata '%s' is not UTF-8 of at most 1 MiB", key);
    if (text) {
        line = new_line(cell, key, text);
        REQUIRE(line, &cell->detail, TKR_ERR_MEMORY, "no memory for the metadata '%s'", key);
    }
    unlink_line(cell, find(&cell->metadata, key));
    if (line) {
        *find(&cell->metadata, key) = line;
    }
    return TKR_OK;
}

const char *tkri_metadata_get(const tkr_cell *cell, const char *key) {
    for (const tkri_metadata *line = cell->metadata; line; line = line->next) {
        if (strcmp(line->key, key) == 0) {
            return line->text;
        }
    }
    return NULL;
}

void tkri_metadata_free(tkr_cell *cell) {
    while (cell->metadata) {
        unlink_line(cell, &cell->metadata);
    }
}
