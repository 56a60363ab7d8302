"""A question to many accounts' processes at once, answered together within one time. Part of the account desk."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from naive_daemon import names
from naive_daemon.otp import Actor, RequestFailed


def ask_all(
    actor: Actor,
    accounts: Iterable[str],
    name_of: Callable[[str], names.Name],
    question: Any,
    *,
    timeout_s: float,
    then: Callable[[Mapping[str, Any]], object],
) -> None:
    """Ask all, and give `then` the answers by account; a RequestFailed of one that is not there, or is late."""
    asked = list(accounts)
    answers: dict[str, Any] = {}

    def take(account: str, answer: Any) -> None:
        answers[account] = answer
        if len(answers) == len(asked):
            then(answers)

    for account in asked:
        actor.request(actor.system.whereis(name_of(account)), question, partial(take, account), timeout_s)
    if not asked:
        then(answers)


def not_done(answers: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the accounts that have not done what they were asked for: no answer, or False."""
    return tuple(
        sorted(account for account, answer in answers.items() if isinstance(answer, RequestFailed) or answer is False)
    )


def answered(answers: Mapping[str, Any]) -> tuple[Any, ...]:
    """Give the answers that came, by the name of the account."""
    return tuple(answers[account] for account in sorted(answers) if not isinstance(answers[account], RequestFailed))
