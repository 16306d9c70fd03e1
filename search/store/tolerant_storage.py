"""Optuna's storage, which reads around damaged rows: a row spoils nothing beside itself."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Container
from dataclasses import dataclass
from typing import Any

import optuna
import sqlalchemy
from optuna.distributions import BaseDistribution
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

UNDECODABLE = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
"""Errors that Optuna raises where a row holds something else than it wrote."""
DAMAGE = "damage"
"""User attribute of a trial that could not be read as a whole: its stored state, the reason."""
TABLES = models.BaseModel.metadata.tables
STUDIES, FACTS = TABLES["studies"], TABLES["study_user_attributes"]
TRIALS, TRIAL_FACTS = TABLES["trials"], TABLES["trial_user_attributes"]


class Garbled:
    """Value of an attribute whose text is not JSON."""

    def __repr__(self) -> str:
        return "text that is not JSON"


@dataclass(frozen=True)
class StoredStudy:
    """Study in a database, whichever program made it.

    Attributes:
        id: its number in the database.
        name: its name.
        facts: its user attributes; `Garbled` for one that is not JSON.
    """

    id: int
    name: str
    facts: dict[str, Any]


class Connection(sqlite3.Connection):
    """Connection to SQLite that replaces bytes which are not UTF-8 instead of failing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self.text_factory = lambda value: value.decode(errors="replace")


