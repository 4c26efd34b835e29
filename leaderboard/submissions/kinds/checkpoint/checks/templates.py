"""Whether a chat template can be parsed and needs no other template, without running any of it."""

from __future__ import annotations

from jinja2 import Environment, TemplateError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser

MAX_TEMPLATE_CHARACTERS = 100_000
"""The longest template that is parsed; the largest in use are a third of it."""


class Generation(Extension):
    """The `{% generation %}` block that transformers adds to the language."""

    tags = {"generation"}  # noqa: RUF012 - jinja2 reads it from the class

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """The block's own content."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


OTHERS: tuple[type[nodes.Stmt], ...] = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)
"""Statements that ask for another template."""
GRAMMAR = Environment(extensions=[Generation, "jinja2.ext.loopcontrols"], autoescape=True)


def template_fault(template: str) -> str:
    """What is wrong with the template, in a few words; "" when nothing is seen."""
    if len(template) > MAX_TEMPLATE_CHARACTERS:
        return f"it is {len(template):,} characters long, at most {MAX_TEMPLATE_CHARACTERS:,} are read"
    try:
        other = next(GRAMMAR.parse(template).find_all(OTHERS), None)
    except TemplateError as error:
        return f"it is not a Jinja template ({error.message or 'no reason given'})"
    except (ValueError, SyntaxError, OverflowError):
        return "it holds a number or text that Jinja cannot read"
    except RecursionError:
        return "it is nested too deeply"
    return f"line {other.lineno} asks for another template, and a checkpoint has none to give" if other else ""
