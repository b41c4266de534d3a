"""Sources: files never drop a frame, damage is counted, brightness needs no copy, live sources drop the oldest."""

import gc
import itertools
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from wayseal.model.border import Frame, Pixels
from wayseal.model.errors import BadPicture, NotFound, Unavailable
from wayseal.vision.frames import NewestFirst, SourceCounts, count_lost, open_source
from wayseal.vision.picture import encode_picture
from wayseal.vision.source_folder import FolderSource
from wayseal.vision.source_video import StreamSource, VideoSource

START = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)


def fixed_clock() -> datetime:
    """Return always the same time."""
    return START


def write_video(
    path: Path, count: int = 24, *, codec: str = "libx264", pixel: str = "yuv420p", rate: int = 30
) -> Path:
    """Write `count` frames of 160x96 whose brightness rises by 5 with each; return the path."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = 160, 96, pixel
        if codec == "libx264":
            stream.options = {"preset": "ultrafast", "crf": "12", "g": "6"}
        for number in range(count):
            picture = av.VideoFrame.from_ndarray(
                np.full((96, 160, 3), 40 + 5 * number, np.uint8), format="bgr24"
            )
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short H.264 file."""
    return write_video(tmp_path_factory.mktemp("video") / "lane.mp4")


def test_file_gives_every_frame(video: Path) -> None:
    """All frames come in order with rising stamps; `time` is the start plus the stream's own seconds."""
    with open_source(str(video), clock=fixed_clock) as source:
        assert source.frames_total == 24
        frames = list(source)
    assert [frame.index for frame in frames] == list(range(24))
    assert np.allclose([frame.seconds for frame in frames], np.arange(24) / 30, atol=1e-3)
    assert frames[9].time - START == timedelta(seconds=frames[9].seconds)
    assert (source.counts.frames, source.counts.broken, source.counts.dropped) == (24, 0, 0)


def test_luma_is_a_view_that_stays_alive(video: Path) -> None:
    """The brightness plane is no copy, cannot be written, and holds its pixels after the file is closed and collected."""
    with VideoSource(video) as source:
        planes = [(frame.luma, float(frame.luma.mean())) for frame in source]
    gc.collect()
    assert len(planes) == 24
    for plane, mean in planes:
        assert plane.shape == (96, 160)
        assert plane.base is not None
        assert not plane.flags.writeable
        assert float(plane.mean()) == mean
    means = [mean for _, mean in planes]
    assert all(later > earlier + 2 for earlier, later in itertools.pairwise(means))


def test_colour_on_demand(video: Path) -> None:
    """Colours are right, of the frame's size, and converted once."""
    with VideoSource(video) as source:
        frame = list(source)[12]
    bgr = frame.colour()
    assert bgr.shape == (96, 160, 3)
    assert abs(float(bgr.mean()) - 100) < 4
    assert frame.colour() is bgr


@pytest.mark.parametrize(("codec", "pixel", "suffix"), [("ffv1", "bgr0", ".mkv"), ("libx264", "yuv420p10le", ".mp4"),
                                                        ("mjpeg", "yuvj422p", ".avi"), ("ffv1", "gray", ".mkv")])  # fmt: skip
def test_pixel_formats(tmp_path: Path, codec: str, pixel: str, suffix: str) -> None:
    """RGB, 10-bit, 4:2:2 and grey video give the same planes as ordinary video."""
    with VideoSource(write_video(tmp_path / f"v{suffix}", 5, codec=codec, pixel=pixel)) as source:
        frames = list(source)
    assert len(frames) == 5
    assert frames[2].luma.shape == (96, 160)
    assert abs(float(frames[2].colour().mean()) - 50) < 4


@pytest.mark.parametrize("suffix", [".mkv", ".ts"])
def test_truncated_file_gives_what_decodes(tmp_path: Path, suffix: str) -> None:
    """A file cut in the middle gives its first frames, tells how many are missing where it can, and does not fail."""
    path = write_video(tmp_path / f"v{suffix}")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    with VideoSource(path) as source:
        frames = list(source)
    assert 0 < len(frames) < 24
    assert source.counts.frames == len(frames)


