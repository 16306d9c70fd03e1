"""Code of exported files: imported without a question only where the file was made."""

from __future__ import annotations

import io
import sys

import pytest

from swast import trust
from swast.cli import main
from swast.errors import ConfigError

NET = """
from pathlib import Path
from torch import nn
Path("imported").write_text("")
def net(shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, classes))
"""
ELSEWHERE = "0" * 24


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    (tmp_path / "theirnet.py").write_text(NET)
    yield tmp_path
    sys.modules.pop("theirnet", None)


def trains(folder, *options, provenance="", model="theirnet:net"):
    """Run a file of some provenance, and return the exit code."""
    head = f'data = "digits"\nmodel = "{model}"\nepochs = 2\nwarmup_epochs = 1\ninterval = 1\n'
    (folder / "run.toml").write_text(head + provenance)
    return main(["run.toml", "--quiet", *options])


def from_machine(name):
    return f'[provenance]\nmachine = "{name}"\nrecord_digest = "sha256:0"\n'


@pytest.mark.parametrize(
    "provenance", [from_machine(ELSEWHERE), '[provenance]\nrecord_digest = "sha256:0"\n']
)
def test_code_of_another_machine_is_not_imported_unasked(folder, capsys, provenance):
    assert trains(folder, provenance=provenance) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "run.toml: was not exported on this machine" in line
    assert "'theirnet:net' is code that would be imported; --trust allows that" in line
    assert not (folder / "imported").exists()


def test_trust_is_remembered(folder):
    assert trains(folder, "--trust", provenance=from_machine(ELSEWHERE)) == 0
    assert (folder / "imported").exists()
    assert trains(folder, provenance=from_machine(ELSEWHERE)) == 0
    assert trains(folder, provenance=from_machine("1" * 24)) == 2


@pytest.mark.parametrize(
    ("provenance", "model"),
    [
        ("", "theirnet:net"),
        (from_machine(trust.machine()), "theirnet:net"),
        (from_machine(ELSEWHERE), "mlp-small"),
    ],
    ids=["by hand", "own", "built in"],
)
def test_other_files_are_trained_unasked(folder, provenance, model):
    assert trains(folder, provenance=provenance, model=model) == 0


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("answer", "is_yes"), [("y\n", True), ("\n", False), ("", False)])
def test_a_terminal_is_asked(folder, monkeypatch, answer, is_yes):
    screen = Terminal()
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setattr(sys, "stderr", screen)
    facts = {"machine": ELSEWHERE}
    if is_yes:
        trust.check(folder / "a\nb", facts, "theirnet:net", trusted=False)
        trust.check(folder, facts, "theirnet:net", trusted=False)
    else:
        with pytest.raises(ConfigError):
            trust.check(folder / "a\nb", facts, "theirnet:net", trusted=False)
    assert screen.getvalue().count("Import the code of 'theirnet:net'? [y/N] ") == 1
    assert "a\\nb" in screen.getvalue()


def test_where_settings_cannot_be_written_trust_lasts_for_the_command(folder, monkeypatch):
    (folder / "settings").write_text("")
    trust.check(folder, {"machine": ELSEWHERE}, "theirnet:net", trusted=True)
    assert trust.remembered() == set()
