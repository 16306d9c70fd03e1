"""Targets that read binary files: arrays, pictures, IDX, pickles, checkpoints and weights."""

from __future__ import annotations

import functools
import gzip
import io
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from swast import checkpoint
from swast.config import LoadingConfig, TrainConfig
from swast.data import npz, pictures
from swast.data.cifar import read_pickle
from swast.data.fashion_mnist import read_idx
from swast.data.places import Places
from swast.errors import CheckpointError, DataError
from swast.models import build_model
from swast.weights import load_network
from tests.fuzz import inputs
from tests.fuzz.bounds import Fault, check_lines
from tests.fuzz.target import Target
from tests.swast.data.layouts import idx

FORMATS = {
    "RGB": ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM", "TGA", "JPEG2000", "ICO", "PCX"),
    "L": ("PNG", "JPEG", "SGI", "IM", "PPM"),
    "P": ("PNG", "GIF", "BMP", "TIFF"),
    "CMYK": ("JPEG", "TIFF"),
    "RGBA": ("PNG", "WEBP", "DDS", "ICNS"),
    "I;16": ("PNG", "TIFF"),
    "1": ("PNG", "XBM", "TIFF"),
}
"""Formats of pictures, by Pillow's mode."""
INPUT, CLASSES = (1, 8, 8), 10
NETWORK = TrainConfig(model="mlp-small")


def refused(attempt: Callable[[], object]) -> object:
    """Return what an attempt gives, None if it is refused in lines that can be printed."""
    try:
        return attempt()
    except (DataError, CheckpointError) as error:
        check_lines(str(error).split("\n"))
        return None


def draw_npz(chance: random.Random) -> bytes:
    """Return an archive of arrays."""
    made = {}
    for part in ("train", "test", "val")[: chance.choice([2, 2, 3])]:
        count = chance.choice([6, 6, 6, 1, 0])
        made[f"x_{part}"] = _array(chance, (count, *chance.choice([(1, 4, 4), (3, 8, 8), (8, 8)])))
        labels = np.arange(count) % chance.choice([2, 2, 1, 10])
        made[f"y_{part}"] = labels if chance.random() < 0.9 else _array(chance, (count,))
    if chance.random() < 0.1:
        made[chance.choice([*made])] = np.array([{"a": 1}, None], dtype=object)
    if chance.random() < 0.1:
        del made[chance.choice([*made])]
    file = io.BytesIO()
    chance.choice([np.savez, np.savez_compressed])(file, **made)
    return inputs.torn_bytes(chance, file.getvalue())


def _array(chance: random.Random, shape: tuple[int, ...]) -> np.ndarray:
    """Return random numbers of a random kind."""
    kind = chance.choice(
        [*["uint8"] * 6, *["float32"] * 3, "int64", "bool", "float16", "complex64"]
    )
    made = np.frombuffer(chance.randbytes(8 * int(np.prod(shape))), np.uint8)
    numbers = made[: int(np.prod(shape))].reshape(shape).astype(kind)
    if kind.startswith("float") and chance.random() < 0.2 and numbers.size:
        numbers.flat[0] = chance.choice([np.nan, np.inf, 1e30 if kind == "float32" else 6e4])
    return numbers


def load_npz(content: bytes, folder: Path) -> None:
    """Load a data set from an archive."""
    (folder / "own.npz").write_bytes(content)
    places = Places((folder,))
    refused(lambda: npz.load(str(folder / "own.npz"), LoadingConfig(), places))


def draw_picture(chance: random.Random) -> bytes:
    """Return a small picture in some format."""
    mode = chance.choice([*FORMATS])
    picture = chance.choice(FORMATS[mode])
    return inputs.torn_bytes(chance, _picture(mode, picture))


@functools.cache
def _picture(mode: str, kind: str) -> bytes:
    """Return a sound picture."""
    made, file = Image.new(mode, (16, 12), 1), io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    made.save(file, kind, **({"exif": exif} if kind in ("JPEG", "PNG", "TIFF", "WEBP") else {}))
    return file.getvalue()


