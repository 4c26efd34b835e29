"""ETags in the headers of conditional requests: RFC 9110, sections 8.8.3 and 13."""

import re

_TAG = re.compile(r'(?:W/)?("[^"]*")')


def is_named(etag: str, if_none_match: str) -> bool:
    """Whether `If-None-Match` names this content: `*`, or a list of tags, of which weak ones (`W/"…"`) count too."""
    return if_none_match.strip() == "*" or etag in _TAG.findall(if_none_match)


def may_continue(etag: str, if_range: str | None) -> bool:
    """Whether a range may be answered: without `If-Range`, or when it equals this tag; never for weak tags or dates."""
    return if_range is None or if_range.strip() == etag
