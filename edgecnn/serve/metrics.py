"""What the service counts, in Prometheus' format: https://prometheus.io/docs/instrumenting/exposition_formats/"""

import os
from collections.abc import Callable, Iterable
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from edgecnn.serve.models import Served

SHARED = "PROMETHEUS_MULTIPROC_DIR"  # the folder by which workers add up what they count
SECONDS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
IMAGES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The counts of this process. Their labels are from our own tables, so that clients cannot add any."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call] # series that nobody asked for
        own = self._registry = CollectorRegistry()
        requests = Counter("edgecnn_requests", "Requests answered.", ["route", "status"], registry=own)
        labels = Counter("edgecnn_labels", "Answers by label.", ["model", "label"], registry=own)
        seconds = Histogram("edgecnn_request_seconds", "Time to answer.", ["route"], buckets=SECONDS, registry=own)
        # To find a series by its labels takes longer than to count.
        self._requests: Callable[..., Counter] = cache(requests.labels)
        self._labels: Callable[..., Counter] = cache(labels.labels)
        self._seconds: Callable[..., Histogram] = cache(seconds.labels)
        images = Histogram("edgecnn_batch_images", "Images in one run of a model.", buckets=IMAGES, registry=own)
        self.ran: Callable[[int], None] = images.observe
        self.in_flight = Gauge(
            "edgecnn_requests_in_flight", "Requests worked on or waiting.", registry=own, multiprocess_mode="livesum"
        )
        self._models = Gauge(
            *("edgecnn_model_info", "1 for a model and version that is served.", ["model", "version"]),
            registry=own,
            multiprocess_mode="livemax",
        )
        self._served: list[tuple[str, str]] = []
        self.reloads = Counter("edgecnn_reloads", "Reloads by outcome.", ["outcome"], registry=own)

    def answered(self, route: str, status: int, seconds: float) -> None:
        self._requests(route, str(status)).inc()
        self._seconds(route).observe(seconds)

    def labeled(self, model: str, label: str) -> None:
        self._labels(model, label).inc()

    def serves(self, models: Iterable[Served]) -> None:
        for series in self._served:
            self._models.labels(*series).set(0)
        self._served = [(model.name, model.version) for model in models]
        for series in self._served:
            self._models.labels(*series).set(1)

    def text(self) -> bytes:
        """Of all workers, if they have a folder to share."""
        if SHARED not in os.environ:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)
