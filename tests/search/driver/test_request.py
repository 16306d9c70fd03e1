"""Requests from Python and from the command line pass the same checks."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import pytest

from search.driver.request import Request
from search.errors import RequestError
from swast.options import add_options


@pytest.fixture(scope="module")
def parser():
    made = argparse.ArgumentParser()
    add_options(made, Request)
    return made


def test_without_options_they_are_the_same(parser):
    assert Request(**vars(parser.parse_args([]))) == Request()


def test_every_field_is_an_option_with_help(parser):
    flags = {flag: action.help for action in parser._actions for flag in action.option_strings}
    for field in dataclasses.fields(Request):
        assert flags[f"--{field.name.replace('_', '-')}"]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("budget", "5", 5),
        ("max_flops", "1e9", 1e9),
        ("gpus", "0", 0),
        ("gpus_per_trial", "0.25", 0.25),
        ("confirm_seeds", "3", 3),
        ("home", "place", Path("place")),
        ("address", "10.0.0.1:6379", "10.0.0.1:6379"),
    ],
)
def test_a_text_and_a_value_make_the_same_request(parser, name, text, value):
    given = parser.parse_args([f"--{name.replace('_', '-')}", text])
    assert Request(**vars(given)) == Request(**{name: value})
    assert getattr(Request(**{name: value}), name) == value


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"budget": 0}, "budget must be at least 1, got 0"),
        ({"budget": 2.5}, "budget must be a whole number at least 1, got 2.5"),
        ({"budget": "5"}, "budget must be a whole number at least 1, got '5'"),
        ({"budget": True}, "budget must be a whole number at least 1, got True"),
        ({"seed": 2**32}, "seed must be in [0, 4294967295], got 4294967296"),
        ({"time_budget": float("inf")}, "time_budget must be above 0, got inf"),
        ({"max_flops": float("nan")}, "max_flops must be above 0, got nan"),
        ({"retries": -1}, "retries must be at least 0, got -1"),
        ({"sampler": "tpee"}, "got 'tpee'; did you mean 'tpe'?"),
        ({"home": 3}, "home must be a path (a name in it: up to 255 bytes), got 3"),
        ({"download": "no"}, "download must be true or false, got 'no'"),
    ],
)
def test_a_wrong_value_is_refused_in_words(values, said):
    with pytest.raises(RequestError) as caught:
        Request(**values)
    assert said in str(caught.value)


def test_a_home_may_be_a_text():
    assert Request(home="place").home == Path("place")


def test_every_problem_of_a_request_has_a_line():
    with pytest.raises(RequestError) as caught:
        Request(budget=0, retries=-1)
    assert len(str(caught.value).splitlines()) == 2
