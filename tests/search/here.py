"""Workers that are this process, in place of Ray's."""

from __future__ import annotations

from search.engine.worker import Worker, work_here
from swast.data import load_data


class Here:
    """Worker in this process, which can interrupt the work after some number of jobs."""

    def __init__(self, config, stop=None):
        self.data, self.warmups, self.stop = load_data(config.data), None, stop

    def run(self, work, seconds=None):
        if self.stop is not None:
            propose, left = work.propose, iter(range(self.stop))

            def until():
                if next(left, None) is None:
                    work.pause()
                return propose()

            work.propose = until
        work_here(work, Worker(self.data, warmups=self.warmups))
