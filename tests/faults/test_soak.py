"""The service may run for very long: what it holds does not grow."""

from __future__ import annotations

import pytest

from tests.bench.soak import soak

CYCLES = 1_800
MOST_GROWTH_MIB = 3.0


@pytest.mark.slow
def test_memory_and_file_descriptors_stay_what_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    """Over many cycles, some broken off, neither memory nor descriptors nor threads grow."""
    readings = list(soak(CYCLES))
    first, last = readings[0], readings[-1]
    with capsys.disabled():
        print(f"\nsoak: first {first}\n      last  {last}")
    assert last.filed > CYCLES / 4
    assert last.broken_off > CYCLES / 50
    assert last.resident_mib - first.resident_mib < MOST_GROWTH_MIB
    assert (last.file_descriptors, last.threads) == (first.file_descriptors, first.threads)
