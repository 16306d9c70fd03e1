"""Surroundings of a command: variables and filters that would break the libraries it uses.

A container may run as a user whom the system does not know, without a home. Variables may hold
what no library understands, and then some end the process, and others print their complaints.
"""

from __future__ import annotations

import getpass
import logging
import os
import re
import warnings
from collections.abc import MutableMapping
from pathlib import Path

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
"""Variables with a positive number of threads, or such numbers with commas between."""
NARROWEST, WIDEST = 20, 10_000
"""Columns of a terminal that a table can be drawn for."""


def settle() -> None:
    """Prepare this process and those that it will start.

    Call it in commands only, before heavy imports: it changes the variables of the process.
    """
    name_user(os.environ)
    drop_odd(os.environ)
    forgive_warnings(os.environ)
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it warns of a read-only home


def name_user(variables: MutableMapping[str, str]) -> None:
    """Name a user whom the system does not know by the number, with ``/`` as home.

    Containers do the same. Without a home MLflow cannot be imported.
    """
    try:
        Path.home()
    except RuntimeError:
        variables["HOME"] = "/"
    try:
        getpass.getuser()
    except (KeyError, OSError):
        variables["USER"] = str(os.getuid())


def drop_odd(variables: MutableMapping[str, str]) -> None:
    """Remove numbers of threads and columns that are none, so that the defaults hold."""
    for name in THREADS:
        if not re.fullmatch(r"\s*[1-9]\d*\s*(,\s*[1-9]\d*\s*)*", variables.get(name, "1")):
            del variables[name]
    columns = variables.get("COLUMNS", str(WIDEST))
    is_number = re.fullmatch(r"[0-9]{1,5}", columns)
    if not is_number or not NARROWEST <= int(columns) <= WIDEST:
        del variables["COLUMNS"]


def forgive_warnings(variables: MutableMapping[str, str]) -> None:
    """Let no warning of a library be an error, here and in processes that start later."""
    parts = variables.get("PYTHONWARNINGS", "").split(",")
    if any(part.partition(":")[0].strip() == "error" for part in parts):
        kept = [part for part in parts if part.partition(":")[0].strip() != "error"]
        variables["PYTHONWARNINGS"] = ",".join(kept)
    if any(action == "error" for action, *_ in warnings.filters):
        warnings.simplefilter("ignore")
