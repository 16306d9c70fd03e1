"""`swast-search reproduce`: a figure or table of the paper is trained by Ray, logged and drawn.

Each outcome is written to OUT/runs.jsonl when its training ends, and is not trained again. So the
same command resumes a study that was killed.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import shutil
import subprocess
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path

import torch

import studies
from search.driver.prepare import choose_gpus
from search.engine.resources import Resources
from search.errors import RequestError, SearchFailedError, say
from search.reproduce.datasets import DataSets
from search.reproduce.trainer import CHECKPOINTS, RESUMES, RUNS, ReproductionRequest, Trainer
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
from swast.files import writable
from swast.outputs import write_output
from swast.printing import out


def reproduce(options: argparse.Namespace) -> None:
    """Reproduce the figure or table that the command line names.

    Raises:
        RequestError: the request was wrong; nothing was written.
        DataError: a data set is missing; nothing was written.
        SearchFailedError: trainings failed, or the user interrupted them.
    """
    request = read(options)
    cells = request.study.cells(
        request.study.setting(request.scale, request.seeds, request.device)
    )
    data = DataSets(request.places)
    known = Results(request.out / RUNS) if (request.out / RUNS).exists() else None
    data.check(cell for cell in cells if known is None or known.get(cell) is None)
    try:
        with alone(request.out), ExitStack() as stack:
            conduct(request, data, stack)
    except KeyboardInterrupt:
        raise SearchFailedError(f"stopped; {RESUMES}") from None


def read(options: argparse.Namespace) -> ReproductionRequest:
    """Return the request of the command line, checked.

    Raises:
        RequestError: it is wrong.
    """
    study = find(options.name)
    home = Home.find(options.home)
    home.check_writable()
    out = (options.out or Path("reproduced") / study.name).absolute()
    if not writable(out, folder=True):
        raise RequestError(f"--out {out}: cannot be written to")
    tracking = options.tracking_uri or home.tracking
    check_store("the MLflow store", tracking, new=True, web=True)
    usual = 0 if options.scale == "small" else None
    wanted = usual if options.gpus is None else options.gpus
    present = 0 if wanted == 0 else torch.cuda.device_count()
    gpus = wanted or 0 if options.address else choose_gpus(wanted, present, "this machine")
    return ReproductionRequest(
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
    """Return the study of a name.

    Raises:
        RequestError: there is none; the message has the valid names.
    """
    there = ", ".join(sorted(STUDIES))
    if name is None:
        raise RequestError(f"reproduce takes the name of a figure or table: {there}")
    if name not in STUDIES:
        hint = nearest(name, STUDIES) or f"; there are {there}"
        raise RequestError(f"no figure or table {name!r}{hint}")
    return STUDIES[name]


def alone(out: Path) -> AbstractContextManager[None]:
    """Return a context that locks the folder of a reproduction.

    Raises:
        RequestError: another process has the lock.
    """
    return file_held(out / ".lock", RequestError(f"--out {out}: another process is at work there"))


def conduct(request: ReproductionRequest, data: DataSets, stack: ExitStack) -> None:
    """Do the trainings whose outcome is not known, write the report, and log it to MLflow."""
    from search.reproduce.tracking import StudyRuns

    setting = request.study.setting(request.scale, request.seeds, request.device)
    runs = StudyRuns(request.tracking, request.home.artifacts, say)
    facts = {"scale": request.scale, "seeds": f"{len(setting.seeds)}", "device": request.device}
    runs.begin(request.study.name, f"{request.study.name}-{request.scale}-{request.uid}", facts)
    trainer, how = Trainer(request, data, runs, stack), made(request)
    try:
        report = replace(request.study.conduct(setting, trainer).cautious(), made=how)
        files = write(report, request.study, request.out)
    except BaseException:
        runs.finish("paused" if trainer.paused else "failed")
        raise
    shutil.rmtree(request.out / CHECKPOINTS, ignore_errors=True)
    is_complete = runs.finish("finished", files, markdown(report))
    if not request.quiet:
        show(report, request.out)
    if not is_complete:
        say(f"MLflow is behind; {RESUMES} and brings it up to date")


def made(request: ReproductionRequest) -> Made:
    """Return the origin of a report; call it at the start, since code may be edited meanwhile."""
    gpu = f", {torch.cuda.get_device_name(0)}" if request.device == "cuda" else ""
    return Made(
        command=request.command,
        date=datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        machine=f"{processor()}, {os.cpu_count()} cores{gpu}, "
        f"Python {platform.python_version()}, torch {torch.__version__}",
        commit=commit(),
    )


def commit() -> str:
    """Return the commit of this code and whether it was edited; outside of git its version."""
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
    """Write a report as JSON, PNG, HTML and Markdown; return the files."""
    data, still, page, text = (
        out / f"{report.study}.{kind}" for kind in ("json", "png", "html", "md")
    )
    report.write(data)
    study.draw(report, still)
    for path, content in ((page, render(report, still.read_bytes())), (text, markdown(report))):
        write_output(path, content.rstrip("\n") + "\n")
    return [data, still, page, text]


def show(report: Report, folder: Path) -> None:
    """Print the claims and the path of the page."""
    for each in report.claims:
        effect = measured(each).replace("**", "")
        out(f"{each.text}: {VERDICTS[each.verdict]}, {effect}")
    out(f"{folder / report.study}.html")
