#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Golden files of odder shapes than the shared ones, and the golden test run on them.

Usage: more.py GOLDEN_TEST            make the files in a temporary folder, run the test on them
       more.py --write FOLDER [SEED]  only make the files

A second reference, beside the C oracle: forward passes in NumPy from docs/maths.md, gradients by a
small reverse-mode differentiation, all in float64. Exit status 77 without NumPy.
"""
import json
import os
import struct
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError:
    print("skipped: no NumPy")
    sys.exit(77)


class Var:
    """A value that knows how its gradient flows to what it was made from."""

    def __init__(self, value, parents=()):
        self.value = np.asarray(value, dtype=np.float64)
        self.parents = parents  # pairs (variable, gradient of self -> gradient of variable)
        self.grad = np.zeros_like(self.value)

    def __add__(self, other):
        return Var(self.value + other.value, ((self, lambda g: reduced(g, self)),
                                              (other, lambda g: reduced(g, other))))

    def __mul__(self, other):
        return Var(self.value * other.value,
                   ((self, lambda g: reduced(g * other.value, self)),
                    (other, lambda g: reduced(g * self.value, other))))

    def __matmul__(self, other):
        return Var(self.value @ other.value, ((self, lambda g: g @ other.value.T),
                                              (other, lambda g: self.value.T @ g)))

    def rows(self, start, stop):
        """Rows start..stop-1 of the last axis' blocks: columns of a batch of pre-activations."""
        def back(g):
            whole = np.zeros_like(self.value)
            whole[..., start:stop] = g
            return whole
        return Var(self.value[..., start:stop], ((self, back),))

    @property
    def T(self):
        return Var(self.value.T, ((self, lambda g: g.T),))

    def at(self, index):
        """A gather along the first axis, by one index or by an array of them."""
        def back(g):
            whole = np.zeros_like(self.value)
            np.add.at(whole, index, g)
            return whole
        return Var(self.value[index], ((self, back),))


def reduced(g, to):
    """Sum a broadcast gradient back to the shape of `to`."""
    while g.ndim > to.value.ndim:
        g = g.sum(axis=0)
    for axis, n in enumerate(to.value.shape):
        if n == 1 and g.shape[axis] != 1:
            g = g.sum(axis=axis, keepdims=True)
    return g


def pointwise(x, y, slope):
    return Var(y, ((x, lambda g: g * slope),))


def tanh(x):
    y = np.tanh(x.value)
    return pointwise(x, y, 1 - y * y)


def relu(x):
    return pointwise(x, np.maximum(x.value, 0), (x.value > 0).astype(float))


def logistic(x):
    y = 1 / (1 + np.exp(-x.value))
    return pointwise(x, y, y * (1 - y))


def identity(x):
    return x


def join(parts, axis):
    value = np.concatenate([p.value for p in parts], axis=axis)
    bounds = np.cumsum([0] + [p.value.shape[axis] for p in parts])

    def back(i):
        return lambda g: np.take(g, range(bounds[i], bounds[i + 1]), axis=axis)
    return Var(value, tuple((p, back(i)) for i, p in enumerate(parts)))


def stack(parts):
    return Var(np.stack([p.value for p in parts]),
               tuple((p, lambda g, i=i: g[i]) for i, p in enumerate(parts)))


def constant(value):
    return Var(value)


def backward(loss):
    """Gradients of everything that `loss`, a number, was made from."""
    order, seen, todo = [], set(), [(loss, False)]
    while todo:
        var, done = todo.pop()
        if done:
            order.append(var)
        elif id(var) not in seen:
            seen.add(id(var))
            todo.append((var, True))
            todo.extend((parent, False) for parent, _ in var.parents)
    loss.grad = np.ones_like(loss.value)
    for var in reversed(order):
        for parent, flow in var.parents:
            parent.grad = parent.grad + flow(var.grad)


ACTIVATIONS = {"tanh": tanh, "relu": relu, "logistic": logistic, "identity": identity}
GATES = {"rnn": 1, "lstm": 4, "gru": 3}


def elman_step(case, p, x, h, c):
    a = x @ p["weight_ih"].T + h @ p["weight_hh"].T + p["b_ih"] + p["b_hh"]
    return ACTIVATIONS[case["nonlinearity"]](a), c


