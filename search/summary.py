"""What the terminal shows before a search and after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from search import display
from search.home import Home
from search.result import Confirmed, SearchResult
from search.study import Study

if TYPE_CHECKING:
    from search.pricing import Price


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
        console.print(f"resume  {how_to_resume(name, home)}", soft_wrap=True)
    if result.front:
        place = home_option(home)
        console.print(f"plot    {home.search(name) / 'pareto.html'}", soft_wrap=True)
        console.print(f"browse  swast-search ui{place}", soft_wrap=True)
        export = f"swast-search export {name} --pick knee --out best{place}"
        console.print(f"export  {export}", soft_wrap=True)


def how_to_resume(name: str, home: Home) -> str:
    """The command that goes on with a search."""
    return f"swast-search --resume {name}{home_option(home)}"


def home_option(home: Home) -> str:
    """The option that names a home, where one is needed."""
    return "" if home.is_default else f" --home {home.path}"


def show_price(study: Study, budget: int, price: Price) -> None:
    """Print what a search would cost."""
    from search.pricing import SAMPLES

    console = Console(highlight=False)
    console.print(f"{study.name}: {budget} trials, about {price.expected:.3g} training FLOPs")
    console.print(
        f"one trial: least {price.least:.3g}, median {price.median:.3g}, most {price.most:.3g} "
        f"({SAMPLES} drawn from the space); dense {price.dense:.3g}"
    )
    for name, flops in price.references.items():
        console.print(f"reference {name}: {flops:.3g}")
