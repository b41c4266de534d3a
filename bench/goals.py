"""The goals, each with what was measured for it: read from the results, judged by a number, never by hand.

A goal that is missed carries its reason; the reason shows only while the goal is missed. A figure that is not in the
results counts as not measured, never as met.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Results = dict[str, Any]
Reader = Callable[[Results], float]


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal: what is measured, how to read it, and the bound. `at_least` says on which side of the bound is good."""

    id: str
    what: str
    beside: str
    read: Reader
    bound: float
    at_least: bool
    why: str = ""

    def judge(self, results: Results) -> tuple[float | None, bool]:
        """Return the measured value (None: not measured) and whether it meets the goal."""
        try:
            value = float(self.read(results))
        except (KeyError, IndexError, TypeError, ValueError):
            return None, False
        return value, value >= self.bound if self.at_least else value <= self.bound

    @property
    def text(self) -> str:
        """The bound in words."""
        return f"{'≥' if self.at_least else '≤'} {self.bound:,.4g}"


def _at(*path: Any) -> Reader:
    """Return a reader that follows keys and places through the results."""

    def read(results: Results) -> float:
        value: Any = results
        for step in path:
            value = value[step]
        return float(value)

    return read


def _peer(name: str) -> Reader:
    return _at("search", "peers", name, "times_ours")


def _recall(results: Results) -> float:
    """The worst world's recall."""
    return min(
        results["search"]["signs_1m_x_512"][world]["mated_recall"]
        for world in ("wide", "clustered", "narrow")
    )


def _worst(*keys: str, sizes: tuple[str, ...], largest: bool) -> Reader:
    """Return a reader of the worst of several scans."""

    def read(results: Results) -> float:
        found = [_at("search", size, *keys)(results) for size in sizes]
        return max(found) if largest else min(found)

    return read


def _exponent(results: Results) -> float:
    """The steepest growth of any curve."""
    return max(
        value for curve in results["growth"]["curves"].values() for value in curve["exponents"].values()
    )


_LOOPS = ("opencv_loop", "plain_loop")
_BIG = ("scan_100k_x_128", "scan_100k_x_512", "scan_1m_x_128")
_DISK = "where a flush takes under a millisecond the processor decides, not the disk, and sealing is most of its work"


