"""Table of recorded learning curves, and a surrogate that interpolates between them.

    python -m bench.curves RECORDED.jsonl bench/tables/digits.npz

This packs a recording of `bench.record`, and prints the surrogate's error on curves that it has
not seen.
"""

from __future__ import annotations

import argparse
import json
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Kernel, Matern, WhiteKernel
from sklearn.model_selection import KFold

from bench.record import TABLES, drawn, recorded_study
from search.study.space import Choices, Domain, Range
from search.study.study_file import Study
from swast import TrainConfig
from swast.data import load_data
from swast.environment import environment

Array = NDArray[np.float64]
FOLDS = 5
FITTED = 500
"""Curves to fit the kernel's length scales to; the process itself learns from all curves."""
OFFSET = 0.5
"""Samples added to the right and to the wrong ones, so that the logit of 100 % is finite."""


@dataclass(frozen=True)
class Table:
    """Recorded curves of n configurations of a study, s seeds each, over T epochs.

    Attributes:
        study: the study's name.
        params: the searched values of each configuration, by dotted path.
        hits: validation samples classified correctly, n × s × T.
        test_hits: test samples classified correctly at the end, n × s.
        flops: FLOPs up to each epoch, n × T.
        relative_flops: all FLOPs over those of dense training, n.
        sizes: numbers of validation and of test samples.
        environment: machine and versions of the recording.
    """

    study: str
    params: list[dict[str, Any]]
    hits: NDArray[np.int64]
    test_hits: NDArray[np.int64]
    flops: NDArray[np.int64]
    relative_flops: Array
    sizes: tuple[int, int]
    environment: dict[str, str]

    @classmethod
    def load(cls, study: str, folder: Path = TABLES) -> Table:
        """Load a study's table that `pack` wrote."""
        with np.load(folder / f"{study}.npz") as file:
            return cls(
                study,
                json.loads(str(file["params"])),
                file["hits"].astype(np.int64),
                file["test_hits"].astype(np.int64),
                file["flops"],
                file["relative_flops"],
                (int(file["sizes"][0]), int(file["sizes"][1])),
                json.loads(str(file["environment"])),
            )

    @cached_property
    def configs(self) -> list[TrainConfig]:
        """The configurations, with the first seed."""
        found = recorded_study(self.study)
        return [found.configure(values) for values in self.params]

    @property
    def accuracy(self) -> Array:
        """Validation accuracy in [0, 1], n × s × T."""
        return self.hits / self.sizes[0]


def pack(recorded: Path, study: str, path: Path) -> None:
    """Write the configurations that were recorded with every seed, in the order of the draw."""
    lines = [json.loads(line) for line in recorded.read_text().splitlines()]
    seeds = sorted({line["seed"] for line in lines})
    found = {(line["config"], line["seed"]): line for line in lines}
    whole = [
        place
        for place in range(max(line["config"] for line in lines) + 1)
        if all((place, seed) in found for seed in seeds)
    ]
    configs, kept = drawn(study, whole[-1] + 1), recorded_study(study)
    data = load_data(kept.fixed.data, kept.fixed.loading)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        path,
        params=json.dumps([kept.searched(configs[place]) for place in whole]),
        hits=_column(found, whole, seeds, "hits").astype(np.int16),
        test_hits=_column(found, whole, seeds, "test_hits").astype(np.int16),
        flops=_column(found, whole, seeds[:1], "flops")[:, 0],
        relative_flops=_column(found, whole, seeds[:1], "relative_flops")[:, 0],
        sizes=np.array([len(data.val_labels), len(data.test_labels)]),
        environment=json.dumps(environment(torch.device("cpu"))),
    )


def _column(
    found: dict[tuple[int, int], dict[str, Any]], whole: list[int], seeds: list[int], name: str
) -> NDArray[Any]:
    return np.array([[found[place, seed][name] for seed in seeds] for place in whole])


class Encoding:
    """Encoding of a study's configurations as points.

    A range becomes a number in [0, 1] (of the logarithm, for a logarithmic range), and one more
    number that is 0 or 1 for each further value. A choice becomes a number that is 0 or 1 for each
    of its values.
    """

    def __init__(self, study: Study) -> None:
        self._domains = study.space.root

    def __call__(self, config: TrainConfig) -> Array:
        """Return a configuration's point."""
        parts = [_encoded(each, config.value(each.path)) for each in self._domains]
        return np.concatenate(parts)


def _encoded(domain: Domain, value: Any) -> Array:  # noqa: ANN401
    values = domain.values
    if isinstance(values, Choices):
        return np.array([float(value == each) for each in values.values])
    also = [float(value == each) for each in values.also]
    return np.array([0.0 if any(also) else _share(values, float(value)), *also])


