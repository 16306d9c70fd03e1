"""Settings of a part that is switched off are shown nowhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

from search.console.live import settings
from search.plots.scales import scales
from search.trials.used import used_params
from swast import TrainConfig
from tests.search.plotted import recorded
from tests.search.support import record

PARAMS = {
    "coreset.scorer": "gradmatch",
    "coreset.fraction": 0.1,
    "prune.method": "rigl",
    "prune.sparsity": 0.9,
    "preserve.weight": 0.1,
}
OFF = {"coreset.fraction": 1.0, "prune.method": "none", "preserve.weight": 0.0}


def trial(**changed):
    """A trial of these settings, some of them changed."""
    params = PARAMS | {name.replace("__", "."): value for name, value in changed.items()}
    made = TrainConfig(epochs=10, warmup_epochs=1).with_values(params)
    return replace(record(0, 0.9), params=params, config=made)


def test_a_trial_uses_all_if_nothing_is_switched_off():
    assert used_params(trial()) == PARAMS


@pytest.mark.parametrize("path", OFF)
def test_a_switch_itself_is_shown_and_no_other_field_of_its_table(path):
    made = trial(**{path.replace(".", "__"): OFF[path]})
    table = path.partition(".")[0]
    assert used_params(made) == {
        name: made.params[name] for name in PARAMS if name == path or name.split(".")[0] != table
    }


def test_dense_training_is_not_shown_as_if_it_chose_and_pruned():
    dense = trial(coreset__fraction=1.0, prune__method="none", preserve__weight=0.0)
    assert settings(dense) == "s=1 none λ=0"
    info, trials = recorded(20)
    (axis,) = [each for each in scales(info.study, trials) if each.path == "coreset.scorer"]
    scorer = {"coreset.scorer": "random"}
    assert axis.place(replace(dense, params=dense.params | scorer)) != axis.place(
        replace(trial(), params=PARAMS | scorer)
    )
