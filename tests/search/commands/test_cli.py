"""The command line in this process: what is refused, how it is said, and what the rest prints.

Nothing here gets as far as Ray; tests/e2e runs whole searches.
"""

from __future__ import annotations

import json
import math
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import optuna
import pytest
import ray
import torch

from search.cli import COMMANDS, main
from search.driver.pricing import bill, foresee_search, price_search
from search.loop.result import SearchResult
from search.store.home import Home
from search.store.lock import held
from search.study.study_file import find_study
from search.trials.repository import SearchTrials
from swast.config import TrainConfig, read_config
from swast.data import load_data
from tests.search.support import TINY, database, finish, new_search, record, tree

REFERENCE = re.compile(r"^reference .+, (.+)$", re.MULTILINE)


def seconds_in(text):
    """The seconds of a duration as ``8.2 s`` or ``1:05``."""
    if text.endswith(" s"):
        return float(text[:-2])
    return sum(int(part) * 60**place for place, part in enumerate(reversed(text.split(":"))))


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A home with a search of five trials, and one in which nothing has finished."""
    home = tmp_path_factory.mktemp("kept")
    with held(database(home), "trip", Home(home).search("trip")):
        trials = new_search(home, budget=5)
    finish(trials, (0.6, 0.01), (0.9, 1.0), (0.85, 0.05))
    trials.settle(record(trials.ask().number, state="failed", epochs=1, reason="broken"))
    trials.ask()
    new_search(home, name="bare")
    return home


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch, kept):
    """A folder to run in, with a copy of that home and a study file, and no way into Ray."""

    def refuse(*_, **__):
        raise AssertionError("Ray was started")

    monkeypatch.setattr(ray, "init", refuse)
    monkeypatch.chdir(tmp_path)
    for name in ("SWAST_HOME", "COLUMNS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    shutil.copytree(kept, tmp_path / "home")
    (tmp_path / "tiny.toml").write_text(TINY)
    return tmp_path


@pytest.fixture
def swast_search(capsys):
    """Run the command; returns its exit code and what it wrote."""

    def run(*words):
        try:
            code = main([str(word) for word in words])
        except SystemExit as stop:
            code = stop.code
        written = capsys.readouterr()
        return code, written.out, written.err

    return run


@pytest.fixture
def refused(swast_search, place):
    """Run a command that must be refused in one line, nothing written; returns that line."""

    def run(*words):
        before = tree(place)
        code, out, err = swast_search(*words)
        assert (code, out) == (2, "")
        (line,) = err.splitlines()
        assert line.startswith("swast-search")
        assert tree(place) == before
        return line

    return run


SEARCH = ("--study", "tiny.toml", "--gpus", "0", "--budget", "1")


class TestAWrongStudy:
    @pytest.mark.parametrize(
        ("right", "wrong", "said"),
        [
            ("epochs = 4", "epoch = 4", "fixed.epoch is not a field; did you mean 'epochs'?"),
            ("interval = {", "intervall = {", "space.intervall is not a field; did you mean"),
            (
                "coreset.fraction = 1.0",
                "coreset.fracton = 1.0",
                "references.dense.coreset.fracton is not a field",
            ),
            ('"el2n"]', '"el3n"]', "got 'el3n'; did you mean 'el2n'?"),
            ("high = 0.9, step = 0.1", "high = 1.5", "sparsity must be in [0, 1), got 1.5"),
            (
                "update_interval = 10",
                "sparsity = 1.5",
                "fixed.prune.sparsity must be in [0, 1), got 1.5",
            ),
            ("low = 0.05", "low = 0", "space.coreset.fraction"),
            (
                "warmup_epochs = 1",
                "warmup_epochs = 5",
                "fixed.warmup_epochs must be at most epochs (4), got 5",
            ),
            (
                "interval = {",
                "warmup_epochs = { low = 1, high = 5 }\ninterval = {",
                "space.warmup_epochs must be at most epochs (4), got 5",
            ),
            ("[fixed]", "[fixed", "not TOML"),
        ],
    )
    def test_is_refused_by_file_and_field(self, place, refused, right, wrong, said):
        text = TINY.replace(right, wrong, 1)
        assert text != TINY
        (place / "bad.toml").write_text(text)
        line = refused("--study", "bad.toml", "--gpus", "0")
        assert line.startswith("swast-search: bad.toml: ")
        assert said in line

    @pytest.mark.parametrize(
        ("right", "wrong"),
        [
            ('model = "mlp-small"', 'model = "lenet-5"'),
            ("[space]", '[space]\nmodel = ["mlp-small", "lenet-5"]'),
            ("[references.dense]", '[references.dense]\nmodel = "lenet-5"'),
        ],
    )
    def test_is_refused_for_a_network_that_cannot_be_trained(self, place, refused, right, wrong):
        text = TINY.replace(right, wrong, 1)
        assert text != TINY
        (place / "bad.toml").write_text(text)
        assert "'lenet-5' needs images of 12 × 12" in refused("--study", "bad.toml", "--gpus", "0")

    def test_is_refused_a_line_a_problem(self, place, swast_search):
        (place / "bad.toml").write_text("[fixed]\nepoch = 1\nseed = -1\n[space]\nintervall = [1]")
        before = tree(place)
        code, out, err = swast_search("--study", "bad.toml", "--gpus", "0")
        assert (code, out, len(err.splitlines())) == (2, "", 3)
        assert all(line.startswith("swast-search: bad.toml: ") for line in err.splitlines())
        assert tree(place) == before

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("digts", "did you mean 'digits'?"),
            ("missing.toml", "missing.toml: no such file"),
            ("home", "neither a file nor one of"),
            ("", "--study"),
        ],
    )
    def test_is_refused_where_there_is_none(self, refused, name, said):
        assert said in refused("--study", name, "--gpus", "0")


class TestAWrongOption:
    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("--budget", "0"), "--budget: must be a whole number, at least 1, got '0'"),
            (("--budget", "2.5"), "--budget: must be a whole number, at least 1, got '2.5'"),
            (("--gpus", "x"), "--gpus: must be a whole number, at least 0, got 'x'"),
            (("--gpus", "-1"), "--gpus"),
            (("--max-flops", "-1"), "--max-flops: must be a number above 0, got '-1'"),
            (("--max-flops", "nan"), "--max-flops: must be a number above 0, got 'nan'"),
            (("--time-budget", "0"), "--time-budget: must be a number above 0, got '0'"),
            (("--cpus-per-trial", "0"), "--cpus-per-trial: must be a number above 0"),
            (("--gpus-per-trial", "inf"), "--gpus-per-trial: must be a number above 0"),
            (("--seed", "one"), "--seed"),
            (("--seed", "-1"), "--seed"),
            (("--seed", str(2**32)), "--seed"),
            (("--sampler", "tpee"), "--sampler: invalid choice: 'tpee'"),
            (("--budgt", "3"), "unrecognized arguments: --budgt 3"),
            (("--bud", "3"), "unrecognized arguments: --bud 3"),
            (("stray",), "unrecognized arguments: stray"),
            (("--name", "../x"), "--name must be letters, digits"),
            (("--name", "a/b"), "--name must be letters, digits"),
            (("--name", "/x"), "--name must be letters, digits"),
            (("--name", ""), "--name must be letters, digits"),
            (("--name", "x" * 101), "--name must be letters, digits"),
            (("--tracking-uri", "file:./runs"), "the MLflow store file:./runs cannot be used"),
            (("--storage", "nonsense"), "the search database nonsense cannot be used"),
            (
                ("--storage", "sqlite:////proc/nowhere/x.db"),
                "the search database sqlite:////proc/nowhere/x.db cannot be used",
            ),
            (("--json", "tiny.toml/out.json"), "--json tiny.toml"),
            (("--json", "home"), "--json home"),
        ],
    )
    @pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # MLflow's own
    def test_is_refused_before_a_search_starts(self, refused, words, said):
        assert said in refused(*SEARCH, *words)

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("list", "--budget", "3"), "unrecognized arguments: --budget 3"),
            (("show",), "required: name"),
            (("export", "trip"), "required: --out"),
            (("export", "trip", "--out", "o", "--pick", "nee"), "--pick: invalid choice: 'nee'"),
            (
                ("export", "trip", "--out", "o", "--min-accuracy", "90"),
                "--min-accuracy: must be a number in [0, 1], got '90'",
            ),
            (("export", "trip", "--out", "o", "--max-flops", "0"), "--max-flops: must be"),
            (("ui", "--port", "http"), "--port: must be a whole number"),
            (("ui", "--port", "99999", "--home", "home"), "--port"),
            (("studies", "--home", "home"), "unrecognized arguments"),
        ],
    )
    def test_is_refused_of_every_command(self, refused, words, said):
        assert said in refused(*words)

    @pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # MLflow's own
    def test_asks_for_no_more_than_ray_has(self, refused, monkeypatch):
        """Ray's stand-in has two cores."""
        monkeypatch.setattr(ray, "init", lambda **_: None)
        monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 2.0})
        line = refused(*SEARCH, "--cpus-per-trial", "3")
        assert "a trial needs 3 CPUs and 0 GPUs, and there are 2 and 0" in line

    def test_asks_for_no_more_gpus_than_there_are(self, refused):
        more = torch.cuda.device_count() + 8
        line = refused("--study", "tiny.toml", "--gpus", more)
        assert line.startswith(f"swast-search: --gpus {more}: this machine has {more - 8};")


