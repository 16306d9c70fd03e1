"""Where a training ran and with which versions: what decides whether it repeats bit for bit."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

PACKAGES = ("swast", "torch", "numpy")
CPUINFO = Path("/proc/cpuinfo")


def environment(device: torch.device) -> dict[str, str]:
    """Versions and hardware of a training on a device, as short texts by name.

    ``swast``, ``torch``, ``numpy`` and ``python`` are versions; ``system`` is the platform,
    ``processor`` the CPU's name, ``vectors`` the instructions that PyTorch uses of it, and
    ``device`` ``cpu`` or the GPU's name.
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
    """The version of a package; ``source`` where it is imported without being installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "source"


def processor() -> str:
    """The name of the CPU, or of its architecture where the system does not tell."""
    if CPUINFO.is_file():
        for line in CPUINFO.read_text(errors="replace").splitlines():
            key, _, name = line.partition(":")
            if key.strip() == "model name" and name.strip():
                return name.strip()
    return platform.processor() or platform.machine()
