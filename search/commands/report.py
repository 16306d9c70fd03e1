"""`report`: a search on one page that works offline."""

from __future__ import annotations

import re
import sys
from argparse import Namespace
from pathlib import Path

from search.errors import RequestError
from search.plots import report_of
from search.store.epoch_log import EpochLog
from search.store.home import Home, open_home
from search.trials.repository import SearchTrials
from search.trials.search_info import SearchInfo

LONGEST = 60
"""The most letters of a search's name in a file name."""


def report(options: Namespace) -> None:
    """Write the report of a search, and print its path.

    Raises:
        RequestError: no search has that name, or the file cannot be written.
    """
    trials = SearchTrials.load(open_home(options), options.name)
    home, info = Home.find(options.home), trials.info
    epoch_log = EpochLog(home.search(info.name) / "histories")
    path = options.out or Path(file_name(info))
    if path.is_dir():
        path /= file_name(info)
    page = report_of(info, trials.records(), epoch_log, info.tracking_uri or home.tracking)
    try:
        page.write(path)
    except OSError as error:
        raise RequestError(f"--out {path}: cannot be written: {error.strerror}") from None
    sys.stdout.write(f"{path}\n")


def file_name(info: SearchInfo) -> str:
    """Return the file name of a search's report, safe for any name of a search."""
    plain = re.sub(r"[^\w.-]+", "-", info.name).strip(".-")[:LONGEST]
    return f"{plain or 'search'}-report.html"
