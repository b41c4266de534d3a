"""When the vehicles of a queue brake, stand and drive off again: all together, as behind one barrier.

Owns the time that driving takes. A scene's vehicles keep their speeds; a halt holds their clock back, so that whoever
follows keeps the distance.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Halt:
    """All vehicles brake evenly from `at_s` on, stand for `stands_s`, and drive off as evenly. Seconds of the video.

    At 20 mph a `brake_s` of 1.1 is 8 m/s2, as hard as tyres allow.
    """

    at_s: float
    stands_s: float
    brake_s: float = 1.5

    @property
    def length_s(self) -> float:
        """From the first braking until everybody drives at full speed again."""
        return 2 * self.brake_s + self.stands_s

    @property
    def lost_s(self) -> float:
        """The seconds by which everybody is later for it."""
        return self.brake_s + self.stands_s

    def lost_by(self, seconds: float) -> float:
        """Return how many seconds of driving are lost at a time of the video."""
        since = min(max(seconds - self.at_s, 0.0), self.length_s)
        braking = min(since, self.brake_s)
        standing = min(max(since - self.brake_s, 0.0), self.stands_s)
        starting = max(since - self.brake_s - self.stands_s, 0.0)
        slow = 2 * max(self.brake_s, 1e-9)
        return braking**2 / slow + standing + starting - starting**2 / slow


def drive_seconds(halts: Sequence[Halt], seconds: float) -> float:
    """Return how long vehicles have driven at full speed, to be where they are at a time of the video."""
    return seconds - sum(halt.lost_by(seconds) for halt in halts)


def video_seconds(halts: Sequence[Halt], driven: float) -> float:
    """Return the time of the video by which vehicles have surely driven so long, whatever halts come before it."""
    seconds = driven
    for halt in sorted(halts, key=lambda one: one.at_s):
        if halt.at_s < seconds:
            seconds += halt.lost_s
    return seconds
