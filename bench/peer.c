/* SPDX-License-Identifier: MIT */
#include "peer.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tekrar/tekrar.h>

enum { ANSWER_MAX = 1 << 17, PATIENCE_MS = 180000 };

/* The other process. */
typedef struct peer {
    const peer_command *command;
    pid_t pid; /* 0: it is not running */
    FILE *to;
    int from;
    char file[64]; /* the dataset's, removed at finish */
    char answer[ANSWER_MAX];
} peer;

/* ---- the process ----------------------------------------------------------------------------- */

/* In the child: become the peer. BLAS and OpenMP threads are the peer's own affair. */
static void become(const peer_command *command, const int *in, const int *out) {
    char path[1024];
    const char *before = getenv("LD_LIBRARY_PATH");
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    close(in[0]), close(in[1]), close(out[0]), close(out[1]);
    unsetenv("OPENBLAS_NUM_THREADS");
    if (command->library_dir && !access(command->library_dir, R_OK)) {
        snprintf(path, sizeof path, "%s%s%s", command->library_dir, before ? ":" : "",
                 before ? before : "");
        setenv("LD_LIBRARY_PATH", path, 1);
    }
    execlp(command->program, command->program, command->argument, (char *)NULL);
    _exit(127);
}

static int start(peer *p) {
    int in[2], out[2];
    if (pipe(in)) {
        return -1;
    }
    if (pipe(out)) {
        close(in[0]), close(in[1]);
        return -1;
    }
    fflush(NULL);
    p->pid = fork();
    if (p->pid == 0) {
        become(p->command, in, out);
    }
    close(in[0]), close(out[1]);
    p->from = out[0];
    fcntl(in[1], F_SETFD, FD_CLOEXEC); /* or the next peer would keep this one's pipe open */
    fcntl(out[0], F_SETFD, FD_CLOEXEC);
    p->to = fdopen(in[1], "w");
    return p->pid > 0 && p->to ? 0 : -1;
}

/* Read one line into p->answer. 0, or -1 on the end, on silence or on too long a line. */
static int listen_to(peer *p) {
    size_t used = 0;
    while (used + 1 < sizeof p->answer) {
        struct pollfd wait = {p->from, POLLIN, 0};
        ssize_t got = poll(&wait, 1, PATIENCE_MS) > 0
                          ? read(p->from, p->answer + used, sizeof p->answer - used - 1)
                          : -1;
        if (got <= 0) {
            return -1;
        }
        used += (size_t)got;
        if (p->answer[used - 1] == '\n') {
            p->answer[used - 1] = 0;
            return 0;
        }
    }
    return -1;
}

/* End the other process. */
static void stop(peer *p, int how) {
    if (p->to) {
        fclose(p->to);
        close(p->from);
        p->to = NULL;
    }
    if (p->pid > 0) {
        if (how) {
            kill(p->pid, how);
        }
        waitpid(p->pid, NULL, 0);
        p->pid = 0;
    }
}

/* Send what is in p->to and hear the answer: the text after "ok", or NULL with c->detail. */
static const char *ask(contender *c) {
    peer *p = c->self;
    if (!p->to || fflush(p->to) || listen_to(p)) {
        snprintf(c->detail, sizeof c->detail, "it does not answer");
        stop(p, SIGKILL); /* or a late answer would be taken for the next one */
        return NULL;
    }
    if (strncmp(p->answer, "ok", 2)) {
        snprintf(c->detail, sizeof c->detail, "%.190s", p->answer);
        return NULL;
    }
    return p->answer + 2 + (p->answer[2] == ' ');
}

/* Start it, if it does not run, and hear who it is. */
static int greet(contender *c) {
    peer *p = c->self;
    const char *answer = NULL;
    if (p->pid > 0) {
        return 0;
    }
    if (!start(p)) {
        fprintf(p->to, "hello\n");
        answer = ask(c);
    }
    if (answer) {
        snprintf(c->about, sizeof c->about, "%.159s", answer);
    }
    return answer ? 0 : -1;
}

/* ---- the contender --------------------------------------------------------------------------- */

/* Hand the numbers over in a temporary file. */
static int write_file(peer *p, const dataset *d) {
    FILE *file;
    int fd, failed;
    snprintf(p->file, sizeof p->file, "/tmp/tekrar-bench-XXXXXX");
    fd = mkstemp(p->file);
    file = fd < 0 ? NULL : fdopen(fd, "wb");
    if (!file) {
        p->file[0] = 0;
        return -1;
    }
    failed = dataset_write(d, file);
    return fclose(file) || failed ? -1 : 0;
}

static void remove_file(peer *p) {
    if (p->file[0]) {
        unlink(p->file);
        p->file[0] = 0;
    }
}

static void send_setup(const peer *p, const workload *w, int threads) {
    static const char *const tasks[] = {"", "train", "layer", "stream"};
    static const char *const losses[] = {"none", "cross_entropy", "squared"};
    fprintf(p->to, "setup %s %s %s %s %d", tasks[w->task], workload_kind(w),
            w->activation == TKR_RELU ? "relu" : "tanh", losses[w->loss], (int)w->ids);
    fprintf(p->to, " %" PRId64 " %" PRId64 " %" PRId64, w->steps, w->batch, w->input);
    fprintf(p->to, " %" PRId64 " %" PRId64 " %" PRId64, w->hidden, w->layers, w->output);
    fprintf(p->to, " %d %s\n", threads, p->file);
}

static int peer_setup(contender *c, const workload *w, const dataset *d, int threads) {
    peer *p = c->self;
    const char *answer;
    c->detail[0] = 0;
    if (w->precision || w->mode) { /* peers are asked for float32 and the ordinary way only */
        return SETUP_UNSUPPORTED;
    }
    if (greet(c)) {
        return SETUP_FAILED;
    }
    if (write_file(p, d)) {
        snprintf(c->detail, sizeof c->detail, "cannot write a temporary file");
        remove_file(p);
        return SETUP_FAILED;
    }
    send_setup(p, w, threads);
    answer = ask(c);
    remove_file(p);
    if (answer) {
        return SETUP_OK;
    }
    return strncmp(c->detail, "unsupported", 11) ? SETUP_FAILED : SETUP_UNSUPPORTED;
}

static int64_t peer_run(contender *c, int64_t n, double *ns, double *check) {
    peer *p = c->self;
    const char *answer;
    char *end;
    int64_t got = 0;
    fprintf(p->to, "run %" PRId64 "\n", n);
    answer = ask(c);
    if (!answer) {
        return -1;
    }
    for (int k = 0; k < CHECKS; k++, answer = end) {
        check[k] = strtod(answer, &end);
    }
    for (; got < n; got++, answer = end) {
        ns[got] = strtod(answer, &end);
        if (end == answer) {
            break;
        }
    }
    return got;
}

static void peer_finish(contender *c) {
    peer *p = c->self;
    if (p->to) {
        fprintf(p->to, "finish\n");
        ask(c);
    }
}

int peer_create(contender *c, const peer_command *command) {
    peer *p = calloc(1, sizeof *p);
    memset(c, 0, sizeof *c);
    c->name = command->name;
    c->self = p;
    c->setup = peer_setup;
    c->run = peer_run;
    c->finish = peer_finish;
    signal(SIGPIPE, SIG_IGN); /* a peer that dies is an answer that does not come */
    if (p) {
        p->command = command;
    }
    if (!p || greet(c)) {
        peer_destroy(c);
        return -1;
    }
    return 0;
}

void peer_destroy(contender *c) {
    peer *p = c->self;
    if (p) {
        stop(p, 0);
    }
    free(p);
    c->self = NULL;
}
