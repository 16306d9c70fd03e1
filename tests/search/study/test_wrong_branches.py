"""Tests of wrong branches: each is refused in one line that names it."""

from __future__ import annotations

import pytest

from search import cli
from search.study.study_file import parse_study
from swast.errors import ConfigError

ROOT_TEXT = """
[space]
interval = { low = 1, high = 5, also = [9] }
prune.method = ["magnitude", "rigl"]
prune.sparsity = { low = 0.3, high = 0.9 }
"""

WRONG = [
    ("[branch]\nwhen.interval = 1", "branch must be a list of tables, each led by [[branch]]"),
    (
        "[[branch]]\nwhen.prune.methd = 'rigl'\nfixed.seed = 1",
        "branch[0].when.prune.methd must be a field that [space] searches, one of interval, "
        "prune.method, prune.sparsity; did you mean 'prune.method'?",
    ),
    (
        "[[branch]]\nwhen.prune.scope = 'fc'\nfixed.seed = 1",
        "branch[0].when.prune.scope must be a field that [space] searches, one of interval, "
        "prune.method, prune.sparsity",
    ),
    (
        "[[branch]]\nwhen.prune.method = 'n:m'\nfixed.seed = 1",
        "branch[0].when.prune.method must be one of magnitude, rigl, got 'n:m'",
    ),
    (
        "[[branch]]\nwhen.prune.method = ['rigl', 'magnitud']\nfixed.seed = 1",
        "branch[0].when.prune.method must be one of magnitude, rigl, got 'magnitud'; "
        "did you mean 'magnitude'?",
    ),
    (
        "[[branch]]\nwhen.interval = 3\nfixed.seed = 1",
        "branch[0].when.interval must be one of 1, 5, 9, got 3",
    ),
    (
        "[[branch]]\nwhen.interval = true\nfixed.seed = 1",
        "branch[0].when.interval must be one of 1, 5, 9, got True",
    ),
    (
        "[[branch]]\nwhen.interval = []\nfixed.seed = 1",
        "branch[0].when.interval must be a value or a list of values, got []",
    ),
    (
        "[[branch]]\nfixed.seed = 1",
        'branch[0].when must name a field of [space], as when.prune.method = "n:m"',
    ),
    (
        "[[branch]]\nwhen.interval = 1",
        "branch[0] must have a space or a fixed table, or it changes nothing",
    ),
    ("[[branch]]\nwhen = 3\nfixed.seed = 1", "branch[0].when must be a table, got 3"),
    (
        "[[branch]]\nwhen.interval = 1\nfixt.seed = 1",
        "branch[0].fixt is not one of when, space, fixed; did you mean 'fixed'?",
    ),
    (
        "[[branch]]\nwhen.interval = 1\nfixed.prune.sparsty = 0.5",
        "branch[0].fixed.prune.sparsty is not a field; did you mean 'prune.sparsity'?",
    ),
    (
        "[[branch]]\nwhen.interval = 1\nfixed.prune.sparsity = 1.5",
        "branch[0].fixed.prune.sparsity must be in [0, 1), got 1.5",
    ),
    (
        "[[branch]]\nwhen.interval = 1\nspace.prune.sparsity = [0.5, 1.5]",
        "branch[0].space.prune.sparsity must be in [0, 1), got 1.5",
    ),
    (
        "[[branch]]\nwhen.interval = 1\nspace.seed = [1, 2]\nfixed.seed = 1",
        "branch[0].fixed.seed must not be in the branch's space as well",
    ),
    (
        "[[branch]]\nwhen.interval = 1\nfixed.prune.method = 'rigl'\n"
        "[[branch]]\nwhen.prune.method = 'rigl'\nfixed.seed = 1",
        "branch[0].fixed.prune.method must stay as [space] has it, since branch[1].when names it",
    ),
    (
        "[[branch]]\nwhen.interval = 1\nspace.interval = [1, 2]",
        "branch[0].space.interval must stay as [space] has it, since branch[0].when names it",
    ),
    # Configurations that cannot be trained: by a branch, a branch and the root, two branches.
    (
        "[[branch]]\nwhen.interval = 1\nfixed.warmup_epochs = 40",
        "branch[0].fixed.warmup_epochs must be at most epochs (30), got 40",
    ),
    (
        "[[branch]]\nwhen.prune.method = 'rigl'\nspace.warmup_epochs = [4, 31]",
        "branch[0].space.warmup_epochs must be at most epochs (30), got 31",
    ),
    (
        "[[branch]]\nwhen.prune.method = 'rigl'\nfixed.epochs = 5\n"
        "[[branch]]\nwhen.interval = 1\nspace.warmup_epochs = [4, 6]",
        "branch[1].space.warmup_epochs must be at most epochs (5), got 6",
    ),
    (
        "[[branch]]\nwhen.interval = [1, 5, 9]\nfixed.epochs = 2",
        "fixed.warmup_epochs must be at most epochs (2), got 3",
    ),
]


def problems(source: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_study("b", source)
    return list(caught.value.problems)


class TestAWrongBranch:
    @pytest.mark.parametrize(("text", "expected"), WRONG)
    def test_is_refused_in_one_line_by_the_command(self, tmp_path, capsys, text, expected):
        path = tmp_path / "mine.toml"
        path.write_text(ROOT_TEXT + text)
        home = ["--home", str(tmp_path / "home"), "--gpus", "0"]
        assert cli.main(["--study", str(path), *home]) == 2
        assert capsys.readouterr().err == f"swast-search: {path}: {expected}\n"
        assert not (tmp_path / "home").exists()

    def test_is_named_for_settings_that_it_has_from_the_root(self):
        """Without domains of its own, n:m would have the sparsity and schedule of the root."""
        root = ROOT_TEXT.replace('"rigl"', '"n:m"') + 'prune.distribution = ["uniform"]\n'
        found = problems(f'{root}[[branch]]\nwhen.prune.method = "n:m"\nfixed.seed = 1')
        assert [each.partition(" must")[0] for each in found] == [
            "space.prune.sparsity",
            "fixed.prune.schedule",
        ]

    def test_is_reported_with_all_others(self):
        found = problems(
            f"{ROOT_TEXT}[[branch]]\nwhen.intervall = 1\nfixed.sed = 1\n"
            "[[branch]]\nwhen.interval = 1\nspace.prune.sparsity = 3"
        )
        assert [each.split()[0] for each in found] == [
            "branch[0].when.intervall",
            "branch[0].fixed.sed",
            "branch[1].space.prune.sparsity",
        ]

    def test_is_refused_where_there_are_too_many_to_check(self):
        fields = [f"optim.{name}" for name in ("lr", "momentum", "beta2", "peak", "drop_every")]
        fields += ["seed", "threads", "interval", "coreset.fraction"]
        space = "".join(f"{path} = [1, 2]\n" for path in fields).replace
        text = "[space]\n" + space("optim.", "optim.")
        text = text.replace("[1, 2]", "[0.5, 0.25]").replace("seed = [0.5, 0.25]", "seed = [1, 2]")
        text = text.replace("threads = [0.5, 0.25]", "threads = [1, 2]")
        text = text.replace("interval = [0.5, 0.25]", "interval = [1, 2]")
        whole = ("seed", "threads", "interval")
        text += "".join(
            f"[[branch]]\nwhen.{path} = {1 if path in whole else 0.5}\nfixed.prune.end = 0.5\n"
            for path in fields
        )
        assert problems(text) == [
            "branch: the branches may distinguish at most 256 kinds of configurations, got 512"
        ]
