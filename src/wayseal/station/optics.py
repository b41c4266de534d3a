"""From a lane's settings to what capture must know of its camera. Lanes on their own host use it too: it opens nothing."""

from wayseal.station.settings_lane import LaneSettings
from wayseal.vision.optics import LaneOptics


def lane_optics(settings: LaneSettings) -> LaneOptics:
    """Return a lane's camera, and whether faces may be looked for there (R-11)."""
    camera = settings.camera
    return LaneOptics(
        focal_px=camera.focal_px,
        exposure_ms=camera.exposure_ms,
        steering=camera.steering,
        faces=settings.faces,
    )
