"""`swast-search`: search for accuracy per training FLOP, browse and export what was found."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from search.errors import RequestError, SearchError
from swast.cli import DONE, FAILED, REFUSED, Parser, add_places
from swast.errors import ConfigError, DataError, SwastError

SAMPLERS = ("tpe", "gp", "nsga2", "nsga3", "qmc", "random")
PICKS = ("knee", "best", "cheapest", "front")

COMMANDS = {
    "list": "list the searches",
    "show": "show a search's trials and front",
    "export": "write configurations of a search as files for swast-train",
    "ui": "browse the searches in MLflow",
    "studies": "list the studies that come with the package",
}


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
    made.add_argument(
        "--study",
        metavar="NAME|FILE",
        help="what to search (default: digits, or cifar10-resnet18 where there are GPUs)",
    )
    made.add_argument("--budget", type=whole, metavar="N", help="trials in all (default: 50)")
    made.add_argument("--name", help="name of the search (default: the study's, and the time)")
    made.add_argument(
        "--resume",
        metavar="NAME",
        help="go on with a search that was stopped, or "
        "extend a finished one with a larger --budget",
    )
    made.add_argument("--sampler", choices=SAMPLERS, default="tpe", help="default: tpe")
    made.add_argument("--seed", type=seed, default=0, help="seed of the sampler (default: 0)")
    made.add_argument(
        "--max-flops",
        type=positive,
        metavar="F",
        help="never start a trial that would cost more training FLOPs",
    )
    made.add_argument("--time-budget", type=positive, metavar="SECONDS", help="stop then")
    made.add_argument("--dry-run", action="store_true", help="print what it would cost, and stop")
    made.add_argument(
        "--gpus",
        type=count,
        metavar="G",
        help="GPUs to use; 0 for CPUs alone (default: all present)",
    )
    made.add_argument("--gpus-per-trial", type=positive, metavar="G", help="default: 1 with GPUs")
    made.add_argument(
        "--cpus-per-trial", type=positive, default=1.0, metavar="C", help="default: 1"
    )
    made.add_argument("--address", help="of a Ray cluster to run on (default: this machine)")
    made.add_argument("--tracking-uri", metavar="URI", help="MLflow's (default: in the home)")
    add_home(made)
    add_places(made)
    made.add_argument("--json", type=Path, metavar="FILE", help="write a summary there")
    made.add_argument("--quiet", action="store_true", help="print nothing while it goes well")
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


def command_parser(command: str) -> Parser:
    """The options of a command."""
    made = Parser(
        prog=f"swast-search {command}", description=COMMANDS[command], allow_abbrev=False
    )
    if command == "ui":
        made.add_argument("name", nargs="?", help="search to land on (default: the last)")
        made.add_argument("--port", type=port, default=5000, help="default: 5000, or a free one")
    elif command in ("show", "export"):
        made.add_argument("name", help="of the search")
    if command in ("list", "show", "studies"):
        made.add_argument("--json", action="store_true", help="print JSON")
    if command == "export":
        made.add_argument("--pick", choices=PICKS, default="knee", help="default: knee")
        made.add_argument("--max-flops", type=positive, metavar="F", help="at most this cost")
        made.add_argument("--min-accuracy", type=share, metavar="A", help="at least this (0 to 1)")
        made.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for them")
    if command != "studies":
        add_home(made)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if words and words[0] in COMMANDS:
            options = command_parser(words[0]).parse_args(words[1:])
            run_command(words[0], options)
        else:
            search(search_parser().parse_args(words))
    except (RequestError, ConfigError, DataError) as error:
        return complain(error, REFUSED)
    except (SearchError, SwastError) as error:
        return complain(error, FAILED)
    except KeyboardInterrupt:
        return complain("interrupted; --resume goes on with a search that had begun", FAILED)
    return DONE


def search(options: argparse.Namespace) -> None:
    """Run a search."""
    from search.launch import launch

    launch(options)


def run_command(command: str, options: argparse.Namespace) -> None:
    """Run a command other than the search itself."""
    from search import show

    if command == "ui":
        from search.ui import ui

        ui(options)
    elif command == "export":
        from search.export import export
        from search.trials import SearchTrials

        trials = SearchTrials.load(show.open_home(options), options.name)
        for path in export(trials, options):
            sys.stdout.write(f"{path}\n")
    else:
        {"list": show.list_searches, "show": show.show, "studies": show.studies}[command](options)


def complain(error: object, code: int) -> int:
    """Say what went wrong on the error stream, a line a problem; returns the exit code."""
    for line in str(error).splitlines():
        sys.stderr.write(f"swast-search: {line}\n")
    return code


@dataclass(frozen=True)
class Number:
    """A reader of numbers for options, that refuses others in words."""

    kind: Callable[[str], float]
    allowed: Callable[[float], bool]
    what: str

    def __call__(self, text: str) -> float:
        """The number that a text says."""
        try:
            value = self.kind(text)
        except ValueError:
            value = math.nan
        if not self.allowed(value):
            raise argparse.ArgumentTypeError(f"must be {self.what}, got {text!r}")
        return value


whole = Number(int, lambda value: value >= 1, "a whole number, at least 1")
count = Number(int, lambda value: value >= 0, "a whole number, at least 0")
seed = Number(int, lambda value: 0 <= value < 2**32, "a whole number from 0 to 4294967295")
port = Number(int, lambda value: 0 <= value < 2**16, "a whole number from 0 to 65535")
positive = Number(float, lambda value: 0 < value < math.inf, "a number above 0")
share = Number(float, lambda value: 0 <= value <= 1, "a number in [0, 1]")
