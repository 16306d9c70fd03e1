"""The paper's four arms: ``python -m studies.four_arms --out DIR --workers N``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from studies.arms import run_all
from studies.commands import parse, say
from studies.four_arms.figure import draw
from studies.four_arms.protocol import Protocol
from studies.four_arms.report import summarise, tables


def main(argv: Sequence[str] | None = None) -> None:
    """Train the arms; write ``four-arms-DATA-MODEL.json``, ``.md`` and ``.png`` to the folder."""
    request = parse(
        Protocol,
        "studies.four_arms",
        "Dense, coreset only, pruning only, SWaST",
        argv,
    )
    protocol, out = request.protocol, request.out
    run = partial(run_all, out=out, workers=request.workers, subset=protocol.subset)
    summary = summarise(protocol, protocol.train_all(run))
    summary.write(out / f"{summary.study}.json")
    draw(summary, out / f"{summary.study}.png")
    text = "\n\n".join(f"### {title}\n\n{body}" for title, body in tables(summary).items())
    (out / f"{summary.study}.md").write_text(text + "\n", encoding="utf-8")
    say(text)


if __name__ == "__main__":
    main()
