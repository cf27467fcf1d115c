"""What a vendor's answer looks like: which array has the records, what leads to the next page,
which field is which column. `init` writes a config of it, `check` compares it with one.

Nothing in here is used in a sync: a guess proves nothing.
"""

from .arrays import Arrays, arrays, selector
from .columns import Columns, Guess, columns
from .markers import Kind, Markers, markers
from .paging import Paged, is_token_param, paged, proposal
from .seen import bare
from .shapes import algorithms_by_shape, hashes, time_codec

__all__ = [
    "Arrays",
    "Columns",
    "Guess",
    "Kind",
    "Markers",
    "Paged",
    "algorithms_by_shape",
    "arrays",
    "bare",
    "columns",
    "hashes",
    "is_token_param",
    "markers",
    "paged",
    "proposal",
    "selector",
    "time_codec",
]
