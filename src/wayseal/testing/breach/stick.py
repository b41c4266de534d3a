"""Run under umockdev: the lane's own watch of its ports on a made-up machine, and a made-up device that is plugged in.

`python -m wayseal.testing.breach.stick HOME ROOT DEVICE AUTHORIZED PRODUCT`. The kernel's socket and sysfs are umockdev's; the watch is what
ships. Prints after how many seconds the lane's queue had the event.
"""

import ctypes
import json
import sys
import threading
import time
from pathlib import Path

from wayseal.model.clock import utc_now
from wayseal.station.ports import watch_ports

_WAIT_S = 120.0
_DEVICE = """P: /devices/pci0000:00/usb1/1-2
N: bus/usb/001/002
E: SUBSYSTEM=usb
E: DEVTYPE=usb_device
E: PRODUCT={product}
A: authorized={authorized}\\n
"""


def main() -> None:
    """Watch, plug in, report."""
    home, root, device, authorized, product = Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:6]
    library = ctypes.CDLL("libumockdev.so.0")
    library.umockdev_testbed_new.restype = ctypes.c_void_p
    text, handle = ctypes.c_char_p, ctypes.c_void_p
    library.umockdev_testbed_add_from_string.argtypes = [handle, text, handle]
    library.umockdev_testbed_uevent.argtypes = [handle, text, text]
    testbed, heard = ctypes.c_void_p(library.umockdev_testbed_new()), threading.Event()
    stop = threading.Event()
    watch = threading.Thread(
        target=watch_ports,
        args=(home, device, utc_now, stop),
        kwargs={"root": root, "on_event": lambda _: heard.set()},
    )
    before = _read_state(home)
    watch.start()
    _wait_for_watch(home, before)
    made_up = _DEVICE.format(authorized=authorized, product=product).encode()
    library.umockdev_testbed_add_from_string(testbed, made_up, None)
    began = time.monotonic()
    library.umockdev_testbed_uevent(testbed, b"/sys/devices/pci0000:00/usb1/1-2", b"add")
    came = heard.wait(_WAIT_S)
    took = time.monotonic() - began
    stop.set()
    watch.join()
    sys.stdout.write(json.dumps({"seconds": round(took, 3) if came else None}))


def _wait_for_watch(home: Path, before: dict[str, int]) -> None:
    """Wait until the watch has begun: its state is written with its first word, also where an earlier one has left its own."""
    end = time.monotonic() + _WAIT_S
    while time.monotonic() < end and _read_state(home) == before:
        time.sleep(0.01)


def _read_state(home: Path) -> dict[str, int]:
    """Return when each watch's state was last written."""
    return {file.name: file.stat().st_mtime_ns for file in (home / "egress").glob("*.json")}


if __name__ == "__main__":
    main()
