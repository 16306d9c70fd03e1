"""Files of benchmark figures, with the machine and versions they were measured on."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
from pathlib import Path
from typing import Any

from swast.environment import processor

FACTS = "facts"
PACKAGES = ("torch", "ray", "optuna", "mlflow", "botorch")


def facts() -> dict[str, Any]:
    """Return the date, the machine and its load, and the versions of installed packages."""
    found: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {processor()}",
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
    }
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def keep(path: Path | None, known: dict[str, Any], found: dict[str, Any]) -> None:
    """Write figures as JSON, if a file is given.

    Args:
        path: of the file.
        known: the `facts` from the start of the measurement.
        found: the figures.
    """
    if path is not None:
        path.write_text(json.dumps({FACTS: known, **found}, indent=2) + "\n", encoding="utf-8")


def said(known: dict[str, Any]) -> str:
    """Format the facts as a line."""
    names = [name for name in ("python", *PACKAGES) if name in known]
    versions = ", ".join(f"{name} {known[name]}" for name in names)
    return f"{known['date']}, {known['machine']}, {versions}, at a load of {known['load']:.1f}."
