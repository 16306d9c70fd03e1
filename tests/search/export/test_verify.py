"""Verification of exported files: trainings repeat the record, and edited files are refused."""

from __future__ import annotations

import json
import math
import shutil
import statistics
from pathlib import Path
from types import SimpleNamespace

import pytest
import tomli_w

from search import cli
from search.commands.options import FORMATS
from search.export import verify
from search.export.provenance import CONFIG, RECORD, Exported, digest, read_exported
from search.export.retrain import Retraining
from swast.config import TrainConfig, parse_toml
from swast.config.files import read_tables
from swast.training import train
from tests.search.recorded import recorded
from tests.search.support import TINY, tree


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    """A home with a search of four trainings, and files exported from it in `files`."""
    folder = tmp_path_factory.mktemp("recorded")
    trials = recorded(folder / "home", TINY, 4)
    words = ("export", "trip", "--home", str(folder / "home"), "--out", str(folder / "files"))
    for form in FORMATS:
        assert cli.main([*words, "--pick", "cheapest", "--format", form]) == 0
    return SimpleNamespace(trials=trials, home=folder / "home", files=folder / "files")


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """Hide the home of the environment and of the current folder."""
    monkeypatch.delenv("SWAST_HOME", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def copy(search, tmp_path):
    """A copy of an exported file, its tables, and a function that writes these."""
    shutil.copy(search.files / "cheapest.toml", tmp_path / "mine.toml")
    tables = read_tables(tmp_path / "mine.toml")

    def write(renewed=False):
        if renewed:
            facts = tables["provenance"]
            del facts[RECORD]
            own = {name: value for name, value in tables.items() if name != "provenance"}
            facts[CONFIG] = digest(own)
            facts[RECORD] = digest(facts)
        (tmp_path / "mine.toml").write_text(tomli_w.dumps(tables))
        return tmp_path / "mine.toml"

    return SimpleNamespace(path=tmp_path / "mine.toml", tables=tables, write=write)


@pytest.fixture
def untrained(monkeypatch):
    """Fail the test if anything is trained."""

    def refuse(*_, **__):
        raise AssertionError("a training was begun")

    monkeypatch.setattr(Retraining, "train", refuse)


def refused(capsys, *words, code=2):
    """Run a command that must be refused; return its one line of error."""
    assert cli.main([str(word) for word in words]) == code
    (line,) = capsys.readouterr().err.splitlines()
    return line.removeprefix("swast-search: ")


class TestARepetition:
    @pytest.mark.parametrize(
        ("pick", "form"),
        [("knee", "toml"), ("best", "yaml"), ("cheapest", "json"), ("front", "toml")],
    )
    def test_of_what_was_just_exported_holds_exactly(self, search, tmp_path, capsys, pick, form):
        where = ("--home", search.home, "--out", tmp_path / "out")
        words = ("export", "trip", "--pick", pick, "--format", form, "--verify", *where)
        assert cli.main([str(word) for word in words]) == 0
        out = capsys.readouterr().out
        written = sorted((tmp_path / "out").iterdir())
        assert out.count("holds: exactly, with the same versions") == len(written) >= 1
        assert all(out.count(f"{path}") == 2 for path in written)

    def test_says_accuracy_and_flops_of_both(self, search, capsys):
        path = search.files / "cheapest.toml"
        assert cli.main(["verify", str(path)]) == 0
        recorded = read_tables(path)["provenance"]
        lines = capsys.readouterr().out.splitlines()
        accuracy, flops = f"{recorded['val_accuracy']:.4%}", f"{recorded['train_flops']:,}"
        assert lines[0] == f"{path}: trial {recorded['trial']} of trip"
        assert lines[1].split() == ["accuracy", "recorded", accuracy, "repeated", accuracy]
        assert lines[2].split() == ["FLOPs", "recorded", flops, "repeated", flops]

    def test_with_further_seeds_says_their_mean_and_spread(self, search, capsys):
        path = search.files / "cheapest.yaml"
        assert cli.main(["verify", str(path), "--seeds", "2"]) == 0
        config = read_exported(path).config
        seeds = [config.seed + more for more in range(3)]
        found = [train(config.with_values({"seed": seed})).val_accuracy for seed in seeds]
        line = next(line for line in capsys.readouterr().out.splitlines() if "3 seeds" in line)
        assert f"mean {statistics.mean(found):.4%} ± {statistics.stdev(found):.4%}" in line
        assert "seeds 0, 1, 2" in line
        assert f"recorded {found[0]:.4%}" in line

    @pytest.mark.parametrize("name", ["val_accuracy", "train_flops"])
    def test_that_finds_something_else_does_not_hold(self, copy, capsys, name):
        """The digests are recomputed, so only the training reveals the edit."""
        copy.tables["provenance"][name] *= 2 if name == "train_flops" else 0.99
        path = copy.write(renewed=True)
        assert cli.main(["verify", str(path)]) == 1
        told = capsys.readouterr()
        assert "does not hold: exactly" in told.out
        assert told.err == f"swast-search: not what was recorded: {path}\n"

    def test_goes_on_to_the_other_files_where_one_does_not_hold(self, search, copy, capsys):
        copy.tables["provenance"]["val_accuracy"] += 0.001
        words = ["verify", str(copy.write(renewed=True)), str(search.files / "cheapest.json")]
        assert cli.main(words) == 1
        verdicts = [line.split(":")[0] for line in capsys.readouterr().out.splitlines()[3::4]]
        assert verdicts == ["  does not hold", "  holds"]


@pytest.mark.usefixtures("untrained")
class TestARefusal:
    def test_of_an_edited_configuration_names_what_was_edited(self, search, copy, capsys):
        was = copy.tables["coreset"]["fraction"]
        copy.tables["coreset"]["fraction"] = 0.75
        line = refused(capsys, "verify", copy.write(), "--home", search.home)
        assert f"{copy.path}: the configuration was edited" in line
        assert f"(coreset.fraction is 0.75, was {was})" in line

    def test_of_an_edited_configuration_needs_no_search(self, copy, capsys):
        copy.tables["seed"] = 1
        line = refused(capsys, "verify", copy.write())
        assert "edited since it was exported; export it again" in line

    @pytest.mark.parametrize("name", ["val_accuracy", "train_flops", "torch", CONFIG])
    def test_of_an_edited_record(self, copy, capsys, name):
        facts = copy.tables["provenance"]
        table = facts["trained_on"] if name == "torch" else facts
        table[name] = 1 if name != CONFIG else f"{table[name][:-1]}x"
        assert "was edited since it was exported" in refused(capsys, "verify", copy.write())

    def test_of_a_file_without_provenance(self, copy, capsys):
        del copy.tables["provenance"]
        assert "no [provenance]" in refused(capsys, "verify", copy.write())

    def test_of_a_file_from_before_there_were_digests(self, copy, capsys):
        del copy.tables["provenance"][RECORD]
        assert f"[provenance] lacks {RECORD}" in refused(capsys, "verify", copy.write())

    @pytest.mark.parametrize(
        ("name", "text", "said"),
        [
            ("half.toml", "data = 'digits'\n[prov", "not TOML"),
            ("half.json", '{"data": "digits", "prov', "not JSON"),
            ("half.yaml", "data: [digits", "not YAML"),
            ("list.json", "[1]", "not a mapping"),
            ("missing.toml", None, "no such file"),
        ],
    )
    def test_of_what_is_no_configuration(self, tmp_path, capsys, name, text, said):
        if text is not None:
            (tmp_path / name).write_text(text)
        line = refused(capsys, "verify", tmp_path / name)
        assert line.startswith(f"{tmp_path / name}: ")
        assert said in line

    def test_of_one_file_keeps_the_others_from_being_trained(self, search, copy, capsys):
        copy.path.write_text("")
        assert str(copy.path) in refused(
            capsys, "verify", search.files / "cheapest.toml", copy.path
        )

    def test_of_data_that_are_not_there(self, copy, capsys):
        copy.tables["data"] = "npz:/nowhere/else.npz"
        assert "/nowhere/else.npz" in refused(capsys, "verify", copy.write(renewed=True))

    def test_of_a_folder_of_data_comes_before_anything_is_written(self, search, tmp_path, capsys):
        before = tree(tmp_path)
        words = ("export", "trip", "--home", search.home, "--out", tmp_path / "out", "--verify")
        line = refused(capsys, *words, "--data-dir", tmp_path / "none")
        assert line == f"--data-dir {tmp_path / 'none'}: no such folder"
        assert tree(tmp_path) == before

    def test_of_seeds_without_verify(self, search, tmp_path, capsys):
        words = ("export", "trip", "--home", search.home, "--out", tmp_path / "out")
        assert "add --verify" in refused(capsys, *words, "--seeds", "2")
        assert not (tmp_path / "out").exists()


class TestDigests:
    def test_are_the_same_in_every_format(self, search):
        read = [read_exported(search.files / f"cheapest.{form}") for form in FORMATS]
        assert len({each.provenance[CONFIG] for each in read}) == 1
        assert len({each.provenance[RECORD] for each in read}) == 1

    def test_do_not_depend_on_the_order_of_fields(self, copy):
        tables = dict(reversed(copy.tables.items()))
        tables["provenance"] = dict(reversed(tables["provenance"].items()))
        copy.path.write_text(json.dumps(tables))
        copy.path.rename(copy.path.with_suffix(".json"))
        assert read_exported(copy.path.with_suffix(".json")).config == TrainConfig.from_dict(
            {name: value for name, value in copy.tables.items() if name != "provenance"}
        )

    def test_bear_a_comment(self, copy):
        text = copy.path.read_text()
        copy.path.write_text(f"# the one for the paper\n{text}")
        assert read_exported(copy.path).provenance == parse_toml(text)["provenance"]


class TestTheRule:
    """On other hardware or versions a training ends like one with another seed."""

    HERE = dict.fromkeys(verify.DECIDING, "same") | {"device": "cpu"}

    def rule(self, *, there=None, config=None, confirmed=(), others=None, accuracy=0.9):
        provenance = {"val_accuracy": accuracy, "train_flops": 100}
        provenance |= {"trained_on": self.HERE | (there or {})}
        provenance |= {"confirmed": {"val_accuracies": list(confirmed)}} if confirmed else {}
        chosen = TrainConfig().with_values(config or {"prune.distribution": "erk"})
        exported = Exported(Path("mine.toml"), chosen, provenance)
        again = SimpleNamespace(environment=self.HERE, val_accuracy=accuracy)
        return verify.choose_rule(exported, again, others or {}, 100)

    def test_asks_for_all_where_all_is_the_same(self):
        assert (self.rule().score, self.rule().cost) == (0, 0)

    @pytest.mark.parametrize("name", verify.DECIDING)
    def test_names_what_is_not_the_same(self, name):
        rule = self.rule(there={name: "other"})
        assert f"trained with {name} other, here it is {self.HERE[name]}" in rule.reason
        assert rule.score > 0

    def test_bears_what_so_few_images_leave_to_chance(self):
        """Three standard deviations of the difference of two shares counted over 100 images."""
        rule = self.rule(there={"torch": "1.0"})
        assert rule.score == pytest.approx(3 * math.sqrt(2 * 0.9 * 0.1 / 100))
        assert "12.73 points (100 validation images)" in rule.reason

    @pytest.mark.parametrize(
        "seeds", [{"confirmed": (0.90, 0.94, 0.86)}, {"others": {1: 0.94, 2: 0.86}}]
    )
    def test_bears_the_spread_over_seeds_where_that_is_known(self, seeds):
        rule = self.rule(there={"torch": "1.0"}, **seeds)
        assert rule.score == pytest.approx(3 * math.sqrt(2) * 0.04)
        assert "the spread over 3 seeds" in rule.reason

    def test_bears_at_least_an_image_where_seeds_agree(self):
        rule = self.rule(there={"torch": "1.0"}, confirmed=(0.9, 0.9, 0.9))
        assert rule.score == pytest.approx(3 * math.sqrt(2) * 0.01)

    def test_asks_for_the_same_flops_unless_weights_decide_them(self):
        elsewhere = {"there": {"torch": "1.0"}}
        assert self.rule(**elsewhere).cost == 0
        globally = {"prune.distribution": "global", "prune.method": "magnitude"}
        assert self.rule(config=globally, **elsewhere).cost == verify.COST_SHARE
        assert self.rule(config=globally).cost == 0

    def test_says_so_of_gpus_and_of_unknown_machines(self, monkeypatch):
        monkeypatch.setattr(TestTheRule, "HERE", self.HERE | {"device": "H100"})
        assert "GPUs do not repeat" in self.rule().reason
        assert verify.difference({}, self.HERE) == ("the machine that trained it is not recorded")


@pytest.mark.parametrize(
    ("identity", "said"),
    [
        ({"data": {"train": [7, ""]}}, "data have changed since (7 training samples then, 1,149"),
        ({"network": {"mynets": "0"}}, "network's code has changed since (mynets)"),
    ],
)
def test_changed_data_and_code_are_named_before_training(copy, untrained, capsys, identity, said):
    copy.tables["provenance"]["identity"] = identity
    line = refused(capsys, "verify", copy.write(renewed=True))
    assert line.startswith(f"{copy.path}: the {said}")
    assert line.endswith("so restore that")
