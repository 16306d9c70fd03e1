"""Export of a search whose scores are estimated, and whose configurations were read again."""

from __future__ import annotations

from argparse import Namespace

import pytest

from search.errors import RequestError
from search.export.export import Bounds, export, pick
from search.export.provenance import read_exported
from search.trials.further import trainings_of
from search.trials.trial_record import front_of
from tests.search.replicated import replicated
from tests.search.support import finish, new_search, record


@pytest.fixture(scope="module")
def trials():
    return replicated()[1]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return a search of two configurations, one of which was read three times."""
    trials = new_search(tmp_path_factory.mktemp("home"))
    finish(trials, (0.90, 0.1), (0.80, 0.5))
    config = trials.records()[0].config
    for seed, accuracy in ((1, 0.84), (2, 0.87)):
        asked = trials.ask_again(0, config, seed)
        trials.settle(record(asked.number, accuracy, 0.1, environment={"torch": "1.0"}))
    return trials


def request(out, **more):
    given = {"trial": None, "max_flops": None, "min_accuracy": None, "within": None}
    return Namespace(out=out, **given | {"pick": "knee", "format": "toml"} | more)


def test_picks_are_members_by_their_estimates(trials):
    members = {trial.number: trial for trial in front_of(trials)}
    assert {trial.number for trial in pick(trials, "front").values()} == set(members)
    (best,) = pick(trials, "best").values()
    assert best.estimate.score == max(each.estimate.score for each in members.values())
    assert pick(trials, "knee")["knee"].number in members


def test_a_point_is_taken_off_the_best_estimate(trials):
    best = max(trial.value for trial in trials if trial.estimate)
    for within in (0.5, 2.0, 5.0):
        (found,) = pick(trials, "cheapest", bounds=Bounds(within=within)).values()
        assert found.value >= best - within / 100 - 1e-9


def test_where_no_member_is_left_the_best_of_the_rest_are_picked(trials):
    members = {trial.number for trial in front_of(trials)}
    rest = [trial for trial in trials if trial.number not in members and trial.repeats is None]
    for which in ("knee", "best", "cheapest", "front"):
        assert pick(rest, which)


def test_a_file_has_the_estimate_all_readings_and_the_result_it_repeats(home, tmp_path, capsys):
    (path,) = export(home, request(tmp_path / "out"))
    told = read_exported(path).provenance
    assert (told["trial"], told["seed"], told["val_accuracy"]) == (0, 0, 0.90)
    assert told["readings"] == {"seeds": [0, 1, 2], "val_accuracies": [0.90, 0.84, 0.87]}
    made = home.estimated()[0].estimate
    assert told["estimate"] == {
        "accuracy": made.score,
        "error": made.error,
        "interval": [made.low, made.high],
        "on_front": made.front,
        "readings": 3,
        "spread": made.spread,
    }
    line = capsys.readouterr().err
    assert f"accuracy {100 * made.score:.2f} ± {100 * made.error:.2f}%" in line
    assert "90.00% with seed 0, 84.00% with seed 1, 87.00% with seed 2" in line


def test_a_further_training_is_exported_by_its_number_with_its_own_seed(home, tmp_path):
    (path,) = export(home, request(tmp_path / "out", trial=3))
    told = read_exported(path)
    assert (told.config.seed, told.score, told.provenance["repeats"]) == (2, 0.87, 0)
    assert told.provenance["readings"]["seeds"] == [0, 1, 2]
    assert len(trainings_of(home.records()[3], home.records())) == 3


def test_a_trial_that_there_is_not_is_refused(home, tmp_path):
    with pytest.raises(RequestError, match="--trial 7: the search has no finished trial"):
        export(home, request(tmp_path / "out", trial=7))
    assert not (tmp_path / "out").exists()
