"""TOML, JSON and YAML: one way to read each, within the limits of `swast.config.limits`."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NoReturn

from swast.config.limits import JSON_TOKENS, TOML_TOKENS, check_tree, scan
from swast.errors import ConfigError, shown

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TOO_LONG = "a number has too many digits"


def parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML into tables.

    Raises:
        ConfigError: it is not TOML, or over a limit.
    """
    scan(text, TOML_TOKENS)
    return _parsed(
        "TOML", tomllib.TOMLDecodeError, lambda: tomllib.loads(text, parse_float=finite)
    )


def parse_json(text: str) -> dict[str, Any]:
    """Parse JSON into tables.

    Raises:
        ConfigError: it is not JSON, not an object, or over a limit; a field is there twice.
    """
    scan(text, JSON_TOKENS)
    return _parsed(
        "JSON",
        json.JSONDecodeError,
        lambda: json.loads(
            text, object_pairs_hook=_unique, parse_constant=_no_json, parse_float=finite
        ),
    )


def parse_yaml(text: str) -> dict[str, Any]:
    """Parse YAML into tables; only values that JSON has too, and aliases within the limits.

    Raises:
        ConfigError: it is not YAML, not a mapping, or over a limit; a field is there twice; or
            PyYAML is not installed.
    """
    try:
        import yaml

        from swast.config import yaml_loader
    except ImportError:
        raise ConfigError(["YAML needs PyYAML: pip install pyyaml, or use TOML or JSON"]) from None
    return _parsed("YAML", yaml.YAMLError, lambda: yaml_loader.load(text))


PARSERS: dict[str, Callable[[str], dict[str, Any]]] = {
    ".json": parse_json,
    ".yaml": parse_yaml,
    ".yml": parse_yaml,
}
"""Parsers by file suffix; all other files are TOML."""


def parse_value(text: str) -> object:
    """Parse a value as TOML; return the text itself if it is not TOML (``--set k=rigl``).

    Raises:
        ConfigError: it is over a limit, or no value of a setting.
    """
    scan(text, TOML_TOKENS)
    try:
        found = tomllib.loads(f"value = {text}", parse_float=finite)
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
    except ConfigError:
        raise
    except ValueError:
        raise ConfigError([TOO_LONG]) from None
    check_tree(found)
    return found["value"]


def _parsed(language: str, wrong: type[Exception], parse: Callable[[], object]) -> dict[str, Any]:
    """Return the tables of a text.

    Args:
        language: its name.
        wrong: errors of the parser for a text that is not in the language.
        parse: returns the content of the text.

    Raises:
        ConfigError: it holds no tables.
    """
    try:
        found = parse()
    except ConfigError:
        raise
    except wrong as error:
        raise ConfigError([f"not {language}: {' '.join(str(error).split())}"]) from None
    except RecursionError:
        raise ConfigError(["is nested too deeply"]) from None
    except ValueError:
        raise ConfigError([f"not {language}: {TOO_LONG}"]) from None
    if not isinstance(found, dict):
        raise ConfigError([f"not a configuration: its {language} is not a mapping of fields"])
    check_tree(found)
    return found


def finite(text: str) -> float:
    """Return a number; infinity and NaN only where they are written out.

    Raises:
        ConfigError: it is too large for a number of 64 bits.
    """
    value = float(text)
    if math.isinf(value) and "inf" not in text.lower():
        raise ConfigError([f"{shown(text)} is too large for a number"])
    return value


def twice(names: Sequence[Hashable]) -> ConfigError | None:
    """Return the error of a table in which a field is there twice, if one is."""
    seen: set[Hashable] = set()
    for name in names:
        if name in seen:
            return ConfigError([f"the field {shown(name)} is there twice in one table"])
        seen.add(name)
    return None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON."""
    wrong = twice([name for name, _ in pairs])
    if wrong:
        raise wrong
    return dict(pairs)


def _no_json(text: str) -> NoReturn:
    raise ConfigError([f"not JSON: {text} is no number there"])
