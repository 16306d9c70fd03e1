"""Configurations from files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swast.config.languages import PARSERS, parse_toml
from swast.config.source import read_text
from swast.config.train import TrainConfig, set_paths
from swast.errors import ConfigError


def read_config(path: Path, overrides: Mapping[str, object] | None = None) -> TrainConfig:
    """Read a configuration file (TOML, JSON or YAML) and replace some of its fields.

    A table ``[provenance]``, which exported files have, is skipped.

    Raises:
        ConfigError: the file is invalid; each problem is led by its name.
    """
    return configure(path, read_tables(path), overrides or {})


def configure(
    path: Path, tables: Mapping[str, Any], overrides: Mapping[str, object]
) -> TrainConfig:
    """Return the configuration in the tables of a file, with some of its fields replaced.

    Raises:
        ConfigError: it is invalid; each problem is led by the name of the file.
    """
    fields = {name: value for name, value in tables.items() if name != "provenance"}
    try:
        return TrainConfig.from_dict(set_paths(fields, overrides))
    except ConfigError as error:
        raise error.within(str(path)) from None


def read_tables(path: Path) -> dict[str, Any]:
    """Read the tables of a file of settings, without validating them.

    Raises:
        ConfigError: it cannot be read, its content does not match its suffix, or it is over a
            limit.
    """
    text = read_text(path)
    try:
        return PARSERS.get(path.suffix.lower(), parse_toml)(text)
    except ConfigError as error:
        raise error.within(str(path)) from None
