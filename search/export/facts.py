"""Types and ranges of the provenance in an exported file, checked when one is read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from search.objectives import STANDARD, Objectives
from swast.errors import ConfigError, shown
from swast.settings import FieldType, Setting, Table, check, setting

TABLE = "provenance"


@dataclass(frozen=True, kw_only=True)
class Origin(Table):
    """Facts of the provenance that commands use; files may have further ones.

    Raises:
        ConfigError: one has the wrong type.
    """

    table: ClassVar[str] = TABLE

    search: str = setting("", "name of the search", filled=True)
    trial: int = setting(-1, "number of the trial", low=0, high=10**9)
    config_digest: str = setting("", "digest of the configuration", filled=True)
    record_digest: str = setting("", "digest of the provenance", filled=True)
    search_uid: str | None = setting(None, "unique name of the search")
    mlflow_run: str | None = setting(None, "run of the trial in MLflow")
    cost: str = setting(STANDARD.cost.choice, "cost of the study")


def read_origin(facts: Mapping[str, Any]) -> Origin:
    """Return the facts of a file that commands use.

    Raises:
        ConfigError: some have the wrong type; all are named.
    """
    names = [each.name for each in dataclasses.fields(Origin)]
    return Origin(**{name: facts[name] for name in names if name in facts})


def check_results(facts: Mapping[str, Any], objectives: Objectives) -> None:
    """Check the results and the environment in a file.

    Raises:
        ConfigError: a result is missing, or has the wrong type or range; all are named.
    """
    score, cost = objectives.score, objectives.cost
    share = Setting("", low=score.reference, high=score.best)
    problems = [
        _number(facts, score.metric, share),
        _number(facts, cost.absolute_key, Setting("", low=0)),
        _texts(facts.get("trained_on", {})),
        *_scores("confirmed", facts.get("confirmed", {}), share),
        *_scores("readings", facts.get("readings", {}), share),
    ]
    if any(problems):
        raise ConfigError(problem for problem in problems if problem)


def _number(facts: Mapping[str, Any], name: str, limits: Setting) -> str | None:
    """Return a problem of a number that must be there."""
    return check(facts.get(name), f"{TABLE}.{name}", FieldType(float), limits)


def _texts(found: object) -> str | None:
    """Return a problem of the environment, which has texts by name."""
    if isinstance(found, Mapping) and all(isinstance(each, str) for each in found.values()):
        return None
    return f"{TABLE}.trained_on must be a table of strings, got {shown(found)}"


def _scores(table: str, found: object, limits: Setting) -> list[str | None]:
    """Return problems of the scores with several seeds, which are lists by name."""
    path = f"{TABLE}.{table}"
    if not isinstance(found, Mapping):
        return [f"{path} must be a table of lists, got {shown(found)}"]
    problems: list[str | None] = []
    for name, values in found.items():
        if not isinstance(values, list):
            problems.append(f"{path}.{name} must be a list of numbers, got {shown(values)}")
        elif name == "seeds":
            problems += [
                check(each, f"{path}.seeds", FieldType(int), Setting("")) for each in values
            ]
        else:
            problems += [
                check(each, f"{path}.{name}", FieldType(float), limits) for each in values
            ]
    return problems
