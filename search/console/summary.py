"""Terminal output at the end of a search."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from search.console import live
from search.loop.result import Confirmed, SearchResult
from search.objectives import Objectives
from search.store.home import Home
from swast.errors import printable
from swast.printing import out, out_rich


def confirmed_table(confirmed: Sequence[Confirmed], objectives: Objectives) -> Table:
    """Return the means over further seeds with their standard errors, as a table."""
    score = objectives.score
    table = Table(title="With further seeds", title_justify="left", title_style="bold")
    for name in ("trial", score.name, "seeds", "on test", "networks", "front"):
        table.add_column(name, justify="left" if name == "trial" else "right", no_wrap=True)
    for each in confirmed:
        table.add_row(
            f"#{each.number}",
            score.with_error(each.val_mean, each.val_error),
            str(len(each.seeds)),
            "" if each.test_mean is None else score.with_error(each.test_mean, each.test_error),
            str(each.tests or ""),
            "yes" if each.on_front else "no",
        )
    return table


def show_end(result: SearchResult, home: Home) -> None:
    """Print the front and the commands to browse it, to export from it, or to resume."""
    name, objectives = result.info.name, result.info.objectives
    out("")
    how = f": {result.end} after {live.clock(result.seconds or 0)}"
    out_rich(Text.assemble((printable(name), "bold"), how))
    if result.front:
        parts = (result.candidates, result.beaten_references)
        out_rich(live.front_table(result.front, objectives, *parts))
        out(f"hypervolume {result.hypervolume:.4f}")
    if result.confirmed:
        out_rich(confirmed_table(result.confirmed, objectives))
    if result.end == "paused":
        out(f"resume  {how_to_resume(name, home)}")
    if result.front:
        place = home_option(home)
        out(f"plot    {home.search(name) / 'pareto.html'}")
        out(f"browse  swast-search ui{place}")
        out(f"export  swast-search export {name} --pick knee --out best{place}")


def how_to_resume(name: str, home: Home) -> str:
    """Return the command that resumes a search."""
    return f"swast-search --resume {name}{home_option(home)}"


def home_option(home: Home) -> str:
    """Return the option that names a home, if one is needed."""
    return "" if home.is_default else f" --home {shlex.quote(str(home.path))}"
