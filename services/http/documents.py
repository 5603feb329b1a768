"""Files over HTTP: their bytes with a name for whoever saves them, or the exact value for RemoteService."""

from __future__ import annotations

import re
from urllib.parse import quote

from services import wire
from services.api.types import Document
from services.http.call import Call
from services.http.reply import Reply


def reply_document(call: Call, document: Document) -> Reply[Document]:
    """A file to keep. Its name is escaped (RFC 6266): it may hold what an organization calls itself."""
    if call.wants_native:
        return Reply(wire.encode(document), 200, call.extra_headers(), media_type=wire.NATIVE_TYPE.encode())
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", document.name)
    name = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(document.name, safe='')}"
    headers = [*call.extra_headers(), (b"content-disposition", name.encode("ascii"))]
    return Reply(document.data, 200, headers, media_type=document.media_type.encode("ascii"))
