"""Repository of searches and their trials in Optuna's storage, the one source of truth.

The search asks Optuna for trials and reports their outcome; Optuna's own loop never runs. A trial
that did not make every epoch is reported as PRUNED or FAIL, never as COMPLETE, so partial values
cannot reach the front.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import optuna
from optuna.trial import Trial, TrialState

from search.samplers.in_order import InOrder
from search.samplers.parameters import draw, parameters
from search.samplers.problem import REPEATS, Prices, Problem
from search.samplers.registry import make_in_order, make_sampler
from search.samplers.wrappers import Guarded
from search.store.retrying_storage import open_storage
from search.store.urls import shown
from search.trials.estimated import Estimator, validation_samples
from search.trials.facts import Facts, reading
from search.trials.proposal import Proposal
from search.trials.readings import Reading
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
    reference_of,
    repeats_of,
)
from search.trials.stored_searches import check_study, found_in, new_study
from search.trials.trial_record import TrialRecord
from swast.config import TrainConfig


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
        self._sampler: Guarded | InOrder | None = None
        self._prices: Prices | None = None
        self._asked: dict[int, Trial] = {}
        self.estimator = Estimator(info)

    @classmethod
    def create(cls, storage_url: str, info: SearchInfo) -> SearchTrials:
        """Create a search: its study, with the references enqueued.

        Raises:
            RequestError: the name is taken, or the storage cannot be used.
        """
        trials = cls(info, new_study(open_storage(storage_url), info), info.seed)
        trials.enqueue_references()
        return trials

    @classmethod
    def load(cls, storage_url: str, name: str, *, to_change: bool = False) -> SearchTrials:
        """Return an existing search.

        Args:
            storage_url: URL of the storage.
            name: of the search.
            to_change: whether it is to be resumed, or its checkpoints sorted out.

        Raises:
            RequestError: there is no search of that name.
            UnreadableError: it is damaged, or a newer version wrote it in another format; to be
                changed, it must be of this format.
        """
        storage = open_storage(storage_url)
        found = found_in(storage, name, shown(storage_url))
        with reading(name, found.facts):
            study = optuna.load_study(study_name=name, storage=storage)
            info = SearchInfo.from_dict(name, found.facts)
            drawn = study.get_trials(deepcopy=False)
            if info.unit is None:
                info = dataclasses.replace(info, unit=recorded_unit(info.study, drawn))
            check_study(study, info, found.facts, to_change=to_change)
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

    def enqueue_references(self) -> None:
        """Enqueue the references that the search does not have yet."""
        trials = self._study.get_trials(deepcopy=False)
        known = {trial.user_attrs.get("reference") for trial in trials}
        for name, config in self.info.study.references.items():
            if name not in known:
                self._enqueue(config, {"reference": name})

    def complete_runs(self, run_of: Callable[[int], str | None], *, again: bool = False) -> None:
        """Store the runs of trials that ended during an MLflow outage and have a run by now.

        Args:
            run_of: the id of a trial's run, by its number; None if it has none.
            again: also of trials that have another run by now, as after a change of MLflow.
        """
        for record in self.records():
            run_id = run_of(record.number)
            if run_id and run_id != record.run_id and (again or record.run_id is None):
                self._study.set_user_attr(f"{LATE_RUN}{record.number}", run_id)

    def add_reading(self, number: int, seed: int, reading: Reading) -> None:
        """Store a reading of a trial's configuration with a seed, in place of an earlier one."""
        self._study.set_user_attr(
            f"reading-{number}-{seed}", reading.to_dict(self.info.objectives)
        )

    def ask(self, *, at_random: bool = False) -> Proposal:
        """Return the next trial to run: a waiting reference, else the sampler's proposal.

        Args:
            at_random: draw from the space without the sampler.
        """
        self._use_sampler(at_random=at_random)
        return self._propose(self._study.ask())

    def _use_sampler(self, *, at_random: bool) -> None:
        """Give the study its sampler, or one that draws at random."""
        self._study.sampler = self._own_sampler()
        if at_random:
            seed = (self.info.seed + len(self._study.get_trials(deepcopy=False))) % 2**32
            self._study.sampler = self._make_sampler("random", seed)

    def better_again(self) -> int | None:
        """Return the trial that deserves another seed more than a new one, by the sampler."""
        return self._own_sampler().better_again(self._study)

    def ask_again(self, number: int, config: TrainConfig, seed: int) -> Proposal:
        """Return a new trial that trains the configuration of another one with another seed."""
        again = config.with_values({"seed": seed})
        self._enqueue(config, {REPEATS: number, "config": again.to_dict()})
        return self._propose(self._study.ask())

    @property
    def sampler_trouble(self) -> str | None:
        """The first failure of the sampler in words, if it failed."""
        return None if self._sampler is None else self._sampler.trouble

    def _own_sampler(self) -> Guarded | InOrder:
        if self._sampler is None:
            self._sampler = self._make_sampler(self.info.sampler, self._seed)
        return self._sampler

    def _make_sampler(self, name: str, seed: int) -> Guarded | InOrder:
        info = self.info
        known = info.study.space, info.objectives, info.unit or 1.0, self._prices
        problem = Problem(*known, validation_samples(info))
        if info.lag is not None:
            return make_in_order(name, problem, info.seed, info.budget, info.lag)
        return make_sampler(name, problem, seed, info.budget)

    def orphans(self, at_random: Callable[[int], bool] = lambda _: False) -> list[Proposal]:
        """Return the trials that a dead driver left running, to be run again.

        Args:
            at_random: whether a trial that has no configuration yet is drawn without the sampler.
        """
        found = []
        for frozen in self._study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
            if frozen.number not in self._asked:
                if "config" not in frozen.user_attrs:
                    self._use_sampler(at_random=at_random(frozen.number))
                found.append(self._propose(Trial(self._study, frozen._trial_id)))
        return found

    def _propose(self, trial: Trial) -> Proposal:
        """Return a running trial with its configuration: the stored one, or a new one to store."""
        self._asked[trial.number] = trial
        facts = trial.user_attrs
        reference = reference_of(facts, self.info.study)
        repeats = repeats_of(facts)
        config = Facts(facts, "", []).made("config", TrainConfig.from_dict)
        if config is None:
            config = self._configure(trial, reference)
            config = config.with_values({"device": self.info.device})
            trial.set_user_attr("config", config.to_dict())
        elif repeats is not None and self._in_space(config):
            draw(trial, self.info.study.space)
        return Proposal(trial.number, config, reference, "begun" in facts, repeats)

    def _configure(self, trial: Trial, reference: str | None) -> TrainConfig:
        study = self.info.study
        if reference is None:
            return study.configure(draw(trial, study.space))
        config = study.references[reference]
        if study.contains(config):
            draw(trial, study.space)
        return config

    def _in_space(self, config: TrainConfig) -> bool:
        """Return whether a sampler could propose a configuration with the study's seed."""
        study = self.info.study
        return study.contains(config.with_values({"seed": study.fixed.seed}))

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
        """Return the record of every trial, by number; waiting references have none.

        Raises:
            UnreadableError: the search is damaged.
        """
        facts, info = self._study.user_attrs, self.info
        readings = readings_of(facts, info.objectives)
        with reading(info.name, facts):
            trials = self._study.get_trials(deepcopy=False)
            records = [
                record_of(info.study, trial, info.unit)
                for trial in trials
                if trial.state != TrialState.WAITING
            ]
        return [late_run(replace(each, readings=readings[each.number]), facts) for each in records]

    def estimated(self) -> list[TrialRecord]:
        """Return the records with estimates of the scores over seeds; errors as of `records`."""
        return self.estimator.attach(self.records())

    def _enqueue(self, config: TrainConfig, facts: dict[str, Any]) -> None:
        """Enqueue a trial; only one within the space has parameters."""
        study, fixed = self.info.study, {}
        if study.contains(config):
            fixed = parameters(study.space, study.searched(config))
        self._study.enqueue_trial(fixed, user_attrs=facts)
