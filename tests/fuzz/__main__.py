"""`python -m tests.fuzz --minutes N`: try fresh random inputs of all targets in two processes.

Prints a table, writes inputs that show a fault into the corpus, and exits with 1 if there are any.
"""

from __future__ import annotations

import argparse
import contextlib
import sys

from tests.fuzz.corpus import TARGETS, keep
from tests.fuzz.runner import Row, fuzz

MOST_KEPT = 5
"""Faults of a target that are written into the corpus; the rest are often the same."""


def report(rows: dict[str, Row]) -> int:
    """Print the results, keep inputs that show faults, and return the exit code."""
    lines = ["target      inputs  faults  slowest s  peak MiB"]
    whole = Row()
    for name, row in [*sorted(rows.items()), ("all", whole)]:
        lines.append(
            f"{name:<10} {row.inputs:>7,} {len(row.faults):>7,} {row.seconds:>10.2f} "
            f"{row.memory >> 20:>9,}"
        )
        if row is not whole:
            whole.inputs += row.inputs
            whole.faults += row.faults
            whole.seconds = max(whole.seconds, row.seconds)
            whole.memory = max(whole.memory, row.memory)
            for content, fault in row.faults[:MOST_KEPT]:
                sys.stdout.write(f"{keep(name, content)}:\n{fault}\n")
    sys.stdout.write("\n".join([*lines, "seconds are of processor time", ""]))
    return 1 if whole.faults else 0


def main() -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0, help="default: 2")
    parser.add_argument("--only", nargs="+", choices=sorted(TARGETS), default=list(TARGETS))
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        return report(fuzz(options.only, options.minutes))
    return 130


if __name__ == "__main__":
    sys.exit(main())
