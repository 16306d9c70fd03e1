"""`list`, `show` and `studies`: searches, one search, and shipped studies, as tables or JSON."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from search.errors import UnreadableError
from search.store.home import Home, open_home
from search.study.study_file import read_study, shipped
from swast.printing import out, out_json, out_rich

if TYPE_CHECKING:
    from pathlib import Path

    from search.objectives import Objectives
    from search.trials.trial_record import TrialRecord


def list_searches(options: Namespace) -> None:
    """Print every search: its study, its finished trials, its front, and whether it still runs.

    A search that cannot be read is listed with the reason.
    """
    from search.trials.stored_searches import search_names

    storage, home = open_home(options), Home.find(options.home)
    rows = [row_of(storage, name, home.search(name)) for name in search_names(storage)]
    if not options.json and any("problem" in row for row in rows):
        rows = [{"problem": None} | row for row in rows]
    print_rows(rows if options.json else list(map(short_row, rows)), as_json=options.json)
    for row in rows:
        if not options.json and row.get("problem"):
            out(f"{row['name']}: {row['problem']}")


def short_row(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row of a search in the list as people read it, for narrow terminals."""
    readable = row["budget"] is not None
    numbers = {
        name: None if row[name] is None else f"{row[name]:.4f}" for name in ("hypervolume", "best")
    }
    return {
        **{name: row[name] for name in ("name", "study", "state")},
        "trials": f"{row['complete']}/{row['budget']}" if readable else None,
        "front": row["front"],
        **numbers,
        "last": row["last"] and row["last"].partition("T")[0],
    }


def row_of(storage: str, name: str, folder: Path) -> dict[str, Any]:
    """Return the row of a search in the list; one that cannot be read has a problem instead.

    Args:
        storage: URL of the storage.
        name: of the search.
        folder: of its files; a process that runs it holds the lock in there.
    """
    from search.loop.status import end_of
    from search.store.lock import is_held
    from search.trials.repository import SearchTrials
    from search.trials.trial_record import front_of, hypervolume_of

    try:
        trials = SearchTrials.load(storage, name)
        records, study = trials.estimated(), trials.info.study
    except UnreadableError as error:
        facts = ("study", "budget", "complete", "front", "hypervolume", "best", "state", "last")
        return {"problem": error.why, "name": name} | dict.fromkeys(facts)
    members, end = front_of(records, study.objectives), end_of(records)
    best = members[-1].value if members else None  # the dearest has the best score
    stopped = end if records and end != "running" else "paused"  # its driver was killed
    return {
        "name": trials.info.name,
        "study": study.name,
        "budget": trials.info.budget,
        "complete": sum(record.state == "complete" for record in records),
        "front": len(members),
        "hypervolume": round(hypervolume_of(records, study.objectives), 6),
        "best": None if best is None else round(best, 6),
        "state": "running" if is_held(folder) else stopped,
        "last": max((record.ended for record in records if record.ended), default=None),
    }


def show(options: Namespace) -> None:
    """Print one search: every trial, with members and candidates of the front marked; the front.

    Further trainings of a configuration are printed below its first one.
    """
    from search.console.live import front_table
    from search.loop.result import SearchResult
    from search.loop.status import end_of
    from search.trials.further import by_configuration
    from search.trials.repository import SearchTrials
    from search.trials.trial_record import stopped

    trials = SearchTrials.load(open_home(options), options.name)
    records = trials.estimated()
    result = SearchResult(trials.info, tuple(records), end_of(records))
    if options.json:
        out_json(result.to_dict())
        return
    info, early = trials.info, len(stopped(records))
    begun = sum(not record.rejected for record in records)
    count = f"{begun} of {info.budget} trials" + (f", {early} stopped early" if early else "")
    out(f"{info.name}: study {info.study.name}, {count}, sampler {info.sampling}")
    marks = {each.number: "*" for each in result.front}
    marks |= {each.number: "?" for each in result.candidates}
    numbers = {record.number for record in records}
    for record in by_configuration(records):
        mark = "  +" if record.repeats in numbers else f" {marks.get(record.number, ' ')}"
        out(f"{mark} {line_of(record, info.objectives)}")
    if "?" in marks.values():
        out(" * on the front   ? may be on the front")
    parts = (result.candidates, result.beaten_references)
    out_rich(front_table(result.front, info.objectives, *parts))


def line_of(record: TrialRecord, objectives: Objectives) -> str:
    """Return a trial in a line: its outcome, its estimate, and what of it is damaged."""
    from search.console.live import estimate_text, outcome

    damage = record.damage if record.damage != record.reason else None
    parts = [outcome(record, objectives), estimate_text(record, objectives.score), damage]
    return "; ".join(part for part in parts if part)


def studies(options: Namespace) -> None:
    """Print the studies that come with the package, one on each line."""
    rows = []
    for name, path in shipped().items():
        study = read_study(path)
        rows.append({"name": name, "description": study.description})
    print_rows(rows, as_json=options.json)


def print_rows(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    """Print rows with the same fields as a table, or as a JSON list."""
    if as_json:
        out_json(rows)
        return
    from rich.table import Table

    from search.console.live import shown

    table = Table(*(rows[0] if rows else ("no searches",)))
    for row in rows:
        table.add_row(*("" if value is None else shown(value) for value in row.values()))
    out_rich(table)
