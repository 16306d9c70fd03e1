"""`swast-search reproduce`: a figure or table of the paper, trained by Ray, told to MLflow, drawn.

Outcomes are written to OUT/runs.jsonl as they come, and what is there is not trained again: a
study that was killed goes on with the same command.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import shutil
import subprocess
import sys
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path

import torch

import studies
from search.driver.prepare import choose_gpus
from search.engine.resources import Resources
from search.errors import RequestError, SearchFailedError, say
from search.reproduce.datasets import DataSets
from search.reproduce.trainer import CHECKPOINTS, GOES_ON, RUNS, Asked, Trainer
from search.store.home import Home
from search.store.lock import file_held
from search.store.urls import check_store
from studies.paper import STUDIES
from studies.paper.page import render
from studies.paper.report import Made, Report
from studies.paper.study import Study
from studies.paper.words import VERDICTS, markdown, measured
from studies.results import Results
from swast.data import Places
from swast.environment import processor
from swast.errors import nearest
from swast.files import replacing, writable


def reproduce(options: argparse.Namespace) -> None:
    """Conduct the study that the command line asks for.

    Raises:
        RequestError: the request was wrong; nothing was written.
        DataError: a data set is missing; nothing was written.
        SearchFailedError: trainings failed, or the user interrupted them.
    """
    asked = read(options)
    cells = asked.study.cells(asked.study.setting(asked.scale, asked.seeds, asked.device))
    data = DataSets(asked.places)
    known = Results(asked.out / RUNS) if (asked.out / RUNS).exists() else None
    data.check(cell for cell in cells if known is None or known.get(cell) is None)
    try:
        with alone(asked.out), ExitStack() as stack:
            conduct(asked, data, stack)
    except KeyboardInterrupt:
        raise SearchFailedError(f"stopped; {GOES_ON}") from None


def read(options: argparse.Namespace) -> Asked:
    """What the options ask for, all that can be refused refused."""
    study = find(options.name)
    home = Home.find(options.home)
    home.check_writable()
    out = (options.out or Path("reproduced") / study.name).absolute()
    if not writable(out, folder=True):
        raise RequestError(f"--out {out}: cannot be written to")
    tracking = options.tracking_uri or home.tracking
    check_store("the MLflow store", tracking, new=True)
    usual = 0 if options.scale == "small" else None
    wanted = usual if options.gpus is None else options.gpus
    present = 0 if wanted == 0 else torch.cuda.device_count()
    gpus = wanted or 0 if options.address else choose_gpus(wanted, present, "this machine")
    return Asked(
        study=study,
        scale=options.scale,
        seeds=options.seeds,
        out=out,
        home=home,
        places=Places.find(options.data_dir, home.path, download=options.download),
        tracking=tracking,
        address=options.address,
        resources=Resources(
            gpus=gpus,
            cpus_per_trial=options.cpus_per_trial or 1.0,
            gpus_per_trial=(options.gpus_per_trial or 1.0) if gpus else 0.0,
        ),
        workers=options.workers,
        quiet=options.quiet,
    )


def find(name: str | None) -> Study:
    """The study of a name.

    Raises:
        RequestError: there is none, with the names that there are.
    """
    there = ", ".join(sorted(STUDIES))
    if name is None:
        raise RequestError(f"reproduce takes the name of a figure or table: {there}")
    if name not in STUDIES:
        hint = nearest(name, STUDIES) or f"; there are {there}"
        raise RequestError(f"no figure or table {name!r}{hint}")
    return STUDIES[name]


def alone(out: Path) -> AbstractContextManager[None]:
    """A block in which no other process conducts a study into a folder.

    Raises:
        RequestError: another one does.
    """
    return file_held(out / ".lock", RequestError(f"--out {out}: another process is at work there"))


def conduct(asked: Asked, data: DataSets, stack: ExitStack) -> None:
    """Train what is not known, report, draw, and tell MLflow."""
    from search.reproduce.tracking import StudyRuns

    setting = asked.study.setting(asked.scale, asked.seeds, asked.device)
    runs = StudyRuns(asked.tracking, asked.home.artifacts, say)
    facts = {"scale": asked.scale, "seeds": f"{len(setting.seeds)}", "device": asked.device}
    runs.begin(asked.study.name, f"{asked.study.name}-{asked.scale}-{asked.uid}", facts)
    trainer, how = Trainer(asked, data, runs, stack), made(asked)
    try:
        report = replace(asked.study.conduct(setting, trainer).cautious(), made=how)
        files = write(report, asked.study, asked.out)
    except BaseException:
        runs.finish("paused" if trainer.paused else "failed")
        raise
    shutil.rmtree(asked.out / CHECKPOINTS, ignore_errors=True)
    told = runs.finish("finished", files, markdown(report))
    if not asked.quiet:
        show(report, asked.out)
    if not told:
        say(f"MLflow lags behind; {GOES_ON}, and brings it up to date")


def made(asked: Asked) -> Made:
    """How the report is made: the code is that of the start, whatever is edited meanwhile."""
    gpu = f", {torch.cuda.get_device_name(0)}" if asked.device == "cuda" else ""
    return Made(
        command=asked.command,
        date=datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        machine=f"{processor()}, {os.cpu_count()} cores{gpu}, "
        f"Python {platform.python_version()}, torch {torch.__version__}",
        commit=commit(),
    )


def commit() -> str:
    """The commit of this code, marked where it was edited since; its version outside of git."""
    from importlib.metadata import version

    here = Path(studies.__file__).parent

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=here, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")
        edited = git("status", "--porcelain", "--untracked-files=no", ".", "../search", "../swast")
        return git("rev-parse", "--short", "HEAD") + (", edited since" if edited else "")
    except (OSError, subprocess.CalledProcessError):
        return f"version {version('swast')}"


def write(report: Report, study: Study, out: Path) -> list[Path]:
    """Write a report as JSON, PNG, page and Markdown; returns the files."""
    data, still, page, text = (
        out / f"{report.study}.{kind}" for kind in ("json", "png", "html", "md")
    )
    report.write(data)
    study.draw(report, still)
    for path, content in ((page, render(report, still.read_bytes())), (text, markdown(report))):
        with replacing(path) as file:
            file.write((content.rstrip("\n") + "\n").encode())
    return [data, still, page, text]


def show(report: Report, out: Path) -> None:
    """Print the claims, and where the rest is."""
    for each in report.claims:
        effect = measured(each).replace("**", "")
        sys.stdout.write(f"{each.text}: {VERDICTS[each.verdict]}, {effect}\n")
    sys.stdout.write(f"{out / report.study}.html\n")