def test_damaged_middle_is_counted(tmp_path: Path) -> None:
    """Noise in the middle of a file costs some pictures; they are counted, and those after it come."""
    path = write_video(tmp_path / "v.avi", 40, codec="mjpeg", pixel="yuvj420p")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 1500] = bytes(1500)
    path.write_bytes(data)
    with VideoSource(path) as source:
        frames = list(source)
    assert 20 < len(frames) <= 40
    assert frames[-1].seconds > 1.0


def test_index_survives_damage(tmp_path: Path) -> None:
    """After damage in an H.264 file each picture that decodes still carries its own number; the lost ones are counted."""
    path = write_video(tmp_path / "v.mp4", 36)
    data = bytearray(path.read_bytes())
    third = len(data) // 3
    data[third : third + 40] = bytes(40)
    path.write_bytes(data)
    with VideoSource(path) as source:
        frames = list(source)
    assert source.counts.broken > 0
    assert len(frames) + source.counts.broken == 36
    last = frames[-1]
    assert last.index == 35
    assert abs(float(last.luma.mean()) - (16 + 219 / 255 * (40 + 5 * 35))) < 5


@pytest.mark.parametrize(
    "data", [b"", b"x", b"not a video at all" * 100, b"\x00\x00\x00\x20ftypisom" + bytes(500)]
)
def test_no_video(tmp_path: Path, data: bytes) -> None:
    """A file that is no video is refused with a reason; a missing one is not found."""
    path = tmp_path / "v.mp4"
    path.write_bytes(data)
    with pytest.raises(BadPicture):
        open_source(str(path))
    with pytest.raises(NotFound):
        open_source(str(tmp_path / "none.mp4"))


def test_empty_video_is_called_empty(tmp_path: Path) -> None:
    """A file of no bytes is called empty, and the hint is about videos."""
    (tmp_path / "v.mp4").touch()
    with pytest.raises(BadPicture, match="empty") as caught:
        open_source(str(tmp_path / "v.mp4"))
    assert "player" in caught.value.hint


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    """A folder or video of which no picture decodes ends with an error, not like a lane that nobody passed."""
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes(b"broken")
    with open_source(str(tmp_path)) as folder, pytest.raises(BadPicture, match="none of"):
        list(folder)
    assert count_lost(folder) == 3
    path = write_video(tmp_path / "v.avi", 3, codec="mjpeg", pixel="yuvj420p")
    data = path.read_bytes()
    start = data.index(b"\xff\xd8")
    end = data.rindex(b"\xff\xd9")
    path.write_bytes(data[:start] + bytes(end - start) + data[end:])
    with open_source(str(path)) as video, pytest.raises(BadPicture, match="no picture"):
        list(video)


def test_lost_pictures_count_once(tmp_path: Path) -> None:
    """A damaged picture of a folder, and one that a cut-off file announced, are each lost once."""
    for number in range(4):
        bgr = np.full((40, 60, 3), number * 20, np.uint8)
        (tmp_path / f"{number}.jpg").write_bytes(encode_picture(bgr).data)
    (tmp_path / "9.jpg").write_bytes(b"broken")
    with FolderSource(tmp_path) as source:
        assert len(list(source)) == 4
        assert count_lost(source) == 1
    path = write_video(tmp_path / "v.mkv")
    with VideoSource(path) as whole:
        list(whole)
        assert count_lost(whole) == 0


def test_one_frame(tmp_path: Path) -> None:
    """A video of a single picture gives that picture."""
    with open_source(str(write_video(tmp_path / "v.mp4", 1))) as source:
        assert len(list(source)) == 1


def test_playlist_refused(tmp_path: Path, video: Path) -> None:
    """A playlist or list of files that points at another file is refused, whatever its name says."""
    for text in (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{video}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile '{video}'\n",
    ):
        path = tmp_path / "v.mp4"
        path.write_text(text)
        with pytest.raises(BadPicture):
            VideoSource(path)


def test_sound_only_refused(tmp_path: Path) -> None:
    """A file with sound and no picture is refused."""
    path = tmp_path / "a.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
    with pytest.raises(BadPicture, match="no video"):
        VideoSource(path)


