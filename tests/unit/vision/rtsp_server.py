"""A real RTSP server on loopback that serves one H.264 file to every client. Run by Debian's own Python.

Usage: rtsp_server.py FILE [PORT]; prints the port it got and serves until it is ended.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(sys.argv[2] if len(sys.argv) > 2 else "0")
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(
    f'( filesrc location="{sys.argv[1]}" ! qtdemux ! h264parse config-interval=1 ! rtph264pay name=pay0 pt=96 )'
)
server.get_mount_points().add_factory("/lane", factory)
if server.attach(None) == 0:
    sys.exit("no port")
print(server.get_bound_port(), flush=True)  # noqa: T201 - the port is what the test waits for
GLib.MainLoop().run()
