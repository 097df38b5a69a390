#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Train a recurrent net from Python with nothing but the shared library: no extension, no numpy.

    python3 train.py --library build/lib/libtekrar.so

A GRU learns two sentences by heart, one character after the other, and then recites them. Every
handle is a pointer, every option a number, every array a ctypes array: what works here works from
any language that can call C.
"""
import argparse
import ctypes
import ctypes.util
import sys
import time

# Constants of <tekrar/tekrar.h>; their numbers are pinned.
TKR_GRU, TKR_LINEAR = 3, 4
TKR_TRAINING = 1
TKR_ADAM = 2
TKR_LEARNING_RATE, TKR_CLIP_NORM = 96, 103
TKR_CHARACTERS = 2
TKR_TEMPERATURE = 160

TEXTS = ["tekrar tekrar çalışan öğrenir. ", "what is learned by heart is kept. "]


class Tekrar:
    """The library, each call of which raises an exception where C would return a status."""

    def __init__(self, path):
        self.lib = ctypes.CDLL(path)
        self.lib.tkr_status_text.restype = ctypes.c_char_p
        self.lib.tkr_version_text.restype = ctypes.c_char_p
        self.lib.tkr_vocabulary_len.restype = ctypes.c_int64

    def call(self, name, *arguments):
        status = getattr(self.lib, name)(*arguments)
        if status != 0:
            raise RuntimeError(f"{name}: {self.lib.tkr_status_text(status).decode()}")

    def make(self, name, *arguments):
        """A handle, from a function whose first argument receives it."""
        handle = ctypes.c_void_p()
        self.call(name, ctypes.byref(handle), *arguments)
        return handle

    def destroy(self, kind, handle):
        destroy = getattr(self.lib, f"tkr_{kind}_destroy")
        destroy.restype = None
        destroy(handle)


def integer(value):
    return ctypes.c_int64(value)


def make_net(tekrar, symbols, hidden, seed):
    parts = (ctypes.c_void_p * 2)(
        tekrar.make("tkr_cell_create", TKR_GRU, integer(symbols), integer(hidden), None),
        tekrar.make("tkr_cell_create", TKR_LINEAR, integer(hidden), integer(symbols), None),
    )
    net = tekrar.make("tkr_cell_chain", parts, integer(2), None)
    tekrar.call("tkr_cell_init", net, ctypes.c_uint64(seed))
    return net


def encode(tekrar, vocabulary, text):
    data, n = text.encode(), ctypes.c_int64()
    ids = (ctypes.c_int32 * len(data))()
    tekrar.call("tkr_vocabulary_encode", vocabulary, ids, integer(len(ids)), ctypes.byref(n), data,
                ctypes.c_uint64(len(data)), -1)
    return list(ids[:n.value])


def make_batch(tekrar, vocabulary):
    """Inputs and targets, [steps][batch], and the lengths: the texts need not be equally long."""
    rows = [encode(tekrar, vocabulary, text) for text in TEXTS]
    steps, batch = max(len(row) for row in rows), len(rows)
    inputs, targets = (ctypes.c_int32 * (steps * batch))(), (ctypes.c_int32 * (steps * batch))()
    for b, row in enumerate(rows):
        for t, symbol in enumerate(row):
            inputs[t * batch + b] = symbol
            targets[t * batch + b] = row[(t + 1) % len(row)]
    return inputs, targets, (ctypes.c_int32 * batch)(*(len(row) for row in rows)), steps, batch


def train(tekrar, net, vocabulary, iterations):
    inputs, targets, lengths, steps, batch = make_batch(tekrar, vocabulary)
    sequence = tekrar.make("tkr_sequence_create", net, integer(steps), integer(batch), TKR_TRAINING,
                           None)
    adam = tekrar.make("tkr_optimizer_create", TKR_ADAM, net, None)
    tekrar.call("tkr_optimizer_set_float", adam, TKR_LEARNING_RATE, ctypes.c_double(0.01))
    tekrar.call("tkr_optimizer_set_float", adam, TKR_CLIP_NORM, ctypes.c_double(1.0))
    loss, start = ctypes.c_double(), time.monotonic()
    for i in range(iterations):
        tekrar.call("tkr_sequence_forward_ids", sequence, inputs, lengths, integer(steps),
                    integer(batch))
        tekrar.call("tkr_sequence_loss_ids", sequence, ctypes.byref(loss), targets, None)
        tekrar.call("tkr_sequence_backward", sequence, None, None)
        tekrar.call("tkr_optimizer_step", adam, sequence)
        if i % (iterations // 5 or 1) == 0:
            print(f"iteration {i:4d}  loss {loss.value:.4f} nats per character")
    print(f"iteration {iterations:4d}  loss {loss.value:.4f}, "
          f"{time.monotonic() - start:.2f} seconds")
    tekrar.destroy("optimizer", adam)
    tekrar.destroy("sequence", sequence)
    return loss.value


def recite(tekrar, net, vocabulary, symbols, prime, length):
    state = tekrar.make("tkr_state_create", net, integer(1), None)
    sampler = tekrar.make("tkr_sampler_create", integer(symbols), ctypes.c_uint64(1), None)
    tekrar.call("tkr_sampler_set_float", sampler, TKR_TEMPERATURE, ctypes.c_double(0.0))
    scores, drawn = (ctypes.c_float * symbols)(), ctypes.c_int32()
    letter, n = ctypes.create_string_buffer(4), ctypes.c_uint64()
    said = prime.encode()
    for symbol in encode(tekrar, vocabulary, prime):
        tekrar.call("tkr_cell_step_ids", net, state, scores, ctypes.byref(ctypes.c_int32(symbol)))
    for _ in range(length):
        tekrar.call("tkr_sampler_draw", sampler, ctypes.byref(drawn), scores, integer(symbols))
        tekrar.call("tkr_vocabulary_decode", vocabulary, drawn, letter, ctypes.byref(n))
        said += letter.raw[:n.value]
        tekrar.call("tkr_cell_step_ids", net, state, scores, ctypes.byref(drawn))
    tekrar.destroy("sampler", sampler)
    tekrar.destroy("state", state)
    return said.decode()


def main():
    parser = argparse.ArgumentParser(description="Train a GRU through ctypes.")
    parser.add_argument("--library", default=ctypes.util.find_library("tekrar") or "libtekrar.so",
                        help="path of libtekrar.so (default: %(default)s)")
    parser.add_argument("--hidden", type=int, default=64, help="units (default: %(default)s)")
    parser.add_argument("--iterations", type=int, default=300, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    options = parser.parse_args()

    tekrar = Tekrar(options.library)
    print("tekrar", tekrar.lib.tkr_version_text().decode())
    alphabet = "".join(TEXTS).encode()
    vocabulary = tekrar.make("tkr_vocabulary_create", TKR_CHARACTERS, alphabet,
                             ctypes.c_uint64(len(alphabet)), None)
    symbols = tekrar.lib.tkr_vocabulary_len(vocabulary)
    net = make_net(tekrar, symbols, options.hidden, options.seed)
    loss = train(tekrar, net, vocabulary, options.iterations)
    right = True
    for text in TEXTS:
        said = recite(tekrar, net, vocabulary, symbols, text[:3], len(text) - 3)
        right = right and said == text
        print("  ", said)
    tekrar.destroy("cell", net)
    tekrar.destroy("vocabulary", vocabulary)
    print(f"\npython: loss={loss:.4f} recited={'yes' if right else 'no'}")


if __name__ == "__main__":
    try:
        main()
    except (OSError, RuntimeError) as error:
        sys.exit(f"train.py: {error}")
