"""CPUs, GPUs and memory of a search and of its trials."""

from __future__ import annotations

import math
from dataclasses import dataclass

from search.errors import RequestError


@dataclass(frozen=True)
class Resources:
    """Resources of a search.

    Attributes:
        gpus: GPUs in all; 0 trains on CPUs.
        cpus_per_trial: CPU cores of a trial.
        gpus_per_trial: GPUs of a trial, fractions allowed; 0 on CPUs.
        memory_per_trial: GiB that a trial may allocate; infinite for no limit.
    """

    gpus: int
    cpus_per_trial: float = 1.0
    gpus_per_trial: float = 0.0
    memory_per_trial: float = math.inf

    def concurrency(self, cpus: float, gpus: float, memory: float = math.inf) -> int:
        """Return the trials that run at a time on so many CPUs and GPUs.

        Args:
            cpus: cores that are there.
            gpus: GPUs that are there.
            memory: GiB that all trials may allocate together; one trial runs even if its limit is
                higher.

        Raises:
            RequestError: not even one trial fits.
        """
        there = min(gpus, self.gpus)
        fits = [cpus / self.cpus_per_trial]
        if self.gpus_per_trial:
            fits.append(there / self.gpus_per_trial)
        if min(fits) < 1:
            raise RequestError(
                f"a trial needs {self.cpus_per_trial:g} CPUs and {self.gpus_per_trial:g} GPUs, "
                f"and there are {cpus:g} and {there:g}"
            )
        if self.memory_per_trial < math.inf:
            fits.append(max(1, memory / self.memory_per_trial))
        return int(min(fits))