class TestWrongData:
    @pytest.mark.parametrize("mode", [(), ("--dry-run",)])
    @pytest.mark.parametrize(
        ("fixed", "words", "said"),
        [
            ('data = "cifar10"', (), "looked at {place}/home/data, "),
            ('data = "cifar10"', ("--data-dir", "sets"), "looked at {place}/sets, "),
            ('data = "cifar10"', ("--data-dir", "none"), "--data-dir none: no such folder"),
            ('data = "npz:own.npz"', (), "data 'npz:own.npz': looked at {place}/own.npz, "),
        ],
    )
    def test_are_refused_before_a_search_starts(
        self, place, refused, monkeypatch, fixed, words, said, mode
    ):
        monkeypatch.delenv("SWAST_DATA", raising=False)
        (place / "sets").mkdir()
        (place / "tiny.toml").write_text(TINY.replace("[fixed]", f"[fixed]\n{fixed}", 1))
        line = refused(*SEARCH, "--home", "home", *words, *mode)
        assert said.format(place=place) in line

    @pytest.mark.parametrize(
        ("right", "wrong"),
        [
            ("low = 0.05", "low = 0.001"),
            (
                "[references.dense]",
                "[references.few]\ncoreset.fraction = 0.001\n\n[references.dense]",
            ),
        ],
    )
    def test_have_more_classes_than_the_smallest_coreset(self, place, refused, right, wrong):
        assert right in TINY
        (place / "tiny.toml").write_text(TINY.replace(right, wrong, 1))
        said = "coreset.fraction 0.001 of 1149 samples is 1, fewer than the 10 classes"
        assert said in refused(*SEARCH)


