"""Identity of a user's network: the source of its module, and of the user's modules it imports.

Comments and layout do not count. Modules are found as Python would find them, without running
them; installed packages and the standard library do not count.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import io
import sys
import sysconfig
import tokenize
from collections.abc import Iterator, Mapping
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

OURS = ("swast", "search", "studies", "torchvision")
INSTALLED = ("site-packages", "dist-packages")
IGNORED = (tokenize.COMMENT, tokenize.NL, tokenize.ENCODING)
LAYOUT = {tokenize.NEWLINE: "\n", tokenize.INDENT: "{", tokenize.DEDENT: "}"}


def sources(model: str) -> dict[str, str]:
    """Return a digest of each module of a user's network, by the module's name.

    Args:
        model: as in ``model`` of a configuration; other networks than a user's have none.
    """
    start, _, member = model.partition(":")
    if not member or start in OURS:
        return {}
    module = sys.modules.get(start)
    return dict(_found(start) if module is None else _remembered(start, module))


@functools.lru_cache
def _remembered(start: str, _: object) -> Mapping[str, str]:
    """Return the digests as they were when a module was first looked at after its import."""
    return _found(start)


def _found(start: str) -> Mapping[str, str]:
    """Return the digests of the modules that are found from a first one."""
    found: dict[str, str] = {}
    todo = [start]
    while todo:
        name = todo.pop()
        for each in _with_parents(name):
            spec = None if each in found else _spec(each)
            if spec is None or spec.origin is None or not _counts(each, spec.origin, start):
                continue
            try:
                content = Path(spec.origin).read_bytes()
            except OSError:
                continue
            found[each] = digest(content)
            todo += _imports(content, each, is_package=spec.submodule_search_locations is not None)
    return dict(sorted(found.items()))


def digest(content: bytes) -> str:
    """Return a digest of Python source that ignores comments and layout."""
    try:
        tokens = list(tokenize.tokenize(io.BytesIO(content).readline))
        words = [LAYOUT.get(each.type, each.string) for each in tokens if each.type not in IGNORED]
        content = "".join(words).encode("utf-8", "surrogateescape")
    except (tokenize.TokenError, SyntaxError, UnicodeDecodeError):
        pass  # it is no Python source: all bytes count
    return hashlib.sha256(content).hexdigest()[:32]


def _with_parents(name: str) -> list[str]:
    """Return a module's name, led by the packages that it is in."""
    words = name.split(".")
    return [".".join(words[: count + 1]) for count in range(len(words))]


def _spec(name: str) -> ModuleSpec | None:
    """Return where a module is, without importing it; None if it is not found."""
    loaded = getattr(sys.modules.get(name), "__spec__", None)
    if isinstance(loaded, ModuleSpec):
        return loaded
    places, spec = [*sys.path, str(Path.cwd())], None
    for each in _with_parents(name):
        try:
            spec = PathFinder.find_spec(each, places)
        except (ImportError, ValueError, OSError):
            return None
        if spec is None:
            return None
        places = list(spec.submodule_search_locations or ())
    return spec


def _counts(name: str, origin: str, start: str) -> bool:
    """Return whether a module counts: the user's own, and those of the network's own package."""
    top, path = name.split(".")[0], Path(origin)
    if top in OURS or path.suffix != ".py":
        return False
    installed = any(part in INSTALLED for part in path.parts)
    standard = not installed and path.is_relative_to(sysconfig.get_path("stdlib"))
    return top == start.split(".")[0] or not (installed or standard)


def _imports(content: bytes, name: str, *, is_package: bool) -> Iterator[str]:
    """Yield the names that a module may import, some of which may be no modules."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError):
        return
    package = name.split(".") if is_package else name.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            if base:
                yield base
                yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and (given := _named(node)):
            above = package[: len(package) - len(given) + len(given.lstrip(".")) + 1]
            yield given if given[0] != "." else ".".join([*above, given.lstrip(".")])


def _named(call: ast.Call) -> str:
    """Return the module that a call imports by its name; nothing for other calls."""
    function = getattr(call.func, "attr", getattr(call.func, "id", ""))
    given = call.args[0] if call.args else None
    if function not in ("import_module", "__import__") or not isinstance(given, ast.Constant):
        return ""
    return given.value if isinstance(given.value, str) else ""


def difference(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Return the modules that changed, in words; nothing if none did."""
    changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    shown = ", ".join(changed[:3])
    return shown if len(changed) <= 3 else f"{shown} and {len(changed) - 3} more"