def _share(values: Range, value: float) -> float:
    low, high = values.low, values.high
    if values.log:
        value, low, high = np.log(value), np.log(low), np.log(high)
    return float((value - low) / (high - low))


class Surrogate:
    """Model of the learning curves of a study's configurations: a Gaussian process over logits.

    One process covers all epochs: they share a Matérn kernel with a length scale for every number
    of the encoding. Epochs of the warm-up are taken from the recording, since every configuration
    shares them.

    Args:
        table: the recording; the surrogate predicts curves of its first seed.
        places: of the configurations to learn from; all of them by default.
        kernel: with its length scales; by default they are fitted.
    """

    def __init__(
        self,
        table: Table,
        places: NDArray[np.intp] | None = None,
        kernel: Kernel | None = None,
    ) -> None:
        chosen = np.arange(len(table.params)) if places is None else places
        self._encode = Encoding(recorded_study(table.study))
        points = np.stack([self._encode(table.configs[place]) for place in chosen])
        curves = logits(table.hits[chosen, 0], table.sizes[0])
        self.kernel = kernel or _fitted(points[:FITTED], curves[:FITTED, -1:])
        self._process = GaussianProcessRegressor(self.kernel, optimizer=None, normalize_y=True)
        self._process.fit(points, curves)
        warmups = [table.configs[place].warmup_epochs for place in chosen]
        self._warmup = curves[int(np.argmax(warmups))][: max(warmups)]

    def curve(self, config: TrainConfig) -> Array:
        """Return the logit of the accuracy after each epoch, T."""
        found: Array = self._process.predict(self._encode(config)[None])[0]
        warm = min(config.warmup_epochs, len(self._warmup))
        found[:warm] = self._warmup[:warm]
        return found


def _fitted(points: Array, values: Array) -> Kernel:
    """Fit the kernel by maximum likelihood."""
    kernel = ConstantKernel() * Matern(np.ones(points.shape[1]), (0.05, 1e3), nu=2.5)
    process = GaussianProcessRegressor(kernel + WhiteKernel(0.1), normalize_y=True, random_state=0)
    with warnings.catch_warnings():  # a setting that does not matter has no length scale
        warnings.filterwarnings("ignore", "The optimal value found", ConvergenceWarning)
        return process.fit(points, values).kernel_


def logits(hits: NDArray[np.int64], samples: int) -> Array:
    """Return logits of accuracies, moved away from 0 and 1 by half a sample."""
    found: Array = logit((hits + OFFSET) / (samples + 2 * OFFSET))
    return found


def unseen(table: Table, kernel: Kernel) -> Array:
    """Return the residuals of recorded curves against surrogates that have not seen them, n × T.

    In logits. Drawn again and added to a surrogate's curves, they restore what it smooths away:
    the roughness of one seed and its own error.

    Args:
        table: the recording; a fifth of it at a time is held out.
        kernel: with length scales fitted to all of it.
    """
    curves, found = logits(table.hits[:, 0], table.sizes[0]), np.empty(table.hits[:, 0].shape)
    for learnt, held in KFold(FOLDS, shuffle=True, random_state=0).split(curves):
        surrogate = Surrogate(table, learnt, kernel)
        for place in held:
            found[place] = curves[place] - surrogate.curve(table.configs[place])
    return found


def errors(table: Table) -> dict[str, float]:
    """Return the surrogate's errors on unseen curves at the last epoch, in points of accuracy."""
    true, missed = table.accuracy[:, 0, -1], unseen(table, Surrogate(table).kernel)
    predicted = expit(logits(table.hits[:, 0, -1], table.sizes[0]) - missed[:, -1])
    miss = 100 * (predicted - true)
    again = 100 * (table.accuracy[:, 1, -1] - true)
    return {
        "configurations": len(true),
        "rms_error": float(np.sqrt(np.mean(miss**2))),
        "median_error": float(np.median(np.abs(miss))),
        "explained": float(1 - np.sum(miss**2) / np.sum((100 * (true - true.mean())) ** 2)),
        "rms_of_another_seed": float(np.sqrt(np.mean(again**2))),
        "median_of_another_seed": float(np.median(np.abs(again))),
    }


def main() -> None:
    """Pack a recording, and print the surrogate's errors."""
    parser = argparse.ArgumentParser(description="pack learning curves")
    parser.add_argument("recorded", type=Path)
    parser.add_argument("table", type=Path)
    options = parser.parse_args()
    study = options.table.stem
    pack(options.recorded, study, options.table)
    print(json.dumps(errors(Table.load(study, options.table.parent)), indent=2))


if __name__ == "__main__":
    main()
