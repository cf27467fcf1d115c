"""The words by which vendors call things, without case and punctuation; the likeliest first.

Read off the published definitions of the vendors in docs/vendors and of others (Alfresco, Azure,
Cloudinary, Directus, Egnyte, GitHub, GitLab, Google Cloud Storage, OpenAI, PocketBase, S3,
SeaweedFS, Slack, Strapi, Stripe, Wagtail, WordPress, Zoho): facts, collected.
"""

from __future__ import annotations

FILE_ARRAYS = (
    *("files", "items", "entries", "documents", "value", "results", "records", "data", "assets"),
    *("resources", "contents", "children", "objects", "nodes", "attachments", "media", "rows"),
    *("blobs", "list", "elements", "hits"),
)
FOLDER_ARRAYS = ("folders", "directories", "dirs", "subfolders", "collections", "childfolders")

# Objects in a record whose content is the file's own.
OWN = frozenset(
    {
        *("file", "entry", "attributes", "properties", "metadata", "meta", "fields", "sys", "node"),
        *("fileinfo", "info", "content", "item", "asset", "document", "source", "storageinfo"),
        *("filemetadata", "mediadetails", "title", "hashes", "checksums", "attachment", "blob"),
        *("resource", "data", "attr"),
    }
)
PARENTS = frozenset({"parent", "parentreference", "parentfolder", "folder", "parents", "directory"})
OWNERS = (
    *("owner", "ownedby", "owners", "createdby", "creator", "user", "author", "uploader"),
    "uploadedby",
)
OWNER_NAMES = ("emailaddress", "email", "login", "displayname", "username", "name", "id")

NAMES: dict[str, tuple[str, ...]] = {
    "file_id": (
        *("id", "fileid", "uuid", "guid", "uid", "assetid", "documentid", "docid", "itemid"),
        *("nodeid", "objectid", "resourceid", "publicid", "groupid", "entryid", "key"),
    ),
    "file_name": (
        *("filename", "name", "filenamedownload", "originalfilename", "originalname"),
        *("displayname", "title", "rendered", "basename"),
    ),
    "path": (
        *("pathdisplay", "fullpath", "filepath", "path", "relativepath", "pathname", "key"),
        "pathlower",
    ),
    "parent_id": (
        *("parentid", "folderid", "parentfolderid", "directoryid", "folder", "parent", "parents"),
        "groupfolderid",
    ),
    "drive_id": ("driveid", "libraryid", "volumeid", "bucket"),
    "size": (
        *("size", "filesize", "sizeinbytes", "sizebytes", "filesizebytes", "bytes", "bytesize"),
        *("contentlength", "contentsize", "length", "filelength"),
    ),
    "mime_type": (
        *("mimetype", "contenttype", "mediatype", "mime", "filetype", "type", "format"),
        "filemimetype",
    ),
    "created_at": (
        *("createdat", "createdtime", "createddatetime", "created", "createdon", "datecreated"),
        *("createddate", "creationdate", "creationtime", "timecreated", "uploadedat"),
        *("uploadedon", "uploaddate", "dateadded", "createdtimeinmillisecond", "crtime"),
        *("insertedat", "dategmt", "date"),
    ),
    "modified_at": (
        *(
            "servermodified",
            "modifiedgmt",
            "modifiedat",
            "updatedat",
            "modifiedtime",
            "lastmodifieddatetime",
        ),
        *("lastmodified", "modified", "updated", "modifiedon", "updatedon", "datemodified"),
        *("dateupdated", "lastmodifiedat", "lastupdated", "lastmodifiedtime", "modifieddate"),
        *("mtime", "changedat", "timemodified", "modificationdate", "modificationtime"),
        *("modifiedtimeinmillisecond", "updateddate", "updatedtime", "updatetime", "timeupdated"),
        *("contentmodifiedat", "clientmodified"),
    ),
    "version": (
        *("ctag", "rev", "headrevisionid", "revision", "generation", "version", "versionid"),
        *("currentversionid", "fileversionid", "etag", "odataetag", "sequenceid", "entitytag"),
    ),
    "web_url": ("weburl", "webviewlink", "htmlurl", "permalink", "weblink", "publicurl"),
}
"""Neutral column: what vendors call it."""

SIZES = frozenset(NAMES["size"])

DOWNLOADS = (
    *("downloadurl", "microsoftgraphdownloadurl", "urlprivatedownload", "browserdownloadurl"),
    *("medialink", "downloadlink", "downloaduri", "downloadhref", "contenturl", "contenturi"),
    *("fileurl", "sourceurl", "secureurl", "download", "contentdownloadurl", "rawurl"),
)
"""What vendors call the address of a file's bytes."""

ALGORITHMS = {
    "contentmd5": "md5",
    "crc32chash": "crc32c",
    "crc32c": "crc32c",
    "crc32": "crc32",
    "quickxorhash": "quickxor",
    "quickxor": "quickxor",
    "blake3": "blake3",
    "sha512": "sha512",
    "sha256": "sha256",
    "sha1": "sha1",
    "md5": "md5",
}
"""What names a checksum's algorithm, the more telling first; it may stand inside a longer name."""

HASHES = frozenset(
    {
        *("hash", "checksum", "digest", "filehash", "contenthash", "filechecksum", "hexdigest"),
        *("contentchecksum", "filedigest", "fingerprint", "sha"),
    }
)

KINDS = (
    *("kind", "type", "tag", "itemtype", "entrytype", "nodetype", "resourcetype", "objecttype"),
    *("odatatype", "object", "class", "filetype", "isfolder", "isdirectory", "isdir", "folder"),
    *("dir", "directory"),
)
FOLDER_WORDS = frozenset(
    {"folder", "folders", "directory", "dir", "dirs", "tree", "collection", "container", "d"}
)
FILE_WORDS = frozenset(
    {"file", "files", "document", "blob", "asset", "attachment", "object", "item", "f", "-"}
)
LINK_WORDS = frozenset({"link", "weblink", "url", "bookmark", "symlink", "shortcut", "alias"})
FOLDER_MIMES = frozenset(
    {
        *("application/vnd.google-apps.folder", "application/x-directory", "inode/directory"),
        *("httpd/unix-directory", "application/vnd.folder"),
    }
)

TRASHED = ("trashed", "istrashed", "intrash", "inrecyclebin", "isinrecyclebin")
REMOVED = ("deleted", "isdeleted", "removed", "isremoved", "tombstone")
GONE_SINCE = ("trashedat", "deletedat", "deletedon", "datedeleted", "removedat", "trashedtime")
STATUSES = ("itemstatus", "status", "state", "lifecyclestate")
TRASHED_WORDS = frozenset({"trashed", "trash", "recycled", "intrash"})
REMOVED_WORDS = frozenset({"deleted", "removed", "purged"})
LIVE_WORDS = frozenset({"active", "available", "live", "published", "normal", "ok", "current"})
