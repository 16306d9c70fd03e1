"""Further trainings of configurations with other seeds, and what is shown of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from search.objectives import STANDARD, Objectives, Score
from search.pareto import front
from search.trials.trial_record import (
    TrialRecord,
    configurations,
    contenders_of,
    front_of,
)


def further(trials: Sequence[TrialRecord]) -> Mapping[int, list[TrialRecord]]:
    """Return the further trainings of each trial that has any, by its number, in their order.

    A training whose first one is not among the trials is none.
    """
    numbers = {trial.number for trial in trials}
    found: dict[int, list[TrialRecord]] = {}
    for trial in trials:
        if trial.repeats in numbers and trial.repeats is not None:
            found.setdefault(trial.repeats, []).append(trial)
    return found


def trainings_of(trial: TrialRecord, trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Return all finished trainings of a trial's configuration, the first one first."""
    first = trial.number if trial.repeats is None else trial.repeats
    return [
        each
        for each in trials
        if each.state == "complete" and first in (each.number, each.repeats)
    ]


def scores_by_seed(trainings: Sequence[TrialRecord]) -> dict[int, float]:
    """Return the validation scores of a configuration's trainings, by seed.

    Those that a search makes at its end are among them.
    """
    found: dict[int, float] = {}
    for trial in trainings:
        found |= {seed: reading.score for seed, reading in trial.readings.items()}
        if trial.config is not None and trial.score is not None:
            found[trial.config.seed] = trial.score
    return dict(sorted(found.items()))


def candidates_of(
    trials: Sequence[TrialRecord], objectives: Objectives = STANDARD
) -> list[TrialRecord]:
    """Return the configurations that may be on the front and are no members, cheapest first."""
    members = {member.number for member in front_of(trials, objectives)}
    return [trial for trial in contenders_of(trials, objectives) if trial.number not in members]


def beaten_references(
    trials: Sequence[TrialRecord], objectives: Objectives = STANDARD
) -> list[TrialRecord]:
    """Return the finished references that are no contenders for the front, cheapest first."""
    contenders = {trial.number for trial in contenders_of(trials, objectives)}
    found = [
        trial
        for trial in configurations(trials)
        if trial.reference and trial.number not in contenders and trial.cost is not None
    ]
    return sorted(found, key=lambda trial: trial.cost or 0)


def by_configuration(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Return the trials, further trainings right after the first of their configuration."""
    again, numbers = further(trials), {trial.number for trial in trials}
    return [
        each
        for trial in trials
        if trial.repeats not in numbers
        for each in (trial, *again.get(trial.number, ()))
    ]


def undominated(
    trials: Sequence[TrialRecord], objectives: Objectives = STANDARD
) -> list[TrialRecord]:
    """Return the configurations whose value no other one dominates, cheapest first."""
    done = [trial for trial in configurations(trials) if None not in (trial.value, trial.cost)]
    up = objectives.score.rising([trial.value or 0 for trial in done])
    down = objectives.cost.rising([trial.cost or 0 for trial in done])
    return [done[place] for place in front(up, -down)]


def flat_estimate(trial: TrialRecord) -> dict[str, float | int | None]:
    """Return the estimate of a trial's configuration as columns of a table; None where unknown."""
    made = trial.estimate
    return {
        "estimate": None if made is None else made.score,
        "estimate_error": None if made is None else made.error,
        "estimate_low": None if made is None else made.low,
        "estimate_high": None if made is None else made.high,
        "front_probability": None if made is None else made.front,
        "readings": None if made is None else made.readings,
    }


def value_text(trial: TrialRecord, score: Score) -> str:
    """Return the score of a finished trial's configuration, with the error of an estimate."""
    if trial.estimate is None:
        return score.text(trial.value or 0)
    return score.with_error(trial.estimate.score, trial.estimate.error)


def share_text(share: float) -> str:
    """Return a probability in per cent; it is counted from draws, so never quite 0 or 1."""
    if share > 0.995:
        return ">99%"
    return "<1%" if share < 0.005 else f"{share:.0%}"


def as_estimated(trials: Sequence[TrialRecord]) -> Mapping[int, float]:
    """Return the value of each finished trial's configuration, by the trial's number."""
    values = {trial.number: trial.value for trial in configurations(trials)}
    found = {
        trial.number: values.get(trial.number, values.get(trial.repeats or 0)) for trial in trials
    }
    return {number: value for number, value in found.items() if value is not None}
