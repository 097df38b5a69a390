#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Files of other people's networks, and the test of them run on these.

Usage: models.py MODELS_TEST      make the files in a temporary folder, run the test on them
       models.py --write FOLDER   only make the files

Each network is computed in float64 as its own authors write it, in their layouts; the weights then
go into the file under our names and in ours. golden/nets.c builds the same of cells. Exit status 77
without NumPy.
"""
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError:
    print("skipped: no NumPy")
    sys.exit(77)

from more import write_safetensors


class Net:
    """A network's parameters under our names, and the numbers they are drawn from."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.tensors = {}

    def numbers(self, *shape, limit=1.0):
        """Uniform in +-limit, such as a float can hold."""
        return self.rng.uniform(-limit, limit, shape).astype(np.float32).astype(np.float64)

    def draw(self, name, *shape, fan):
        """A parameter that has the same layout here and there."""
        return self.keep(name, self.numbers(*shape, limit=fan ** -0.5))

    def keep(self, name, values):
        assert name not in self.tensors
        self.tensors[name] = np.ascontiguousarray(values, dtype=np.float32)
        return values


def logistic(x):
    return 1 / (1 + np.exp(-x))


def relu(x):
    return np.maximum(x, 0)


def keras_2_hard_sigmoid(x):
    return np.clip(.2 * x + .5, 0, 1)


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def normalised(net, name, x):
    scale, shift = 1 + net.numbers(x.shape[-1], limit=.3), net.numbers(x.shape[-1], limit=.3)
    scale = net.keep(name + ".weight", scale.astype(np.float32).astype(np.float64))
    net.keep(name + ".bias", shift)
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred ** 2).mean(axis=-1, keepdims=True) + 1e-5) * scale + shift


def dense(net, name, x, out):
    """PyTorch's Linear."""
    fan = x.shape[-1]
    w = net.draw(name + ".weight", out, fan, fan=fan)
    return x @ w.T + net.draw(name + ".bias", out, fan=fan)


def scan(step, x, states, lengths=None, reverse=False):
    """Outputs [T][B][..] of step(x_t, states) -> states, the first of which is the output; 0 past a
    length; and that output where each sequence ends."""
    T, B = x.shape[:2]
    lengths = np.full(B, T) if lengths is None else lengths
    x = np.where((np.arange(T)[:, None] < lengths)[..., None], x, 0)
    ys = np.zeros((T, B, states[0].shape[-1]))
    for t in reversed(range(T)) if reverse else range(T):
        valid = (t < lengths)[:, None]
        states = [np.where(valid, new, old) for new, old in zip(step(x[t], states), states)]
        ys[t] = np.where(valid, states[0], 0)
    return ys, states[0]


# --- PyTorch's cells, i f g o and r z n -----------------------------------------------------------

def torch_weights(net, name, gates, n_in, n):
    return [net.draw(f"{name}.{which}_l0", *shape, fan=n) for which, shape in (
        ("weight_ih", (gates * n, n_in)), ("weight_hh", (gates * n, n)),
        ("bias_ih", (gates * n,)), ("bias_hh", (gates * n,)))]


def torch_lstm(net, name, x, n, lengths=None):
    w, u, b_ih, b_hh = torch_weights(net, name, 4, x.shape[-1], n)

    def step(x, states):
        h, c = states
        i, f, g, o = np.split(x @ w.T + b_ih + h @ u.T + b_hh, 4, axis=-1)
        c = logistic(f) * c + logistic(i) * np.tanh(g)
        return logistic(o) * np.tanh(c), c
    return scan(step, x, [np.zeros((x.shape[1], n))] * 2, lengths)[0]


def torch_gru(net, name, x, n):
    w, u, b_ih, b_hh = torch_weights(net, name, 3, x.shape[-1], n)

    def step(x, states):
        h = states[0]
        a_r, a_z, a_n = np.split(x @ w.T + b_ih, 3, axis=-1)
        u_r, u_z, u_n = np.split(h @ u.T + b_hh, 3, axis=-1)
        r, z = logistic(a_r + u_r), logistic(a_z + u_z)
        return [(1 - z) * np.tanh(a_n + r * u_n) + z * h]
    return scan(step, x, [np.zeros((x.shape[1], n))])[0]


