"""Money that is due again and again: `money.process_recurring_transactions`, `money.recurring_billing`.

Configured by STOKER_DATABASE_URL, by STOKER_CURRENCY (of the table `transactions`) and by
STOKER_PAYMENT_GATEWAY (for billing); needs the extra `stoker[handlers]`. Neither fires by itself: give
them a schedule under `cron:`. The tables are made by `create_recurring_transactions` in `definitions`,
`create_billing` in `schedules` and `create_charges` in `ledger`.
"""

from importlib.util import find_spec

from stoker.jobs.errors import MissingExtra

if not find_spec("sqlalchemy"):
    raise MissingExtra("stoker.handlers.money", "handlers")
