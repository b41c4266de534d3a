"""A tap on the wire between a lane and its centre: every byte that passes is kept, as a capture on a switch would keep it.

Owns its own listening port; forwards what it hears and changes nothing.
"""

import socket
import threading
from contextlib import suppress
from pathlib import Path

_PIECE = 65536


class WireTap:
    """Listens on a free loopback port and forwards to `target` (HOST:PORT) once that is set. `close` it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.target = ""
        self._out = file.open("wb")
        self._writing = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, name="drill-tap", daemon=True).start()

    @property
    def address(self) -> str:
        """Return HOST:PORT."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def captured(self) -> int:
        """Return how many bytes passed so far, all of them on disk."""
        with self._writing:
            self._out.flush()
            return self._out.tell()

    def close(self) -> None:
        """Stop listening, and end what passes."""
        self._listener.close()
        for one in list(self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        with self._writing:
            self._out.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            host, _, port = self.target.rpartition(":")
            try:
                far = socket.create_connection((host, int(port)), timeout=10)
            except (OSError, ValueError):
                near.close()
                continue
            far.settimeout(None)
            self._open |= {near, far}
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        """Carry one direction to its end, keeping a copy."""
        try:
            while data := source.recv(_PIECE):
                with self._writing:
                    if not self._out.closed:
                        self._out.write(data)
                sink.sendall(data)
        except OSError:
            pass
        finally:
            for one in (source, sink):
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
                self._open.discard(one)
