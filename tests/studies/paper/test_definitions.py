"""Every definition loads at both scales, trains, reports, draws, and can be read back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from studies.arms import run_one
from studies.outcomes import Cell, Outcome, RoundNote
from studies.paper import STUDIES
from studies.paper.page import render
from studies.paper.report import Claim, Report, claim
from studies.paper.settings import DENSE, SUBSETS, base
from studies.paper.study import SCALES, Setting
from studies.paper.words import markdown
from studies.statistics import Interval
from swast.config import DATA_NAMES
from swast.result import EpochRecord

TRAINED = [name for name in STUDIES if name != "figure-1"]


def invented(cell: Cell) -> Outcome:
    """What might come of a cell: more weights and later seeds are better."""
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


def conducted(name: str, seeds: int = 5) -> Report:
    study = STUDIES[name]
    setting = study.setting("small", seeds)
    return study.conduct(setting, lambda cells: {cell: invented(cell) for cell in cells})


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("scale", SCALES)
def test_it_loads_and_its_trainings_all_differ(name, scale):
    study = STUDIES[name]
    setting = study.setting(scale, device="cuda" if scale == "paper" else "cpu")
    cells = study.cells(setting)
    assert len(set(cells)) == len(cells) == len({cell.key for cell in cells})
    assert {cell.config.seed for cell in cells} == set(setting.seeds)
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


@pytest.mark.parametrize("name", ["figure-2", "table-trim"])
def test_it_trains_and_says_what_the_trainer_says(name):
    """One tiny cell of it, and the rest like that one."""
    study = STUDIES[name]
    setting = study.setting("small", 1)
    first = study.cells(setting)[0]
    small = {"model": "mlp-small", "epochs": 3, "warmup_epochs": 1, "interval": 1}
    outcome = run_one(first.config.with_values(small), first.subset)
    assert [each.epoch for each in outcome.history] == [1, 2, 3]
    assert [each.epoch for each in outcome.rounds] == [1, 2]
    report = study.conduct(setting, lambda cells: dict.fromkeys(cells, outcome))
    (arm, *_) = report.arms.values()
    assert arm.accuracy == outcome.test_accuracy


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
        report = cut.conduct(setting, lambda cells: {cell: invented(cell) for cell in cells})
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
        for cell in cells[1:]:
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
        noise = claims["(a) Pruning keeps wrong labels out of the last coreset (gradmatch)"]
        assert (noise.verdict, noise.effect.mean) == ("yes", pytest.approx(0.09))
        gap = claims["(b) Test minus validation loss falls as p rises (random)"]
        assert gap.effect.mean == pytest.approx(0.05)
        ratio = claims["(c) The loss ratio noisy/clean rises with p (gradmatch)"]
        assert ratio.effect.mean == pytest.approx(10)

    def test_a_seed_on_which_a_run_diverged_is_left_out_and_said(self):
        study = STUDIES["figure-5"]

        def run(cells):
            made = {cell: invented(cell) for cell in cells}
            for cell in made:
                if cell.config.seed == 1 and cell.config.prune.sparsity == 0.9:
                    made[cell] = replace(made[cell], diverged=True, rounds=())
            return made

        report = study.conduct(study.setting("small", 5), run)
        assert (
            "5 seeds, band: standard deviation (without 1 on which a run diverged)"
            in report.caption
        )
        assert all(np.isfinite(each.effect.mean) for each in report.claims)


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
