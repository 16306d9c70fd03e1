"""Both studies as commands, on grids of minutes made into seconds, and their rules."""

from __future__ import annotations

import json

import numpy as np
import pytest

from studies import arms
from studies.arms import run_one
from studies.double_loss import __main__ as double_loss
from studies.double_loss import protocol as double_protocol
from studies.double_loss.protocol import (
    ARMS,
    CORESET,
    CORESET_KL,
    DENSE,
    OFF,
    ON,
    PRUNING,
    SCALED,
    Chosen,
    Protocol,
    Severity,
    tune,
)
from studies.double_loss.report import EXTRA, credited, summarise
from studies.four_arms import __main__ as four_arms
from studies.four_arms.protocol import Protocol as FourProtocol
from studies.outcomes import Outcome
from studies.summaries import Summary

SEVERITY = Severity("mlp-small", 0.9, 0.05, "cubic")


def outcome(test: float, val: float = 0.0) -> Outcome:
    """An outcome of a run that was never made."""
    bill = dict.fromkeys(
        ("warmup", "training", "selection", "solver", "recording", "dense_gradients"), 10
    )
    return Outcome(test, val, 0.5, bill, 120, 0.0, 1.0, 1.0)


@pytest.fixture
def _in_process(monkeypatch):
    monkeypatch.setattr(
        arms, "_outcomes", lambda configs, subset, _: ((c, run_one(c, subset)) for c in configs)
    )


@pytest.mark.usefixtures("_in_process")
class TestCommands:
    def test_the_double_loss(self, tmp_path, capsys):
        grid = (
            "--models mlp-small --sparsities 0.9 --fractions 0.1 --schedules one-shot "
            "--tuning-seeds 0 --seeds 5 6 --learning-rates 0.05 --weights 0.1 1 "
            "--epochs 3 --warmup-epochs 1 --interval 1"
        )
        double_loss.main(["--out", str(tmp_path), *grid.split()])
        printed = capsys.readouterr().out
        assert "### Controls" in printed
        assert (tmp_path / "double-loss.md").read_text() == printed
        assert (tmp_path / "double-loss.png").read_bytes().startswith(b"\x89PNG")
        summary = Summary.read(tmp_path / "double-loss.json")
        (group,) = summary.groups
        assert set(group.arms) == set(ARMS)
        assert group.settings["λ"] in ("0.1", "1")
        runs = [json.loads(line) for line in (tmp_path / "runs.jsonl").read_text().splitlines()]
        dense = [
            run["test_accuracy"]
            for run in runs
            if run["config"]["prune"]["method"] == "none"
            and run["config"]["coreset"]["fraction"] == 1
        ]
        assert len(dense) == 2
        assert group.arms[DENSE].accuracy == pytest.approx(np.mean(dense))
        assert group.arms[DENSE].relative_flops == pytest.approx(1)

    def test_the_four_arms_on_a_subset(self, tmp_path, capsys):
        grid = (
            "--model mlp-small --train 100 --val 50 --test 50 --noise 0 0.4 --seeds 0 1 "
            "--epochs 3 --warmup-epochs 1 --interval 1 --scorers gradmatch random"
        )
        four_arms.main(["--out", str(tmp_path), *grid.split()])
        assert "SWaST cut, random" in capsys.readouterr().out
        assert (tmp_path / "four-arms-digits-mlp-small.png").exists()
        summary = Summary.read(tmp_path / "four-arms-digits-mlp-small.json")
        clean, noisy = summary.groups
        assert len(clean.arms) == 3 + 2 * 4
        assert clean.arms["coreset only, random"].noisy_share == 0
        assert noisy.arms["dense"].noisy_share == pytest.approx(0.4)
        bill = noisy.arms["SWaST cut, gradmatch"]
        assert sum(bill.bill.values()) == pytest.approx(bill.relative_flops)

    def test_seeds_may_not_both_tune_and_confirm(self, tmp_path, capsys):
        with pytest.raises(SystemExit):
            double_loss.main(["--out", str(tmp_path), "--tuning-seeds", "1", "--seeds", "1", "2"])
        assert "the seeds [1] would both tune and confirm" in capsys.readouterr().err


