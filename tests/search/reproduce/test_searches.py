"""Searches within a study of the paper: their cost, result, file, and resumption.

One worker in this process stands in for Ray's; tests/e2e has those.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from search.driver import launch
from search.driver.request import Request
from search.errors import SearchFailedError
from search.reproduce.searches import KnownSearches, find
from search.store.home import Home
from search.trials.repository import SearchTrials
from search.trials.totals import spent
from search.trials.trial_record import front_of
from studies.outcomes import Found, Search
from swast.config import TrainConfig
from swast.data import load_data
from swast.forecast import dense_flops
from tests.search.here import Here
from tests.search.support import BARE, blank_database
from tests.search.tracking.stories import new_store

# MLflow's own
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")


@pytest.fixture
def request_(tmp_path, monkeypatch):
    monkeypatch.setattr(launch, "write_report", lambda *_: None)  # tests/e2e writes it
    new_store(tmp_path)
    (tmp_path / "optuna.db").write_bytes(blank_database())
    return Request(home=tmp_path, gpus=0, quiet=True, sampler="tpe")


@pytest.fixture
def wanted(tmp_path):
    """A search with the budget of training the dense network twice."""
    path = tmp_path / "tiny.toml"
    path.write_text(BARE)
    config = TrainConfig().with_values({"model": "mlp-small", "epochs": 4})
    return Search(str(path), 2 * dense_flops(config, load_data("digits")), 3)


def test_interrupted_it_goes_on_under_its_name_and_spends_what_it_may(wanted, request_, tmp_path):
    with pytest.raises(SearchFailedError, match="search inner was stopped"):
        find(wanted, request_, "inner", lambda config: Here(config, stop=2))
    begun = [each.number for each in finished(tmp_path)]
    assert len(begun) == 2
    found = find(wanted, request_, "inner", Here)
    trials = SearchTrials.load(Home(tmp_path).storage, "inner")
    records = trials.records()
    assert (trials.info.seed, found.sampler) == (3, "tpe")
    assert 0.5 * wanted.flops < found.spent == spent(records) <= wanted.flops
    assert found.trials == len(finished(tmp_path)) > len(begun)
    assert list(found.front) == [each.config for each in front_of(records)]
    assert not any(each.shared for each in records)


def finished(folder):
    records = SearchTrials.load(Home(folder).storage, "inner").records()
    return [each for each in records if each.state == "complete"]


def test_what_was_found_is_kept_whole_or_not_at_all(tmp_path):
    wanted, path = Search("digits", 10**12, 0), tmp_path / "searches.jsonl"
    found = Found((TrainConfig(seed=3), TrainConfig(epochs=7)), 10**12 - 1, 40, "tpe")
    KnownSearches(path).add(wanted, found)
    with path.open("a") as file:
        file.write('{"search": {"space"')
    again = KnownSearches(path)
    assert again.get(wanted) == found
    assert again.get(replace(wanted, seed=4)) is None
