"""The dashboard as a person meets it: a real browser on the demo's pages while its hour goes by.

The tests stand in the order of the hour: the first meets the runaway while it burns.
"""

import csv
import re
import time

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Route, expect

from burnline.pages.site import PAGES
from tests.pages.conftest import Watched

RUNAWAY = "refactorer-runaway"
HOUR_MS = 150_000
"""The demo's hour takes a minute; on a busy machine more."""

pytestmark = [pytest.mark.timeout(300), pytest.mark.needs_tool("chromium")]


def seen(page_text: str) -> float:
    """The first amount in a text."""
    found = re.search(r"\$([0-9,.]+)", page_text)
    assert found, page_text
    return float(found[1].replace(",", ""))


def test_a_newcomer_sees_the_runaway_rise_and_resolve_and_finds_its_event(watched: Watched) -> None:
    """From the printed address to the very event that crossed the line, while it happens."""
    page = watched.open("/")
    open_anomalies = page.get_by_role("region", name="Open anomalies")
    expect(open_anomalies.get_by_text(RUNAWAY)).to_be_visible(timeout=HOUR_MS)
    expect(open_anomalies.get_by_text("critical, escalated")).to_be_visible(timeout=HOUR_MS)
    assert seen(open_anomalies.get_by_role("row").nth(1).inner_text()) > 5
    watched.keep("now")
    expect(open_anomalies.get_by_text("None: nothing burns above its line.")).to_be_visible(timeout=HOUR_MS)

    page.get_by_role("link", name="earlier ones").click()  # one click
    expect(page.get_by_role("cell", name="resolved", exact=True).first).to_be_visible()
    page.get_by_role("link", name=f"what happened in {RUNAWAY}").first.click()  # two
    expect(page.get_by_role("heading", name="The event that crossed the line")).to_be_visible()
    notices = page.get_by_role("region", name="Notices").get_by_role("row")
    expect(notices).to_have_count(4)  # the head, opened, escalated, resolved
    watched.keep("anomaly")
    notices.nth(1).get_by_role("link").last.click()  # three: the event itself
    expect(page.get_by_text(f"event {RUNAWAY}:")).to_be_visible()
    expect(page.get_by_text("uncached input")).to_be_visible()


def test_values_change_while_somebody_looks(watched: Watched) -> None:
    page = watched.open("/")
    fresh = page.locator("#freshness")
    expect(fresh).to_contain_text("as of")
    before = fresh.inner_text()
    expect(fresh).not_to_have_text(before, timeout=20_000)


