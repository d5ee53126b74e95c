"""When a parcel arrives."""

from datetime import date

from dateutil.relativedelta import relativedelta


def due(ordered: date, *, months: int) -> date:
    """Return the day on which a subscription's parcel is due; the last of a shorter month stands for a missing day."""
    return ordered + relativedelta(months=months)
