"""Box, as far as files go: ``folders``, ``files``, ``web_links``, ``events``, ``users/me``.

Shapes and rules are those of Box's OpenAPI document (version 2024.0): get_folders_id_items,
get_files_id, get_files_id_content, get_events, get_folders_trash_items, and the schemas File--Full,
Folder--Full, WebLink, Items, Event, ClientError. Where it leaves room, it is what is hardest for a
client: files, folders and web links are numbered apart; ``fields`` gives what it names and no more.
"""

from __future__ import annotations

from filehaul.testing.plays.box.play import Box
from filehaul.testing.plays.box.told import number_of

__all__ = ["PLAY", "Box", "new_id", "number_of"]

PLAY = Box


def new_id(kind: str, number: int) -> str:  # noqa: ARG001 - all kinds alike
    """Digits. Box numbers files, folders and web links each by themselves: a file ``f_7``, a folder
    ``d_7`` and a web link ``w_7`` of an account are all 7 to Box' clients.
    """
    return str(160_839_000_000 + number)