class TestAWrongHome:
    @pytest.mark.parametrize("home", ["tiny.toml", "tiny.toml/home", "/proc/nowhere"])
    def test_is_refused_where_nothing_can_be_written(self, refused, home):
        line = refused(*SEARCH, "--home", home)
        assert f"{home} cannot be written to" in line

    @pytest.mark.parametrize(
        "command", [("list",), ("show", "trip"), ("export", "trip", "--out", "o"), ("ui",)]
    )
    def test_is_refused_where_there_are_no_searches(self, place, refused, command):
        assert f"no searches in {place / 'swast-home'}" in refused(*command)
        assert f"no searches in {place / 'other'}" in refused(*command, "--home", "other")

    @pytest.mark.parametrize(
        "command",
        [
            (*SEARCH, "--name", "new"),
            ("--resume", "trip"),
            ("list",),
            ("show", "trip"),
            ("export", "trip", "--out", "o"),
            ("ui",),
        ],
    )
    def test_is_refused_where_its_searches_are_damaged(self, place, refused, command):
        (place / "home" / "optuna.db").write_bytes(random.Random(1).randbytes(9000))
        line = refused(*command, "--home", "home")
        assert f"{place / 'home' / 'optuna.db'} cannot be used" in line

    @pytest.mark.parametrize("command", [(*SEARCH, "--name", "new"), ("--resume", "trip")])
    @pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # MLflow's own
    def test_is_refused_where_its_runs_are_damaged(self, place, refused, command):
        (place / "home" / "mlflow.db").write_bytes(random.Random(1).randbytes(9000))
        line = refused(*command, "--home", "home")
        assert f"{place / 'home' / 'mlflow.db'} cannot be used" in line


