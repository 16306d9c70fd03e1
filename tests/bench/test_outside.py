"""Tests of the reader of outside tables: it runs no code, and refuses what is no table."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import pytest

from bench.outside import GRID, Outside, PlainUnpickler, read
from swast.errors import ConfigError


class Harmful:
    """Value whose unpickling writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.write_text, (self.path, "")


def pickled(value):
    return io.BytesIO(pickle.dumps(value))


def cells():
    shape = [len(values) for values in GRID.values()]
    return {
        "".join(map(str, places)): {
            "val_acc": [sum(places) / 100] * 5,
            "train_time": [1.0, 2.0, 3.0, 4.0, 1.0 + places[0]],
        }
        for places in np.ndindex(*shape)
    }


def test_a_table_is_read_and_kept(tmp_path):
    table = read("made", pickled(cells()))
    table.keep(tmp_path / "made.npz")
    again = Outside.load(tmp_path / "made.npz")
    assert again.name == "made"
    assert again.scores.shape == (30_000, 5)
    assert again.scores[:, 0] == pytest.approx(again.places.sum(axis=1) / 100)
    assert again.seconds == pytest.approx((11 + again.places[:, 0]) / 5)
    with np.load(tmp_path / "made.npz") as file:
        assert file["width"][:11].tolist() == [16, 25, 40, 64, 101, 161, 256, 406, 645, 1024, 16]


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    harmful = pickled({"00000": Harmful(tmp_path / "written")})
    with pytest.raises(ConfigError, match=r"^made: not a pickle of plain values: it asks for "):
        read("made", harmful)
    assert not (tmp_path / "written").exists()


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "made: not a pickle of plain values: Ran out of input"),
        (pickle.dumps([1]), "made: not a table of 30,000 configurations"),
        (pickle.dumps({"00000": 1}), "made: not a table of 30,000 configurations"),
    ],
    ids=["empty", "list", "small"],
)
def test_what_is_no_table_is_refused_with_one_line(content, line):
    with pytest.raises(ConfigError) as caught:
        read("made", io.BytesIO(content))
    assert str(caught.value) == line


def test_scores_outside_their_range_are_refused():
    found = cells()
    for wrong in (1.5, float("nan")):
        found["00010"]["val_acc"] = [0.5] * 4 + [wrong]
        with pytest.raises(
            ConfigError, match=r"^made: scores must be in \[0, 1\] and times above"
        ):
            read("made", pickled(found))


def test_a_missing_table_names_the_command(tmp_path):
    with pytest.raises(ConfigError, match=r"car\.npz is missing: python -m bench\.outside "):
        Outside.load(tmp_path / "car.npz")


def test_plain_values_are_read():
    value = {"a": [1, 2.5, "text", None, True]}
    assert PlainUnpickler(pickled(value)).load() == value
