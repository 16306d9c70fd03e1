"""Facts of a search beside its trials."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from search.errors import RequestError
from search.objectives import Objectives
from search.store.home import Home
from search.store.urls import HIDDEN
from search.study.study_file import Study, parse_study
from search.study.tables import REPLICATES
from search.trials.facts import ANY, COUNT, NUMBER, TEXT, WHOLE, Facts
from swast.errors import ConfigError
from swast.settings import FieldType, Setting

ABOVE = Setting("", above=0)
"""Range of costs and limits."""
AT_LEAST_1 = Setting("", low=1)


@dataclass(frozen=True, kw_only=True)
class Tracked:
    """A search in MLflow.

    Attributes:
        name: the search's own name.
        experiment_id: its MLflow experiment, once there is one.
        run_id: its MLflow parent run, once there is one.
        tracking_uri: of its MLflow, without a password; None for the home's.
        identity: ``data`` and ``network`` by content (see `swast.identity`); None until it is
            known.
    """

    name: str
    experiment_id: str | None = None
    run_id: str | None = None
    tracking_uri: str | None = None
    identity: Mapping[str, Any] | None = None

    @classmethod
    def salvaged(cls, name: str, kept: Mapping[str, Any]) -> Tracked:
        """Return what can be read of a search that may be damaged."""
        facts = Facts(kept, "", [])
        places = ("experiment_id", "run_id", "tracking_uri")
        return Tracked(name=name, **{each: facts.get(each, TEXT) for each in places})

    def tracked_at(self, asked: str | None, home: Home) -> str:
        """Return the URI of its MLflow: the one asked for, else the one used before.

        Raises:
            RequestError: that URI needs a password, which is not stored.
        """
        uri = asked or self.tracking_uri or home.tracking
        if HIDDEN in uri:
            raise RequestError(
                f"search {self.name!r} was tracked at {uri}, whose password is not kept; "
                "--tracking-uri gives it"
            )
        return uri


@dataclass(frozen=True, kw_only=True)
class SearchInfo(Tracked):
    """Facts of a search.

    Attributes:
        uid: unique for ever, unlike the name of a search that was deleted.
        study: the study that it runs.
        device: where its trials compute, ``cpu`` or ``cuda``.
        sampler: name of its sampler.
        seed: seed of its sampler.
        budget: trials to run.
        unit: the cost that counts as 1, that of dense training on all data of the study's
            ``[fixed]``; None until it is known.
        max_flops: the most that one trial may cost; infinite for no limit.
        flops_budget: the most that all trials may cost together; infinite for no limit.
        replicates: trainings of each member of the front with further seeds, within the budget: a
            whole number, or ``auto``; None of a search that an earlier version made.
        confirm_seeds: further seeds with which contenders are trained at the end.
        confirming: trials that are to have those trainings before others are chosen.
        lag: trials at a time for which a repeatable search was started: a proposal sees all
            trials but the last ``lag - 1`` before it; None if it sees whatever has ended.
    """

    uid: str
    study: Study
    device: str
    sampler: str
    seed: int
    budget: int
    unit: float | None = None
    max_flops: float = math.inf
    flops_budget: float = math.inf
    replicates: str | None = None
    confirm_seeds: int = 0
    lag: int | None = None
    confirming: tuple[int, ...] = ()

    @property
    def objectives(self) -> Objectives:
        """Score and cost of its trials."""
        return self.study.objectives

    @property
    def sampling(self) -> str:
        """Its sampler, seed and lag in words."""
        lag = "" if self.lag is None else f", deterministic with {self.lag} at a time"
        return f"{self.sampler}, seed {self.seed}{lag}"

    def run_name(self, label: str) -> str:
        """Return the name of the MLflow run of a trial with a label."""
        return f"{self.name} {label}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values to store; the name is stored by itself."""
        values = {name: stored(getattr(self, name)) for name in FIELDS}
        return values | {"study": self.study.name, "source": self.study.source}

    @classmethod
    def from_dict(cls, name: str, kept: Mapping[str, Any]) -> SearchInfo:
        """Return the search that was stored under a name; facts of later versions are ignored.

        Raises:
            ConfigError: a fact is missing or invalid, or its study is no longer valid.
        """
        problems: list[str] = []
        facts = Facts(kept, "", problems)
        given = {
            each: facts.get(each, kind, None, limits) for each, (kind, limits) in KINDS.items()
        }
        given["identity"] = facts.made("identity", identity)
        given["confirming"] = facts.made("confirming", numbers)
        problems += [f"{each} is missing" for each in NEEDED if kept.get(each) is None]
        if problems:
            raise ConfigError(problems)
        study = parse_study(given.pop("study"), given.pop("source"))
        known = {each: value for each, value in given.items() if value is not None}
        return cls(name=name, study=study, **({"uid": name} | known))


def identity(value: object) -> Mapping[str, Any]:
    """Return a stored identity: tables ``data`` and ``network``.

    Raises:
        TypeError: it is none.
    """
    given = value if isinstance(value, dict) else {}
    data, network = given.get("data"), given.get("network")
    if not isinstance(data, dict) or not isinstance(network, dict):
        raise TypeError("must have the tables data and network")
    for part in ("train", "val", "test"):
        known = data.get(part)
        kinds = [*map(type, known)] if isinstance(known, list) else []
        if known is not None and kinds != [int, str]:
            raise TypeError(f"data.{part} must be a number of samples and a digest")
    if not all(isinstance(each, str) for each in network.values()):
        raise TypeError("network must have a digest of each module")
    return given


def numbers(value: object) -> tuple[int, ...]:
    """Return stored numbers of trials.

    Raises:
        TypeError: they are none.
    """
    given = value if isinstance(value, list | tuple) else [None]
    if not all(type(each) is int and each >= 0 for each in given):
        raise TypeError("must be a list of numbers of trials")
    return tuple(given)


def stored(value: Any) -> Any:  # noqa: ANN401
    """Return a fact as it is stored: JSON has no infinity, so no limit is null."""
    return None if value == math.inf else value


FIELDS = tuple(
    each.name for each in dataclasses.fields(SearchInfo) if each.name not in ("name", "study")
)
KINDS: dict[str, tuple[FieldType, Setting]] = {
    "uid": (TEXT, ANY),
    "study": (TEXT, ANY),
    "source": (TEXT, ANY),
    "device": (FieldType(str, ("cpu", "cuda")), ANY),
    "sampler": (TEXT, ANY),
    "seed": (WHOLE, COUNT),
    "budget": (WHOLE, COUNT),
    "unit": (NUMBER, ABOVE),
    "max_flops": (NUMBER, ABOVE),
    "flops_budget": (NUMBER, ABOVE),
    "replicates": (FieldType(str, REPLICATES), ANY),
    "confirm_seeds": (WHOLE, COUNT),
    "lag": (WHOLE, AT_LEAST_1),
    "experiment_id": (TEXT, ANY),
    "run_id": (TEXT, ANY),
    "tracking_uri": (TEXT, ANY),
}
"""Kind and range of every stored fact."""
NEEDED = ("study", "source", "device", "sampler", "seed", "budget")
"""Facts that every search has."""
