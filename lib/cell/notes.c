/* SPDX-License-Identifier: MIT
 * Notes: short texts of the caller's that travel with a cell. */
#include <string.h>

#include "cell/cell.h"
#include "core/utf8.h"

enum { MAX_KEY = 64, MAX_TEXT = 1 << 20 };

static int is_utf8(const char *text) {
    return tkri_utf8_check(text, strlen(text)) == strlen(text);
}

/* The link that points at the note of this key, or at the list's end. */
static tkri_note **find(tkri_note **link, const char *key) {
    while (*link && strcmp((*link)->key, key) != 0) {
        link = &(*link)->next;
    }
    return link;
}

static void unlink_note(tkr_cell *cell, tkri_note **link) {
    tkri_note *note = *link;
    if (note) {
        *link = note->next;
        tkri_release(&cell->env, note, note->bytes);
    }
}

/* The note, its key and its text in one block. */
static tkri_note *new_note(const tkr_cell *cell, const char *key, const char *text) {
    const size_t key_len = strlen(key) + 1, text_len = strlen(text) + 1;
    const uint64_t bytes = sizeof(tkri_note) + key_len + text_len;
    tkri_note *note = tkri_allocate(&cell->env, bytes);
    if (note) {
        char *room = (char *)(note + 1);
        memcpy(room, key, key_len);
        memcpy(room + key_len, text, text_len);
        note->bytes = bytes;
        note->key = room;
        note->text = room + key_len;
    }
    return note;
}

int32_t tkri_note_set(tkr_cell *cell, const char *key, const char *text) {
    tkri_note *note = NULL;
    REQUIRE(key && *key && strlen(key) <= MAX_KEY && is_utf8(key), &cell->detail, TKR_ERR_ARGUMENT,
            "a note's key is 1 to 64 bytes of UTF-8");
    REQUIRE(strncmp(key, "tekrar.", 7) != 0, &cell->detail, TKR_ERR_ARGUMENT,
            "the note's key '%s' begins with 'tekrar.', which is the library's own", key);
    REQUIRE(!text || (strlen(text) <= MAX_TEXT && is_utf8(text)), &cell->detail, TKR_ERR_ARGUMENT,
            "the text of note '%s' is not UTF-8 of at most 1 MiB", key);
    if (text) {
        note = new_note(cell, key, text);
        REQUIRE(note, &cell->detail, TKR_ERR_MEMORY, "no memory for the note '%s'", key);
    }
    unlink_note(cell, find(&cell->notes, key));
    if (note) {
        *find(&cell->notes, key) = note;
    }
    return TKR_OK;
}

const char *tkri_note_get(const tkr_cell *cell, const char *key) {
    for (const tkri_note *note = cell->notes; note; note = note->next) {
        if (strcmp(note->key, key) == 0) {
            return note->text;
        }
    }
    return NULL;
}

void tkri_notes_free(tkr_cell *cell) {
    while (cell->notes) {
        unlink_note(cell, &cell->notes);
    }
}
