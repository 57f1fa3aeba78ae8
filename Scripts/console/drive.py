#!/usr/bin/env python3
"""Drives the console in a headless Chromium against a running server, and checks what it shows.

    python3 Scripts/console/drive.py http://127.0.0.1:7700 --key KEY --data corpus.jsonl --shots docs

Needs Chromium and, in a virtual environment, `playwright` (the client only; `axe-playwright-python` adds the accessibility rules of axe).
KEY must be one of scope admin, and leaving it out means a server without keys. The collections `console-check` and `console-plan` are
made anew and deleted again (`--keep` leaves them). With --shots, screenshots are written to that folder as `console-*.png`.
Prints a line a check; the exit status is 1 where one failed.
"""

import argparse
import gzip
import json
import pathlib
import re
import shutil
import sys
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request

from playwright.sync_api import expect, sync_playwright

PLANNED, CHECKED = "console-plan", "console-check"
HOSTILE = '<img src=x onerror="document.title=\'stolen\'"><script>document.title="stolen"</script><b>bold</b> & "quoted"'


class Server:
    """The HTTP API, asked without the page, as what the page must agree with."""

    def __init__(self, base, key):
        self.base, self.key = base.rstrip("/"), key

    def ask(self, method, path, body=None, kind="application/json"):
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.base}/{path}", data, {"content-type": kind}, method=method)
        if self.key:
            request.add_header("authorization", f"Bearer {self.key}")
        with urllib.request.urlopen(request, timeout=300) as answer:
            return json.loads(answer.read() or b"null")

    def delete(self, name):
        try:
            self.ask("DELETE", f"collections/{name}")
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise

    def prepare(self, data, count):
        """Fills the collection that a plan is fitted for, and waits for the plan."""
        self.delete(PLANNED)
        self.delete(CHECKED)
        self.ask("PUT", f"collections/{PLANNED}", {"plan": {"budget": 48, "fit_at": 1000}})
        opener = gzip.open if data.suffix == ".gz" else open
        lines = []
        with opener(data, "rt", encoding="utf-8") as file:
            for line in file:
                record = json.loads(line)
                text = ". ".join(part.strip(" .") for part in [record.get("title", ""), record["text"]] if part)
                item = {"id": record.get("_id", record.get("id")), "text": text, "metadata": {"words": len(text.split()), "long": len(text) > 1500}}
                lines.append(json.dumps(item))
                if len(lines) == count:
                    break
        for start in range(0, len(lines), 500):
            self.ask("POST", f"collections/{PLANNED}/import", "\n".join(lines[start : start + 500]).encode() + b"\n", "application/x-ndjson")
        self.ask("POST", f"collections/{PLANNED}/compact", {})
        limit = time.time() + 300
        while not (self.ask("GET", f"collections/{PLANNED}/plan").get("report") or {}).get("plans"):
            if time.time() > limit:
                raise RuntimeError(f"no plan was fitted for {PLANNED} in 300 s")
            time.sleep(2)


