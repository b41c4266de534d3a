"""Run under umockdev: watch the ports of a made-up machine and plug a made-up disk in. Prints how long the ledger took.

The kernel's socket and sysfs are umockdev's; everything else is what ships. Arguments: a home with a ledger.
"""

import ctypes
import json
import sys
import threading
import time
from pathlib import Path

from wayseal.ledger.reader import LedgerReader
from wayseal.model.clock import utc_now
from wayseal.station.ports import watch_ports

DISK = b"""P: /devices/pci0000:00/usb1/1-2
N: bus/usb/001/002
E: SUBSYSTEM=usb
E: DEVTYPE=usb_device
E: PRODUCT=781/5567/100
A: authorized=0\\n
A: idVendor=0781\\n
A: idProduct=5567\\n
"""


def make_testbed() -> tuple[ctypes.CDLL, ctypes.c_void_p]:
    """The library and a machine without devices."""
    library = ctypes.CDLL("libumockdev.so.0")
    library.umockdev_testbed_new.restype = ctypes.c_void_p
    text, handle = ctypes.c_char_p, ctypes.c_void_p
    library.umockdev_testbed_add_from_string.argtypes = [handle, text, handle]
    library.umockdev_testbed_uevent.argtypes = [handle, text, text]
    return library, ctypes.c_void_p(library.umockdev_testbed_new())


def wait_for(ledger: LedgerReader, kind: str) -> int:
    """Return the index of the first entry of a type, or -1 after two minutes."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        found = ledger.find(type=kind)
        if found:
            return found[0]
        time.sleep(0.002)
    return -1


def main() -> None:
    """Watch, plug in, report."""
    home, stop = Path(sys.argv[1]), threading.Event()
    library, testbed = make_testbed()
    thread = threading.Thread(
        target=watch_ports, args=(home, "lane-host-1", utc_now, stop), kwargs={"root": home}
    )
    thread.start()
    ledger = LedgerReader(home / "ledger")
    wait_for(ledger, "egress-watch")
    library.umockdev_testbed_add_from_string(testbed, DISK, None)
    began = time.monotonic()
    library.umockdev_testbed_uevent(testbed, b"/sys/devices/pci0000:00/usb1/1-2", b"add")
    index = wait_for(ledger, "usb-event")
    took = time.monotonic() - began
    stop.set()
    thread.join()
    entry = ledger.entry(index) if index >= 0 else None
    sys.stdout.write(
        json.dumps({"entry": entry, "seconds": took, "mounts": Path("/proc/self/mountinfo").read_text()})
    )


if __name__ == "__main__":
    main()
