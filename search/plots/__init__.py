"""Plots of a search. Each is composed once as a chart; Plotly and matplotlib both draw it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from search.plots.bill import bill_chart
from search.plots.chart import Chart
from search.plots.curves import curves_chart
from search.plots.document import report
from search.plots.hypervolume import hypervolume_chart
from search.plots.influence import importance_chart
from search.plots.page import Page, write_single
from search.plots.parallel import parallel_chart
from search.plots.pareto import pareto_chart
from search.plots.slices import slices_chart
from search.plots.still import write_png
from search.store.epoch_log import EpochLog
from search.trials.search_info import SearchInfo
from search.trials.trial_record import TrialRecord
from swast.result import EpochRecord

__all__ = ["REPORT", "charts", "pareto_chart", "report_of", "write_all", "write_pareto"]

REPORT = "report.html"


def charts(
    info: SearchInfo, trials: Sequence[TrialRecord], epochs: Mapping[int, Sequence[EpochRecord]]
) -> list[Chart]:
    """Return all plots of a search.

    Args:
        info: the search.
        trials: its trials.
        epochs: their epochs, by trial number.
    """
    simple = (pareto_chart, hypervolume_chart, importance_chart, slices_chart, parallel_chart)
    made = [compose(info, trials) for compose in simple]
    return [*made, curves_chart(info, trials, epochs), bill_chart(info, trials)]


def report_of(
    info: SearchInfo, trials: Sequence[TrialRecord], epoch_log: EpochLog, tracking: str = ""
) -> Page:
    """Return a page with the whole search and all its plots.

    Args:
        info: the search.
        trials: its trials.
        epoch_log: their epochs.
        tracking: MLflow's URI; if it is a server, the page links to it.
    """
    epochs = {trial.number: epoch_log.read(trial.number) for trial in trials}
    return report(info, trials, charts(info, trials, epochs), tracking)


def write_pareto(
    folder: Path, info: SearchInfo, trials: Sequence[TrialRecord], tracking: str = ""
) -> list[Path]:
    """Write the Pareto plot as a page and as a still image, and return the files.

    Raises:
        OSError: the folder cannot be written to.
    """
    chart = pareto_chart(info, trials)
    page, still = folder / "pareto.html", folder / "pareto.png"
    write_single(info, chart, page, tracking)
    write_png(chart, still)
    return [page, still]


def write_all(
    folder: Path,
    info: SearchInfo,
    trials: Sequence[TrialRecord],
    epoch_log: EpochLog,
    tracking: str = "",
) -> list[Path]:
    """Write the report and each of its plots as a still image, and return the files.

    Raises:
        OSError: the folder cannot be written to.
    """
    page = report_of(info, trials, epoch_log, tracking)
    page.write(folder / REPORT)
    stills = [folder / f"{chart.key}.png" for chart in page.charts]
    for chart, path in zip(page.charts, stills, strict=True):
        write_png(chart, path)
    return [folder / REPORT, *stills]