def causal_conv(net, name, x, out, kernel, dilation=1):
    """PyTorch's Conv1d over time, behind kernel - 1 steps of zeros."""
    T, B, n_in = x.shape
    fan = n_in * kernel
    w = net.draw(name + ".weight", out, n_in, kernel, fan=fan)
    padded = np.concatenate([np.zeros(((kernel - 1) * dilation, B, n_in)), x])
    y = sum(padded[k * dilation:k * dilation + T] @ w[:, :, k].T for k in range(kernel))
    return y + net.draw(name + ".bias", out, fan=fan)


# --- Keras' cells, kernels [I][G H], i f c o and z r h ----------------------------------------------

def rows_as_ours(kernel, gates):
    """[I][G H] -> [G H][I], z r h -> r z n."""
    blocks = np.split(kernel, gates, axis=-1)
    if gates == 3:
        blocks = [blocks[1], blocks[0], blocks[2]]
    return np.concatenate(blocks, axis=-1).T


def keras_weights(net, case, end, n_in):
    """kernel, recurrent_kernel, bias."""
    n, gates = case["hidden"], 4 if case["cell"] == "lstm" else 3
    kernel = net.numbers(n_in, gates * n, limit=n_in ** -0.5)
    recurrent = net.numbers(n, gates * n, limit=n ** -0.5)
    net.keep("weight_ih" + end, rows_as_ours(kernel, gates))
    net.keep("weight_hh" + end, rows_as_ours(recurrent, gates))
    if case["cell"] == "gru" and not case.get("reset_before"):
        bias = net.numbers(2, gates * n, limit=.3)
        net.keep("bias_ih" + end, rows_as_ours(bias[0], gates))
        net.keep("bias_hh" + end, rows_as_ours(bias[1], gates))
    else:
        bias = net.numbers(gates * n, limit=.3)
        net.keep("bias" + end, rows_as_ours(bias, gates))
    return kernel, recurrent, bias


def keras_step(case, weights):
    kernel, recurrent, bias = weights
    gate = keras_2_hard_sigmoid if case.get("gates") else logistic

    def lstm(x, states):
        h, c = states
        i, f, g, o = np.split(x @ kernel + h @ recurrent + bias, 4, axis=-1)
        c = gate(f) * c + gate(i) * np.tanh(g)
        return gate(o) * np.tanh(c), c

    def gru(x, states):
        h, n = states[0], case["hidden"]
        b_in, b_rec = bias if bias.ndim == 2 else (bias, np.zeros_like(bias))
        a = x @ kernel + b_in
        u = h @ recurrent + b_rec
        z, r = gate(a[:, :n] + u[:, :n]), gate(a[:, n:2 * n] + u[:, n:2 * n])
        if case.get("reset_before"):
            inner = (r * h) @ recurrent[:, 2 * n:]
        else:
            inner = r * u[:, 2 * n:]
        return [z * h + (1 - z) * np.tanh(a[:, 2 * n:] + inner)]
    return lstm if case["cell"] == "lstm" else gru


MERGES = {0: lambda a, b: np.concatenate([a, b], axis=-1), 1: lambda a, b: a + b,
          2: lambda a, b: (a + b) / 2, 3: lambda a, b: a * b}


def keras_layer(net, case, name, x):
    """return_sequences=True, and False."""
    n, halves = case["hidden"], []
    for reverse in range(case["directions"]):
        weights = keras_weights(net, case, "_l0" + reverse * "_reverse", x.shape[-1])
        states = [np.zeros((x.shape[1], n))] * (2 if case["cell"] == "lstm" else 1)
        halves.append(scan(keras_step(case, weights), x, states, case["lengths"], reverse == 1))
    for key in [key for key in net.tensors if "." not in key]:
        net.tensors[f"{name}.{key}"] = net.tensors.pop(key)
    if len(halves) == 1:
        return halves[0]
    merge = MERGES[case["merge"]]
    return tuple(merge(a, b) for a, b in zip(*halves))


