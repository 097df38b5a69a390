/* SPDX-License-Identifier: MIT
 * What the golden tests share: one file, how its notes are read, how its numbers go into twins. */
#ifndef TESTS_GOLDEN_GOLDEN_H
#define TESTS_GOLDEN_GOLDEN_H

#include "support/tensors.h"
#include "support/twin.h"

/* The oracle against the file's doubles. */
#define GOLDEN_EXACT 1e-10

/* A whole number, a real number or a text of the file's notes; without a note, the default. */
int64_t golden_whole(tensors_file *file, const char *key, int64_t standard);
double golden_real(tensors_file *file, const char *key, double standard);
const char *golden_text(tensors_file *file, const char *key, const char *standard);

/* TKR_ELMAN, TKR_LSTM or TKR_GRU from the note "cell"; fails the test at any other text. */
int32_t golden_kind(tensors_file *file);

/* A tensor that must be there and have `len` numbers. */
const double *golden_values(tensors_file *file, const char *name, int64_t len);

/* Fails the test if a tensor or a note of the file was not looked at. */
void golden_all_used(const tensors_file *file);

/* Run `test` once for each *.safetensors file of the folder, its path as state; the program's exit
 * status. 77 if there is no such folder; a folder without such files is a failure. */
int golden_run(const char *group, const char *folder, void (*test)(void **path));

/* The two kinds of files. */
void golden_check_cell(tensors_file *file);
void golden_check_training(tensors_file *file);

#endif
