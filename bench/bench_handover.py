"""What a frame costs to hand over: between threads, through shared memory, and through a pipe between two processes.

The lane decodes and looks in one process, so only the first is ever paid: a live camera's thread gives its frames to the
lane's by reference. The other two are here to tell what a process of its own for decoding would cost. CPU of both sides and
wall time a frame, decoded 720p pictures (three planes, 1.4 MB); the floor is one copy. Writes bench/results/handover.json.
"""

import json
import multiprocessing
import os
import queue
import statistics
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.shared_memory import SharedMemory
from multiprocessing.synchronize import Semaphore
from pathlib import Path
from typing import Any

import numpy as np

RESULT = Path(__file__).parent / "results" / "handover.json"
BYTES = 1280 * 720 * 3 // 2
FRAMES, SLOTS, ROUNDS = 200, 4, 5
Taken = tuple[float, float]
"""CPU and wall seconds."""


def copy_frames() -> Taken:
    """Copy each frame once."""
    frame, target = np.full(BYTES, 7, np.uint8), np.zeros(BYTES, np.uint8)
    began = (time.process_time(), time.perf_counter())
    for _ in range(FRAMES):
        np.copyto(target, frame)
    return time.process_time() - began[0], time.perf_counter() - began[1]


def by_thread() -> Taken:
    """Give each frame to another thread by reference."""
    waiting: queue.Queue[Any] = queue.Queue(SLOTS)
    frame = np.full(BYTES, 7, np.uint8)

    def give() -> None:
        for _ in range(FRAMES):
            waiting.put(frame)

    giver = threading.Thread(target=give)
    began = (time.process_time(), time.perf_counter())
    giver.start()
    for _ in range(FRAMES):
        waiting.get()
    giver.join()
    return time.process_time() - began[0], time.perf_counter() - began[1]


def send_shared(name: str, free: Semaphore, full: Semaphore, told: Connection) -> None:
    """Write frames into a ring of shared memory; then tell the CPU seconds that it took."""
    memory = SharedMemory(name)
    ring = np.ndarray((SLOTS, BYTES), np.uint8, memory.buf)
    frame, began = np.full(BYTES, 7, np.uint8), time.process_time()
    for place in range(FRAMES):
        free.acquire()
        np.copyto(ring[place % SLOTS], frame)
        full.release()
    told.send(time.process_time() - began)
    del ring
    memory.close()


def by_shared_memory() -> Taken:
    """Take each frame from a ring that another process writes; the reader copies nothing."""
    context = multiprocessing.get_context("spawn")
    memory = SharedMemory(create=True, size=SLOTS * BYTES)
    free, full = context.Semaphore(SLOTS), context.Semaphore(0)
    here, there = context.Pipe()
    sender = context.Process(target=send_shared, args=(memory.name, free, full, there))
    sender.start()
    full.acquire()
    free.release()
    began = (time.process_time(), time.perf_counter())
    for _ in range(FRAMES - 1):
        full.acquire()
        free.release()
    spent = time.process_time() - began[0], time.perf_counter() - began[1]
    other = here.recv()
    sender.join()
    memory.close()
    memory.unlink()
    return spent[0] + other, spent[1]


def send_piped(pipe: Connection, told: Connection) -> None:
    """Send frames through a pipe; then tell the CPU seconds that it took."""
    frame, began = b"\x07" * BYTES, time.process_time()
    for _ in range(FRAMES):
        pipe.send_bytes(frame)
    told.send(time.process_time() - began)


def by_pipe() -> Taken:
    """Take each frame out of a pipe that another process fills."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    told, tell = context.Pipe()
    sender = context.Process(target=send_piped, args=(there, tell))
    sender.start()
    here.recv_bytes()
    began = (time.process_time(), time.perf_counter())
    for _ in range(FRAMES - 1):
        here.recv_bytes()
    spent = time.process_time() - began[0], time.perf_counter() - began[1]
    other = told.recv()
    sender.join()
    return spent[0] + other, spent[1]


def main() -> None:
    """Measure each way in turn and write the medians."""
    ways: dict[str, Callable[[], Taken]] = {
        "one_copy": copy_frames,
        "thread": by_thread,
        "shared_memory": by_shared_memory,
        "pipe": by_pipe,
    }
    runs: dict[str, list[Taken]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, act in ways.items():
            runs[name].append(act())
    middle = [
        {name: 1e3 * statistics.median(run[part] for run in found) / FRAMES for name, found in runs.items()}
        for part in (0, 1)
    ]
    answer = {
        "bytes": BYTES,
        "load_average": round(os.getloadavg()[0], 1),
        "cpu_ms_a_frame": middle[0],
        "wall_ms_a_frame": middle[1],
        "shared_memory_over_one_copy": middle[0]["shared_memory"] / middle[0]["one_copy"],
        "pipe_over_shared_memory": middle[0]["pipe"] / middle[0]["shared_memory"],
    }
    RESULT.write_text(json.dumps(answer, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(answer, indent=1))


if __name__ == "__main__":
    main()
