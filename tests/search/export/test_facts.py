"""The provenance of an exported file: a fact of the wrong type is refused in a line."""

from __future__ import annotations

import json

import pytest

from search import cli
from search.export.provenance import CONFIG, RECORD, digest, read_exported
from swast.config import TrainConfig

GOOD = {
    "search": "trip",
    "search_uid": "0f",
    "trial": 3,
    "val_accuracy": 0.9,
    "train_flops": 10**9,
    "mlflow_run": "ab",
    "trained_on": {"torch": "2.6"},
    "confirmed": {"seeds": [0, 1], "val_accuracies": [0.9, 0.8]},
}


def write(path, facts):
    """Write an exported file with facts; its digests are right unless they are given."""
    config = TrainConfig().to_dict()
    facts = {CONFIG: digest(config)} | facts
    facts = {RECORD: digest(facts)} | facts
    path.write_text(json.dumps(config | {"provenance": facts}))
    return path


def test_right_facts_are_read(tmp_path):
    found = read_exported(write(tmp_path / "a.json", GOOD | {"later": [{"x": 1}]}))
    assert (found.score, found.cost, found.origin) == (0.9, 1e9, "trial 3 of trip")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("val_accuracy", "x"),
        ("val_accuracy", 7),
        ("val_accuracy", [0.9]),
        ("train_flops", "1"),
        ("train_flops", -1),
        ("train_flops", {}),
        ("trial", [1]),
        ("trial", {"a": 1}),
        ("trial", "3"),
        ("trial", -1),
        ("trial", True),
        ("trial", 10**400),
        ("search", 3),
        ("search", ""),
        ("search_uid", 3),
        ("mlflow_run", [1]),
        ("cost", 3),
        ("cost", "gold"),
        ("trained_on", 3),
        ("trained_on", {"torch": 2}),
        ("confirmed", [1]),
        ("confirmed", {"val_accuracies": "x"}),
        ("confirmed", {"val_accuracies": [0.9, "x"]}),
        ("confirmed", {"seeds": [0.5]}),
        (CONFIG, 3),
        (RECORD, [1]),
    ],
)
def test_a_wrong_fact_is_refused_by_name(tmp_path, monkeypatch, capsys, name, value):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.json", GOOD | {name: value})
    assert cli.main(["verify", "a.json"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("swast-search: a.json: ")
    assert name in line or name == "cost"
    assert len(line) < 250


@pytest.mark.parametrize("name", ["search", "trial", "val_accuracy", "train_flops"])
def test_a_missing_fact_is_refused_by_name(tmp_path, name):
    facts = {key: value for key, value in GOOD.items() if key != name}
    with pytest.raises(ValueError, match=name):
        read_exported(write(tmp_path / "a.json", facts))
