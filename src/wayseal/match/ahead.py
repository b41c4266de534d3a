"""Work that a thread does ahead of who needs it. Owns no data; what it carries stays in memory."""

import ctypes
import mmap
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from numpy.typing import NDArray

Item = TypeVar("Item")
_END = object()
_POPULATE_WRITE = 23  # MADV_POPULATE_WRITE, Linux 5.14


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


def take_pages(array: NDArray[Any]) -> threading.Thread:
    """Have the kernel give an array's memory now, in a thread, and return that. What is in the array stays as it is.

    Half a gigabyte in huge pages takes the kernel up to a second of processor time when its memory is full of files
    (measured), in the middle of whoever writes there first. An older kernel does nothing here.
    """
    start = -(-array.ctypes.data // mmap.PAGESIZE) * mmap.PAGESIZE
    size = (array.ctypes.data + array.nbytes - start) // mmap.PAGESIZE * mmap.PAGESIZE

    def take(_kept: NDArray[Any]) -> None:
        if size > 0:
            ctypes.CDLL(None).madvise(ctypes.c_void_p(start), ctypes.c_size_t(size), _POPULATE_WRITE)

    thread = threading.Thread(target=take, args=(array,), daemon=True)
    thread.start()
    return thread