class TestAWrongName:
    def test_is_one_that_is_taken(self, refused):
        line = refused(*SEARCH, "--home", "home", "--name", "trip")
        assert "a search named 'trip' exists; --resume trip goes on with it" in line

    @pytest.mark.parametrize(
        "command",
        [("--resume", "trp"), ("show", "trp"), ("export", "trp", "--out", "o"), ("ui", "trp")],
    )
    def test_is_one_that_there_is_not(self, refused, command):
        line = refused(*command, "--home", "home")
        assert "no search named 'trp'; there are trip, bare" in line

    @pytest.mark.parametrize("name", ["../trip", "a/b", ""])
    def test_is_no_name_to_resume(self, refused, name):
        assert "--resume must be" in refused(*SEARCH, "--home", "home", "--resume", name)

    def test_is_that_of_a_search_that_is_being_run(self, place, refused):
        home = Home(place / "home")
        with held(home.storage, "trip", home.search("trip")):
            line = refused("--resume", "trip", "--home", "home", "--budget", "9")
        assert "search 'trip' is being run by another process" in line

    @pytest.mark.parametrize(
        "command", [("show", "trip"), ("list",), ("export", "trip", "--out", "o")]
    )
    def test_is_a_database_that_there_is_not(self, place, refused, command):
        """Reading makes none."""
        refused(*command, "--storage", f"sqlite:///{place}/new/optuna.db")

    def test_of_a_search_elsewhere_is_looked_for_there(self, place, refused):
        """Also by `ui`: no port is tried, since the name is refused."""
        new_search(place, name="elsewhere")
        for command in ("show", "ui"):
            line = refused(command, "nope", "--storage", database(place))
            assert "no search named 'nope'; there are elsewhere" in line


class TestExport:
    def test_of_nothing_finished_is_refused(self, refused):
        line = refused("export", "bare", "--home", "home", "--out", "o")
        assert "no finished trial to export" in line

    def test_within_limits_that_nothing_keeps_is_refused(self, refused):
        line = refused("export", "trip", "--home", "home", "--out", "o", "--min-accuracy", "0.99")
        assert "no finished trial within those limits" in line

    def test_into_no_folder_is_refused(self, refused):
        line = refused("export", "trip", "--home", "home", "--out", "tiny.toml/o")
        assert "--out tiny.toml/o: cannot be written" in line

    def test_prints_the_files_that_it_writes(self, place, swast_search):
        code, out, err = swast_search(
            "export", "trip", "--home", "home", "--pick", "front", "--out", "o/p"
        )
        assert (code, err) == (0, "")
        assert out.splitlines() == ["o/p/trial-0.toml", "o/p/trial-2.toml", "o/p/trial-1.toml"]
        trials = SearchTrials.load(database(place / "home"), "trip").records()
        for line in out.splitlines():
            number = int(line.removeprefix("o/p/trial-").removesuffix(".toml"))
            assert read_config(place / line) == TrainConfig.from_dict(trials[number].config)


