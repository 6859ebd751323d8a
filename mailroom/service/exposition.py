"""Prometheus' text format (version 0.0.4), and the three kinds of metrics that Mailroom has."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_HELP_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n"})
_VALUE_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})

Values = tuple[str, ...]
"""What the labels of one series say, in the order of the metric's labels."""


class Metric:
    """One name with its series, one for each combination of label values that was ever said.

    Args:
        about: What it measures, for people.
        labels: The labels' names.
    """

    kind = "untyped"

    def __init__(self, name: str, about: str, *labels: str) -> None:
        self.name = name
        self._about = about
        self._labels = labels
        self._series: dict[Values, float] = {}

    def lines(self) -> Iterator[str]:
        """Yield its text; nothing where nothing is known."""
        samples = list(self._samples())
        if samples:
            yield f"# HELP {self.name} {self._about.translate(_HELP_ESCAPES)}"
            yield f"# TYPE {self.name} {self.kind}"
            yield from samples

    def _samples(self) -> Iterator[str]:
        for values, number in self._series.items():
            yield _sample(self.name, self._named(values), number)

    def _named(self, values: Values) -> dict[str, str]:
        return dict(zip(self._labels, values, strict=True))


class Counter(Metric):
    """Counts what happens; a series is there from the first `add` on, also of 0."""

    kind = "counter"

    def add(self, amount: float, *values: str) -> None:
        """Count so much more."""
        self._series[values] = self._series.get(values, 0) + amount


class Gauge(Metric):
    """Says how something is now; what is not known is not there."""

    kind = "gauge"

    def put(self, number: float | None, *values: str) -> None:
        """Say how it is; None where that is not known."""
        self._series.pop(values, None)
        if number is not None:
            self._series[values] = number


class Histogram(Metric):
    """Says how often something took how long.

    Args:
        bounds: The buckets' upper bounds, in growing order.
    """

    kind = "histogram"

    def __init__(self, name: str, about: str, *labels: str, bounds: Sequence[float]) -> None:
        super().__init__(name, about, *labels)
        self._bounds = bounds
        self._counts: dict[Values, list[int]] = {}

    def observe(self, number: float, *values: str) -> None:
        """Count one that took so long."""
        counts = self._counts.setdefault(values, [0] * (len(self._bounds) + 1))
        counts[bisect_left(self._bounds, number)] += 1
        self._series[values] = self._series.get(values, 0.0) + number

    def _samples(self) -> Iterator[str]:
        for values, counts in self._counts.items():
            named, so_far = self._named(values), 0
            for bound, count in zip((*map(_number, self._bounds), "+Inf"), counts, strict=True):
                so_far += count
                yield _sample(f"{self.name}_bucket", {**named, "le": bound}, so_far)
            yield _sample(f"{self.name}_sum", named, self._series[values])
            yield _sample(f"{self.name}_count", named, so_far)


def _sample(name: str, labels: Mapping[str, str], number: float) -> str:
    said = ",".join(f'{label}="{value.translate(_VALUE_ESCAPES)}"' for label, value in labels.items())
    return f"{name}{{{said}}} {_number(number)}" if said else f"{name} {_number(number)}"


def _number(number: float) -> str:
    return str(int(number)) if number == int(number) else repr(number)
