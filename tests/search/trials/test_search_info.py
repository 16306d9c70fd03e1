"""Facts of a search are stored and read again, every one of them."""

from __future__ import annotations

import dataclasses
import json

import pytest

from search.driver.identity import checked_identity
from search.errors import RequestError
from search.trials.repository import SearchTrials
from search.trials.search_info import SearchInfo
from swast.data import load_data
from swast.errors import ConfigError
from tests.search.support import database, new_search, search_info

IDENTITY = {
    "data": {"train": [3, "a0"], "val": None, "test": [1, "b1"], "classes": "c", "rounded": ""},
    "network": {"mine": "d2"},
}
FULL = {
    "identity": IDENTITY,
    "experiment_id": "7",
    "run_id": "f00",
    "tracking_uri": "http://host:1",
    "max_flops": 1e9,
    "flops_budget": 2e9,
    "replicates": "2",
    "confirm_seeds": 3,
    "confirming": (4, 0),
    "lag": 4,
}


def test_every_fact_is_read_as_it_was_stored():
    info = search_info(**FULL)
    for field in dataclasses.fields(SearchInfo):
        if field.default is not dataclasses.MISSING:
            assert getattr(info, field.name) != field.default, "give it a value in FULL"
    kept = json.loads(json.dumps(info.to_dict()))
    assert SearchInfo.from_dict(info.name, kept) == info


def test_a_stored_search_is_resumed_with_the_data_of_its_first_trials_alone(tmp_path):
    new_search(tmp_path, identity=IDENTITY)
    found = SearchTrials.load(database(tmp_path), "trip").info
    with pytest.raises(RequestError, match="3 training samples then, 1,149 now"):
        checked_identity(found, load_data("digits"))


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        "x",
        {"data": {}},
        {"data": 1, "network": {}},
        {"data": {"train": ["3", "a0"]}, "network": {}},
        {"data": {"test": [3]}, "network": {}},
        {"data": {}, "network": {"mine": 1}},
    ],
)
def test_a_damaged_identity_is_named(wrong):
    with pytest.raises(ConfigError, match="identity: "):
        SearchInfo.from_dict("trip", search_info().to_dict() | {"identity": wrong})
