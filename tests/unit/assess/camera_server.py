"""A real RTSP camera on loopback (GStreamer). Run by Debian's own Python.

Usage: camera_server.py [--tls CERT_AND_KEY_PEM] [--login USER PASSWORD]; prints its port and serves until it is ended.
The stream is a test pattern at /lane.
"""

import argparse
import sys
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

options = argparse.ArgumentParser()
options.add_argument("--tls")
options.add_argument("--login", nargs=2)
chosen = options.parse_args()

Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service("0")
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(
    "( videotestsrc is-live=true ! video/x-raw,format=I420,width=64,height=48,framerate=5/1 ! jpegenc ! rtpjpegpay name=pay0 pt=26 )"
)
if chosen.tls or chosen.login:
    auth = GstRtspServer.RTSPAuth()
    if chosen.tls:
        pem = Path(chosen.tls).read_text(encoding="ascii")
        auth.set_tls_certificate(Gio.TlsCertificate.new_from_pem(pem, -1))
    if chosen.login:
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "viewer")
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(chosen.login[0], chosen.login[1], token)
        role = Gst.Structure.new_empty("viewer")
        role.set_value("media.factory.access", True)
        role.set_value("media.factory.construct", True)
        factory.add_role_from_structure(role)
    else:
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "anonymous")
        auth.set_default_token(token)
        role = Gst.Structure.new_empty("anonymous")
        role.set_value("media.factory.access", True)
        role.set_value("media.factory.construct", True)
        factory.add_role_from_structure(role)
    server.set_auth(auth)
server.get_mount_points().add_factory("/lane", factory)
if server.attach(None) == 0:
    sys.exit("no port")
print(server.get_bound_port(), flush=True)  # noqa: T201 - the port is what the test waits for
GLib.MainLoop().run()
