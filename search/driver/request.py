"""Request for a search: the options of `swast-search` and of `search.run_search`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from search.errors import RequestError
from search.samplers.registry import SAMPLERS
from search.study.names import check_name
from search.study.tables import (
    LEAST_MEMORY,
    LEAST_UNITS,
    MOST_FLOPS,
    MOST_MEMORY,
    MOST_SEEDS,
    MOST_UNITS,
    REPLICATES,
    check_whole_gpus,
)
from swast.errors import ConfigError, shown
from swast.options import flag, option
from swast.settings import Table

LARGEST_SEED = 2**32 - 1
UNCHANGED = ("study", "name", "sampler", "seed", "deterministic", "dry_run")
"""Options of new searches alone."""
MOST_TRIALS = 10**6
MOST_RETRIES = 1000
MOST_SECONDS = 10**9


@dataclass(frozen=True, kw_only=True)
class Request(Table):
    """Request for a search. Its fields are the options, with underscores for dashes.

    Raises:
        RequestError: a value is not valid for its option.
    """

    study: str | None = option(
        None,
        "study to search (default: digits, or cifar10-resnet18 if there are GPUs)",
        metavar="NAME|FILE",
    )
    budget: int | None = option(
        None, "trials in all (default: 50)", low=1, most=MOST_TRIALS, metavar="N"
    )
    name: str | None = option(
        None, "name of the search (default: the study's, and the time)", filled=False
    )
    resume: str | None = option(
        None,
        "resume a search, or extend a finished one with a larger --budget",
        filled=False,
        metavar="NAME",
    )
    sampler: str | None = option(
        None,
        "default: ehvi from 20 trials on if BoTorch is installed, else tpe",
        names=tuple(SAMPLERS),
    )
    seed: int | None = option(
        None, "seed of the sampler (default: 0)", low=0, high=LARGEST_SEED, metavar="N"
    )
    deterministic: bool = option(
        False, "train the same trials whatever the timing; a slow trial may leave workers idle"
    )
    max_flops: float | None = option(
        None,
        "never start a trial that would cost more training FLOPs",
        above=0,
        least=1,
        most=MOST_FLOPS,
        metavar="F",
    )
    flops_budget: float | None = option(
        None,
        "training FLOPs that all trials may cost together",
        above=0,
        least=1,
        most=MOST_FLOPS,
        metavar="F",
    )
    time_budget: float | None = option(
        None,
        "stop after this time; --resume continues",
        above=0,
        least=0.01,
        most=MOST_SECONDS,
        metavar="SECONDS",
    )
    dry_run: bool = option(False, "print the price of the search, and stop")
    no_import: bool = option(
        False, "with --dry-run: import no code that the study names, and price what needs none"
    )
    replicates: str | None = option(
        None,
        "trainings of each member of the front with further seeds, within the budget: a number, "
        "or auto (the default), which also weighs them against new configurations",
        metavar="auto|N",
    )
    confirm_seeds: int | None = option(
        None,
        "train the front and what may be on it at the end with K further seeds, and correct it",
        low=0,
        most=MOST_SEEDS,
        metavar="K",
    )
    separate_warmups: bool = option(False, "train the warm-up of every trial, sharing none")
    retries: int = option(
        1,
        "retries of a failed trial, from its checkpoint (default: 1)",
        low=0,
        most=MOST_RETRIES,
        metavar="N",
    )
    gpus: int | None = option(
        None,
        "GPUs to use; 0 for CPUs alone (default: all present)",
        low=0,
        most=MOST_UNITS,
        metavar="G",
    )
    gpus_per_trial: float | None = option(
        None,
        "default: the study's, or 1",
        above=0,
        least=LEAST_UNITS,
        most=MOST_UNITS,
        metavar="G",
    )
    cpus_per_trial: float | None = option(
        None,
        "default: the study's, or 1",
        above=0,
        least=LEAST_UNITS,
        most=MOST_UNITS,
        metavar="C",
    )
    memory_per_trial: float | None = option(
        None,
        "a trial that allocates more fails (default: the study's, or no limit)",
        above=0,
        least=LEAST_MEMORY,
        most=MOST_MEMORY,
        metavar="GIB",
    )
    address: str | None = option(None, "Ray cluster to run on (default: this machine)")
    storage: str | None = option(None, "database of Optuna (default: in the home)", metavar="URL")
    tracking_uri: str | None = option(
        None, "MLflow store or server (default: in the home)", metavar="URI"
    )
    home: Path | None = option(
        None, "folder of all state (default: SWAST_HOME, or ./swast-home)", metavar="DIR"
    )
    data_dir: Path | None = option(
        None, "folder of data sets (default: SWAST_DATA, then data/ in the home)", metavar="DIR"
    )
    download: bool = option(False, "download a data set that is in none of them")
    json: Path | None = option(None, "write a summary to FILE", metavar="FILE")
    quiet: bool = option(False, "print nothing unless something goes wrong")

    def __post_init__(self) -> None:
        try:
            super().__post_init__()
            check_whole_gpus(self.gpus_per_trial, "gpus_per_trial")
        except ConfigError as error:
            raise RequestError(str(error)) from None
        self._check_replicates()
        self._check_resume()
        if self.no_import and not self.dry_run:
            raise RequestError("--no-import goes with --dry-run: a search needs its networks")

    def _check_replicates(self) -> None:
        """Refuse a number of replicates that is none.

        Raises:
            RequestError: naming the values.
        """
        if self.replicates is not None and self.replicates not in REPLICATES:
            raise RequestError(
                f"--replicates must be auto or a whole number from 0 to {MOST_SEEDS}, "
                f"got {shown(self.replicates)}"
            )

    def _check_resume(self) -> None:
        """Refuse a name that no search has, and options that a resumed search cannot have.

        Raises:
            RequestError: naming them.
        """
        if self.resume is None:
            return
        check_name(self.resume, "--resume")
        values = {flag(name): getattr(self, name) for name in UNCHANGED}
        given = [
            name for name, value in values.items() if value is not None and value is not False
        ]
        if given:
            raise RequestError(
                f"--resume takes a search as it is: leave out {' and '.join(given)}"
            )
