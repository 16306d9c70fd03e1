"""Every number has a range with both ends: options of all commands, and fields of all tables."""

from __future__ import annotations

import argparse
import dataclasses
import math

import pytest

from search.cli import COMMANDS
from search.driver.request import Request
from search.errors import RequestError
from search.study.tables import Constraints, HalvingConfig, ObjectivesConfig, TrialResources
from swast.cli import TrainOptions
from swast.config import setting_paths
from swast.errors import MOST_LINE
from swast.options import reader
from swast.settings import check, field_types

TABLES = (Constraints, HalvingConfig, ObjectivesConfig, TrialResources)
OPTIONS = {Request, TrainOptions, *(table for each in COMMANDS.values() for table in each.options)}
NEVER = ["nan", "inf", "-inf", "1e308", "9" * 400, "9" * 5000, "", " 1", "1_000", "٣", "0x10", "x"]
SMALL = 1e-6


def numbers(tables):
    """Return the type and the limits of every number of some tables, by name."""
    return {
        f"{table.__name__}.{each.name}": (kind, each.metadata["setting"])
        for table in sorted(tables, key=lambda table: table.__name__)
        for each in dataclasses.fields(table)
        if (kind := field_types(table).get(each.name)) and kind.kind in (int, float)
    }


ARGUMENTS = numbers(OPTIONS)
FIELDS = numbers(TABLES) | {
    path: (kind, limits)
    for path, (kind, limits, _) in setting_paths().items()
    if kind.kind in (int, float)
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_an_option_takes_no_extreme_number(name):
    read = reader(*ARGUMENTS[name])
    for text in NEVER:
        with pytest.raises(argparse.ArgumentTypeError) as caught:
            read(text)
        assert "must be" in str(caught.value)
        assert len(str(caught.value)) <= MOST_LINE


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_takes_no_extreme_number(name):
    kind, limits = FIELDS[name]
    wrong = [math.nan, -math.inf, 10**400, 10**5000, True, "1", [1], None]
    for value in wrong if limits.unlimited else [*wrong, math.inf, 1e308]:
        problem = check(value, name, kind, limits)
        assert problem is not None
        assert len(problem) <= MOST_LINE


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"cpus_per_trial": 1e-320}, "cpus_per_trial must be in [0.01, 10000], got 1e-320"),
        ({"memory_per_trial": 1e300}, "memory_per_trial must be in [0.001, 1000000], got 1e+300"),
        ({"memory_per_trial": 5e-324}, "memory_per_trial must be in [0.001, 1000000], got 5e-324"),
        ({"confirm_seeds": 10**25}, "confirm_seeds must be in [0, 1000], got 1000000000"),
        ({"retries": 10**400}, "retries must be in [0, 1000], got a number of 401 digits"),
        ({"budget": 10**7}, "budget must be in [1, 1000000], got 10000000"),
        ({"time_budget": 1e308}, "time_budget must be in [0.01, 1000000000], got 1e+308"),
        ({"max_flops": 1e308}, "max_flops must be in [1, 1e+30], got 1e+308"),
        ({"gpus": 10**6}, "gpus must be in [0, 10000], got 1000000"),
        ({"gpus_per_trial": 1.5}, "gpus_per_trial must be whole where it is above 1, got 1.5"),
        ({"home": ""}, "home must be a path (a name in it: up to 255 bytes), got ''"),
        ({"json": "a\0b"}, r"json must be a path (a name in it: up to 255 bytes), got 'a\x00b'"),
        ({"data_dir": "x" * 300}, "data_dir must be a path"),
        ({"storage": ""}, "storage must be a string, got ''"),
        ({"resume": "x", "seed": 0}, "--resume takes a search as it is: leave out --seed"),
        ({"resume": "x", "sampler": "tpe"}, "leave out --sampler"),
        ({"resume": "x", "dry_run": True}, "leave out --dry-run"),
    ],
)
def test_a_request_is_refused_before_anything_is_made(values, said):
    with pytest.raises(RequestError) as caught:
        Request(**values)
    (line,) = str(caught.value).splitlines()
    assert said in line
    assert len(line) <= MOST_LINE
