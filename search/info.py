"""What is kept of a search beside its trials."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from search.errors import RequestError
from search.home import HIDDEN, Home
from search.study import Study, parse_study


@dataclass(frozen=True, kw_only=True)
class SearchInfo:
    """What a search is.

    Attributes:
        name: the search's own name.
        uid: its own for ever, unlike the name of a search that was deleted.
        study: the study that it runs.
        device: where its trials compute, ``cpu`` or ``cuda``.
        sampler: name of its sampler.
        seed: seed of its sampler.
        budget: trials asked for.
        max_flops: the most that one trial may cost; None for no limit.
        flops_budget: the most that all trials may cost together; None for no limit.
        confirm_seeds: further seeds over which the front is trained again at the end.
        experiment_id: its MLflow experiment, once there is one.
        run_id: its MLflow parent run, once there is one.
        tracking_uri: of the MLflow that it was told to, without a password; None for the home's.
    """

    name: str
    uid: str
    study: Study
    device: str
    sampler: str
    seed: int
    budget: int
    max_flops: float | None = None
    flops_budget: float | None = None
    confirm_seeds: int = 0
    experiment_id: str | None = None
    run_id: str | None = None
    tracking_uri: str | None = None

    def tracked_at(self, asked: str | None, home: Home) -> str:
        """The URI of its MLflow: what is asked for, else where it was told to before.

        Raises:
            RequestError: that takes a password, which is not kept.
        """
        uri = asked or self.tracking_uri or home.tracking
        if HIDDEN in uri:
            raise RequestError(
                f"search {self.name!r} was tracked at {uri}, whose password is not kept; "
                "--tracking-uri gives it"
            )
        return uri

    def run_name(self, label: str) -> str:
        """What the MLflow run of a trial with some label is called."""
        return f"{self.name} {label}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values to keep; the name is kept by itself."""
        values = {name: getattr(self, name) for name in FIELDS}
        return values | {"study": self.study.name, "source": self.study.source}

    @classmethod
    def from_dict(cls, name: str, kept: Mapping[str, Any]) -> SearchInfo:
        """The search that was kept under a name.

        Raises:
            ConfigError: its study is not one any more.
        """
        values = {"uid": name} | {field: kept[field] for field in FIELDS if field in kept}
        return cls(name=name, study=parse_study(kept["study"], kept["source"]), **values)


FIELDS = tuple(
    each.name for each in dataclasses.fields(SearchInfo) if each.name not in ("name", "study")
)
