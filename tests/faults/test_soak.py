"""The service may run for very long: what it holds does not grow."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pytest

from tests.support.soak import Reading, soak

CYCLES = 1_800
MOST_GROWTH_MIB = 3.0


def soaked(cycles: int, way: str) -> list[Reading]:
    """Run the cycles; to be called in a process in which nothing else has filled and freed memory."""
    return list(soak(cycles, way))


@pytest.mark.slow
@pytest.mark.parametrize("way", ["carddav", "jmap"])
def test_memory_and_file_descriptors_stay_what_they_are(capsys: pytest.CaptureFixture[str], way: str) -> None:
    """Over many cycles, some broken off, neither memory nor descriptors nor threads grow."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        readings = process.submit(soaked, CYCLES, way).result()
    first, last = readings[0], readings[-1]
    with capsys.disabled():
        print(f"\nsoak: first {first}\n      last  {last}")
    assert last.filed > CYCLES / 4
    assert last.broken_off > CYCLES / 50
    assert last.resident_mib - first.resident_mib < MOST_GROWTH_MIB
    assert (last.file_descriptors, last.threads) == (first.file_descriptors, first.threads)
