"""The handler `money.recurring_billing`."""

from stoker.handlers import Cancel, Context, handler, resource
from stoker.handlers.money.billing import Billed, bill
from stoker.handlers.money.charging import Schedules, open_schedules
from stoker.handlers.money.gateway import PaymentGateway, open_gateway


@handler("money.recurring_billing", queue="money", timeout="1h")
def recurring_billing(
    ctx: Context,
    *,
    schedules: Schedules = resource(open_schedules),
    gateway: PaymentGateway = resource(open_gateway),
) -> Billed:
    """Charge every billing schedule that is due, each period once.

    A decline makes a schedule past due, and cancels it when its days to retry are used up. Of several
    periods that were missed, a run charges one, the oldest. Where the gateway does not answer, nothing
    is written, and the job is retried; what was charged and not written down is not charged again.
    """

    def check() -> None:
        if ctx.cancelled:
            raise Cancel(ctx.cancel_reason)

    return bill(ctx, schedules, gateway, check)
