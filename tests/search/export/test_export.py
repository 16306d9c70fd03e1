"""Export of configurations: the right trials, complete files, and their provenance."""

from __future__ import annotations

import math
import random
from argparse import Namespace

import pytest

from search.commands import options
from search.errors import RequestError
from search.export.export import WRITERS, Bounds, export, pick
from search.objectives import choose
from search.trials.readings import Reading
from search.trials.trial_record import knee_of
from swast.config import parse_toml, read_config
from swast.config.languages import PARSERS
from tests.search.support import finish, new_search, record, tree

# Cheap and poor, a bargain, an equal that costs more, the best, the best at a higher price.
CLOUD = [
    record(0, 0.90, 1.0),
    record(1, 0.95, 0.5),
    record(2, 0.95, 0.7),
    record(3, 0.92, 0.04),
    record(4, 0.92, 0.05),
    record(5, 0.60, 0.01),
    record(6, 0.50, 0.02),
    record(7, 0.99, 0.001, state="pruned", epochs=2),
    record(8, 0.99, 0.001, state="failed"),
    record(9, state="running", accuracy=0.99, cost=None),
]


def request(out, which="knee", **more):
    given = {
        "trial": None,
        "max_flops": None,
        "min_accuracy": None,
        "within": None,
        "format": "toml",
    } | more
    return Namespace(pick=which, out=out, **given)


class TestPick:
    @pytest.mark.parametrize(
        ("which", "expected"),
        [
            ("best", {"best": 1}),
            ("cheapest", {"cheapest": 5}),
            ("knee", {"knee": 3}),
            ("front", {"trial-5": 5, "trial-3": 3, "trial-1": 1}),
        ],
    )
    def test_names_the_trials(self, which, expected):
        found = pick(CLOUD, which)
        assert {name: trial.number for name, trial in found.items()} == expected

    @pytest.mark.parametrize("seed", range(5))
    def test_is_what_a_search_by_hand_finds(self, seed):
        draw = random.Random(seed)
        cloud = [
            record(number, draw.randint(50, 60) / 100, 10 ** (-draw.randint(0, 12) / 4))
            for number in range(30)
        ]

        def only(which):
            (found,) = pick(cloud, which).values()
            return found

        top = max(trial.score for trial in cloud)
        least = min(trial.cost for trial in cloud if trial.score == top)
        assert (only("best").score, only("best").cost) == (top, least)
        low = min(trial.cost for trial in cloud)
        most = max(trial.score for trial in cloud if trial.cost == low)
        assert (only("cheapest").score, only("cheapest").cost) == (most, low)
        assert only("knee") == knee_of(cloud)
        undominated = {
            trial.number
            for trial in cloud
            if not any(
                other.score >= trial.score
                and other.cost <= trial.cost
                and (other.score, other.cost) != (trial.score, trial.cost)
                for other in cloud
            )
        }
        assert {trial.number for trial in pick(cloud, "front").values()} == undominated

    @pytest.mark.parametrize(
        ("which", "bounds", "number"),
        [
            ("best", Bounds(most_cost=0.4999e10), 3),
            ("best", Bounds(most_cost=0.5e10), 1),
            ("cheapest", Bounds(least_score=0.6), 5),
            ("cheapest", Bounds(least_score=0.61), 3),
            ("cheapest", Bounds(least_score=0.93), 1),
            ("knee", Bounds(most_cost=0.03e10), 5),
            ("best", Bounds(most_cost=0.045e10, least_score=0.91), 3),
        ],
    )
    def test_keeps_to_limits_ends_included(self, which, bounds, number):
        assert pick(CLOUD, which, bounds=bounds)[which].number == number

    @pytest.mark.parametrize(
        "bounds",
        [
            Bounds(most_cost=1.0),
            Bounds(least_score=0.96),
            Bounds(most_cost=0.4e10, least_score=0.95),
        ],
    )
    @pytest.mark.parametrize("which", options.PICKS)
    def test_of_nothing_within_the_limits_is_refused(self, which, bounds):
        with pytest.raises(RequestError, match="no finished trial within those limits"):
            pick(CLOUD, which, bounds=bounds)

    @pytest.mark.parametrize(
        ("points", "number"), [(0.5, 1), (2.9, 1), (3.0, 3), (34.9, 3), (35.0, 5), (99.0, 5)]
    )
    def test_is_the_cheapest_that_is_so_many_points_below_the_best_at_most(self, points, number):
        (found,) = pick(CLOUD, "cheapest", bounds=Bounds(within=points)).values()
        assert found.number == number

    def test_the_best_is_that_of_what_the_other_limits_leave(self):
        bounds = Bounds(most_cost=0.1 * 10**10, within=0.5)
        (found,) = pick(CLOUD, "cheapest", bounds=bounds).values()
        assert found.number == 3

    @pytest.mark.parametrize("trials", [[], CLOUD[7:]])
    def test_of_a_search_without_finished_trials_is_refused(self, trials):
        with pytest.raises(RequestError, match="no finished trial to export"):
            pick(trials, "best")

    @pytest.mark.parametrize(
        ("which", "expected"),
        [("cheapest", {3}), ("best", {1}), ("knee", {1}), ("front", {1, 3})],
    )
    def test_leaves_out_what_is_not_better_than_the_reference(self, which, expected):
        """Trials 5 and 6 are not better than 0.6; of the two ends left, the best is the knee."""
        found = pick(CLOUD, which, choose("train-flops", worst_score=0.6))
        assert {trial.number for trial in found.values()} == expected

    def test_of_an_explicit_least_score_overrides_the_reference(self):
        objectives = choose("train-flops", worst_score=0.6)
        (found,) = pick(CLOUD, "cheapest", objectives, Bounds(least_score=0.0)).values()
        assert found.number == 5

    @pytest.mark.parametrize("which", options.PICKS)
    def test_of_nothing_better_than_the_reference_says_how_to_export_all_the_same(self, which):
        said = r"better than the study's reference of 99\.00%; --min-accuracy 0 exports"
        with pytest.raises(RequestError, match=said):
            pick(CLOUD, which, choose("train-flops", worst_score=0.99))

    @pytest.mark.parametrize("which", ["knee", "best", "cheapest"])
    def test_of_one_trial_is_that_trial(self, which):
        assert pick(CLOUD[:1], which) == {which: CLOUD[0]}


