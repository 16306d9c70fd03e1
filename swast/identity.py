"""What changed between two trainings, in words: their data, or the code of their network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from swast.data import fingerprint
from swast.models import source


def what_changed(
    before: Mapping[str, Any], data: Mapping[str, Any], network: Mapping[str, str]
) -> str:
    """Return what changed since a training began; nothing if nothing did.

    Args:
        before: ``data`` and ``network`` at that time; what is absent is not compared.
        data: fingerprint of the data now (see `swast.data.fingerprint`).
        network: digests of the network's modules now (see `swast.models.source`).
    """
    said = []
    if isinstance(then := before.get("data"), Mapping) and (
        found := fingerprint.difference(then, data)
    ):
        said.append(f"the data have changed since ({found})")
    if isinstance(then := before.get("network"), Mapping) and (
        found := source.difference(then, network)
    ):
        said.append(f"the network's code has changed since ({found})")
    return " and ".join(said)