class Drive:
    """One browser, and the checks."""

    def __init__(self, browser, server, shots):
        self.browser, self.server, self.shots = browser, server, shots
        self.failures, self.requests, self.complaints = [], set(), []

    def page(self, address="", width=1280, height=860, scheme="light", key=True, **options):
        context = self.browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, **options)
        if key and self.server.key:
            context.add_init_script(f"sessionStorage.setItem('kukla.key', {json.dumps(self.server.key)})")
        page = context.new_page()
        page.set_default_timeout(20000)
        page.on("request", lambda request: self.requests.add(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        # A refused request is logged by the browser itself; everything else on its console is ours.
        page.on("console", lambda said: said.type in ("error", "warning") and "Failed to load resource" not in said.text and self.complaints.append(said.text))
        page.goto(f"{self.server.base}/{address}")
        return page

    def shot(self, page, name, **options):
        if self.shots:
            page.wait_for_timeout(250)
            page.screenshot(path=self.shots / f"console-{name}.png", **options)

    def check(self, what, action):
        started = time.time()
        try:
            said = action()
        except Exception as error:  # noqa: BLE001 - every failure is a line of the report
            self.failures.append(what)
            print(f"FAILED  {what}\n        {str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__}")
            traceback.print_exc(limit=-2)
            return
        print(f"ok      {what}{f': {said}' if said else ''} ({time.time() - started:.1f} s)", flush=True)


def same(found, expected, what):
    if found != expected:
        raise AssertionError(f"{what}: expected {expected!r}, found {found!r}")


def shown_ids(page):
    return [json.loads(hit.get_attribute("data-id")) for hit in page.locator(".hit").all()]


def drop(page, name, text):
    """Lets a file fall on the page, as a file manager would."""
    transfer = page.evaluate_handle(
        "([name, text]) => { const t = new DataTransfer(); t.items.add(new File([text], name)); return t; }", [name, text])
    for kind in ("dragenter", "dragover", "drop"):
        page.dispatch_event("body", kind, {"dataTransfer": transfer})


class Checks:
    def __init__(self, drive):
        self.drive, self.server = drive, drive.server

    def all(self):
        for name in [name for name in vars(type(self)) if name.startswith("check_")]:
            method = getattr(self, name)
            self.drive.check(method.__doc__.rstrip("."), method)

    # MARK: The page

    def check_headers(self):
        """The page comes with a policy that allows nothing but itself."""
        with urllib.request.urlopen(f"{self.server.base}/") as answer:
            policy = answer.headers["content-security-policy"]
            html = answer.read().decode()
        for part in ("default-src 'none'", "script-src 'sha256-", "style-src 'sha256-", "connect-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"):
            if part not in policy:
                raise AssertionError(f"the policy has no {part}: {policy}")
        if "unsafe" in policy:
            raise AssertionError(policy)
        for other in ("http://", "https://", "src=\"//", "@import"):
            left = html.replace("http://www.w3.org/2000/svg", "")
            if other in left:
                raise AssertionError(f"the page mentions {other}")
        return f"{len(html.encode()) / 1000:.0f} kB"

    def check_search(self):
        """Hits appear while one types, with the same ids and order as the API gives, and with timings."""
        page = self.drive.page(f"#/{PLANNED}/search")
        expect(page.locator(".hit")).to_have_count(10)
        for by, query in (("both", "vitamin deficiency and heart failure"), ("words", "gene expression in mice"), ("vector", "do statins lower the risk of stroke?")):
            page.check(f'#by input[value="{by}"]', force=True)
            page.fill("#query", "")
            page.locator("#query").press_sequentially(query, delay=15)
            expect(page.locator("#timing b")).to_contain_text("10 hits")
            expect(page.locator("#timing span.search")).to_contain_text("search")
            expect(page.locator("#timing span.rest")).to_contain_text("there and back")
            answer = self.server.ask("POST", f"collections/{PLANNED}/search", {"text": query, "by": by, "k": 10})
            expect(page.locator(".hit").first).to_have_attribute("data-id", json.dumps(answer["hits"][0]["id"]))
            page.wait_for_timeout(300)
            same(shown_ids(page), [hit["id"] for hit in answer["hits"]], f"hits by {by}")
        page.check('#by input[value="both"]', force=True)
        page.fill("#query", "vitamin deficiency and heart failure")
        expect(page.locator(".hit mark").first).to_be_visible()
        page.fill("#k", "3")
        expect(page.locator(".hit")).to_have_count(3)
        page.fill("#k", "10")
        expect(page.locator(".hit")).to_have_count(10)
        page.focus("#query")
        self.drive.shot(page, "search")
        return page.locator("#timing").inner_text().replace("\n", ", ")

    def check_filter(self):
        """A filter is taken from JSON or a chip, restricts the hits, and says what is wrong with it."""
        page = self.drive.page(f"#/{PLANNED}/search?q=cells")
        expect(page.locator(".hit")).to_have_count(10)
        page.click("#more-button")
        page.fill("#where", '{"long": tr')
        expect(page.locator("#where-said")).to_contain_text("not JSON")
        page.fill("#where", '{"long": true}')
        expect(page.locator(".hit").first).to_contain_text("true")
        page.wait_for_timeout(400)
        answer = self.server.ask("POST", f"collections/{PLANNED}/search", {"text": "cells", "by": "both", "k": 10, "where": {"long": True}})
        same(shown_ids(page), [hit["id"] for hit in answer["hits"]], "filtered hits")
        page.fill("#recall", "0.99")
        page.wait_for_timeout(600)
        same(len(shown_ids(page)), 10, "hits with a recall wanted")
        page.fill("#recall", "")
        page.fill("#where", '{"$nor": []}')
        expect(page.locator("#search-trouble")).to_contain_text("$nor")
        page.fill("#where", "")
        expect(page.locator(".hit")).to_have_count(10)
        page.locator(".chip", has_text="words").first.click()
        expect(page.locator("#where")).to_have_value(re.compile(r'^\{"words":\d+\}$'))

    def check_similar(self):
        """A hit opens, and finds what is similar to it."""
        page = self.drive.page(f"#/{PLANNED}/search?q=cells")
        page.locator(".hit").nth(2).click()
        ident = shown_ids(page)[2]
        page.get_by_role("button", name="Find similar").click()
        expect(page.locator("#timing")).to_contain_text("Similar to")
        same(shown_ids(page)[0], ident, "what is most similar to an item")

    # MARK: Plan and map

    def check_plan(self):
        """The chart has a point for each plan that was measured, and shows figures on hover and on click."""
        report = self.server.ask("GET", f"collections/{PLANNED}/plan")["report"]
        finalists = [plan for plan in report["plans"] if plan["is_finalist"]]
        page = self.drive.page(f"#/{PLANNED}/plan")
        expect(page.locator("#chart .point")).to_have_count(len(finalists))
        expect(page.locator("#plan-table tbody tr")).to_have_count(len(finalists))
        chosen = next(plan for plan in report["plans"] if plan["is_chosen"])
        expect(page.locator("#plan-detail")).to_contain_text(chosen["plan"])
        expect(page.locator("#chart .pick")).to_have_count(1)
        smaller = [plan for plan in finalists if plan["bytes_per_vector"] <= chosen["bytes_per_vector"] / 2]
        other = max(smaller or [plan for plan in finalists if plan is not chosen], key=lambda plan: plan["recall"])
        point = page.locator(f'#chart [data-plan="{other["plan"]}"]').first
        point.locator(".mark").hover(force=True)
        expect(page.locator("#chart .tip")).to_contain_text(f"recall@{report['neighbors']}")
        box = point.locator(".mark").bounding_box()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        expect(page.locator("#plan-detail")).not_to_contain_text("The plan that was chosen")
        page.locator("#plan-table tr.chosen button").click()
        expect(page.locator("#plan-detail")).to_contain_text("The plan that was chosen")
        if len(finalists) < len(report["plans"]):
            page.check("#with-samples")
            expect(page.locator("#chart .point")).to_have_count(len(report["plans"]))
            page.uncheck("#with-samples")
        point.locator(".mark").hover(force=True)
        self.drive.shot(page, "plan")
        return f"{len(finalists)} of {len(report['plans'])} plans are finalists, {chosen['plan']} is chosen"

    def check_map(self):
        """The map has a point for each item of the sample, says what it is on hover, zooms, and goes by keys."""
        answer = self.server.ask("GET", f"collections/{PLANNED}/map?count=2000")
        page = self.drive.page(f"#/{PLANNED}/search?q=gene+expression+in+cancer")
        expect(page.locator(".hit")).to_have_count(10)
        page.click("#tab-map")
        expect(page.locator("#map .place")).to_have_count(len(answer["points"]))
        place = page.locator("#map").bounding_box()
        page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
        expect(page.locator(".map .tip")).to_be_visible()
        before = page.locator("#map g").first.get_attribute("transform")
        page.mouse.wheel(0, -400)
        expect(page.locator("#map g").first).not_to_have_attribute("transform", before)
        page.locator("#map").focus()
        page.keyboard.press("0")
        page.keyboard.press("ArrowRight")
        first = page.locator(".map .tip b").inner_text()
        page.keyboard.press("ArrowRight")
        expect(page.locator(".map .tip b")).not_to_have_text(first)
        page.keyboard.press("Enter")
        expect(page.locator("#map-detail")).to_be_visible()
        self.drive.shot(page, "map")
        return f"{len(answer['points'])} points"

    # MARK: Items

    def check_create_and_drop(self):
        """A collection is created, and files that are dropped become its items: JSON lines, CSV, lines of text, pasted text."""
        page = self.drive.page(f"#/{PLANNED}/search")
        expect(page.locator(".hit")).to_have_count(10)
        page.click("#create-button")
        page.fill("#new-name", "not a name!")
        page.get_by_role("button", name="Create", exact=True).click()
        expect(page.locator("#create-form .banner")).to_contain_text("letters")
        page.fill("#new-name", CHECKED)
        page.select_option("#new-kind", "factory")
        page.fill("#new-factory", "SQ8")
        self.drive.shot(page, "create")
        page.get_by_role("button", name="Create", exact=True).click()
        expect(page.locator("#title")).to_have_text(CHECKED)
        lines = [{"id": f"n{i}", "text": f"note number {i} about {'rivers and lakes' if i % 2 else 'engines and trains'}", "metadata": {"year": 2000 + i}} for i in range(300)]
        drop(page, "notes.jsonl", "\n".join(map(json.dumps, lines)))
        expect(page.locator("#preview")).to_contain_text("note number 0")
        self.drive.shot(page, "import")
        page.click("#import-go")
        expect(page.locator("#import-done")).to_contain_text("300 items", timeout=120000)
        same(self.count(), 300, "items after JSON lines")
        drop(page, "cities.csv", 'id,title,population,notes\nc1,"Oslo, Norway",709037,"a ""quoted"" word"\nc2,Turku,197900,"two\nlines"\n')
        expect(page.locator("#preview")).to_contain_text("709037")
        page.click("#import-go")
        expect(page.locator("#import-done")).to_contain_text("2 items")
        item = self.server.ask("GET", f"collections/{CHECKED}/items/c1")
        same((item["text"], item["metadata"]), ("Oslo, Norway", {"population": 709037, "notes": 'a "quoted" word'}), "an item of a CSV row")
        drop(page, "lines.txt", "the first line\n\nthe third line\n")
        page.click("#import-go")
        expect(page.locator("#import-done")).to_contain_text("2 items")
        same(self.server.ask("GET", f"collections/{CHECKED}/items/lines-3")["text"], "the third line", "an item of a line")
        page.get_by_role("button", name="Import more").click()
        page.fill("#pasted", json.dumps({"id": "pasted", "text": "pasted into the page"}))
        page.get_by_role("button", name="Import what was pasted").click()
        page.click("#import-go")
        expect(page.locator("#import-done")).to_contain_text("1 item")
        same(self.count(), 305, "items after all")
        expect(page.locator("#facts")).to_contain_text("305 items")

    def check_bad_import(self):
        """A line that is no item stops the import, which says where, and keeps what came before."""
        page = self.drive.page(f"#/{CHECKED}/import")
        expect(page.locator("#drop")).to_be_visible()
        before = self.count()
        drop(page, "bad.jsonl", '{"id":"good","text":"kept"}\n{"id":"bad","text":\n')
        page.click("#import-go")
        expect(page.locator("#view-import .banner")).to_contain_text("Item 2: ")
        said = page.locator("#view-import .banner").inner_text()
        same(self.count(), before + 1, "items after the line before the bad one")
        drop(page, "latin.txt", "plain")
        page.click("#import-go")
        expect(page.locator("#import-done")).to_be_visible()
        return said

    def check_hostile_text(self):
        """An item whose id, text and metadata are HTML is shown as text."""
        item = {"id": "<i>id</i>", "text": HOSTILE, "metadata": {"<u>name</u>": "<svg onload=alert(1)>"}}
        self.server.ask("POST", f"collections/{CHECKED}/items", {"items": [item]})
        page = self.drive.page(f"#/{CHECKED}/search?by=words&q=bold+quoted")
        hit = page.locator(".hit").first
        expect(hit).to_contain_text("<b>bold</b>")
        expect(hit.locator(".id")).to_have_text("<i>id</i>")
        hit.locator(".text").click()
        expect(hit.locator("pre")).to_contain_text("<svg onload=alert(1)>")
        same(page.locator("main img, main script, main u, main .hit i, main .hit b:not(.chip b), main svg[onload]").count(), 0, "elements made of an item's text")
        page.fill("#query", '<img src=x onerror=alert(1)>"')
        page.click("#tab-map")
        expect(page.locator("#map .place").first).to_be_attached()
        if "stolen" in page.title():
            raise AssertionError("a script of an item ran")

    # MARK: People

    def check_keyboard(self):
        """All of it goes by keys: skip link, search, hits, tabs, chart, dialogs."""
        page = self.drive.page(f"#/{PLANNED}/plan")
        expect(page.locator("#chart .point").first).to_be_attached()
        page.keyboard.press("Tab")
        expect(page.locator(":focus")).to_have_text("Skip to the content")
        page.keyboard.press("Enter")
        expect(page.locator("#main")).to_be_focused()
        page.keyboard.press("/")
        expect(page.locator("#query")).to_be_focused()
        page.keyboard.type("protein folding")
        expect(page.locator("#timing b")).to_contain_text("hits")
        page.wait_for_timeout(400)
        page.keyboard.press("ArrowDown")
        expect(page.locator(".hit").nth(0)).to_be_focused()
        page.keyboard.press("ArrowDown")
        expect(page.locator(".hit").nth(1)).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator(".hit").nth(1).locator(".detail")).to_be_visible()
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowUp")
        expect(page.locator("#query")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.locator("#query")).to_have_value("")
        for _ in range(60):
            page.keyboard.press("Shift+Tab")
            if page.locator("#tab-search:focus").count():
                break
        expect(page.locator("#tab-search")).to_be_focused()
        page.keyboard.press("ArrowRight")
        expect(page.locator("#tab-plan")).to_be_focused()
        expect(page.locator("#chart .point").first).to_be_attached()
        for _ in range(20):
            page.keyboard.press("Tab")
            if page.locator("#chart svg:focus").count():
                break
        expect(page.locator("#chart > svg")).to_be_focused()
        expect(page.locator("#chart .tip")).to_be_visible()
        page.keyboard.press("End")
        page.keyboard.press("Enter")
        expect(page.locator("#chart .point.selected")).to_have_count(1)
        expect(page.locator("#live")).to_contain_text("recall@")
        ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        same(ring, "solid", "the outline of what has the focus")
        page.keyboard.press("?")
        expect(page.locator("#help-dialog")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#help-dialog")).to_be_hidden()

    def check_colours(self):
        """Dark and light follow the system, and the toggle overrides it and is remembered."""
        colour = lambda page: page.evaluate("getComputedStyle(document.body).backgroundColor")
        light = self.drive.page(f"#/{PLANNED}/search?q=cells")
        dark = self.drive.page(f"#/{PLANNED}/search?q=vitamin+deficiency", scheme="dark")
        expect(dark.locator(".hit")).to_have_count(10)
        lightness = [sum(int(part) for part in colour(page)[4:-1].split(",")) for page in (light, dark)]
        if not (lightness[0] > 600 and lightness[1] < 120):
            raise AssertionError(f"backgrounds {lightness}")
        self.drive.shot(dark, "search-dark")
        dark.click("#tab-plan")
        expect(dark.locator("#chart .point").first).to_be_attached()
        self.drive.shot(dark, "plan-dark")
        before = colour(dark)
        dark.click("#theme-button")
        expect(dark.locator("html")).to_have_attribute("data-theme", "light")
        if colour(dark) == before:
            raise AssertionError("the toggle changed nothing")
        dark.reload()
        expect(dark.locator("html")).to_have_attribute("data-theme", "light")

    def check_narrow(self):
        """Nothing is wider than a narrow screen."""
        page = self.drive.page(f"#/{PLANNED}/search?q=gene+expression", width=360, height=740)
        expect(page.locator(".hit")).to_have_count(10)
        self.drive.shot(page, "narrow")
        for tab in ("search", "plan", "map", "import", "manage"):
            page.click(f"#tab-{tab}")
            page.wait_for_timeout(500)
            same(page.evaluate("document.documentElement.scrollWidth"), 360, f"width of {tab}")
        page.click("#health")
        page.wait_for_timeout(200)
        same(page.evaluate("document.documentElement.scrollWidth"), 360, "width of the server's page")

    def check_health(self):
        """Health and figures of the server stand beside everything, and in full on a page."""
        page = self.drive.page("#/server")
        expect(page.locator("#health")).to_contain_text("Up ")
        expect(page.locator("#view-server .tile")).to_have_count(4)
        expect(page.locator("#view-server")).to_contain_text(self.server.ask("GET", "status")["version"])
        page.wait_for_timeout(11000)
        self.drive.shot(page, "server")

    def check_accessibility(self):
        """The rules of axe find nothing, light and dark, in any view."""
        try:
            from axe_playwright_python.sync_playwright import Axe
        except ImportError:
            return "skipped: axe-playwright-python is not installed"
        found = []
        for scheme in ("light", "dark"):
            page = self.drive.page(f"#/{PLANNED}/search?q=cells", scheme=scheme, bypass_csp=True)
            expect(page.locator(".hit")).to_have_count(10)
            for view in ("search", "plan", "map", "import", "manage", "server"):
                page.click("#health" if view == "server" else f"#tab-{view}")
                page.wait_for_timeout(700)
                for violation in Axe().run(page).response["violations"]:
                    found.append(f"{scheme} {view}: {violation['id']}: {violation['nodes'][0]['html'][:140]} ({len(violation['nodes'])})")
        if found:
            raise AssertionError("\n        ".join(found))

    def check_key(self):
        """A missing and a wrong key are said, the right one opens the page, and it is kept in the tab only."""
        if not self.server.key:
            return "skipped: the server has no keys"
        page = self.drive.page("", key=False)
        expect(page.locator("#key-dialog")).to_be_visible()
        page.fill("#key", "not-the-key")
        page.get_by_role("button", name="Use this key").click()
        expect(page.locator("#key-trouble")).to_be_visible()
        said = page.locator("#key-trouble").inner_text()
        self.drive.shot(page, "key")
        page.fill("#key", self.server.key)
        page.get_by_role("button", name="Use this key").click()
        expect(page.locator("#key-dialog")).to_be_hidden()
        expect(page.locator("#title")).to_be_visible()
        same(page.evaluate("[sessionStorage.getItem('kukla.key') !== null, Object.values(localStorage).some((one) => one.includes(sessionStorage.getItem('kukla.key'))), document.cookie]"), [True, False, ""], "where the key is kept")
        return said

    def check_snapshots(self):
        """A snapshot is taken and listed, restored under another name, and in place of its collection once that is confirmed."""
        snapshot, copy = f"{CHECKED}-{time.time_ns()}", f"{CHECKED}-copy"
        self.server.delete(copy)
        page = self.drive.page(f"#/{CHECKED}/manage")
        page.get_by_label("Name of the snapshot").fill(snapshot)
        page.get_by_role("button", name="Take a snapshot").click()
        expect(page.locator("#snapshots")).to_contain_text(snapshot)
        same(snapshot in self.server.ask("GET", "snapshots")["snapshots"], True, "whether the snapshot is there")
        before = self.count()
        self.server.ask("POST", f"collections/{CHECKED}/items", {"items": [{"id": "later", "text": "written after the snapshot"}]})
        page.fill("#restore-as", copy)
        page.get_by_role("button", name=f"Restore {snapshot}").click()
        expect(page.locator("#view-manage")).to_contain_text(f"{copy} is as it was in {snapshot}")
        same(self.server.ask("GET", f"collections/{copy}")["count"], before, "items of the copy")
        expect(page.locator("#collections")).to_contain_text(copy)
        self.drive.shot(page, "manage")
        page.fill("#restore-as", CHECKED)
        page.get_by_role("button", name=f"Restore {snapshot}").click()
        expect(page.locator("#confirm-dialog")).to_be_visible()
        page.get_by_role("button", name="Cancel").click()
        same(self.count(), before + 1, "items after a restore that was not confirmed")
        page.get_by_role("button", name=f"Restore {snapshot}").click()
        page.locator("#confirm-form input").fill(CHECKED)
        page.get_by_role("button", name="Replace", exact=True).click()
        expect(page.locator("#view-manage")).to_contain_text(f"{CHECKED} is as it was in {snapshot}")
        same(self.count(), before, "items after the restore")
        page.get_by_role("button", name="Take a snapshot").click()
        expect(page.locator("#view-manage .banner:not([hidden])")).to_contain_text("already")
        self.server.delete(copy)

    def check_delete(self):
        """A collection is deleted once its name was typed."""
        page = self.drive.page(f"#/{CHECKED}/manage")
        page.get_by_role("button", name="Delete the collection").click()
        page.get_by_role("button", name="Delete", exact=True).click()
        expect(page.locator("#confirm-dialog")).to_be_visible()
        page.locator("#confirm-form input").fill(CHECKED)
        page.get_by_role("button", name="Delete", exact=True).click()
        expect(page.locator("#collections")).not_to_contain_text(CHECKED)
        names = [one["name"] for one in self.server.ask("GET", "collections")["collections"]]
        same(CHECKED in names, False, "whether the collection is there")

    def check_hosts(self):
        """No request left the host, and the browser had nothing to complain of."""
        host = urllib.parse.urlsplit(self.server.base).netloc
        others = [url for url in self.drive.requests if urllib.parse.urlsplit(url).netloc != host and not url.startswith("data:")]
        same(others, [], "requests to other hosts")
        same(self.drive.complaints, [], "complaints on the browser's console")
        return f"{len(self.drive.requests)} addresses asked"

    def count(self):
        return self.server.ask("GET", f"collections/{CHECKED}")["count"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("server", help="where the server is, such as http://127.0.0.1:7700")
    parser.add_argument("--key", help="an API key of scope admin, where the server has keys")
    parser.add_argument("--data", type=pathlib.Path, required=True, help="texts in the JSON lines of BEIR, gzip or not: _id, title, text")
    parser.add_argument("--count", type=int, default=2500, help="how many of them")
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome"), help="the browser")
    parser.add_argument("--shots", type=pathlib.Path, help="a folder for screenshots")
    parser.add_argument("--keep", action="store_true", help="leave the collections that were made")
    parser.add_argument("--only", help="the checks with this in their name, on what an earlier run with --keep left")
    options = parser.parse_args()
    server = Server(options.server, options.key)
    if not options.only or PLANNED not in [one["name"] for one in server.ask("GET", "collections")["collections"]]:
        server.prepare(options.data, options.count)
    if options.shots:
        options.shots.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=15000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=["--no-sandbox"])
        print(f"Chromium {browser.version}")
        drive = Drive(browser, server, options.shots)
        checks = Checks(drive)
        if options.only:
            for name in [name for name in vars(Checks) if options.only in name]:
                drive.check(name, getattr(checks, name))
        else:
            checks.all()
        browser.close()
    if not options.keep and not options.only:
        server.delete(PLANNED)
        server.delete(CHECKED)
    print(f"{len(drive.failures)} failed" if drive.failures else "All checks passed")
    sys.exit(1 if drive.failures else 0)


if __name__ == "__main__":
    main()
