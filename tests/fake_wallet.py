"""The part of FakeService that keeps credit: top-ups, codes, auto-top-up and limits."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import datetime, timedelta

from services.api.errors import InsufficientCredit, InvalidInput, LimitReached, NotFound, WrongState
from services.api.money import Money
from services.api.types import (
    AutoTopUp,
    Cap,
    CapLevel,
    Caps,
    CapScope,
    Credit,
    CreditKind,
    Document,
    Invoice,
    InvoiceKind,
    InvoiceLine,
    Movement,
    MovementKind,
    MovementPage,
    MovementQuery,
    Paid,
    Params,
    PaymentState,
    Rehearsal,
    RehearsedCharge,
    SetAutoTopUp,
    SetCap,
    TopUp,
    TopUpQuote,
    Wallet,
)
from services.domain import caps, top_ups, wallet
from services.domain.taxes import tax_on
from tests.fake_books import ZERO, Books, compose, issued, settled
from tests.fake_methods import FakeMethods
from tests.fake_money import refuse
from tests.samples import CREDIT_CODES

PAGE_MAX = 500


class FakeWallet(FakeMethods):
    """Credit of the caller's organizations."""

    async def get_wallet(self, organization_uuid: str = "") -> Wallet:
        await self._enter("get_wallet")
        return self._wallet(self._books(organization_uuid))

    def _wallet(self, books: Books | None) -> Wallet:
        now = self.world.clock.now()
        credits = tuple(books.spendable(now)) if books else ()
        parts = {kind: sum((one.left for one in credits if one.kind is kind), ZERO) for kind in CreditKind}
        balance = parts[CreditKind.PAID] + parts[CreditKind.PROMOTIONAL]
        return Wallet(
            organization_uuid=books.organization.uuid if books else "",
            organization_name=books.organization.name if books else "",
            balance=balance,
            held=ZERO,
            frozen=self._frozen(books),
            paid=parts[CreditKind.PAID],
            promotional=parts[CreditKind.PROMOTIONAL],
            refundable=sum((one.refundable for one in credits), ZERO),
            credits=tuple(_with_refund(books, one) for one in credits if books),
            spent_this_month=_spent(books, now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)),
            empty_on=_empty_on(books, balance, now),
            alert_threshold=books.alert if books else None,
            is_low=bool(books and books.alert is not None and balance < books.alert),
            auto_top_up=books.auto if books else AutoTopUp(is_on=False),
            packs=top_ups.packs("USD"),
            top_up_min=top_ups.smallest("USD"),
            top_up_max=top_ups.largest("USD"),
        )

    def _frozen(self, books: Books | None) -> Money:
        """Of payments their bank disputes."""
        mine = [uuid for uuid, (owner, _) in self.world.disputes.items() if books and owner == books.organization.uuid]
        return sum((self.world.frozen[uuid].left for uuid in mine if uuid in self.world.frozen), ZERO)

    # ---- movements

    async def list_movements(self, query: MovementQuery) -> MovementPage:
        await self._enter("list_movements")
        books = self._books(query.organization_uuid)
        page_bad = "out_of_range" if query.page < 1 else ""
        refuse({"page": page_bad, "page_size": "" if 1 <= query.page_size <= PAGE_MAX else "out_of_range"})
        found = _matching(books, query)[::-1]
        start = (query.page - 1) * query.page_size
        return MovementPage(tuple(found[start : start + query.page_size]), len(found))

    async def export_movements(self, query: MovementQuery) -> Document:
        await self._enter("export_movements")
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(["at", "kind", "amount", "balance", "currency", "for"])
        for one in _matching(self._books(query.organization_uuid), query):
            name = str(one.params.get("name", ""))
            safe = f"'{name}" if name.startswith(("=", "+", "-", "@")) else name
            row = [one.at.isoformat(), one.kind.value, one.amount.decimal(), one.balance.decimal()]
            writer.writerow([*row, one.amount.currency, safe])
        return Document("wallet.csv", "text/csv", text.getvalue().encode())

    # ---- top-ups

    async def quote_top_up(self, request: TopUp) -> TopUpQuote:
        await self._enter("quote_top_up")
        return self._quote(self._books(request.organization_uuid), request.amount)

    def _quote(self, books: Books | None, amount: Money) -> TopUpQuote:
        refuse({"amount": _amount_problem(amount)})
        if books is None or not books.details.country:
            return TopUpQuote(amount, ZERO, amount)
        treatment = self._treatment(books.details)
        taxed = tax_on(amount, treatment)
        return TopUpQuote(amount, taxed.tax, taxed.gross, treatment.name, treatment.percent, treatment.code)

    async def top_up(self, request: TopUp, *, key: str) -> Paid:
        await self._enter("top_up")
        books = self._books(request.organization_uuid)
        if self._is_new("top_up", key):
            problems = self._page_problems(request.payment_method, request.payment_token, request.return_url)
            refuse({"amount": _amount_problem(request.amount)} | problems)
        attempt = self._attempt(self._owner, "top_up", key, replace(request, return_url=""))
        books = books or self._organization()
        total = self._quote(books, request.amount).total
        token, page = request.payment_token, None if request.payment_token else request.payment_method
        uuid, name = books.organization.uuid, self._card_name(token) if token else ""

        def finish() -> str:
            return self._topped_up(self.world.books[uuid], request.amount, self._paid_with(name, attempt)).uuid

        return self._collect(attempt, token, total, books, finish, page)

    def _topped_up(self, books: Books, amount: Money, paid_with: str, *, is_automatic: bool = False) -> Invoice:
        ids, now = self.world.ids, self.world.clock.now()
        source = "auto_top_up" if is_automatic else "top_up"
        params: Params = {"card": paid_with}
        line = InvoiceLine(ids.uuid(), "", "top_up", amount, params)
        treatment = self._treatment(books.details)
        receipt = compose(books, ids.uuid(), now, (line,), treatment, kind=InvoiceKind.RECEIPT)
        receipt = settled(books, issued(books, receipt, now), now, paid_with)
        credit = books.grant(ids, now, amount, source, MovementKind(source), params=params)
        books.receipts[credit.uuid] = receipt.uuid
        kind = "auto_topped_up" if is_automatic else "topped_up"
        self._tell(books, kind, f"invoice:{receipt.uuid}", amount=amount.micros, currency=amount.currency)
        return receipt

    async def refund_credit(self, credit_uuid: str, *, key: str) -> Paid:
        await self._enter("refund_credit")
        found = ((books, one) for books in self._own_books() for one in books.credits if one.uuid == credit_uuid)
        books, credit = next(found, (None, None))
        if books is None or credit is None:
            raise NotFound
        attempt = self._attempt(self._owner, "refund", key, credit_uuid)
        if isinstance(attempt.answer, Paid):
            return attempt.answer
        back = wallet.whole_minor(credit.refundable)
        if back.is_zero:
            raise WrongState(state="spent" if credit.left.is_zero else credit.kind.value)
        books.replace_credit(replace(credit, left=credit.left - back, refundable=ZERO))
        ids, now = self.world.ids, self.world.clock.now()
        books.move(ids, now, MovementKind.REFUND, -back, {"source": credit.source})
        note = self._credit_note(books, books.invoices[books.receipts[credit.uuid]], back)
        books.paid.append((now, note.total))
        attempt.answer = Paid(ids.uuid(), PaymentState.SUCCEEDED, -note.total, note.uuid)
        return attempt.answer

    def _credit_note(self, books: Books, corrected: Invoice, net: Money) -> Invoice:
        """Takes `net` of an invoice back, with its share of the tax."""
        ids, now = self.world.ids, self.world.clock.now()
        base = corrected.subtotal - corrected.discount
        line = InvoiceLine(ids.uuid(), "", "credit", -net, {"number": corrected.number})
        note = compose(
            books,
            ids.uuid(),
            now,
            (line,),
            self._treatment(corrected.details),
            details=corrected.details,
            kind=InvoiceKind.CREDIT_NOTE,
        )
        if net == base:  # a full mirror, whatever the parts were rounded to
            note = replace(note, total=-corrected.total, due=-corrected.total, tax=-corrected.tax)
        note = replace(note, corrects_uuid=corrected.uuid, corrects_number=corrected.number)
        note = settled(books, issued(books, note, now), now, corrected.paid_with)
        books.keep(replace(corrected, credited=corrected.credited - note.total))
        return note

    # ---- auto-top-up, alerts, codes

    async def rehearse_auto_top_up(self, request: SetAutoTopUp) -> Rehearsal:
        await self._enter("rehearse_auto_top_up")
        books = self._books(request.organization_uuid)
        settings = top_ups.AutoTopUp(True, request.threshold, request.target, request.monthly_limit)
        refuse(top_ups.settings_problems(settings, "USD"))
        now = self.world.clock.now()
        moves = books.movements if books else []
        spends = [(one.at, -one.amount) for one in moves if one.kind is MovementKind.USAGE and one.amount < ZERO]
        days = top_ups.REHEARSAL_DAYS
        opening = next((one.balance for one in reversed(moves) if one.at < now - timedelta(days=days)), ZERO)
        done = top_ups.rehearse(settings, opening, spends, now)
        charges = tuple(RehearsedCharge(at, amount) for at, amount in done.charges)
        spent = sum((amount for at, amount in spends if now - timedelta(days=days) <= at), ZERO)
        return Rehearsal(days, charges, done.total, done.lowest, done.was_empty_at, len(done.refused_by_limit), spent)

    async def set_auto_top_up(self, request: SetAutoTopUp) -> Wallet:
        await self._enter("set_auto_top_up")
        books = self._need_books(request.organization_uuid)
        token = request.payment_token or self._default_card()
        settings = top_ups.AutoTopUp(request.is_on, request.threshold, request.target, request.monthly_limit)
        problems = top_ups.settings_problems(settings, "USD")
        if request.is_on:
            problems["payment_token"] = self._token_problem(token)
        refuse(problems)
        books.auto = AutoTopUp(request.is_on, request.threshold, request.target, request.monthly_limit, token, ZERO)
        self._top_up_by_itself(books)
        return self._wallet(books)

    def _top_up_by_itself(self, books: Books) -> None:
        """What the automatic top-up does when the balance is looked at."""
        auto, now = books.auto, self.world.clock.now()
        settings = top_ups.AutoTopUp(auto.is_on, auto.threshold, auto.target, auto.monthly_limit)
        month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        kinds = (MovementKind.AUTO_TOP_UP,)
        charged = sum((one.amount for one in books.movements if one.kind in kinds and one.at >= month), ZERO)
        decision = top_ups.decide(settings, books.balance(now), charged, ZERO)
        problem = decision.reason.value if decision.reason is top_ups.Reason.MONTHLY_LIMIT else ""
        if decision.charge is not None:
            outcome = self.world.outcomes.get(auto.payment_token, "")
            if outcome in ("pays", "debits"):
                self._charge(books, self._quote(books, decision.charge).total)
                name = self._card_name(auto.payment_token)
                self._topped_up(books, decision.charge, name, is_automatic=True)
                charged += decision.charge
            else:
                problem = "insufficient_funds" if outcome == "insufficient_funds" else "card_declined"
        books.auto = replace(auto, charged_this_month=charged, problem=problem)

    async def set_low_balance_alert(self, threshold: Money | None, organization_uuid: str = "") -> Wallet:
        await self._enter("set_low_balance_alert")
        books = self._need_books(organization_uuid)
        if threshold is not None:
            too_small = threshold.currency != "USD" or threshold.micros <= 0
            refuse({"threshold": "out_of_range" if too_small else ""})
        books.alert = threshold
        return self._wallet(books)

    async def redeem_code(self, code: str, *, key: str, organization_uuid: str = "") -> Wallet:
        await self._enter("redeem_code")
        books, now = self._need_books(organization_uuid), self.world.clock.now()
        name = code.strip().upper()
        attempt = self._attempt(self._owner, "redeem", key, (name, organization_uuid))
        if isinstance(attempt.answer, Wallet):
            return attempt.answer
        known = next((one for one in CREDIT_CODES if one.code == name), None)
        try:
            if known is None:
                raise InvalidInput(fields={"code": "unknown" if name else "required"})
            count = sum(other.redeemed.count(name) for other in self.world.books.values())
            problem = wallet.code_problem(
                known, currency="USD", redeemed=count, used_before=name in books.redeemed, at=now
            )
            refuse({"code": problem.value if problem else ""})
        except InvalidInput:
            del self.world.attempts[(self._owner, "redeem", key)]  # nothing was begun under this key
            raise
        books.redeemed.append(name)
        is_gift = known.kind is wallet.GrantKind.PAID
        grant = wallet.redeemed(known, "", now)
        books.grant(
            self.world.ids,
            now,
            known.amount,
            "gift_code" if is_gift else "promotional_code",
            MovementKind.GIFT,
            credit_kind=CreditKind(known.kind.value),
            expires_at=grant.expires_at,
            params={"code": name},
        )
        attempt.answer = self._wallet(books)
        return attempt.answer

    # ---- limits

    async def list_caps(self, organization_uuid: str = "") -> Caps:
        await self._enter("list_caps")
        books = self._books(organization_uuid)
        if books is None:
            return Caps((), ())
        return Caps(tuple(self._cap(books, cap) for cap in books.caps.values()), tuple(self._scopes(books)))

    def _scopes(self, books: Books) -> list[CapScope]:
        organization = books.organization
        projects = [CapScope(CapLevel.PROJECT, one.uuid, one.name) for one in organization.projects]
        agents = [
            CapScope(CapLevel.KEY, one.uuid, one.name)
            for _, one in self.world.resources.values()
            if one.organization_uuid == organization.uuid
        ]
        return [CapScope(CapLevel.ORGANIZATION, organization.uuid, organization.name), *projects, *agents]

    def _cap(self, books: Books, cap: Cap) -> Cap:
        """With what its window has used by now."""
        now = self.world.clock.now()
        start = caps.window_start(caps.Window(cap.window.value), now)
        inside = {
            uuid
            for uuid, (_, one) in self.world.resources.items()
            if cap.level is CapLevel.ORGANIZATION or cap.scope_uuid in (one.project_uuid, one.uuid)
        }
        costs = (cost for at, uuid, cost in books.costs if uuid in inside and (start is None or at >= start))
        spent = sum(costs, ZERO)
        if cap.raised_until is not None and cap.raised_until <= now:
            cap = replace(cap, raised_to=None, raised_until=None)
        return replace(cap, spent=spent, left=max(ZERO, (cap.raised_to or cap.limit) - spent))

    def _check_caps(self, books: Books, resource_uuid: str, price: Money) -> None:
        """LimitReached when a call of this price does not fit every cap over it."""
        resource = self.world.resources[resource_uuid][1]
        over = (books.organization.uuid, resource.project_uuid, resource.uuid)
        nested = [self._cap(books, cap) for cap in books.caps.values() if cap.scope_uuid in over]
        rules = [
            caps.Cap(
                caps.Level(cap.level.value),
                cap.scope_uuid,
                caps.Window(cap.window.value),
                cap.raised_to or cap.limit,
                cap.spent,
                cap.held,
            )
            for cap in nested
        ]
        if refusal := caps.check(rules, price):
            error = LimitReached(limit=refusal.by.level.value)
            error.params |= {f"left_{one.level.value}": one.left.micros for one in refusal.left}
            raise error

    async def set_cap(self, request: SetCap) -> Cap:
        await self._enter("set_cap")
        found = (
            (books, scope)
            for books in self._own_books()
            for scope in self._scopes(books)
            if (scope.level, scope.uuid) == (request.level, request.scope_uuid)
        )
        books, scope = next(found, (None, None))
        if books is None or scope is None:
            raise NotFound
        refuse({"limit": "out_of_range" if request.limit < ZERO else ""})
        same = (one for one in books.caps.values() if (one.scope_uuid, one.window) == (scope.uuid, request.window))
        before = next(same, None)
        uuid = before.uuid if before else self.world.ids.uuid()
        cap = Cap(uuid, scope.level, scope.uuid, scope.name, request.window, request.limit, ZERO, ZERO, ZERO)
        books.caps[uuid] = cap
        return self._cap(books, cap)

    async def raise_cap(self, uuid: str, limit: Money, until: datetime) -> Cap:
        await self._enter("raise_cap")
        books = self._books_with_cap(uuid)
        cap = books.caps[uuid]
        refuse(
            {
                "limit": "" if cap.limit < limit else "too_small",
                "until": "in_past" if until <= self.world.clock.now() else "",
            }
        )
        books.caps[uuid] = replace(cap, raised_to=limit, raised_until=until)
        return self._cap(books, books.caps[uuid])

    async def remove_cap(self, uuid: str) -> None:
        await self._enter("remove_cap")
        del self._books_with_cap(uuid).caps[uuid]

    def _books_with_cap(self, uuid: str) -> Books:
        for books in self._own_books():
            if uuid in books.caps:
                return books
        raise NotFound

    def _pay_from_wallet(self, books: Books, resource_uuid: str, name: str, cost: Money) -> None:
        """The price of one call, taken before it is made. InsufficientCredit."""
        now = self.world.clock.now()
        if books.balance(now) < cost:
            self._top_up_by_itself(books)
        if books.balance(now) < cost:
            raise InsufficientCredit(balance=books.balance(now).micros, price=cost.micros)
        params: Params = {"name": name, "calls": 1, "resource": resource_uuid}
        books.spend(self.world.ids, now, cost, MovementKind.USAGE, params)
        self._top_up_by_itself(books)


