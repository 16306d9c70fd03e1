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


@dataclass(frozen=True, kw_only=True)
class SearchInfo:
    """Facts of a search.

    Attributes:
        name: the search's own name.
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
        confirm_seeds: further seeds over which the front is trained again at the end.
        experiment_id: its MLflow experiment, once there is one.
        run_id: its MLflow parent run, once there is one.
        tracking_uri: of its MLflow, without a password; None for the home's.
        identity: ``data`` and ``network`` by content (see `swast.identity`); None until it is
            known.
    """

    name: str
    uid: str
    study: Study
    device: str
    sampler: str
    seed: int
    budget: int
    unit: float | None = None
    max_flops: float = math.inf
    flops_budget: float = math.inf
    confirm_seeds: int = 0
    experiment_id: str | None = None
    run_id: str | None = None
    tracking_uri: str | None = None
    identity: Mapping[str, Any] | None = None

    @property
    def objectives(self) -> Objectives:
        """Score and cost of its trials."""
        return self.study.objectives

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

    def run_name(self, label: str) -> str:
        """Return the name of the MLflow run of a trial with a label."""
        return f"{self.name} {label}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values to store; the name is stored by itself."""
        values = {name: stored(getattr(self, name)) for name in FIELDS}
        return values | {"study": self.study.name, "source": self.study.source}

    @classmethod
    def from_dict(cls, name: str, kept: Mapping[str, Any]) -> SearchInfo:
        """Return the search that was stored under a name.

        Raises:
            ConfigError: its study is no longer valid.
        """
        given = {each: kept[each] for each in FIELDS if kept.get(each) is not None}
        return cls(
            name=name, study=parse_study(kept["study"], kept["source"]), **({"uid": name} | given)
        )


def stored(value: Any) -> Any:  # noqa: ANN401
    """Return a fact as it is stored: JSON has no infinity, so no limit is null."""
    return None if value == math.inf else value


FIELDS = tuple(
    each.name for each in dataclasses.fields(SearchInfo) if each.name not in ("name", "study")
)
