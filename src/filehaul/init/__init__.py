"""`filehaul init`: a commented config from a few answers, or from a page of a listing."""

from .answers import AUTHS, Answers, config_text
from .draft import Asked, Draft, drafted
from .pages import Page, read_headers, read_page
from .written import connection_name, text_of, write

__all__ = [
    "AUTHS",
    "Answers",
    "Asked",
    "Draft",
    "Page",
    "config_text",
    "connection_name",
    "drafted",
    "read_headers",
    "read_page",
    "text_of",
    "write",
]