# --- the networks -----------------------------------------------------------------------------------

def guitar(net, x, case):
    layer = torch_lstm if case["cell"] == "lstm" else torch_gru
    return dense(net, "0.lin", layer(net, "0.rec", x, case["hidden"]), 1) + x[..., :1]


def rnnoise(net, x, case):
    n = case["hidden"]
    cat = [np.tanh(causal_conv(net, "conv2", np.tanh(causal_conv(net, "conv1", x, case["conv"], 3)),
                               n, 3))]
    for name in ("rnn.1.gru1", "rnn.1.1.1.gru2", "rnn.1.1.1.1.gru3"):
        cat.append(torch_gru(net, name, cat[-1], n))
    cat = np.concatenate(cat, axis=-1)
    return np.concatenate([logistic(dense(net, "heads.dense_out", cat, case["bands"])),
                           logistic(dense(net, "heads.vad_dense", cat, 1))], axis=-1)


def vector_conv(w, x, stride):
    """PyTorch's Conv1d of x [..][channel][position], already padded."""
    K, positions = w.shape[2], (x.shape[-1] - w.shape[2]) // stride + 1
    return np.stack([np.einsum("oik,...ik->...o", w, x[..., p * stride:p * stride + K])
                     for p in range(positions)], axis=-1)


def frame(net, x, case):
    n, k, d, groups = (case[key] for key in ("channels", "kernel", "dilation", "groups"))
    fan = n // groups * k
    w = net.draw("weight", case["hidden"], n // groups, k, fan=fan)
    spread = np.zeros(w.shape[:2] + ((k - 1) * d + 1,))
    spread[..., ::d] = w
    x = np.pad(x.reshape(x.shape[:2] + (n, -1)), ((0, 0),) * 3 + ((case["left"], case["right"]),),
               mode="reflect" if case["reflect"] else "constant")
    y = np.concatenate([vector_conv(part, some, case["stride"]) for part, some in zip(
        np.split(spread, groups), np.split(x, groups, axis=2))], axis=2)
    return (y + net.draw("bias", case["hidden"], fan=fan)[:, None]).reshape(y.shape[:2] + (-1,))


def silero_frames(net, T, B, window):
    """Signals cut into frames of `window` samples, each behind the last window / 8 before it."""
    context = window // 8
    signal = np.concatenate([np.zeros((B, context)), net.numbers(B, T * window)], axis=1)
    return np.stack([signal[:, t * window:(t + 1) * window + context] for t in range(T)])


def silero(net, x, case):
    kernel = case["window"] // 2
    basis = net.draw("stft.weight", kernel + 2, 1, kernel, fan=kernel)
    padded = np.pad(x, ((0, 0), (0, 0), (0, kernel // 4)), mode="reflect")
    spectrum = vector_conv(basis, padded[..., None, :], kernel // 2)
    bins = kernel // 2 + 1
    x = np.sqrt(spectrum[..., :bins, :] ** 2 + spectrum[..., bins:, :] ** 2)
    for i, (out, stride) in enumerate(((128, 1), (64, 2), (64, 2), (128, 1))):
        fan = 3 * x.shape[-2]
        w = net.draw(f"{2 + i}.encoder{i}.weight", out, x.shape[-2], 3, fan=fan)
        b = net.draw(f"{2 + i}.encoder{i}.bias", out, fan=fan)
        x = np.pad(x, ((0, 0), (0, 0), (0, 0), (1, 1)))
        x = relu(vector_conv(w, x, stride) + b[:, None])
    assert x.shape[-1] == 1
    return logistic(dense(net, "decoder", relu(torch_lstm(net, "rnn", x[..., 0], 128)), 1))


def keras(net, x, case):
    last = None
    for name in ("first", "second", "third")[:case["layers"]]:
        x, last = keras_layer(net, case, name, x)
    return softmax(dense(net, "dense", last, case["O"]))[None]


def residual(net, x, case):
    x = dense(net, "embed", x, case["hidden"])
    for i in range(3):
        if case["norm_before"]:
            normal = normalised(net, f"block{i}.1.norm", x)
            x = x + torch_lstm(net, f"block{i}.1.lstm", normal, case["hidden"])
        else:
            x = normalised(net, f"block{i}.norm",
                           x + torch_lstm(net, f"block{i}.sum.lstm", x, case["hidden"]))
    return x


def keep_gate(net, name, n):
    """What makes an LSTM the gate of golden/nets.c."""
    w, bias = np.zeros((4, n, 2 * n)), np.zeros((4, n))
    w[2, :, :n] = w[3, :, n:] = np.eye(n)
    bias[0], bias[1] = 100, -100
    net.keep(name + ".weight_ih_l0", w.reshape(4 * n, 2 * n))
    net.keep(name + ".weight_hh_l0", np.zeros((4 * n, n)))
    net.keep(name + ".bias_l0", bias.reshape(4 * n))


def wavenet(net, x, case):
    n, s = case["channels"], case["skip"]
    first = {name: net.numbers(*shape) for name, shape in (("weight", (n, 1)), ("bias", (n,)))}
    for name, values in first.items():
        net.keep("input." + name, np.concatenate([values, np.zeros((s,) + values.shape[1:])]))
    x, skips = x @ first["weight"].T + first["bias"], 0
    for i in range(5):
        name = f"block{i}.layer."
        a = causal_conv(net, name + "conv", x, 2 * n if case["gated"] else n,
                        case["kernel"], 2 ** i)
        if case["gated"]:
            a = np.tanh(a[..., :n]) * logistic(a[..., n:])
            keep_gate(net, name + "2.gate", n)
        else:
            a = np.tanh(a)
        both = dense(net, name + "out", a, n + s)
        x, skips = x + both[..., :n], skips + both[..., n:]
    hidden = relu(dense(net, "head.hidden", relu(skips), s))
    return dense(net, "head.output", hidden, case["O"])


MODELS = {f.__name__: f for f in (guitar, rnnoise, frame, silero, keras, residual, wavenet)}


def write_model(folder, name, model, seed, **case):
    net = Net(seed)
    case = {"T": 50, "B": 3, "lengths": None, **case}
    if model == "silero":
        x = silero_frames(net, case["T"], case["B"], case["window"])
    else:
        x = net.numbers(case["T"], case["B"], case["I"])
    y = MODELS[model](net, x, case)
    tensors = dict(net.tensors)
    if case["lengths"] is not None:
        tensors["lengths"] = case["lengths"].astype(np.int32)
        past = np.arange(case["T"])[:, None] >= case["lengths"]
        x[past] = np.nan  # is not read
        y = np.where(past[..., None], 0, y) if len(y) > 1 else y
    tensors.update(input=x.astype(np.float32), output=y)
    notes = {key: value for key, value in case.items() if key != "lengths"}
    notes.update(model=model, O=y.shape[-1])
    write_safetensors(os.path.join(folder, name + ".safetensors"), tensors, notes)


def write_all(folder):
    seeds, lengths = iter(range(1, 1000)), np.array([31, 50, 1])

    def write(name, model, **case):
        write_model(folder, name, model, next(seeds), **case)

    for hidden, n_in in ((16, 1), (40, 1), (16, 2), (40, 3)):
        write(f"guitar_lstm{hidden}_{n_in}", "guitar", cell="lstm", hidden=hidden, I=n_in)
    write("guitar_gru40_1", "guitar", cell="gru", hidden=40, I=1)
    write("rnnoise_small", "rnnoise", I=7, conv=9, hidden=10, bands=5, lengths=lengths)
    write("rnnoise", "rnnoise", T=12, I=65, conv=128, hidden=384, bands=32)
    write("silero_16khz", "silero", T=20, window=512)
    write("silero_8khz", "silero", T=20, window=256)
    write("silero_lengths", "silero", T=9, window=256, lengths=np.array([2, 9, 1]))
    write_frames(write)
    write_keras(write)
    for norm_before in (0, 1):
        for some in (None, lengths):
            write(f"residual_{norm_before}{'' if some is None else '_lengths'}", "residual", I=5,
                  hidden=24, norm_before=norm_before, lengths=some)
    for kernel, gated, some in ((3, 0, None), (2, 1, None), (3, 1, lengths)):
        write(f"wavenet_{kernel}{gated}", "wavenet", I=1, O=2, channels=8, skip=6, kernel=kernel,
              gated=gated, lengths=some)


def write_frames(write):
    """Taps few and many, more and fewer than channels; paddings wider than the vector."""
    shapes = (  # channels, positions, kernel, dilation, stride, left, right, groups, reflect
        (1, 40, 16, 1, 3, 0, 9, 1, 1), (1, 40, 33, 1, 1, 20, 20, 1, 0), (2, 9, 17, 1, 2, 8, 8, 1, 1),
        (3, 12, 20, 1, 1, 30, 0, 1, 0), (17, 18, 16, 1, 2, 1, 0, 1, 0), (4, 20, 16, 1, 1, 0, 30, 2, 0),
        (1, 50, 3, 1, 1, 1, 1, 1, 0), (2, 50, 5, 3, 2, 9, 9, 1, 1), (9, 4, 3, 1, 1, 1, 1, 3, 0),
        (9, 4, 3, 1, 2, 3, 3, 1, 1), (5, 6, 1, 1, 1, 0, 0, 5, 0), (5, 2, 4, 2, 3, 7, 7, 1, 0),
        (3, 11, 16, 2, 1, 10, 10, 1, 1), (6, 1, 3, 1, 1, 1, 1, 1, 0), (2, 5, 2, 9, 1, 9, 9, 1, 0))
    keys = ("channels", "positions", "kernel", "dilation", "stride", "left", "right", "groups",
            "reflect")
    for i, shape in enumerate(shapes):
        case = dict(zip(keys, shape))
        positions = case.pop("positions")
        write(f"frame_{i:02}", "frame", T=3, I=case["channels"] * positions,
              hidden=case["groups"] * (1 + i % 4), **case)


def write_keras(write):
    lengths = np.array([50, 1, 23])
    common = dict(I=6, O=4, hidden=20, layers=1, directions=1, merge=0)

    def keras_model(name, **case):
        write("keras_" + name, "keras", **{**common, **case})

    for kind in ("lstm", "gru"):
        keras_model(kind, cell=kind)
        keras_model(kind + "_lengths", cell=kind, lengths=lengths)
        keras_model(kind + "_stacked", cell=kind, layers=3, lengths=lengths)
        for merge, name in enumerate(("concat", "sum", "ave", "mul")):
            keras_model(f"{kind}_{name}", cell=kind, directions=2, merge=merge)
            keras_model(f"{kind}_{name}_lengths", cell=kind, directions=2, merge=merge,
                        lengths=lengths)
        keras_model(kind + "_stacked_both", cell=kind, directions=2, layers=2, lengths=lengths)
        keras_model(kind + "_stacked_sum", cell=kind, directions=2, layers=2, merge=1,
                    lengths=lengths)
    keras_model("lstm_hard", cell="lstm", gates=5)
    keras_model("lstm_hard_both", cell="lstm", gates=5, directions=2, lengths=lengths)
    keras_model("gru_before", cell="gru", reset_before=1, lengths=lengths)
    keras_model("gru_before_both", cell="gru", reset_before=1, directions=2, lengths=lengths)


def main(arguments):
    if arguments and arguments[0] == "--write":
        write_all(arguments[1])
        return 0
    with tempfile.TemporaryDirectory() as folder:
        write_all(folder)
        return subprocess.call([arguments[0]], env=dict(os.environ, TEKRAR_MODELS=folder))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
