# Copyright (c) 2026 The syslog-ng-sip authors
# SPDX-License-Identifier: GPL-2.0-or-later

"""A proxy in front of the search engine that fails as engines, proxies and networks do."""

import collections
import http.client
import http.server
import socket
import threading
import time


class FaultProxy:
    """PLAN(number of the request, from 0) names what happens to a _bulk request:

    pass              the engine's own answer
    429, 503, 504 ... that status, nothing stored
    close             the connection closes in the middle of the request, nothing stored
    store-close       all stored, then the connection closes without an answer
    half-close        the first half of the batch stored, then the connection closes
    store-503         all stored, but the answer is 503
    store-hang        all stored, but no answer before the client gives up
    """

    def __init__(self, engine_port, plan):
        self.engine_port = engine_port
        self.plan = plan
        self.seen = collections.Counter()
        self.lock = threading.Lock()
        self.number = 0
        self.hang_seconds = 8
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                proxy.handle(self)

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_):
                pass  # the faults close connections

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = "http://127.0.0.1:%d" % self.port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def forward(self, request, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.engine_port, timeout=120)
        connection.request("POST", request.path, body, {"Content-Type": request.headers["Content-Type"]})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, content

    @staticmethod
    def answer(request, status, content=b"{}"):
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    @staticmethod
    def close(request):
        request.close_connection = True
        try:
            request.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def handle(self, request):
        with self.lock:
            fault = self.plan(self.number)
            self.number += 1
            self.seen[fault] += 1
        length = int(request.headers["Content-Length"])
        if fault == "close":
            request.rfile.read(length // 2)
            self.close(request)
            return
        body = request.rfile.read(length)
        if fault.isdigit():
            self.answer(request, int(fault), b'{"error":"made by the test"}')
        elif fault == "pass":
            try:
                self.answer(request, *self.forward(request, body))
            except OSError:
                self.close(request)     # the engine is down
        elif fault == "half-close":
            lines = body.split(b"\n")
            half = len(lines) // 4 * 2
            if half:
                self.forward(request, b"\n".join(lines[:half]) + b"\n")
            self.close(request)
        else:
            self.forward(request, body)
            if fault == "store-503":
                self.answer(request, 503)
            elif fault == "store-hang":
                time.sleep(self.hang_seconds)
                self.close(request)
            else:
                self.close(request)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
