"""Sending to MLflow: queues for runs and for files, and the lines about faults."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from search.store.urls import scrubbed, shown
from search.tracking.faults import NO_ANSWER, Fault, fault_of
from search.tracking.retry_queue import Clock, Job, RetryQueue

REFUSED_FILES = {403, 404}
"""Statuses that last for a file: its store forbids it, or there is none."""
BEGIN, TEXTS = "begin", "texts of "
"""Keys of jobs: the begin of a search, and, before that of a run, its text artifacts."""
SHORT_PATIENCE = 5.0
"""Seconds to wait at the end for what only the user can mend, and for files."""


@dataclass
class Notices:
    """Lines about the faults of one MLflow; each kind is printed once.

    Attributes:
        uri: of MLflow.
        say: prints a line.
        said: printed causes.
        missing: what MLflow lacks for good, in the order in which it was refused.
    """

    uri: str
    say: Callable[[str], None]
    said: set[str] = field(default_factory=set)
    missing: dict[str, None] = field(default_factory=dict)

    def once(self, cause: str, consequence: str) -> bool:
        """Print what MLflow does and what follows, once; return whether this call printed it."""
        cause = scrubbed(cause, self.uri)
        if cause in self.said:
            return False
        self.said.add(cause)
        comma = "," if cause.startswith("whose") else ""
        self.say(f"MLflow at {shown(self.uri)}{comma} {cause}; {consequence}")
        return True


class Lane:
    """Retry queue of calls to MLflow that stand or fall together.

    Args:
        notices: prints the faults.
        clock: the clock.
        label: names the content of a job, for the line about a dropped one.
        is_lasting: returns whether a fault that may pass for other calls lasts for these.
    """

    def __init__(
        self,
        notices: Notices,
        clock: Clock,
        label: Callable[[Hashable], str],
        is_lasting: Callable[[Fault], bool] = lambda _: False,
    ) -> None:
        self._notices, self._label = notices, label
        self._is_lasting = is_lasting
        self._queue = RetryQueue(self._may_pass, self._report, clock, self._drop)
        self._fault = Fault(NO_ANSWER, passing=True)
        self._was_said = False
        self._refused: set[Hashable] = set()

    @property
    def is_away(self) -> bool:
        """True if MLflow did not take these calls at the last try."""
        return self._queue.is_away

    def put(self, key: Hashable, job: Job, delay: float = 0.0) -> None:
        """Queue a job, in place of one of the same key."""
        self._queue.put(key, job, delay)

    def put_once(self, key: Hashable, job: Job) -> None:
        """Queue a job, unless one of its key was refused for good."""
        if key not in self._refused:
            self._queue.put(key, job)

    def refuse(self, key: Hashable, error: BaseException) -> bool:
        """Report an error of a call that was made outside the queue; return whether it lasts."""
        lasts = not self._may_pass(error)
        if lasts:
            self._drop(key, error)
        return lasts

    def drain(self) -> None:
        """Run due jobs for some seconds."""
        self._queue.drain()

    def finish(self, patience: float) -> bool:
        """Run all jobs; return whether MLflow took all that were not refused for good."""
        if self._queue.finish(0):
            return True
        return self._queue.finish(
            min(patience, SHORT_PATIENCE) if self._fault.needs_user else patience
        )

    def _may_pass(self, error: BaseException) -> bool:
        self._fault = fault_of(error)
        return self._fault.passing and not self._is_lasting(self._fault)

    def _report(self, is_away: bool) -> None:
        if is_away:
            consequence = "its data are queued and sent later"
            self._was_said = self._notices.once(self._fault.cause, consequence)
        elif self._was_said:
            self._was_said = False
            self._notices.say(f"MLflow at {shown(self._notices.uri)} answers again")

    def _drop(self, key: Hashable, error: BaseException) -> None:
        self._refused.add(key)
        label = self._label(key)
        self._notices.missing[label] = None
        self._notices.once(fault_of(error).cause, f"it lacks {label}, and the search goes on")


def refuses_files(fault: Fault) -> bool:
    """Return whether a fault lasts for the files that met it."""
    return fault.status in REFUSED_FILES


class Sender:
    """The calls of one search to MLflow: those for runs, and files, which may fail alone.

    Args:
        uri: of MLflow.
        clock: the clock.
        say: prints a line.
    """

    def __init__(
        self,
        uri: str,
        clock: Clock,
        say: Callable[[str], None],
    ) -> None:
        self._notices = Notices(uri, say)
        self.runs = Lane(self._notices, clock, label_of)
        self.files = Lane(self._notices, clock, label_of, refuses_files)

    @property
    def missing(self) -> tuple[str, ...]:
        """What MLflow refused for good."""
        return tuple(self._notices.missing)

    def drain(self) -> None:
        """Run due jobs for some seconds; without MLflow, files are not tried."""
        self.runs.drain()
        if not self.runs.is_away:
            self.files.drain()

    def finish(self, patience: float) -> bool:
        """Run all jobs; return whether MLflow took all that were not refused for good.

        Args:
            patience: seconds of retries without a success; fewer for files.
        """
        return (
            self.runs.finish(patience)
            and self.files.finish(min(patience, SHORT_PATIENCE))
            and self.runs.finish(patience)
        )


def label_of(key: Hashable) -> str:
    """Return the content of a job, in words."""
    if isinstance(key, int):
        return f"trial {key}"
    words = {BEGIN: "the search", "search": "the search", "view": "the saved view"}
    if str(key).startswith(TEXTS):
        return "study.toml" if key == f"{TEXTS}search" else "config.toml of trials"
    return words.get(str(key), str(key))
