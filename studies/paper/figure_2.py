"""Figure 2: the timeline of one real run, drawn from its record.

The paper's figure is a sketch of the method: warm up the dense network on all data; then, round by
round, select a coreset, record the network's outputs on it, prune, and train with a penalty on
drift from those outputs. Here every panel is measured: loss and accuracy, samples an epoch,
sparsity, and the recorded states, with the network's drift from them (mean KL) at the end of their
round.

Protocol. SWaST-cut at the defaults, seed 0, one run, no claim: small, digits and cnn-small;
paper's scale, CIFAR-10 and ResNet-18.
"""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes

from studies.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, drawing
from studies.outcomes import Outcome
from studies.paper.report import Curve, Report
from studies.paper.settings import base, told
from studies.paper.study import Arms, Design, Setting, designed
from studies.summaries import ArmSummary
from swast.errors import DivergedError

RUN = "SWaST cut"
TRAIN, VAL, ACCURACY = "training loss", "validation loss", "validation accuracy, %"
SAMPLES, SPARSITY, STATES = "samples an epoch", "sparsity, %", "states recorded"
DRIFT, BILL = "KL from them at the round's end", "training FLOPs, % of dense"


def design(setting: Setting) -> Design:
    """Return the design: one run."""
    return Design({RUN: base(setting, values={"diagnose.passes": True})}, setting.seeds)


def report(setting: Setting, arms: Arms) -> Report:
    """Report the run's curves.

    Raises:
        DivergedError: the run diverged, so that there is nothing to draw.
    """
    outcome, cell = arms[RUN][0], design(setting).arms[RUN]
    if outcome.diverged:
        raise DivergedError("figure-2: the run diverged")
    config, last = cell.config, outcome.history[-1]
    rounds, warmup = outcome.rounds, config.warmup_epochs
    return Report(
        study="figure-2",
        title=STUDY.title,
        scale=setting.scale,
        seeds=setting.seeds[:1],
        settings=told(cell),
        caption=(
            f"One run, seed {setting.seeds[0]}: {warmup} epochs of the dense network on all "
            f"{outcome.history[0].samples} samples, then {len(rounds)} rounds of "
            f"{rounds[0].size} samples, selected anew every {config.interval} epochs (dotted "
            "lines). At each, the logits of the new coreset are recorded before weights are "
            f"removed, up to {last.sparsity:.0%} of them. Test accuracy "
            f"{outcome.test_accuracy:.1%} for {outcome.relative_flops:.1%} of dense training's "
            f"FLOPs and {outcome.seconds:.1f} s."
        ),
        claims=[],
        arms={RUN: ArmSummary.of([outcome])},
        curves=curves(outcome),
    )


def curves(outcome: Outcome) -> list[Curve]:
    """Return every curve to draw, by epoch or by round."""
    history, rounds = outcome.history, outcome.rounds
    epochs = [float(each.epoch) for each in history]
    ends = [float(each.epoch) for each in rounds[1:]] + [epochs[-1]]
    drifts = [each.kl_drift or 0.0 for each in rounds]
    bill = [100 * each.train_flops / outcome.dense_flops for each in history]
    return [
        Curve.line("loss", TRAIN, epochs, [each.train_loss for each in history]),
        Curve.line("loss", VAL, epochs, [each.val_loss for each in history]),
        Curve.line("accuracy", ACCURACY, epochs, [100 * each.val_accuracy for each in history]),
        Curve.line("data", SAMPLES, epochs, [float(each.samples) for each in history]),
        Curve.line("weights", SPARSITY, epochs, [100 * each.sparsity for each in history]),
        Curve.line("weights", BILL, epochs, bill),
        Curve.line(
            "states", STATES, [float(e.epoch) for e in rounds], [float(e.size) for e in rounds]
        ),
        Curve.line("states", DRIFT, ends, drifts),
    ]


def draw(report: Report, path: Path) -> None:
    """Draw panels over one another that share the epochs."""
    found = {curve.name: curve for curve in report.curves}
    states = found[STATES]
    with drawing(4, 1, (11, 9), path) as (_, (loss, data, weights, recorded)):
        _line(loss, found[TRAIN], ORANGE)
        _line(loss, found[VAL], BLUE)
        loss.set(yscale="log", title="Loss, and validation accuracy")
        _line(_beside(loss, ACCURACY), found[ACCURACY], GREEN)
        middles = [epoch - 0.5 for epoch in found[SAMPLES].x]
        data.bar(middles, found[SAMPLES].mean, color=BLUE, width=0.9)
        data.set_title("Training samples an epoch: all, then the round's coreset")
        sparse = found[SPARSITY]
        weights.fill_between([0, *sparse.x], [0, *sparse.mean], step="pre", color="#c9dcec")
        weights.set(title="Sparsity, %, and training FLOPs so far", ylim=(0, 100))
        _line(_beside(weights, BILL), found[BILL], PURPLE)
        recorded.stem(states.x, states.mean, linefmt=GREY, basefmt=" ")
        recorded.set(
            title="States recorded, and how far the network has left them when the round ends",
            xlabel="epochs finished",
            ylim=(0, 1.3 * max(states.mean)),
        )
        _line(_beside(recorded, DRIFT), found[DRIFT], ORANGE, "o")
        for axes in (loss, data, weights, recorded):
            axes.set_xlim(0, found[TRAIN].x[-1] + 0.2)
            for place in states.x:
                axes.axvline(place, color=GREY, ls=":", lw=1)
        loss.legend(loc="center right")


def _line(axes: Axes, curve: Curve, colour: str, marker: str = "") -> None:
    axes.plot(curve.x, curve.mean, "-" + marker, color=colour, lw=1.8, ms=5, label=curve.name)
    if axes.get_ylabel():
        axes.yaxis.label.set_color(colour)


def _beside(axes: Axes, label: str) -> Axes:
    """Add a second axis on the right."""
    twin = axes.twinx()
    twin.set_ylabel(label)
    twin.spines["right"].set_visible(True)
    return twin


STUDY = designed(
    "figure-2",
    "The timeline of one run",
    {"small": 1, "paper": 1},
    design,
    report,
    draw,
)
