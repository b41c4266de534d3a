"""`wayseal equipment listen`: the assessor's listener outside a lane's network, for the probe of ways out."""

import signal
import threading
from pathlib import Path

import click

from wayseal.cli.common import json_option, print_json

_TCP = "22,25,53,80,443,853,8080,8443"
_UDP = "53,123,443,500,1194,4500,51820"


def read_ports(_context: click.Context, _option: click.Parameter, text: str) -> tuple[int, ...]:
    """Return the ports of a comma-separated list."""
    try:
        ports = tuple(int(word) for word in text.split(",") if word)
    except ValueError:
        raise click.BadParameter("ports are numbers with commas between them") from None
    if not all(0 < port < 65536 for port in ports):
        raise click.BadParameter("a port is 1 to 65535")
    return ports


@click.command("listen")
@click.option(
    "--notes", type=click.Path(path_type=Path, dir_okay=False), required=True,
    help="File for the tokens that arrive; the plan of the assessment names it.",
)  # fmt: skip
@click.option("--address", "addresses", multiple=True, required=True, help="Own address; may be repeated.")
@click.option("--tcp", default=_TCP, show_default=True, callback=read_ports, help="TCP ports.")
@click.option("--udp", default=_UDP, show_default=True, callback=read_ports, help="UDP ports.")
@json_option
def listen(
    *, notes: Path, addresses: tuple[str, ...], tcp: tuple[int, ...], udp: tuple[int, ...], as_json: bool
) -> None:
    """Note what reaches this machine from a lane's network that should let nothing out. Answers nobody; runs until stopped.

    Run it outside the lane's network, where the lane must not reach. ICMP and tunnels are heard as root only.
    """
    from wayseal.assess.outside.listener import Listener, read_tokens

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    listener = Listener(notes, addresses, tcp=tcp, udp=udp)
    click.echo("listening", err=True)
    try:
        while not stop.is_set():
            listener.step(0.5)
    finally:
        listener.close()
    count = len(read_tokens(notes))
    print_json({"arrived": count}) if as_json else click.echo(f"{count} packets arrived")
