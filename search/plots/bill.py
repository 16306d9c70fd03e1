"""FLOPs of the front's members and of the references, by the terms of their bills."""

from __future__ import annotations

from collections.abc import Sequence

from search.plots.axes import si_unit
from search.plots.chart import Axis, Bars, Chart, Panel
from search.plots.theme import BLUE, GREEN, INK, ORANGE, PURPLE, SKY, VERMILLION
from search.plots.words import escape, heading, short
from search.trials.search_info import SearchInfo
from search.trials.trial_record import TrialRecord, finished, front_of, knee_of

TERMS = {
    "training": ("Training", BLUE),
    "warmup": ("Warm-up", SKY),
    "selection": ("Selection: features", ORANGE),
    "solver": ("Selection: solver", VERMILLION),
    "recording": ("Recording of states", GREEN),
    "saliency": ("Pruning: saliency", PURPLE),
    "dense_gradients": ("Pruning: dense gradients", INK),
}
"""Names and colours of the ledger's terms that count as cost; evaluation does not."""
MOST = 30
"""The number of bills that fit in the chart."""


def bill_chart(info: SearchInfo, trials: Sequence[TrialRecord]) -> Chart:
    """Return the chart of bills by term, in FLOPs and as shares."""
    members = front_of(trials, info.objectives)
    numbers = {member.number for member in members}
    others = [t for t in finished(trials) if t.reference and t.number not in numbers]
    billed = [t for t in [*members, *others] if _total(t)]
    shown = sorted(billed[:MOST], key=_total)
    factor, unit = si_unit(max(map(_total, shown), default=0), "FLOPs")
    ticks = _ticks(shown, knee_of(members, info.objectives).number if members else None)
    terms = [term for term in TERMS if any(trial.bill.get(term) for trial in shown)]
    left = f" · {len(billed) - MOST} more not shown" if len(billed) > MOST else ""
    return Chart(
        key="bill",
        title=heading(info, "what FLOPs were spent on"),
        note="The front's members and the references, by cost" + left,
        panels=[
            Panel(
                title="Training FLOPs",
                marks=[_bars(shown, term, factor, unit) for term in terms],
                x=Axis(title=unit),
                y=Axis(ticks=ticks, grid=False),
            ),
            Panel(
                title="Share of the bill",
                marks=[_bars(shown, term, 0.0, "%") for term in terms],
                x=Axis(title="%", bounds=(0.0, 100.0)),
                y=Axis(ticks=dict.fromkeys(ticks, ""), grid=False),
            ),
        ],
        columns=2,
        height=250 + 30 * max(len(shown), 3),
        empty="" if shown else "No trial has finished yet",
    )


def _total(trial: TrialRecord) -> int:
    return sum(trial.bill.get(term, 0) for term in TERMS)


def _ticks(shown: Sequence[TrialRecord], knee: int | None) -> dict[float, str]:
    """Return the labels of the trials along the axis."""
    return {
        float(at): short(trial.label) + (" (knee)" if trial.number == knee else "")
        for at, trial in enumerate(shown)
    }


def _bars(shown: Sequence[TrialRecord], term: str, factor: float, unit: str) -> Bars:
    """Return a term of all bills: in a unit or, with a factor of 0, in per cent of each bill."""
    name, colour = TERMS[term]
    lengths = [trial.bill.get(term, 0) / (factor or _total(trial) / 100) for trial in shown]
    return Bars(
        y=list(map(float, range(len(shown)))),
        lengths=lengths,
        name=name,
        colour=colour,
        hover=[
            f"<b>{escape(trial.label)}</b><br>{name}: {length:.4g} {unit}"
            for trial, length in zip(shown, lengths, strict=True)
        ],
    )
