"""Whether real money moves here, for the whole window; unknown until the service has said so."""

from __future__ import annotations

from dataclasses import dataclass

from services.api.types import PaymentOptions
from ui.bridge import Bridge
from ui.viewmodels.base import ServiceHolder, ViewModel


@dataclass(frozen=True, slots=True)
class PaymentModeState:
    is_test_mode: bool | None = None  # None: nobody has said yet


class PaymentModeViewModel(ViewModel[PaymentModeState]):
    """Asks once, and again when the connection is back. Signals: changed."""

    def __init__(self, bridge: Bridge, holder: ServiceHolder) -> None:
        super().__init__(bridge, holder, PaymentModeState())
        bridge.online.connect(self.look)

    def look(self) -> None:
        """Asks, unless it is known: it does not change while a window is open."""
        if self.state.is_test_mode is None:
            self._bridge.run(
                self,
                "payment mode",
                lambda: self._service.get_payment_options(),
                then=self._on_options,
                failed=lambda _error: None,  # what really needs the service says that it is away
            )

    def _on_options(self, options: PaymentOptions) -> None:
        self._become(PaymentModeState(options.is_test_mode))
