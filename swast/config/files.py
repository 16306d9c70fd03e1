"""Configurations in files and on command lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swast.config.train import TrainConfig, set_paths
from swast.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        ConfigError: there is no such file, or it is not text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError([f"{path}: no such file"]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: cannot be read: {error}"]) from None


def parse_toml(text: str) -> dict[str, Any]:
    """The tables of a TOML text.

    Raises:
        ConfigError: it is not TOML.
    """
    try:
        return tomllib.loads(text)
    except ValueError as error:
        raise ConfigError([f"not TOML: {error}"]) from None


def parse_json(text: str) -> dict[str, Any]:
    """The tables of a JSON text.

    Raises:
        ConfigError: it is not JSON, or no object.
    """
    try:
        return _tables(json.loads(text), "JSON")
    except json.JSONDecodeError as error:
        raise ConfigError([f"not JSON: {error}"]) from None


def parse_yaml(text: str) -> dict[str, Any]:
    """The tables of a YAML text.

    Raises:
        ConfigError: it is not YAML, or no mapping, or there is nothing here to read YAML with.
    """
    try:
        import yaml
    except ImportError:
        raise ConfigError(["YAML needs PyYAML: pip install pyyaml, or use TOML or JSON"]) from None
    try:
        return _tables(yaml.safe_load(text), "YAML")
    except yaml.YAMLError as error:
        raise ConfigError([f"not YAML: {' '.join(str(error).split())}"]) from None


def _tables(read: object, language: str) -> dict[str, Any]:
    if not isinstance(read, dict):
        raise ConfigError([f"not a configuration: its {language} is no mapping of fields"])
    return read


PARSERS = {".json": parse_json, ".yaml": parse_yaml, ".yml": parse_yaml}
"""By a file's ending; all others are TOML."""


def read_config(path: Path, overrides: Mapping[str, object] | None = None) -> TrainConfig:
    """The configuration in a file (TOML, JSON or YAML), some of its fields replaced.

    A table ``[provenance]``, which an exported file has, is skipped.

    Raises:
        ConfigError: what is wrong, led by the file's name.
    """
    tables = read_tables(path)
    tables.pop("provenance", None)
    try:
        return TrainConfig.from_dict(set_paths(tables, overrides or {}))
    except ConfigError as error:
        raise error.within(str(path)) from None


def read_tables(path: Path) -> dict[str, Any]:
    """What is in a file of a configuration, as it stands there.

    Raises:
        ConfigError: it cannot be read, or is not in the language that its ending says.
    """
    text = read_text(path)
    try:
        return PARSERS.get(path.suffix.lower(), parse_toml)(text)
    except ConfigError as error:
        raise error.within(str(path)) from None


def parse_value(text: str) -> object:
    """A value as TOML reads it, or the bare text where that is no TOML (``--set k=rigl``)."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except ValueError:
        return text
