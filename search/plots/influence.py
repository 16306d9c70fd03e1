"""Importance of the searched settings for the score and for the cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from search.plots.chart import BLANK, Axis, Bars, Chart, Panel
from search.plots.importance import FEWEST, Importance, importances
from search.plots.scales import scales
from search.plots.theme import BLUE, ORANGE
from search.plots.words import heading, placed, point
from search.trials.search_info import SearchInfo
from search.trials.trial_record import TrialRecord


def importance_chart(info: SearchInfo, trials: Sequence[TrialRecord]) -> Chart:
    """Return the chart of each objective's variance explained by each setting (fANOVA)."""
    score, cost = info.objectives.score, info.objectives.cost
    done = placed(trials, info.objectives)
    spots = [point(trial, info.objectives) for trial in done]
    axes = scales(info.study, done)
    places = {axis.path: [axis.place(trial) for trial in done] for axis in axes}
    choices = {axis.path for axis in axes if axis.places}
    costs, scores = zip(*spots, strict=True) if spots else ((), ())
    explained = [importances(places, choices, goal) for goal in (scores, costs)]
    log = "log " if cost.log else ""
    titles = ((score.label, BLUE), (f"{log}{cost.name}", ORANGE))
    names = sorted(explained[0], key=lambda name: sum(each[name].share for each in explained))
    return Chart(
        key="importance",
        title=heading(info, f"settings that decide {score.name} and {cost.name}"),
        note=_note(done, explained[0], len(axes)),
        panels=[
            Panel(
                title=title,
                marks=[_bars(each, names, colour)],
                x=Axis(title="Share of variance explained", bounds=(0.0, 1.12)),
                y=Axis(ticks={float(at): names[at] for at in range(len(names))}, grid=False),
            )
            for (title, colour), each in zip(titles, explained, strict=True)
        ]
        if names
        else [BLANK],
        columns=2 if names else 1,
        height=230 + 30 * max(len(names), 4),
        empty="" if names else f"It takes {FEWEST} trained configurations to tell",
    )


def _bars(explained: Mapping[str, Importance], names: Sequence[str], colour: str) -> Bars:
    shares = [explained[name].share for name in names]
    counts = {each.trials for each in explained.values()}
    texts = [
        f"{explained[name].share:.2f}"
        + (f" ({explained[name].trials})" if len(counts) > 1 else "")
        for name in names
    ]
    return Bars(y=list(map(float, range(len(names)))), lengths=shares, colour=colour, texts=texts)


def _note(done: Sequence[TrialRecord], explained: Mapping[str, Importance], searched: int) -> str:
    """Return the number of configurations that the importances come from."""
    counts = {each.trials for each in explained.values()}
    if not counts:
        return f"{len(done)} configurations trained"
    if len(counts) == 1:
        note = f"fANOVA over {counts.pop()} configurations"
    else:
        note = "fANOVA; in brackets: configurations that have the setting"
    left = searched - len(explained)
    return note + (f" · {left} settings in fewer than {FEWEST} left out" if left else "")
