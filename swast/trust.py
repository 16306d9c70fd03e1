"""Trust in exported files of other machines: their networks may import code.

It guards against a surprise, not against an attack: the facts of a file can be edited. A file
without provenance, as one writes it by hand, is trusted.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from swast.errors import ConfigError, printable

MACHINE = "machine"
"""Fact of an exported file: where it was exported, as `machine` names it."""
MACHINE_ID = Path("/etc/machine-id")
MARK = "record_digest"
"""Fact that names a file of a version that did not record where it was exported."""


def machine() -> str:
    """Return a name for this user on this machine, which reveals neither."""
    try:
        known = MACHINE_ID.read_text().strip()
    except OSError:
        known = ""
    facts = f"swast {known or platform.node()} {os.getuid()}"
    return hashlib.sha256(facts.encode()).hexdigest()[:24]


def check(path: Path, facts: object, model: str, *, trusted: bool) -> None:
    """Ask before code is imported for a file of another machine; remember a yes.

    Args:
        path: of the file.
        facts: its provenance; None if it has none.
        model: the network to train.
        trusted: whether the command line has ``--trust``.

    Raises:
        ConfigError: the user refused, or there is no terminal to ask on.
    """
    if not imports_code(model) or not isinstance(facts, Mapping):
        return
    origin = str(facts.get(MACHINE) or facts.get(MARK) or "unknown")
    if origin == machine() or origin in remembered():
        return
    if not (trusted or confirmed(path, model)):
        raise ConfigError(
            [
                f"{path}: was not exported on this machine, and its model {model!r} is code that "
                "would be imported; --trust allows that for files of its machine"
            ]
        )
    remember(origin)


def imports_code(model: str) -> bool:
    """Return whether a network is a function of the user's, ``package.module:function``."""
    source, colon, _ = model.partition(":")
    return bool(colon) and source != "torchvision"


def confirmed(path: Path, model: str) -> bool:
    """Return the user's answer on a terminal; False without one."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    said = printable(f"{path}: was not exported on this machine. Import the code of {model!r}?")
    sys.stderr.write(f"{said} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def place() -> Path | None:
    """Return the file of trusted machines, in the user's folder of settings; None without one."""
    given = os.environ.get("XDG_CONFIG_HOME")
    try:
        folder = Path(given) if given else Path.home() / ".config"
    except RuntimeError:  # a user without a home
        return None
    return folder / "swast" / "trusted"


def remembered() -> set[str]:
    """Return the machines whose files are trusted."""
    file = place()
    with suppress(OSError, UnicodeDecodeError):
        return set(file.read_text().split()) if file is not None else set()
    return set()


def remember(origin: str) -> None:
    """Trust the files of a machine from now on, if the user's settings can be written."""
    file = place()
    if file is None or len(origin.split()) != 1 or origin == "unknown":
        return
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a") as opened:
            opened.write(f"{origin}\n")
