"""The double-loss: ``python -m studies.double_loss --out DIR --workers N``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from studies.arms import run_all
from studies.commands import parse, say
from studies.double_loss.figure import draw
from studies.double_loss.protocol import Protocol, confirm, tune
from studies.double_loss.report import summarise, tables


def main(argv: Sequence[str] | None = None) -> None:
    """Tune, confirm, and write ``double-loss.json``, ``.md`` and ``.png`` to the folder."""
    request = parse(Protocol, "studies.double_loss", "Does preservation help, and why?", argv)
    run = partial(run_all, out=request.out, workers=request.workers)
    chosen = tune(request.protocol, run)
    results = confirm(request.protocol, chosen, run)
    summary = summarise(request.protocol, chosen, results)
    summary.write(request.out / "double-loss.json")
    draw(summary, results, request.out / "double-loss.png")
    text = "\n\n".join(f"### {title}\n\n{body}" for title, body in tables(summary).items())
    (request.out / "double-loss.md").write_text(text + "\n", encoding="utf-8")
    say(text)


if __name__ == "__main__":
    main()
