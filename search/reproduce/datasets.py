"""Data sets and subsets of them, for studies that train on several."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from studies.outcomes import Cell
from studies.subsets import Subset, take
from swast.config import LoadingConfig, TrainConfig
from swast.data import ArrayData, Places, load_data
from swast.errors import DataError
from swast.forecast import predict
from swast.models import outline
from swast.run import check_coreset


class DataSets:
    """Data sets and their subsets, each loaded once.

    Args:
        places: folders of data sets.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._loaded: dict[tuple[str, LoadingConfig, Subset], ArrayData] = {}

    def of(self, cell: Cell) -> ArrayData:
        """Return the data of a cell.

        Raises:
            DataError: it is missing or unusable, or smaller than the subset.
        """
        config = cell.config
        key = config.data, config.loading, cell.subset
        if key not in self._loaded:
            whole = load_data(config.data, config.loading, self._places)
            try:
                self._loaded[key] = take(whole, cell.subset)
            except ValueError as error:
                raise DataError(f"data {config.data!r}: {error}") from None
        return self._loaded[key]

    def check(self, cells: Iterable[Cell]) -> None:
        """Check trainings as far as possible before the first of them starts.

        Raises:
            DataError: data are missing or unusable.
            ConfigError: a network cannot be built, a coreset is too small to hold every class, or
                the package that removes channels is not installed.
        """
        seen: set[tuple[TrainConfig, Subset]] = set()
        for cell in cells:
            like = replace(cell.config, seed=0), cell.subset
            if like not in seen:
                seen.add(like)
                data = self.of(cell)
                check_coreset(cell.config, data)
                outline(cell.config.model, data.input_shape, data.num_classes)
                if cell.config.prune.traits.changes_shapes:
                    predict(cell.config, data)


def groups(cells: Iterable[Cell]) -> list[list[Cell]]:
    """Return cells grouped by their data, in their order."""
    found: dict[tuple[str, LoadingConfig, Subset], list[Cell]] = {}
    for cell in cells:
        key = cell.config.data, cell.config.loading, cell.subset
        found.setdefault(key, []).append(cell)
    return list(found.values())
