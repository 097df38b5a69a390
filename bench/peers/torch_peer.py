#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""PyTorch as a peer of the bench: the ordinary program for each workload, asked over a pipe.

The protocol is told in bench/peer.h. What is timed is what a PyTorch user would write: nn.RNN,
nn.LSTM or nn.GRU, nn.Linear, and torch.optim.Adam; one-hot inputs are made once, outside the
timing; streaming is nn.LSTMCell or nn.GRUCell in inference mode.
"""
import sys
import time

import torch
from torch import nn
from torch.nn import functional

GATES = {"rnn": 1, "gru": 3, "lstm": 4}
LAYERS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
CELLS = {"gru": nn.GRUCell, "lstm": nn.LSTMCell}


class Words:
    """The dataset's file: 4-byte words, taken one array after the other."""

    def __init__(self, path):
        self.bytes = bytearray(open(path, "rb").read())
        self.at = 0

    def take(self, dtype, *shape):
        count = 1
        for size in shape:
            count *= size
        array = torch.frombuffer(self.bytes, dtype=dtype, count=count, offset=4 * self.at)
        self.at += count
        return array.reshape(shape).clone()


class Shape:
    """The words of a setup line."""

    def __init__(self, words):
        self.task, self.kind, self.activation, self.loss = words[:4]
        numbers = [int(word) for word in words[4:12]]
        self.ids, self.T, self.B, self.I, self.H, self.layers, self.O, self.threads = numbers
        self.path = words[12]


def load_layer(layer, words, shape, index, suffix):
    """Put one layer's four parameters in place."""
    rows = GATES[shape.kind] * shape.H
    width = shape.H if index else shape.I
    for name, size in (("weight_ih", (rows, width)), ("weight_hh", (rows, shape.H)),
                       ("bias_ih", (rows,)), ("bias_hh", (rows,))):
        getattr(layer, name + suffix).data = words.take(torch.float32, *size)


def make_layers(words, shape):
    options = {"nonlinearity": shape.activation} if shape.kind == "rnn" else {}
    layers = LAYERS[shape.kind](shape.I, shape.H, shape.layers, **options)
    for index in range(shape.layers):
        load_layer(layers, words, shape, index, "_l%d" % index)
    return layers


def make_input(words, shape):
    if shape.ids:
        ids = words.take(torch.int32, shape.T, shape.B).long()
        return functional.one_hot(ids, shape.I).float()
    return words.take(torch.float32, shape.T, shape.B, shape.I)


class Training:
    """Forward, loss, backward, Adam."""

    def __init__(self, words, shape):
        self.layers = make_layers(words, shape)
        self.head = nn.Linear(shape.H, shape.O)
        self.head.weight.data = words.take(torch.float32, shape.O, shape.H)
        self.head.bias.data = words.take(torch.float32, shape.O)
        self.input = make_input(words, shape)
        if shape.loss == "cross_entropy":
            self.loss = functional.cross_entropy
            self.target = words.take(torch.int32, shape.T, shape.B).long().flatten()
        else:
            self.loss = functional.mse_loss
            self.target = words.take(torch.float32, shape.T * shape.B, shape.O)
        parameters = list(self.layers.parameters()) + list(self.head.parameters())
        self.adam = torch.optim.Adam(parameters, lr=0.001)
        self.last = None

    def once(self):
        self.adam.zero_grad(set_to_none=True)
        output, _ = self.layers(self.input)
        loss = self.loss(self.head(output).flatten(0, 1), self.target)
        loss.backward()
        self.adam.step()
        self.last = loss

    def checks(self):
        return self.last.item(), 0.0


class Layer:
    """Forward and backward of one layer, with dL/dinput."""

    def __init__(self, words, shape):
        self.layers = make_layers(words, shape)
        self.input = make_input(words, shape).requires_grad_()
        self.gradient = words.take(torch.float32, shape.T, shape.B, shape.H)

    def once(self):
        self.layers.zero_grad(set_to_none=True)
        self.input.grad = None
        output, _ = self.layers(self.input)
        output.backward(self.gradient)

    def checks(self):
        return (self.input.grad.double().square().sum().item(),
                self.layers.weight_hh_l0.grad.double().square().sum().item())


class Stream:
    """One step per call, the state carried by the caller."""

    def __init__(self, words, shape):
        self.cell = CELLS[shape.kind](shape.I, shape.H)
        load_layer(self.cell, words, shape, 0, "")
        self.inputs = list(make_input(words, shape))
        zero = torch.zeros(1, shape.H)
        self.pair = shape.kind == "lstm"
        self.state = (zero, zero.clone()) if self.pair else zero
        self.at = 0

    def run(self, count):
        cell, inputs, state, at = self.cell, self.inputs, self.state, self.at
        with torch.inference_mode():
            start = time.perf_counter_ns()
            for step in range(at, at + count):
                state = cell(inputs[step % len(inputs)], state)
            took = time.perf_counter_ns() - start
        self.state, self.at = state, (at + count) % len(inputs)
        return [took / count]

    def checks(self):
        output = self.state[0] if self.pair else self.state
        return output.double().square().sum().item(), 0.0


def run(job, count):
    """Times in nanoseconds: one per iteration, or a stream's mean."""
    if isinstance(job, Stream):
        return job.run(count)
    times = []
    for _ in range(count):
        start = time.perf_counter_ns()
        job.once()
        times.append(time.perf_counter_ns() - start)
    return times


def loaded_blas():
    """The BLAS file that the dynamic linker chose."""
    paths = [line.split()[-1] for line in open("/proc/self/maps") if "blas" in line]
    names = sorted({"/".join(path.split("/")[-2:]) for path in paths}, key=len)
    return names[-1] if names else "no BLAS"


def set_up(words):
    shape = Shape(words)
    torch.set_num_threads(shape.threads)
    jobs = {"train": Training, "layer": Layer, "stream": Stream}
    return jobs[shape.task](Words(shape.path), shape)


def answer(job, line):
    """The job after this line, and what to say."""
    words = line.split()
    if words[0] == "hello":
        torch.mm(torch.ones(2, 2), torch.ones(2, 2))
        return job, "ok PyTorch %s, %s" % (torch.__version__, loaded_blas())
    if words[0] == "setup":
        return set_up(words[1:]), "ok"
    if words[0] == "run":
        times = run(job, int(words[1]))
        return job, "ok " + " ".join(repr(float(x)) for x in (*job.checks(), *times))
    return None, "ok"


def main():
    torch.set_flush_denormal(True)  # before any thread starts: they inherit it
    job = None
    for line in sys.stdin:
        try:
            job, text = answer(job, line)
        except Exception as error:  # whatever it is, the bench names it and goes on
            job, text = None, "error %s" % " ".join(str(error).split())
        print(text, flush=True)


if __name__ == "__main__":
    main()
