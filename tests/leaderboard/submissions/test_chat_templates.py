"""What is seen of a chat template before it is rendered."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard.submissions.kinds.checkpoint.checks.templates import MAX_TEMPLATE_CHARACTERS, template_fault


@pytest.mark.parametrize(
    "template",
    [
        "{{ messages }}",
        "{% for m in messages %}{% if loop.first %}{% continue %}{% endif %}{% endfor %}",
        "{% generation %}{{ content }}{% endgeneration %}",
        "{{ raise_exception('roles must alternate') }}{{ strftime_now('%Y') }}{{ x | tojson }}",
    ],
)
def test_templates_of_transformers_are_parsed(template: str) -> None:
    assert template_fault(template) == ""


@pytest.mark.parametrize(
    "template",
    [
        "{% endif %}",
        "{{ 'a",
        "{% generation %}",
        "{{ " + "(" * 5000 + " }}",
        "{{ " + "9" * 5000 + " }}",
        "x" * (MAX_TEMPLATE_CHARACTERS + 1),
        "{% include '../../.env' %}",
        "{% if messages %}{% for m in messages %}{% include m.content ignore missing %}{% endfor %}{% endif %}",
        "{% import 'x' as y %}",
        "{% from 'x' import y %}",
        "{% extends 'x' %}",
        "{% generation %}{% macro a() %}{% include 'x' %}{% endmacro %}{% endgeneration %}",
    ],
)
def test_templates_that_cannot_be_used_say_why(template: str) -> None:
    assert template_fault(template)


@given(template=st.text("{}%#-'\"\\ \nabif()[].|9e_", max_size=60))
@settings(deadline=None, max_examples=200)
def test_any_text_is_a_template_or_says_why_not(template: str) -> None:
    assert isinstance(template_fault(template), str)


def test_parsing_a_template_runs_nothing_of_it() -> None:
    assert template_fault("{{ 'a' * 10 ** 12 }}{% for i in range(10 ** 12) %}{% endfor %}") == ""
