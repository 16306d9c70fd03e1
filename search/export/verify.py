"""`verify` and `export --verify`: exported configurations are trained again and compared.

With the same versions on the same processor, a training on the CPU repeats to the last digit, and
an exact match is required. Elsewhere sums are rounded in another way, and a training ends like one
with another seed; then the score may differ within a tolerance, which is printed.
"""

from __future__ import annotations

import math
import statistics
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from search.errors import MismatchError, RequestError
from search.export.provenance import Exported, plural, read_exported
from search.export.retrain import Retraining
from search.store.home import Home, open_home
from search.trials.confirming import following_seeds
from swast import trust
from swast.data import ArrayData, Places
from swast.identity import what_changed
from swast.models.source import sources
from swast.printing import out
from swast.result import TrainResult

DECIDING = ("swast", "torch", "numpy", "processor", "vectors", "device")
"""Facts of the environment that two trainings must share to match bit for bit."""
DEVIATIONS = 3
COST_SHARE = 0.05
"""Allowed relative difference of costs elsewhere, if a global threshold splits the sparsity."""


@dataclass(frozen=True)
class Rule:
    """Tolerance of a repetition.

    Attributes:
        score: the largest difference of validation scores.
        cost: the largest difference of costs, as a share of the recorded one.
        reason: for both tolerances, in words.
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
        others: validation scores of further seeds, by seed.
        rule: tolerance of the repetition.
    """

    exported: Exported
    again: TrainResult
    others: Mapping[int, float]
    rule: Rule

    @property
    def holds(self) -> bool:
        """Return whether the repetition is within the tolerance."""
        recorded, axes = self.exported, self.exported.objectives
        score = abs(axes.score.measure(self.again) - recorded.score)
        cost = abs(axes.cost.measure(self.again) - recorded.cost)
        return score <= self.rule.score and cost <= self.rule.cost * recorded.cost

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
        ConfigError: one was exported on another machine and imports code, and is not trusted.
        MismatchError: one does not hold.
    """
    storage = storage_of(options)
    files = [read_exported(path, storage) for path in options.files]
    for each in files:
        trust.check(each.path, each.provenance, each.config.model, trusted=options.trust)
    verify_all(files, retraining_of(options), options.seeds)


def storage_of(options: Namespace) -> str | None:
    """Return the URL of the storage that may have the files' searches; None if there is none."""
    try:
        return open_home(options)
    except RequestError:
        if options.home or options.storage:
            raise
        return None


def retraining_of(options: Namespace) -> Retraining:
    """Return the trainer, with the folders of data sets that the command line names."""
    home = Home.find(options.home)
    return Retraining(Places.find(options.data_dir, home.path, download=options.download))


def verify_all(files: Sequence[Exported], retraining: Retraining, seeds: int) -> list[TrainResult]:
    """Train files again, print the verdict on each, and return the trainings.

    Raises:
        RequestError: the data or the network of a file have changed since.
        MismatchError: one does not hold; all have been trained.
    """
    for exported in files:
        check_unchanged(exported, retraining.data(exported.config))
    verdicts = []
    for exported in files:
        verdicts.append(verify_one(exported, retraining, seeds))
        for line in verdicts[-1].lines():
            out(line)
    broken = [str(verdict.exported.path) for verdict in verdicts if not verdict.holds]
    if broken:
        raise MismatchError(f"not what was recorded: {', '.join(broken)}")
    return [verdict.again for verdict in verdicts]


def check_unchanged(exported: Exported, data: ArrayData) -> None:
    """Refuse to repeat a training with other data or another network than it had.

    Raises:
        RequestError: they have changed since.
    """
    before = exported.provenance.get("identity", {})
    changed = what_changed(before, data.fingerprint, sources(exported.config.model))
    if changed:
        raise RequestError(
            f"{exported.path}: {changed}; a repetition needs what the search had, so restore that"
        )


def verify_one(exported: Exported, retraining: Retraining, seeds: int) -> Verdict:
    """Train a file again, with its own seed and with the following ones."""
    config = exported.config
    again = retraining.train(config)
    measure = exported.objectives.score.measure
    others = {
        seed: measure(retraining.train(config, seed))
        for seed in islice(following_seeds(config, {config.seed}), seeds)
    }
    images = len(retraining.data(config).val_labels)
    return Verdict(exported, again, others, choose_rule(exported, again, others, images))


def choose_rule(
    exported: Exported, again: TrainResult, others: Mapping[int, float], images: int
) -> Rule:
    """Return the tolerance of a repetition, which depends on the machine that made it.

    Args:
        exported: the file.
        again: its repetition.
        others: validation scores of further seeds, by seed.
        images: number of validation images.
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
    """Return why a training here may differ from the recorded one; None if it may not."""
    if not recorded:
        return "the machine that trained it is not recorded"
    for name in DECIDING:
        if recorded.get(name) != here.get(name):
            return f"it was trained with {name} {recorded.get(name)}, here it is {here.get(name)}"
    return None if here["device"] == "cpu" else "GPUs do not repeat trainings bit for bit"


def spread(
    exported: Exported, again: TrainResult, others: Mapping[int, float], images: int
) -> tuple[float, str]:
    """Return the tolerance for trainings that differ by chance alone, and its source in words.

    It is three standard deviations of a difference of two scores. If there are three seeds,
    recorded or trained now, the deviation is theirs; else it is that of a share counted over the
    validation images.
    """
    score = exported.objectives.score
    tables = (exported.provenance.get(name, {}) for name in ("confirmed", "readings"))
    known = max((table.get(plural(score.metric), []) for table in tables), key=len)
    now = [score.measure(again), *others.values()] if others else []
    values = max(known, now, key=len)
    share = exported.score
    counted = math.sqrt(share * (1 - share) / images)
    if len(values) < 3:
        return DEVIATIONS * math.sqrt(2) * max(counted, 1 / images), f"{images} validation images"
    deviation = max(statistics.stdev(values), 1 / images)
    return DEVIATIONS * math.sqrt(2) * deviation, f"the spread over {len(values)} seeds"
