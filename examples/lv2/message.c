/* SPDX-License-Identifier: MIT
 *
 * The atom ports: patch:Set says which model is wanted, patch:Get asks which one there is; the
 * answer is a patch:Set of ours.
 */
#include <lv2/atom/util.h>
#include <lv2/patch/patch.h>
#include <string.h>

#include "rnn.h"

/* Is it a path that names something, NUL-terminated, and not too long for us? */
static bool is_path(const rnn *self, const LV2_Atom *value) {
    const char *text = LV2_ATOM_BODY_CONST(value);
    return value->type == self->urids.atom_path && value->size >= 2 && value->size <= RNN_PATH &&
           text[0] != '\0' && memchr(text, '\0', value->size) != NULL;
}

/* Is there no such URID, or is it `wanted`? */
static bool may_be(const rnn *self, const LV2_Atom *atom, LV2_URID wanted) {
    return atom == NULL || (atom->type == self->urids.atom_urid && atom->size == sizeof(LV2_URID) &&
                            ((const LV2_Atom_URID *)atom)->body == wanted);
}

static void read_object(rnn *self, const LV2_Atom_Object *object) {
    const LV2_Atom *subject = NULL, *property = NULL, *value = NULL;
    lv2_atom_object_get(object, self->urids.patch_subject, &subject, self->urids.patch_property,
                        &property, self->urids.patch_value, &value, 0);
    if (!may_be(self, subject, self->urids.plugin) || !may_be(self, property, self->urids.model)) {
        return;
    }
    if (object->body.otype == self->urids.patch_get) {
        self->has_news = true;
    } else if (object->body.otype == self->urids.patch_set && property != NULL && value != NULL &&
               is_path(self, value)) {
        strcpy(self->wish.path, LV2_ATOM_BODY_CONST(value));
        self->has_wish = true;
        self->request++;
    }
}

void rnn_messages_read(rnn *self) {
    if (self->ports.control == NULL || self->map == NULL) {
        return;
    }
    LV2_ATOM_SEQUENCE_FOREACH(self->ports.control, event) {
        const LV2_Atom *atom = &event->body;
        if (lv2_atom_forge_is_object_type(&self->forge, atom->type) &&
            atom->size >= sizeof(LV2_Atom_Object_Body)) {
            read_object(self, (const LV2_Atom_Object *)atom);
        }
    }
}

/* 0 if the port has no room for it. */
static bool tell_path(rnn *self, const char *path) {
    LV2_Atom_Forge *forge = &self->forge;
    LV2_Atom_Forge_Frame frame;
    uint32_t len = (uint32_t)strlen(path);
    lv2_atom_forge_frame_time(forge, 0);
    lv2_atom_forge_object(forge, &frame, 0, self->urids.patch_set);
    lv2_atom_forge_key(forge, self->urids.patch_property);
    lv2_atom_forge_urid(forge, self->urids.model);
    lv2_atom_forge_key(forge, self->urids.patch_value);
    bool fits = lv2_atom_forge_path(forge, path, len) != 0;
    lv2_atom_forge_pop(forge, &frame);
    return fits;
}

static void begin_sequence(rnn *self, uint32_t capacity, LV2_Atom_Forge_Frame *frame) {
    lv2_atom_forge_set_buffer(&self->forge, (uint8_t *)self->ports.notify, capacity);
    lv2_atom_forge_sequence_head(&self->forge, frame, 0);
}

void rnn_messages_write(rnn *self) {
    if (self->ports.notify == NULL || self->map == NULL) {
        return;
    }
    LV2_Atom_Forge_Frame frame;
    uint32_t capacity = self->ports.notify->atom.size;
    begin_sequence(self, capacity, &frame);
    if (self->has_news && self->model != NULL && !tell_path(self, self->model->path)) {
        lv2_atom_forge_pop(&self->forge, &frame);
        begin_sequence(self, capacity, &frame); /* half a message is none */
    }
    lv2_atom_forge_pop(&self->forge, &frame);
    self->has_news = false;
}
