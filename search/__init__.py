"""The search: Ray Tune schedules SWaST trainings, Optuna samples them, MLflow shows the front."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search.driver.launch import run_search as run_search
    from search.loop.result import SearchResult as SearchResult

__all__ = ["SearchResult", "run_search"]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Return a public name, imported on first use: Optuna and torch take seconds to import."""
    if name == "run_search":
        from search.driver.launch import run_search

        return run_search
    if name == "SearchResult":
        from search.loop.result import SearchResult

        return SearchResult
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
