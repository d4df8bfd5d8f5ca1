"""A small server with the chat interface, on this machine alone, that does as it is told: `plan` holds what to do next."""

import json
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Served:
    """`plan`: what the next requests get: (status, body bytes, headers), "slow", "cut" or "moved"; then `says(payload)` answers."""

    def __init__(self, says=lambda payload: "no", models=("tiny",)):
        self.says, self.models, self.plan, self.got, self.headers = says, models, deque(), [], []
        self.most = self.here = 0
        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_port}/v1"

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def completion(text, finish="stop"):
    message = {"role": "assistant", "content": text}
    return json.dumps(
        {"object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": finish}]}
    ).encode()


def _handler(served):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_GET(self):
            self.send(200, json.dumps({"data": [{"id": name} for name in served.models]}).encode())

        def do_POST(self):
            payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with served.lock:
                served.got.append(payload)
                served.headers.append(dict(self.headers))
                served.here += 1
                served.most = max(served.most, served.here)
                step = served.plan.popleft() if served.plan else None
            try:
                self.answer(step, payload)
            finally:
                with served.lock:
                    served.here -= 1

        def answer(self, step, payload):
            if step == "slow":
                time.sleep(0.5)
            if step == "cut":
                self.close_connection = True
                return
            if isinstance(step, tuple):
                self.send(*step)
            else:
                self.send(200, completion(served.says(payload)))

        def send(self, status, body, headers=()):
            try:
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except OSError:  # the other side had no patience
                self.close_connection = True

    return Handler