class TestList:
    def test_tells_scripts_every_search(self, swast_search):
        code, out, err = swast_search("list", "--home", "home", "--json")
        assert (code, err) == (0, "")
        trip, bare = json.loads(out)
        assert trip == {
            "name": "trip",
            "study": "tiny",
            "budget": 5,
            "complete": 3,
            "front": 3,
            # 0.6 from 1e-2 on, 0.85 from 5e-2 on, nothing for what costs as much as dense training
            "hypervolume": pytest.approx(0.6 * 0.5 + 0.25 * -math.log10(0.05) / 4, abs=1e-6),
        }
        assert (bare["name"], bare["complete"], bare["front"]) == ("bare", 0, 0)

    def test_of_which_one_cannot_be_read_tells_of_the_others(self, place, swast_search):
        """A setting of its study has another name since."""
        kept = optuna.load_study(study_name="bare", storage=database(place / "home"))
        source = kept.user_attrs["source"].replace("interval = {", "intervall = {")
        kept.set_user_attr("source", source)
        code, out, err = swast_search("list", "--home", "home", "--json")
        assert (code, [row["name"] for row in json.loads(out)]) == (0, ["trip"])
        (line,) = err.splitlines()
        assert line.startswith(
            "swast-search: 'bare' cannot be read: space.intervall is not a field"
        )

    def test_of_an_older_version_are_read(self, place, swast_search):
        """Searches had no id of their own."""
        for name in ("uid", "confirm_seeds", "max_flops", "flops_budget"):
            with closing(sqlite3.connect(place / "home" / "optuna.db")) as database, database:
                database.execute("DELETE FROM study_user_attributes WHERE key = ?", (name,))
        code, out, err = swast_search("show", "trip", "--home", "home", "--json")
        assert (code, err, json.loads(out)["name"]) == (0, "", "trip")

    def test_tells_people_the_same(self, swast_search, monkeypatch):
        monkeypatch.setenv("SWAST_HOME", "home")
        code, out, err = swast_search("list")
        assert (code, err) == (0, "")
        rows = [
            [cell.strip() for cell in line.split("│")[1:-1]]
            for line in out.splitlines()
            if line.startswith("│")
        ]
        assert [row[:5] for row in rows] == [
            ["trip", "tiny", "5", "3", "3"],
            ["bare", "tiny", "10", "0", "0"],
        ]


class TestShow:
    def test_tells_scripts_the_whole_search(self, place, swast_search):
        code, out, err = swast_search("show", "trip", "--home", "home", "--json")
        assert (code, err) == (0, "")
        trials = SearchTrials.load(database(place / "home"), "trip")
        result = SearchResult(trials.info, tuple(trials.records()), "running")
        assert json.loads(out) == json.loads(json.dumps(result.to_dict()))

    def test_tells_people_every_trial_and_marks_the_front(self, swast_search):
        code, out, err = swast_search("show", "trip", "--home", "home")
        assert (code, err) == (0, "")
        assert out.startswith("trip: study tiny, 5 of 5 trials, sampler tpe, seed 0\n")
        lines = [line for line in out.splitlines() if line.startswith((" * #", "   #"))]
        assert [line[:5] for line in lines] == [" * #0", " * #1", " * #2", "   #3", "   #4"]
        assert lines[1] == " * #1 dense: accuracy 90.00% at 1.0000 of dense FLOPs, 1.5 s"
        assert lines[3] == "   #3: failed after 1 epochs: broken"
        assert lines[4] == "   #4: running"
        assert "\x1b" not in out

    def test_of_a_search_without_trials_is_no_error(self, swast_search):
        code, out, err = swast_search("show", "bare", "--home", "home")
        assert (code, err) == (0, "")
        assert "0 of 10 trials" in out


