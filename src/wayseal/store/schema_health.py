"""The tables of lane health: counts by lane and day, and the running sums that tell when a lane falls below its minimum.

Counts over many vehicles and nothing of any one: no id, no time finer than a day, no score of a person.
"""

from sqlalchemy import BigInteger, Column, Float, String, Table, Text

from wayseal.store.schema_base import UtcTime, centre

lane_days = Table(
    "lane_days",
    centre,
    Column("lane", String(63), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("model_sha256", String(64), primary_key=True),
    Column("vehicles", BigInteger, nullable=False),
    Column("occupants", BigInteger, nullable=False),
    Column("captured", BigInteger, nullable=False),
    Column("matched", BigInteger, nullable=False),
    Column("referred", BigInteger, nullable=False),
    Column("plates", BigInteger, nullable=False),
    Column("quality", Text, nullable=False),
    Column("strangers", Text, nullable=False),
    Column("seconds", Text, nullable=False),
)

lane_watch = Table(
    "lane_watch",
    centre,
    Column("lane", String(63), primary_key=True),
    Column("measure", String(31), primary_key=True),
    Column("total", Float, nullable=False),
    Column("alarmed_at", UtcTime, nullable=True),
)

lane_seats = Table(
    "lane_seats",
    centre,
    Column("lane", String(63), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("seat", String(16), primary_key=True),
    Column("occupants", BigInteger, nullable=False),
    Column("captured", BigInteger, nullable=False),
    Column("matched", BigInteger, nullable=False),
    Column("referred", BigInteger, nullable=False),
)

HEALTH_TABLES = (lane_days, lane_watch, lane_seats)
