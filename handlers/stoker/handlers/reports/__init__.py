"""Reports over a table of transactions: the handler `reports.generate`.

Configured by STOKER_DATABASE_URL and STOKER_REPORTS_DIR; needs the extra `stoker[handlers]`.
"""

from importlib.util import find_spec

from stoker.jobs.errors import MissingExtra

if not (find_spec("sqlalchemy") and find_spec("xlsxwriter")):
    raise MissingExtra("stoker.handlers.reports", "handlers")
