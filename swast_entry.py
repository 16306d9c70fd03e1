"""Entry points of `swast-search` and `swast-train`.

Importing this module makes ``search``, ``studies`` and ``swast`` mean the packages beside it,
whatever other modules of these names are on the path. Ray's workers import it first, too. It
imports nothing that another module of the user could hide.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from os.path import abspath, dirname

FOLDER = dirname(abspath(__file__))  # noqa: PTH100, PTH120 - pathlib imports a dozen modules
NAMES = ("search", "studies", "swast")
FAILED, REFUSED = 1, 2


class OwnPackages:
    """Finder of the packages of this project, in their own folder alone."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, _: object = None) -> object:
        """Return where a package of this project is, None for all other modules."""
        return PathFinder.find_spec(name, [FOLDER]) if path is None and name in NAMES else None


sys.meta_path.insert(0, OwnPackages)  # type: ignore[arg-type]


def search() -> int:
    """Run `swast-search` and return its exit code."""
    return run("swast-search", "search.cli")


def train() -> int:
    """Run `swast-train` and return its exit code."""
    return run("swast-train", "swast.cli")


def run(program: str, module: str) -> int:
    """Call ``main`` of a module and return its exit code.

    Ctrl-C that the command does not handle itself ends in a line. If an import fails and modules
    of the user hide others, or one of these raises something itself, a line for each names it.
    """
    try:
        importlib.import_module("swast.surroundings").settle()
        return int(importlib.import_module(module).main())
    except KeyboardInterrupt:
        sys.stderr.write(f"{program}: interrupted\n")
        return FAILED
    except (Exception, SystemExit) as error:
        found = list(raising(error))
        if isinstance(error, (ImportError, AttributeError, TypeError)):
            found += [getattr(each, "__spec__", None) for each in list(sys.modules.values())]
        lines = [
            f"{program}: module {name!r} at {place} hides {other}; rename it, or take its folder "
            f"out of PYTHONPATH ({type(error).__name__}: {error})"
            for name, place, other in hiding(found)
        ]
        if not lines:
            raise
        sys.stderr.write("".join(f"{line}\n" for line in lines))
        return REFUSED


def raising(error: BaseException) -> Iterator[object]:
    """Yield the specs of the modules whose code an exception passed through."""
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame.f_globals.get("__spec__")
        trace = trace.tb_next


def hiding(specs: Iterable[object]) -> Iterator[tuple[str, str, str]]:
    """Yield modules that hide others further down the path: name, file, hidden file."""
    places = [abspath(place) for place in sys.path]  # noqa: PTH100
    for spec in {each.name: each for each in specs if isinstance(each, ModuleSpec)}.values():
        name, file = spec.name, spec.origin
        if not file or "." in name or name in NAMES:
            continue
        folder = dirname(dirname(file) if spec.submodule_search_locations else file)  # noqa: PTH120
        if folder not in places:
            continue
        rest = [place for place in places[places.index(folder) :] if place != folder]
        other = PathFinder.find_spec(name, rest)
        if other is not None and other.origin is not None:
            yield name, file, other.origin