def test_closing_ends_iteration(video: Path) -> None:
    """Closing a file while it is read ends the iteration."""
    source = VideoSource(video)
    seen = 0
    for _ in source:
        seen += 1
        if seen == 3:
            source.close()
    assert seen == 3


def test_folder_in_number_order(tmp_path: Path) -> None:
    """Pictures come by the numbers in their names; one that is damaged is counted and leaves a gap."""
    for number in (1, 2, 10):
        bgr = np.full((40, 60, 3), number * 20, np.uint8)
        (tmp_path / f"f{number}.jpg").write_bytes(encode_picture(bgr).data)
    (tmp_path / "f3.jpg").write_bytes(b"broken")
    (tmp_path / "notes.txt").write_text("not a picture")
    with FolderSource(tmp_path, rate=10, clock=fixed_clock) as source:
        frames = list(source)
    assert source.frames_total == 4
    assert [round(float(frame.luma.mean()) / 20) for frame in frames] == [1, 2, 10]
    assert [frame.index for frame in frames] == [0, 1, 3]
    assert [round(frame.seconds, 3) for frame in frames] == [0.0, 0.1, 0.3]
    assert source.counts.broken == 1
    assert frames[2].colour().shape == (40, 60, 3)


def test_folder_of_strange_names(tmp_path: Path) -> None:
    """Names that are no UTF-8, links to themselves and folders with a picture's name stop nothing."""
    good = encode_picture(np.full((40, 60, 3), 90, np.uint8)).data
    (tmp_path / "a.jpg").write_bytes(good)
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/na\xefve.jpg")).write_bytes(good)
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    (tmp_path / "again").symlink_to(tmp_path)
    (tmp_path / "folder.jpg").mkdir()
    with FolderSource(tmp_path) as source:
        assert len(list(source)) == 2


def test_empty_folder(tmp_path: Path) -> None:
    """A folder without pictures is refused."""
    with pytest.raises(BadPicture):
        open_source(str(tmp_path))


class HeldSource:
    """A live source in memory: gives numbered frames when told to."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.counts = SourceCounts()
        self.frames_total: int | None = None
        self.live = True
        self.go_on = threading.Event()
        self.given = threading.Event()
        self._failure = failure

    def __iter__(self) -> Iterator[Frame]:
        """Give ten frames at once, then wait, then one more."""
        for number in range(10):
            yield self._make(number)
        self.given.set()
        self.go_on.wait(10)
        yield self._make(10)
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Let the reader end."""
        self.go_on.set()

    def _make(self, number: int) -> Frame:
        self.counts.frames += 1
        luma = np.zeros((4, 4), np.uint8)
        return Frame(number, START, float(number), luma, lambda: np.zeros((4, 4, 3), np.uint8))


def test_newest_frames_win() -> None:
    """A consumer that is slow gets the newest frames in order, and each lost one is counted."""
    inner = HeldSource()
    live = NewestFirst(inner, capacity=3)
    frames = iter(live)
    collected: list[int] = []
    reader = threading.Thread(target=lambda: collected.append(next(frames).index))
    reader.start()
    assert inner.given.wait(10)
    reader.join(10)
    collected.append(next(frames).index)
    inner.go_on.set()
    collected.extend(frame.index for frame in frames)
    live.close()
    assert collected == sorted(collected)
    assert collected[-2:] == [9, 10]
    assert live.counts.frames == len(collected) + live.counts.dropped == 11
    assert live.counts.dropped >= 5


def test_reader_failure_reaches_the_consumer() -> None:
    """An error of the camera comes to the consumer after the frames before it."""
    inner = HeldSource(Unavailable("gone"))
    inner.go_on.set()
    seen = []
    with NewestFirst(inner, capacity=50) as live, pytest.raises(Unavailable):  # noqa: PT012 - the loop is what raises
        for frame in live:
            seen.append(frame.index)  # noqa: PERF401 - what came before the error matters
    assert seen == list(range(11))


