"""A server on this machine that speaks the chat-completions JSON and answers as a test tells it to."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    """What the server sends: a status, a body, and headers."""

    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})


def completion(text: str | None) -> Reply:
    """A chat completion whose message is ``text``."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
    return Reply(body=json.dumps(body))


def failure(status: int, message: str = "no luck") -> Reply:
    """An error as OpenAI writes it; a client that retries may do so at once."""
    headers = {"content-type": "application/json", "retry-after-ms": "5"}
    return Reply(status, json.dumps({"error": {"message": message}}), headers)


Answer = Callable[[str, int], Reply]


@dataclass
class Server:
    """``requests`` are the bodies received so far, ``headers`` theirs."""

    url: str
    requests: list[dict[str, Any]]
    headers: list[dict[str, str]]

    @property
    def prompts(self) -> list[str]:
        """What was asked, in the order of arrival."""
        return [request["messages"][0]["content"] for request in self.requests]


@contextmanager
def running(answer: Answer) -> Iterator[Server]:
    """A server that sends ``answer(prompt, number of the request)``."""
    server = Server("", [], [])
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with lock:
                server.requests.append(body)
                server.headers.append({key.lower(): value for key, value in self.headers.items()})
                number = len(server.requests)
            reply = answer(body["messages"][0]["content"], number)
            self.send_response(reply.status)
            for key, value in reply.headers.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(reply.body.encode())

        def log_message(self, *words: object) -> None:
            """Keep the test's output clean."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_port}/v1"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
