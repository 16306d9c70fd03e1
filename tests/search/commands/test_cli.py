"""Commands in this process: their output for people and scripts, their help.

No test gets as far as Ray; tests/e2e runs whole searches.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from importlib.metadata import version

import optuna
import pytest

import search.cli
import swast.cli
from search.cli import COMMANDS, command_parser
from search.driver.pricing import foresee_search, measure_of, price_search
from search.engine.machine import cores
from search.loop.proposals import new_record
from search.loop.result import SearchResult
from search.store.lock import held
from search.study.study_file import find_study
from search.trials.repository import SearchTrials
from swast.config import read_config
from swast.data import load_data
from tests.search.commands.support import SEARCH
from tests.search.support import TINY, database, tree

pytestmark = pytest.mark.usefixtures("place")
REFERENCE = re.compile(r"^reference .+, (.+)$", re.MULTILINE)


def seconds_in(text):
    """The seconds of a duration as ``8.2 s`` or ``1:05``."""
    if text.endswith(" s"):
        return float(text[:-2])
    return sum(int(part) * 60**place for place, part in enumerate(reversed(text.split(":"))))


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
            assert read_config(place / line) == trials[number].config


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
            "best": 0.9,
            "state": "paused",
            "last": trip["last"],
        }
        assert datetime.fromisoformat(trip["last"]) <= datetime.now()
        assert (bare["name"], bare["complete"], bare["front"]) == ("bare", 0, 0)

    def test_tells_which_one_runs(self, place, swast_search):
        with held(database(place / "home"), "bare", place / "home" / "searches" / "bare"):
            _, out, _ = swast_search("list", "--home", "home", "--json")
        assert [row["state"] for row in json.loads(out)] == ["paused", "running"]

    def test_of_which_one_cannot_be_read_tells_of_the_others(self, place, swast_search):
        """A setting of its study has another name since."""
        kept = optuna.load_study(study_name="bare", storage=database(place / "home"))
        source = kept.user_attrs["source"].replace("interval = {", "intervall = {")
        kept.set_user_attr("source", source)
        code, out, err = swast_search("list", "--home", "home", "--json")
        assert (code, err) == (0, "")
        trip, bare = json.loads(out)
        assert (trip["name"], bare["name"], trip["complete"]) == ("trip", "bare", 3)
        assert bare["problem"].startswith("damaged: space.intervall is not a field")

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
            ["trip", "tiny", "paused", "3/5", "3"],
            ["bare", "tiny", "paused", "0/10", "0"],
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

    def test_counts_no_rejected_proposals(self, place, swast_search):
        trials = SearchTrials.load(database(place / "home"), "trip", to_change=True)
        record = new_record(trials.info, trials.ask(at_random=True))
        trials.settle(replace(record, state="failed", rejected=True, reason="repeats #0"))
        _, out, _ = swast_search("show", "trip", "--home", "home")
        assert out.startswith("trip: study tiny, 5 of 5 trials, ")
        assert "#5: failed after 0 epochs: repeats #0" in out

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
        price = price_search(outlook, 7, measure_of(outlook.cost))
        text = " ".join(out.split())
        assert f"tiny: 7 trials, about {price.expected:.3g} training FLOPs" in text
        assert f"least {price.least:.3g}, median {price.median:.3g}, most {price.most:.3g}" in text
        assert f"dense {outlook.unit:.3g}" in text
        assert f"reference small: {price.references['small']:.3g}, " in text
        assert "halving" not in text

    def test_says_how_long_it_would_train_here(self, swast_search):
        """The whole in the time of two cores, a trial in its own."""
        cpus = str(cores() / 2)
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
        price = price_search(outlook, 50, measure_of(outlook.cost))
        assert code == 0
        assert f"halving: about {price.halved:.3g} FLOPs and " in out
        assert "if 1 in 2 trials continue at every rung; at most what is above" in out

    def test_prices_what_the_limits_allow(self, swast_search):
        """The budget in FLOPs pays for some of the trials."""
        outlook = foresee_search(find_study("tiny.toml"), load_data("digits"), seed=3)
        whole = sorted(course.marks[-1].ledger.total for course in outlook.drawn)
        most, budget = whole[len(whole) // 4], 10 * whole[0]
        limits = ("--max-flops", str(most), "--flops-budget", str(budget))
        code, out, _ = swast_search(*SEARCH, "--dry-run", "--budget", "50", *limits, "--seed", "3")
        assert code == 0
        kept = [each for each in whole if each <= most]
        assert f"most {most:.3g} ({len(kept)} of 200 drawn from the space)" in out
        (trials,) = re.findall(r"^--flops-budget .+ is spent after about (\d+) trials$", out, re.M)
        assert budget // most <= int(trials) <= 10

    def test_refuses_trials_that_do_not_fit_here(self, swast_search):
        code, _, err = swast_search(*SEARCH, "--dry-run", "--cpus-per-trial", "4096")
        assert code == 2
        assert "a trial needs 4096 CPUs" in err


class TestHelp:
    def test_lists_every_command_in_groups_with_an_example(self, swast_search):
        code, out, err = swast_search("--help")
        assert (code, err) == (0, "")
        lines = out.splitlines()
        for name, command in COMMANDS.items():
            place = lines.index(f"  {name:<10} {command.summary}")
            assert lines[place + 1].strip() == f"swast-search {command.example}"
            heading = next(line for line in reversed(lines[:place]) if line and line[0] != " ")
            assert heading == f"{command.group}:"

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
        assert " ".join(out.split()).count(COMMANDS[command].summary) == 1

    @pytest.mark.parametrize("command", sorted(COMMANDS))
    def test_has_an_example_that_parses(self, command):
        name, *words = COMMANDS[command].example.split()
        assert name == command
        command_parser(name).parse_args(words)

    @pytest.mark.parametrize("command", sorted(COMMANDS))
    def test_names_a_function_that_there_is(self, command):
        module, _, function = COMMANDS[command].function.partition(":")
        assert callable(getattr(importlib.import_module(f"search.{module}"), function))

    @pytest.mark.parametrize("main", [search.cli.main, swast.cli.main])
    def test_version_is_that_of_the_package(self, main, capsys):
        with pytest.raises(SystemExit) as stop:
            main(["--version"])
        assert stop.value.code == 0
        assert capsys.readouterr().out == f"swast {version('swast')}\n"


class TestACommandThatThereIsNot:
    @pytest.mark.parametrize(
        ("word", "hint"),
        [("lst", "did you mean 'list'?"), ("exprt", "did you mean 'export'?")],
    )
    def test_is_refused_with_the_nearest_one(self, refused, word, hint):
        assert refused(word) == f"swast-search: no command {word!r}; {hint}"

    def test_is_refused_with_all_of_them_if_none_is_near(self, refused):
        assert refused("zzz").endswith(f"one of {', '.join(COMMANDS)}")
