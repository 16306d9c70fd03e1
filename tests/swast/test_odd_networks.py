"""Every pruner on odd networks: a true mask and a true bill, or one line before training."""

from __future__ import annotations

import inspect

import pytest

from swast.errors import ConfigError
from swast.pruning import PRUNERS
from tests.swast import odd_networks
from tests.swast.support import few_digits, pruning, tiny, train

ODD = [
    name
    for name, each in vars(odd_networks).items()
    if inspect.isfunction(each)
    and list(inspect.signature(each).parameters) == ["shape", "classes"]
]
"""Names of the odd networks."""


def trained(name: str, method: str, **more: object):
    values = {"prune.sparsity": 0.5, "prune.distribution": "uniform", **pruning(method)}
    values |= {"model": f"tests.swast.odd_networks:{name}", "epochs": 4, "prune.sparsity": 0.5}
    return train(tiny(values, **more), data=few_digits())


def outcome(name: str, method: str) -> str:
    """Return how a training ended: the refusal, or ``trained`` after checks of its result."""
    try:
        result = trained(name, method)
    except ConfigError as error:
        (line,) = error.problems
        assert "\n" not in line
        assert len(line) < 300
        return line
    assert result.train_flops == result.predicted_flops
    if method != "channel":
        sizes = {path: each for path, each in result.state.items() if each.dim() > 1}
        zeros = sum(int((each == 0).sum()) for each in sizes.values())
        assert zeros > 0
    assert result.history[-1].sparsity > 0
    return "trained"


@pytest.mark.long
@pytest.mark.parametrize("method", PRUNERS)
@pytest.mark.parametrize("name", ODD)
def test_every_pruner_holds_or_is_refused(name, method):
    assert outcome(name, method)
