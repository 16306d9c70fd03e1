"""docs/studies.md matches the code, and its example is a valid study."""

from __future__ import annotations

import re

import pytest

from docs import study
from docs.pages import DOCS, renewed
from search.samplers.parameters import sample
from search.study.space import Choices, Range, read_space
from search.study.study_file import TABLES, parse_study
from swast.config import parse_toml
from swast.training import price
from tests.swast.support import digits

PAGE = (DOCS / "studies.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"```toml\n(.*?)```", PAGE, re.S)


def test_the_tables_are_those_of_the_code():
    """Rewrite them with `python -m docs.study`."""
    assert renewed(PAGE, study.PARTS) == PAGE
    assert PAGE.count("| key | default |") == len(study.TABLES)


def test_every_table_of_a_study_has_its_section_and_is_in_the_example():
    headings = re.findall(r"^## `\[+(\w+)\]+`$", PAGE, re.M)
    assert {"description", *headings} == set(TABLES)
    assert set(parse_toml(EXAMPLE)) == set(TABLES)


def test_the_example_is_a_study_that_can_be_drawn_from_and_priced():
    study = parse_study("example", EXAMPLE)
    drawn = [study.configure(values) for values in sample(study.space, 40, seed=0)]
    assert all(study.contains(config) for config in drawn)
    assert {config.prune.method for config in drawn} == {"magnitude", "rigl", "n:m"}
    assert {name: study.contains(config) for name, config in study.references.items()} == {
        "paper": True,
        "pattern": True,
        "dense": False,
    }
    assert price(study.references["pattern"], digits()).total > 0


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("coreset.scorer", Choices),
        ("interval", Range),
        ("coreset.fraction", Range),
        ("prune.sparsity", Range),
        ("preserve.weight", Range),
    ],
)
def test_every_way_to_write_a_domain_is_one(path, kind):
    table, _, name = path.rpartition(".")
    (written,) = re.findall(rf"^\| `({name} = .*)` \|", PAGE, re.M)
    (found,) = read_space(parse_toml(f"[{table}]\n{written}" if table else written))
    assert (found.path, type(found.values)) == (path, kind)