class TestFiles:
    @pytest.fixture
    def trials(self, tmp_path):
        trials = new_search(tmp_path)
        finish(trials, (0.6, 0.01), (0.9, 1.0), (0.85, 0.05), (0.5, 0.5), (1 / 3, 0.007))
        return trials

    def test_read_back_to_the_trials_configuration(self, trials, tmp_path):
        written = export(trials, request(tmp_path / "out" / "deep", "front"))
        assert [path.name for path in written] == [
            "trial-4.toml",
            "trial-0.toml",
            "trial-2.toml",
            "trial-1.toml",
        ]
        assert sorted(tree(tmp_path / "out" / "deep")) == sorted(path.name for path in written)
        for path in written:
            number = int(path.stem.removeprefix("trial-"))
            (trial,) = [each for each in trials.records() if each.number == number]
            assert read_config(path) == trial.config

    @pytest.mark.parametrize("form", options.FORMATS)
    def test_are_the_same_in_every_format(self, trials, tmp_path, form):
        (path,) = export(trials, request(tmp_path / "out", format=form))
        (toml,) = export(trials, request(tmp_path / "out"))
        assert path.name == f"knee.{form}"
        assert read_config(path) == read_config(toml)
        parse = PARSERS.get(path.suffix, parse_toml)
        assert parse(path.read_text()) == parse_toml(toml.read_text())
        assert list(WRITERS) == list(options.FORMATS)

    def test_say_where_they_came_from_and_what_was_found_there(self, trials, tmp_path):
        (path,) = export(trials, request(tmp_path / "out", "cheapest"))
        told = parse_toml(path.read_text())["provenance"]
        assert (told["search"], told["study"], told["trial"]) == ("trip", "tiny", 4)
        assert told["val_accuracy"] == 1 / 3
        assert (told["train_flops"], told["relative_flops"]) == (70_000_000, 0.007)
        assert told["seconds"] == 1.5
        assert (told["sampler"], told["sampler_seed"], told["seed"]) == ("tpe", 0, 0)
        assert {"swast", "torch", "python", "processor"} <= told["exported_on"].keys()
        assert "trained_on" not in told
        assert "reference" not in told
        (path,) = export(trials, request(tmp_path / "out", "best"))
        assert parse_toml(path.read_text())["provenance"]["reference"] == "dense"

    def test_say_where_the_training_ran_and_what_other_seeds_gave(self, tmp_path):
        trials = new_search(tmp_path)
        (asked,) = [trials.ask()]
        there = {"torch": "1.0", "processor": "Z80", "device": "cpu"}
        trials.settle(record(asked.number, environment=there))
        for seed, accuracy in ((1, 0.8), (0, 0.9)):
            trials.add_reading(asked.number, seed, Reading(accuracy, accuracy / 2, 10))
        (path,) = export(trials, request(tmp_path / "out"))
        told = parse_toml(path.read_text())["provenance"]
        assert told["trained_on"] == there
        assert "exported_on" not in told
        assert told["test_accuracy"] == 0.45
        assert told["confirmed"] == {
            "seeds": [0, 1],
            "val_accuracies": [0.9, 0.8],
            "test_accuracies": [0.45, 0.4],
        }

    def test_have_no_test_scores_that_were_not_read(self, trials, tmp_path):
        """The search was paused between its last training and its first test reading."""
        for trial in trials.records():
            for seed in (1, 2):
                trials.add_reading(trial.number, seed, Reading(0.8, None, 10))
        (path,) = export(trials, request(tmp_path / "out", "best"))
        told = parse_toml(path.read_text())["provenance"]
        assert told["confirmed"] == {"seeds": [1, 2], "val_accuracies": [0.8, 0.8]}

    def test_take_the_place_of_older_ones_and_leave_others_alone(self, trials, tmp_path):
        out = tmp_path / "out"
        out.mkdir()
        (out / "best.toml").write_text("old")
        (out / "mine.toml").write_text("mine")
        export(trials, request(out, "best"))
        assert read_config(out / "best.toml").coreset.fraction == 1.0
        assert sorted(path.name for path in out.iterdir()) == ["best.toml", "mine.toml"]
        assert (out / "mine.toml").read_text() == "mine"

    def test_are_not_half_there_where_the_folder_cannot_be_made(self, trials, tmp_path):
        (tmp_path / "file").write_text("mine")
        before = tree(tmp_path)
        for out in (tmp_path / "file", tmp_path / "file" / "out"):
            with pytest.raises(RequestError, match=f"--out {out}: cannot be written") as caught:
                export(trials, request(out, "front"))
            assert len(str(caught.value).splitlines()) == 1
        assert tree(tmp_path) == before

    def test_are_not_there_where_nothing_is_left_to_pick(self, trials, tmp_path):
        before = tree(tmp_path)
        with pytest.raises(RequestError):
            export(trials, request(tmp_path / "out", min_accuracy=0.99))
        assert tree(tmp_path) == before


def test_the_knee_of_the_cloud_lies_farthest_above_the_line_between_its_ends():
    """By hand, on log10 of FLOPs: the ends are (0.01, 0.60) and (0.5, 0.95)."""
    across = (math.log10(0.04) - math.log10(0.01)) / (math.log10(0.5) - math.log10(0.01))
    upward = (0.92 - 0.60) / (0.95 - 0.60)
    assert upward > across
    assert pick(CLOUD, "knee")["knee"].number == 3