def lstm_step(case, p, x, h, c):
    H = case["H"]
    a = x @ p["weight_ih"].T + h @ p["weight_hh"].T + p["b_ih"] + p["b_hh"]
    zero = constant(np.zeros(H))
    i = logistic(a.rows(0, H) + p.get("weight_ci", zero) * c)
    f = logistic(a.rows(H, 2 * H) + p.get("weight_cf", zero) * c)
    c = f * c + i * tanh(a.rows(2 * H, 3 * H))
    o = logistic(a.rows(3 * H, 4 * H) + p.get("weight_co", zero) * c)
    h = o * tanh(c)
    return (h @ p["weight_hr"].T if "weight_hr" in p else h), c


def gru_step(case, p, x, h, c):
    H = case["H"]
    a, u = x @ p["weight_ih"].T + p["b_ih"], h @ p["weight_hh"].T + p["b_hh"]
    r = logistic(a.rows(0, H) + u.rows(0, H))
    z = logistic(a.rows(H, 2 * H) + u.rows(H, 2 * H))
    if case["reset"] == "before":
        un = Var(p["weight_hh"].value[2 * H:], ((p["weight_hh"], below(p["weight_hh"], 2 * H)),))
        n = tanh(a.rows(2 * H, 3 * H) + (r * h) @ un.T + p["b_hh"].rows(2 * H, 3 * H))
    else:
        n = tanh(a.rows(2 * H, 3 * H) + r * u.rows(2 * H, 3 * H))
    one, minus = constant(np.ones(())), constant(-np.ones(()))
    return (one + minus * z) * n + z * h, c


def below(whole, first):
    """The gradient of the rows from `first` on, for the whole."""
    def back(g):
        out = np.zeros_like(whole.value)
        out[first:] = g
        return out
    return back


STEPS = {"rnn": elman_step, "lstm": lstm_step, "gru": gru_step}


def choose(mask, new, old):
    """Rows where mask is 1 from `new`, else from `old`."""
    keep = constant(mask[:, None])
    rest = constant(1 - mask[:, None])
    return keep * new + rest * old


def run_direction(case, p, xs, h, c, reverse):
    """Outputs of every step (0 past a length), and the final state."""
    T, lengths, ys = case["T"], np.array(case["lengths"]), [None] * case["T"]
    for t in reversed(range(T)) if reverse else range(T):
        valid = (t < lengths).astype(float)
        new_h, new_c = STEPS[case["cell"]](case, p, xs[t], h, c)
        h = choose(valid, new_h, h)
        c = choose(valid, new_c, c) if case["cell"] == "lstm" else c
        ys[t] = constant(valid[:, None]) * h
    return ys, h, c


def random32(rng, *shape, scale=1.0):
    return (rng.standard_normal(shape) * scale).astype(np.float32).astype(np.float64)


def draw_parameters(case, rng):
    """By name, in the order of layers and directions."""
    H, R, GH, D = case["H"], case["proj"] or case["H"], GATES[case["cell"]] * case["H"], \
        case["directions"]
    params = {}
    for layer in range(case["layers"]):
        for d in range(D):
            end = f"_l{layer}" + ("_reverse" if d else "")
            wide = case["I"] if layer == 0 else D * R
            params["weight_ih" + end] = random32(rng, GH, wide, scale=wide ** -0.5)
            params["weight_hh" + end] = random32(rng, GH, R, scale=R ** -0.5)
            for name in {0: [], 1: ["bias"], 2: ["bias_ih", "bias_hh"]}[case["biases"]]:
                params[name + end] = random32(rng, GH, scale=.4)
            if case["peephole"]:
                for name in ("weight_ci", "weight_cf", "weight_co"):
                    params[name + end] = random32(rng, H, scale=.4)
            if case["proj"]:
                params["weight_hr" + end] = random32(rng, R, H, scale=H ** -0.5)
    return {name: Var(value) for name, value in params.items()}


def slot_parameters(case, params, layer, d):
    end = f"_l{layer}" + ("_reverse" if d else "")
    p = {name[:-len(end)]: v for name, v in params.items() if name.endswith(end)}
    zero = constant(np.zeros(GATES[case["cell"]] * case["H"]))
    p["b_ih"] = p.get("bias_ih", p.get("bias", zero))
    p["b_hh"] = p.get("bias_hh", zero)
    return p


