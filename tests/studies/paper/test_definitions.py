"""Tests of every study: it loads at both scales, trains, reports, draws, and is read back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from search.pareto import front, hypervolume
from search.study.study_file import find_study
from studies.outcomes import Cell, Found, Outcome, RoundNote, Search
from studies.paper import STUDIES
from studies.paper.page import render
from studies.paper.report import Claim, Report, claim
from studies.paper.settings import DENSE, SUBSETS, base
from studies.paper.study import SCALES, Setting
from studies.paper.words import markdown
from studies.statistics import Interval
from swast.config import DATA_NAMES, TrainConfig
from swast.result import EpochRecord
from tests.studies.support import run_one

ACCURACIES = ("val_accuracy", "test_accuracy")
TRAINED = [name for name in STUDIES if name != "figure-1"]


def invented(cell: Cell) -> Outcome:
    """Return an invented outcome: more weights and later seeds are better."""
    config = cell.config
    pruned = config.prune.sparsity if config.prune.method != "none" else 0.0
    accuracy = 0.9 - 0.05 * pruned + 0.001 * config.seed
    rounds = tuple(
        RoundNote(epoch, 100, 0.2 - 0.1 * pruned, 0.5, 0.1, 0.1, 0.5 + pruned, 0.1 - 0.05 * pruned)
        for epoch in (2, 4)
    )
    history = tuple(
        EpochRecord(epoch, "tailored", 100, pruned, 0.1, 1 / epoch, 1 / epoch, 0.9, 10, 1.0)
        for epoch in (1, 2, 3, 4, 5)
    )
    bill = {"warmup": 5, "training": 5, "evaluation": 3}
    return Outcome(accuracy, 0.9, 0.5, bill, 20, 0.1, 1.0, None, False, history, rounds)


class Invented:
    """Stub `Run` with invented outcomes, and searches with given results.

    Args:
        outcome: returns a cell's outcome.
        found: fractions of the coresets on every searched front.
    """

    front = staticmethod(front)

    def hypervolume(self, space, accuracy, relative_flops):
        return hypervolume(accuracy, relative_flops, find_study(space).objectives)

    def __init__(self, outcome=invented, found=(0.02, 0.2)):
        self.outcome, self.fractions = outcome, found
        self.searches, self.trained = [], []

    def __call__(self, cells):
        self.trained += (asked := list(cells))
        return {cell: self.outcome(cell) for cell in asked}

    def search(self, wanted):
        self.searches.append(wanted)
        members = [
            TrainConfig().with_values({"coreset.fraction": each}) for each in self.fractions
        ]
        return Found(tuple(members), wanted.flops - 1, 7, "tpe")


def conducted(name: str, seeds: int = 5, run: Invented | None = None) -> Report:
    study = STUDIES[name]
    return study.conduct(study.setting("small", seeds), run or Invented())


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("scale", SCALES)
def test_it_loads_and_its_trainings_all_differ(name, scale):
    study = STUDIES[name]
    setting = study.setting(scale, device="cuda" if scale == "paper" else "cpu")
    cells = study.cells(setting)
    assert len(set(cells)) == len(cells) == len({cell.key for cell in cells})
    chosen_on = setting.seeds[:4] if name == "figure-3" else setting.seeds
    assert {cell.config.seed for cell in cells} == set(chosen_on)
    assert {cell.config.device for cell in cells} == {setting.device}
    assert {cell.config.data for cell in cells} <= set(DATA_NAMES)
    assert all(
        cell.subset == SUBSETS.get(cell.config.data, Cell(cell.config).subset) for cell in cells
    )
    assert len(cells) <= 600


@pytest.mark.parametrize("name", STUDIES)
def test_it_reports_draws_and_is_read_back(name, tmp_path):
    report = conducted(name, seeds=5 if name in TRAINED else 1)
    report.write(tmp_path / "report.json")
    back = Report.read(tmp_path / "report.json")
    assert back.to_json() == report.to_json()
    STUDIES[name].draw(back, tmp_path / "report.png")
    png = (tmp_path / "report.png").read_bytes()
    assert png.startswith(b"\x89PNG")
    page = render(back, png)
    assert len(page) < 300_000
    assert report.title in page
    assert "://" not in page
    for each in report.claims:
        assert each.text in markdown(back)
    assert report.caption in markdown(back)


@pytest.mark.parametrize("name", ["figure-2", "figure-3", "figure-4", "table-trim"])
def test_it_trains_and_says_what_the_trainer_says(name):
    """Train one tiny cell, and give every other cell the same outcome."""
    study = STUDIES[name]
    setting = study.setting("small", 1)
    first = study.cells(setting)[0]
    small = {"model": "mlp-small", "epochs": 3, "warmup_epochs": 1, "interval": 1}
    outcome = run_one(first.config.with_values(small), first.subset)
    assert [each.epoch for each in outcome.history] == [1, 2, 3]
    assert [each.epoch for each in outcome.rounds] == [1, 2]
    report = study.conduct(setting, Invented(lambda _: outcome))
    (arm, *_) = report.arms.values()
    assert arm.accuracy == pytest.approx(outcome.test_accuracy)


class TestTables:
    def test_a_gain_is_over_the_coreset_alone_of_its_row(self):
        effects = {(each.group, each.name): each for each in conducted("table-trim").effects}
        least = effects["digits, s = 10%", "p = 90%"]
        assert least.interval.mean == pytest.approx(-0.045)
        assert least.paper == pytest.approx(0.0038)
        assert effects["digits, s = 2%", "p = 90%"].paper == pytest.approx(0.0307)
        assert effects["digits, s = 2%", "KL alone"].interval.mean == pytest.approx(0)

    def test_the_papers_numbers_stand_in_the_paper_scales_rows(self):
        cut = STUDIES["table-cut"]
        setting = cut.setting("paper")
        report = cut.conduct(setting, Invented())
        gains = [round(100 * each.paper, 2) for each in report.effects if each.name == "p = 30%"]
        assert gains == [17.83, 9.09, 6.84, 7.47, 4.06]
        assert {cell.config.model for cell in cut.cells(setting)} == {"resnet101"}

    def test_the_arms_of_equal_cost_are_billed_by_the_same_dense_training(self):
        report = conducted("table-pruning")
        assert report.arms["rigl: pruning only, equal FLOPs"].relative_flops == pytest.approx(0.5)

    def test_an_ablation_changes_what_it_is_named_for_alone(self):
        study = STUDIES["table-ablation"]
        cells = study.cells(study.setting("small", 1))
        base_values = cells[0].config.to_dict()
        shorter = [cell for cell in cells if cell.config.epochs != cells[0].config.epochs]
        assert [cell.config.epochs for cell in shorter] == [10, 5]
        (dense,) = {replace(cell.config, epochs=30) for cell in shorter}
        assert dense in {cell.config for cell in cells}
        for cell in [each for each in cells[1:] if each not in shorter]:
            differs = {
                f"{table}.{name}" if isinstance(values, dict) else table
                for table, values in cell.config.to_dict().items()
                for name in (values if isinstance(values, dict) else [table])
                if (values[name] if isinstance(values, dict) else values)
                != (base_values[table][name] if isinstance(values, dict) else base_values[table])
            }
            assert 1 <= len(differs) <= 5


class TestFigureFive:
    def test_its_claims_see_what_was_put_in(self):
        claims = {each.text: each for each in conducted("figure-5").claims}
        gap = claims["(b) Test minus validation loss falls as p rises (random)"]
        assert gap.effect.mean == pytest.approx(0.05)
        ratio = claims["(c) The loss ratio noisy/clean rises with p (gradmatch)"]
        assert ratio.effect.mean == pytest.approx(10)

    @pytest.mark.parametrize(
        ("drawn", "said", "effect"), [(0.3, "yes", 0.09), (0.15, "yes", 0.04), (0.05, "no", -0.06)]
    )
    def test_pruning_keeps_wrong_labels_out_if_random_coresets_have_more(
        self, drawn, said, effect
    ):
        """The pruned network's coreset has 11 % wrong labels, the other network's 20 %."""

        def outcome(cell):
            made = invented(cell)
            rounds = tuple(replace(each, noise_ratio=drawn) for each in made.rounds)
            return replace(made, rounds=rounds) if cell.config.coreset.scorer == "random" else made

        claims = {each.text: each for each in conducted("figure-5", run=Invented(outcome)).claims}
        noise = claims["(a) Pruning keeps wrong labels out of the last coreset (gradmatch)"]
        assert (noise.verdict, noise.effect.mean) == (said, pytest.approx(effect))
        assert noise.remark == f"wrong: 11.0 %; not pruned: 20.0 %; random: {100 * drawn:.1f} %"

    def test_a_seed_on_which_a_run_diverged_is_left_out_and_said(self):
        study = STUDIES["figure-5"]

        def outcome(cell):
            made = invented(cell)
            lost = cell.config.seed == 1 and cell.config.prune.sparsity == 0.9
            return replace(made, diverged=True, rounds=()) if lost else made

        report = study.conduct(study.setting("small", 5), Invented(outcome))
        assert (
            "5 seeds, band: standard deviation (without 1 on which a run diverged)"
            in report.caption
        )
        assert all(np.isfinite(each.effect.mean) for each in report.claims)


class TestFigureFour:
    """Every training costs 10 of dense training's 20; each test sets the accuracies."""

    @staticmethod
    def conducted(accuracy):
        def outcome(cell):
            return replace(invented(cell), **dict.fromkeys(ACCURACIES, accuracy(cell.config)))

        run = Invented(outcome)
        return run, conducted("figure-4", run=run)

    def test_a_search_may_spend_what_the_grid_has_cost(self):
        run, report = self.conducted(lambda config: 0.9)
        wanted = {Search("digits", 32 * 5 * 10, seed) for seed in range(5)}
        assert set(run.searches) == wanted
        (fronts, *_) = report.grids
        assert [row[2] for row in fronts.rows] == ["80.00", *["–"] * 5, *["79.95 of 80.00"] * 5]

    def test_fronts_are_chosen_by_validation_and_judged_on_fresh_seeds(self):
        """Arms that did well only on the choosing seeds do not count."""

        def accuracy(config):
            lucky = config.coreset.fraction == 0.3 and config.seed < 100
            return 0.95 if lucky else 0.8

        run, report = self.conducted(accuracy)
        (front,) = [each for each in report.curves_of("front") if "defaults" in each.name]
        assert front.mean == pytest.approx([80] * len(front.mean))
        fresh = [cell.config for cell in run.trained if cell.config.seed >= 100]
        assert {config.seed for config in fresh} == {*range(100, 105)}
        assert {config.coreset.fraction for config in fresh} == {0.3, 1.0, *run.fractions}

    @pytest.mark.parametrize(
        ("gain", "said", "worst"), [(0.04, "yes", "yes"), (0.0, "no", "yes"), (-0.04, "no", "no")]
    )
    def test_the_claims_see_what_was_put_in(self, gain, said, worst):
        def accuracy(config):
            return 0.95 + gain * (config.coreset.fraction in (0.02, 0.2))

        _, report = self.conducted(accuracy)
        rivals, others = report.claims[:9], report.claims[9:]
        volumes, means, worsts = rivals[::3], rivals[1::3], rivals[2::3]
        assert [each.effect.mean for each in (*means, *worsts)] == pytest.approx([gain] * 6)
        axes = find_study("digits").objectives
        saved = np.log10(0.5) / np.log10(axes.cost.best)
        height = gain / (1 - axes.score.reference)
        assert [each.effect.mean for each in volumes] == pytest.approx([height * saved] * 3)
        assert {each.verdict for each in (*volumes, *means)} == {said}
        assert {each.verdict for each in worsts} == {worst}
        assert [each.effect.mean for each in others] == [0] * 5

    def test_a_mean_that_one_member_carries_is_said_with_the_worst(self):
        """Each training costs its epochs, so dense training for fewer is a front of ten members.

        The searches have a member of 2 and one of 30 epochs: 80 and 90 % accurate.
        """
        costs = {0.02: 2, 0.2: 30}

        def outcome(cell):
            config = cell.config
            cost = costs.get(config.coreset.fraction, config.epochs) / 30
            good = {1: 0.4, 2: 0.5}.get(config.epochs, 0.82 + config.epochs / 1000)
            score = {0.02: 0.8, 0.2: 0.9}.get(config.coreset.fraction, good)
            accuracies = dict.fromkeys(ACCURACIES, score)
            return replace(invented(cell), relative_flops=cost, **accuracies)

        report = conducted("figure-4", run=Invented(outcome))
        claims = {each.text: each for each in report.claims}
        rival = "At the FLOPs of dense training for fewer epochs, "
        pooled = claims[rival + "the searched fronts are more accurate on average"]
        assert pooled.verdict == "yes"
        assert pooled.remark == (
            "mean of 9 of its 10 members: significantly more accurate at 2, less at 7; "
            "−4.00 [−4.00, −4.00] points at dense: T = 20"
        )
        worst = claims[rival + "they are nowhere less accurate"]
        assert (worst.verdict, worst.remark) == ("no", "the worst member: dense: T = 20")


