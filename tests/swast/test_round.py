"""Steps at the start of a round: select, record, prune, in this order."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from swast.coresets import SCORERS, group_sizes, make_groups
from swast.features import extract
from swast.models import MODELS
from swast.rng import generator
from swast.run import Run
from tests.swast.support import (
    TRAINING,
    after_each_step,
    epochs,
    few_digits,
    restless_mlp,
    started,
    tiny,
)

every_scorer = pytest.mark.parametrize("scorer", SCORERS)


@pytest.fixture
def restless(monkeypatch) -> None:
    monkeypatch.setitem(MODELS, "mlp-small", restless_mlp)


PRUNING = {"prune.schedule": "linear", "prune.sparsity": 0.9, "prune.method": "magnitude"}


class BeforePruning:
    """Spy that copies the network before the prune step of each round."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.networks: list[nn.Module] = []
        plain = TRAINING.prune

        def spy(run: Run) -> None:
            self.networks.append(copy.deepcopy(run.model))
            plain(run)

        monkeypatch.setattr(TRAINING, "prune", spy)


class TestARound:
    """Order of a round, select, record, prune; pruning to ½ and 0.9 makes each order visible."""

    @every_scorer
    def test_recorded_logits_are_those_of_the_network_before_the_prune_step(
        self, monkeypatch, scorer
    ):
        before = BeforePruning(monkeypatch)
        run = Run(tiny(PRUNING, **{"coreset.scorer": scorer}), few_digits())
        for entry in epochs(run):
            if entry.epoch in (2, 4, 6):
                chosen = run.train_set.images[run.round.coreset.indices]
                with torch.no_grad():
                    said = before.networks[-1].eval()(chosen)
                recorded = run.round.recorded_at(torch.arange(len(chosen)))
                torch.testing.assert_close(recorded, said, rtol=1e-4, atol=1e-5)
        assert len(before.networks) == 3
        assert entry.sparsity > 0.89

    @pytest.mark.parametrize("scorer", ["random", "gradmatch", "infobatch"])
    def test_the_first_rounds_logits_are_held_on_to_where_asked(self, monkeypatch, scorer):
        """They are the dense network's logits, for any samples of a later round."""
        before = BeforePruning(monkeypatch)
        values = {"coreset.scorer": scorer, "preserve.anchor": "first"}
        run = Run(tiny(PRUNING, **values), few_digits())
        seen = []
        for _ in epochs(run):
            if run.round is not None:
                chosen = run.train_set.images[run.round.coreset.indices]
                with torch.no_grad():
                    said = before.networks[0].eval()(chosen)
                recorded = run.round.recorded_at(torch.arange(len(chosen)))
                torch.testing.assert_close(recorded, said, rtol=1e-4, atol=1e-5)
                seen.append(set(run.round.coreset.indices.tolist()))
        assert len(before.networks) == 3
        assert seen[-1] - seen[0]

    @pytest.mark.parametrize("scorer", [name for name in SCORERS if not SCORERS[name].dynamics])
    def test_the_coreset_is_what_the_scorer_picks_by_that_network(self, monkeypatch, scorer):
        before = BeforePruning(monkeypatch)
        run = Run(tiny(PRUNING, **{"coreset.scorer": scorer}), few_digits())
        labels = run.train_set.labels
        groups = make_groups(labels, group_sizes(run.data.class_counts, 36, balanced=True))
        for entry in epochs(run):
            if entry.epoch in (2, 4, 6):
                features = extract(before.networks[-1], run.train_set.scan(), labels)
                draw = generator(0, "selection", entry.epoch - 1)
                expected = SCORERS[scorer].select(features, groups, draw, run.config.coreset)
                assert torch.equal(run.round.coreset.indices, expected.indices)
                torch.testing.assert_close(run.round.coreset.weights, expected.weights)

    def test_every_round_selects_and_records_anew(self):
        run = Run(tiny({"coreset.scorer": "random"}), few_digits())
        rounds = [run.round for _ in epochs(run)]
        assert rounds[0] is None
        assert rounds[1] is rounds[2]
        assert len({tuple(each.coreset.indices.tolist()) for each in rounds[1::2]}) == 3
        assert len({each.recorded.sum().item() for each in rounds[1::2]}) == 3

    def test_nothing_is_recorded_where_preservation_is_off(self):
        run = started(tiny({"preserve.weight": 0}), after=2)
        assert run.round.recorded is None

    @pytest.mark.parametrize("scorer", ["random", "el2n"])
    def test_selection_and_recording_see_the_network_at_rest(self, restless, monkeypatch, scorer):
        """Dropout is off, and batch-norm statistics change in training steps only."""
        before = BeforePruning(monkeypatch)
        run = Run(tiny(PRUNING, **{"coreset.scorer": scorer}), few_digits())
        for entry in epochs(run):
            if entry.epoch == 2:
                chosen = run.train_set.images[run.round.coreset.indices]
                with torch.no_grad():
                    said = before.networks[-1].eval()(chosen)
                torch.testing.assert_close(run.round.recorded, said, rtol=1e-4, atol=1e-5)
        assert run.model[2].num_batches_tracked == 8 + 5 * 3

    def test_steps_are_made_in_training_mode(self, restless, monkeypatch):
        modes = []
        after_each_step(monkeypatch, lambda run: modes.append(run.model[4].training))
        started(tiny(), after=3)
        assert set(modes) == {True}
