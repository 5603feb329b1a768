"""Pages a browser sees around a payment. /pay/test/{order}/ is where the test provider sends a buyer who must confirm:
it says how to answer with the token that only the buyer has. /pay/return/ is where hosted pages lead back to. Both know
nobody and show nothing of the order."""

from __future__ import annotations

import re
from html import escape

from litestar import get
from litestar.params import FromPath

from services.api.errors import NotFound
from services.http.call import Call
from services.http.docs_page import POLICY, STYLE
from services.http.reply import Reply

_UUID = re.compile(r"[0-9a-f]{32}")
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>TEST payment</title><style>{style}</style>
<h1>TEST payment: confirm order {order}</h1><p>No real money moves. In the Souk window, answer there. From a shell:</p>
<pre><code>curl {address} -H "Authorization: Token $TOKEN" -d '{{"approve": true}}'   # approve
curl {address} -H "Authorization: Token $TOKEN" -d '{{"approve": false}}'  # decline</code></pre></html>"""

_RETURN = f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Back to Souk</title><style>{STYLE}</style>
<h1>Back to Souk</h1>
<p>You can close this page and go back to Souk. What became of the payment is said there.</p></html>
""".encode()


@get("/pay/test/{order_uuid:str}/", include_in_schema=False)
async def show_test_payment(request: Call, order_uuid: FromPath[str]) -> Reply[str]:
    """The page."""
    if not _UUID.fullmatch(order_uuid):
        raise NotFound
    address = escape(f"{request.base}/api/marketplace-orders/{order_uuid}/confirm/")
    page = _PAGE.format(style=STYLE, order=order_uuid, address=address)
    return Reply(page.encode(), media_type=b"text/html; charset=utf-8", policy=POLICY)


@get("/pay/return/", include_in_schema=False)
async def show_return() -> Reply[str]:
    """The page. That a browser comes here proves nothing, so whatever its address says is not looked at."""
    return Reply(_RETURN, media_type=b"text/html; charset=utf-8", policy=POLICY)
