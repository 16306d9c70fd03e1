"""Tests of `bench.gpu` with small sizes on a CPU: its figures are consistent."""

from __future__ import annotations

import dataclasses
import json
import sys

import pytest

from bench import gpu
from swast.coresets import SCORERS


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Return the command's JSON; concurrent trials are measured with one process only."""
    path = tmp_path_factory.mktemp("bench") / "gpu.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gpu, "SMALL", dataclasses.replace(gpu.SMALL, at_once=(1,)))
        command = ["gpu", "--device", "cpu", "--small", "--full", "--json", str(path)]
        patch.setattr(sys, "argv", command)
        gpu.main()
    return json.loads(path.read_text())


def test_random_data_and_an_unknown_peak_are_recorded(found):
    assert found["data"] == "random images of CIFAR-10's shape"
    assert found["peak"] is None


def test_every_way_that_needs_no_compiler_has_its_speeds(found):
    assert [row["way"] for row in found["speeds"]] == ["fp32", "bf16", "bf16, channels last"]
    assert all(row["dense"] > 0 < row["swast"] and row["flops"] > 0 for row in found["speeds"])


@pytest.mark.parametrize("name", ["dense", "swast"])
def test_phases_are_all_but_all_of_an_epoch(found, name):
    laps = found["training"][name]["laps"]
    assert len(laps) == found["training"][name]["epochs_measured"] == found["epochs"]
    for lap in laps:
        assert sum(lap["phases"].values()) <= lap["seconds"]
    parts = sum(sum(lap["phases"].values()) for lap in laps)
    assert parts == pytest.approx(found["training"][name]["seconds"], rel=0.2)


def test_a_selection_has_its_phases_and_dense_training_none(found):
    tailored, dense = (found["training"][name]["phases"] for name in ("swast", "dense"))
    assert {"selection pass", "solver", "recording", "prune"} <= tailored.keys()
    assert dense.keys() == {"warm-up training", "evaluation"}
    selecting = ["solver" in lap["phases"] for lap in found["training"]["swast"]["laps"]]
    assert selecting == [lap["selects"] for lap in found["training"]["swast"]["laps"]]
    assert selecting.count(True) == 3


def test_a_whole_training_follows_from_a_part_of_it():
    config = gpu.settings(gpu.SMALL, "cpu", "npz:random")
    laps = [gpu.phases.Lap(True, False, 5.0, {})] * 2
    laps += [gpu.phases.Lap(False, True, 2.0, {}), gpu.phases.Lap(False, False, 1.0, {})]
    assert gpu.phases.whole(config, laps) == 3 * 5.0 + 3 * 2.0 + 6 * 1.0


def test_every_scorer_is_beside_the_forward_pass_and_trials_are_counted(found):
    assert found["selection"]["scorers"].keys() == SCORERS.keys()
    assert found["selection"]["forward"] > 0
    assert found["packing"]["1"] > 0
