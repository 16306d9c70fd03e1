"""n:m: the pattern holds in every group of four, along the input channels."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from swast.config import PruneConfig
from swast.errors import ConfigError
from swast.pruning.n_m import pattern, survivors
from tests.swast.support import after_each_step, epochs, pruning, started, tiny

shares = st.sampled_from([0.25, 0.5, 0.75])


@given(st.integers(0, 99), st.integers(1, 5), st.integers(1, 4), st.integers(1, 3), shares)
def test_the_largest_of_every_four_neighbours_along_the_input_live(seed, outs, fours, k, sparsity):
    scores = torch.rand(outs, 4 * fours, k, k, generator=torch.Generator().manual_seed(seed))
    mask = pattern(scores, sparsity)
    living = round(4 * (1 - sparsity))
    for out in range(outs):
        for first in range(0, 4 * fours, 4):
            for y in range(k):
                for x in range(k):
                    group = scores[out, first : first + 4, y, x]
                    found = mask[out, first : first + 4, y, x]
                    assert int(found.sum()) == living
                    assert group[found].min() > group[~found].max()
    assert int(mask.sum()) == survivors(scores.shape, sparsity)


def test_layers_whose_inputs_are_no_multiple_of_four_stay_dense():
    assert pattern(torch.rand(8, 3, 3, 3), 0.5).all()
    assert survivors((8, 3, 3, 3), 0.5) == 8 * 27


def test_the_pattern_holds_at_every_step_of_a_run(monkeypatch):
    run = started(tiny({**pruning("n:m"), "model": "cnn-small"}), after=1)

    def look(run):
        assert run.masks.alive("0").all()
        for name in ("2", "6", "8"):
            rows = run.masks.alive(name).movedim(1, -1).reshape(-1, 4)
            assert (rows.sum(dim=1) == 2).all()

    after_each_step(monkeypatch, look)
    for _ in epochs(run):
        pass


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("sparsity", 0.9, "must be 0.25 or 0.5 or 0.75 under n:m"),
        ("schedule", "cubic", "must be one-shot under n:m"),
        ("distribution", "erk", "must be uniform under n:m"),
    ],
)
def test_what_it_cannot_have_is_refused_with_the_reason(name, value, reason):
    settings = {"sparsity": 0.5, "schedule": "one-shot", "distribution": "uniform", name: value}
    with pytest.raises(ConfigError, match=f"prune.{name} {reason}") as caught:
        PruneConfig(method="n:m", **settings)
    assert len(caught.value.problems) == 1


def test_granet_needs_a_schedule_that_grows():
    with pytest.raises(ConfigError, match=r"prune.schedule must be linear or .* under granet"):
        PruneConfig(method="granet", schedule="one-shot")
