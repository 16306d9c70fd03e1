"""Wrong requests: each is refused in one line with exit code 2, and nothing is written."""

from __future__ import annotations

import random

import pytest
import ray
import torch

from search.store.home import Home
from search.store.lock import held
from tests.search.commands.support import SEARCH
from tests.search.support import TINY, database, new_search, tree

pytestmark = pytest.mark.usefixtures("place")


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
            (("--budget", "0"), "--budget: must be at least 1, got 0"),
            (("--budget", "2.5"), "--budget: must be a whole number at least 1, got '2.5'"),
            (("--gpus", "x"), "--gpus: must be a whole number at least 0, got 'x'"),
            (("--gpus", "-1"), "--gpus"),
            (("--max-flops", "-1"), "--max-flops: must be above 0, got -1"),
            (("--max-flops", "nan"), "--max-flops: must be above 0, got nan"),
            (("--time-budget", "0"), "--time-budget: must be above 0, got 0"),
            (("--cpus-per-trial", "0"), "--cpus-per-trial: must be above 0"),
            (("--gpus-per-trial", "inf"), "--gpus-per-trial: must be above 0, got inf"),
            (("--seed", "one"), "--seed"),
            (("--seed", "-1"), "--seed"),
            (("--seed", str(2**32)), "--seed"),
            (("--sampler", "tpee"), "got 'tpee'; did you mean 'tpe'?"),
            (("--budgt", "3"), "unrecognized arguments: --budgt 3; did you mean '--budget'?"),
            (("--bud", "3"), "unrecognized arguments: --bud 3"),
            (("--study", "digits", "stray"), "unrecognized arguments: stray"),
            (("--name", "../x"), "--name must be letters, digits"),
            (("--name", "a/b"), "--name must be letters, digits"),
            (("--name", "/x"), "--name must be letters, digits"),
            (("--name", ""), "--name must be letters, digits"),
            (("--name", "x" * 101), "--name must be letters, digits"),
            (("--tracking-uri", "file:./runs"), "the MLflow store file:./runs cannot be used"),
            (("--tracking-uri", "http://127.0.0.1:9"), "cannot be used: it does not answer"),
            (("--tracking-uri", "./mlruns"), "it must be a URL as sqlite:///FILE"),
            (("--storage", "postgres://me:pass@host/db"), "write postgresql+psycopg://"),
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
            (("export", "trip", "--out", "o", "--pick", "nee"), "got 'nee'; did you mean 'knee'?"),
            (
                ("export", "trip", "--out", "o", "--min-accuracy", "90"),
                "--min-accuracy: must be in [0, 1], got 90",
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


class TestLimitsThatNothingKeeps:
    """Every configuration of the space costs more than a thousand FLOPs."""

    @pytest.mark.parametrize("mode", [(), ("--dry-run",)])
    @pytest.mark.parametrize("limit", ["--max-flops", "--flops-budget"])
    def test_are_refused_before_a_search_starts(self, refused, limit, mode):
        line = refused(*SEARCH, limit, "1000", *mode)
        assert f"{limit} 1e+03 FLOPs: nothing fits; the cheapest of 200 configurations" in line

    def test_are_refused_in_a_study(self, place, refused):
        limited = TINY.replace("[space]", "[constraints]\nmax_relative_flops = 1e-9\n\n[space]", 1)
        (place / "tiny.toml").write_text(limited)
        assert "[constraints] " in refused(*SEARCH)


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
        assert "a search named 'trip' exists; --resume trip resumes it" in line

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
