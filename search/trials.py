"""Searches and their trials, kept in Optuna's storage, the one source of truth.

Trials are asked for and told, never optimised by Optuna's own loop. A trial that did not make
every epoch is told PRUNED or FAIL, never COMPLETE, so that partial values cannot reach the front.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.trial import Trial, TrialState

from search.ehvi.costs import Prices
from search.errors import RequestError
from search.home import shown
from search.info import FIELDS, SearchInfo
from search.kept import LATE_RUN, TOLD, late_run, outcome_of, readings_of, record_of
from search.names import is_name
from search.parameters import draw, inside, parameters
from search.records import Reading, TrialRecord
from search.sampler import KnowsPrices, make_sampler
from search.storage import open_storage
from swast.config import TrainConfig

optuna.logging.set_verbosity(optuna.logging.ERROR)

LAST = "source"
"""The fact that is kept last of a new search: one without it is not whole."""


@dataclass(frozen=True)
class Proposal:
    """A trial to run.

    Attributes:
        number: of the trial.
        config: what it trains.
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
        info: what the search is.
        study: its Optuna study.
    """

    def __init__(self, info: SearchInfo, study: optuna.Study) -> None:
        self.info = info
        self._study = study
        self._asked: dict[int, Trial] = {}

    @classmethod
    def create(cls, storage_url: str, info: SearchInfo) -> SearchTrials:
        """Start a search: its study, and its references enqueued.

        Raises:
            RequestError: the name is taken, or the storage cannot be used.
        """
        storage = open_storage(storage_url)
        _remove_unfinished(storage, info.name)
        try:
            study = optuna.create_study(
                study_name=info.name,
                storage=storage,
                sampler=make_sampler(info.sampler, info.seed, info.budget),
                directions=["maximize", "minimize"],
            )
        except optuna.exceptions.DuplicatedStudyError:
            raise RequestError(
                f"a search named {info.name!r} exists; --resume {info.name} goes on with it, "
                "--name chooses another name"
            ) from None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names(["val_accuracy", "train_flops"])
        trials = cls(info, study)
        facts = info.to_dict()
        for key in sorted(facts, key=lambda key: key == LAST):
            study.set_user_attr(key, facts[key])
        trials.enqueue_references()
        return trials

    @classmethod
    def load(cls, storage_url: str, name: str) -> SearchTrials:
        """An existing search.

        Raises:
            RequestError: there is none of that name.
        """
        storage = open_storage(storage_url)
        try:
            study = optuna.load_study(study_name=_asked(name), storage=storage)
        except KeyError:
            known = _names(storage)
            listed = f"; there are {', '.join(known)}" if known else ""
            raise RequestError(f"no search named {name!r}{listed}") from None
        if LAST not in study.user_attrs:
            raise RequestError(f"{name!r} in {shown(storage_url)} was not made by swast-search")
        info = SearchInfo.from_dict(name, study.user_attrs)
        drawn = len(study.get_trials(deepcopy=False))
        study.sampler = make_sampler(info.sampler, (info.seed + drawn) % 2**32, info.budget)
        return cls(info, study)

    @property
    def study_id(self) -> int:
        """The number that Optuna has given the search in its storage."""
        return int(self._study._study_id)

    def remember(self, **values: Any) -> None:  # noqa: ANN401
        """Change what the search is, here and in the storage."""
        for key, value in values.items():
            self._study.set_user_attr(key, value)
        self.info = dataclasses.replace(self.info, **values)

    def tell_prices(self, prices: Prices) -> None:
        """Tell the sampler what configurations cost, if it is one that asks."""
        if isinstance(self._study.sampler, KnowsPrices):
            self._study.sampler.know_prices(prices)

    def delete(self) -> None:
        """Remove the search from the storage, with all its trials."""
        optuna.delete_study(study_name=self.info.name, storage=self._study._storage)

    def enqueue_references(self) -> None:
        """Let those references wait that the search does not know yet.

        They carry parameters only where they lie in the space.
        """
        trials = self._study.get_trials(deepcopy=False)
        known = {trial.user_attrs.get("reference") for trial in trials}
        for name, config in self.info.study.references.items():
            if name not in known:
                self._enqueue(name, config)

    def complete_runs(self, run_of: Callable[[int], str | None]) -> None:
        """Keep the runs of trials that ended while MLflow was away and have got one since.

        Args:
            run_of: the id of a trial's run, by its number; None if it has none.
        """
        for record in self.records():
            if record.run_id is None and (run_id := run_of(record.number)):
                self._study.set_user_attr(f"{LATE_RUN}{record.number}", run_id)

    def add_reading(self, number: int, seed: int, reading: Reading) -> None:
        """Keep what a training of a trial gave on the test set."""
        self._study.set_user_attr(f"reading-{number}-{seed}", dataclasses.asdict(reading))

    def ask(self, *, at_random: bool = False) -> Proposal:
        """The next trial to run: a reference that waits, else what the sampler proposes.

        Args:
            at_random: drawn from the space without the sampler.
        """
        sampler = self._study.sampler
        if at_random:
            drawn = len(self._study.get_trials(deepcopy=False))
            seed = (self.info.seed + drawn) % 2**32
            self._study.sampler = make_sampler("random", seed, self.info.budget)
        try:
            return self._propose(self._study.ask())
        finally:
            self._study.sampler = sampler

    def orphans(self) -> list[Proposal]:
        """Trials that a driver that died left running; they are to be run again, as they were."""
        return [
            self._propose(Trial(self._study, frozen._trial_id))
            for frozen in self._study.get_trials(deepcopy=False, states=[TrialState.RUNNING])
            if frozen.number not in self._asked
        ]

    def _propose(self, trial: Trial) -> Proposal:
        """The configuration of a running trial: kept with it, or made now and kept."""
        self._asked[trial.number] = trial
        kept, reference = trial.user_attrs, trial.user_attrs.get("reference")
        if "config" in kept:
            config = TrainConfig.from_dict(kept["config"])
        else:
            config = self._configure(trial, reference)
            config = config.with_values({"device": self.info.device})
            trial.set_user_attr("config", config.to_dict())
        return Proposal(trial.number, config, reference, "begun" in kept)

    def _configure(self, trial: Trial, reference: str | None) -> TrainConfig:
        study = self.info.study
        if reference is None:
            return draw(trial, study)
        config = study.references[reference]
        if inside(study, config):
            draw(trial, study)
        return config

    def constrain(self, number: int, excess: float) -> None:
        """Tell the sampler by how much a trial exceeds the FLOPs allowed; 0 or less if not."""
        self._asked[number].set_constraint("max_flops", excess)

    def note(self, number: int, **values: Any) -> None:  # noqa: ANN401
        """Keep facts about a running trial with it."""
        trial = self._asked[number]
        for key, value in values.items():
            if trial.user_attrs.get(key) != value:
                trial.set_user_attr(key, value)

    def settle(self, record: TrialRecord) -> None:
        """Tell how a trial ended, with all that is known of it.

        Args:
            record: ``complete`` with accuracy and FLOPs of the whole schedule, ``pruned`` or
                ``failed`` with whatever it came to.

        Raises:
            ValueError: a complete trial without finite values.
        """
        trial = self._asked[record.number]
        values = None
        if record.state == "complete":
            found = (record.accuracy, record.train_flops)
            values = [float(value) for value in found if value is not None]
            if len(values) < len(found) or not all(map(math.isfinite, values)):
                raise ValueError(f"trial {record.number} is complete without values: {found}")
        trial.set_user_attr("outcome", outcome_of(record))
        self._study.tell(trial, values, TOLD[record.state])
        del self._asked[record.number]

    def pause(self, record: TrialRecord) -> None:
        """Keep how far a trial came that is to be gone on with."""
        self.note(record.number, paused=True, outcome=outcome_of(record))

    def running(self) -> list[int]:
        """Numbers of the trials asked for here and not told yet."""
        return sorted(self._asked)

    def records(self) -> list[TrialRecord]:
        """Every trial that was started, by number."""
        facts = self._study.user_attrs
        readings = readings_of(facts)
        return [
            late_run(
                replace(record_of(self.info.study, trial), readings=readings[trial.number]), facts
            )
            for trial in self._study.get_trials(deepcopy=False)
            if trial.state != TrialState.WAITING
        ]

    def _enqueue(self, name: str, config: TrainConfig) -> None:
        fixed = parameters(self.info.study, config)
        self._study.enqueue_trial(fixed, user_attrs={"reference": name})


def search_names(storage_url: str) -> list[str]:
    """Names of the searches in a storage, oldest first."""
    return _names(open_storage(storage_url))


def _asked(name: str) -> str:
    """A name to look for.

    Raises:
        KeyError: no search could have it.
    """
    if not is_name(name):
        raise KeyError(name)
    return name


def _names(storage: BaseStorage) -> list[str]:
    """Names of the searches among a storage's studies; others may have made some of these."""
    studies = storage.get_all_studies()
    names = [each.study_name for each in studies if LAST in each.user_attrs]
    return [name for name in names if is_name(name)]


def _remove_unfinished(storage: BaseStorage, name: str) -> None:
    """Remove what a driver left that died while it made a search of that name.

    It has no trials, and of the facts some at most; others' studies are left alone.
    """
    for study in storage.get_all_studies():
        ours = study.user_attrs.keys() <= set(FIELDS) | {"study"}
        if study.study_name == name and ours and not storage.get_n_trials(study._study_id):
            storage.delete_study(study._study_id)
