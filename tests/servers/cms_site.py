"""A Wagtail site with documents, in one file: run as a program with Wagtail on its path.

    cms_site.py prepare FOLDER PASSWORD FILE…    makes the site and puts the files on it
    cms_site.py replace FOLDER TITLE FILE        other bytes for a document
    cms_site.py delete FOLDER TITLE
    cms_site.py serve FOLDER PORT

The API is set up as Wagtail's documentation has it (Wagtail API v2 configuration guide): the
documents endpoint with three more of a document's own fields, for those who have signed in.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.management import call_command

USER = "reader"
OWN = ["file_size", "file_hash", "created_at"]


class NoMigrations:
    """Tables are made as the models are now: the years of migrations take ten seconds."""

    def __contains__(self, _app: str) -> bool:
        return True

    def __getitem__(self, _app: str) -> None:
        return None


def configure(folder: Path, url: str = "http://127.0.0.1") -> None:
    settings.configure(
        SECRET_KEY=os.urandom(16).hex(),
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "site.sqlite"}
        },
        MIGRATION_MODULES=NoMigrations(),
        MEDIA_ROOT=str(folder / "media"),
        STATIC_URL="/static/",
        INSTALLED_APPS=[
            *("wagtail.documents", "wagtail.search", "wagtail.admin", "wagtail.users", "wagtail"),
            *("wagtail.images", "wagtail.api.v2", "rest_framework", "taggit", "modelcluster"),
            *("django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"),
        ],
        MIDDLEWARE=[],
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        WAGTAIL_SITE_NAME="tests",
        WAGTAILAPI_BASE_URL=url,
        WAGTAILADMIN_BASE_URL=url,
    )
    django.setup()


def patterns() -> list[Any]:
    from django.urls import include, path
    from rest_framework.authentication import BasicAuthentication
    from rest_framework.permissions import IsAuthenticated
    from wagtail.api.v2.router import WagtailAPIRouter
    from wagtail.documents import urls as documents
    from wagtail.documents.api.v2.views import DocumentsAPIViewSet

    class Documents(DocumentsAPIViewSet):
        authentication_classes = (BasicAuthentication,)
        permission_classes = (IsAuthenticated,)
        body_fields = DocumentsAPIViewSet.body_fields + OWN
        listing_default_fields = DocumentsAPIViewSet.listing_default_fields + OWN

    router = WagtailAPIRouter("wagtailapi")
    router.register_endpoint("documents", Documents)
    return [path("api/v2/", router.urls), path("documents/", include(documents))]


def document(title: str) -> Any:
    from wagtail.documents.models import Document

    return Document.objects.get(title=title)


def put(one: Any, path: Path) -> None:
    one.file.save(path.name, ContentFile(path.read_bytes()), save=False)
    one._set_document_file_metadata()
    one.save()


def prepare(password: str, *files: str) -> None:
    from django.contrib.auth.models import User
    from wagtail.documents.models import Document
    from wagtail.models import Collection

    call_command("migrate", run_syncdb=True, verbosity=0)
    Collection.add_root(name="Root")
    User.objects.create_user(USER, password=password)
    for name in files:
        put(Document(title=Path(name).name), Path(name))


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


def serve(port: str) -> None:
    from django.core.wsgi import get_wsgi_application

    globals()["urlpatterns"] = patterns()
    quiet = type("Quiet", (WSGIRequestHandler,), {"log_message": lambda *_: None})
    application = get_wsgi_application()
    with make_server("127.0.0.1", int(port), application, Server, quiet) as server:
        server.serve_forever()


def main(verb: str, folder: str, *words: str) -> None:
    sys.modules["cms_site"] = sys.modules[__name__]
    configure(Path(folder), f"http://127.0.0.1:{words[0]}" if verb == "serve" else "http://x")
    if verb == "serve":
        serve(*words)
    elif verb == "prepare":
        prepare(*words)
    elif verb == "replace":
        put(document(words[0]), Path(words[1]))
    else:
        document(words[0]).delete()


if __name__ == "__main__":
    main(*sys.argv[1:])
