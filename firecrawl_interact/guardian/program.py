"""What the helper process runs: keep the debts of its owner, pay them when it dies."""

from .answers import NOT_FOUND_PAUSE, Verdict, judge, judge_list, live_ids
from .payment import Payment, pay
from .sender import send

__all__ = ["NOT_FOUND_PAUSE", "Payment", "Verdict", "judge", "judge_list", "live_ids", "pay", "send"]
