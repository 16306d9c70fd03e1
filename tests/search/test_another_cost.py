"""A cost that is registered in one place: searched, shown, plotted, exported and verified."""

from __future__ import annotations

import json
import math
import time
from types import SimpleNamespace

import pytest
from mlflow.tracking import MlflowClient

from search import cli
from search.driver import launch, prepare
from search.driver.request import Request
from search.errors import RequestError
from search.objectives import COSTS, Cost, register
from search.store.home import Home
from search.study.study_file import parse_study
from search.trials.repository import SearchTrials
from swast.config.files import read_tables
from swast.data import load_data
from tests.search.here import Here
from tests.search.support import TINY, blank_database, database, tree
from tests.search.tracking.stories import new_store

# MLflow's own
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")

SAMPLES = Cost(
    name="samples",
    label="Training samples relative to dense training",
    unit="",
    key="relative_samples",
    metric="relative_samples",
    maximise=False,
    log=True,
    digits=4,
    reference=1.0,
    best=1e-2,
    choice="train-samples",
    noun="training samples",
    absolute_unit="samples",
    absolute_key="train_samples",
    measure=lambda result: sum(epoch.samples for epoch in result.history),
    price=lambda forecast: forecast.passes.training,
)
CHOSEN = '\n[objectives]\ncost = "train-samples"\n'
HALVED = "\n[halving]\ngrace = 1\nreduction = 2\n"
BUDGET = 6


@pytest.fixture(scope="module", autouse=True)
def registered():
    """The cost is registered for the tests of this module."""
    register(SAMPLES)
    yield
    del COSTS[SAMPLES.choice]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A home with a search by samples, run in this process, and its result."""
    folder = tmp_path_factory.mktemp("samples")
    home = Home(folder / "home")
    home.path.mkdir()
    new_store(home.path)
    (home.path / "optuna.db").write_bytes(blank_database())
    (folder / "tiny.toml").write_text(TINY + CHOSEN + HALVED)
    request = Request(
        study=str(folder / "tiny.toml"),
        name="trip",
        budget=BUDGET,
        sampler="tpe",
        gpus=0,
        home=home.path,
        confirm_seeds=1,
        quiet=True,
    )
    info = prepare.choose_search(request, home, 0)
    workers = Here(info.study.fixed)
    unit = workers.data.num_train * info.study.fixed.epochs
    trials = launch.open_trials(request, home, launch.replace(info, unit=unit))
    took = []

    def timed(*given):
        began = time.monotonic()
        read_front(*given)
        took.append(time.monotonic() - began)

    read_front = launch.read_front
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch, "read_front", timed)
        result = launch.search(request, home, trials, workers)
    return SimpleNamespace(folder=folder, home=home, result=result, unit=unit, took=took)


@pytest.fixture
def command(place, capsys, monkeypatch):
    """Run a command in this process, and return its output."""
    monkeypatch.chdir(place.folder)

    def run(*words):
        assert cli.main([*words, "--home", "home"]) == 0
        written = capsys.readouterr()
        told = written.err.splitlines()
        assert told == [line for line in told if words[0] == "export" and "; read as " in line]
        return written.out

    return run


def passed(data, config):
    """Return the samples of a training, by hand: all in the warm-up, then the coreset's."""
    coreset = math.ceil(data.num_train * config["coreset"]["fraction"])
    dense = config["warmup_epochs"]
    return dense * data.num_train + (config["epochs"] - dense) * coreset


class TestASearch:
    def test_counts_the_samples_of_every_trial(self, place):
        data, done = load_data("digits"), 0
        for trial in place.result.trials:
            if trial.state == "complete":
                done += 1
                counted = passed(data, trial.config.to_dict())
                assert abs(trial.cost - counted) <= trial.config.epochs * data.num_classes
                assert trial.cost == trial.predicted_cost
                assert trial.relative_cost == trial.cost / place.unit
        assert place.result.end == "finished"
        assert done >= 2

    def test_lasts_until_the_front_is_confirmed(self, place):
        (confirming,) = place.took
        assert place.result.seconds > confirming + sum(t.seconds for t in place.result.trials)

    def test_gives_the_front_by_samples(self, place):
        done = [trial for trial in place.result.trials if trial.state == "complete"]
        undominated = {
            trial.number
            for trial in done
            if not any(
                other.value >= trial.value
                and other.cost <= trial.cost
                and (other.value, other.cost) != (trial.value, trial.cost)
                for other in done
            )
        }
        assert {trial.number for trial in place.result.front} == undominated
        assert place.result.info.objectives.cost.choice == SAMPLES.choice
        assert place.result.info.objectives.cost.measure is SAMPLES.measure

    def test_is_read_back_from_its_storage(self, place):
        trials = SearchTrials.load(database(place.home.path), "trip")
        assert trials.info.unit == place.unit
        assert tuple(trials.estimated()) == place.result.trials

    def test_is_logged_to_mlflow_under_its_names(self, place):
        client = MlflowClient(place.home.tracking)
        for trial in place.result.front:
            metrics = client.get_run(trial.run_id).data.metrics
            assert metrics["relative_samples"] == trial.relative_cost
            assert metrics["log10_train_samples"] == math.log10(trial.cost)
            assert "relative_flops" not in metrics


