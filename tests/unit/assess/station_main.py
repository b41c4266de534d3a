"""A station as a process: station_main.py NOTES TCP UDP ADDRESS... (ports separated by commas); prints a line when it listens."""

import sys
from pathlib import Path

from wayseal.assess.outside.station import Station

notes, tcp, udp, *addresses = sys.argv[1:]
station = Station(Path(notes), addresses, tcp=map(int, tcp.split(",")), udp=map(int, udp.split(",")))
print("listening", flush=True)  # noqa: T201 - what the test waits for
while True:
    station.step()
