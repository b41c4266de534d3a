"""The pages of the ledger: newest entries, search, one entry with its proof to take away, checkpoint and cosignatures.

Owns routes. It gives out what proves and says how to check it elsewhere; it never says itself that anything is proven.
"""

import base64
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Depends, FastAPI, Path, Query, Request, Response
from fastapi.responses import HTMLResponse

from wayseal.flow.ledger_page import Signed, read_page, read_signed, show_entry
from wayseal.ledger.checkpoint import read_checkpoint
from wayseal.ledger.entry import ENTRY_TYPES
from wayseal.model.clock import from_text
from wayseal.model.errors import NotFound
from wayseal.station.site import Site
from wayseal.web.session import SignedIn

Word = Annotated[str, Query(max_length=80)]
Index = Annotated[int, Path(ge=0, le=2**53)]


def read_search(kind: Word = "", actor: Word = "", about: Word = "", lane: Word = "") -> dict[str, str]:
    """Return what an address searches the ledger for."""
    said = {"type": kind.strip(), "actor": actor.strip(), "object": about.strip(), "lane": lane.strip()}
    return {name: value for name, value in said.items() if value}


Wanted = Annotated[dict[str, str], Depends(read_search)]


def add_ledger_routes(app: FastAPI, page: Callable[..., Response], site: Site, zone: ZoneInfo) -> None:
    """Add `/ledger` and what is under it. `page` renders a template."""

    def local(row: dict[str, Any]) -> dict[str, Any]:
        return row | {"local": f"{from_text(row['time']).astimezone(zone):%H:%M:%S %d %b %Y}"}

    @app.get("/ledger", response_class=HTMLResponse)
    def ledger(
        request: Request,
        session: SignedIn,
        wanted: Wanted,
        before: Annotated[int | None, Query(ge=0, le=2**53)] = None,
    ) -> Response:
        found = read_page(site.ledger, wanted, before)
        names = {"type": "kind", "object": "about"}
        query = urlencode({names.get(name, name): value for name, value in wanted.items()})
        return page(
            request, "ledger.html", session, rows=[local(row) for row in found.rows], older=found.before, found=found.found,
            wanted=wanted, query=query, kinds=sorted(ENTRY_TYPES), size=site.ledger.size, origin=site.ledger.origin,
            signed=_show_signed(read_signed(site.ledger)), cosigned=_show_signed(read_signed(site.ledger, cosigned=True)),
        )  # fmt: skip

    @app.get("/ledger/checkpoint")
    def checkpoint() -> Response:
        signed = read_signed(site.ledger, cosigned=True) or read_signed(site.ledger)
        if signed is None:
            raise NotFound("nothing was signed yet", hint="Come back when the site has signed its ledger.")
        return _send(signed.note.encode(), "checkpoint", "text/plain; charset=utf-8")

    @app.get("/ledger/{index}", response_class=HTMLResponse)
    def one(request: Request, session: SignedIn, index: Index) -> Response:
        row = local(show_entry(site.ledger, index))
        signed = read_signed(site.ledger)
        covered = signed is not None and index < signed.checkpoint.size
        return page(
            request, "entry.html", session, row=row, raw=site.ledger.raw(index).decode(), covered=covered
        )

    @app.get("/ledger/{index}/entry.json")
    def entry(index: Index) -> Response:
        return _send(site.ledger.raw(index), f"entry-{index}.json", "application/json")

    @app.get("/ledger/{index}/proof")
    def proof(index: Index) -> Response:
        proven = site.ledger.prove(index)
        size = read_checkpoint(proven.checkpoint).size
        return _send(str(proven).encode(), f"entry-{index}-of-{size}.tlog-proof", "text/plain; charset=utf-8")


def _show_signed(signed: Signed | None) -> dict[str, Any] | None:
    if signed is None:
        return None
    root = base64.b64encode(signed.checkpoint.root).decode()
    origin = signed.checkpoint.origin
    return {
        "note": signed.note, "size": signed.checkpoint.size, "root": root,
        "by": [name for name in signed.names if name == origin], "witnesses": [name for name in signed.names if name != origin],
    }  # fmt: skip


def _send(data: bytes, name: str, media_type: str) -> Response:
    head = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, media_type=media_type, headers=head)
