"""The warning above every page: how little is left, and when it is used up at this pace."""

from __future__ import annotations

from dataclasses import dataclass

from services.api.types import Wallet
from ui.bridge import Bridge
from ui.text import exact_money, tr
from ui.text.wallet import low_balance_text
from ui.viewmodels.base import ServiceHolder, ViewModel
from ui.viewmodels.session import SessionViewModel


@dataclass(frozen=True, slots=True)
class LowBalanceState:
    text: str = ""  # empty: there is enough


class LowBalanceViewModel(ViewModel[LowBalanceState]):
    """Follows the account; reads the wallet only while its balance is low. Signals: changed."""

    def __init__(self, bridge: Bridge, holder: ServiceHolder, session: SessionViewModel) -> None:
        super().__init__(bridge, holder, LowBalanceState())
        self._session = session
        session.changed.connect(self._on_session_changed)

    def _on_session_changed(self) -> None:
        state = self._session.state
        if not state.is_balance_low:
            self._bridge.cancel(self, "wallet")
            self._become(LowBalanceState())
            return
        if not self.state.text:  # said at once; when it will be empty is said as soon as it is known
            self._become(LowBalanceState(tr("{balance} is left in your wallet.", balance=exact_money(state.balance))))
        self._bridge.run(
            self,
            "wallet",
            lambda: self._service.get_wallet(),
            then=self._on_wallet,
            failed=lambda _error: None,  # what is said already stays
            policy="replace",
        )

    def _on_wallet(self, wallet: Wallet) -> None:
        self._become(LowBalanceState(low_balance_text(wallet) if self._session.state.is_balance_low else ""))
