"""Files that show the front of a search while it runs, drawn now and then."""

from __future__ import annotations

import math
from pathlib import Path

from search.errors import say
from search.tracking.description import write_front
from search.tracking.retry_queue import Clock
from search.trials.search_info import SearchInfo
from search.trials.search_state import SearchState

PUBLISH_SECONDS = 5.0
DRAWING_SHARE = 0.05
"""Least seconds between two drawings of the front, and largest share of the time for drawing."""


class Front:
    """Plots and table of a search's front in its folder.

    Args:
        folder: folder of the search.
        uri: MLflow's URI, for links to it.
        clock: the clock.

    Attributes:
        is_stale: whether the front has changed since it was drawn.
    """

    def __init__(self, folder: Path, uri: str, clock: Clock) -> None:
        self._folder, self._uri, self._clock = folder, uri, clock
        self._due, self._can_draw = -math.inf, True
        self.is_stale = False

    def is_due(self, *, now: bool) -> bool:
        """Return whether to draw the front, at once or as it was not drawn a moment ago."""
        return self.is_stale and (now or self._clock.now() >= self._due)

    def draw(self, info: SearchInfo, trials: SearchState) -> None:
        """Write the files; if that fails, print it once, and leave the front stale."""
        began, self.is_stale = self._clock.now(), False
        try:
            write_front(self._folder, info, trials.trials, self._uri)
        except OSError as error:
            if self._can_draw:
                say(f"the plots in {self._folder} cannot be written yet: {error.strerror}")
            self.is_stale = True
        self._can_draw = not self.is_stale
        took = self._clock.now() - began
        self._due = began + max(PUBLISH_SECONDS, took / DRAWING_SHARE)