class TestTuning:
    def test_the_rate_is_chosen_without_preservation_and_lambda_at_that_rate(self):
        """And by validation accuracy: the test accuracy here says the opposite."""
        seen = []

        def run(configs):
            configs = list(configs)
            seen.append({(each.optim.lr, each.preserve.weight) for each in configs})
            return {
                each: outcome(
                    test=-each.optim.lr,
                    val=-abs(each.optim.lr - 0.1) - abs(each.preserve.weight - 0.3),
                )
                for each in configs
            }

        chosen = tune(Protocol(), run)
        assert set(chosen.values()) == {Chosen(0.1, 0.3)}
        assert len(chosen) == 16
        assert seen[0] == {(lr, 0.0) for lr in (0.02, 0.05, 0.1, 0.2)}
        assert seen[1] == {(0.1, weight) for weight in (0.1, 0.3, 1.0, 3.0)}

    def test_ties_go_to_the_smaller_value(self):
        chosen = tune(
            Protocol(weights=(3.0, 0.3)), lambda configs: {each: outcome(0.5) for each in configs}
        )
        assert set(chosen.values()) == {Chosen(0.02, 0.3)}


class TestArms:
    def arm(self, name: str):
        return Protocol().arm(name, SEVERITY, Chosen(0.1, 0.3), 100)

    def test_all_share_the_rate_and_differ_in_what_they_are_named_for(self):
        off = self.arm(OFF)
        assert self.arm(ON) == off.with_values({"preserve.weight": 0.3})
        assert self.arm(SCALED) == off.with_values({"preserve.cross_entropy": 1.3})
        assert self.arm(CORESET_KL) == self.arm(CORESET).with_values({"preserve.weight": 0.3})
        assert self.arm(CORESET).prune.method == "none"
        assert self.arm(PRUNING).coreset.fraction == self.arm(DENSE).coreset.fraction == 1

    def test_references_do_not_hang_on_what_was_chosen(self):
        others = double_protocol.Severity("mlp-small", 0.9, 0.1, "cubic")
        assert Protocol().arm(PRUNING, others, Chosen(0.02, 3), 100) == self.arm(PRUNING)

    def test_trim_prunes_linear_layers_and_every_coreset_arm_has_its_random_twin(self):
        protocol = FourProtocol()
        assert protocol.config("SWaST trim, gradmatch", 0.2, 1).prune.scope == "fc"
        for arm in protocol.arms:
            if "gradmatch" in arm:
                twin = protocol.config(arm.replace("gradmatch", "random"), 0.2, 1)
                plain = protocol.config(arm, 0.2, 1)
                assert twin == plain.with_values({"coreset.scorer": "random"})


class TestVerdict:
    def summary(self, **accuracy: float):
        """A study of one severity whose arms are equally accurate on every seed."""
        known = {name: accuracy.get(key, 0.9) for key, name in NAMES.items()}
        arms_ = {name: [outcome(known.get(name, 0.9))] * 12 for name in ARMS}
        return summarise(Protocol(), {SEVERITY: Chosen(0.1, 0.3)}, {SEVERITY: arms_}).groups[0]

    def test_a_gain_that_no_control_shares_is_credited(self):
        assert credited(self.summary(on=0.95))

    @pytest.mark.parametrize(
        "explained", [{"scaled": 0.95}, {"coreset_kl": 0.95}, {"random_kl": 0.95}]
    )
    def test_a_gain_that_a_control_shares_is_not(self, explained):
        assert not credited(self.summary(on=0.95, **explained))

    def test_the_extra_loss_is_what_both_removals_cost_beyond_each(self):
        """Dense 0.97, either removal 0.92, both 0.80: 17 points lost, of which 10 explained."""
        group = self.summary(dense=0.97, coreset=0.92, pruning=0.92, off=0.80)
        assert group.differences[EXTRA].mean == pytest.approx(0.07)
        assert group.arms[OFF].collapsed == 1
        assert group.arms[ON].collapsed == 0


NAMES = {
    "on": ON,
    "off": OFF,
    "scaled": SCALED,
    "coreset": CORESET,
    "coreset_kl": CORESET_KL,
    "random_kl": double_protocol.RANDOM_KL,
    "pruning": PRUNING,
    "dense": DENSE,
}
