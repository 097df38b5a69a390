# SPDX-License-Identifier: MIT
"""WAV files: written as a test wants them, and read as bare numbers."""
import array
import struct

PCM, FLOAT = 1, 3  # a WAV file's tags of formats


def wav(samples, rate, channels=1, tag=PCM):
    """The bytes of a file: of PCM 16 bits each, of samples in -1..1."""
    if tag == PCM:
        data = array.array("h", [int(32767 * s) for s in samples]).tobytes()
    else:
        data = array.array("f", samples).tobytes()
    width = 2 if tag == PCM else 4
    head = struct.pack("<HHIIHH", tag, channels, rate, rate * channels * width, channels * width,
                       8 * width)
    body = (b"WAVEfmt " + struct.pack("<I", len(head)) + head + b"data"
            + struct.pack("<I", len(data)) + data)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def chunks(data):
    """{name: bytes} of a file."""
    found, at = {}, 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        found[name] = data[at + 8:at + 8 + size]
        at += 8 + size + size % 2
    return found


def read(path):
    """(samples, rate) of a file of one channel, of 24 bits or of floats."""
    found = chunks(path.read_bytes())
    rate, = struct.unpack_from("<I", found[b"fmt "], 4)
    bits, = struct.unpack_from("<H", found[b"fmt "], 14)
    data = found[b"data"]
    if bits == 32:
        return array.array("f", data), rate
    numbers = (int.from_bytes(data[i:i + 3], "little", signed=True)
               for i in range(0, len(data), 3))
    return array.array("f", (n / 2 ** 23 for n in numbers)), rate