def test_closing_wakes_the_consumer() -> None:
    """Closing a live source ends a consumer that waits for the next frame."""
    inner = HeldSource()
    live = NewestFirst(inner)
    got: list[int] = []
    consumer = threading.Thread(target=lambda: got.extend(frame.index for frame in live))
    consumer.start()
    assert inner.given.wait(10)
    live.close()
    consumer.join(10)
    assert not consumer.is_alive()


@pytest.mark.parametrize("url", ["http://127.0.0.1/x", "rtsp://", "file:///etc/passwd"])
def test_only_cameras_by_url(url: str) -> None:
    """Only rtsp and rtsps addresses are opened by URL: no file, no web page."""
    with pytest.raises(NotFound):
        open_source(url)


def test_absent_camera_is_unavailable() -> None:
    """A camera that never answers is given up after a while; the error names the host and never the password."""
    source = StreamSource("rtsp://user:secret@127.0.0.1:9/lane", timeout=1, give_up=0.3)
    with pytest.raises(Unavailable) as caught:
        list(source)
    assert "127.0.0.1" in str(caught.value)
    assert "secret" not in caught.value.diagnostics()


ServeFile = Callable[[Path, str], tuple[subprocess.Popen[str], str]]


@pytest.fixture
def serve_rtsp() -> Iterator[ServeFile]:
    """Start Debian's GStreamer RTSP server on loopback for a file; skip where it is not installed."""
    running: list[subprocess.Popen[str]] = []

    def start(path: Path, port: str = "0") -> tuple[subprocess.Popen[str], str]:
        script = Path(__file__).with_name("rtsp_server.py")
        server = subprocess.Popen(
            ["/usr/bin/python3", str(script), str(path), port],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        running.append(server)
        assert server.stdout is not None
        bound = server.stdout.readline().strip()
        if not bound:
            pytest.skip("no GStreamer RTSP server here (tools/setup-system installs it)")
        return server, bound

    yield start
    for server in running:
        server.kill()
        server.communicate()


def test_rtsp_camera(serve_rtsp: ServeFile, video: Path) -> None:
    """A real RTSP camera over TCP gives its frames with stamps of their arrival, through the newest-first queue."""
    _, port = serve_rtsp(video, "0")
    stream = StreamSource(f"rtsp://127.0.0.1:{port}/lane", timeout=60, give_up=0.0)
    with NewestFirst(stream, capacity=100) as live:
        frames = list(live)
    assert len(frames) >= 20
    assert live.counts.dropped == 0
    means = [float(frame.luma.mean()) for frame in frames]
    assert means == sorted(means)
    times = [frame.time for frame in frames]
    assert times == sorted(times)
    assert times[0].tzinfo is UTC
    assert frames[-1].seconds >= frames[0].seconds


def test_rtsp_reconnects(serve_rtsp: ServeFile, video: Path) -> None:
    """When the camera restarts, the stream is connected again and goes on counting."""
    server, port = serve_rtsp(video, "0")
    stream = StreamSource(f"rtsp://127.0.0.1:{port}/lane", timeout=10, give_up=300.0)
    seen = 0
    with stream:
        for frame in stream:
            assert frame.index == seen
            seen += 1
            if seen == 5:
                server.kill()
                server.wait()
                server, _ = serve_rtsp(video, port)
            if stream.counts.reconnects and seen >= 30:
                stream.close()
    assert seen >= 30
    assert stream.counts.reconnects >= 1


def test_plane_of_wide_video_matches_colour(tmp_path: Path) -> None:
    """A width that is no multiple of the decoder's line size is cut to the picture, without a skew."""
    path = tmp_path / "odd.mkv"
    rng = np.random.default_rng(1)
    scene: Pixels = np.asarray(
        cv2.resize(rng.integers(0, 255, (9, 11, 3), np.uint8), (182, 94)), dtype=np.uint8
    )
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = 182, 94, "yuv420p"
        for _ in range(2):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(scene, format="bgr24")))
        container.mux(stream.encode())
    with VideoSource(path) as source:
        frame = next(iter(source))
    grey = cv2.cvtColor(frame.colour(), cv2.COLOR_BGR2GRAY).astype(float)
    assert np.corrcoef(grey.ravel(), frame.luma.ravel())[0, 1] > 0.995
