"""What goes wrong between the relay and an endpoint, each told by its own code; and what is sent again, how often."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from backend.failures import FOUND
from backend.relay.calls import Caller, Task
from backend.relay.faults import SENTENCES, EndpointFault, sentence
from backend.relay.load import measure
from leaderboard.benchmarks.challenge import EndpointRules
from leaderboard.endpoints import addresses
from leaderboard.records import Fault
from tests.openai_server import NAME, Handler, Say, Server, always, serving, text_answer

KEY = "sk-very-secret"
PAYLOAD = {"prompt": "2 + 2 =", "max_tokens": 4}


def caller(url: str, hosts: tuple[str, ...] = ("127.0.0.1", "localhost"), **rules: Any) -> Caller:
    limits = EndpointRules.model_validate({"retry_seconds": 0.0, "retries": 2, "request_seconds": 5.0, **rules})
    return Caller(Task(url=url, model=NAME, key=SecretStr(KEY), hosts=list(hosts), rules=limits))


def fault(say: Say, **rules: Any) -> tuple[EndpointFault, Server]:
    with serving(say) as server, pytest.raises(EndpointFault) as caught:
        caller(server.url, **rules).ask("completions", PAYLOAD)
    return caught.value, server


@pytest.mark.parametrize(
    ("status", "code", "times"),
    [
        (500, "endpoint_server_error", 3), (502, "endpoint_server_error", 3), (503, "endpoint_server_error", 3),
        (429, "endpoint_busy", 3), (408, "endpoint_busy", 3), (401, "endpoint_key_refused", 1),
        (403, "endpoint_key_refused", 1), (404, "endpoint_not_found", 1), (400, "endpoint_rejected", 1),
        (422, "endpoint_rejected", 1), (301, "endpoint_redirect", 1), (302, "endpoint_redirect", 1),
        (307, "endpoint_redirect", 1),
    ],
)  # fmt: skip
def test_statuses(status: int, code: str, times: int) -> None:
    found, server = fault(always("no", status, Location="http://169.254.169.254/"))
    assert (found.code, found.detail) == (code, str(status))
    assert len(server.seen) == times, "only what may pass is tried again, as often as the benchmark says"


def test_what_passes_is_tried_again_and_counted() -> None:
    def say(handler: Handler, body: dict[str, Any]) -> None:
        number = len(handler.server.seen)
        if number == 1:
            handler.answer("busy", 429, Retry_After="0")
        elif number == 2:
            handler.answer("broken", 500)
        else:
            handler.answer(text_answer())

    with serving(say) as server:
        one = caller(server.url, retry_seconds=0.01)
        assert one.ask("completions", PAYLOAD)["choices"][0]["text"] == "four"
        account = one.account()
    assert (account["requests"], account["retries"]) == (3, 2)
    assert account["models"] == [NAME] and account["fingerprints"] == ["fp_1"]
    assert account["parameters"] == {"completions": {"max_tokens": 4}}
    for path, headers, body in server.seen:
        assert path == "/v1/completions" and body == {**PAYLOAD, "model": NAME}
        assert headers["Authorization"] == f"Bearer {KEY}" and headers["Host"] == server.host


def test_retry_after_is_honoured_and_a_wait_beyond_the_cap_is_not_waited_for() -> None:
    found, server = fault(always("busy", 429, Retry_After="100000"), retry_seconds=0.0)
    assert found.code == "endpoint_busy" and found.wait_s == 100000 and len(server.seen) == 1
    found, server = fault(always("busy", 429, Retry_After="Wed, 21 Oct 2099 07:28:00 GMT"))
    assert found.code == "endpoint_busy" and len(server.seen) == 1
    moments: list[float] = []

    def say(handler: Handler, body: dict[str, Any]) -> None:
        moments.append(time.monotonic())
        handler.answer("busy", 429, Retry_After="1") if len(moments) == 1 else handler.answer(text_answer())

    with serving(say) as server:
        caller(server.url).ask("completions", PAYLOAD)
    assert moments[1] - moments[0] >= 1.0


@pytest.mark.parametrize(
    "content",
    ["not JSON", "", "[1]", '{"choices": NaN}', '{"a": -Infinity}', "[" * 100_000, "\x00\xff", "<html>"],
)
def test_answers_that_are_no_json_objects(content: str) -> None:
    found, server = fault(always(content))
    assert found.code == "endpoint_garbage" and len(server.seen) == 1


def raw(*parts: bytes, pause: float = 0.0) -> tuple[str, socket.socket]:
    """A server on a bare socket that sends `parts` to everybody, again and again the last, and then hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def work() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(connection,), daemon=True).start()

    def talk(connection: socket.socket) -> None:
        with connection:
            connection.recv(65536)
            try:
                for part in parts:
                    connection.sendall(part)
                while pause and parts:
                    connection.sendall(parts[-1])
                    threading.Event().wait(pause)
            except OSError:
                return

    threading.Thread(target=work, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}/v1", listener


