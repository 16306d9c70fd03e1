"""Repeated trainings of configurations, in this process and outside of any search."""

from __future__ import annotations

from swast.cli import progress
from swast.config import TrainConfig
from swast.data import ArrayData, Places, load_data
from swast.result import TrainResult
from swast.training import train


class Retraining:
    """Trainer of configurations that loads each data set once.

    Args:
        places: folders of data sets.
        quiet: show no progress bar; off a terminal there is none anyway.
    """

    def __init__(self, places: Places, *, quiet: bool = False) -> None:
        self._places, self._quiet = places, quiet
        self._loaded: dict[object, ArrayData] = {}

    def data(self, config: TrainConfig) -> ArrayData:
        """Return the data set of a configuration, with clean labels.

        Raises:
            DataError: it is missing or unusable.
        """
        key = (config.data, config.loading)
        if key not in self._loaded:
            self._loaded[key] = load_data(config.data, config.loading, self._places)
        return self._loaded[key]

    def train(self, config: TrainConfig, seed: int | None = None) -> TrainResult:
        """Train a configuration to its end, with its own seed or another one.

        Raises:
            DataError: the data are missing or unusable.
            ConfigError: it cannot be trained here.
            DivergedError: the loss stopped being finite.
        """
        chosen = config if seed is None else config.with_values({"seed": seed})
        data = self.data(chosen)
        with progress(chosen, quiet=self._quiet) as on_epoch:
            return train(chosen, data=data, on_epoch=on_epoch)