GOALS: tuple[Goal, ...] = (
    Goal("G1", "One exact query over the time to read the matrix once, 100k and 1M", "memory bandwidth, same run",
         _worst("exact_over_memory_limit", sizes=_BIG, largest=True), 1.15, at_least=False,
         why="the smallest matrix fits partly in the cache, whose share other processes change from one moment to the next"),
    Goal("G2", "32 queries at once: speed over faiss Flat, 100k x 512", "faiss IndexFlatIP, one thread",
         _at("search", "scan_100k_x_512", "batch32_speed_over_faiss"), 4, at_least=True,
         why="without the compiled loop NumPy writes every score and reads it again"),
    Goal("G2 short", "The same, 100k x 128", "the same", _at("search", "scan_100k_x_128", "batch32_speed_over_faiss"), 4, at_least=True,
         why="without the compiled loop NumPy writes every score and reads it again"),
    Goal("G2 limit", "The same: share of the limit", "the larger of memory and sgemm",
         _at("search", "scan_100k_x_512", "batch32_speed_of_limit"), 0.6, at_least=True,
         why="without the compiled loop NumPy writes every score and reads it again"),
    Goal("G3", "Signs and exact re-ranking at 1M x 512: how many times as long faiss Flat takes", "faiss IndexFlatIP, one thread",
         _at("search", "signs_1m_x_512", "faiss_over_signs"), 15, at_least=True,
         why="without the compiled loop NumPy passes three times over each table"),
    Goal("G3 recall", "Mates kept of those exact search finds, worst of three worlds", "our exact scan", _recall, 0.995, at_least=True),
    Goal("G3 real", "The same with real embeddings among a million", "our exact scan", _at("search", "signs_real", "mated_recall"), 0.995, at_least=True),
    Goal("G4 pgvector", "50k x 512 exact: times our time", "pgvector, sequential scan", _peer("pgvector"), 2, at_least=True),
    Goal("G4 sqlite-vec", "The same", "sqlite-vec, vec0", _peer("sqlite-vec"), 7, at_least=True,
         why="this release scans faster than the one the goal was taken from"),
    Goal("G4 milvus-lite", "The same", "Milvus Lite, FLAT", _peer("milvus-lite"), 9, at_least=True,
         why="this release scans faster than the one the goal was taken from; ours is still the faster"),
    Goal("G4 duckdb", "The same", "DuckDB, array_inner_product", _peer("duckdb"), 12, at_least=True,
         why="the goal is 12.2 times, measured with an earlier release, rounded"),
    Goal("G4 lancedb", "The same", "LanceDB, flat", _peer("lancedb"), 18, at_least=True,
         why="this release scans faster than the one the goal was taken from"),
    Goal("G4 qdrant", "4k x 512 exact, the size that this goal was taken at: times our time", "Qdrant, local mode",
         _at("search", "peers_4k", "qdrant local", "times_ours"), 50, at_least=True,
         why="the goal rests on a search of 8 ms beside 0.14 ms of faiss; the same release takes 1.0 to 1.2 ms here, and a fiftieth of that is 24 µs for reading 8 MB, 340 GB a second, eleven times what memory gives here"),
    Goal("G4 qdrant 50k", "The same at 50k, where its fixed cost no longer rules; no figure was set: faster", "Qdrant, local mode", _peer("qdrant local"), 1, at_least=True),
    Goal("G5", "Syncs of forgetting one of 1M; the bytes are looked for by a test", "counted", _at("search", "disk_1m", "forget_syncs"), 3, at_least=False),
    Goal("G6", "Galleries that did not load after 200 kills in the middle of saving", "usearch and faiss lose every one",
         _at("search", "kills", "unloadable"), 0, at_least=False),
    Goal("G7", "p99 over p50 of a query with the other core busy", "itself", _at("search", "tail_100k_x_512", "p99_over_p50"), 5, at_least=False,
         why="the machine ran many more busy processes than the one the goal allows"),
    Goal("Load", "Loading a million travellers: wall time over two cold reads of their files", "reading the files twice",
         _at("search", "disk_1m", "load_over_two_cold_reads"), 1, at_least=False,
         why="it depends on the kernel: 0.69 s, 0.88 of the two reads, where huge pages are at hand; where files fill the memory it makes room for half a gigabyte of them first, up to 1.6 s"),
    Goal("Load, processor", "Processor time of loading, all threads, over the same two reads: what a free core would leave", "the same",
         lambda r: r["search"]["disk_1m"]["load_cpu_s"] * r["search"]["disk_1m"]["load_over_two_cold_reads"] / r["search"]["disk_1m"]["load_s"], 1, at_least=False,
         why="0.4 s of it are ours; the rest is the kernel's, which reads the files and makes room for huge pages among others that fill the memory"),
    Goal("I1 one", "Sealed 200 kB records kept one at a time, centre: rate", "seal, append, fdatasync, same round",
         _at("ingest", "ways", "centre, 1", "of_limit_median"), 0.6, at_least=True, why=_DISK),
    Goal("I1 one, lane", "The same in a lane's outbox", "the same", _at("ingest", "ways", "lane outbox, 1", "of_limit_median"), 0.6, at_least=True, why=_DISK),
    Goal("I1 group", "The same in groups of 16, the next sealed while one is kept, centre", "the same", _at("ingest", "ways", "centre, 16", "of_limit_median"), 1.5,
         at_least=True, why=_DISK),
    Goal("I1 group, lane", "The same in groups of 16, outbox", "the same", _at("ingest", "ways", "lane outbox, 16", "of_limit_median"), 1.5, at_least=True, why=_DISK),
    Goal("I2 SQLite", "Groups of 16: rate over the bytes in a SQLite row", "SQLite blob, synchronous FULL", _at("ingest", "beside", "16, beside SQLite blob"), 1.4, at_least=True,
         why="both seal while they write, and the sealing takes most of the time of either"),
    Goal("I2 SQLite, keeping", "The same for groups that come sealed, as from a lane", "SQLite blob, synchronous FULL", _at("ingest", "keeping", "beside SQLite blob"), 1.4, at_least=True, why=_DISK),
    Goal("I2 PostgreSQL", "Groups of 16: rate over PostgreSQL bytea", "PostgreSQL 18, synchronous commit", _at("ingest", "beside", "16, beside PostgreSQL bytea"), 3, at_least=True,
         why="both seal while they write, on one thread; three times PostgreSQL's rate leaves 482 µs to seal a record, the primitives alone take 312 (ingest parts), and beside the writing all of "
             "sealing took 623; the next row is without sealing"),
    Goal("I2 PostgreSQL, keeping", "The same for groups that come sealed, as from a lane", "PostgreSQL 18, synchronous commit", _at("ingest", "keeping", "beside PostgreSQL bytea"), 3,
         at_least=True, why="PostgreSQL writes in a process of its own on the second core while ours writes on one"),
    Goal("I3", "Share of ingest that is sealing, one at a time", "the whole", _at("ingest", "ways", "centre, 1", "crypto_share"), 0.15, at_least=False,
         why="a flush is so short here: beside 1.4 ms of the rest, the share asks for 247 µs of sealing, and the primitives alone, with the two digests that the format wants, take 312 (ingest parts): 0.18"),
    Goal("P1", "Milliseconds to forget 400 records for good", "the goal was set for 400", _at("ingest", "purge", "ms_median"), 50, at_least=False,
         why="three flushes and a checkpoint, each waiting behind other processes' writes"),
    Goal("Suspension", "Seconds from suspending an organisation to the first refusal, the longest of 200 rounds", "the promise is one second",
         _at("suspend", "to_first_refusal_max"), 1, at_least=False, why="wall time on a busy machine"),
    Goal("Suspension, after", "Records opened in calls begun after the command had returned", "none may be", _at("suspend", "opened_after_the_command"), 0, at_least=False),
    Goal("V1", "Reading a video over bare decoding, no colour", "FFmpeg's own loop, one thread", _at("decode", "source_over_bare"), 1.1, at_least=False),
    Goal("V1 program", "The same over the program ffmpeg", "ffmpeg -threads 1, its pictures thrown away", _at("decode", "source_over_ffmpeg"), 1, at_least=False,
         why="the program was not at hand, or decodes faster in this run"),
    Goal("L1", "Video seconds a CPU second of a 720p30 lane, 16 videos", "real time on one core", _at("lane", "realtime_factor", "wayseal"), 1, at_least=True),
    Goal("L2", "Frames a CPU second over the loop that detects and embeds in every frame", "OpenCV's own classes on the same models, same videos, one run",
         _at("lane", "speed_over", "opencv_loop"), 5, at_least=True,
         why="a vehicle is in view in most frames of these clips, so there is little to skip"),
    Goal("L2 own", "The same over that loop with our own faster detector and embedder", "our own classes on the same models, same videos, one run",
         _at("lane", "speed_over", "plain_loop"), 5, at_least=True,
         why="each step of this loop is already about twice OpenCV's speed; a vehicle is in view in most frames of these clips, decoding them is a fifth of our time, and "
             "searching the glass, five to ten embeddings a face, following points and measuring each look are most of the rest"),
    Goal("L2 dlib", "The same over face_recognition (dlib) in every frame", "face_recognition, two of the videos", _at("dlib", "speed_over_dlib"), 5, at_least=True,
         why="dlib comes as source only; bench_dlib needs an environment with it"),
    Goal("L2 dlib capture", "Faces captured, over face_recognition's", "the same", lambda r: r["dlib"]["wayseal"]["captured"] / r["dlib"]["face_recognition"]["captured"], 1, at_least=True),
    Goal("L2 dlib rank 1", "Rank 1 of the enrolled, over face_recognition's best of all frames", "the same",
         lambda r: r["dlib"]["wayseal"]["rank1_of_enrolled"] / r["dlib"]["face_recognition"]["rank1_of_enrolled"], 1, at_least=True),
    Goal("L3", "Faces captured, over the better loop's", "the loops of L2 and L2 own", lambda r: r["lane"]["captured"]["wayseal"] / max(r["lane"]["captured"][name] for name in _LOOPS), 1, at_least=True),
    Goal("L4", "Rank 1 of the enrolled, over the better loop's best frame", "the same",
         lambda r: r["lane"]["rank1_of_enrolled"]["wayseal"] / max(r["lane"]["rank1_of_enrolled"][f"{name}_best_scoring_frame"] for name in _LOOPS), 1, at_least=True),
    Goal("L5", "Capture to result, p95, seconds of a core to itself", "plates and custody, at the camera's pace, without waits for the disk", _at("line", "capture_to_result_s", "p95"), 1, at_least=False,
         why="measured on a machine with many busy processes"),
    Goal("L5 tail", "The same, p99", "the same, all vehicles of five rounds of the videos", _at("line", "capture_to_result_s", "p99"), 2, at_least=False,
         why="see the line's figures"),
    Goal("L6", "Sealing and ledger, share of the line's CPU", "the whole line", _at("line", "seal_and_ledger_share_of_cpu"), 0.02, at_least=False),
    Goal("L7", "Lanes that two cores sustain with a vehicle always in view", "CPU seconds a video second", _at("lanes", "sustained", "lanes_two_cores_always_busy"), 2, at_least=True,
         why="two lanes at once share cache and memory"),
    Goal("L8", "What the second core adds, in first cores", "a core", _at("lanes", "sustained", "second_core_buys_of_the_first"), 0.8, at_least=True,
         why="two lanes at once share cache and memory; other processes ran on both cores"),
    Goal("Ledger", "Ledger appends in groups of 16: speed over pymerkle, wall", "pymerkle, SQLite tree", _at("ledger", "results", "append in groups of 16", "ratio_wall"), 1, at_least=True),
    Goal("Proofs", "Verifying an inclusion proof: speed over pymerkle, CPU", "pymerkle", _at("ledger", "results", "verify inclusion", "ratio_cpu"), 1, at_least=True),
    Goal("Growth", "Steepest fitted exponent of any curve", "linear", _exponent, 1.15, at_least=False,
         why="see the curve below; fits over three points on a busy machine are within about 0.1"),
    Goal("Guard", "Largest cost of a hot path over its recorded one, in instructions", "callgrind", _at("guard", "worst", "instructions"), 1.3, at_least=False,
         why="a hot path became dearer; see the guard's figures"),
    Goal("Guard, time", "The same in CPU time over a reference loop's", "a loop in the same process", _at("guard", "worst", "ratios"), 2, at_least=False,
         why="a hot path became dearer, or the machine too busy for this measure; the instructions tell which"),
)  # fmt: skip
