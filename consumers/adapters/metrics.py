"""Metrics for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from consumers.runtime.measures import MEANING


class PrometheusMetrics:
    """The measures of `consumers.runtime.measures`, kept in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Add to a counter."""
        if name not in self._counters:
            self._counters[name] = Counter(name, MEANING[name], tuple(labels), registry=self.registry)
        self._counters[name].labels(**labels).inc(amount) if labels else self._counters[name].inc(amount)

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        if name not in self._gauges:
            self._gauges[name] = Gauge(name, MEANING[name], tuple(labels), registry=self.registry)
        self._gauges[name].labels(**labels).set(value) if labels else self._gauges[name].set(value)
