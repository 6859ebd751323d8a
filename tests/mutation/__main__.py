"""`python -m tests.mutation`: a sample of mutants, tried out; those that no test notices are printed.

    python -m tests.mutation                         60 of all, by a seed that is printed
    python -m tests.mutation --seed 7 --sample 200   others, more
    python -m tests.mutation --all --module plan     every mutant of a module
    python -m tests.mutation --strict                fail where a survivor is not explained

What survives and is right to do so stands in explained.toml, with the reason. CI prints and never fails
here: which mutants there are changes with every line, the sample with the day, and the time with the load.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import tomllib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.tested import AREAS, PACKAGE, Area
from tests.mutation.trial import Fate, Trial, try_out

EXPLAINED = Path(__file__).with_name("explained.toml")
LEAST_PATIENCE_SECONDS = 30.0
PATIENCE = 5.0
"""How many times as long as on the code as it is the tests may take on a mutant."""


def main() -> int:
    """Try the mutants out; return the process's exit code."""
    options = _options()
    began = time.monotonic()
    deadline = began + 60.0 * options.minutes
    chosen, of = _choose(options)
    print(f"{len(chosen)} of {of} mutants, seed {options.seed}", flush=True)
    patience = _measure(chosen, deadline)
    trials = [
        Trial(mutant, area.tests_of(_module(mutant)), patience[area])
        for mutant, area in chosen
        if area in patience
    ]
    counts = dict.fromkeys(Fate, 0)
    counts[Fate.UNTRIED] = len(chosen) - len(trials)
    explained = _explained()
    unexplained = 0
    for trial, fate in try_out(trials, at_once=options.at_once, deadline=deadline):
        counts[fate] += 1
        if fate is Fate.SURVIVED and trial.mutant:
            why = explained.get(trial.mutant.name)
            unexplained += why is None
            told = f" (explained: {why})" if why else ""
            print(f"{trial.mutant.module}:{trial.mutant.line}: {trial.mutant.change}{told}", flush=True)
    told = ", ".join(f"{count} {fate.value}" for fate, count in counts.items())
    print(f"{told} in {time.monotonic() - began:.0f} s; {unexplained} of the survivors not explained")
    return 1 if options.strict and (unexplained or counts[Fate.UNTRIED]) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", allow_abbrev=False)
    today = int(time.strftime("%j"))
    parser.add_argument("--seed", type=int, default=today, help="by default the day of the year")
    parser.add_argument("--sample", type=int, default=60)
    parser.add_argument("--all", action="store_true")
    parser.add_argument(
        "--module", action="append", help="only modules whose path ends so; may be given again"
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="after them, nothing more is begun")
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--strict", action="store_true")
    return parser.parse_args()


def _choose(options: argparse.Namespace) -> tuple[list[tuple[Mutant, Area]], int]:
    everything = [
        (mutant, area)
        for area in AREAS
        for module in area.modules
        if module.endswith(tuple(options.module or [""]))
        for path in [PACKAGE / f"{module}.py"]
        for mutant in mutants_of(path, path.read_text("utf-8"))
    ]
    if options.all or options.sample >= len(everything):
        return everything, len(everything)
    places = random.Random(options.seed).sample(range(len(everything)), options.sample)
    return [everything[place] for place in sorted(places)], len(everything)


def _measure(chosen: Iterable[tuple[Mutant, Area]], deadline: float) -> dict[Area, float]:
    """Run the tests on the code as it is; say how long a mutant may take, where they pass."""
    tests_of: dict[Area, dict[str, None]] = defaultdict(dict)
    for mutant, area in chosen:
        tests_of[area] |= dict.fromkeys(area.tests_of(_module(mutant)))
    patience = {}
    for area, tests in tests_of.items():
        began = time.monotonic()
        left_seconds = max(0.0, deadline - began)
        ((_, fate),) = try_out([Trial(None, list(tests), left_seconds)], at_once=1, deadline=deadline)
        if fate is Fate.SURVIVED:
            patience[area] = max(LEAST_PATIENCE_SECONDS, PATIENCE * (time.monotonic() - began))
        else:
            why = "do not pass" if fate is Fate.KILLED else "have not ended in time"
            what = f"{next(iter(area.modules))} and what is tested with it"
            print(f"{what}: not tried, as the tests {why} on the code as it is")
    return patience


def _module(mutant: Mutant) -> str:
    return mutant.module.relative_to(PACKAGE).with_suffix("").as_posix()


def _explained() -> dict[str, str]:
    entries = tomllib.loads(EXPLAINED.read_text("utf-8"))["mutants"]
    return {entry["mutant"]: entry["why"] for entry in entries}


if __name__ == "__main__":
    sys.exit(main())