def decode(content: bytes, folder: Path) -> None:
    """Decode a picture, scaled and as it is."""
    path = folder / "it.png"
    path.write_bytes(content)
    refused(lambda: pictures.is_picture(path))
    for shorter, size in ((0, (0, 0)), (8, (8, 8))):
        found: Any = refused(lambda s=shorter, at=size: pictures.decode(path, s, at))
        if found is not None and (
            found.ndim != 3 or found.shape[0] != 3 or found.dtype != np.uint8
        ):
            raise Fault(f"a picture of {found.shape}, {found.dtype}")


def draw_idx(chance: random.Random) -> bytes:
    """Return an IDX file, packed or not."""
    content = idx(_array(chance, chance.choice([(5,), (2, 3, 4), ()])))
    if chance.random() < 0.5:
        content = gzip.compress(inputs.torn_bytes(chance, content), mtime=0)
    return inputs.torn_bytes(chance, content)


def load_idx(content: bytes, folder: Path) -> None:
    """Read an IDX file."""
    for name in ("it.gz", "it"):
        (folder / name).write_bytes(content)
        refused(lambda at=folder / name: read_idx(at))


def draw_pickle(chance: random.Random) -> bytes:
    """Return a file as CIFAR has."""
    content = {
        "data": _array(chance, (2, 3072)),
        "labels": [0, 1],
        chance.choice(["a", b"b", 3, ("x", 1)]): chance.choice([Path("x"), len, *inputs.VALUES]),
    }
    return inputs.torn_bytes(chance, pickle.dumps(content, protocol=chance.choice([0, 2, 4])))


def load_pickle(content: bytes, folder: Path) -> None:
    """Read a pickled dictionary."""
    (folder / "it").write_bytes(content)
    refused(lambda: read_pickle(folder / "it"))


@functools.cache
def _sound() -> dict[str, torch.Tensor]:
    """Return the weights of the network."""
    return dict(build_model(NETWORK.model, INPUT, CLASSES, 0).state_dict())


def draw_state(chance: random.Random) -> bytes:
    """Return a checkpoint whose tensors are those of a network, or others."""
    state: dict[Any, Any] = dict(_sound())
    odd = [
        torch.zeros(()),
        torch.zeros(0),
        torch.zeros(3, 10**6)[:, :1],
        "x",
        None,
        {},
        [1],
        1e300,
    ]
    for _ in range(chance.choice([0, 1, 2])):
        name = chance.choice([*state, "more", 7])
        if chance.random() < 0.3:
            state.pop(name, None)
        elif chance.random() < 0.4 and isinstance(state.get(name), torch.Tensor):
            state[name] = chance.choice(
                [state[name][None][..., :1], state[name].double(), state[name][None]]
            )
        else:
            state[name] = chance.choice(odd)
    file = io.BytesIO()
    torch.save(chance.choice([state, state, state, state, [state], None, "x"]), file)
    return inputs.torn_bytes(chance, file.getvalue()) if chance.random() < 0.5 else file.getvalue()


def load_state(content: bytes, folder: Path) -> None:
    """Read a checkpoint, and a network from weights."""
    (folder / checkpoint.FILE).write_bytes(content)
    refused(lambda: checkpoint.load(folder))
    refused(lambda: load_network(folder / checkpoint.FILE, NETWORK, INPUT, CLASSES))


TARGETS = {
    "npz": Target(draw_npz, load_npz, 100, "npz"),
    "picture": Target(draw_picture, decode, 150, "img"),
    "idx": Target(draw_idx, load_idx, 150, "idx"),
    "pickle": Target(draw_pickle, load_pickle, 150, "pickle"),
    "checkpoint": Target(draw_state, load_state, 60, "pt"),
}
"""Targets by name."""