class TestShowing:
    def test_the_summary_has_its_keys(self, place, command):
        summary = json.loads(command("show", "trip", "--json"))
        assert summary["cost_unit"] == {
            "name": "dense training of [fixed] on all data",
            "train_samples": place.unit,
        }
        assert summary["reference_point"] == {"accuracy": 0.0, "relative_samples": 1.0}
        for trial, record in zip(summary["trials"], place.result.trials, strict=True):
            assert trial["train_samples"] == record.cost
            assert trial["relative_samples"] == record.relative_cost
            assert trial["predicted_samples"] == record.predicted_cost
            assert not {"train_flops", "relative_flops", "predicted_flops"} & set(trial)
        assert all("samples_mean" in each for each in summary["confirmed"])
        confirmed = [each["number"] for each in summary["confirmed"] if each["on_front"]]
        assert confirmed == summary["front"]
        assert 0 < summary["hypervolume"] < 1

    def test_the_table_names_it(self, command):
        out = command("show", "trip")
        assert "samples" in out
        assert "FLOPs" not in out

    def test_the_list_has_its_hypervolume(self, place, command):
        (row,) = json.loads(command("list", "--json"))
        assert row["hypervolume"] == pytest.approx(place.result.hypervolume, abs=1e-6)

    def test_the_report_has_its_axis(self, place, command):
        command("report", "trip", "--out", "report.html")
        page = (place.folder / "report.html").read_text(encoding="utf-8")
        assert SAMPLES.label in page
        assert "Training FLOPs relative to dense training" not in page
        assert (place.home.search("trip") / "pareto.png").read_bytes().startswith(b"\x89PNG")


class TestAnExport:
    @pytest.fixture
    def path(self, place, command):
        command("export", "trip", "--pick", "knee", "--out", "best")
        return place.folder / "best" / "knee.toml"

    def test_records_it(self, place, path):
        facts = read_tables(path)["provenance"]
        trial = place.result.trials[facts["trial"]]
        assert (facts["cost"], facts["train_samples"]) == (SAMPLES.choice, trial.cost)
        assert facts["relative_samples"] == trial.relative_cost
        assert "train_flops" not in facts

    def test_is_verified(self, place, path, command):
        out = command("verify", str(path))
        trial = place.result.trials[read_tables(path)["provenance"]["trial"]]
        line = next(line for line in out.splitlines() if line.startswith("  samples"))
        counted = f"{trial.cost:,}"
        assert line.split() == ["samples", "recorded", counted, "repeated", counted]
        assert "holds: exactly" in out

    def test_within_a_limit_of_flops_is_refused(self, place, capsys):
        words = ("export", "trip", "--home", str(place.home.path), "--out", "none")
        assert cli.main([*words, "--max-flops", "1e9"]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "--max-flops limits training FLOPs, but the cost of search 'trip' is" in line


class TestRefusals:
    @pytest.mark.parametrize(
        ("words", "table", "named"),
        [
            (("--max-flops", "1e9"), "", "--max-flops"),
            (("--flops-budget", "1e9"), "", "--flops-budget"),
            ((), "[constraints]\nmax_flops = 1e9\n", "[constraints]"),
            ((), "[constraints]\nmax_relative_flops = 0.5\n", "[constraints]"),
        ],
    )
    @pytest.mark.parametrize("how", [(), ("--dry-run",)])
    def test_of_limits_of_flops(self, tmp_path, monkeypatch, capsys, words, table, named, how):
        (tmp_path / "tiny.toml").write_text(TINY + CHOSEN + table)
        monkeypatch.chdir(tmp_path)
        before = tree(tmp_path)
        request = ("--study", "tiny.toml", "--gpus", "0", "--home", "new", *words, *how)
        assert cli.main(request) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line == (
            f"swast-search: {named} limits training FLOPs, but the cost of study 'tiny' is "
            f"training samples; leave {named} out"
        )
        assert tree(tmp_path) == before

    def test_of_a_limit_of_flops_on_resuming(self, place):
        request = Request(resume="trip", home=place.home.path, gpus=0, flops_budget=1e9)
        with pytest.raises(RequestError, match="--flops-budget limits training FLOPs"):
            prepare.choose_search(request, place.home, 0)

    def test_of_halving_by_a_cost_that_is_only_measured(self, monkeypatch):
        measured = launch.replace(SAMPLES, choice="measured-samples", price=None)
        monkeypatch.setitem(COSTS, measured.choice, measured)
        chosen = CHOSEN.replace("train-samples", measured.choice)
        prepare.check_limits(parse_study("tiny", TINY + chosen), Request())
        problem = r"^\[halving\] compares trials by their cost, but .*leave \[halving\] out$"
        with pytest.raises(RequestError, match=problem):
            prepare.check_limits(parse_study("tiny", TINY + chosen + HALVED), Request())

    def test_of_a_name_that_is_taken(self):
        with pytest.raises(ValueError, match="'train-samples' is registered already"):
            register(SAMPLES)
