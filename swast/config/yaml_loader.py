"""YAML within limits: no tags, no dates, every field once, aliases counted as what they stand for.

The content is counted on the stream of events, before anything is built from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    MappingStartEvent,
    NodeEvent,
)

from swast.config.languages import finite, twice
from swast.config.limits import Count
from swast.errors import ConfigError, shown

Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MERGE = "tag:yaml.org,2002:merge"
INT = re.compile(
    r"[-+]?(?:0b[01][01_]*|0x[0-9a-fA-F][0-9a-fA-F_]*|0[0-7_]*[0-7]|0|[1-9][0-9_]*)\Z"
)
FLOAT = re.compile(
    r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?"
    r"|\.(?:inf|Inf|INF))\Z|\.(?:nan|NaN|NAN)\Z"
)
DIRECTIVE = re.compile(r"^%", re.MULTILINE)
KEPT = ("bool", "null", "merge")


class Loader(Safe):  # type: ignore[misc]
    """Loader of plain values; numbers are those of YAML 1.1 without base 60."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:  # noqa: ANN401
        """Return a mapping in which every field is there once; merged ones may be replaced."""
        if isinstance(node, yaml.MappingNode):
            own = [key for key, _ in node.value if key.tag != MERGE]
            wrong = twice([key.value for key in own if isinstance(key, yaml.ScalarNode)])
            if wrong:
                raise wrong
        found: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return found

    def construct_number(self, node: Any) -> float:  # noqa: ANN401
        """Return a number that is not whole."""
        text = str(self.construct_scalar(node)).replace("_", "").lower()
        return finite(text.replace(".", "") if text.endswith(("inf", "nan")) else text)


for first, resolvers in Safe.yaml_implicit_resolvers.items():
    kept = [each for each in resolvers if each[0].rpartition(":")[2] in KEPT]
    Loader.yaml_implicit_resolvers[first] = kept
Loader.add_implicit_resolver("tag:yaml.org,2002:int", INT, list("-+0123456789"))
Loader.add_implicit_resolver("tag:yaml.org,2002:float", FLOAT, list("-+0123456789."))
Loader.add_constructor("tag:yaml.org,2002:float", Loader.construct_number)


def load(text: str) -> object:
    """Return the content of a YAML text.

    Raises:
        ConfigError: it is over a limit, or has something that no setting has.
        yaml.YAMLError: it is not YAML.
    """
    if len(DIRECTIVE.findall(text)) > 1:
        raise ConfigError(["has more than one directive of YAML, a line that begins with %"])
    _Counter().check(yaml.parse(text, Loader=Loader))
    return yaml.load(text, Loader=Loader)


@dataclass
class _Open:
    """A mapping or a list that has not ended.

    Attributes:
        is_mapping: whether it is a mapping, whose keys and values take turns.
        anchor: its name for aliases.
        fields, values: counted before it.
        children: keys and values so far.
    """

    is_mapping: bool
    anchor: str | None
    fields: int
    values: int
    children: int = 0


class _Counter:
    """Counter of the values in a stream of events; aliases count in full."""

    def __init__(self) -> None:
        self._count, self._open = Count(), list[_Open]()
        self._sizes: dict[str, tuple[int, int]] = {}

    def check(self, events: Iterator[Any]) -> None:
        """Read all events.

        Raises:
            ConfigError: they are over a limit, or have a tag, or are of two documents.
        """
        documents = 0
        for event in events:
            documents += isinstance(event, DocumentStartEvent)
            if documents > 1:
                raise ConfigError(["has more than one document of YAML"])
            if isinstance(event, NodeEvent):
                self._node(event)
            elif isinstance(event, CollectionEndEvent):
                self._end(self._open.pop())

    def _node(self, event: NodeEvent) -> None:
        """Count the start of a value or of a key."""
        if getattr(event, "tag", None):
            raise ConfigError([f"has a tag, {shown(event.tag)}; write plain values"])
        is_key = bool(self._open) and self._child(self._open[-1])
        before = (self._count.fields, self._count.values)
        self._count.add(int(is_key), int(not is_key))
        if isinstance(event, AliasEvent):
            if event.anchor not in self._sizes:
                raise ConfigError([f"not YAML: no value is called {shown(event.anchor)} there"])
            self._count.add(*self._sizes[event.anchor])
        elif isinstance(event, CollectionStartEvent):
            is_mapping = isinstance(event, MappingStartEvent)
            self._open.append(_Open(is_mapping, event.anchor, *before))
            self._count.check_depth(len(self._open) - 1)
        elif event.anchor:
            self._sizes[event.anchor] = (0, 1)

    def _child(self, parent: _Open) -> bool:
        """Count a child; return whether it is a key."""
        parent.children += 1
        return parent.is_mapping and parent.children % 2 == 1

    def _end(self, ended: _Open) -> None:
        """Remember the size of what has ended."""
        if ended.anchor:
            fields, values = self._count.fields - ended.fields, self._count.values - ended.values
            self._sizes[ended.anchor] = (fields, values)
