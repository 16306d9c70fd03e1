"""Tests of figure 3: its choices, its arms differing in one thing, and the credit for a gain."""

from __future__ import annotations

import pytest

from studies.outcomes import Outcome
from studies.paper.figure_3 import STUDY, conduct, confirm, tune
from studies.paper.figure_3.arms import (
    ANCHORED,
    ARMS,
    CORESET,
    CORESET_KL,
    DENSE,
    OFF,
    ON,
    OWN_RATE,
    PRUNING,
    RANDOM_KL,
    SCALED,
    Chosen,
    Severity,
    arm,
    severities,
)
from studies.paper.figure_3.findings import EXTRA, credited, difference, threshold

SETTING = STUDY.setting("small")
SEVERITY = Severity(0.9, 0.05, "cubic")


def outcome(test: float, val: float = 0.0) -> Outcome:
    """Return the outcome of an imaginary run."""
    return Outcome(test, val, 0.5, {"training": 10}, 120, None, 1.0)


class Stub:
    """Stub `Run` that returns given accuracies, and records the requests."""

    def __init__(self, test, val):
        self.test, self.val, self.asked = test, val, []

    def __call__(self, cells):
        asked = list(cells)
        self.asked.append([cell.config for cell in asked])
        return {c: outcome(self.test(c.config), self.val(c.config)) for c in asked}


class TestTuning:
    def test_the_rate_is_chosen_without_preservation_and_lambda_at_that_rate(self):
        """The choice uses validation accuracy: the test accuracy here prefers the opposite."""
        run = Stub(
            test=lambda config: -config.optim.lr,
            val=lambda config: -abs(config.optim.lr - 0.1) - abs(config.preserve.weight - 0.3),
        )
        chosen = tune(SETTING, run)
        assert list(chosen) == severities(SETTING)
        assert len(chosen) == 12
        assert set(chosen.values()) == {Chosen(0.1, 0.3)}
        first, second = (
            {(each.optim.lr, each.preserve.weight) for each in asked} for asked in run.asked
        )
        assert first == {(rate, 0.0) for rate in (0.02, 0.05, 0.1, 0.2)}
        assert second == {(0.1, weight) for weight in (0.1, 0.3, 1.0, 3.0)}

    def test_ties_go_to_the_smaller_value(self):
        chosen = tune(SETTING, Stub(lambda _: 0.5, lambda _: 0.5))
        assert set(chosen.values()) == {Chosen(0.02, 0.1)}

    def test_no_seed_both_chooses_and_confirms(self):
        run = Stub(lambda _: 0.5, lambda _: 0.5)
        conduct(SETTING, run)
        *choosing, confirming = ({each.seed for each in asked} for asked in run.asked)
        assert choosing == [{0, 1, 2, 3}] * 2
        assert confirming == set(range(100, 108))

    def test_the_whole_of_it_is_what_two_cores_can_do(self):
        """The chosen rates and λ differ as much as possible, so few trainings are shared."""
        places = {each: place for place, each in enumerate(severities(SETTING))}

        def val(config):
            cut = config.prune.sparsity, config.coreset.fraction, config.prune.schedule
            spread = places.get(Severity(*cut), 0)
            return -abs(config.optim.lr - (0.02, 0.1, 0.2)[spread % 3]) - abs(
                config.preserve.weight - (0.3, 1.0, 3.0)[spread // 3 % 3]
            )

        run = Stub(lambda _: 0.5, val)
        chosen = tune(SETTING, run)
        confirm(SETTING, chosen, run)
        assert len({each for asked in run.asked for each in asked}) <= 1500


class TestArms:
    def arm(self, name: str):
        return arm(SETTING, name, SEVERITY, Chosen(0.1, 0.3)).config

    def test_all_share_the_rate_and_differ_in_what_they_are_named_for(self):
        off = self.arm(OFF)
        assert off.optim.lr == 0.1
        assert self.arm(ON) == off.with_values({"preserve.weight": 0.3})
        assert self.arm(ANCHORED) == self.arm(ON).with_values({"preserve.anchor": "first"})
        assert self.arm(SCALED) == off.with_values({"preserve.cross_entropy": 1.3})
        assert self.arm(CORESET_KL) == self.arm(CORESET).with_values({"preserve.weight": 0.3})
        assert self.arm(OWN_RATE) == off.with_values({"optim.lr": 0.05})
        assert self.arm(CORESET).prune.method == "none"
        assert self.arm(PRUNING).coreset.fraction == self.arm(DENSE).coreset.fraction == 1

    def test_references_do_not_hang_on_what_was_chosen(self):
        other = Severity(0.9, 0.1, "cubic")
        found = arm(SETTING, PRUNING, other, Chosen(0.02, 3)).config
        assert found == self.arm(PRUNING)


class TestVerdict:
    @staticmethod
    def arms(**accuracy: float):
        """Return a severity's arms, each equally accurate on every seed."""
        known = {NAMES[key]: value for key, value in accuracy.items()}
        return {name: [outcome(known.get(name, 0.9))] * 8 for name in ARMS}

    def test_a_gain_that_no_control_shares_is_credited(self):
        assert credited(self.arms(on=0.95))

    @pytest.mark.parametrize(
        "explained", [{"scaled": 0.95}, {"coreset_kl": 0.95}, {"random_kl": 0.95}]
    )
    def test_a_gain_that_a_control_shares_is_not(self, explained):
        assert not credited(self.arms(on=0.95, **explained))

    def test_the_extra_loss_is_what_both_removals_cost_beyond_each(self):
        """Dense 0.97, either removal 0.92, both 0.80: 17 points lost, of which 10 explained."""
        arms = self.arms(dense=0.97, coreset=0.92, pruning=0.92, off=0.80)
        assert difference(EXTRA, arms) == pytest.approx([0.07] * 8)
        assert threshold(arms) == pytest.approx(0.87)


NAMES = {
    "on": ON,
    "off": OFF,
    "scaled": SCALED,
    "coreset": CORESET,
    "coreset_kl": CORESET_KL,
    "random_kl": RANDOM_KL,
    "pruning": PRUNING,
    "dense": DENSE,
}
