"""`wayseal serve`: the console on loopback."""

import secrets
from pathlib import Path

import click

from wayseal.cli.common import passphrase_option, read_passphrase
from wayseal.model.errors import Unavailable


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port; the settings' by default, 0 picks a free one."
)
@passphrase_option
@click.pass_obj
def command(home: Path, *, port: int | None, passphrase_file: Path | None) -> None:
    """Serve the officer's console on loopback until it is stopped."""
    import socket

    import uvicorn

    from wayseal.station.site import open_site
    from wayseal.station.steady import Overseer, Publisher, Sweeper
    from wayseal.web.app import create_app

    with open_site(home, read_passphrase(passphrase_file)) as site:
        code = secrets.token_hex(4)
        place = (site.settings.web.host, site.settings.web.port if port is None else port)
        try:
            listener = socket.create_server(place)
        except OSError as error:
            raise Unavailable(
                f"cannot listen on port {place[1]}: {error.strerror}",
                hint="Stop what listens there, or choose another with --port; 0 takes a free one.",
            ) from None
        host, bound = listener.getsockname()[:2]
        click.echo(f"Console: http://{host}:{bound}/  code: {code}", err=True)
        click.echo("Stop it with Ctrl-C.", err=True)
        server = uvicorn.Server(
            uvicorn.Config(
                create_app(site, code), log_level="warning", access_log=False, timeout_graceful_shutdown=2
            )
        )
        with Publisher(site), Sweeper(site), Overseer(site):
            server.run(sockets=[listener])
