"""What the terminal shows before a search and after it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from search import display
from search.home import Home
from search.result import Confirmed, SearchResult
from search.study import Study

if TYPE_CHECKING:
    from search.pricing import Price, Quote


def confirmed_table(confirmed: Sequence[Confirmed]) -> Table:
    """The front over several seeds, as a table."""
    count = max(len(each.seeds) for each in confirmed)
    table = Table(title=f"Over {count} seeds", title_justify="left", title_style="bold")
    for name in ("trial", "accuracy", "on test", "front"):
        table.add_column(name, justify="left" if name == "trial" else "right", no_wrap=True)
    for each in confirmed:
        table.add_row(
            f"#{each.number}",
            f"{each.val_mean:.2%} ± {each.val_std:.2%}",
            f"{each.test_mean:.2%} ± {each.test_std:.2%}",
            "stays" if each.on_front else "dominated",
        )
    return table


def show_end(result: SearchResult, home: Home) -> None:
    """Print the front, where to browse it and how to export from it, or how to go on."""
    console = Console(highlight=False)
    name = result.info.name
    console.print(f"\n[bold]{name}[/]: {result.end} after {display.clock(result.seconds or 0)}")
    if result.front:
        console.print(display.front_table(list(result.front)))
        console.print(f"hypervolume {result.hypervolume:.4f}")
    if result.confirmed:
        console.print(confirmed_table(result.confirmed))
    if result.end == "paused":
        console.print(f"resume  {how_to_resume(name, home)}", markup=False, soft_wrap=True)
    if result.front:
        place = home_option(home)
        plot, export = home.search(name) / "pareto.html", f"export {name} --pick knee --out best"
        for line in (
            f"plot    {plot}",
            f"browse  swast-search ui{place}",
            f"export  swast-search {export}{place}",
        ):
            console.print(line, markup=False, soft_wrap=True)


def how_to_resume(name: str, home: Home) -> str:
    """The command that goes on with a search."""
    return f"swast-search --resume {name}{home_option(home)}"


def home_option(home: Home) -> str:
    """The option that names a home, where one is needed."""
    return "" if home.is_default else f" --home {shlex.quote(str(home.path))}"


def show_price(study: Study, budget: int, quote: Quote) -> None:
    """Print what a search would cost."""
    from search.pricing import SAMPLES

    def spread(price: Price, form: Callable[[float], str]) -> str:
        least, median, most = map(form, (price.least, price.median, price.most))
        return f"least {least}, median {median}, most {most}"

    flops, seconds, lanes = quote.flops, quote.seconds, quote.concurrent
    say = Console(highlight=False, markup=False, soft_wrap=True).print
    say(f"{study.name}: {budget} trials, about {flops.expected:.3g} training FLOPs")
    drawn = f"({SAMPLES} drawn from the space); dense {quote.dense:.3g}"
    say(f"one trial: {spread(flops, '{:.3g}'.format)} {drawn}")
    whole = f"about {span(seconds.expected / lanes)} of training, {lanes} at a time"
    say(f"{whole}; start-up and upkeep are extra")
    say(f"time of one trial: {spread(seconds, span)}")
    if flops.shared:
        less = f"{flops.shared:.3g} FLOPs and {span(seconds.shared / lanes)}"
        say(f"warm-ups that trials share are trained once: about {less} less than that")
    if study.halving and flops.halved is not None and seconds.halved is not None:
        left = f"{flops.halved:.3g} FLOPs and {span(seconds.halved / lanes)}"
        rate = f"every rung lets 1 in {study.halving.reduction} go on"
        say(f"halving: about {left} if {rate}; at most what is above")
    for name, cost in flops.references.items():
        say(f"reference {name}: {cost:.3g}, {span(seconds.references[name])}")


def span(seconds: float) -> str:
    """A duration as ``0.52 s``, ``8.2 s``, or from a minute on as `display.clock` gives it."""
    return f"{seconds:.2g} s" if seconds < 60 else display.clock(seconds)