class TestStudies:
    def test_are_listed_for_scripts_and_people(self, swast_search):
        code, out, err = swast_search("studies", "--json")
        assert (code, err) == (0, "")
        rows = json.loads(out)
        assert {"name": "digits", "description": find_study("digits").description} in rows
        code, plain, err = swast_search("studies")
        assert (code, err) == (0, "")
        assert all(row["name"] in plain for row in rows)


class TestDryRun:
    def test_prices_a_search_and_writes_nothing(self, place, swast_search):
        before = tree(place)
        code, out, err = swast_search(*SEARCH, "--dry-run", "--budget", "7", "--seed", "3")
        assert (code, err) == (0, "")
        assert tree(place) == before
        outlook = foresee_search(find_study("tiny.toml"), load_data("digits"), seed=3)
        price = price_search(outlook, 7, bill)
        text = " ".join(out.split())
        assert f"tiny: 7 trials, about {price.expected:.3g} training FLOPs" in text
        assert f"least {price.least:.3g}, median {price.median:.3g}, most {price.most:.3g}" in text
        assert f"dense {outlook.dense:.3g}" in text
        assert f"reference small: {price.references['small']:.3g}, " in text
        assert "halving" not in text

    def test_says_how_long_it_would_train_here(self, swast_search):
        """The whole in the time of two cores, a trial in its own."""
        cpus = str((os.cpu_count() or 1) / 2)
        code, out, _ = swast_search(
            *SEARCH, "--dry-run", "--budget", "50", "--cpus-per-trial", cpus
        )
        assert code == 0
        (whole,) = re.findall(
            r"^about (.+) of training, 2 at a time; start-up and upkeep are extra$", out, re.M
        )
        (trials,) = re.findall(
            r"^time of one trial: least (.+), median (.+), most (.+)$", out, re.M
        )
        least, median, most = map(seconds_in, trials)
        assert 0 < least < median < most
        assert 25 * least <= seconds_in(whole) * 1.1
        assert seconds_in(whole) <= 25 * max(most, *map(seconds_in, REFERENCE.findall(out))) * 1.1

    def test_says_what_halving_leaves(self, place, swast_search):
        halved = TINY.replace("[space]", "[halving]\nreduction = 2\n\n[space]", 1)
        (place / "tiny.toml").write_text(halved)
        code, out, _ = swast_search(*SEARCH, "--dry-run", "--budget", "50", "--seed", "3")
        outlook = foresee_search(find_study("tiny.toml"), load_data("digits"), seed=3)
        price = price_search(outlook, 50, bill)
        assert code == 0
        assert f"halving: about {price.halved:.3g} FLOPs and " in out
        assert "if every rung lets 1 in 2 go on; at most what is above" in out

    def test_refuses_trials_that_do_not_fit_here(self, swast_search):
        code, _, err = swast_search(*SEARCH, "--dry-run", "--cpus-per-trial", "4096")
        assert code == 2
        assert "a trial needs 4096 CPUs" in err


class TestHelp:
    def test_names_every_command(self, swast_search):
        code, out, err = swast_search("--help")
        assert (code, err) == (0, "")
        for command in COMMANDS:
            assert f"{command}: " in " ".join(out.split())

    def test_loads_nothing_that_takes_time(self):
        """The least of some processes, as others may be at work: it took 0.14 s of the CPU."""
        command = "from search.cli import main; main(['--help'])"

        def seconds() -> float:
            before = os.times()
            subprocess.run([sys.executable, "-c", command], check=True, capture_output=True)
            after = os.times()
            return sum(after[2:4]) - sum(before[2:4])

        assert min(seconds() for _ in range(4)) < 0.3

    @pytest.mark.parametrize("command", sorted(COMMANDS))
    def test_is_there_for_every_command(self, swast_search, command):
        code, out, err = swast_search(command, "--help")
        assert (code, err) == (0, "")
        assert out.startswith(f"usage: swast-search {command}")
        assert " ".join(out.split()).count(COMMANDS[command]) == 1
