"""One explained event, for people."""

from burnline.charges.explanation import Explanation, Priced, standing, text
from burnline.cli.rate_view import card_view
from burnline.cli.reference import print_whole
from burnline.cli.root import console
from burnline.pricing.explain import step_text
from burnline.pricing.money import usd_text


def show(found: Explanation) -> None:
    """Print it for people."""
    _say(f"{found.topic}, partition {found.partition}, offset {found.offset}", "bold")
    _say(text(found.value) or "(no value)")
    _say("")
    if found.refusal is not None:
        _say(f"A dead letter: {found.refusal.reason}. {found.refusal.detail}", "red")
    elif found.priced is not None:
        _show_price(found.priced)
    _say(standing(found))
    if found.other_catalogue and found.priced is not None:
        told = f"It was charged by catalogue {found.charged_by}, which is not kept; shown is {found.priced.catalogue}."
        _say(told, "yellow")
    if found.session is not None:
        total = usd_text(found.session.cost_pico_usd)
        _say(f"Session {found.session.session_id} has spent {total} USD in all.")


def _show_price(priced: Priced) -> None:
    _say(f"By the rates that are set now, over catalogue {priced.catalogue}:")
    print_whole(card_view(priced.card))
    _say("")
    for step in priced.steps:
        _say(f"  {step_text(step)}")
    if priced.card.priced:
        _say(f"  = {usd_text(priced.charge.cost_pico_usd)} USD", "bold")
    else:
        _say("  unpriced: its tokens are counted, its cost is not known", "yellow")
    if priced.charge.cache_savings_pico_usd:
        _say(f"  The cache saved {usd_text(priced.charge.cache_savings_pico_usd)} USD.")
    _say("")


def _say(line: str, style: str | None = None) -> None:
    console.print(line, style=style, markup=False, highlight=False)
