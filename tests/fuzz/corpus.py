"""All targets, and the corpus: inputs that once showed a fault, in a folder for each target."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.fuzz import binaries, commands, readers, state, texts
from tests.fuzz.target import Target

FOLDER = Path(__file__).parent / "corpus"
TARGETS: dict[str, Target] = {
    **readers.TARGETS,
    **binaries.TARGETS,
    **texts.TARGETS,
    **commands.TARGETS,
    **state.TARGETS,
}
"""Targets by name."""


def entries() -> list[Path]:
    """Return the files of the corpus."""
    return sorted(path for path in FOLDER.glob("*/*") if path.is_file())


def target_of(path: Path) -> Target:
    """Return the target of a file of the corpus."""
    return TARGETS[path.parent.name]


def keep(name: str, content: bytes) -> Path:
    """Write an input of a target into the corpus, and return its file."""
    digest = hashlib.sha256(content).hexdigest()[:12]
    path = FOLDER / name / f"found-{digest}.{TARGETS[name].ending}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
