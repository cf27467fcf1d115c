"""A sink that is a bucket: S3, Google Cloud Storage or Azure Blob, through obstore.

Bytes are verified on this machine before anything goes to the bucket: a small file in memory,
a larger one in a partial on a local disk. A file then appears in the bucket at once and whole, by
one request or by a multipart upload that becomes visible when it is completed. Our own sha256, and
the vendor's checksum, go with it as metadata: so that what a kill left is known without reading it.
"""

from .bucket import Bucket

__all__ = ["Bucket"]
