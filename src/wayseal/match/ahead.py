"""Work that a thread does ahead of who needs it. Owns no data; what it carries stays in memory."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
_END = object()


def run_ahead(items: Iterator[Item], depth: int) -> Iterator[Item]:
    """Yield what `items` yields, in order, while one thread fetches up to `depth` more. What `items` raises is raised here.

    Worth it where fetching lets go of the interpreter: files, ciphers, large arrays. `items` is used by the thread alone.
    """
    with ThreadPoolExecutor(1) as pool:
        waiting: deque[Future[Item | object]] = deque(pool.submit(next, items, _END) for _ in range(depth))
        try:
            while (item := waiting.popleft().result()) is not _END:
                waiting.append(pool.submit(next, items, _END))
                yield item  # type: ignore[misc]  # the end is the only item of another type
        finally:
            for one in waiting:
                one.cancel()
