"""Repository of searches and their trials in Optuna's storage, the one source of truth.

The search asks Optuna for trials and reports their outcome; Optuna's own loop never runs. A trial
that did not make every epoch is reported as PRUNED or FAIL, never as COMPLETE, so partial values
cannot reach the front.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import optuna
from optuna.samplers import BaseSampler
from optuna.trial import Trial, TrialState

from search.errors import RequestError
from search.samplers.parameters import draw, parameters
from search.samplers.problem import Prices, Problem
from search.samplers.registry import make_sampler
from search.store.retrying_storage import open_storage
from search.store.urls import shown
from search.trials.search_info import SearchInfo, stored
from search.trials.serialization import (
    LATE_RUN,
    OPTUNA_STATES,
    begun_of,
    late_run,
    outcome_of,
    readings_of,
    record_of,
    recorded_unit,
)
from search.trials.stored_searches import LAST, checked, name_taken, names_in, remove_unfinished
from search.trials.trial_record import Reading, TrialRecord
from swast.config import TrainConfig


@dataclass(frozen=True)
class Proposal:
    """A trial to run.

    Attributes:
        number: of the trial.
        config: the configuration to train.
        reference: the name of the reference that it is, if it is one.
        begun: whether it was started before.
    """

    number: int
    config: TrainConfig
    reference: str | None
    begun: bool = False


class SearchTrials:
    """One search in Optuna's storage.

    Args:
        info: facts of the search.
        study: its Optuna study.
        seed: of the sampler.
    """

    def __init__(self, info: SearchInfo, study: optuna.Study, seed: int) -> None:
        self.info = info
        self._study, self._seed = study, seed
        self._sampler: BaseSampler | None = None
        self._prices: Prices | None = None
        self._asked: dict[int, Trial] = {}

    @classmethod
    def create(cls, storage_url: str, info: SearchInfo) -> SearchTrials:
        """Create a search: its study, with the references enqueued.

        Raises:
            RequestError: the name is taken, or the storage cannot be used.
        """
        storage, axes = open_storage(storage_url), info.objectives
        remove_unfinished(storage, info.name)
        try:
            study = optuna.create_study(
                study_name=info.name,
                storage=storage,
                directions=[axes.score.direction, axes.cost.direction],
            )
        except optuna.exceptions.DuplicatedStudyError:
            raise name_taken(info.name) from None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names([axes.score.metric, axes.cost.absolute_key])
        trials = cls(info, study, info.seed)
        facts = info.to_dict()
        for key in sorted(facts, key=lambda key: key == LAST):
            study.set_user_attr(key, facts[key])
        trials.enqueue_references()
        return trials

    @classmethod
    def load(cls, storage_url: str, name: str) -> SearchTrials:
        """Return an existing search.

        Raises:
            RequestError: there is no search of that name.
        """
        storage = open_storage(storage_url)
        try:
            study = optuna.load_study(study_name=checked(name), storage=storage)
        except KeyError:
            known = names_in(storage)
            listed = f"; there are {', '.join(known)}" if known else ""
            raise RequestError(f"no search named {name!r}{listed}") from None
        if LAST not in study.user_attrs:
            raise RequestError(f"{name!r} in {shown(storage_url)} was not made by swast-search")
        info = SearchInfo.from_dict(name, study.user_attrs)
        drawn = study.get_trials(deepcopy=False)
        if info.unit is None:
            info = dataclasses.replace(info, unit=recorded_unit(info.study, drawn))
        return cls(info, study, (info.seed + len(drawn)) % 2**32)

    @property
    def study_id(self) -> int:
        """The number of the search in Optuna's storage."""
        return int(self._study._study_id)

    def remember(self, **values: Any) -> None:  # noqa: ANN401
        """Change facts of the search, here and in the storage."""
        for key, value in values.items():
            self._study.set_user_attr(key, stored(value))
        self.info = dataclasses.replace(self.info, **values)

    def know_prices(self, prices: Prices | None) -> None:
        """Set the costs before training for the sampler; call this before `ask`."""
        self._prices = prices

    def delete(self) -> None:
        """Remove the search from the storage, with all its trials."""
        optuna.delete_study(study_name=self.info.name, storage=self._study._storage)

    def enqueue_references(self) -> None:
        """Enqueue the references that the search does not have yet.

        Only those within the space have parameters.
        """
        trials = self._study.get_trials(deepcopy=False)
        known = {trial.user_attrs.get("reference") for trial in trials}
        for name, config in self.info.study.references.items():
            if name not in known:
                self._enqueue(name, config)

    def complete_runs(self, run_of: Callable[[int], str | None]) -> None:
        """Store the runs of trials that ended during an MLflow outage and have a run by now.

        Args:
            run_of: the id of a trial's run, by its number; None if it has none.
        """
        for record in self.records():
            if record.run_id is None and (run_id := run_of(record.number)):
                self._study.set_user_attr(f"{LATE_RUN}{record.number}", run_id)

    def add_reading(self, number: int, seed: int, reading: Reading) -> None:
        """Store a reading of a training on the test set."""
        self._study.set_user_attr(
            f"reading-{number}-{seed}", reading.to_dict(self.info.objectives)
        )

    def ask(self, *, at_random: bool = False) -> Proposal:
        """Return the next trial to run: a waiting reference, else the sampler's proposal.

        Args:
            at_random: draw from the space without the sampler.
        """
        if self._sampler is None:
            self._sampler = self._make_sampler(self.info.sampler, self._seed)
        self._study.sampler = self._sampler
        if at_random:
            drawn = len(self._study.get_trials(deepcopy=False))
            seed = (self.info.seed + drawn) % 2**32
            self._study.sampler = self._make_sampler("random", seed)
        return self._propose(self._study.ask())

    def _make_sampler(self, name: str, seed: int) -> BaseSampler:
        info = self.info
        problem = Problem(info.study.space, info.objectives, info.unit or 1.0, self._prices)
        return make_sampler(name, problem, seed, info.budget)

    def orphans(self) -> list[Proposal]:
        """Return the trials that a dead driver left running, to be run again."""
        return [
            self._propose(Trial(self._study, frozen._trial_id))
            for frozen in self._study.get_trials(deepcopy=False, states=[TrialState.RUNNING])
            if frozen.number not in self._asked
        ]

    def _propose(self, trial: Trial) -> Proposal:
        """Return a running trial with its configuration: the stored one, or a new one to store."""
        self._asked[trial.number] = trial
        facts, reference = trial.user_attrs, trial.user_attrs.get("reference")
        if "config" in facts:
            config = TrainConfig.from_dict(facts["config"])
        else:
            config = self._configure(trial, reference)
            config = config.with_values({"device": self.info.device})
            trial.set_user_attr("config", config.to_dict())
        return Proposal(trial.number, config, reference, "begun" in facts)

    def _configure(self, trial: Trial, reference: str | None) -> TrainConfig:
        study = self.info.study
        if reference is None:
            return study.configure(draw(trial, study.space))
        config = study.references[reference]
        if study.contains(config):
            draw(trial, study.space)
        return config

    def constrain(self, number: int, excess: float) -> None:
        """Give the sampler the cost of a trial above the limit; 0 or less if it is allowed."""
        self._asked[number].set_constraint("max_flops", excess)

    def note(self, number: int, **values: Any) -> None:  # noqa: ANN401
        """Store facts of a running trial."""
        trial = self._asked[number]
        for key, value in values.items():
            if trial.user_attrs.get(key) != value:
                trial.set_user_attr(key, value)

    def settle(self, record: TrialRecord) -> None:
        """Report how a trial ended to Optuna, and store its outcome.

        Args:
            record: ``complete`` with score and cost of the whole schedule, ``pruned`` or
                ``failed`` with the values that it has.

        Raises:
            ValueError: a complete trial without finite values.
        """
        trial = self._asked[record.number]
        values = None
        if record.state == "complete":
            found = (record.score, record.cost)
            values = [float(value) for value in found if value is not None]
            if len(values) < len(found) or not all(map(math.isfinite, values)):
                raise ValueError(f"trial {record.number} is complete without values: {found}")
        trial.set_user_attr("outcome", outcome_of(record, self.info.objectives))
        self._study.tell(trial, values, OPTUNA_STATES[record.state])
        del self._asked[record.number]

    def pause(self, record: TrialRecord) -> None:
        """Mark a trial as paused, and store how far it came."""
        outcome = outcome_of(record, self.info.objectives)
        self.note(record.number, paused=True, outcome=outcome)

    def start(self, record: TrialRecord) -> None:
        """Mark a trial as started."""
        self.note(record.number, begun=begun_of(record), paused=False)

    def running(self) -> list[int]:
        """Return the numbers of the trials that this object proposed and that have not ended."""
        return sorted(self._asked)

    def records(self) -> list[TrialRecord]:
        """Return the record of every trial, by number; waiting references have none."""
        facts, info = self._study.user_attrs, self.info
        readings = readings_of(facts, info.objectives)
        return [
            late_run(
                replace(record_of(info.study, trial, info.unit), readings=readings[trial.number]),
                facts,
            )
            for trial in self._study.get_trials(deepcopy=False)
            if trial.state != TrialState.WAITING
        ]

    def _enqueue(self, name: str, config: TrainConfig) -> None:
        study = self.info.study
        fixed = {}
        if study.contains(config):
            fixed = parameters(study.space, study.searched(config))
        self._study.enqueue_trial(fixed, user_attrs={"reference": name})


def search_names(storage_url: str) -> list[str]:
    """Return the names of the searches in a storage, oldest first."""
    return names_in(open_storage(storage_url))
