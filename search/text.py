"""Texts that somebody else chose, made harmless for where they are shown."""

from __future__ import annotations

import re

from swast.errors import printable

MARKUP = re.compile(r"[\\`*_{}\[\]()<>+!|~$&@:/\"']")
"""Characters that mean something in Markdown, in its tables, or in HTML."""


def shortened(text: str, most: int) -> str:
    """A text of so many characters at most."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def markdown(text: str) -> str:
    """A text that Markdown and HTML show as it is, in one line."""
    return MARKUP.sub(lambda found: f"&#{ord(found[0])};", printable(text))
