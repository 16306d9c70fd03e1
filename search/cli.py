"""`swast-search`: search for accuracy per training FLOP, browse and export what was found."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from search.driver.request import Request, add_options, count, port, positive, share, whole
from search.errors import RequestError, SearchError, say
from swast.cli import DONE, FAILED, REFUSED, Parser, add_places
from swast.errors import ConfigError, DataError, SwastError, printable

PICKS = ("knee", "best", "cheapest", "front")
FORMATS = ("toml", "yaml", "json")
SCALES = ("small", "paper")

COMMANDS = {
    "list": "list the searches",
    "show": "show a search's trials and front",
    "report": "write a search, with all its plots, as one page that needs no network",
    "export": "write configurations of a search as files for swast-train",
    "verify": "train exported files again and compare with what was recorded",
    "watch": "follow a search that another process runs",
    "ui": "browse the searches in MLflow",
    "delete": "remove a search everywhere",
    "gc": "remove checkpoints that are of no more use, and shared warm-ups",
    "studies": "list the studies that come with the package",
    "reproduce": "conduct a figure or table of the paper as a study",
}


PLACES = {
    "list": ("commands.show", "list_searches"),
    "show": ("commands.show", "show"),
    "report": ("commands.report", "report"),
    "export": ("export.export", "export_files"),
    "verify": ("export.verify", "verify"),
    "watch": ("commands.watch", "watch"),
    "ui": ("commands.ui", "ui"),
    "delete": ("commands.cleanup", "delete"),
    "gc": ("commands.cleanup", "collect"),
    "studies": ("commands.show", "studies"),
    "reproduce": ("reproduce.command", "reproduce"),
}
"""Where a command is: module and function."""


def search_parser() -> Parser:
    """The options of a search."""
    made = Parser(
        prog="swast-search",
        description="Search SWaST's settings for the best accuracy per training FLOP.",
        epilog="commands: "
        + "; ".join(f"{name}: {text}" for name, text in COMMANDS.items())
        + ". Each has its own --help.",
        allow_abbrev=False,
    )
    add_options(made)
    return made


def add_home(parser: argparse.ArgumentParser) -> None:
    """The options that say where searches lie."""
    parser.add_argument(
        "--home",
        type=Path,
        metavar="DIR",
        help="folder of all state (default: SWAST_HOME, or ./swast-home)",
    )
    parser.add_argument("--storage", metavar="URL", help="Optuna's (default: in the home)")


def add_tracking(parser: argparse.ArgumentParser) -> None:
    """The option that says where MLflow is."""
    told = "MLflow's (default: where the search was told to)"
    parser.add_argument("--tracking-uri", metavar="URI", help=told)


def command_parser(command: str) -> Parser:
    """The options of a command."""
    made = Parser(
        prog=f"swast-search {command}", description=COMMANDS[command], allow_abbrev=False
    )
    if command == "ui":
        made.add_argument("name", nargs="?", help="search to land on (default: the last)")
        made.add_argument("--port", type=port, default=5000, help="default: 5000, or a free one")
        made.add_argument("--dashboard", action="store_true", help="serve Optuna's as well")
        add_tracking(made)
    elif command in ("show", "report", "export", "watch", "delete"):
        made.add_argument("name", help="of the search")
    elif command == "gc":
        made.add_argument("name", nargs="?", help="of the search (default: all of them)")
    if command == "delete":
        made.add_argument("--yes", action="store_true", help="do not ask")
        add_tracking(made)
    if command in ("list", "show", "studies"):
        made.add_argument("--json", action="store_true", help="print JSON")
    if command in MORE:
        MORE[command](made)
    if command != "studies":
        add_home(made)
    return made


def add_export(parser: argparse.ArgumentParser) -> None:
    """The options that say what to export, where to, and in which forms."""
    parser.add_argument("--pick", choices=PICKS, default="knee", help="default: knee")
    parser.add_argument("--max-flops", type=positive, metavar="F", help="at most this cost")
    parser.add_argument("--min-accuracy", type=share, metavar="A", help="at least this (0 to 1)")
    parser.add_argument(
        "--within",
        type=positive,
        metavar="P",
        help="at most P points below the best that is left, as --pick cheapest --within 0.5",
    )
    parser.add_argument("--format", choices=FORMATS, default="toml", help="default: toml")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for them")
    parser.add_argument("--verify", action="store_true", help="train them again and compare")
    parser.add_argument(
        "--model", action="store_true", help="train them; networks as PyTorch, ONNX, in MLflow"
    )
    parser.add_argument("--tracking-uri", metavar="URI", help="MLflow's (default: in the home)")
    add_retraining(parser)


def add_report(parser: argparse.ArgumentParser) -> None:
    """The option that says where the report goes."""
    told = "file or folder for it (default: NAME-report.html, here)"
    parser.add_argument("--out", type=Path, metavar="FILE", help=told)


def add_verify(parser: argparse.ArgumentParser) -> None:
    """The options that say what to verify."""
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="exported before")
    add_retraining(parser)


def add_reproduce(parser: argparse.ArgumentParser) -> None:
    """The options that say what of the paper to reproduce, how, and on what."""
    parser.add_argument(
        "name", nargs="?", help="as figure-1 or table-trim; without, they are named"
    )
    parser.add_argument(
        "--scale", choices=SCALES, default="small", help="default: small, two cores"
    )
    parser.add_argument("--seeds", type=whole, metavar="N", help="default: the protocol's")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: reproduced/NAME")
    parser.add_argument("--workers", type=whole, metavar="N", help="trainings at a time, at most")
    parser.add_argument(
        "--gpus", type=count, metavar="G", help="default: all, at small scale none"
    )
    parser.add_argument("--gpus-per-trial", type=positive, metavar="G", help="default: 1")
    parser.add_argument("--cpus-per-trial", type=positive, metavar="C", help="default: 1")
    parser.add_argument("--address", help="of a Ray cluster to run on (default: this machine)")
    parser.add_argument("--quiet", action="store_true", help="print nothing while it goes well")
    add_places(parser)
    parser.add_argument("--tracking-uri", metavar="URI", help="MLflow's (default: in the home)")


def add_retraining(parser: argparse.ArgumentParser) -> None:
    """The options that say how exported configurations are trained again."""
    parser.add_argument(
        "--seeds", type=count, default=0, metavar="K", help="verify with K further seeds as well"
    )
    add_places(parser)


MORE = {
    "export": add_export,
    "report": add_report,
    "verify": add_verify,
    "reproduce": add_reproduce,
}
"""What adds the options of a command that has some of its own."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    begun = "; --resume goes on with a search that had begun"
    try:
        if words and words[0] in COMMANDS:
            begun = ""
            options = command_parser(words[0]).parse_args(words[1:])
            run_command(words[0], options)
        else:
            return search(Request(**vars(search_parser().parse_args(words))))
    except (RequestError, ConfigError, DataError) as error:
        return complain(error, REFUSED)
    except (SearchError, SwastError) as error:
        return complain(error, FAILED)
    except KeyboardInterrupt:
        return complain(f"interrupted{begun}", FAILED)
    return DONE


def search(request: Request) -> int:
    """Run a search; returns the exit code."""
    from search.driver.launch import launch

    return DONE if launch(request) else FAILED


def run_command(command: str, options: argparse.Namespace) -> None:
    """Run a command other than the search itself; only what it needs is imported."""
    module, function = PLACES[command]
    getattr(importlib.import_module(f"search.{module}"), function)(options)


def complain(error: object, code: int) -> int:
    """Say what went wrong on the error stream, a line a problem; returns the exit code."""
    for line in str(error).splitlines():
        say(printable(line))
    return code
