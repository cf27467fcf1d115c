"""What must hold of the ways in which bytes are asked for: the braces, and what exports need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..templates import braces
from .asking import TARGET, Asking
from .walk import texts

if TYPE_CHECKING:
    from .content import Content
    from .resource import Resource


def agree_on_asking(resource: Resource, content: Content, place: str) -> None:
    """Raises ConfigError for the first thing that does not fit together."""
    names = _names(content, content.path, "content", place)
    if content.path is not None and not names:
        raise ConfigError(
            "content.path is the same for every file",
            where=f"content.path of {place}",
            hint="put the file's key into it: /files/{file_id}/content",
        )
    export = content.export
    if export is None:
        return
    names = _names(export, export.path, "content.export", place)
    unused = None in export.targets if TARGET in names else bool(export.targets - {None})
    if unused or not set(names) - {TARGET}:
        raise ConfigError(
            "content.export.path is the same for every file, or for every format",
            where=f"content.export of {place}",
            hint="put the file's key and {target} into it: /files/{file_id}/export?type={target}; "
            "where the vendor chooses the format, neither {target} nor mime_type in by_mime",
        )
    if resource.fields is not None and resource.fields.mime_type is None:
        raise ConfigError(
            "content.export goes by the records' MIME types, and no field tells them",
            where=f"fields of {place}",
            hint="add mime_type: where it stands in the vendor's record",
        )


def _names(asking: Asking, path: str | None, key: str, place: str) -> list[str]:
    """The names in the braces of the address and of the body."""
    found: list[str] = []
    places = [(f"{key}.path", path or "")]
    places += [(f"{key}.json", one) for one in texts(asking.json_body)]
    for where, template in places:
        try:
            found += braces(template)
        except ValueError as problem:
            raise ConfigError(
                str(problem), where=f"{where} of {place}", hint="/files/{file_id}/content"
            ) from None
    return found
