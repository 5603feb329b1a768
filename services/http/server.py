"""The HTTP face over any Service. Conventions: API.md in one sentence each at /docs; shapes in shapes.py."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.exceptions import HTTPException

from services.api.contract import Service
from services.api.errors import ServiceError
from services.http import billing, buying, catalogue, identity, openapi, paying, resources, support, wallets
from services.http.call import Call, StrictBody
from services.http.docs_page import show_docs
from services.http.fresh import Fresh
from services.http.payment_page import show_return, show_test_payment
from services.http.replay import Replays
from services.http.reply import on_bug, on_http_error, on_service_error
from services.http.webhooks import take_webhook

LARGEST_BODY = 64 * 1024
READABLE_HEADERS = [
    "Link",
    "X-Result-Count",
    "X-Result-Count-Capped",
    "Cart-Token",
    "Idempotent-Replayed",
    "Content-Disposition",
]


HANDLERS = [
    *catalogue.HANDLERS,
    *identity.HANDLERS,
    *buying.HANDLERS,
    *paying.HANDLERS,
    *resources.HANDLERS,
    *wallets.HANDLERS,
    *billing.HANDLERS,
    *support.HANDLERS,
]


def create_app(service: Service, *, allowed_origins: Sequence[str] = ()) -> Litestar:
    """The application. `service` acts for a guest and is bound anew to whoever makes each request."""
    return Litestar(
        [*HANDLERS, take_webhook, show_docs, show_test_payment, show_return],
        request_class=Call,
        dto=StrictBody,
        return_dto=None,
        exception_handlers={ServiceError: on_service_error, HTTPException: on_http_error, Exception: on_bug},
        request_max_body_size=LARGEST_BODY,
        cors_config=_cors(allowed_origins),
        openapi_config=openapi.config(),
        state=State({"service": service, "replays": Replays(), "fresh": Fresh()}),
        logging_config=None,  # whoever runs the server decides; records go to "souk.http"
        debug=False,
    )


def _cors(allowed_origins: Sequence[str]) -> CORSConfig | None:
    """Exactly these origins, never a wildcard; none by default. Tokens travel in headers, so no cookies are allowed."""
    if not allowed_origins:
        return None
    if "*" in allowed_origins:
        raise ValueError("name the origins; '*' would let every page read answers")
    return CORSConfig(allow_origins=list(allowed_origins), expose_headers=READABLE_HEADERS, allow_credentials=False)
