"""A listener as a process: listener_main.py NOTES TCP UDP ADDRESS... (ports separated by commas); prints a line when it listens."""

import sys
from pathlib import Path

from wayseal.assess.outside.listener import Listener

notes, tcp, udp, *addresses = sys.argv[1:]
listener = Listener(Path(notes), addresses, tcp=map(int, tcp.split(",")), udp=map(int, udp.split(",")))
print("listening", flush=True)  # noqa: T201 - what the test waits for
while True:
    listener.step()
