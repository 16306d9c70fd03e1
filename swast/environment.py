"""Hardware and versions of a training run, on which bit-for-bit repetition depends."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

PACKAGES = ("swast", "torch", "numpy")
CPUINFO = Path("/proc/cpuinfo")


def environment(device: torch.device) -> dict[str, str]:
    """Return versions and hardware of a training run, as short strings by name.

    ``swast``, ``torch``, ``numpy`` and ``python`` are versions; ``system`` is the platform,
    ``processor`` the CPU's name, ``vectors`` the vector instructions that PyTorch uses, and
    ``device`` is ``cpu`` or the GPU's name.
    """
    known = {name: installed(name) for name in PACKAGES}
    return known | {
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": processor(),
        "vectors": torch.backends.cpu.get_cpu_capability(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
    }


def installed(package: str) -> str:
    """Return the version of a package; ``source`` if it is imported without being installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "source"


def processor() -> str:
    """Return the name of the CPU, or of its architecture if the name is unknown."""
    if CPUINFO.is_file():
        for line in CPUINFO.read_text(errors="replace").splitlines():
            key, _, name = line.partition(":")
            if key.strip() == "model name" and name.strip():
                return name.strip()
    return platform.processor() or platform.machine()
