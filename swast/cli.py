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
from swast.config import TrainConfig, parse_value
from swast.config.files import configure, read_tables
from swast.errors import (
    MOST_WHOLE,
    CheckpointError,
    ConfigError,
    DataError,
    SwastError,
    cause_of,
    limited,
    shown,
)
from swast.files import writable
from swast.libraries import importing
from swast.options import REFUSED, Parser, add_options, add_version, option
from swast.outputs import is_same, is_standard_output, refusal, write_output
from swast.printing import err, keeping_free, out, out_rich
from swast.settings import Table
from swast.shell import DONE, FAILED, run_command

if TYPE_CHECKING:
    from swast.result import EpochRecord, TrainResult


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
    return run_command("swast-train", lambda: command(arguments))


def command(arguments: Sequence[str] | None) -> int:
    """Train as the arguments say, write and print the result, and return the exit code."""
    options = parser().parse_args(arguments)
    try:
        tables = read_tables(options.file)
        config = configure(options.file, tables, read_overrides(options.overrides))
        trust.check(options.file, tables.get("provenance"), config.model, trusted=options.trust)
        check_places(options)
        result = run(config, options)
        write(result, options)
    except (ConfigError, DataError, CheckpointError) as error:
        return complain(str(error), REFUSED)
    except SwastError as error:
        return complain(str(error), FAILED)
    except OSError as error:
        return complain(cause_of(error), FAILED)
    with keeping_free(any(is_standard_output(path) for path in outputs(options))):
        show(result)
    return DONE


def write(result: TrainResult, options: argparse.Namespace) -> None:
    """Write the outputs that the user asks for.

    Raises:
        OSError: naming an output that cannot be written.
    """
    if options.weights:
        from swast.weights import save_weights

        save_weights(options.weights, result.state)
    if options.json:
        write_output(options.json, json.dumps(result.to_dict(), indent=2) + "\n")


def read_overrides(texts: Sequence[str]) -> dict[str, object]:
    """Parse the ``KEY=VALUE`` of every ``--set``.

    Raises:
        ConfigError: an argument has no ``=``.
    """
    values = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(
                [f"--set takes KEY=VALUE, as coreset.fraction=0.1, got {shown(text)}"]
            )
        values[key.strip()] = parse_value(value.strip())
    return values


def outputs(options: argparse.Namespace) -> list[Path]:
    """Return the outputs that the user asks for."""
    return [path for path in (options.json, options.weights) if path is not None]


def check_places(options: argparse.Namespace) -> None:
    """Refuse places that cannot be written, before any work is done.

    Raises:
        ConfigError: naming the place.
    """
    if options.resume is not None and not writable(options.resume, folder=True):
        raise ConfigError([f"{options.resume}: cannot be written to"])
    for path in outputs(options):
        reason = refusal(path)
        if reason:
            raise ConfigError([f"{path}: cannot be written to: {reason}"])
    if len(outputs(options)) == 2 and is_same(*outputs(options)):
        raise ConfigError([f"--json and --weights cannot both be {options.json}"])


def run(config: TrainConfig, options: argparse.Namespace) -> TrainResult:
    """Train with a progress bar."""
    with importing():
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
    from rich.progress import Progress

    from swast.screen import Screen

    with Progress(console=Screen(stderr=True), disable=quiet or not sys.stderr.isatty()) as bar:
        task = bar.add_task("epochs", total=config.epochs)

        def on_epoch(record: EpochRecord) -> None:
            text = f"epoch {record.epoch}/{config.epochs}  accuracy {record.val_accuracy:.4f}"
            bar.update(task, completed=record.epoch, description=text)

        yield on_epoch


def show(result: TrainResult) -> None:
    """Print accuracy, FLOPs, wall time, and the FLOPs by term as a table."""
    from rich.table import Table

    out(f"validation accuracy {result.val_accuracy:.4f}   loss {result.val_loss:.4f}")
    if result.test_accuracy is not None:
        out(f"test accuracy       {result.test_accuracy:.4f}")
    out(
        f"training FLOPs      {result.train_flops:.4g}   "
        f"{result.relative_flops:.4f} of dense training on all data"
    )
    out(f"wall time           {result.seconds:.1f} s")
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
    out_rich(table)


def complain(message: str, code: int) -> int:
    """Print an error message to stderr and return the exit code."""
    for line in limited(message.split("\n"), MOST_WHOLE):
        err(f"swast-train: {line}")
    return code
