"""Reading of configurations from files and command lines."""

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
    """Read a text file.

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
    """Parse TOML into tables.

    Raises:
        ConfigError: it is not TOML.
    """
    try:
        return tomllib.loads(text)
    except ValueError as error:
        raise ConfigError([f"not TOML: {error}"]) from None


def parse_json(text: str) -> dict[str, Any]:
    """Parse JSON into tables.

    Raises:
        ConfigError: it is not JSON, or not an object.
    """
    try:
        return _tables(json.loads(text), "JSON")
    except json.JSONDecodeError as error:
        raise ConfigError([f"not JSON: {error}"]) from None


def parse_yaml(text: str) -> dict[str, Any]:
    """Parse YAML into tables.

    Raises:
        ConfigError: it is not YAML, or not a mapping, or PyYAML is not installed.
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
        raise ConfigError([f"not a configuration: its {language} is not a mapping of fields"])
    return read


PARSERS = {".json": parse_json, ".yaml": parse_yaml, ".yml": parse_yaml}
"""Parsers by file suffix; all other files are TOML."""


def read_config(path: Path, overrides: Mapping[str, object] | None = None) -> TrainConfig:
    """Read a configuration file (TOML, JSON or YAML) and replace some of its fields.

    A table ``[provenance]``, which exported files have, is skipped.

    Raises:
        ConfigError: the file is invalid; each problem is led by its name.
    """
    tables = read_tables(path)
    tables.pop("provenance", None)
    try:
        return TrainConfig.from_dict(set_paths(tables, overrides or {}))
    except ConfigError as error:
        raise error.within(str(path)) from None


def read_tables(path: Path) -> dict[str, Any]:
    """Read the tables of a configuration file, without validating them.

    Raises:
        ConfigError: it cannot be read, or its content does not match its suffix.
    """
    text = read_text(path)
    try:
        return PARSERS.get(path.suffix.lower(), parse_toml)(text)
    except ConfigError as error:
        raise error.within(str(path)) from None


def parse_value(text: str) -> object:
    """Parse a value as TOML; return the text itself if it is not TOML (``--set k=rigl``)."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except ValueError:
        return text