def cell_case(path, rng, **options):
    case = dict(nonlinearity="tanh", layers=1, directions=1, proj=0, peephole=0, reset="after",
                biases=2, lengths=None)
    case.update(options)
    T, B, H, D = case["T"], case["B"], case["H"], case["directions"]
    R, slots = case["proj"] or H, case["layers"] * D
    ragged = case["lengths"] is not None
    if not ragged:
        case["lengths"] = [T] * B
    params = draw_parameters(case, rng)
    x = Var(random32(rng, T, B, case["I"]))
    h0, c0 = Var(random32(rng, slots, B, R, scale=.5)), Var(random32(rng, slots, B, H, scale=.5))
    xs, hn, cn = [x.at(t) for t in range(T)], [], []
    for layer in range(case["layers"]):
        outs = []
        for d in range(D):
            slot = layer * D + d
            ys, h, c = run_direction(case, slot_parameters(case, params, layer, d), xs,
                                     h0.at(slot), c0.at(slot), d == 1)
            outs.append(ys)
            hn.append(h)
            cn.append(c)
        xs = [join([ys[t] for ys in outs], 1) for t in range(T)]
    results = {"output": stack(xs), "h_n": stack(hn)}
    inputs = {**params, "input": x, "h_0": h0}
    if case["cell"] == "lstm":
        results["c_n"] = stack(cn)
        inputs["c_0"] = c0
    write_cell(path, rng, case, inputs, results, ragged)


def write_cell(path, rng, case, inputs, results, ragged):
    weights = {name: random32(rng, *var.value.shape) for name, var in results.items()}
    loss = None
    for name, var in results.items():
        weight = weights[name]
        term = Var(np.sum(var.value * weight), ((var, lambda g, w=weight: g * w),))
        loss = term if loss is None else loss + term
    backward(loss)
    tensors = {name: var.value.astype(np.float32) for name, var in inputs.items()}
    tensors.update({"g." + name: w.astype(np.float32) for name, w in weights.items()})
    tensors.update({name: var.value for name, var in results.items()})
    tensors.update({"grad." + name: var.grad for name, var in inputs.items()})
    tensors["loss"] = loss.value.reshape(1)
    if ragged:
        tensors["lengths"] = np.array(case["lengths"], dtype=np.int32)
    meta = {key: case[key] for key in ("cell", "T", "B", "I", "H", "layers", "directions", "proj")}
    if case["cell"] == "rnn":
        meta["nonlinearity"] = case["nonlinearity"]
    if case["cell"] == "gru":
        meta["reset"] = case["reset"]
    if case["peephole"]:
        meta["peephole"] = 1
    write_safetensors(path, tensors, meta)


def training_case(path, rng, cell, V, E, H, T, B, steps, lr, clip_norm=0.0, weight_decay=0.0,
                  optimizer="adamw"):
    case = dict(cell=cell, I=E, H=H, T=T, B=B, layers=1, directions=1, proj=0, peephole=0,
                biases=2, reset="after", nonlinearity="tanh", lengths=[T] * B)
    params = {"embedding.weight": Var(random32(rng, V, E, scale=.3)),
              **{"cell." + n: v for n, v in draw_parameters(case, rng).items()},
              "linear.weight": Var(random32(rng, V, H, scale=.3)),
              "linear.bias": Var(random32(rng, V, scale=.3))}
    tensors = {name: var.value.astype(np.float32) for name, var in params.items()}
    moments = {name: [np.zeros_like(v.value), np.zeros_like(v.value)] for name, v in params.items()}
    for step in range(steps):
        ids = rng.integers(0, V, (T + 1, B)).astype(np.int32)
        loss = language_loss(case, params, ids)
        backward(loss)
        norm = np.sqrt(sum((v.grad ** 2).sum() for v in params.values()))
        factor = min(1.0, clip_norm / (norm + 1e-6)) if clip_norm else 1.0
        for name, var in params.items():
            var.value = adam(var.value, var.grad * factor, moments[name], step + 1, lr,
                             weight_decay, optimizer)
            tensors[f"after.{step}.{name}"] = var.value
            var.grad = np.zeros_like(var.value)
        tensors[f"ids.{step}"] = ids
        tensors[f"loss.{step}"] = loss.value.reshape(1)
        tensors[f"grad_norm.{step}"] = norm.reshape(1)
    write_safetensors(path, tensors, dict(
        task="char-lm", cell=cell, V=V, E=E, H=H, T=T, B=B, steps=steps, optimizer=optimizer,
        lr=lr, beta1=.9, beta2=.999, eps=1e-8, weight_decay=weight_decay, clip_norm=clip_norm,
        loss="mean cross-entropy over T*B"))


