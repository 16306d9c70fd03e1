"""Tests of domains: every way to write one, and the problems reported of wrong ones."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from search.study.space import Choices, Domain, Range, read_space, varies_what_is_shared
from swast.config import parse_toml, setting_paths
from swast.errors import ConfigError

SCORER_NAMES = setting_paths()["coreset.scorer"][0].names


def domain(text: str) -> Domain:
    """Return the one domain of a text."""
    (found,) = read_space(parse_toml(text))
    return found


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        read_space(parse_toml(text))
    return caught.value.problems


@pytest.mark.parametrize(
    ("text", "path", "values"),
    [
        (
            'coreset.scorer = ["random", "el2n"]',
            "coreset.scorer",
            Choices(("random", "el2n")),
        ),
        ("coreset.balanced = [true, false]", "coreset.balanced", Choices((True, False))),
        ("interval = [1, 5]", "interval", Choices((1, 5))),
        ("preserve.weight = [0, 0.5]", "preserve.weight", Choices((0, 0.5))),
        ('[prune]\nmethod = ["rigl"]', "prune.method", Choices(("rigl",))),
        (
            "interval = { low = 2, high = 10 }",
            "interval",
            Range(2, 10, whole=True),
        ),
        (
            "interval = { low = 2, high = 10, step = 4 }",
            "interval",
            Range(2, 10, whole=True, step=4),
        ),
        (
            "prune.sparsity = { low = 0, high = 0.9 }",
            "prune.sparsity",
            Range(0, 0.9, whole=False),
        ),
        (
            "[coreset]\nfraction = { low = 0.02, high = 1, log = true }",
            "coreset.fraction",
            Range(0.02, 1, whole=False, log=True),
        ),
        (
            "preserve.weight = { low = 0.01, high = 3.0, log = true, also = [0.0, 10] }",
            "preserve.weight",
            Range(0.01, 3.0, whole=False, log=True, also=(0.0, 10)),
        ),
        (
            "prune.update_interval = { low = 10, high = 99, log = true, also = [0] }",
            "prune.update_interval",
            Range(10, 99, whole=True, log=True, also=(0,)),
        ),
    ],
)
def test_every_way_to_write_a_domain(text, path, values):
    assert domain(text) == Domain(path, values)


def test_domains_keep_the_order_of_the_file():
    found = read_space(
        parse_toml(
            "interval = [1, 2]\nseed = [0, 1]\n"
            '[prune]\nscope = ["fc"]\nsparsity = [0.5]\n[coreset]\nscorer = ["random"]'
        )
    )
    assert [each.path for each in found] == [
        "interval",
        "seed",
        "prune.scope",
        "prune.sparsity",
        "coreset.scorer",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        # A field that there is not: the nearest one is named.
        ("intervall = [1]", "intervall is not a field; did you mean 'interval'?"),
        (
            "coreset.fracton = { low = 0.1, high = 0.5 }",
            "coreset.fracton is not a field; did you mean 'coreset.fraction'?",
        ),
        ("[prune]\nsparcity = [0.5]", "prune.sparcity is not a field"),
        ("[corset]\nfraction = [0.5]", "corset is not a field"),
        ("coreset = [0.5]", "coreset is not a field"),
        ("interval.low = 1\ninterval.hihg = 2", "interval.hihg is not one of low, high"),
        # A value that the field cannot take: path, value, what is allowed, nearest name.
        (
            'coreset.scorer = ["random", "gradmach"]',
            f"coreset.scorer must be one of {', '.join(SCORER_NAMES)}, got 'gradmach'; "
            "did you mean 'gradmatch'?",
        ),
        ("coreset.scorer = [1]", "coreset.scorer must be one of random, el2n"),
        ("coreset.scorer = [[1]]", "coreset.scorer must be one of random, el2n"),
        (
            "prune.sparsity = { low = 0.3, high = 1.5 }",
            "prune.sparsity must be in [0, 1), got 1.5",
        ),
        ("prune.sparsity = [0.5, 1.5]", "prune.sparsity must be in [0, 1), got 1.5"),
        (
            "coreset.fraction = { low = 0, high = 0.5 }",
            "coreset.fraction must be in (0, 1], got 0",
        ),
        (
            "preserve.weight = { low = 0.1, high = 1, also = [-1.0] }",
            "preserve.weight must be in [0, 10000], got -1.0",
        ),
        (
            'preserve.weight = { low = 0.1, high = 1, also = ["none"] }',
            "preserve.weight must be a number in [0, 10000], got 'none'",
        ),
        ("interval = [2.5]", "interval must be a whole number in [1, 100000], got 2.5"),
        ("interval = [true]", "interval must be a whole number in [1, 100000], got True"),
        ("coreset.balanced = [1]", "coreset.balanced must be true or false, got 1"),
        ("coreset.fraction = { low = 0.1, high = nan }", "coreset.fraction … must be … got nan"),
        ("optim.lr = { low = 0.1, high = inf }", "optim.lr … must be … got inf"),
        # A range that is none.
        ("interval = { low = 5, high = 5 }", "interval must have low < high"),
        ("interval = { low = 5, high = 2 }", "interval must have low < high"),
        ("interval = { low = 1, high = 5, step = 0 }", "interval … step … above 0"),
        ("interval = { low = 1, high = 5, step = -2 }", "interval … step … above 0"),
        ("interval = { low = 1, high = 5, step = 0.5 }", "interval.step must be"),
        ("interval = { low = 1.5, high = 5 }", "interval.low must be"),
        ("interval = { low = 1, high = 5.5 }", "interval.high must be"),
        ("interval = { low = 1 }", "interval.high must be a … number … got None"),
        ("interval = { high = 4 }", "interval.low must be a … number … got None"),
        ("interval = {}", "interval.low must be a … number … got None"),
        ('interval = { low = "1", high = 4 }', "interval.low must be a … number … got '1'"),
        ("interval = { low = true, high = 4 }", "interval.low must be a … number … got True"),
        (
            "preserve.weight = { low = 0, high = 1, log = true }",
            "preserve.weight: a log range must have low above 0",
        ),
        (
            "preserve.weight = { low = 0.1, high = 1, log = true, step = 0.1 }",
            "preserve.weight: a log range must have low above 0 and no step",
        ),
        ("preserve.weight = { low = 0.1, high = 1, log = 1 }", "log must be true or false"),
        ("preserve.weight = { low = 0.1, high = 1, also = 0 }", "also a list"),
        ("preserve.weight = { low = 0.1, high = 1, also = 0.0 }", "also a list"),
        ("interval = { low = 1, high = 5, stepp = 1 }", "did you mean 'step'?"),
        ("optim.lr = { low = 0.1, high = 0.9, step = inf }", "optim.lr"),
        ("optim.lr = { low = 0.1, high = 0.9, step = nan }", "optim.lr"),
        (
            'coreset.scorer = { low = "el2n", high = "random" }',
            "coreset.scorer is not a number, so it needs a list of choices",
        ),
        ("coreset.balanced = { low = 0, high = 1 }", "coreset.balanced is not a number"),
        # Neither a list nor a range.
        ("interval = 3", "interval must be a list of choices or { low = … , high = … }, got 3"),
        ("interval = []", "interval must be a list of choices"),
        ('coreset.scorer = "random"', "coreset.scorer must be a list of choices"),
    ],
)
def test_a_wrong_domain_is_refused_in_one_sentence(text, said):
    """The pattern has the words that matter; ``…`` stands for any others."""
    (problem,) = problems(text)
    assert re.search(".*".join(re.escape(part) for part in said.split(" … ")), problem)


def test_all_problems_are_reported_at_once():
    found = problems(
        "intervall = [1]\nseed = [-1, 0, -2]\n"
        "[coreset]\nfraction = { low = 0.5, high = 0.1 }\nscorer = []\n"
        "[prune]\nend = { low = 0.5, high = 1 }\nsparsity = { low = -1, high = 2 }"
    )
    starts = [problem.split()[0] for problem in found]
    assert starts == [
        "intervall",
        "seed",
        "seed",
        "coreset.fraction",
        "coreset.scorer",
        "prune.sparsity",
        "prune.sparsity",
    ]
    assert [problem.rpartition("got ")[2] for problem in found if "seed" in problem] == [
        "-1",
        "-2",
    ]


@pytest.mark.parametrize(
    "path", sorted(each for each in setting_paths() if not varies_what_is_shared(each))
)
def test_every_field_can_be_searched_that_trials_do_not_share(path):
    kind, _, default = setting_paths()[path]
    entry = list(kind.names or {bool: (True, False)}.get(kind.kind, (default,)))
    table, _, name = path.rpartition(".")
    (found,) = read_space({table: {name: entry}} if table else {name: entry})
    assert found.path == path
    assert found.values.contains(default)


class TestChoices:
    def test_hold_what_they_list(self):
        values = domain("preserve.weight = [0, 0.5]").values
        assert values.contains(0)
        assert values.contains(0.0)
        assert values.contains(0.5)
        assert not values.contains(0.25)
        assert not values.contains("0")


class TestRange:
    @pytest.mark.parametrize("value", [2, 3, 10, 40])
    def test_holds_its_ends_all_between_and_what_is_added(self, value):
        assert domain("interval = { low = 2, high = 10, also = [40] }").values.contains(value)

    @pytest.mark.parametrize("value", [0, 1, 11, 2.5, "3", None, True, math.nan, math.inf])
    def test_holds_nothing_else(self, value):
        assert not domain("interval = { low = 2, high = 10, also = [40] }").values.contains(value)

    @given(
        low=st.integers(1, 40),
        step=st.integers(1, 30),
        count=st.integers(1, 30),
        scale=st.sampled_from([10, 100, 1000]),
        data=st.data(),
    )
    def test_with_a_step_holds_every_multiple_of_it(self, low, step, count, scale, data):
        """Decimal steps need not be binary fractions: 0.3 is one of 0.1, 0.2 … 0.9."""
        place = data.draw(st.integers(0, count))
        values = Range(low / scale, (low + count * step) / scale, whole=False, step=step / scale)
        assert values.contains((low + place * step) / scale)
        assert values.contains(values.low)
        assert values.contains(values.high)

    @given(low=st.integers(0, 9), step=st.integers(2, 9), value=st.integers(0, 99))
    def test_with_a_step_holds_nothing_between(self, low, step, value):
        values = Range(low, low + 10 * step, whole=True, step=step)
        assert values.contains(value) == (value in range(low, low + 10 * step + 1, step))

    @given(low=st.floats(0.01, 0.5), high=st.floats(0.01, 0.5), share=st.floats(0, 1))
    def test_without_a_step_holds_all_between(self, low, high, share):
        assume(low < high)
        values = Range(low, high, whole=False)
        assert values.contains(min(max(low + share * (high - low), low), high))
        assert not values.contains(math.nextafter(high, 1))
        assert not values.contains(math.nextafter(low, 0))


def test_a_range_that_its_step_does_not_divide_is_refused():
    """Its high end would never be tried, though a range includes both its ends."""
    (problem,) = problems("prune.sparsity = { low = 0.1, high = 0.9, step = 0.3 }")
    assert problem.startswith("prune.sparsity")
    assert "step" in problem
    (problem,) = problems("interval = { low = 1, high = 10, step = 4 }")
    assert problem.startswith("interval")
    assert domain("prune.sparsity = { low = 0.1, high = 0.7, step = 0.2 }").values.step == 0.2
