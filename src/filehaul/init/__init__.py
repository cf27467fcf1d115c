"""`filehaul init`: a commented config from a few answers, from a page of a listing, or from a
vendor's OpenAPI document.
"""

from .answers import AUTHS, Answers, config_text
from .draft import Asked, Draft, drafted
from .openapi import from_openapi
from .pages import Page, read_headers, read_page
from .preset import preset_text
from .spec import read_spec
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
    "from_openapi",
    "preset_text",
    "read_headers",
    "read_page",
    "read_spec",
    "text_of",
    "write",
]
