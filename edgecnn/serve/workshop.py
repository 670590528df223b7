"""Where pixels are worked on: in the event loop if that is quick, else in threads, so that others are answered."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgecnn.host.machine import usable_cpus
from edgecnn.serve.models import Served

QUICK = 0.0005  # seconds for which the loop may be held: to hand work to a thread and back takes a fifth of it
MOST_JOINED = 64  # images in a batch of several requests

Answer = TypeVar("Answer")
Images = NDArray[Any]
Probabilities = NDArray[np.float32]
Waiting = tuple[Images, asyncio.Future[Probabilities]]


class Workshop:
    """Runs models. With a `window` in microseconds, requests that come within it are run as one batch."""

    def __init__(self, window: int = 0, joined: Callable[[int], object] = lambda _: None) -> None:
        """`joined` is told of the number of images in each run."""
        self._pool = ThreadPoolExecutor(len(usable_cpus()), "picture")
        self._window, self._joined = window, joined
        self._waiting: dict[tuple[Any, ...], list[Waiting]] = {}

    async def in_thread(self, work: Callable[..., Answer], *arguments: Any) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    async def predict(self, model: Served, images: Images) -> Probabilities:
        """Raises as Classifier.predict does."""
        if self._window and len(images) < MOST_JOINED:
            return await self._with_others(model, images)
        return await self._run(model, images)

    def is_quick(self, model: Served, images: int) -> bool:
        """Whether so many images may be run in the event loop, alone."""
        return not self._window and images * model.seconds < QUICK

    def predict_here(self, model: Served, images: Images) -> Probabilities:
        """Run a model in the event loop. Raises as Classifier.predict does."""
        self._joined(len(images))
        return model.classifier.predict(images)

    async def _run(self, model: Served, images: Images) -> Probabilities:
        if len(images) * model.seconds < QUICK:
            return self.predict_here(model, images)
        self._joined(len(images))
        return await self.in_thread(model.classifier.predict, images)

    async def _with_others(self, model: Served, images: Images) -> Probabilities:
        """Wait for others. What this model would refuse is refused alone: it must not spoil the batch."""
        model.classifier.input.prepare(images)
        loop = asyncio.get_running_loop()
        key = (model, images.dtype, images.shape[1:])
        waiting = self._waiting.setdefault(key, [])
        if not waiting:
            loop.call_later(self._window / 1e6, lambda: loop.create_task(self._flush(key)))
        future: asyncio.Future[Probabilities] = loop.create_future()
        waiting.append((images, future))
        if sum(len(given) for given, _ in waiting) >= MOST_JOINED:
            await self._flush(key)
        return await future

    async def _flush(self, key: tuple[Any, ...]) -> None:
        waiting = self._waiting.pop(key, [])
        if not waiting:
            return
        try:
            rows = await self._run(key[0], np.concatenate([images for images, _ in waiting]))
            starts = np.cumsum([len(images) for images, _ in waiting])[:-1]
            for (_, future), part in zip(waiting, np.split(rows, starts), strict=True):
                if not future.done():
                    future.set_result(part)
        except Exception as error:  # each of those who wait shall hear of it
            for _, future in waiting:
                if not future.done():
                    future.set_exception(error)
