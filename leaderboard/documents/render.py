"""Templates to markup, with every inserted value escaped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup

from leaderboard.documents import words
from leaderboard.records import MODEL_TYPE_SYMBOLS, ModelType, Problem, Severity, kind_of, resumed

MARKDOWN = MarkdownIt("commonmark", {"html": False}).disable("image")


def _foreign_link(renderer: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
    """A link in a user's text: search engines must not count it as ours."""
    tokens[at].attrSet("rel", "nofollow noopener ugc")
    return renderer.renderToken(tokens, at, options, env)


MARKDOWN.add_render_rule("link_open", _foreign_link)
FOLDER = Path(__file__).resolve().parent


def time_tag(text: str | None) -> Markup:
    """A relative time, with the exact one on hover."""
    return Markup('<time datetime="{}" title="{}">{}</time>').format(text or "", words.exact(text), words.ago(text))


def model_link(model: str, benchmark: str = "") -> Markup:
    """The model's name, its organisation dimmed, linking to its page here."""
    org, slash, name = model.rpartition("/")
    return Markup('<a class="model" href="{}"><span class="org">{}</span>{}</a>').format(
        address(f"/model/{model}", benchmark=benchmark), org + slash, name
    )


def address(path: str, **query: object) -> str:
    """A path with its query, without empty values."""
    values = {key: value for key, value in query.items() if value not in ("", None, False)}
    return quote(path) + (f"?{urlencode(values)}" if values else "")


def prose(text: str) -> Markup:
    """Markdown as markup, without any HTML that it holds."""
    return Markup(MARKDOWN.render(text))


def type_symbol(model_type: str) -> str:
    """The symbol of a model type; `model_type` may contain the symbol already."""
    for kind in ModelType:
        if kind.value in model_type:
            return MODEL_TYPE_SYMBOLS[kind]
    return MODEL_TYPE_SYMBOLS[ModelType.OTHER]


def errors_of(problems: list[Problem]) -> list[Problem]:
    """The problems that reject a submission."""
    return [problem for problem in problems if problem.severity is Severity.ERROR]


def environment() -> Environment:
    """The templates' environment: escaping on, an unknown name is an error."""
    templates = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {
        "ago": time_tag,
        "prose": prose,
        "left": words.time_left,
        "exact": words.exact,
        "duration": words.duration,
        "params": words.params,
        "score": words.score,
        "count": words.count,
        "percent": words.percent,
        "points": words.points,
        "code_run": words.code_run,
        "engine": words.engine,
        "resumed": resumed,
        "size": words.size,
        "model": model_link,
        "symbol": type_symbol,
        "kind": lambda record: kind_of(record).title,
        "errors": errors_of,
    }
    templates.globals |= {"address": address}
    return templates


TEMPLATES = environment()


def render(template: str, **values: object) -> str:
    """The markup of `templates/{template}.html`."""
    return TEMPLATES.get_template(f"{template}.html").render(**values)
