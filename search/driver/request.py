"""What a search is asked to do: the options of `swast-search` and of `search.run_search`."""

from __future__ import annotations

import argparse
import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from search.errors import RequestError
from search.samplers.registry import SAMPLERS
from swast.errors import nearest


@dataclass(frozen=True)
class Number:
    """The numbers that an option may be."""

    kind: Callable[[Any], float]
    allowed: Callable[[float], bool]
    what: str

    def __call__(self, text: str) -> float:
        """The number that a text on the command line says."""
        try:
            value = self.kind(text)
        except ValueError:
            value = math.nan
        if not self.allowed(value):
            raise argparse.ArgumentTypeError(f"must be {self.what}, got {text!r}")
        return value

    def holds(self, value: object) -> bool:
        """Whether a value given in Python is such a number."""
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        return self.kind(value) == value and self.allowed(value) if math.isfinite(value) else False


whole = Number(int, lambda value: value >= 1, "a whole number, at least 1")
count = Number(int, lambda value: value >= 0, "a whole number, at least 0")
seed = Number(int, lambda value: 0 <= value < 2**32, "a whole number from 0 to 4294967295")
port = Number(int, lambda value: 0 <= value < 2**16, "a whole number from 0 to 65535")
positive = Number(float, lambda value: 0 < value < math.inf, "a number above 0")
share = Number(float, lambda value: 0 <= value <= 1, "a number in [0, 1]")


@dataclass(frozen=True)
class _Option:
    """How a field is given on the command line."""

    help: str
    reader: Callable[[str], Any] = str
    metavar: str | None = None
    choices: tuple[str, ...] | None = None


def _option(default: Any, help: str, *parts: Any, **more: Any) -> Any:  # noqa: ANN401
    return field(default=default, metadata={"option": _Option(help, *parts, **more)})


@dataclass(frozen=True, kw_only=True)
class Request:
    """A search to run. Fields are options, with dashes for underscores.

    Raises:
        RequestError: a value is none that the option may have.
    """

    study: str | Path | None = _option(
        None,
        "what to search (default: digits, or cifar10-resnet18 where there are GPUs)",
        metavar="NAME|FILE",
    )
    budget: int | None = _option(None, "trials in all (default: 50)", whole, "N")
    name: str | None = _option(None, "name of the search (default: the study's, and the time)")
    resume: str | None = _option(
        None,
        "go on with a search that was stopped, or extend a finished one with a larger --budget",
        metavar="NAME",
    )
    sampler: str | None = _option(
        None,
        "default: ehvi from 20 trials on where BoTorch is installed, else tpe",
        choices=tuple(SAMPLERS),
    )
    seed: int = _option(0, "seed of the sampler (default: 0)", seed, "N")
    max_flops: float | None = _option(
        None, "never start a trial that would cost more training FLOPs", positive, "F"
    )
    flops_budget: float | None = _option(
        None, "training FLOPs that all trials may cost together", positive, "F"
    )
    time_budget: float | None = _option(
        None, "stop then; what runs goes on with --resume", positive, "SECONDS"
    )
    dry_run: bool = _option(False, "print what it would cost, and stop")
    confirm_seeds: int | None = _option(
        None, "train the front again with so many further seeds at the end", count, "K"
    )
    separate_warmups: bool = _option(False, "train every trial's warm-up by itself, sharing none")
    retries: int = _option(
        1, "times a trial that failed is tried again from its checkpoint (default: 1)", count, "N"
    )
    gpus: int | None = _option(
        None, "GPUs to use; 0 for CPUs alone (default: all present)", count, "G"
    )
    gpus_per_trial: float | None = _option(None, "default: the study's, or 1", positive, "G")
    cpus_per_trial: float | None = _option(None, "default: the study's, or 1", positive, "C")
    memory_per_trial: float | None = _option(
        None, "a trial that takes more fails (default: the study's, or no limit)", positive, "GIB"
    )
    address: str | None = _option(None, "of a Ray cluster to run on (default: this machine)")
    storage: str | None = _option(None, "Optuna's (default: in the home)", metavar="URL")
    tracking_uri: str | None = _option(None, "MLflow's (default: in the home)", metavar="URI")
    home: Path | None = _option(
        None, "folder of all state (default: SWAST_HOME, or ./swast-home)", Path, "DIR"
    )
    data_dir: Path | None = _option(
        None, "folder of data sets (default: SWAST_DATA, then data/ in the home)", Path, "DIR"
    )
    download: bool = _option(False, "fetch a data set that is in none of them")
    json: Path | None = _option(None, "write a summary there", Path, "FILE")
    quiet: bool = _option(False, "print nothing while it goes well")

    def __post_init__(self) -> None:
        for each in dataclasses.fields(self):
            value, option = getattr(self, each.name), each.metadata["option"]
            if value is None:
                continue
            if option.choices and value not in option.choices:
                listed = ", ".join(option.choices)
                raise RequestError(
                    f"{each.name} must be one of {listed}, got {value!r}"
                    f"{nearest(str(value), option.choices)}"
                )
            if isinstance(option.reader, Number) and not option.reader.holds(value):
                raise RequestError(f"{each.name} must be {option.reader.what}, got {value!r}")
            if option.reader is Path:
                object.__setattr__(self, each.name, Path(value))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Every field of a request as an option."""
    for each in dataclasses.fields(Request):
        option: _Option = each.metadata["option"]
        flag = f"--{each.name.replace('_', '-')}"
        if isinstance(each.default, bool):
            parser.add_argument(flag, action="store_true", help=option.help)
        else:
            parser.add_argument(
                flag,
                type=option.reader,
                default=each.default,
                metavar=option.metavar,
                choices=option.choices,
                help=option.help,
            )
