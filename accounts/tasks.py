"""What a worker does about people and their proposals."""

from celery import shared_task

from accounts.proposals import expire_due


@shared_task(name="accounts.expire_proposals")
def expire_proposals() -> int:
    """See ``proposals.expire_due``; gives how many were closed."""
    return expire_due()
