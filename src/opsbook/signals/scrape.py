"""Prometheus text format: what a service says of itself on ``/metrics``; pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_SAMPLE = re.compile(
    r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?\s*\Z", re.DOTALL
)
_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*,?')
_ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


@dataclass(frozen=True)
class Sample:
    """One line: name, labels, value."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Samples:
    """Everything one instance said at one time."""

    rows: tuple[Sample, ...] = field(default=())

    def total(self, selector: str) -> float | None:
        """The sum of all samples that fit ``name`` or ``name{label="value"}``.

        None when there is none: absence is not zero.
        """
        name, labels = parse_selector(selector)
        values = [
            row.value
            for row in self.rows
            if row.name == name
            and all(row.labels.get(key) == wanted for key, wanted in labels.items())
            and row.value == row.value
        ]
        return sum(values) if values else None


def parse_metrics(text: str) -> Samples:
    """All samples of a page; lines that are none are left out."""
    rows = []
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _SAMPLE.fullmatch(stripped)
        if match is None:
            continue
        try:
            value = float(match.group(3))
        except ValueError:
            continue
        rows.append(Sample(match.group(1), _labels(match.group(2) or ""), value))
    return Samples(tuple(rows))


def parse_selector(selector: str) -> tuple[str, Mapping[str, str]]:
    """``name{a="b"}`` as its parts."""
    name, brace, rest = selector.strip().partition("{")
    return name.strip(), _labels(rest.rstrip().removesuffix("}")) if brace else {}


def _labels(text: str) -> dict[str, str]:
    return {
        match.group(1): re.sub(r'\\[\\"n]', lambda m: _ESCAPES[m.group(0)], match.group(2))
        for match in _LABEL.finditer(text)
    }
