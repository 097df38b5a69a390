# SPDX-License-Identifier: MIT
"""A user of the shared library who has no C compiler: ctypes, integers, doubles and pointers only.

Trains an Elman net and a linear layer to tell the next symbol of a periodic sequence, and checks
statuses, detail texts and the version on the way. usage: python_user.py libtekrar.so
"""
import ctypes
import sys
from ctypes import byref, c_double, c_int32, c_int64, c_uint64, c_void_p

ELMAN, LINEAR, ADAM, TRAINING, LEARNING_RATE = 1, 4, 2, 1, 96
STEPS, BATCH, SYMBOLS = 12, 4, 5


def load(path):
    library = ctypes.CDLL(path)
    for name in ("tkr_status_text", "tkr_version_text", "tkr_cell_detail", "tkr_blas_text"):
        getattr(library, name).restype = ctypes.c_char_p
    library.tkr_cell_detail.argtypes = [c_void_p]
    return library


def check(library, status, expected=0):
    """Stop with the status' text unless it is the expected one."""
    if status != expected:
        sys.exit(f"status {status}: {library.tkr_status_text(status).decode()}")


def make_net(library):
    parts = (c_void_p * 2)()
    net = c_void_p()
    for i, (kind, width, hidden) in enumerate(((ELMAN, SYMBOLS, 8), (LINEAR, 8, SYMBOLS))):
        part = c_void_p()
        check(library, library.tkr_cell_create(byref(part), kind, c_int64(width), c_int64(hidden),
                                               None))
        parts[i] = part.value
    check(library, library.tkr_cell_chain(byref(net), parts, c_int64(2), None))
    check(library, library.tkr_cell_init(net, c_uint64(1)))
    return net


def train(library, net, rounds):
    """The losses of all rounds."""
    sequence, adam = c_void_p(), c_void_p()
    check(library, library.tkr_sequence_create(byref(sequence), net, c_int64(STEPS),
                                               c_int64(BATCH), TRAINING, None))
    check(library, library.tkr_optimizer_create(byref(adam), ADAM, net, None))
    check(library, library.tkr_optimizer_set_float(adam, LEARNING_RATE, c_double(0.02)))
    ids = (c_int32 * (STEPS * BATCH))(*[(t + b) % SYMBOLS for t in range(STEPS)
                                        for b in range(BATCH)])
    targets = (c_int32 * (STEPS * BATCH))(*[(i + 1) % SYMBOLS for i in ids])
    losses, loss = [], c_double()
    for _ in range(rounds):
        check(library, library.tkr_sequence_forward_ids(sequence, ids, None, c_int64(STEPS),
                                                        c_int64(BATCH)))
        check(library, library.tkr_sequence_loss_ids(sequence, byref(loss), targets, None))
        check(library, library.tkr_sequence_backward(sequence, None, None))
        check(library, library.tkr_optimizer_step(adam, sequence))
        losses.append(loss.value)
    library.tkr_optimizer_destroy(adam)
    library.tkr_sequence_destroy(sequence)
    return losses


def check_refusal(library, net):
    """A wrong key is a status with a text, not a crash."""
    check(library, library.tkr_cell_set_int(net, 9999, c_int64(1)), -3)
    if not library.tkr_cell_detail(net):
        sys.exit("a refused call left no text")


def main():
    library = load(sys.argv[1])
    for name in ("tkr_cell_destroy", "tkr_sequence_destroy", "tkr_optimizer_destroy"):
        getattr(library, name).restype = None
    net = make_net(library)
    losses = train(library, net, 100)
    check_refusal(library, net)
    library.tkr_cell_destroy(net)
    print(f"version {library.tkr_version_text().decode()}, loss {losses[0]:.3f} to {losses[-1]:.3f}")
    if not losses[-1] < 0.5 < losses[0] < 2.5:
        sys.exit("it did not learn")


if __name__ == "__main__":
    main()
