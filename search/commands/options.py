"""Options of the commands of `swast-search`, each set of them a table of typed settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from search.study.tables import LEAST_UNITS, MOST_FLOPS, MOST_SEEDS, MOST_UNITS
from swast.options import option
from swast.settings import Table

PICKS = ("knee", "best", "cheapest", "front")
FORMATS = ("toml", "yaml", "json")


@dataclass(frozen=True, kw_only=True)
class Named(Table):
    """Name of a search."""

    name: str = option("", "name of the search", positional=True)


@dataclass(frozen=True, kw_only=True)
class Place(Table):
    """Location of searches."""

    home: Path | None = option(
        None, "folder of all state (default: SWAST_HOME, or ./swast-home)", metavar="DIR"
    )
    storage: str | None = option(None, "database of Optuna (default: in the home)", metavar="URL")


@dataclass(frozen=True, kw_only=True)
class Tracked(Table):
    """Location of a search in MLflow."""

    tracking_uri: str | None = option(
        None, "MLflow store or server (default: that of the search)", metavar="URI"
    )


@dataclass(frozen=True, kw_only=True)
class Store(Table):
    """MLflow store to write to."""

    tracking_uri: str | None = option(
        None, "MLflow store or server (default: in the home)", metavar="URI"
    )


@dataclass(frozen=True, kw_only=True)
class Printed(Table):
    """Form of the output."""

    json: bool = option(False, "print JSON")


@dataclass(frozen=True, kw_only=True)
class Data(Table):
    """Location of data sets."""

    data_dir: Path | None = option(
        None,
        "folder of data sets (default: SWAST_DATA, then data/ in SWAST_HOME or ./swast-home)",
        metavar="DIR",
    )
    download: bool = option(False, "download a data set that is in none of them")


@dataclass(frozen=True, kw_only=True)
class Retrained(Table):
    """Further trainings of exported files."""

    seeds: int = option(
        0, "verify with K further seeds as well", low=0, most=MOST_SEEDS, metavar="K"
    )


@dataclass(frozen=True, kw_only=True)
class Trusted(Table):
    """Trust in files of other machines."""

    trust: bool = option(False, "import the code of files that another machine exported")


@dataclass(frozen=True, kw_only=True)
class Exported(Table):
    """Trials to export, and their files."""

    pick: str = option("knee", "trials to export (default: knee)", names=PICKS)
    trial: int | None = option(
        None, "export this trial in place of a pick", low=0, most=10**9, metavar="N"
    )
    max_flops: float | None = option(
        None,
        "leave out trials that cost more training FLOPs",
        above=0,
        least=1,
        most=MOST_FLOPS,
        metavar="F",
    )
    min_accuracy: float | None = option(
        None,
        "leave out less accurate trials, in [0, 1] (default: those not above the study's "
        "reference_accuracy)",
        low=0,
        high=1,
        metavar="A",
    )
    within: float | None = option(
        None,
        "leave out trials more than P points below the best one left, as --pick cheapest "
        "--within 0.5",
        above=0,
        most=100,
        metavar="P",
    )
    format: str = option("toml", "format of the files (default: toml)", names=FORMATS)
    out: Path | None = option(None, "folder of the files", required=True, metavar="DIR")
    verify: bool = option(False, "train the files again and compare with the records")
    model: bool = option(
        False, "train the files again and export the networks: PyTorch, ONNX, MLflow"
    )


@dataclass(frozen=True, kw_only=True)
class Reported(Table):
    """File of a report."""

    out: Path | None = option(
        None, "file or folder of the report (default: NAME-report.html, here)", metavar="FILE"
    )


@dataclass(frozen=True, kw_only=True)
class Files(Table):
    """Exported files."""

    files: tuple[str, ...] = option((), "exported files", positional=True, metavar="FILE")


@dataclass(frozen=True, kw_only=True)
class Served(Table):
    """Search to open in MLflow, and its server."""

    name: str | None = option(None, "search to open (default: the last one)", positional=True)
    port: int = option(
        5000, "port (default: 5000, or a free one)", low=0, high=65535, metavar="PORT"
    )
    dashboard: bool = option(False, "serve Optuna's dashboard as well")


@dataclass(frozen=True, kw_only=True)
class Deleted(Table):
    """Consent to a deletion."""

    yes: bool = option(False, "do not ask")


@dataclass(frozen=True, kw_only=True)
class Collected(Table):
    """Searches to clean up."""

    name: str | None = option(None, "name of the search (default: all)", positional=True)


@dataclass(frozen=True, kw_only=True)
class Reproduced(Table):
    """Figure or table to reproduce, and its trainings."""

    name: str | None = option(
        None, "as figure-1 or table-trim; leave it out to list them", positional=True
    )
    scale: Literal["small", "paper"] = option("small", "default: small, for two cores")
    seeds: int | None = option(
        None, "default: the protocol's", low=1, most=MOST_SEEDS, metavar="N"
    )
    out: Path | None = option(None, "default: reproduced/NAME", metavar="DIR")
    workers: int | None = option(
        None, "the most trainings at a time", low=1, most=MOST_UNITS, metavar="N"
    )
    gpus: int | None = option(
        None, "default: all, at small scale none", low=0, most=MOST_UNITS, metavar="G"
    )
    gpus_per_trial: float | None = option(
        None, "default: 1", above=0, least=LEAST_UNITS, most=MOST_UNITS, metavar="G"
    )
    cpus_per_trial: float | None = option(
        None, "default: 1", above=0, least=LEAST_UNITS, most=MOST_UNITS, metavar="C"
    )
    address: str | None = option(None, "Ray cluster to run on (default: this machine)")
    quiet: bool = option(False, "print nothing unless something goes wrong")
