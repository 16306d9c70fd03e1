"""`verify`, and `export --verify`: exported configurations trained again, recorded against found.

With the same versions, on the same processor, a training on the CPU repeats to the last digit,
and nothing less is taken. Elsewhere sums are rounded otherwise, and a training ends as one with
another seed would; then the accuracy may differ by as much as is said.
"""

from __future__ import annotations

import math
import statistics
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from search.errors import MismatchError, RequestError
from search.export.provenance import Exported, plural, read_exported
from search.export.retrain import Retraining
from search.store.home import Home, open_home
from swast.data import Places
from swast.result import TrainResult

DECIDING = ("swast", "torch", "numpy", "processor", "vectors", "device")
"""What a training has to share with another to repeat it bit for bit."""
DEVIATIONS = 3
COST_SHARE = 0.05
"""Difference of costs allowed elsewhere if a global threshold splits the sparsity by weights."""


@dataclass(frozen=True)
class Rule:
    """Tolerance of a repetition.

    Attributes:
        score: the largest difference of validation scores.
        cost: the largest difference of costs, as a share of the recorded one.
        reason: for both, in words.
    """

    score: float
    cost: float
    reason: str


@dataclass(frozen=True)
class Verdict:
    """An exported configuration and its repetition.

    Attributes:
        exported: the file.
        again: the training with the recorded seed.
        others: validation score of further seeds.
        rule: what it takes to hold.
    """

    exported: Exported
    again: TrainResult
    others: Mapping[int, float]
    rule: Rule

    @property
    def holds(self) -> bool:
        """Whether the repetition is as near to the record as the rule asks."""
        recorded, axes = self.exported, self.exported.objectives
        apart = abs(axes.score.measure(self.again) - recorded.score)
        extra = abs(axes.cost.measure(self.again) - recorded.cost)
        return apart <= self.rule.score and extra <= self.rule.cost * recorded.cost

    def lines(self) -> list[str]:
        """Return the lines to print."""
        recorded, again = self.exported, self.again
        score, cost = recorded.objectives.score, recorded.objectives.cost
        exact = replace(score, digits=score.digits + 2).text
        repeated = score.measure(again)
        lines = [
            f"{recorded.path}: {recorded.origin}",
            f"  {score.name:<10} recorded {exact(recorded.score)}   repeated {exact(repeated)}",
            f"  {cost.name:<10} recorded {recorded.cost:,.0f}   "
            f"repeated {cost.measure(again):,.0f}",
        ]
        if self.others:
            seeds = [recorded.config.seed, *self.others]
            values = [repeated, *self.others.values()]
            lines.append(
                f"  {len(seeds)} seeds    recorded {exact(recorded.score)}   "
                f"mean {exact(statistics.mean(values))} ± {exact(statistics.stdev(values))}   "
                f"(seeds {', '.join(map(str, seeds))})"
            )
        return [*lines, f"  {'holds' if self.holds else 'does not hold'}: {self.rule.reason}"]


def verify(options: Namespace) -> None:
    """Verify the files that the command line names.

    Raises:
        MismatchError: one does not hold.
    """
    storage = storage_of(options)
    files = [read_exported(path, storage) for path in options.files]
    verify_all(files, retraining_of(options), options.seeds)


def storage_of(options: Namespace) -> str | None:
    """URL of the storage that may know the files' searches; None where there is none."""
    try:
        return open_home(options)
    except RequestError:
        if options.home or options.storage:
            raise
        return None


def retraining_of(options: Namespace) -> Retraining:
    """What trains again, with the data that the command line points to."""
    home = Home.find(options.home)
    return Retraining(Places.find(options.data_dir, home.path, download=options.download))


def verify_all(files: Sequence[Exported], retraining: Retraining, seeds: int) -> list[TrainResult]:
    """Train files again and print what became of each; returns the trainings.

    Raises:
        MismatchError: one does not hold; all have been tried.
    """
    for exported in files:
        retraining.data(exported.config)
    verdicts = []
    for exported in files:
        verdicts.append(verify_one(exported, retraining, seeds))
        sys.stdout.write("\n".join(verdicts[-1].lines()) + "\n")
        sys.stdout.flush()
    broken = [str(verdict.exported.path) for verdict in verdicts if not verdict.holds]
    if broken:
        raise MismatchError(f"not what was recorded: {', '.join(broken)}")
    return [verdict.again for verdict in verdicts]


def verify_one(exported: Exported, retraining: Retraining, seeds: int) -> Verdict:
    """Train a file again, with its own seed and with those that follow it."""
    config = exported.config
    again = retraining.train(config)
    measure = exported.objectives.score.measure
    others = {
        seed: measure(retraining.train(config, seed))
        for seed in range(config.seed + 1, config.seed + seeds + 1)
    }
    images = len(retraining.data(config).val_labels)
    return Verdict(exported, again, others, choose_rule(exported, again, others, images))


def choose_rule(
    exported: Exported, again: TrainResult, others: Mapping[int, float], images: int
) -> Rule:
    """What it takes for a repetition to hold, by where it was made.

    Args:
        exported: the file.
        again: its repetition.
        others: validation score of further seeds.
        images: in the validation set.
    """
    cause = difference(exported.provenance.get("trained_on", {}), again.environment)
    if cause is None:
        return Rule(0.0, 0.0, "exactly, with the same versions on the same processor")
    tolerance, source = spread(exported, again, others, images)
    loose = exported.config.prune.distribution == "global"
    share = COST_SHARE if loose and exported.config.prune.traits.prunes else 0.0
    how = f"within {share:.0%}" if share else "exactly"
    score, cost = exported.objectives.score, exported.objectives.cost
    points = f"{tolerance * score.factor:.2f}" + (" points" if score.unit == "%" else "")
    return Rule(
        tolerance,
        share,
        f"{score.name} within {points} ({source}) and {cost.name} {how}, since {cause}",
    )


def difference(recorded: Mapping[str, str], here: Mapping[str, str]) -> str | None:
    """Why a training here need not repeat one recorded elsewhere bit for bit; None if it must."""
    if not recorded:
        return "it is not recorded where it was trained"
    for name in DECIDING:
        if recorded.get(name) != here.get(name):
            return f"it was trained with {name} {recorded.get(name)}, here it is {here.get(name)}"
    return None if here["device"] == "cpu" else "GPUs do not repeat trainings bit for bit"


def spread(
    exported: Exported, again: TrainResult, others: Mapping[int, float], images: int
) -> tuple[float, str]:
    """How far apart two trainings that differ by chance alone may end, and what says so.

    Three standard deviations of a difference: over the seeds that were recorded or trained now,
    where there are three, else of an accuracy that is counted over so many validation images.
    """
    score = exported.objectives.score
    known = exported.provenance.get("confirmed", {}).get(plural(score.metric), [])
    now = [score.measure(again), *others.values()] if others else []
    values = max(known, now, key=len)
    share = exported.score
    counted = math.sqrt(share * (1 - share) / images)
    if len(values) < 3:
        return DEVIATIONS * math.sqrt(2) * max(counted, 1 / images), f"{images} validation images"
    deviation = max(statistics.stdev(values), 1 / images)
    return DEVIATIONS * math.sqrt(2) * deviation, f"the spread over {len(values)} seeds"
