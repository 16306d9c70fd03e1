"""Export of trained networks with their normalisation, as PyTorch module and as ONNX.

The input is float32 images as the data set publishes them, with bytes divided by 255; the output
is logits. Masked weights are zeros in the export; removed channels make it smaller.
"""

from __future__ import annotations

import importlib
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from swast.data import ArrayData, Colours
from swast.data.samples import read
from swast.errors import ConfigError, DisagreementError
from swast.result import TrainResult
from swast.weights import make_network

SAMPLES = 256
"""Largest number of validation images for checking an exported network."""
VALUES = 2**22
"""Largest number of values in these images: 27 images of ImageNet's size."""
TOLERANCE = 1e-4
"""Largest difference between PyTorch's and ONNX's logits, relative to the largest logit."""
NEEDED = ("onnx", "onnxscript", "onnxruntime")
BYTE = 255.0


@dataclass(frozen=True)
class Intake:
    """Input of a portable network: its units and its normalisation.

    Attributes:
        colours: mean and standard deviation of each channel, in the units of the input.
        units: the units of the input, in words.
    """

    colours: Colours
    units: str

    @classmethod
    def of(cls, data: ArrayData) -> Intake:
        """Return the input of a network that was trained on a data set."""
        if data.colours is not None:
            mean, std = (
                tuple(value / BYTE for value in values)
                for values in (data.colours.mean, data.colours.std)
            )
            return cls(Colours(mean, std), "pixels in [0, 1], bytes divided by 255")
        if data.removed is not None:
            low, high = extremes(data)
            return cls(
                data.removed, f"values as in the data set, {round(low, 4):g} to {round(high, 4):g}"
            )
        channels = data.input_shape[0]
        plain = Colours((0.0,) * channels, (1.0,) * channels)
        return cls(plain, "values as the network was trained on")

    def __str__(self) -> str:
        mean, std = (
            ", ".join(f"{value:.4g}" for value in values)
            for values in (self.colours.mean, self.colours.std)
        )
        return f"{self.units}; the network itself subtracts mean {mean} and divides by std {std}"


class Portable(nn.Module):
    """Network with its normalisation.

    Args:
        network: the network; its input is normalised images, n × channels × height × width.
        colours: mean and standard deviation of each channel, in the units of the input.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, network: nn.Module, colours: Colours) -> None:
        super().__init__()
        self.network = network
        for name in ("mean", "std"):
            values = torch.tensor(getattr(colours, name), dtype=torch.float32)
            self.register_buffer(name, values.view(-1, 1, 1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits, n × classes, of images as the data set publishes them."""
        logits: torch.Tensor = self.network((images - self.mean) / self.std)
        return logits


def portable(result: TrainResult, data: ArrayData) -> Portable:
    """Return the trained network with its normalisation, on the CPU, in eval mode."""
    network = make_network(result.state, result.config, data.input_shape, data.num_classes)
    made = Portable(network, Intake.of(data).colours)
    return made.eval()


def samples(data: ArrayData) -> NDArray[np.float32]:
    """Return the first validation images in the input units of a portable network.

    There are at most 256, and fewer if images are large.
    """
    count = min(SAMPLES, len(data.val_images), max(2, VALUES // math.prod(data.input_shape)))
    stored = np.empty((count, *data.input_shape), dtype=data.val_images.dtype)
    read(data.val_images, np.arange(count), stored)
    if data.colours is not None:
        return stored.astype(np.float32) / np.float32(BYTE)
    return _restored(data, stored)


def _restored(data: ArrayData, images: NDArray[Any]) -> NDArray[np.float32]:
    """Return float images as they were before normalisation."""
    if data.removed is None:
        return images.astype(np.float32)
    mean, std = (
        np.array(values).reshape(-1, 1, 1) for values in (data.removed.mean, data.removed.std)
    )
    restored: NDArray[np.float32] = (images * std + mean).astype(np.float32)
    return restored


def extremes(data: ArrayData) -> tuple[float, float]:
    """Return the smallest and the largest value of the validation images before normalisation."""
    images = _restored(data, np.asarray(data.val_images))
    return float(images.min()), float(images.max())


def check_onnx() -> None:
    """Raise if a package for ONNX export is not installed.

    Raises:
        ConfigError: a package is missing; the message names it.
    """
    for name in NEEDED:
        try:
            importlib.import_module(name)
        except ImportError:
            raise ConfigError(
                [f"a network for ONNX needs {name}: pip install 'swast[onnx]'"]
            ) from None


def to_onnx(
    network: nn.Module, images: NDArray[np.float32], facts: Mapping[str, str]
) -> tuple[bytes, float]:
    """Export a network to ONNX, and check on some images that it computes the same logits.

    Its input is ``images``, n × channels × height × width, its output ``logits``, n × classes, for
    any n.

    Args:
        network: the network, on the CPU, in eval mode.
        images: images for the check, at least two.
        facts: metadata to write into the file.

    Returns:
        The file's content, and the largest absolute difference of a logit.

    Raises:
        ConfigError: PyTorch cannot export the network.
        DisagreementError: the logits differ by more than the tolerance.
    """
    import onnx

    with torch.no_grad():
        logits = network(torch.from_numpy(images)).numpy()
    exported = _export(network, images[:2])
    onnx.helper.set_model_props(exported, dict(facts))
    content: bytes = exported.SerializeToString()
    apart, scale = _distance(content, images, logits), max(1.0, float(np.abs(logits).max()))
    if not apart <= TOLERANCE * scale:
        raise DisagreementError(
            f"the ONNX network's logits differ from PyTorch's by {apart:.1e}; "
            f"at most {TOLERANCE * scale:.1e} is allowed"
        )
    return content, apart


def _export(network: nn.Module, images: NDArray[np.float32]) -> Any:  # noqa: ANN401
    """Export a network to an ONNX model object."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            program = torch.onnx.export(
                network,
                (torch.from_numpy(images),),
                dynamo=True,
                verbose=False,
                input_names=["images"],
                output_names=["logits"],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                external_data=False,
            )
        except Exception as error:  # a network that cannot be traced can raise almost anything
            cause = str(error).strip().partition("\n")[0]
            raise ConfigError(
                [f"PyTorch cannot export this network to ONNX: {type(error).__name__}: {cause}"]
            ) from error
    if program is None:
        raise ConfigError(["PyTorch cannot export this network to ONNX"])
    return program.model_proto


def _distance(content: bytes, images: NDArray[np.float32], logits: NDArray[np.float32]) -> float:
    """Return the largest difference of a logit in ONNX Runtime, for all images and for one alone.

    Raises:
        DisagreementError: ONNX Runtime cannot run the network on these images.
    """
    runtime: Any = importlib.import_module("onnxruntime")
    try:
        session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
        found = [session.run(None, {"images": images[:n]})[0] for n in (len(images), 1)]
    except Exception as error:  # its errors have no common base class
        cause = " ".join(str(error).split())
        raise DisagreementError(f"ONNX Runtime refuses the exported network: {cause}") from error
    return max(float(np.abs(each - logits[: len(each)]).max()) for each in found)
