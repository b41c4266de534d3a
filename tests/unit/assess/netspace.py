"""A lane's network of its own: network namespaces joined by a virtual cable. Needs root and Debian's iproute2."""

import ctypes
import os
import secrets
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from netparts import has_tool

Answer = TypeVar("Answer")
_NEW_NET = 0x40000000


def ip(*words: str) -> None:
    """Run one `ip` command."""
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Space:
    """One network namespace: a machine as far as the network goes."""

    def __init__(self, name: str) -> None:
        self.name = name

    def ip(self, *words: str) -> None:
        """Run an `ip` command inside."""
        ip("-n", self.name, *words)

    def run(self, function: Callable[[], Answer]) -> Answer:
        """Return what a function returns whose sockets are made inside."""
        answers: list[Answer] = []
        errors: list[BaseException] = []

        def inside() -> None:
            try:
                self.enter()
                answers.append(function())
            except BaseException as error:  # noqa: BLE001 - raised again below
                errors.append(error)

        worker = threading.Thread(target=inside)
        worker.start()
        worker.join()
        if errors:
            raise errors[0]
        return answers[0]

    def enter(self) -> None:
        """Move the calling thread inside, and the threads that it starts from now on."""
        file = os.open(Path("/run/netns") / self.name, os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(file, _NEW_NET):
                raise OSError(ctypes.get_errno(), "setns")
        finally:
            os.close(file)


@contextmanager
def open_spaces(count: int) -> Iterator[list[Space]]:
    """Yield machines without any cable; skipped where namespaces cannot be made."""
    if os.geteuid() or not has_tool("ip"):
        pytest.skip("no root or no iproute2 here")
    stem = f"wayseal-{secrets.token_hex(4)}"
    made: list[Space] = []
    try:
        for number in range(count):
            try:
                ip("netns", "add", f"{stem}-{number}")
            except subprocess.CalledProcessError:
                pytest.skip("network namespaces cannot be made here")
            made.append(Space(f"{stem}-{number}"))
            made[-1].ip("link", "set", "lo", "up")
        yield made
    finally:
        for space in made:
            ip("netns", "del", space.name)


def join_spaces(one: Space, other: Space, first: str, second: str, mac: str, *addresses: str) -> None:
    """Lay a cable from `one` (interface `first`) to `other` (interface `second` with a hardware address and addresses)."""
    one.ip("link", "add", first, "type", "veth", "peer", "name", second, "netns", other.name)
    other.ip("link", "set", second, "address", mac)
    for address in addresses:
        other.ip("address", "add", address, "dev", second, *(["nodad"] if ":" in address else []))
    one.ip("link", "set", first, "up")
    other.ip("link", "set", second, "up")