class TolerantStorage(optuna.storages.RDBStorage):
    """Optuna's storage, in which a damaged trial or attribute leaves the others readable.

    A trial that cannot be read as a whole is returned without values and parameters, and with the
    user attribute `DAMAGE`: as FAIL, which samplers ignore, or in its own state if it is open.
    """

    def stored_studies(self, name: str | None = None) -> list[StoredStudy]:
        """Return the studies in the database, or those of a name, oldest first."""
        wanted = select(STUDIES.c.study_id, STUDIES.c.study_name).order_by(STUDIES.c.study_id)
        texts = select(FACTS.c.study_id, FACTS.c.key, FACTS.c.value_json)
        if name is not None:
            wanted = wanted.where(STUDIES.c.study_name == name)
            ids = select(STUDIES.c.study_id).where(STUDIES.c.study_name == name)
            texts = texts.where(FACTS.c.study_id.in_(ids))
        with self.engine.connect() as connection:
            rows = connection.execute(wanted).all()
            found = {key: StoredStudy(key, str(value), {}) for key, value in rows}
            for study_id, key, value in connection.execute(texts):
                if study_id in found:
                    found[study_id].facts[str(key)] = decoded(value)
        return list(found.values())

    def rename_study(self, study_id: int, name: str) -> None:
        """Give a study another name.

        Raises:
            DuplicatedStudyError: another study has the name.
        """
        change = sqlalchemy.update(STUDIES).where(STUDIES.c.study_id == study_id)
        try:
            with self.engine.begin() as connection:
                connection.execute(change.values(study_name=name))
        except IntegrityError:
            raise optuna.exceptions.DuplicatedStudyError from None

    def delete_study(self, study_id: int) -> None:
        """Delete a study with all its rows, unread."""
        trials = select(TRIALS.c.trial_id).where(TRIALS.c.study_id == study_id)
        with self.engine.begin() as connection:
            for table in reversed(models.BaseModel.metadata.sorted_tables):
                if "study_id" in table.c:
                    connection.execute(table.delete().where(table.c.study_id == study_id))
                elif "trial_id" in table.c:
                    connection.execute(table.delete().where(table.c.trial_id.in_(trials)))

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """Return the user attributes of a study; `Garbled` for one that is not JSON."""
        return self._attributes(FACTS, "study_id", study_id)

    def _attributes(self, table: sqlalchemy.Table, owner: str, number: int) -> dict[str, Any]:
        texts = select(table.c.key, table.c.value_json).where(table.c[owner] == number)
        with self.engine.connect() as connection:
            return {str(key): decoded(value) for key, value in connection.execute(texts)}

    def _get_trials(
        self,
        study_id: int,
        states: Container[TrialState] | None,
        included_trial_ids: set[int],
        trial_id_greater_than: int,
    ) -> list[FrozenTrial]:
        """Return trials of a study; after a failure read them one by one."""
        try:
            return super()._get_trials(study_id, states, included_trial_ids, trial_id_greater_than)
        except UNDECODABLE:
            super().get_study_name_from_id(study_id)  # KeyError: there is no such study
        ids = select(TRIALS.c.trial_id).where(TRIALS.c.study_id == study_id)
        with self.engine.connect() as connection:
            found = [row[0] for row in connection.execute(ids.order_by(TRIALS.c.trial_id))]
        wanted = [i for i in found if i in included_trial_ids or i > trial_id_greater_than]
        trials = [self.get_trial(trial_id) for trial_id in wanted]
        return [each for each in trials if states is None or each.state in states]

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """Return a trial; without what cannot be read."""
        try:
            return super().get_trial(trial_id)
        except UNDECODABLE as error:
            found = self._salvaged(trial_id, error)
            if found is None:
                raise
            return found

    def _set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
        previous_distribution: BaseDistribution | None,
    ) -> None:
        """Set a parameter, whatever a damaged trial says of the values that it may have."""
        given = (trial_id, param_name, param_value_internal, distribution)
        try:
            super()._set_trial_param(*given, previous_distribution)
        except UNDECODABLE:
            super()._set_trial_param(*given, distribution)

    def _build_frozen_trial_from_trial_model(self, trial: models.TrialModel) -> FrozenTrial:
        """Return a trial; raise one of `UNDECODABLE` if its numbers are none, or out of range."""
        found = super()._build_frozen_trial_from_trial_model(trial)
        if not isinstance(found.number, int):
            raise TypeError(f"its number is {found.number!r}")
        if not all(isinstance(key, str) for key in {**found.user_attrs, **found.system_attrs}):
            raise TypeError("a fact of it has no name")
        if found.state == TrialState.COMPLETE and not all(map(math.isfinite, found.values)):
            raise ValueError(f"its values are {found.values!r}")
        for name, value in found.params.items():
            domain = found.distributions[name]
            if not domain._contains(domain.to_internal_repr(value)):
                raise ValueError(f"its parameter {name} is {value!r}")
        return found

    def _salvaged(self, trial_id: int, error: Exception) -> FrozenTrial | None:
        """Return what can be read of a damaged trial; None if there is no such trial."""
        row = sqlalchemy.text("SELECT study_id, state FROM trials WHERE trial_id = :trial_id")
        with self.engine.connect() as connection:
            found = connection.execute(row, {"trial_id": trial_id}).first()
            if found is None:
                return None
            before = (TRIALS.c.study_id == found.study_id) & (TRIALS.c.trial_id < trial_id)
            number = connection.execute(select(func.count()).where(before)).scalar_one()
        is_open = found.state in (TrialState.RUNNING.name, TrialState.WAITING.name)
        is_open = is_open and self._has_times(trial_id)
        facts = self._attributes(TRIAL_FACTS, "trial_id", trial_id)
        return FrozenTrial(
            number=number,
            state=TrialState[found.state] if is_open else TrialState.FAIL,
            value=None,
            datetime_start=None,
            datetime_complete=None,
            params={},
            distributions={},
            user_attrs=facts | {DAMAGE: (str(found.state), f"{type(error).__name__}: {error}")},
            system_attrs={},
            intermediate_values={},
            trial_id=trial_id,
        )

    def _has_times(self, trial_id: int) -> bool:
        """Return whether the times of a trial can be read; without, Optuna cannot change it."""
        times = select(TRIALS.c.datetime_start, TRIALS.c.datetime_complete)
        try:
            with self.engine.connect() as connection:
                connection.execute(times.where(TRIALS.c.trial_id == trial_id)).all()
        except UNDECODABLE:
            return False
        return True


def decoded(text: object) -> Any:  # noqa: ANN401
    """Return the value of a JSON text; `Garbled` if it is none."""
    try:
        return json.loads(text)  # type: ignore[arg-type]
    except (RecursionError, TypeError, ValueError):
        return Garbled()
