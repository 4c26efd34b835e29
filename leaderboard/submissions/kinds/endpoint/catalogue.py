"""What can be wrong with a hosted model; docs/checks.md lists it."""

from __future__ import annotations

from leaderboard.endpoints.addresses import MOST_CHARACTERS
from leaderboard.submissions.catalogue import WARNING, Catalogue, Template

URL, TOKENIZER = "endpoint.url", "tokenizer"
ENDPOINT = Catalogue(
    {
        "endpoint_url_too_long": Template(
            URL,
            "The address has {found} characters.",
            f"Give a base address of at most {MOST_CHARACTERS} characters.",
        ),
        "endpoint_url_unreadable": Template(
            URL,
            "The address is not one that this board can use.",
            "Give it as https://HOST/PATH in plain ASCII, with a name, or an address in its usual notation. Write "
            "other letters of a name in punycode.",
        ),
        "endpoint_url_credentials": Template(
            URL,
            "The address holds a name or password.",
            "Remove what stands before the @. A key is given by its name in the field secret.",
        ),
        "endpoint_url_query": Template(
            URL,
            "The address has a query or a fragment.",
            "Give the base address only, to which /completions or /chat/completions is added.",
        ),
        "endpoint_not_https": Template(
            URL,
            "The address begins with http, which everybody on the way can read and change.",
            "Serve the model over https, or ask this board's maintainers to allow your host.",
        ),
        "endpoint_port": Template(
            URL,
            "The port {found} is used by other services.",
            "Use the port 443, or one from 1024 on.",
        ),
        "endpoint_unresolved": Template(
            URL,
            "The name {found} has no address.",
            "Check the name, and try again later if it is new.",
        ),
        "endpoint_private_address": Template(
            URL,
            "{found} leads to an address that is not public (private, loopback, link-local, shared or reserved).",
            "Serve the model at a public address, or ask this board's maintainers to allow your host.",
        ),
        "endpoint_api_not_taken": Template(
            "endpoint.api",
            "The benchmark {benchmark} does not take the interface {value}.",
            "It takes: {known}.",
        ),
        "endpoint_columns_unscored": Template(
            "endpoint.api",
            "{why}, so these columns of {benchmark} would have no score: {columns}.",
            "Submit it with the interface completions, which has to return logprobs with echo, and name its tokenizer.",
        ),
        "endpoint_columns_left_out": Template(
            "endpoint.api",
            "{why}, so these columns of {benchmark} will have no score: {columns}.",
            "Submit it with the interface completions and its tokenizer to have them scored.",
            WARNING,
        ),
        "endpoint_nothing_scored": Template(
            "endpoint.api",
            "{why}, and {benchmark} has no column that it could answer.",
            "Submit it with the interface completions, which has to return logprobs with echo, and name its tokenizer.",
        ),
        "endpoint_secret_unknown": Template(
            "endpoint.secret",
            "There is no key named {value} that {sender} may have sent to this host.",
            "Check the name and the address, or ask this board's maintainers: they say who may name a key and which "
            "hosts it is sent to.",
        ),
        "endpoint_secret_in_clear": Template(
            "endpoint.secret",
            "The key {value} would be sent over http.",
            "Serve the model over https.",
        ),
        "endpoint_tokenizer_unreadable": Template(
            TOKENIZER,
            "{value} is not a repository that this board can read on the Hub ({why}).",
            "Give a public repository that holds the model's tokenizer, as org/name.",
        ),
        "endpoint_tokenizer_missing": Template(
            TOKENIZER,
            "{value} has no tokenizer.json and no other vocabulary at {sha}.",
            "Push the tokenizer, or name another repository.",
        ),
        "endpoint_tokenizer_code": Template(
            TOKENIZER,
            "The tokenizer of {value} requires its own code: {file} has auto_map at {sha}.",
            "This board runs no code from repositories. Name one whose tokenizer transformers loads by itself.",
        ),
    }
)
