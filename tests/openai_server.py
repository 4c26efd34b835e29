"""A small OpenAI-compatible server on loopback: over a tiny checkpoint, or saying what a test tells it to."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Say = Callable[["Handler", dict[str, Any]], None]
"""What answers a POST, in the place of a checkpoint."""
NAME = "tiny"


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.server.seen.append((self.path, dict(self.headers), {}))
        if self.path == "/v1/models":
            self.answer({"data": [{"id": NAME, "object": "model", "owned_by": "tests", "revision": "r1"}]})
        else:
            self.answer({"error": "nothing here"}, 404)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((self.path, dict(self.headers), body))
        self.server.say(self, body)

    def answer(self, content: Any, status: int = 200, **headers: str) -> None:
        """Send a whole answer; text as it is, anything else as JSON."""
        sent = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(sent)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(sent)

    def stream(self, events: list[dict[str, Any]]) -> None:
        """Send events, the connection's end being theirs."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for event in events:
            self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
            self.wfile.flush()
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        return


class Server(ThreadingHTTPServer):
    """Counts what it was asked."""

    daemon_threads = True

    def __init__(self, say: Say, host: str = "127.0.0.1") -> None:
        super().__init__((host, 0), Handler)
        self.say = say
        self.seen: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        """Path, headers and body of every request."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers that hang up are part of the tests."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


@contextlib.contextmanager
def serving(say: Say, certificate: Path | None = None) -> Iterator[Server]:
    """A server while the block lasts; over TLS with a `certificate` (a file with its key)."""
    server = Server(say)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def always(content: Any, status: int = 200, **headers: str) -> Say:
    """The same answer to every request."""
    return lambda handler, body: handler.answer(content, status, **headers)


def text_answer(text: str = "four") -> dict[str, Any]:
    """What a completion looks like."""
    return {"model": NAME, "system_fingerprint": "fp_1", "choices": [{"index": 0, "text": text}]}


class Checkpoint:
    """Answers with a checkpoint on the processor, one request at a time."""

    def __init__(self, folder: Path) -> None:
        import torch
        import transformers

        self.torch = torch
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self.model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.lock = threading.Lock()

    def __call__(self, handler: Handler, body: dict[str, Any]) -> None:
        if body["model"] != NAME:
            handler.answer({"error": f"no model {body['model']}"}, 404)
            return
        with self.lock, self.torch.no_grad():
            answer = self.completion(body, chat=handler.path.endswith("chat/completions"))
        if body.get("stream"):
            handler.stream([answer, {"choices": [], "usage": answer["usage"]}])
        else:
            handler.answer(answer)

    def completion(self, body: dict[str, Any], chat: bool) -> dict[str, Any]:
        tokens = self.prompt(body, chat)
        generated: list[int] = []
        logits = None
        text = ""
        while len(generated) < body["max_tokens"]:
            output = self.model(self.torch.tensor([tokens + generated])).logits[0].float()
            logits = output if logits is None else logits
            generated.append(int(output[-1].argmax()))
            text = self.tokenizer.decode(generated, skip_special_tokens=True)
            stops = [stop for stop in body.get("stop") or [] if stop and stop in text]
            if stops or generated[-1] == self.tokenizer.eos_token_id:
                text = text[: min((text.index(stop) for stop in stops), default=len(text))]
                break
        choice: dict[str, Any] = {"index": 0, "text": text, "message": {"role": "assistant", "content": text}}
        if body.get("logprobs"):
            choice["logprobs"] = self.logprobs(tokens, generated, logits)
        usage = {"prompt_tokens": len(tokens), "completion_tokens": len(generated)}
        return {"model": NAME, "system_fingerprint": "fp_1", "choices": [choice], "usage": usage}

    def prompt(self, body: dict[str, Any], chat: bool) -> list[int]:
        if chat:
            return list(self.tokenizer.apply_chat_template(body["messages"], add_generation_prompt=True)["input_ids"])
        prompt = body["prompt"]
        if isinstance(prompt, str):
            return list(self.tokenizer(prompt, add_special_tokens=False).input_ids)
        return list(prompt[0]) if isinstance(prompt[0], list) else list(prompt)

    def logprobs(self, tokens: list[int], generated: list[int], logits: Any) -> dict[str, Any]:
        scores = self.torch.log_softmax(logits, dim=-1)
        whole = tokens + generated[:1]
        own: list[float | None] = [None, *(float(scores[at - 1, whole[at]]) for at in range(1, len(whole)))]
        best: list[dict[str, float] | None] = [
            None, *({str(int(scores[at - 1].argmax())): float(scores[at - 1].max())} for at in range(1, len(whole)))
        ]  # fmt: skip
        return {"token_logprobs": own, "top_logprobs": best, "tokens": [str(token) for token in whole]}
