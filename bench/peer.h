/* SPDX-License-Identifier: MIT
 * A peer as a contender: a program of its own that answers on a pipe.
 *
 *   it is asked                                              it answers one line
 *   hello                                                    ok <what it is, versions, BLAS>
 *   setup <task> <kind> <activation> <loss> <ids> <T> <B> <I> <H> <layers> <O> <threads> <file>
 *                                                            ok | unsupported <why> | error <why>
 *   run <n>                                                  ok <check> <check> <ns> <ns> ...
 *   finish                                                   ok
 *   (end of file)                                            it exits
 *
 * <task> is train, layer or stream; <kind> rnn, lstm or gru; <activation> tanh or relu; <loss>
 * cross_entropy, squared or none; <file> holds the words of a dataset. As contender.run says, a
 * stream answers with one mean time for all n steps.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include "contender.h"

/* How to start a peer. */
typedef struct peer_command {
    const char *name;        /* "PyTorch" */
    const char *program;     /* looked up in PATH if it has no slash */
    const char *argument;    /* or NULL */
    const char *library_dir; /* put before LD_LIBRARY_PATH, or NULL */
} peer_command;

/* Start it and say hello; `command` must outlive it. 0, or -1: c->detail says why it is not there.
 * A peer that falls silent is ended, and started again at the next setup. */
int peer_create(contender *c, const peer_command *command);
void peer_destroy(contender *c);

#endif
