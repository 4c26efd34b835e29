"""What can go wrong between the relay and an endpoint, each with its sentence and whose fault it is."""

from __future__ import annotations

from typing import NamedTuple

from leaderboard.records import Fault


class Sentence(NamedTuple):
    """Of one code; with {host}, and {detail} of our own making."""

    text: str
    fault: Fault = Fault.SUBMISSION
    again: bool = False
    """Whether the same request may succeed a little later."""


AGAIN = "and ask for a relaunch"
SENTENCES = {
    "endpoint_unreachable": Sentence(
        f"{{host}} could not be reached: {{detail}}. Start the endpoint, check that it is open to this board, {AGAIN}.",
        again=True,
    ),
    "endpoint_network": Sentence(
        "This board's worker could not reach the network: {detail}.", Fault.INFRASTRUCTURE, again=True
    ),
    "endpoint_address": Sentence(
        "{host} now leads to an address that is not public. Let its name lead to a public address, and ask for a "
        "relaunch."
    ),
    "endpoint_tls": Sentence(
        f"The encryption of {{host}} was refused: {{detail}}. Give it a certificate that browsers accept, {AGAIN}."
    ),
    "endpoint_redirect": Sentence(
        "{host} answered with a redirect (status {detail}), which is not followed. Submit the address that it leads to."
    ),
    "endpoint_timeout": Sentence(
        f"{{host}} did not answer completely within {{detail}} s. Make the endpoint faster, {AGAIN}.", again=True
    ),
    "endpoint_server_error": Sentence(
        f"{{host}} answered with a server error (status {{detail}}) each time. Look at its log, fix it, {AGAIN}.",
        again=True,
    ),
    "endpoint_busy": Sentence(
        "{host} refused requests because there were too many (status {detail}), also after the waits that it asked for "
        f"or this benchmark allows. Raise its rate limit, {AGAIN}.",
        again=True,
    ),
    "endpoint_key_refused": Sentence(
        f"{{host}} refused the key (status {{detail}}). Check which key the submission names and whether it is valid, "
        f"{AGAIN}."
    ),
    "endpoint_not_found": Sentence(
        "{host} knows no such model or address (status {detail}). Check the model's name and the base address, and "
        "submit it again."
    ),
    "endpoint_rejected": Sentence(
        "{host} rejected a request (status {detail}). Check that it takes the parameters that the result's "
        f"documentation lists, {AGAIN}."
    ),
    "endpoint_garbage": Sentence(
        f"{{host}} did not answer in the OpenAI format: {{detail}}. Fix the endpoint, {AGAIN}."
    ),
    "endpoint_cost_cap": Sentence(
        "The evaluation reached the benchmark's cost cap ({detail}) and was stopped. Ask the maintainers whether it "
        "can have more."
    ),
    "endpoint_secret": Sentence(
        "The key that the submission names is not on this worker, or may not be sent to {host} any more.",
        Fault.INFRASTRUCTURE,
    ),
    "endpoint_relay": Sentence("The connection between the job and {host} was lost on our side.", Fault.INFRASTRUCTURE),
}
"""Failure code -> its sentence."""


class EndpointFault(Exception):
    """One request went wrong."""

    def __init__(self, code: str, detail: object = "", wait_s: float | None = None) -> None:
        self.code = code
        self.detail = str(detail)
        self.wait_s = wait_s
        """How long the endpoint asks to wait before the next try."""
        super().__init__(f"{code}: {detail}")

    @property
    def again(self) -> bool:
        """Whether the same request may succeed a little later."""
        return SENTENCES[self.code].again


def sentence(code: str, host: str, detail: str = "") -> str:
    """What the submitter reads."""
    return SENTENCES[code].text.format(host=host, detail=detail)
