"""Somebody else's server, as its programmer would write it from the documentation of the webhooks."""

import base64
import hashlib
import hmac
import http.server
import json
import threading
from typing import Any


class Receiver:
    """Answers every POST with ``status``; ``slow``: not before it is closed. ``heard`` is what was proved."""

    def __init__(self, secret: str = "") -> None:
        self.secret = secret
        self.status = 204
        self.slow = False
        self.asked = 0
        self.heard: list[dict[str, Any]] = []
        self._done = threading.Event()
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                owner.asked += 1
                if owner.slow:
                    owner._done.wait(10)
                    return
                status = owner.status if owner.proves(self.headers, body) else 401
                if status == 204:
                    owner.heard.append(json.loads(body))
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", f"http://127.0.0.1:{owner.port}/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Tests are quiet."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def proves(self, headers: Any, body: bytes) -> bool:
        """Whether a signature is that of our secret over id, time and body."""
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        said = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
        mark = "v1," + base64.b64encode(hmac.new(key, said, hashlib.sha256).digest()).decode()
        return mark in headers["webhook-signature"].split(" ")

    def close(self) -> None:
        self._done.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
