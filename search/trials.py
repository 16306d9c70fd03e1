"""Searches and their trials, kept in Optuna's storage, the one source of truth.

Trials are asked for and told, never optimised by Optuna's own loop. A trial that did not make
every epoch is told PRUNED or FAIL, never COMPLETE, so that partial values cannot reach the front.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from search.errors import RequestError
from search.pareto import reference_point
from search.records import State, TrialRecord, flops_spent, front_of, hypervolume_of, stopped
from search.sampler import draw, inside, make_sampler, parameters
from search.storage import open_storage
from search.study import Study, parse_study
from swast.config import TrainConfig

optuna.logging.set_verbosity(optuna.logging.ERROR)

STATES: dict[TrialState, State] = {
    TrialState.WAITING: "waiting",
    TrialState.RUNNING: "running",
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}
TOLD = {state: told for told, state in STATES.items()}
OUTCOME = (
    "accuracy",
    "train_flops",
    "relative_flops",
    "epochs",
    "seconds",
    "flops",
    "reason",
    "rejected",
    "stopped_at",
)


@dataclass(frozen=True)
class SearchInfo:
    """What is kept of a search beside its trials.

    Attributes:
        name: the search's own name.
        uid: its own for ever, unlike the name of a search that was deleted.
        study: the study that it runs.
        device: where its trials compute, ``cpu`` or ``cuda``.
        sampler: name of its sampler.
        seed: seed of its sampler.
        budget: trials asked for.
        experiment_id: its MLflow experiment, once there is one.
        run_id: its MLflow parent run, once there is one.
    """

    name: str
    uid: str
    study: Study
    device: str
    sampler: str
    seed: int
    budget: int
    experiment_id: str | None = None
    run_id: str | None = None


@dataclass(frozen=True)
class Proposal:
    """A trial to run, with its MLflow run if it was begun before."""

    number: int
    config: TrainConfig
    reference: str | None
    run_id: str | None = None


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
        trials.remember(
            uid=info.uid,
            study=info.study.name,
            source=info.study.source,
            device=info.device,
            sampler=info.sampler,
            seed=info.seed,
            budget=info.budget,
        )
        for name, config in info.study.references.items():
            trials._enqueue(name, config)
        return trials

    @classmethod
    def load(cls, storage_url: str, name: str) -> SearchTrials:
        """An existing search.

        Raises:
            RequestError: there is none of that name.
        """
        storage = open_storage(storage_url)
        try:
            study = optuna.load_study(study_name=name, storage=storage)
        except KeyError:
            known = [each.study_name for each in storage.get_all_studies()]
            listed = f"; there are {', '.join(known)}" if known else ""
            raise RequestError(f"no search named {name!r}{listed}") from None
        kept = study.user_attrs
        if "source" not in kept:
            raise RequestError(f"{name!r} in {storage_url} was not made by swast-search")
        info = SearchInfo(
            name=name,
            uid=kept["uid"],
            study=parse_study(kept["study"], kept["source"]),
            device=kept["device"],
            sampler=kept["sampler"],
            seed=kept["seed"],
            budget=kept["budget"],
            experiment_id=kept.get("experiment_id"),
            run_id=kept.get("run_id"),
        )
        drawn = len(study.get_trials(deepcopy=False))
        study.sampler = make_sampler(info.sampler, (info.seed + drawn) % 2**32, info.budget)
        return cls(info, study)

    def remember(self, **values: Any) -> None:  # noqa: ANN401
        """Keep facts about the search with it."""
        for key, value in values.items():
            self._study.set_user_attr(key, value)
        known = {field.name for field in dataclasses.fields(SearchInfo)} - {"study"}
        changed = {key: value for key, value in values.items() if key in known}
        self.info = dataclasses.replace(self.info, **changed)

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
        return Proposal(trial.number, config, reference, kept.get("run_id"))

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
        for key, value in values.items():
            self._asked[number].set_user_attr(key, value)

    def settle(self, record: TrialRecord) -> None:
        """Tell how a trial ended, with all that is known of it.

        Args:
            record: ``complete`` with accuracy and FLOPs of the whole schedule, ``pruned`` or
                ``failed`` with whatever it came to.

        Raises:
            ValueError: a complete trial without finite values.
        """
        outcome = {name: getattr(record, name) for name in OUTCOME}
        trial = self._asked[record.number]
        values = None
        if record.state == "complete":
            found = (record.accuracy, record.train_flops)
            values = [float(value) for value in found if value is not None]
            if len(values) < len(found) or not all(map(math.isfinite, values)):
                raise ValueError(f"trial {record.number} is complete without values: {found}")
        trial.set_user_attr("outcome", outcome)
        self._study.tell(trial, values, TOLD[record.state])
        del self._asked[record.number]

    def running(self) -> list[int]:
        """Numbers of the trials asked for here and not told yet."""
        return sorted(self._asked)

    def records(self) -> list[TrialRecord]:
        """Every trial that was started, by number."""
        return [
            _record(self.info.study, trial)
            for trial in self._study.get_trials(deepcopy=False)
            if trial.state != TrialState.WAITING
        ]

    def _enqueue(self, name: str, config: TrainConfig) -> None:
        """Let a reference wait; it carries parameters only where it lies in the space."""
        fixed = parameters(self.info.study, config)
        self._study.enqueue_trial(fixed, user_attrs={"reference": name})


def search_names(storage_url: str) -> list[str]:
    """Names of the searches in a storage, oldest first."""
    studies = open_storage(storage_url).get_all_studies()
    return [each.study_name for each in studies if "source" in each.user_attrs]


def describe_search(trials: SearchTrials) -> dict[str, Any]:
    """A search as plain values, for scripts."""
    info, records = trials.info, trials.records()
    return {
        "name": info.name,
        "study": info.study.name,
        "budget": info.budget,
        "sampler": info.sampler,
        "seed": info.seed,
        "trials": [record.to_dict() for record in records],
        "stopped": len(stopped(records)),
        "front": [record.number for record in front_of(records)],
        "hypervolume": hypervolume_of(records),
        "reference_point": reference_point(),
        "flops_spent": flops_spent(records),
    }


def _record(study: Study, trial: FrozenTrial) -> TrialRecord:
    """What is known of one trial."""
    kept = trial.user_attrs
    config = kept.get("config")
    return TrialRecord(
        number=trial.number,
        state=STATES[trial.state],
        params=study.searched(TrainConfig.from_dict(config)) if config else {},
        config=config or {},
        reference=kept.get("reference"),
        run_id=kept.get("run_id"),
        predicted_flops=kept.get("predicted_flops"),
        rungs={int(epoch): accuracy for epoch, accuracy in kept.get("rungs", {}).items()},
        **kept.get("outcome", {}),
    )