@pytest.mark.parametrize(
    "path",
    [page.path for page in PAGES if "{" not in page.path]
    + [f"/sessions/{RUNAWAY}?org_id=northwind", "/charges/0/0", "/prices?provider=openai&model=gpt-4o"],
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_for_who_cannot_see_or_use_a_mouse(watched: Watched, path: str, scheme: str) -> None:
    """By axe-core's rules: what it calls serious or critical, on every page, in both colours."""
    watched.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page = watched.open(path)
    page.wait_for_timeout(1500)
    watched.keep(f"{path.partition('?')[0].strip('/').replace('/', '-') or 'now'}-{scheme}")
    found = Axe().run(page).response["violations"]
    serious = [
        (one["id"], [node["html"] for node in one["nodes"]])
        for one in found
        if one["impact"] in {"serious", "critical"}
    ]
    assert serious == []


@pytest.mark.parametrize("path", [page.path for page in PAGES if page.link])
def test_it_fits_a_phone(watched: Watched, path: str) -> None:
    """Nothing but a table scrolls sideways at 360 px."""
    watched.page.set_viewport_size({"width": 360, "height": 740})
    page = watched.open(path)
    page.wait_for_timeout(1000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_trends_narrow_by_a_click_and_the_back_button_widens(watched: Watched) -> None:
    page = watched.open("/trends?days=7")
    page.get_by_role("button", name="northwind").click()
    expect(page.get_by_role("heading", name="Spend per day, by agent")).to_be_visible()
    assert "northwind" in page.url
    expect(page.get_by_role("button", name="refactorer")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Spend per day, by org")).to_be_visible()
    expect(page.get_by_role("button", name="northwind", exact=True)).to_be_visible()


def test_what_is_shown_can_be_taken_away(watched: Watched) -> None:
    """The file holds the groups of the table, with the same sum."""
    page = watched.open("/trends?days=7&group_by=agent_id")
    shown = page.get_by_role("region", name="Spend by").locator("tbody tr")
    count = shown.count()
    with page.expect_download() as download:
        page.get_by_role("link", name="Take this table away (CSV)").click()
    with download.value.path().open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == count > 3


def test_a_chart_has_a_table_of_the_same_numbers(watched: Watched) -> None:
    page = watched.open(f"/sessions/{RUNAWAY}?org_id=northwind")
    page.get_by_text("The same as a table").click()
    expect(page.get_by_role("region", name="Burn of this session").locator("tbody tr").first).to_be_visible()


def test_sessions_are_filtered_and_the_question_stands_in_the_address(watched: Watched) -> None:
    page = watched.open("/sessions")
    page.get_by_label("organisation").fill("northwind")
    page.get_by_role("button", name="Find").click()
    page.wait_for_url("**org_id=northwind*")
    expect(page.get_by_role("region", name="Sessions").get_by_text("acme")).to_have_count(0)
    page.reload()
    expect(page.get_by_label("organisation")).to_have_value("northwind")
    page.get_by_label("sort by").select_option("spend")
    page.wait_for_url("**sort=spend*")
    page.get_by_label("search").fill("no such session")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_text("No session is like that.")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("No session is like that.")).to_have_count(0)
    expect(page.get_by_label("sort by")).to_have_value("spend")


def test_what_is_asked_and_typed_while_an_answer_is_waited_for_is_not_lost(watched: Watched) -> None:
    page = watched.open("/sessions")
    held: list[Route] = []
    page.route("**/finops/sessions?*sort=spend*", lambda route: held.append(route))
    with page.expect_request("**/finops/sessions?*sort=spend*"):
        page.get_by_label("sort by").select_option("spend")
    page.get_by_label("sort by").select_option("events")
    page.get_by_label("search").fill("no such session")
    with page.expect_response("**/finops/sessions?*sort=events*"):
        for route in held:
            route.continue_()
    expect(page.get_by_label("sort by")).to_have_value("events")
    expect(page.get_by_label("search")).to_have_value("no such session")
    page.get_by_label("search").press("Enter")
    expect(page.get_by_text("No session is like that.")).to_be_visible()


def test_a_session_shows_whom_it_belongs_to(watched: Watched) -> None:
    event = {"org_id": "northwind", "agent_id": "planner", "model": "gpt-4o", "input_tokens": 1000, "output_tokens": 10}
    now_ms = time.time_ns() // 1_000_000
    for number, (session_id, parent) in enumerate({"tree-root": None, "tree-leaf": "tree-root"}.items()):
        own = {"session_id": session_id, "parent_session_id": parent, "event_id": f"tree-{number}"}
        sent = watched.page.request.post(f"{watched.base}/api/v1/events", data=event | own | {"occurred_at": now_ms})
        assert sent.ok, sent.text()
    page = watched.open("/sessions?search=tree-leaf")
    leaf = page.get_by_role("link", name="tree-leaf")
    for _ in range(60):  # the worker, then the projection, take it up in a moment
        if leaf.count():
            break
        page.wait_for_timeout(500)
        page.reload()
        page.wait_for_selector("#content > *")
    leaf.click()
    page.get_by_role("heading", name="Its tree").wait_for()
    page.get_by_role("link", name="tree-root").click()
    below = page.get_by_role("region", name="The session and those that are a part of it")
    expect(below.locator("tbody tr")).to_have_count(2)


def test_a_budget_is_set_stands_against_what_is_spent_and_is_deleted_again(watched: Watched) -> None:
    page = watched.open("/budgets")
    page.get_by_label("organisation (* for each)").fill("northwind")
    page.locator("input[name=amount_usd]").fill("0.01")
    page.locator("input[name=period]").fill("rolling-24h")
    page.get_by_role("button", name="Set", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="0.01 USD per rolling-24h")).to_be_visible(timeout=20_000)
    page.get_by_role("heading", name="Used up").click()  # nobody is typing
    used_up = page.get_by_role("region", name="Used up")
    expect(used_up.get_by_role("link", name="org northwind")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("Equal to the ledgers at")).to_be_visible()
    watched.keep("budgets")
    page = watched.open("/")
    expect(page.get_by_text("Fullest budget")).to_be_visible(timeout=20_000)
    page.get_by_role("link", name=re.compile("per rolling-24h, org northwind")).click()
    page.get_by_role("button", name="delete the budget org/northwind@rolling-24h").click()
    expect(page.get_by_text("No budget is set.")).to_be_visible(timeout=30_000)


def test_a_suggested_baseline_is_accepted_by_one_click_and_deleted_again(watched: Watched) -> None:
    page = watched.open("/baselines")
    page.get_by_role("button", name=re.compile("^accept .* northwind pair-programmer")).click()
    expect(page.get_by_role("status").filter(has_text="from the next event on")).to_be_visible(timeout=20_000)
    delete = page.get_by_role("button", name="delete the baseline of northwind pair-programmer")
    for _ in range(20):  # the projection follows the topic in a moment
        if delete.count():
            break
        page.wait_for_timeout(500)
        page.reload()
        page.wait_for_selector("#content > *")
    delete.click()
    expect(page.get_by_text("what lies below counts again")).to_be_visible(timeout=20_000)


def test_an_anomaly_is_judged_where_it_is_looked_at(watched: Watched) -> None:
    """It is kept with it and shown as text, by whom and when, until it is taken back."""
    page = watched.open("/anomalies?state=resolved")
    page.get_by_role("link", name=f"what happened in {RUNAWAY}").first.click()
    people = page.locator("section").filter(has=page.get_by_role("heading", name="What people say"))
    expect(people.get_by_role("button", name="Silence")).to_have_count(0)  # it is resolved: only judged
    people.get_by_label("why, in words").fill("<b>the loop</b> of #4711")
    people.get_by_label("it was").select_option("planned")
    people.get_by_role("button", name="Give feedback").click()
    expect(people.get_by_text("feedback: planned, says anonymous")).to_be_visible(timeout=20_000)
    expect(people.get_by_text("<b>the loop</b> of #4711")).to_be_visible()
    watched.keep("anomaly-said")
    people.get_by_role("button", name="Take back the feedback").click()
    expect(people.get_by_text("Nobody has said anything.")).to_be_visible(timeout=20_000)


def burn(watched: Watched, session_id: str, number: int) -> None:
    """Spend 2.50 USD of a session of northwind, as of now."""
    event = {"org_id": "northwind", "agent_id": "planner", "model": "gpt-4o", "session_id": session_id}
    used = {"event_id": f"{session_id}-{number}", "input_tokens": 1_000_000, "output_tokens": 1}
    now_ms = time.time_ns() // 1_000_000
    sent = watched.page.request.post(f"{watched.base}/api/v1/events", data=event | used | {"occurred_at": now_ms})
    assert sent.ok, sent.text()


def test_an_open_anomaly_is_acknowledged_and_silenced_and_now_tells_by_whom(watched: Watched) -> None:
    """Each click in the browser, and what it says where everybody looks."""
    burn(watched, "spender", 1)
    page = watched.open("/")
    row = page.get_by_role("region", name="Open anomalies").get_by_role("row").filter(has_text="spender")
    expect(row).to_contain_text("nobody yet", timeout=60_000)
    row.get_by_role("link", name="what happened in spender").click()
    people = page.locator("section").filter(has=page.get_by_role("heading", name="What people say"))
    burn(watched, "spender", 2)  # so that it stays open, however slow the machine
    people.get_by_label("why, in words").fill("a load test")
    people.get_by_role("button", name="Acknowledge").click()
    expect(people.get_by_text("acknowledged: no further notices")).to_be_visible(timeout=60_000)
    burn(watched, "spender", 3)
    people.locator("select[name=hours]").select_option("4 hours")
    people.get_by_role("button", name="Silence", exact=True).click()
    expect(people.get_by_text("silent until")).to_be_visible(timeout=60_000)
    burn(watched, "spender", 4)
    people.get_by_label("it was").select_option("planned")
    people.get_by_role("button", name="Give feedback").click()
    expect(people.get_by_text("feedback: planned")).to_be_visible(timeout=60_000)
    burn(watched, "spender", 5)
    page = watched.open("/")
    for words in ("acknowledged by anonymous", "silent until", "judged planned by anonymous"):
        expect(row).to_contain_text(words, timeout=60_000)
    assert "Now" in page.title()
    assert page.title().startswith("(")  # how many are open, for who looks at another tab
    watched.keep("now-looked-after")


class TestFourQuestions:
    """What a fresh pair of eyes asks, in at most three clicks from the first page."""

    def test_what_did_northwind_spend_yesterday(self, watched: Watched) -> None:
        page = watched.open("/")
        page.get_by_role("link", name="Trends").click()  # one
        page.get_by_role("button", name="northwind").click()  # two: its own days
        expect(page.get_by_role("heading", name="Spend per day, by agent")).to_be_visible()
        page.get_by_text("The same as a table").click()  # three: each day, to the cent
        days = page.get_by_role("region", name="USD per day by agent").get_by_role("row")
        expect(days.nth(1)).to_be_visible()  # today
        expect(days.nth(2)).to_be_visible()  # yesterday

    def test_which_agent_is_above_its_baseline(self, watched: Watched) -> None:
        page = watched.open("/")  # no click at all
        row = page.get_by_role("region", name="Active sessions").get_by_role("row").filter(has_text="asked")
        above = row.filter(has_text="above the line")
        for number in range(60):  # its minute is not over before somebody has looked
            burn(watched, "asked", number)
            page.wait_for_timeout(1000)
            if above.count():
                break
        expect(above).to_contain_text("northwind / planner")

    def test_why_did_this_session_open(self, watched: Watched) -> None:
        page = watched.open("/anomalies")  # one: its link is on every page
        page.get_by_role("link", name=f"what happened in {RUNAWAY}").first.click()  # two
        expect(page.get_by_text(f"northwind / refactorer, session {RUNAWAY}:")).to_be_visible()
        expect(page.get_by_role("heading", name="The event that crossed the line")).to_be_visible()
        expect(page.get_by_text("above the line").first).to_be_visible()

    def test_what_does_gpt_4o_cost_us(self, watched: Watched) -> None:
        page = watched.open("/")
        page.get_by_role("link", name="Prices").click()  # one: its rates, and what it came to
        model = page.get_by_role("link", name="gpt-4o", exact=True)
        row = page.get_by_role("region", name="Base rates in force").get_by_role("row").filter(has=model)
        expect(row.get_by_role("cell").nth(3)).to_have_text("2.50")  # input, USD per million tokens
        assert seen(row.get_by_role("cell").last.inner_text()) > 20


def test_policies_tell_what_to_do_where_there_is_none(watched: Watched) -> None:
    page = watched.open("/policies")
    expect(page.get_by_text("burnline policies apply FILE publishes some")).to_be_visible()
    page.get_by_label("looking back").select_option("30")
    expect(page.get_by_role("heading", name="in the last 30 days")).to_be_visible()


def test_rates_are_staged_and_then_set_together_or_discarded(watched: Watched) -> None:
    page = watched.open("/prices?provider=acme&model=house-model")
    for name, value in {"input": "1.5", "output": "6"}.items():
        page.get_by_label(name, exact=True).fill(value)
    page.get_by_role("button", name="Stage", exact=True).click()
    expect(page.get_by_role("heading", name="1 staged")).to_be_visible()
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_role("heading", name="1 staged")).to_have_count(0)
    for name, value in {"input": "1.5", "output": "6"}.items():
        page.get_by_label(name, exact=True).fill(value)
    page.get_by_role("button", name="Stage", exact=True).click()
    page.get_by_role("button", name="Set all of them").click()
    expect(page.get_by_text("In force from the next event on: acme/house-model.")).to_be_visible(timeout=20_000)


def test_text_of_a_publisher_is_text(watched: Watched) -> None:
    """A name is shown as it is, whatever it looks like."""
    page = watched.open("/prices?provider=openai&model=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E")
    expect(page.get_by_text("<img src=x onerror=alert(1)>").first).to_be_visible()
    assert page.locator("#content img").count() == 0
