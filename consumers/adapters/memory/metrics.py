"""Metrics in a dictionary."""

from collections import Counter


class MemoryMetrics:
    """Fulfils Metrics. `counted` and `gauges` are by name and sorted labels."""

    def __init__(self) -> None:
        self.counted: Counter[tuple[str, ...]] = Counter()
        self.gauges: dict[tuple[str, ...], float] = {}

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Add to a counter."""
        self.counted[_key(name, labels)] += amount

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        self.gauges[_key(name, labels)] = value


def _key(name: str, labels: dict[str, str]) -> tuple[str, ...]:
    return (name, *(f"{label}={value}" for label, value in sorted(labels.items())))
