"""ccs, glister, forgetting and gradmatch-batch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from swast.config import CoresetConfig
from swast.coresets import SCORERS
from swast.coresets.base import Group
from swast.coresets.ccs import spread, stratified
from swast.coresets.gradmatch_batch import BATCH, mean_gradients
from swast.features import Features
from swast.memory import Memory
from swast.rng import generator
from swast.training import epochs
from tests.swast.support import few_digits, same_bits, started, tiny, train


def sample(seed=0, size=200, classes=4, width=7):
    draw = torch.Generator().manual_seed(seed)
    hidden = torch.randn(size, width, generator=draw).relu()
    labels = torch.randint(classes, (size,), generator=draw)
    return Features(hidden, torch.randn(size, classes, generator=draw), labels)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=12), st.data())
def test_a_budget_is_spread_as_evenly_as_the_strata_allow(sizes, data):
    budget = data.draw(st.integers(0, sum(sizes)))
    taken = spread(sizes, budget)
    assert sum(taken) == budget
    assert all(0 <= count <= size for count, size in zip(taken, sizes, strict=True))
    short = [count for count, size in zip(taken, sizes, strict=True) if count < size]
    assert max(taken) - min(short, default=max(taken)) <= 1


def test_ccs_leaves_out_the_hardest_and_covers_the_rest():
    hardness = torch.cat([torch.linspace(0, 1, 80), torch.full((20,), 5.0)])
    chosen = stratified(hardness, 40, 0.2, generator(0, "s"))
    assert len(chosen.unique()) == 40
    assert (hardness[chosen] <= 1).all()
    assert hardness[chosen].min() < 0.1
    assert hardness[chosen].max() > 0.9


def test_glister_prefers_samples_that_lower_the_loss():
    """Mislabelled samples would raise the loss of held-out ones, so none is selected."""
    draw = torch.Generator().manual_seed(0)
    hidden = torch.rand(300, 3, generator=draw)
    labels = torch.zeros(300, dtype=torch.long)
    labels[:30] = 1
    features = Features(hidden, torch.zeros(300, 2), labels)
    groups = [Group(torch.arange(300), 60)]
    chosen = SCORERS["glister"].select(features, groups, generator(0, "s"), CoresetConfig())
    assert (labels[chosen.indices] == 0).all()


@pytest.mark.parametrize("share", [0.1, 0.9, 0.97])
def test_glister_selects_held_out_samples_only_if_no_others_are_left(share):
    features = sample(5)
    members = [(features.labels == label).nonzero().flatten() for label in range(4)]
    groups = [Group(each, int(share * len(each))) for each in members]
    chosen = SCORERS["glister"].select(features, groups, generator(0, "s"), CoresetConfig())
    held = torch.randperm(200, generator=generator(0, "s"))[:20]
    for group in groups:
        mine = group.indices[torch.isin(group.indices, chosen.indices)]
        others = int((~torch.isin(group.indices, held)).sum())
        assert len(mine) == group.quota
        assert torch.isin(mine, held).sum() == max(0, group.quota - others)


def test_a_forgetting_is_a_flip_from_right_to_wrong():
    memory = Memory(4, torch.device("cpu"))
    places = torch.tensor([0, 1, 2])
    for correct in ([1, 0, 1], [0, 0, 1], [1, 1, 1], [0, 0, 0]):
        memory.visit(places, torch.eye(2)[torch.tensor(correct)], torch.ones(3).long())
    assert memory.forgotten.tolist() == [2, 1, 1, torch.inf]


def test_what_is_forgotten_is_remembered_across_a_resume(tmp_path):
    config = tiny({"coreset.scorer": "forgetting"})
    whole = train(config, data=few_digits())
    run = started(config, after=3)
    again = started(config)
    again.load_state_dict(run.state_dict())
    for _ in epochs(again):
        pass
    assert same_bits(whole.state, again.model.state_dict())


def test_a_batchs_atom_is_the_mean_of_its_gradients():
    features = sample()
    batches = torch.randperm(200, generator=generator(1, "s")).split(BATCH)
    explicit = torch.einsum(
        "nc,ne->nce", features.errors.double(), features.extended.double()
    ).flatten(1)
    expected = torch.stack([explicit[batch].mean(dim=0) for batch in batches])
    assert torch.allclose(mean_gradients(features, batches), expected, atol=1e-9)


@pytest.mark.parametrize("quota", [1, 31, 33, 100, 200])
def test_a_batchs_samples_share_its_weight(quota):
    chosen = SCORERS["gradmatch-batch"].select(
        sample(), [Group(torch.arange(200), quota)], generator(0, "s"), CoresetConfig()
    )
    assert len(chosen) == quota
    assert len(chosen.weights.unique()) <= -(-quota // BATCH) + 1
