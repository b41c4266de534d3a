"""The breach of 2018-19 as a script: a subcontractor and a thief, with no more access than such people have.

Shipped because ports drill with it. Every outcome is found out by trying; nothing here declares one. The thief's tools are
written against the published format and never import the room that opens records.
"""

from wayseal.testing.breach.play import ACTS, find_act, play_act, play_breach
from wayseal.testing.breach.scale import LONG, SHORT, Scale, Seams
from wayseal.testing.breach.stage import Stage, open_stage
from wayseal.testing.breach.story import Act, Found, Outcome, Step

__all__ = [
    "ACTS",
    "LONG",
    "SHORT",
    "Act",
    "Found",
    "Outcome",
    "Scale",
    "Seams",
    "Stage",
    "Step",
    "find_act",
    "open_stage",
    "play_act",
    "play_breach",
]
