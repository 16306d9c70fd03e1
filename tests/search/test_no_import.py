"""Commands that look, export and clean up import no code that a search names."""

from __future__ import annotations

import json
import sys

import pytest

from search import cli
from search.commands import ui
from search.driver.identity import checked_identity
from search.errors import RequestError
from swast import trust
from swast.config.files import read_tables
from swast.data import load_data
from tests.search.support import BARE, database, finish, new_search, search_info
from tests.search.tracking.stories import blank_store

PLANTED = """
from pathlib import Path
Path("imported").write_text("")
"""
SOURCE = BARE.replace("mlp-small", "planted:net")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home with a search of a planted network, in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    (tmp_path / "planted.py").write_text(PLANTED)
    (tmp_path / "study.toml").write_text(SOURCE)
    home = tmp_path / "home"
    home.mkdir()
    trials = new_search(home, SOURCE)
    finish(trials, (0.9, 0.1))
    yield home
    sys.modules.pop("planted", None)


COMMANDS = {
    "list": ("list", "--json"),
    "show": ("show", "trip"),
    "show --json": ("show", "trip", "--json"),
    "watch": ("watch", "trip"),
    "report": ("report", "trip", "--out", "report.html"),
    "export": ("export", "trip", "--out", "out", "--pick", "best"),
    "gc": ("gc",),
    "delete": ("delete", "trip", "--yes"),
}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_commands_import_nothing(home, words, capsys):
    assert cli.main([*words, "--home", str(home)]) == 0
    assert "planted" not in sys.modules
    assert not (home.parent / "imported").exists()


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # MLflow's own
def test_sync_imports_nothing(home, capsys):
    (home / "mlflow.db").write_bytes(blank_store())
    assert cli.main(["sync", "trip", "--home", str(home)]) == 0
    assert not (home.parent / "imported").exists()


def test_the_links_of_ui_import_nothing(home):
    assert ui.links(ui.chosen(database(home), "trip").info, "http://localhost:9")
    assert not (home.parent / "imported").exists()


def test_no_import_prices_nothing_that_needs_code(home, capsys):
    words = ["--study", "study.toml", "--gpus", "0", "--dry-run", "--home", str(home)]
    assert cli.main([*words, "--no-import"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "study: 50 trials",
        "no price: --no-import leaves out the code of 'planted:net', whose layers it needs",
    ]
    assert not (home.parent / "imported").exists()
    assert cli.main(["--study", "study.toml", "--no-import"]) == 2
    assert "--no-import goes with --dry-run" in capsys.readouterr().err


def test_verify_imports_no_code_of_another_machine(home, capsys, monkeypatch):
    monkeypatch.setattr(trust, "machine", lambda: "0" * 24)
    assert cli.main(["export", "trip", "--out", "out", "--pick", "best", "--home", str(home)]) == 0
    monkeypatch.undo()
    monkeypatch.chdir(home.parent)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    assert read_tables(home.parent / "out" / "best.toml")["provenance"]["machine"] == "0" * 24
    capsys.readouterr()
    assert cli.main(["verify", "out/best.toml"]) == 2
    assert "--trust allows that" in capsys.readouterr().err
    assert not (home.parent / "imported").exists()


class TestResuming:
    """A search continues with the data and the code of its first trials alone."""

    def test_a_search_without_identity_takes_the_present_one(self):
        found = checked_identity(search_info(), load_data("digits"))
        assert found["data"]["train"][0] == 1149
        info = search_info(identity=json.loads(json.dumps(found)))
        assert checked_identity(info, load_data("digits")) == found

    @pytest.mark.parametrize(
        ("part", "facts", "said"),
        [
            ("data", {"train": [1150, ""]}, "1,150 training samples then, 1,149 now"),
            ("network", {"planted": "0" * 32}, "the network's code has changed since (planted)"),
        ],
    )
    def test_a_change_is_refused(self, home, part, facts, said):
        data = load_data("digits")
        before = checked_identity(search_info(SOURCE), data)
        assert list(before["network"]) == ["planted"]
        before[part] = before[part] | facts
        with pytest.raises(RequestError) as refused:
            checked_identity(search_info(SOURCE, identity=before), data)
        assert said in str(refused.value)
        assert str(refused.value).endswith("restore that, or start a new search with --name")
