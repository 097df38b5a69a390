# SPDX-License-Identifier: MIT
"""Write the golden vectors of tests/golden/data with PyTorch, in double: parts that cells are made of,
each with its input, parameters, output, an output's gradient and all gradients.

    python3 tests/golden/parts.py [FOLDER]

Made with torch 2.15.0; another version gives the same numbers but for the last bits. Inputs and
parameters are floats, so that the library is given them exactly."""
import json
import os
import struct
import sys

import torch
import torch.nn.functional as F

T, B = 5, 3
FOLDER = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "data")
generator = torch.Generator().manual_seed(11)


def draw(*shape, scale=1.0):
    """Floats as doubles."""
    x = torch.randn(*shape, generator=generator, dtype=torch.float32) * scale
    return x.to(torch.float64).requires_grad_()


def write(name, tensors):
    """A safetensors file of doubles."""
    header, data = {"__metadata__": {"torch": torch.__version__.split("+")[0]}}, b""
    for key in sorted(tensors):
        flat = tensors[key].detach().contiguous()
        raw = struct.pack("<%dd" % flat.numel(), *flat.reshape(-1).tolist())
        header[key] = {"dtype": "F64", "shape": list(flat.shape),
                       "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(FOLDER, name + ".safetensors"), "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text + data)


def golden(name, function, x, parameters):
    """y = function(x) of x [T][B][I], and everything backwards from a drawn dy."""
    y = function(x)
    dy = draw(*y.shape).detach()
    keys = sorted(parameters)
    grads = torch.autograd.grad(y, [x] + [parameters[k] for k in keys], dy)
    tensors = {"x": x, "y": y, "dy": dy, "dx": grads[0]}
    for key, grad in zip(keys, grads[1:]):
        tensors[key] = parameters[key]
        tensors["d " + key] = grad
    write(name, tensors)


def norm():
    p = {"weight": draw(7), "bias": draw(7)}
    golden("norm", lambda x: F.layer_norm(x, (7,), p["weight"], p["bias"], 1e-5), draw(T, B, 7), p)


def conv_time(name, inputs, outputs, kernel, dilation, groups):
    p = {"weight": draw(outputs, inputs // groups, kernel, scale=0.5), "bias": draw(outputs)}

    def causal(x):
        channels = F.pad(x.permute(1, 2, 0), ((kernel - 1) * dilation, 0))
        y = F.conv1d(channels, p["weight"], p["bias"], dilation=dilation, groups=groups)
        return y.permute(2, 0, 1)

    golden(name, causal, draw(T, B, inputs), p)


def conv_vector(name, channels, positions, outputs, kernel, mode, pad, **options):
    groups = options.get("groups", 1)
    p = {"weight": draw(outputs, channels // groups, kernel, scale=0.5), "bias": draw(outputs)}

    def inside(x):
        rows = F.pad(x.reshape(T * B, channels, positions), pad, mode=mode)
        return F.conv1d(rows, p["weight"], p["bias"], **options).reshape(T, B, -1)

    golden(name, inside, draw(T, B, channels * positions), p)


def magnitude(x):
    half = x.shape[-1] // 2
    return torch.sqrt(x[..., :half] ** 2 + x[..., half:] ** 2)


FUNCTIONS = {
    "tanh": torch.tanh,
    "relu": F.relu,
    "logistic": torch.sigmoid,
    "identity": lambda x: x * 1,
    "hard_sigmoid": lambda x: torch.clamp(0.2 * x + 0.5, 0, 1),
    "hard_sigmoid_6": F.hardsigmoid,
    "softsign": F.softsign,
    "hard_tanh": F.hardtanh,
    "elu": F.elu,
    "leaky_relu": F.leaky_relu,
    "softplus": F.softplus,
    "gelu": F.gelu,
    "sqrt": torch.sqrt,
    "softmax": lambda x: torch.softmax(x, -1),
    "magnitude": magnitude,
}


def activate():
    for name, function in FUNCTIONS.items():
        x = draw(T, B, 8, scale=2)
        if name == "sqrt":
            x = x.detach().abs().requires_grad_()
        golden("activate_" + name, function, x, {})


def lstm_reverse():
    """The library's reverse direction alone, whose outputs stand at their own steps."""
    shapes = {"weight_ih_l0": (24, 4), "weight_hh_l0": (24, 6), "bias_ih_l0": (24,),
              "bias_hh_l0": (24,)}
    p = {k: draw(*s, scale=0.5) for k, s in shapes.items()}
    module = torch.nn.LSTM(4, 6).double()

    def reverse(x):
        y, _ = torch.func.functional_call(module, p, (x.flip(0),))
        return y.flip(0)

    golden("lstm_reverse", reverse, draw(T, B, 4), p)


os.makedirs(FOLDER, exist_ok=True)
norm()
conv_time("conv_time", 3, 4, 3, 1, 1)
conv_time("conv_time_dilated_groups", 4, 6, 2, 2, 2)
conv_vector("conv_vector", 2, 6, 3, 3, "constant", (1, 2), stride=2)
conv_vector("conv_vector_mirrored", 2, 5, 3, 3, "reflect", (2, 1))
conv_vector("conv_vector_groups", 4, 6, 6, 2, "constant", (0, 1), dilation=2, groups=2)
activate()
lstm_reverse()
