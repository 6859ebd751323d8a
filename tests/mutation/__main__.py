"""`python -m tests.mutation`: a sample of mutants, tried out; those that no test notices are printed.

    python -m tests.mutation                         60 of all, by a seed that is printed
    python -m tests.mutation --seed 7 --sample 200   others, more
    python -m tests.mutation --all --module plan     every mutant of a module
    python -m tests.mutation --strict                fail where a survivor is not explained

What survives and is right to do so stands in explained.toml, with the reason. CI prints and does not fail:
which mutants there are changes with every line, and the sample with the day.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.trial import Fate, preload, try_out

ROOT = Path(__file__).parents[2]
EXPLAINED = Path(__file__).with_name("explained.toml")
AT_ONCE = 2

UNIT = "tests/unit/test_"
SANDBOX = ("-k", "sandbox")
TESTS: dict[str, tuple[str, ...]] = {
    "triage/approval.py": (f"{UNIT}approve.py", "tests/contract/test_approve.py", *SANDBOX),
    "triage/cycle.py": (
        f"{UNIT}cycle.py", f"{UNIT}triage_properties.py",
        "tests/contract/test_cycle_senders.py", "tests/contract/test_cycle_refusals.py",
        "tests/contract/test_cycle_marks.py", "-k", "not cyrus",
    ),
    "triage/layout.py": (f"{UNIT}plan.py", f"{UNIT}setup_survey.py", f"{UNIT}cycle.py"),
    "model/own.py": (f"{UNIT}own.py",),
    "triage/pauses.py": (f"{UNIT}pauses.py",),
    "triage/plan.py": (f"{UNIT}plan.py", f"{UNIT}cycle.py", f"{UNIT}triage_properties.py"),
    "triage/screener.py": (f"{UNIT}screener.py",),
    "triage/stragglers.py": ("tests/contract/test_stragglers.py", *SANDBOX),
    "triage/verdicts.py": (f"{UNIT}plan.py", f"{UNIT}triage_properties.py"),
    "carddav/members.py": (f"{UNIT}vcard.py", f"{UNIT}carddav_cards.py"),
    "carddav/vcard.py": (f"{UNIT}vcard.py", f"{UNIT}vcard_compose.py"),
    "jmap/messages.py": (f"{UNIT}jmap_reading.py", "tests/contract/test_mail_store.py", "-k", "not cyrus"),
    "jmap/reading.py": (f"{UNIT}jmap_reading.py", "tests/contract/test_mail_store.py", "-k", "not cyrus"),
    "jmap/updating.py": (
        f"{UNIT}jmap_reading.py", "tests/contract/test_mail_store.py",
        "tests/contract/test_cycle_refusals.py", "-k", "not cyrus",
    ),
}  # fmt: skip
"""Which tests are to notice a change of which module."""


def main() -> int:
    """Try the mutants out; return the process's exit code."""
    options = _options()
    chosen, of = _choose(options)
    entries = tomllib.loads(EXPLAINED.read_text("utf-8"))["mutants"]
    explained = {entry["mutant"]: entry["why"] for entry in entries}
    print(f"{len(chosen)} of {of} mutants, seed {options.seed}", flush=True)
    began = time.monotonic()
    preload()
    counts = dict.fromkeys(Fate, 0)
    survivors = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for mutant, fate in zip(chosen, pool.map(_try, chosen), strict=True):
            counts[fate] += 1
            if fate is Fate.SURVIVED:
                why = explained.get(mutant.name)
                survivors += [] if why else [mutant]
                told = f" (explained: {why})" if why else ""
                print(f"{mutant.module}:{mutant.line}: {mutant.change}{told}", flush=True)
    seconds = time.monotonic() - began
    told = ", ".join(f"{count} {fate.value}" for fate, count in counts.items())
    print(f"{told} in {seconds:.0f} s; {len(survivors)} of them not explained")
    return 1 if survivors and options.strict else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", allow_abbrev=False)
    today = int(time.strftime("%j"))
    parser.add_argument("--seed", type=int, default=today, help="by default the day of the year")
    parser.add_argument("--sample", type=int, default=60)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--module", default="", help="only modules whose path contains this")
    parser.add_argument("--strict", action="store_true")
    return parser.parse_args()


def _choose(options: argparse.Namespace) -> tuple[list[Mutant], int]:
    everything = [
        mutant
        for module in TESTS
        if options.module in module
        for mutant in mutants_of(Path("mailroom", module), (ROOT / "mailroom" / module).read_text("utf-8"))
    ]
    if options.all or options.sample >= len(everything):
        return everything, len(everything)
    return random.Random(options.seed).sample(everything, options.sample), len(everything)


def _try(mutant: Mutant) -> Fate:
    return try_out(mutant, TESTS[mutant.module.relative_to("mailroom").as_posix()])


if __name__ == "__main__":
    sys.exit(main())
