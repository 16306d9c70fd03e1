"""Tests of the shipped studies: each can be read, priced and sampled.

The data sets have their real sizes, but every image is the same black one in memory.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from importlib import resources

import numpy as np
import pytest

from search import cli
from search.driver.prepare import choose_study, smallest
from search.driver.request import Request
from search.samplers.parameters import sample
from search.study.study_file import find_study, shipped
from swast.data import ArrayData
from swast.forecast import dense_flops
from swast.run import check_coreset
from swast.training import price
from tests.search.support import SHIPPED

SIZES = {
    "digits": ((1, 8, 8), 10, 1_149),
    "fashion-mnist": ((1, 28, 28), 10, 54_000),
    "cifar10": ((3, 32, 32), 10, 45_000),
    "cifar100": ((3, 32, 32), 100, 45_000),
    "tiny-imagenet": ((3, 64, 64), 200, 90_000),
    "imagenet": ((3, 224, 224), 1_000, 1_153_000),
}
"""Image shape, classes and training samples of each data set (docs/data.md)."""
DENSE = {"dense": 1, "dense-third": 1 / 3, "dense-sixth": 1 / 6}
"""References that train shorter, with their share of the study's epochs."""
every_study = pytest.mark.parametrize("name", SHIPPED)


@functools.cache
def blank(name: str) -> ArrayData:
    """Return a data set's shapes and labels, without its pictures."""
    shape, classes, count = SIZES[name]
    labels = np.arange(count) % classes
    images = np.broadcast_to(np.zeros(shape, dtype=np.uint8), (count, *shape))
    few, first = labels[: 2 * classes], images[: 2 * classes]
    return ArrayData(classes, images, labels, labels, first, few, first, few)


@functools.cache
def drawn(name: str, count: int = 20, seed: int = 0) -> list:
    """Return random configurations of a study."""
    study = find_study(name)
    return [study.configure(values) for values in sample(study.space, count, seed)]


def test_are_all_there_are():
    assert list(shipped()) == SHIPPED
    assert sorted(path.stem for path in resources.files("studies").glob("*.toml")) == SHIPPED


def test_are_listed_in_a_line_each(capsys):
    """A terminal of 80 columns shows three lines of frame and one of headings besides."""
    assert cli.main(["studies"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(SHIPPED) + 4
    for name in SHIPPED:
        assert any(name in line and find_study(name).description in line for line in lines)


def test_the_default_with_gpus_is_one_of_them():
    assert choose_study(Request(), 8).name == "cifar10-resnet18"
    assert choose_study(Request(), 0).name == "digits"


@every_study
def test_says_what_it_is(name):
    study = find_study(name)
    assert study.fixed.model in study.description
    assert f"{study.fixed.epochs} epochs" in study.description


@every_study
def test_is_measured_against_the_papers_defaults_and_dense_training(name):
    study = find_study(name)
    assert list(study.references) == ["paper-trim", "paper-cut", "paper-cut-k1", *DENSE]
    for key in ("paper-trim", "paper-cut", "paper-cut-k1"):
        config = study.references[key]
        assert study.contains(config), f"{key} teaches the sampler nothing"
        assert (config.prune.method, config.prune.sparsity) == ("rigl", 0.9)
        assert config.preserve.weight == 0.1
    cut, short = (study.references[key] for key in ("paper-cut", "paper-cut-k1"))
    assert short == replace(cut, warmup_epochs=1) != cut
    for key, share in DENSE.items():
        length = round(share * study.fixed.epochs)
        assert study.references[key] == replace(study.dense, epochs=length)


@every_study
def test_its_references_and_twenty_draws_are_valid_and_priced_from_shapes_alone(name):
    study, data = find_study(name), blank(find_study(name).fixed.data)
    dense = dense_flops(study.fixed, data)
    for config in (*study.references.values(), *drawn(name)):
        assert config.prune.distribution != "global", "its price needs a rehearsal"
        assert 0 < price(config, data).total < 1.5 * dense
    assert price(study.references["dense"], data).total == dense


@every_study
def test_every_draw_lies_inside_and_no_coreset_is_too_small(name):
    study, data = find_study(name), blank(find_study(name).fixed.data)
    assert all(study.contains(config) for config in drawn(name))
    for config in smallest(study):
        check_coreset(config, data)


@pytest.mark.parametrize("name", [each for each in SHIPPED if each != "digits"])
def test_its_rungs_lie_within_its_epochs(name):
    """Digits has no halving: its trials take seconds."""
    study = find_study(name)
    assert study.halving is not None
    assert "epochs" not in {each.path for each in study.space.root}, "rungs compare equal lengths"
    assert study.halving.grace * study.halving.reduction < study.fixed.epochs


@pytest.mark.parametrize("name", [each for each in SHIPPED if "resnet" in each])
def test_draws_of_one_study_have_what_only_their_branch_has(name):
    for config in drawn(name, 100, seed=1):
        updates = (config.prune.update_interval, config.prune.update_fraction)
        assert config.prune.method in ("rigl", "granet") or updates == (0, 0)
        assert config.coreset.scorer in ("el2n", "ccs") or config.coreset.drop_top == 0
        assert config.coreset.scorer == "el2n" or config.coreset.direction == "hard"
        if config.prune.method == "n:m":
            assert config.prune.sparsity in (0.25, 0.5, 0.75)
