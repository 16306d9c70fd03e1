"""Contract of the scorers: the same tests run for each of them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from swast.config import CoresetConfig, TrainConfig
from swast.coresets import SCORERS, group_sizes, make_groups
from swast.features import Features
from swast.rng import generator
from tests.swast.support import TRAINING, copied, global_generators, same_bits, started, tiny

few_examples = settings(max_examples=12)
every_scorer = pytest.mark.parametrize("scorer", SCORERS)


def some_features(seed: int, samples: int, classes: int, width: int) -> Features:
    """Make random features; every fifth prediction is certain, every seventh sample a copy."""
    draw = torch.Generator().manual_seed(seed)
    hidden = torch.randn(samples, width, generator=draw).relu()
    logits = 2 * torch.randn(samples, classes, generator=draw)
    labels = torch.randint(classes, (samples,), generator=draw)
    logits[::5] = 200.0 * torch.eye(classes)[labels[::5]]
    rows = torch.arange(samples)
    rows[::7] = 0
    return Features(hidden[rows], logits[rows], labels[rows])


@st.composite
def selections(draw):
    samples, classes = draw(st.integers(1, 25)), draw(st.integers(2, 6))
    width, seed = draw(st.integers(1, 6)), draw(st.integers(0, 2**31))
    features = some_features(seed, samples, classes, width)
    counts = torch.bincount(features.labels, minlength=classes).tolist()
    sizes = group_sizes(counts, draw(st.integers(1, samples)), balanced=draw(st.booleans()))
    return features, make_groups(features.labels, sizes), draw(st.integers(0, 99))


def select(scorer, selection):
    features, groups, seed = selection
    return SCORERS[scorer].select(features, groups, generator(seed, "selection"), CoresetConfig())


@every_scorer
@few_examples
@given(selections())
def test_each_group_gives_exactly_its_quota(scorer, selection):
    chosen = select(scorer, selection).indices.tolist()
    for group in selection[1]:
        assert len(set(chosen) & set(group.indices.tolist())) == group.quota
    assert len(chosen) == sum(group.quota for group in selection[1])


@every_scorer
@few_examples
@given(selections())
def test_indices_ascend_and_are_unique(scorer, selection):
    indices = select(scorer, selection).indices
    assert indices.dtype == torch.int64
    assert (indices.diff() > 0).all()


@every_scorer
@few_examples
@given(selections())
def test_weights_are_finite_not_negative_and_of_mean_1(scorer, selection):
    """Absolute weights, as infobatch's, need not have mean 1."""
    coreset = select(scorer, selection)
    assert coreset.weights.shape == coreset.indices.shape
    assert coreset.weights.dtype == torch.float32
    assert torch.isfinite(coreset.weights).all()
    assert (coreset.weights >= 0).all()
    assert coreset.absolute == SCORERS[scorer].dynamic
    if not coreset.absolute:
        assert coreset.weights.mean().item() == pytest.approx(1, abs=1e-5)


@every_scorer
@few_examples
@given(selections())
def test_the_same_generator_gives_the_same_answer(scorer, selection):
    first, second = select(scorer, selection), select(scorer, selection)
    assert torch.equal(first.indices, second.indices)
    assert torch.equal(first.weights, second.weights)


@every_scorer
@few_examples
@given(selections())
def test_neither_the_features_nor_the_global_generators_are_touched(scorer, selection):
    features = selection[0]
    kept = [each.clone() for each in (features.hidden, features.logits, features.labels)]
    before = global_generators()
    select(scorer, selection)
    assert global_generators() == before
    for one, other in zip(kept, (features.hidden, features.logits, features.labels), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("scorer", [name for name in SCORERS if not SCORERS[name].forward])
def test_scorers_that_need_no_forward_pass_use_labels_alone(scorer):
    """They get empty features."""
    labels = torch.arange(30) % 3
    empty = torch.empty(30, 0)
    groups = make_groups(labels, group_sizes([10, 10, 10], 9, balanced=True))
    chosen = SCORERS[scorer].select(
        Features(empty, empty, labels), groups, generator(0, "s"), CoresetConfig()
    )
    assert torch.bincount(labels[chosen.indices]).tolist() == [3, 3, 3]


@every_scorer
@pytest.mark.parametrize("balanced", [True, False])
def test_selecting_leaves_network_optimiser_and_generators_as_they_were(scorer, balanced):
    run = started(tiny({"coreset.scorer": scorer, "coreset.balanced": balanced}), after=2)
    state, optimiser = copied(run.model), repr(run.optimizer.state_dict())
    modes = [module.training for module in run.model.modules()]
    before = global_generators()
    coreset, _ = TRAINING.select(run)
    assert len(coreset) == run.coreset_size
    assert same_bits(copied(run.model), state)
    assert repr(run.optimizer.state_dict()) == optimiser
    assert [module.training for module in run.model.modules()] == modes
    assert global_generators() == before


@every_scorer
@pytest.mark.parametrize("balanced", [True, False])
def test_the_solver_costs_what_its_formula_says_whatever_the_data(scorer, balanced):
    """FLOPs never decrease with the number of samples, and are never negative."""
    flops = SCORERS[scorer].solver_flops
    counts = [30, 20, 10]
    small, large = (group_sizes(counts, size, balanced=balanced) for size in (6, 30))
    assert 0 <= flops(small, 3, 8) <= flops(large, 3, 8)


@every_scorer
def test_all_data_are_kept_without_scoring_where_the_share_is_1(scorer):
    run = started(tiny({"coreset.scorer": scorer, "coreset.fraction": 1}))
    coreset, features = TRAINING.select(run)
    assert coreset.indices.tolist() == list(range(120))
    assert coreset.weights.unique().tolist() == [1.0]
    assert features is None
    assert run.ledger.selection == run.ledger.solver == 0


def test_the_default_scorer_is_registered():
    assert TrainConfig().coreset.scorer in SCORERS
