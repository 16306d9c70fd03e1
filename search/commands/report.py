"""`report`: a search on one page that works offline."""

from __future__ import annotations

import re
from argparse import Namespace
from pathlib import Path

from search.errors import RequestError, SearchFailedError
from search.plots import report_of
from search.store.epoch_log import EpochLog
from search.store.home import Home, open_home
from search.trials.repository import SearchTrials
from search.trials.search_info import SearchInfo
from swast.outputs import is_standard_output, refusal, write_output
from swast.printing import keeping_free, out

LONGEST = 60
"""The most letters of a search's name in a file name."""


def report(options: Namespace) -> None:
    """Write the report of a search, and print its path.

    Raises:
        RequestError: no search has that name, or the file cannot be written.
        SearchFailedError: the disk is full, or a pipe has no reader.
    """
    trials = SearchTrials.load(open_home(options), options.name)
    home, info = Home.find(options.home), trials.info
    epoch_log = EpochLog(home.search(info.name) / "histories")
    path = options.out or Path(file_name(info))
    if path.is_dir():
        path /= file_name(info)
    reason = refusal(path)
    if reason:
        raise RequestError(f"--out {path}: cannot be written: {reason}")
    page = report_of(info, trials.estimated(), epoch_log, info.tracking_uri or home.tracking)
    try:
        write_output(path, page.render())
    except OSError as error:
        raise SearchFailedError(f"--out {path}: cannot be written: {error.strerror}") from None
    with keeping_free(is_standard_output(path)):
        out(f"{path}")


def file_name(info: SearchInfo) -> str:
    """Return the file name of a search's report, safe for any name of a search."""
    plain = re.sub(r"[^\w.-]+", "-", info.name).strip(".-")[:LONGEST]
    return f"{plain or 'search'}-report.html"
