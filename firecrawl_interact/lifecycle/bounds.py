"""How long the promise may take: every bound of the lifecycle, in one place."""

CLOSE_TIMEOUT = 45.0  # Seconds a statement waits for a delete by default.
DELETE_ATTEMPT = 40.0  # Seconds; Firecrawl holds a DELETE for up to 30 s before it answers.
DELETE_TOTAL = 90.0  # Seconds of tries before a close counts as not confirmed.

CREATE_GRACE = 5.0  # Seconds a create under way is waited for after a cancellation.
CLOSE_GRACE = 10.0  # Seconds a delete is waited for after a cancellation.
LOOP_END = 10.0  # Seconds that a loop's end may be held, by end clocks and sentinel together.
EXIT_EXTRA = 3.0  # Seconds that the exit sweep may add to that.
SWEEP_AGAIN = (0.5, 2.0, 10.0)  # Seconds after which a sweep that saw other owners' entries looks again.
TRANSPORT_CLOSE = 2.0  # Seconds a transport may take to close its connections.
LEDGER_ANSWER = 5.0  # Seconds a ledger may take to write one line; then it is left out.
SWEEP_GRACE = 1.0  # Seconds a sweep of the ledger, which is nobody's debt here, may hold the loop's end.
RECEIPT_ANSWER = 2.0  # Seconds a provider may take to tell what a session that is gone has cost.

RUN_ANSWER = 30.0  # Seconds that an answer may come after a run's own time limit.
PROMPT_STEPS = 25  # Most steps of the provider's agent; the time limit of a prompt bounds each one.
DOUBT = 10.0  # Seconds a statement waits for a browser to stop that a lost first run may yet start.
REPLAY = 300.0  # Seconds that the first run in a scraped page may take to get there, after the create.

NOT_SENT_PAUSES = (0.1, 0.4, 1.0)  # Seconds before a create that surely never left is sent again, at most.
REFUSED_TRIES = 3  # Repeats of a create refused with "come later".
RATE_WAIT = 60.0  # Seconds; a provider that wants a longer pause, in words only, is not waited for.
SEARCHES = (0.0, 0.2, 0.5, 1.0)  # Seconds after a lost answer at which the mark is looked for.
SEARCH_ATTEMPT = 5.0  # Seconds for one such look.
APPEARS_WITHIN = 60.0  # Seconds after a create for which a guardian goes on looking for its mark.

LATER = (5.0, 10.0, 20.0, 40.0, 60.0)  # Seconds between later tries of an end; the last repeats.
EXPIRY_MARGIN = 60.0  # Seconds past the ttl after which nothing can be owed any more.
