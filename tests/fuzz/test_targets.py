"""Fuzzing of files of settings and of command lines: a line or a result, never anything else."""

from __future__ import annotations

import contextlib
import random
import signal
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.cli import COMMANDS, command_parser, search_parser
from search.driver.request import Request
from search.errors import RequestError
from search.export.provenance import read_exported
from search.study.study_file import find_study
from swast.cli import parser, read_overrides
from swast.config import TrainConfig, read_config
from swast.errors import MOST_LINES, ConfigError, limited
from tests.fuzz import inputs

SECONDS = 5
SEEDS = st.integers(0, 2**63)


@contextlib.contextmanager
def alarmed():
    """Fail what takes longer than `SECONDS`."""

    def late(*_):
        raise TimeoutError(f"it took longer than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def refused(error):
    """Check that the lines of an error can be printed."""
    lines = limited(str(error).split("\n"))
    assert 1 <= len(lines) <= MOST_LINES
    assert all(line.isprintable() and line.strip() for line in lines)


def read(seed):
    """Read a random file as a study and as a configuration."""
    with tempfile.TemporaryDirectory() as folder, alarmed():
        _, path = inputs.file(random.Random(seed), Path(folder))
        for reader in (read_config, read_exported, lambda path: find_study(str(path))):
            try:
                found = reader(path)
            except (ConfigError, RequestError) as error:
                refused(error)
            else:
                if isinstance(found, TrainConfig):
                    assert TrainConfig.from_dict(found.to_dict()) == found


def parse(seed, *, training):
    """Parse a random command line."""
    draw = random.Random(seed)
    words = inputs.line(draw, training=training)
    with alarmed(), contextlib.redirect_stderr(None), contextlib.redirect_stdout(None):
        try:
            if training:
                options = parser().parse_args(words)
                TrainConfig().with_values(read_overrides(options.overrides))
            elif words and words[0] in COMMANDS:
                command_parser(words[0]).parse_args(words[1:])
            else:
                Request(**vars(search_parser().parse_args(words)))
        except (ConfigError, RequestError) as error:
            refused(error)
        except SystemExit as end:
            if end.code not in (0, 2):
                raise


@given(SEEDS)
def test_a_file_is_read_or_refused(seed):
    read(seed)


@pytest.mark.parametrize("training", [False, True])
@given(SEEDS)
def test_a_command_line_is_parsed_or_refused(training, seed):
    parse(seed, training=training)