def _amount_problem(amount: Money) -> str:
    if amount.currency != "USD":
        return "wrong_currency"
    return top_ups.amount_problem(amount) or ""


def _with_refund(books: Books, credit: Credit) -> Credit:
    """What a refund would send, with the tax of its receipt in proportion."""
    receipt = books.invoices.get(books.receipts.get(credit.uuid, ""))
    if credit.refundable.is_zero or receipt is None:
        return credit
    tax = receipt.tax.share(credit.refundable.micros, credit.amount.micros)
    return replace(credit, refund_total=credit.refundable + tax)


def _spent(books: Books | None, since: datetime) -> Money:
    kinds = (MovementKind.USAGE, MovementKind.INVOICE, MovementKind.REVERSAL)
    moves = books.movements if books else []
    return -sum((one.amount for one in moves if one.kind in kinds and one.at >= since), ZERO)


def _empty_on(books: Books | None, balance: Money, now: datetime) -> datetime | None:
    """At the pace of the last days; None without spending."""
    moves = [one for one in books.movements if one.kind is MovementKind.USAGE] if books else []
    by_day = [ZERO] * wallet.PACE_DAYS
    for one in moves:
        age = (now - one.at).days
        if age < wallet.PACE_DAYS:
            by_day[wallet.PACE_DAYS - 1 - age] -= one.amount
    if all(amount.is_zero for amount in by_day):
        return None
    return wallet.empty_on(by_day, balance, now)


def _matching(books: Books | None, query: MovementQuery) -> list[Movement]:
    """Oldest first."""
    words = query.text.casefold().split()
    return [
        one
        for one in (books.movements if books else [])
        if (query.kind is None or one.kind is query.kind)
        and (query.start is None or query.start <= one.at)
        and (query.end is None or one.at < query.end)
        and all(word in " ".join((one.kind.value, *map(str, one.params.values()))).casefold() for word in words)
    ]
