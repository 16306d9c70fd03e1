"""Successive halving against the same search without it: paired FLOPs and hypervolume.

    python -m bench.halving --out DIR [--study digits] [--budget 60] [--seeds 5] [--grace 3]
        [--reduction 3] [--json FILE]

Every seed is searched twice with `swast-search`: with a ``[halving]`` table in the study, and
without. Trials share no warm-ups. A search that is in DIR already is not run again.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench import sheet
from bench.record import recorded_study

ARMS = ("whole", "halved")
HEADER = (
    "| seed | FLOPs, whole | halved | ratio | hypervolume, whole | halved "
    "| best, whole | halved | stopped |\n" + 9 * "|---" + "|"
)
ROW = (
    "| {seed} | {whole_flops:.3g} | {halved_flops:.3g} | {flops_ratio:.3f} "
    "| {whole_hypervolume:.4f} | {halved_hypervolume:.4f} "
    "| {whole_best:.2%} | {halved_best:.2%} | {stopped} |"
)
TABLE = re.compile(r"^\[halving\]\n(?:[^\[\n].*\n|\n)*", re.MULTILINE)


def best(summary: dict[str, Any]) -> float:
    """Return the best accuracy of the trials that were sampled and finished."""
    done = (t for t in summary["trials"] if t["state"] == "complete" and not t["reference"])
    return max(float(trial["accuracy"]) for trial in done)


def arm_files(study: str, grace: int, reduction: int, folder: Path) -> dict[str, Path]:
    """Write the study with a ``[halving]`` table and without, and return the paths."""
    whole = TABLE.sub("", recorded_study(study).source)
    halved = f"{whole}\n[halving]\ngrace = {grace}\nreduction = {reduction}\n"
    files = {arm: folder / f"{study}-{arm}.toml" for arm in ARMS}
    for path, text in zip(files.values(), (whole, halved), strict=True):
        path.write_text(text)
    return files


def searched(arm: str, study: Path, seed: int, budget: int, folder: Path) -> dict[str, Any]:
    """Return the summary of one search; run it if its file is missing."""
    summary = folder / f"{arm}-{seed}.json"
    if not summary.exists():
        command = [str(Path(sys.executable).with_name("swast-search")), "--gpus", "0", "--quiet"]
        command += [
            "--study",
            str(study),
            "--budget",
            str(budget),
            "--seed",
            str(seed),
            "--name",
            f"{arm}-{seed}",
        ]
        command += ["--home", str(folder / "home"), "--json", str(summary), "--separate-warmups"]
        subprocess.run(command, check=True)
    found: dict[str, Any] = json.loads(summary.read_text())
    return found


def main() -> None:
    """Run the missing searches, print a table, write JSON."""
    parser = argparse.ArgumentParser(description="halving against none")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--study", default="digits")
    parser.add_argument("--budget", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--grace", type=int, default=3)
    parser.add_argument("--reduction", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    known = sheet.facts()
    options.out.mkdir(parents=True, exist_ok=True)
    files = arm_files(options.study, options.grace, options.reduction, options.out)
    rows = []
    for seed in range(options.seeds):
        pair = {arm: searched(arm, files[arm], seed, options.budget, options.out) for arm in ARMS}
        whole, halved = pair["whole"], pair["halved"]
        rows.append(
            {
                "seed": seed,
                "whole_flops": whole["flops_spent"],
                "halved_flops": halved["flops_spent"],
                "flops_ratio": halved["flops_spent"] / whole["flops_spent"],
                "whole_hypervolume": whole["hypervolume"],
                "halved_hypervolume": halved["hypervolume"],
                "difference": halved["hypervolume"] - whole["hypervolume"],
                "whole_best": best(whole),
                "halved_best": best(halved),
                "stopped": halved["stopped"],
                "whole_seconds": whole["seconds"],
                "halved_seconds": halved["seconds"],
            }
        )
    print(HEADER)
    for row in rows:
        print(ROW.format(**row))
    ratios = [row["flops_ratio"] for row in rows]
    differences = [row["difference"] for row in rows]
    found = {
        "study": options.study,
        "budget": options.budget,
        "grace": options.grace,
        "reduction": options.reduction,
        "flops_ratio": statistics.mean(ratios),
        "difference": statistics.mean(differences),
        "whole_spread": statistics.stdev(row["whole_hypervolume"] for row in rows),
        "difference_error": statistics.stdev(differences) / len(rows) ** 0.5,
        "seeds": rows,
    }
    print(
        "FLOPs {flops_ratio:.3f} of the whole; hypervolume {difference:+.4f} ± "
        "{difference_error:.4f} (spread of the whole over seeds {whole_spread:.4f})".format(
            **found
        )
    )
    sheet.keep(options.json, known, found)


if __name__ == "__main__":
    main()
