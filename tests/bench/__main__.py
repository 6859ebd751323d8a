"""`python -m tests.bench [NAME …] [CYCLES]`: run these benchmarks, or the quick ones."""

from __future__ import annotations

import importlib
import sys

QUICK = ("idle", "filing", "memory", "start", "hostile")
LONG = ("events", "latency", "limited", "soak", "volume")


def main() -> int:
    """Run each benchmark's module; its `run` prints the figures."""
    names = [word for word in sys.argv[1:] if not word.isdigit()] or QUICK  # a number is for the soak
    if unknown := set(names) - {*QUICK, *LONG}:
        print(
            f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join((*QUICK, *LONG))}",
            file=sys.stderr,
        )
        return 2
    for name in names:
        print(f"== {name}", flush=True)
        importlib.import_module(f"tests.bench.{name}").run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
