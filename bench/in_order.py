"""Time that a repeatable search takes: `python -m bench.in_order`.

The lengths of trials are those that a dry run forecasts on this machine, of configurations drawn
from a study's space. Workers take them in their order; in a repeatable search a trial begins only
once all but the last ones before it have ended.
"""

from __future__ import annotations

import argparse
import heapq
import statistics
from collections.abc import Sequence

from search.driver import pricing
from search.study.study_file import find_study
from swast.data import Places, load_data
from swast.printing import out


def span(seconds: Sequence[float], workers: int, lag: int | None = None) -> float:
    """Return the time from the start of the first trial to the end of the last one.

    Args:
        seconds: that each trial takes, in the order in which they begin.
        workers: trials at a time.
        lag: of a repeatable search; None for another one.
    """
    free, ends = [0.0] * workers, list[float]()
    for number, length in enumerate(seconds):
        awaited = [] if lag is None else ends[: max(0, number - lag + 1)]
        ends.append(max(heapq.heappop(free), *awaited, 0.0) + length)
        heapq.heappush(free, ends[-1])
    return max(ends)


def main() -> None:
    """Print how much longer repeatable searches take, for some numbers of trials at a time."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--study", default="digits")
    parser.add_argument("--trials", type=int, default=24)
    chosen = parser.parse_args()
    study = find_study(chosen.study)
    data = load_data(study.fixed.data, study.fixed.loading, Places.find(None, None))
    outlook = pricing.foresee_search(study, data, 0)
    pace = pricing.calibrate_search(study, outlook, data, "cpu")
    lengths = [pace.seconds(each.config, each.marks[-1]) for each in outlook.drawn]
    out(f"a trial takes {min(lengths):.2g} to {max(lengths):.2g} s")
    count = chosen.trials
    searches = [lengths[at : at + count] for at in range(0, len(lengths) - count + 1, count)]
    for workers in (2, 4, 8):
        ratios = [span(each, workers, workers) / span(each, workers) for each in searches]
        out(
            f"{workers} at a time: {statistics.fmean(ratios):.2f} times as long "
            f"({min(ratios):.2f} to {max(ratios):.2f}, {len(searches)} searches of {count} trials)"
        )


if __name__ == "__main__":
    main()