def language_loss(case, params, ids):
    T, B, H = case["T"], case["B"], case["H"]
    p = slot_parameters(case, {n[5:]: v for n, v in params.items() if n.startswith("cell.")}, 0, 0)
    xs = [params["embedding.weight"].at(ids[t]) for t in range(T)]
    ys, _, _ = run_direction(case, p, xs, constant(np.zeros((B, H))), constant(np.zeros((B, H))),
                             False)
    logits = join(ys, 0) @ params["linear.weight"].T + params["linear.bias"]
    shifted = logits.value - logits.value.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    targets = ids[1:].reshape(-1)
    slope = np.exp(log_p)
    slope[np.arange(T * B), targets] -= 1
    return Var(-log_p[np.arange(T * B), targets].mean(),
               ((logits, lambda g: g * slope / (T * B)),))


def adam(p, g, moments, step, lr, weight_decay, optimizer):
    if optimizer == "adamw":
        p = p - lr * weight_decay * p
    else:
        g = g + weight_decay * p
    moments[0] = .9 * moments[0] + (1 - .9) * g
    moments[1] = .999 * moments[1] + (1 - .999) * g * g
    mean, power = moments[0] / (1 - .9 ** step), moments[1] / (1 - .999 ** step)
    return p - lr * mean / (np.sqrt(power) + 1e-8)


def write_safetensors(path, tensors, meta):
    kinds = {"float64": "F64", "float32": "F32", "int32": "I32"}
    header, data = {"__metadata__": {k: str(v) for k, v in meta.items()}}, b""
    for name, array in sorted(tensors.items(), key=lambda item: (-item[1].itemsize, item[0])):
        raw = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes()
        header[name] = {"dtype": kinds[array.dtype.name], "shape": list(array.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text + data)


def write_all(folder, seed):
    rng = np.random.default_rng(seed)

    def cell(name, **options):
        cell_case(os.path.join(folder, name + ".safetensors"), rng, **options)

    def training(name, *sizes, **options):
        training_case(os.path.join(folder, name + ".safetensors"), rng, *sizes, **options)

    ragged = [4, 0, 9, 7, 9, 1, 3]
    for kind in GATES:
        cell(f"{kind}_one", cell=kind, T=1, B=1, I=1, H=1)
        cell(f"{kind}_narrow", cell=kind, T=9, B=7, I=2, H=1, layers=3, directions=2,
             lengths=ragged)
        cell(f"{kind}_deep", cell=kind, T=9, B=7, I=3, H=17, layers=4, directions=2,
             lengths=ragged, biases=1)
        cell(f"{kind}_no_bias", cell=kind, T=5, B=2, I=31, H=8, layers=2, biases=0)
        cell(f"{kind}_wide", cell=kind, T=30, B=33, I=65, H=130, biases=1)
    for name in ("relu", "logistic", "identity"):
        cell(f"rnn_{name}", cell="rnn", T=6, B=4, I=3, H=15, nonlinearity=name, layers=2)
    cell("lstm_peephole", cell="lstm", T=9, B=7, I=5, H=16, layers=2, directions=2, peephole=1,
         lengths=ragged)
    cell("lstm_proj", cell="lstm", T=9, B=7, I=5, H=18, layers=3, directions=2, proj=1,
         lengths=ragged)
    cell("lstm_proj_peephole", cell="lstm", T=6, B=4, I=5, H=33, proj=16, peephole=1, biases=1)
    cell("gru_before", cell="gru", T=9, B=7, I=4, H=31, layers=2, directions=2, reset="before",
         lengths=ragged)
    cell("gru_before_no_bias", cell="gru", T=6, B=3, I=4, H=5, reset="before", biases=0)
    for kind in GATES:
        training(f"train_{kind}", kind, 17, 3, 8, 5, 3, 6, 0.02)
        training(f"train_{kind}_clipped", kind, 33, 16, 31, 12, 17, 4, 0.005, clip_norm=0.05,
                 weight_decay=0.2)
        training(f"train_{kind}_adam", kind, 2, 1, 1, 1, 1, 3, 0.01, weight_decay=0.01,
                 optimizer="adam")


def main(arguments):
    if arguments and arguments[0] == "--write":
        write_all(arguments[1], int(arguments[2]) if len(arguments) > 2 else 1)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        write_all(folder, 1)
        return subprocess.call([arguments[0]], env=dict(os.environ, TEKRAR_GOLDEN=folder))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