@pytest.mark.parametrize(
    ("parts", "pause", "code"),
    [
        ([b"SSH-2.0-OpenSSH\r\n"], 0.0, "endpoint_garbage"),
        ([b""], 0.0, "endpoint_unreachable"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"], 0.0, "endpoint_unreachable"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"], 0.0, "endpoint_unreachable"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x"], 0.02, "endpoint_timeout"),
        ([b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"], 0.02, "endpoint_timeout"),
        ([b"H"], 0.02, "endpoint_timeout"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", b"x" * (1 << 20)], 0.0001, "endpoint_garbage"),
    ],
    ids=["no HTTP", "hangs up", "cut", "cut chunk", "drips a body", "drips a header", "drips a status", "too much"],
)
def test_answers_that_are_cut_drip_or_never_end(parts: list[bytes], pause: float, code: str) -> None:
    url, listener = raw(*parts, pause=pause)
    seconds = 20.0 if code == "endpoint_garbage" else 0.5
    with listener, pytest.raises(EndpointFault) as caught:
        caller(url, retries=0, request_seconds=seconds).ask("completions", PAYLOAD)
    assert caught.value.code == code


def test_silence_and_refused_connections() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    with listener, pytest.raises(EndpointFault) as silent:
        caller(url, retries=0, request_seconds=0.3).ask("completions", PAYLOAD)
    assert silent.value.code == "endpoint_timeout" and silent.value.detail == "0.3"
    with pytest.raises(EndpointFault) as closed:
        caller(url, retries=1).ask("completions", PAYLOAD)
    assert closed.value.code == "endpoint_unreachable" and "refused" in closed.value.detail


def test_names_that_are_not_resolved_are_our_fault_where_the_network_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    for number, code in ((socket.EAI_AGAIN, "endpoint_network"), (socket.EAI_NONAME, "endpoint_unreachable")):

        def fails(*_: Any, number: int = number, **__: Any) -> None:
            raise socket.gaierror(number, "no")

        monkeypatch.setattr(addresses.socket, "getaddrinfo", fails)
        with pytest.raises(EndpointFault) as caught:
            caller("https://api.example.org/v1")
        assert caught.value.code == code
    assert SENTENCES["endpoint_network"].fault is Fault.INFRASTRUCTURE
    assert SENTENCES["endpoint_unreachable"].fault is Fault.SUBMISSION


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A certificate for `localhost` that nobody else has signed, with its key."""
    file = tmp_path_factory.mktemp("tls") / "own.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"]
    subprocess.run([*words, *names, "-keyout", file, "-out", f"{file}.crt"], check=True, capture_output=True)
    file.write_text(file.read_text() + Path(f"{file}.crt").read_text())
    yield file


def test_tls(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(always(text_answer()), certificate) as server:
        port = server.server_address[1]
        with pytest.raises(EndpointFault) as unknown:
            caller(f"https://localhost:{port}/v1").ask("completions", PAYLOAD)
        assert unknown.value.code == "endpoint_tls" and "self-signed" in unknown.value.detail
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert caller(f"https://localhost:{port}/v1").ask("completions", PAYLOAD)["model"] == NAME
        with pytest.raises(EndpointFault) as other_name:
            caller(f"https://127.0.0.1:{port}/v1").ask("completions", PAYLOAD)
        assert other_name.value.code == "endpoint_tls"
        assert all(headers["Authorization"] for _, headers, _ in server.seen) and len(server.seen) == 1
    with serving(always(text_answer())) as server, pytest.raises(EndpointFault) as plain:
        caller(f"https://localhost:{server.server_address[1]}/v1").ask("completions", PAYLOAD)
    assert plain.value.code == "endpoint_tls" and not server.seen, "no key is sent in clear"


def test_a_name_that_leads_inside_by_now_is_not_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(always(text_answer())) as server:
        port = server.server_address[1]
        with pytest.raises(EndpointFault) as caught:
            caller(f"http://localhost:{port}/v1", hosts=()).ask("completions", PAYLOAD)
        assert caught.value.code == "endpoint_address" and not server.seen

        resolved: list[str] = []
        real = socket.getaddrinfo

        def rebinding(host: Any, *more: Any, **others: Any) -> Any:
            """A resolver that gives a public address first and a private one from then on."""
            resolved.append(str(host))
            return real("1.1.1.1" if resolved.count(str(host)) == 1 else "127.0.0.1", *more, **others)

        monkeypatch.setattr(addresses.socket, "getaddrinfo", rebinding)
        one = caller(f"https://rebinding.example:{port}/v1", hosts=(), request_seconds=0.5, retries=0)
        monkeypatch.setattr("backend.relay.connection.CONNECT_S", 0.5)
        with pytest.raises(EndpointFault):
            one.ask("completions", PAYLOAD)
        assert resolved.count("rebinding.example") == 1, "resolved once, and never again"
        assert not server.seen


@pytest.mark.parametrize(
    ("rules", "detail"),
    [({"max_requests": 2}, "2 requests"), ({"max_tokens": 20}, "20 tokens"), ({"max_seconds": 1}, "1 seconds")],
)
def test_cost_caps(rules: dict[str, Any], detail: str) -> None:
    def say(handler: Handler, body: dict[str, Any]) -> None:
        handler.answer(text_answer("word " * 4) | {"usage": {"prompt_tokens": 0, "completion_tokens": 0}})

    with serving(say) as server:
        one = caller(server.url, **rules)
        began = time.monotonic()
        with pytest.raises(EndpointFault) as caught:
            while time.monotonic() - began < 20:
                one.ask("completions", PAYLOAD)
    assert caught.value.code == "endpoint_cost_cap" and caught.value.detail == detail
    assert one.account()["requests"] == len(server.seen), "nothing is sent beyond the cap"


def test_the_cap_ends_tries_too() -> None:
    found, server = fault(always("broken", 500), retries=20, max_requests=3)
    assert found.code == "endpoint_cost_cap" and len(server.seen) == 3


def test_the_key_is_taken_out_of_answers() -> None:
    with serving(always(text_answer(f"Your key is {KEY}."))) as server:
        answer = caller(server.url).ask("completions", PAYLOAD)
    assert KEY not in json.dumps(answer) and "[key]" in json.dumps(answer)


def test_nothing_but_the_two_routes_of_the_one_model_is_asked() -> None:
    with serving(always(text_answer())) as server:
        one = caller(server.url)
        for route in ("../admin", "models", "completions?x=1", "completions\r\nHost: x"):
            with pytest.raises(EndpointFault):
                one.ask(route, PAYLOAD)
        one.ask("chat/completions", {"messages": [], "model": "another"})
    assert [(path, body["model"]) for path, _, body in server.seen] == [("/v1/chat/completions", NAME)]


def test_what_the_list_of_models_says() -> None:
    with serving(always(text_answer())) as server:
        assert caller(server.url).models_listed() == {
            "id": NAME, "object": "model", "owned_by": "tests", "revision": "r1"
        }  # fmt: skip
        assert caller(f"{server.url}/elsewhere").models_listed() is None


def test_load_with_streams_without_and_with_errors() -> None:
    events = [{"choices": [{"delta": {"content": word}}]} for word in ("", "one", " two", " three")]

    def streams(handler: Handler, body: dict[str, Any]) -> None:
        if body.get("stream_options"):
            handler.answer("unknown field", 400)
        else:
            handler.stream(events)

    payload = {"messages": [{"role": "user", "content": "Count."}], "max_tokens": 8}
    with serving(streams) as server:
        streamed = measure(caller(server.url), "chat/completions", payload, 2, 6)
    assert streamed["streams"] and len(streamed["samples"]) == 6 and len(server.seen) == 8
    assert {(sample["tokens"], sample["fault"]) for sample in streamed["samples"]} == {(3, "")}
    assert all(0 < sample["first"] <= sample["seconds"] for sample in streamed["samples"])

    def now_and_then(handler: Handler, body: dict[str, Any]) -> None:
        if len(handler.server.seen) % 2:
            handler.answer(text_answer("x" * 400) | {"usage": {"completion_tokens": 10**6}})
        else:
            handler.answer("busy", 429, Retry_After="0")

    with serving(now_and_then) as server:
        mixed = measure(caller(server.url), "completions", PAYLOAD, 1, 6)
    assert [sample["fault"] for sample in mixed["samples"]].count("endpoint_busy") == 3, "none is sent twice"
    assert {sample["tokens"] for sample in mixed["samples"]} == {0, 4}, "never more tokens than were asked for"
    assert all(sample["first"] is None for sample in mixed["samples"])


def test_load_stops_at_the_cost_cap_and_where_nothing_is_taken() -> None:
    with serving(always(text_answer())) as server, pytest.raises(EndpointFault) as capped:
        measure(caller(server.url, max_requests=5), "completions", PAYLOAD, 2, 50)
    assert capped.value.code == "endpoint_cost_cap" and len(server.seen) == 5
    with serving(always("no", 400)) as server, pytest.raises(EndpointFault) as refused:
        measure(caller(server.url), "completions", PAYLOAD, 2, 50)
    assert refused.value.code == "endpoint_rejected" and len(server.seen) == 3


def test_every_fault_is_a_failure_code_with_a_sentence() -> None:
    assert SENTENCES.keys() | {"endpoint_columns"} == {code for code in FOUND if code.startswith("endpoint_")}
    for code in SENTENCES:
        text = sentence(code, "api.example.org", "a word")
        assert text.endswith(".") and "{" not in text, code
