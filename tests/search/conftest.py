"""Property tests repeat themselves and are not timed: other work may share the machine."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("search", deadline=None, derandomize=True)
settings.load_profile("search")
