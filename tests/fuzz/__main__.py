"""`python -m tests.fuzz SECONDS [TARGET …]`: fuzz for so long altogether, guided by coverage (needs atheris).

Each target runs in a process of its own, since libFuzzer ends the one it runs in. A finding ends with
the bytes that led to it in a file, and with exit code 1.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

MAX_INPUT_BYTES = 4_096
LEAST_SECONDS = 1
INPUT_TIMEOUT_SECONDS = 5
MEMORY_LIMIT_MIB = 1_024


def main() -> int:
    """Fuzz every target, or the named ones, in turn."""
    match sys.argv[1:]:
        case ["--target", name, *options]:
            return _fuzz(name, options)
        case [seconds, *names] if seconds.isdigit():
            return _fuzz_all(int(seconds), names)
    print("usage: python -m tests.fuzz SECONDS [TARGET …]", file=sys.stderr)
    return 2


def _fuzz_all(seconds: int, names: list[str]) -> int:
    try:
        import atheris  # noqa: F401 - only whether it is there
    except ImportError:
        print("atheris is missing: pip install 'atheris>=3' (for Python 3.11 to 3.13)", file=sys.stderr)
        return 2
    from tests.fuzz.targets import TARGETS

    if unknown := [name for name in names if name not in TARGETS]:
        print(f"no target {unknown[0]!r}; there are {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    names = names or list(TARGETS)
    share_seconds = max(LEAST_SECONDS, seconds // len(names))
    findings = [name for name in names if not _fuzz_in_a_process(name, share_seconds)]
    print(f"findings: {', '.join(findings) or 'none'}")
    return 1 if findings else 0


def _fuzz_in_a_process(name: str, seconds: int) -> bool:
    """Fuzz one target; return whether it bore everything."""
    from tests.fuzz.targets import TARGETS

    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(TARGETS[name][1]):
            (Path(corpus) / f"seed-{number}").write_bytes(seed)
        ended = subprocess.run(
            [
                *(sys.executable, "-m", "tests.fuzz", "--target", name, corpus),
                *(f"-max_total_time={seconds}", f"-max_len={MAX_INPUT_BYTES}"),
                *(f"-timeout={INPUT_TIMEOUT_SECONDS}", f"-rss_limit_mb={MEMORY_LIMIT_MIB}"),
                *("-print_final_stats=1", f"-artifact_prefix={tempfile.gettempdir()}/mailroom-fuzz-"),
            ],
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    executed = [line.split()[-1] for line in ended.stdout.splitlines() if "number_of_executed_units" in line]
    print(f"{name}: {executed[0] if executed else '?'} inputs in {seconds} s", flush=True)
    if ended.returncode:
        print(ended.stdout[-4_000:], flush=True)
    return ended.returncode == 0


def _fuzz(name: str, options: list[str]) -> int:
    import atheris

    with atheris.instrument_imports(include=["mailroom"]):
        from mailroom.errors import MailroomError
        from tests.fuzz.targets import TARGETS
    target = TARGETS[name][0]

    def bear(data: bytes) -> None:
        with suppress(MailroomError):
            target(data)

    atheris.Setup([sys.argv[0], *options], bear)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
