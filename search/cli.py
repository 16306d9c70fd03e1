"""Command `swast-search`: search for the best score per cost, browse and export the result."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from search.commands import options as sets
from search.driver import phases
from search.driver.request import Request
from search.errors import RequestError, SearchError, say
from search.store.process import process_settings
from swast.errors import (
    MOST_WHOLE,
    ConfigError,
    DataError,
    SwastError,
    cause_of,
    limited,
    nearest,
    shown,
)
from swast.libraries import importing
from swast.options import REFUSED, Parser, add_options, add_version
from swast.settings import Table
from swast.shell import DONE, FAILED, run_command


@dataclass(frozen=True)
class Command:
    """Command of `swast-search`.

    Attributes:
        group: heading that it is listed under.
        summary: one line.
        example: words after ``swast-search``.
        function: its module in `search`, and the function that takes the parsed options.
        options: tables of its options, in the order of the help.
        trains: whether it trains.
    """

    group: str
    summary: str
    example: str
    function: str
    options: tuple[type[Table], ...]
    trains: bool = False


COMMANDS = {
    "list": Command(
        "Look at searches",
        "list the searches",
        "list",
        "commands.show:list_searches",
        (sets.Printed, sets.Place),
    ),
    "show": Command(
        "Look at searches",
        "show the trials and the front of a search",
        "show NAME --json",
        "commands.show:show",
        (sets.Named, sets.Printed, sets.Place),
    ),
    "watch": Command(
        "Look at searches",
        "follow a search that another process runs",
        "watch NAME",
        "commands.watch:watch",
        (sets.Named, sets.Place),
    ),
    "report": Command(
        "Look at searches",
        "write a search with all its plots as one page that works offline",
        "report NAME --out report.html",
        "commands.report:report",
        (sets.Named, sets.Reported, sets.Place),
    ),
    "ui": Command(
        "Look at searches",
        "browse the searches in MLflow",
        "ui --port 5000",
        "commands.ui:ui",
        (sets.Served, sets.Tracked, sets.Place),
    ),
    "export": Command(
        "Use the result",
        "write configurations of a search as files for swast-train",
        "export NAME --pick knee --out best",
        "export.export:export_files",
        (sets.Named, sets.Exported, sets.Store, sets.Retrained, sets.Data, sets.Place),
    ),
    "verify": Command(
        "Use the result",
        "train exported files again and compare with the records",
        "verify best/knee.toml --seeds 3",
        "export.verify:verify",
        (sets.Files, sets.Retrained, sets.Trusted, sets.Data, sets.Place),
        trains=True,
    ),
    "sync": Command(
        "Use the result",
        "send a search to MLflow again, or to another MLflow",
        "sync NAME --tracking-uri http://host:5000",
        "commands.sync:sync",
        (sets.Named, sets.Tracked, sets.Place),
    ),
    "delete": Command(
        "Clean up",
        "remove a search everywhere",
        "delete NAME",
        "commands.cleanup:delete",
        (sets.Named, sets.Deleted, sets.Tracked, sets.Place),
    ),
    "gc": Command(
        "Clean up",
        "remove checkpoints of no more use, and shared warm-ups",
        "gc",
        "commands.cleanup:collect",
        (sets.Collected, sets.Place),
    ),
    "studies": Command(
        "Find a study",
        "list the studies that come with the package",
        "studies",
        "commands.show:studies",
        (sets.Printed,),
    ),
    "reproduce": Command(
        "Find a study",
        "reproduce a figure or table of the paper as a study",
        "reproduce table-trim",
        "reproduce.command:reproduce",
        (sets.Reproduced, sets.Data, sets.Store, sets.Place),
        trains=True,
    ),
}
"""Every command by name: the parsers, the help and the documents are made of this table."""


def listing() -> str:
    """Return the commands in groups, with a line and an example each."""
    lines: list[str] = []
    for group in dict.fromkeys(each.group for each in COMMANDS.values()):
        lines += ["", f"{group}:"]
        for name, each in COMMANDS.items():
            if each.group == group:
                lines += [f"  {name:<10} {each.summary}", f"{'':13}swast-search {each.example}"]
    return "\n".join(["commands, each with its own --help:", *lines])


def search_parser() -> Parser:
    """Return the parser of a search's options."""
    made = Parser(
        prog="swast-search",
        usage="swast-search [OPTIONS] | swast-search COMMAND [OPTIONS]",
        description="Search SWaST's settings for the best accuracy per training FLOP.\n\n"
        "  swast-search --study digits --budget 50 --gpus 0",
        epilog=listing(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_options(made, Request)
    add_version(made)
    return made


def command_parser(name: str) -> Parser:
    """Return the parser of a command's options."""
    command = COMMANDS[name]
    made = Parser(
        prog=f"swast-search {name}",
        description=command.summary,
        epilog=f"example: swast-search {command.example}",
        allow_abbrev=False,
    )
    for table in command.options:
        add_options(made, table)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    return run_command("swast-search", lambda: run(words), only_prints=not trains(words))


def trains(words: Sequence[str]) -> bool:
    """Return whether a command line trains, whoever reads what it prints."""
    if words and words[0] in COMMANDS:
        return COMMANDS[words[0]].trains
    return not {"--dry-run", "--help", "-h", "--version"} & set(words)


def run(words: Sequence[str]) -> int:
    """Run a search or a command, and return the exit code; errors are printed."""
    hint = "; --resume continues a search that had begun"
    try:
        if words and not words[0].startswith("-"):
            hint = ""
            return call(words[0], words[1:])
        return search(Request(**vars(search_parser().parse_args(words))))
    except (RequestError, ConfigError, DataError) as error:
        return complain(error, REFUSED)
    except (SearchError, SwastError, OSError) as error:
        return complain(cause_of(error) if isinstance(error, OSError) else error, FAILED)
    except KeyboardInterrupt:
        return complain(f"interrupted{hint}", FAILED)


def search(request: Request) -> int:
    """Run a search and return the exit code."""
    phases.begin(request, "reading the study and its data")
    try:
        with importing():
            from search.driver.launch import launch

        return DONE if launch(request) else FAILED
    finally:
        phases.end(request)


def call(name: str, words: Sequence[str]) -> int:
    """Run a command, importing only its own module, and return the exit code.

    Raises:
        RequestError: there is no such command.
    """
    if name not in COMMANDS:
        known = ", ".join(COMMANDS)
        raise RequestError(
            f"no command {shown(name)}{nearest(name, COMMANDS) or f'; one of {known}'}"
        )
    module, _, function = COMMANDS[name].function.partition(":")
    parsed = command_parser(name).parse_args(list(words))
    with process_settings():
        with importing():
            called = getattr(importlib.import_module(f"search.{module}"), function)
        called(parsed)
    return DONE


def complain(error: object, code: int) -> int:
    """Print an error to stderr, a line for each problem, and return the exit code."""
    for line in limited(str(error).split("\n"), MOST_WHOLE):
        say(line)
    return code
