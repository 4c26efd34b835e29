"""What the search says of itself wherever it is offered: the page, the command's help, the MCP tool, the documentation.

`docs/users.md` has the same examples; a test reads both and runs every query of that page.
"""

from __future__ import annotations

from typing import NamedTuple

PLACEHOLDER = "name1; name2; Hub License: mit"
"""Of an empty search field."""


class Example(NamedTuple):
    """A query, and what it finds."""

    query: str
    meaning: str


EXAMPLES = (
    Example("llama; qwen", "names that contain llama or qwen"),
    Example("70b instruct -merge", "both words in the name, and not “merge”"),
    Example("Hub License: mit; params:<10", "MIT licence and under 10 billion parameters"),
    Example("llama precision: bfloat16", "a word and a field: both must hold, in any order"),
    Example("license: mit, apache-2.0", "one of two licences"),
    Example("/^(google|meta-llama)\\//", "a regular expression (RE2)"),
    Example("https://hf.co/google/gemma-2-9b", "the model at an address of the Hub"),
)
RULES = (
    ("`llama 70b`", "words: each must be in the model's name; four or more hex digits also find revisions"),
    ("`llama; qwen 7b`", "names separated by `;` or a line break are alternatives: llama, or qwen and 7b"),
    ('`"llama-3;"`', "text in quotes is one word, with its spaces, `;` and `-`"),
    ("`/instruct$/`", "a regular expression (RE2) on the name"),
    ("`precision: bfloat16`", "a field and its one value; different fields must all hold, with or without `;` between"),
    ("`license: mit, apache-2.0`", "several values of one field, after commas or its name again, are alternatives"),
    ('`license: "mit"`', "the whole value; the only way to write a value with spaces"),
    ('`license: ""`', "rows without a value"),
    ("`architecture: /^llama/`", "a regular expression on a field"),
    ("`params:<10`", "a bound (`<10`, `<=10`, `>7`, `>=7`), a range (`7-13`) or what rounds to a number (`7`, `0.5`)"),
    ("`params:>=7 params:<14`", "bounds must all hold"),
    ("`-merge`, `-license: mit`", "leaves out what the word or field matches, wherever it stands"),
    ("`https://huggingface.co/org/name`", "the model at an address of the Hub; `/tree/main` and so on may follow"),
)
"""What may be written, as Markdown, and what it means."""
QUERY_HELP = (
    "Which rows, in the search grammar of the page: words of the name narrow, `;` separates alternatives, `-` leaves "
    "out, fields take one value: " + ", ".join(f"'{example.query}'" for example in EXAMPLES[:4]) + "."
)
"""For a command's `--help`."""
TOOL_HELP = (
    "words that the model's name must contain; ';' separates alternatives; '-' before a word leaves out; "
    "'license: mit', 'params:<10', 'precision: bfloat16' and 'type: chat' narrow further; empty for all rows"
)
"""For programs that call a function, in one line."""


def describe_search() -> dict[str, object]:
    """What the table's script is told of the search."""
    return {"placeholder": PLACEHOLDER, "examples": [list(example) for example in EXAMPLES]}
