"""Very many cycles on changing mail: whether memory and file descriptors stay what they are."""

from __future__ import annotations

import logging
import sys
import time

from tests.support.soak import soak

CYCLES = 10_000


def run() -> None:
    """Print what Mailroom's process holds, from time to time; the first and the last are to be the same."""
    cycles = next((int(word) for word in sys.argv[1:] if word.isdigit()), CYCLES)
    logging.disable(logging.CRITICAL)
    print("cycles  resident MiB  file descriptors  threads  senders filed  cycles broken off  seconds")
    began = time.perf_counter()
    readings = []
    for each in soak(cycles):
        readings.append(each)
        print(
            f"{each.cycle:6}  {each.resident_mib:12.1f}  {each.file_descriptors:16}  {each.threads:7}"
            f"  {each.filed:13}  {each.broken_off:17}  {time.perf_counter() - began:7.0f}",
            flush=True,
        )
    first, last = readings[0], readings[-1]
    print(
        f"from first to last: {last.resident_mib - first.resident_mib:+.1f} MiB, "
        f"{last.file_descriptors - first.file_descriptors:+} file descriptors (wanted: none)"
    )