class TestVerdicts:
    @pytest.mark.parametrize(
        ("low", "high", "said"),
        [
            (0.001, 0.9, "yes"),
            (0.001, 0.004, "yes"),
            (-0.1, 0.004, "no"),
            (-0.2, -0.1, "no"),
            (-0.1, 0.1, "not decided"),
            (0.0, 0.1, "not decided"),
        ],
    )
    def test_they_follow_from_the_interval_and_the_least_effect(self, low, high, said):
        assert claim("so", Interval(0, low, high), 0.005).verdict == said

    def test_few_seeds_decide_nothing(self):
        made = conducted("table-trim", seeds=4)
        assert {each.verdict for each in made.claims} != {"not decided"}
        assert {each.verdict for each in made.cautious().claims} == {"not decided"}
        five = conducted("table-trim", seeds=5)
        assert five.cautious() == five

    def test_what_a_user_wrote_is_no_html(self):
        odd = Claim("<b>so</b>", Interval(0, 0, 0), 1, "no")
        report = replace(conducted("figure-2"), claims=[odd], title="a < b")
        assert "&lt;b&gt;so" in render(report, b"")
        assert "<h1>figure-2: a &lt; b</h1>" in render(report, b"")


def test_no_pruning_is_none_at_all():
    cell = base(Setting("small", (3,)), values=DENSE)
    assert (cell.config.prune.method, cell.config.seed) == ("none", 3)
