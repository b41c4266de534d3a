"""Run under umockdev: the lane's own watch of its ports on a made-up machine, and a made-up disk that is plugged in.

`python -m wayseal.testing.breach.stick HOME ROOT DEVICE AUTHORIZED`. The kernel's socket and sysfs are umockdev's; the watch is what
ships. Prints after how many seconds the lane's queue had the event.
"""

import ctypes
import json
import sys
import threading
import time
from pathlib import Path

from wayseal.flow.egress import EntryQueue
from wayseal.model.clock import utc_now
from wayseal.station.ports import QUEUE, watch_ports

_WAIT_S = 20.0
_DISK = """P: /devices/pci0000:00/usb1/1-2
N: bus/usb/001/002
E: SUBSYSTEM=usb
E: DEVTYPE=usb_device
E: PRODUCT=781/5567/100
A: authorized={authorized}\\n
A: idVendor=0781\\n
A: idProduct=5567\\n
"""


def main() -> None:
    """Watch, plug in, report."""
    home, root, device, authorized = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]
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
    watch.start()
    _wait_for_watch(home)
    library.umockdev_testbed_add_from_string(testbed, _DISK.format(authorized=authorized).encode(), None)
    began = time.monotonic()
    library.umockdev_testbed_uevent(testbed, b"/sys/devices/pci0000:00/usb1/1-2", b"add")
    came = heard.wait(_WAIT_S)
    took = time.monotonic() - began
    stop.set()
    watch.join()
    sys.stdout.write(json.dumps({"seconds": round(took, 3) if came else None}))


def _wait_for_watch(home: Path) -> None:
    """Wait until the watch has begun: its state is written with its first word."""
    end = time.monotonic() + _WAIT_S
    while time.monotonic() < end and not any((home / "egress").glob("*.json")):
        EntryQueue(home / QUEUE).peek()
        time.sleep(0.01)


if __name__ == "__main__":
    main()
