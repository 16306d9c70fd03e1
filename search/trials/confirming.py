"""Trainings of one configuration with several seeds: which seeds, and which scores count."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import count, islice

from search.trials.further import further
from search.trials.readings import Reading
from search.trials.trial_record import TrialRecord, configurations, finished
from swast.config import LARGEST_SEED, TrainConfig


def following_seeds(config: TrainConfig, used: Collection[int]) -> Iterator[int]:
    """Yield the seeds after a configuration's own that are not used; 0 follows the largest."""
    for at in count(1):
        seed = (config.seed + at) % (LARGEST_SEED + 1)
        if seed not in used:
            yield seed


def used_seeds(record: TrialRecord, trials: Sequence[TrialRecord]) -> set[int]:
    """Return the seeds of all trainings of a configuration, whatever became of them.

    Args:
        record: its first training.
        trials: of the search.
    """
    same = [record, *further(trials).get(record.number, ())]
    return {each.config.seed for each in same if each.config is not None} | set(record.readings)


def confirming(record: TrialRecord) -> dict[int, Reading]:
    """Return the readings that confirm a trial, by seed: all but that with its own seed."""
    own = None if record.config is None else record.config.seed
    return {seed: each for seed, each in sorted(record.readings.items()) if seed != own}


def confirming_seeds(
    record: TrialRecord, trials: Sequence[TrialRecord], wanted: int
) -> Sequence[int]:
    """Return the seeds that confirm a trial: those that were read, then unused ones.

    Args:
        record: the trial.
        trials: of the search.
        wanted: number of seeds; more are returned if more were read.
    """
    known = list(confirming(record))
    if record.config is None:
        return known
    unused = following_seeds(record.config, used_seeds(record, trials))
    return [*known, *islice(unused, max(0, wanted - len(known)))]


def counted_scores(trials: Sequence[TrialRecord]) -> Mapping[int, Mapping[int | None, float]]:
    """Return the scores that count for each configuration, by the number of its first training.

    They are by seed: of its first training, of its replicates, and of those that confirm it. Where
    some confirm it, the first does not count. The search chose the configuration among many for
    that score, which is therefore above the configuration's mean on average, and its deviation
    from the others above the spread between seeds. Replicates and confirming trainings were begun
    after the choice.
    """
    found: dict[int, dict[int | None, float]] = {
        each.number: {} for each in configurations(trials)
    }
    for trial in finished(trials):
        owner = trial.number if trial.number in found else trial.repeats
        if owner is not None and trial.score is not None:
            found[owner][_own_seed(trial)] = trial.score
    for trial in configurations(trials):
        if confirmed := confirming(trial):
            found[trial.number].pop(_own_seed(trial), None)
            found[trial.number] |= {seed: each.score for seed, each in confirmed.items()}
    return found


def _own_seed(trial: TrialRecord) -> int | None:
    return None if trial.config is None else trial.config.seed
