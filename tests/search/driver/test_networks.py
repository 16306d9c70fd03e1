"""Networks of a study are tried with every choice of method and layers that a trial may have."""

from __future__ import annotations

import pytest

from search.driver.networks import MOST_LAYERS, networks
from search.study.study_file import parse_study
from swast import preflight
from swast.errors import ConfigError
from tests.swast.support import few_digits

FIXED = """[fixed]
data = "digits"
model = "tests.swast.odd_networks:weight_norm"
epochs = 3
warmup_epochs = 1
interval = 1
"""


def tried(text: str) -> list[tuple[object, ...]]:
    paths = ("prune.method", "prune.scope", "prune.layers")
    made = networks(parse_study("study", FIXED + text))
    return [tuple(config.value(path) for path in paths) for config in made]


def check(text: str) -> None:
    for config in networks(parse_study("study", FIXED + text)):
        preflight.check_network(config, few_digits())


def test_layers_are_those_of_the_trials_not_the_fixed_ones():
    check('prune.method = "magnitude"\n[space.prune]\nlayers = [["1"], ["4"], ["1", "4"]]')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[space.prune]\nlayers = [["1"], ["3"]]\nmethod = ["magnitude", "none"]', "layer '3'"),
        ('prune.layers = ["1"]\n[space.prune]\nlayers = [["1"], ["9"]]', "named '9'"),
        (
            '[space.prune]\nmethod = ["none", "rigl"]\n'
            '[[branch]]\nwhen.prune.method = "rigl"\nspace.prune.layers = [["1"], ["3"]]',
            "layer '3'",
        ),
        (
            'prune.layers = ["1"]\n[space.prune]\nmethod = ["none", "rigl"]\n'
            '[[branch]]\nwhen.prune.method = "rigl"\nfixed.prune.layers = ["3"]',
            "layer '3'",
        ),
    ],
)
def test_a_choice_that_no_trial_could_prune_is_refused(text, said):
    with pytest.raises(ConfigError, match=said):
        check(text)


def test_methods_and_layers_are_tried_one_by_one():
    text = '[space.prune]\nmethod = ["none", "rigl", "set"]\nlayers = [["1"], ["4"]]'
    assert tried(text) == [
        ("none", "all", ("1",)),
        ("rigl", "all", ("1",)),
        ("set", "all", ("1",)),
        ("rigl", "all", ("4",)),
    ]


def test_of_many_choices_some_are_tried():
    layers = [[str(number)] for number in range(900)]
    assert len(tried(f"[space.prune]\nlayers = {layers}")) == MOST_LAYERS
