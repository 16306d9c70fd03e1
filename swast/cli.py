"""Command `swast-train`: train from a configuration file."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from swast import trust
from swast.config import TrainConfig, parse_value, read_config
from swast.config.files import read_tables
from swast.errors import CheckpointError, ConfigError, DataError, SwastError
from swast.files import replacing, writable
from swast.options import REFUSED, Parser, add_options, add_version, option
from swast.settings import Table

if TYPE_CHECKING:
    from swast.result import EpochRecord, TrainResult

DONE, FAILED = 0, 1


@dataclass(frozen=True, kw_only=True)
class TrainOptions(Table):
    """Options of the command."""

    file: Path = option(
        Path(), "configuration file, such as `swast-search export` writes", positional=True
    )
    weights: Path | None = option(
        None, "write the final weights to FILE (state dict)", metavar="FILE"
    )
    json: Path | None = option(None, "write the result to FILE", metavar="FILE")
    resume: Path | None = option(
        None,
        "save a checkpoint in DIR after every epoch, and resume from the one there, if any",
        metavar="DIR",
    )
    data_dir: Path | None = option(
        None,
        "folder of data sets (default: SWAST_DATA, then data/ in SWAST_HOME or ./swast-home)",
        metavar="DIR",
    )
    download: bool = option(False, "download the data set if it is in none of them")
    test: bool = option(False, "read the test set, once, at the end")
    trust: bool = option(False, "import the code of a file that another machine exported")
    quiet: bool = option(False, "no progress bar")


def parser() -> Parser:
    """Return the parser of the command's options."""
    made = Parser(
        prog="swast-train",
        description="Train a network while tailoring its weights and its samples.",
        epilog="example: swast-train knee.toml --set coreset.fraction=0.1 --json result.json",
        allow_abbrev=False,
    )
    made.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="replace a field, for example coreset.fraction=0.1; may be repeated",
    )
    add_options(made, TrainOptions)
    add_version(made)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = parser().parse_args(arguments)
    try:
        config = read_config(options.file, read_overrides(options.overrides))
        facts = read_tables(options.file).get("provenance")
        trust.check(options.file, facts, config.model, trusted=options.trust)
        check_writable(options.resume, folder=True)
        check_writable(options.json, folder=False)
        check_writable(options.weights, folder=False)
        result = run(config, options)
        if options.weights:
            from swast.weights import save_weights

            save_weights(options.weights, result.state)
        if options.json:
            with replacing(options.json) as file:
                file.write((json.dumps(result.to_dict(), indent=2) + "\n").encode())
    except (ConfigError, DataError, CheckpointError) as error:
        return complain(str(error), REFUSED)
    except (SwastError, OSError) as error:
        return complain(str(error), FAILED)
    show(result)
    return DONE


def read_overrides(texts: Sequence[str]) -> dict[str, object]:
    """Parse the ``KEY=VALUE`` of every ``--set``.

    Raises:
        ConfigError: an argument has no ``=``.
    """
    values = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise ConfigError([f"--set takes KEY=VALUE, as coreset.fraction=0.1, got {text!r}"])
        values[key.strip()] = parse_value(value.strip())
    return values


def check_writable(path: Path | None, *, folder: bool) -> None:
    """Raise if a file or folder cannot be written, before any work is done.

    Raises:
        ConfigError: it cannot be written.
    """
    if path is not None and not writable(path, folder=folder):
        raise ConfigError([f"{path}: cannot be written to"])


def run(config: TrainConfig, options: argparse.Namespace) -> TrainResult:
    """Train with a progress bar."""
    from swast.data import Places, load_data
    from swast.training import train

    places = Places.find(options.data_dir, download=options.download)
    data = load_data(config.data, config.loading, places)
    if data.note and not options.quiet:
        complain(data.note, DONE)
    with progress(config, quiet=options.quiet) as on_epoch:
        return train(
            config,
            data=data,
            on_epoch=on_epoch,
            checkpoint_dir=options.resume,
            test=options.test,
        )


@contextmanager
def progress(config: TrainConfig, *, quiet: bool) -> Iterator[Callable[[EpochRecord], None]]:
    """Show a progress bar over the epochs on stderr, if that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), disable=quiet or not sys.stderr.isatty()) as bar:
        task = bar.add_task("epochs", total=config.epochs)

        def on_epoch(record: EpochRecord) -> None:
            text = f"epoch {record.epoch}/{config.epochs}  accuracy {record.val_accuracy:.4f}"
            bar.update(task, completed=record.epoch, description=text)

        yield on_epoch


def show(result: TrainResult) -> None:
    """Print accuracy, FLOPs, wall time, and the FLOPs by term as a table."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    console.print(f"validation accuracy {result.val_accuracy:.4f}   loss {result.val_loss:.4f}")
    if result.test_accuracy is not None:
        console.print(f"test accuracy       {result.test_accuracy:.4f}")
    console.print(
        f"training FLOPs      {result.train_flops:.4g}   "
        f"{result.relative_flops:.4f} of dense training on all data"
    )
    console.print(f"wall time           {result.seconds:.1f} s")
    table = Table("term", "FLOPs", "share")
    for column in table.columns[1:]:
        column.justify = "right"
    for term, flops in result.flops.items():
        if term != "evaluation":
            table.add_row(
                term.replace("_", " "), f"{flops:,}", f"{flops / result.train_flops:.1%}"
            )
    table.add_section()
    table.add_row("total", f"{result.train_flops:,}", "100.0%")
    table.add_row("evaluation, apart", f"{result.flops['evaluation']:,}", "")
    console.print(table)


def complain(message: str, code: int) -> int:
    """Print an error message to stderr and return the exit code."""
    for line in message.splitlines():
        sys.stderr.write(f"swast-train: {line}\n")
    return code
