"""Creates that workers are about to send, for tests of the ledger."""

from __future__ import annotations

from decimal import Decimal

from footage.spending.ledger_lines import Purchase

MODEL = "wan2.2-t2v-plus"


def purchase(
    number: int = 0, model: str = MODEL, price: str = "0.14", seconds: int = 5, **more: str
) -> Purchase:
    per_second = Decimal(price)
    fields = {"currency": "CNY", "account": "abc123", "board": "Lighthouse", **more}
    return Purchase(
        key=f"{number:064x}",
        attempt=1,
        owner="worker",
        model=model,
        region="cn-beijing",
        workspace=None,
        seconds=seconds,
        price_per_second=per_second,
        amount=per_second * seconds,
        **fields,
    )
