"""A search that a study of the paper asks for: what it costs, finds, keeps, and goes on with.

What Ray's workers do is done here by one worker in this process; tests/e2e has Ray's.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from search.driver import launch
from search.driver.request import Request
from search.engine.worker import Worker, work_here
from search.errors import SearchFailedError
from search.reproduce.searches import KeptSearches, find
from search.store.home import Home
from search.trials.repository import SearchTrials
from search.trials.trial_record import front_of, spent
from studies.outcomes import Found, Search
from swast.config import TrainConfig
from swast.data import load_data
from swast.forecast import dense_flops
from tests.search.support import BARE, blank_database
from tests.search.tracking.stories import new_store

# MLflow's own
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")


class Here:
    """Workers that are this process, and interrupt the work when so many jobs have begun."""

    def __init__(self, config, stop=None):
        self.data, self.warmups, self.stop = load_data(config.data), None, stop

    def run(self, work, seconds=None):
        if self.stop is not None:
            propose, left = work.propose, iter(range(self.stop))

            def until():
                if next(left, None) is None:
                    work.pause()
                return propose()

            work.propose = until
        work_here(work, Worker(self.data, warmups=self.warmups))


@pytest.fixture
def request_(tmp_path, monkeypatch):
    monkeypatch.setattr(launch, "write_report", lambda *_: None)  # tests/e2e writes it
    new_store(tmp_path)
    (tmp_path / "optuna.db").write_bytes(blank_database())
    return Request(home=tmp_path, gpus=0, quiet=True, sampler="tpe")


@pytest.fixture
def wanted(tmp_path):
    """A search that may cost as much as training the dense network twice."""
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
    assert [each.to_dict() for each in found.front] == [e.config for e in front_of(records)]
    assert not any(each.shared for each in records)


def finished(folder):
    records = SearchTrials.load(Home(folder).storage, "inner").records()
    return [each for each in records if each.state == "complete"]


def test_what_was_found_is_kept_whole_or_not_at_all(tmp_path):
    wanted, path = Search("digits", 10**12, 0), tmp_path / "searches.jsonl"
    found = Found((TrainConfig(seed=3), TrainConfig(epochs=7)), 10**12 - 1, 40, "tpe")
    KeptSearches(path).add(wanted, found)
    with path.open("a") as file:
        file.write('{"search": {"space"')
    kept = KeptSearches(path)
    assert kept.get(wanted) == found
    assert kept.get(replace(wanted, seed=4)) is None
