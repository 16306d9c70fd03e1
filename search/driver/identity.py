"""Identity of a search by content: its data, and the code of the user's networks in its study."""

from __future__ import annotations

from typing import Any

from search.errors import RequestError
from search.study.study_file import Study
from search.trials.search_info import SearchInfo
from swast.data import ArrayData
from swast.identity import what_changed
from swast.models.source import sources


def models_of(study: Study) -> list[str]:
    """Return the networks that a study may train, sorted."""
    named = {config.model for config in study.references.values()}
    return sorted({*study.ends("model"), *named})


def identity_of(study: Study, data: ArrayData) -> dict[str, Any]:
    """Return the fingerprint of a study's data, and the digests of its networks' modules."""
    network: dict[str, str] = {}
    for model in models_of(study):
        network |= sources(model)
    return {"data": data.fingerprint, "network": network}


def checked_identity(info: SearchInfo, data: ArrayData) -> dict[str, Any]:
    """Return the identity of a search, which must be that of its first trials.

    A search of version 0.2 has none stored; it takes the present one.

    Raises:
        RequestError: data or code have changed since the search began.
    """
    found = identity_of(info.study, data)
    changed = what_changed(info.identity or {}, found["data"], found["network"])
    if changed:
        raise RequestError(
            f"search {info.name!r} cannot be resumed: {changed}; restore that, or start a new "
            "search with --name"
        )
    return found
