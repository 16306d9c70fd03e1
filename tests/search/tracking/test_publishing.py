"""Front in MLflow: plots, table, description and ranks, and the times of their updates."""

from __future__ import annotations

import csv
import dataclasses
import io
from pathlib import Path

import pytest

from search.objectives import STANDARD
from search.tracking import front
from search.tracking.description import MOST_TEXT, describe, front_table
from search.tracking.front import DRAWING_SHARE, PUBLISH_SECONDS
from search.tracking.tracker import RANK_SECONDS
from tests.search.measured import OBJECTIVES
from tests.search.support import record, search_info

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # MLflow's own


class TestPublishing:
    @pytest.fixture
    def member(self, story):
        """Return a search with one published trial, and a better one two seconds later."""
        for number in range(3):
            story.start(number)
        story.end(0, 0.6, 0.1)
        story.publish()
        story.time.time += 2
        story.end(1, 0.9, 0.05)
        story.publish()
        return story

    def shown(self, story):
        (row,) = csv.DictReader(io.StringIO((story.folder / "front.csv").read_text()))
        (tagged,) = [run for run in story.children() if "pareto" in run.data.tags]
        note = story.client.get_run(story.info.run_id).data.tags["mlflow.note.content"]
        table = story.client.download_artifacts(story.info.run_id, "plots/front.csv")
        assert Path(table).read_text() == (story.folder / "front.csv").read_text()
        assert f"| #{row['trial']} |" in note
        assert tagged.data.tags["trial"] == row["trial"]
        return int(row["trial"])

    def test_waits_some_seconds_after_the_last_time(self, member):
        assert self.shown(member) == 0
        member.time.time += PUBLISH_SECONDS - 2.1
        member.train(2, 1)
        assert self.shown(member) == 0
        member.time.time += 0.2
        member.train(2, 2)
        assert self.shown(member) == 1

    def test_takes_no_more_than_its_share_of_the_time_where_drawing_takes_long(
        self, member, monkeypatch
    ):
        plain = front.write_front

        def slowly(*arguments):
            member.time.time += 1
            plain(*arguments)

        monkeypatch.setattr(front, "write_front", slowly)
        member.publish(now=True)
        assert self.shown(member) == 1
        member.end(2, 0.95, 0.01)
        member.publish()
        member.time.time += 1 / DRAWING_SHARE - 1.1
        member.publish()
        assert self.shown(member) == 1
        member.time.time += 0.2
        member.publish()
        assert self.shown(member) == 2

    def test_loses_no_point_of_the_curves(self, member):
        member.publish(now=True)
        assert member.curve(member.info.run_id, "front_size") == [(1, 1), (2, 1)]
        assert member.curve(member.info.run_id, "flops_spent") == [(1, 1e9), (2, 1.5e9)]

    def test_at_once_if_asked(self, member):
        member.publish(now=True)
        assert self.shown(member) == 1

    def test_at_the_latest_when_closed(self, member):
        assert member.tracker.close(0)
        assert self.shown(member) == 1

    def test_only_what_changed(self, member):
        member.publish(now=True)
        written = (member.folder / "front.csv").stat().st_mtime_ns
        member.time.time += 60
        member.train(2, 1)
        assert (member.folder / "front.csv").stat().st_mtime_ns == written

    def test_replaces_whole_files(self, member):
        """A reader that has an old file open reads it to its end."""
        place = Path(member.client.get_run(member.info.run_id).info.artifact_uri[7:]) / "plots"
        files = [folder / name for folder in (place, member.folder) for name in ("pareto.html",)]
        opened = [path.open("rb") for path in files]
        before = [path.read_bytes() for path in files]
        member.publish(now=True)
        assert [path.read_bytes() for path in files] != before
        for file, content in zip(opened, before, strict=True):
            assert file.read() == content
            file.close()

    def test_in_a_folder_that_cannot_be_written_waits(self, member, capsys):
        held = member.folder / "held"
        (member.folder / "pareto.html").rename(held)
        (member.folder / "pareto.html").mkdir()
        for _ in range(3):
            member.publish(now=True)
        assert capsys.readouterr().err.count("cannot be written yet") == 1
        (member.folder / "pareto.html").rmdir()
        assert member.tracker.close(0)
        assert self.shown(member) == 1


class TestRanks:
    def test_are_those_of_the_front_at_once_and_of_the_rest_within_a_minute(self, story):
        def shown():
            runs = sorted(story.children(), key=lambda run: int(run.data.tags["trial"]))
            return [run.data.tags.get("rank") for run in runs]

        for number, point in enumerate([(0.6, 0.3), (0.5, 0.4), (0.4, 0.5), (0.9, 0.2)]):
            story.start(number)
            story.end(number, *point)
            story.publish(now=True)
        story.start(4)
        story.end(4, 0.99, 0.01, state="failed", epochs=1)
        assert shown() == ["1", "1", "2", "0", None]
        story.time.time += RANK_SECONDS + 1
        story.publish(now=True)
        assert shown() == ["1", "2", "3", "0", None]


def test_a_description_of_many_members_is_cut_short():
    members = [
        record(number, number / 1000, number / 1000, reference="<" * number)
        for number in range(300)
    ]
    for count in (0, 3, 40, 300):
        text = describe(search_info(), members[:count], "7", "ab")
        assert len(text) <= MOST_TEXT
        listed = sum(line.startswith("| #") for line in text.splitlines())
        assert listed == count or f"| and {count - listed} more |" in text
        assert text.endswith("`swast-search export trip --pick knee --out best`")
    assert listed > 15


def test_a_description_has_one_column_for_a_measured_cost():
    info = search_info()
    info = dataclasses.replace(info, study=dataclasses.replace(info.study, objectives=OBJECTIVES))
    members = [record(number, 0.9, cost=12.5, unit=1.0) for number in range(300)]
    table = [line for line in describe(info, members, "7", "ab").splitlines() if line[:1] == "|"]
    assert table[0] == "| on the front | accuracy | training time |"
    assert table[2] == "| #0 | 90.00% | 12.5s |"
    assert {line.count("|") for line in table} == {4}


def test_the_table_of_the_front_has_objectives_and_settings():
    members = [
        record(4, 1 / 3, 0.1, params={"interval": 3}),
        record(2, 0.9, 0.5, reference="a,b", params={"coreset.scorer": "el2n"}),
    ]
    rows = list(csv.DictReader(io.StringIO(front_table(members, STANDARD))))
    assert [row["trial"] for row in rows] == ["4", "2"]
    assert float(rows[0]["val_accuracy"]) == 1 / 3
    assert [row["train_flops"] for row in rows] == ["1000000000", "5000000000"]
    assert rows[1]["reference"] == "a,b"
    assert [(row["interval"], row["coreset.scorer"]) for row in rows] == [("3", ""), ("", "el2n")]
