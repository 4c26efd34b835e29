"""Search and lookup over MCP and over Gradio's own client, against a real server."""

from __future__ import annotations

import ast
import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from mcp.types import TextContent

from tests.browser.test_table import address

__all__ = ["address"]


ASKED = (
    {"query": "license: mit colour: red org1", "limit": 3},
    {"query": "a" * 20_000},
    {"query": "org1", "limit": 5000},
)


def test_an_mcp_client_searches(address: str) -> None:
    async def ask() -> tuple[list[str], list[tuple[bool, str]]]:
        async with (
            streamablehttp_client(f"{address}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = [tool.name for tool in (await session.list_tools()).tools]
            answers = []
            for asked in ASKED:
                answer = await session.call_tool("search_leaderboard", asked)
                assert isinstance(answer.content[0], TextContent)
                answers.append((bool(answer.isError), answer.content[0].text))
            return tools, answers

    # The browser's driver may run an event loop in this thread.
    with ThreadPoolExecutor(1) as aside:
        tools, ((failed, text), refused, too_many) = aside.submit(asyncio.run, ask()).result()
    assert tools == ["search_leaderboard", "look_up_model"]
    answer = ast.literal_eval(text)
    assert not failed and len(answer["rows"]) == 3
    assert all(row["model"].startswith("org1/") for row in answer["rows"])
    assert "There is no field “colour”" in answer["warnings"][0]
    assert refused[0] and refused[1].startswith(
        "The search is too long: it has 20,000 characters, and may have at most"
    )
    assert too_many == (True, "limit is 5000; it may be from 1 to 100.")


def test_gradios_client_looks_a_model_up(address: str) -> None:
    client = Client(address, verbose=False)
    answer = client.predict("ORG4/model-0004", api_name="/look_up_model")
    assert [row["model"] for row in answer["evaluations"]] == ["org4/model-0004"]
    with pytest.raises(AppError, match="nobody/nothing has not been evaluated"):
        client.predict("nobody/nothing", api_name="/look_up_model")


def test_nothing_else_is_offered_to_programs(address: str) -> None:
    endpoints = Client(address, verbose=False).view_api(return_format="dict")["named_endpoints"]
    assert sorted(endpoints) == ["/look_up_model", "/search_leaderboard"]
