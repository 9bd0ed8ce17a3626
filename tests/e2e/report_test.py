"""stats -f html and -f svg: as documents, and in a real browser (Debian's chromium, when it is there).

Each page is opened headless at 360 and 1280 pixels, light and dark. A script that is added to a copy
of it measures: does the page scroll sideways, does a label cover another, is it cut off, what are
the colours. What the browser says on its console is an error.
"""

import html
import html.parser
import json
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree

import rig
from rig import equal, ok, skip, test

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
NAMES = ["tokio-default", "tokio-localset", "async-std", "smol", "smol-1kb"]
AWKWARD = [
    "<script>window.pwned=1<",
    "'\" onmouseover=x &amp; <b>",
    "a name that goes on and on, far longer than a phone is wide, to see what becomes of it",
    "\u65e5\u672c\u8a9e\u306e\u540d\u524d",
    "\\x3cimg src=x onerror=alert(1)\\x3e",
]

# ---- data -----------------------------------------------------------------------------------------


def trial(folder, runtime, config, run, efficiency, minute, more=None):
    def agent(url, seconds, tokens):
        call = {"eval_duration_ms": seconds * 900, "load_duration_ms": 90.0, "tokens_generated": tokens,
                "throughput_tokens_per_sec": 41.0, "total_duration_ms": seconds * 1e3, "ttft_ms": 300.0}
        return {
            "config": {"base_url": url},
            "execution_time_s": seconds,
            "result": {
                "aggregate_metrics": {"total_tokens_generated": tokens},
                "individual_runs": [call],
                "timestamp": "2025-11-14T%02d:%02d:30Z" % (minute // 60 % 24, minute % 60),
            },
        }

    record = {
        "collector": agent("http://127.0.0.1:11434", 10.0, 410),
        "insight": agent("http://127.0.0.1:11435", efficiency / 5 - 10, int(4.1 * efficiency)),
        "run_number": 1,
        "scenario": "chimera_homo",
        "summary": {"concurrent_wall_time_s": 10.001, "efficiency_percent": efficiency},
    }
    if more is not None:
        record["chimera"] = {"schema": "chimera.trial/1", **more}
    path = os.path.join(folder, "runtime-" + runtime, config, "run_%d" % run, "metrics.json")
    rig.write(path, json.dumps(record))


def study(folder, runtimes, configs, runs, of_ours=False):
    """Runs with a spread that is the same every time; async-std is at 50 %."""
    minute = 0
    for r, runtime in enumerate(runtimes):
        for c in range(configs):
            for k in range(1, runs + 1):
                wave = (r * 7 + c * 5 + k * 3) % 11 / 11
                value = 50.0 - wave / 500 if runtime == "async-std" else 99.0 - 6 * wave - r % 5 / 3
                if (r, c, k) == (0, 0, 1):
                    value = 73.0
                more = None
                if of_ours:
                    more = {"binary_bytes": 200000 + 1000 * (r * 13 % 29), "max_rss_kib": 800 + r,
                            "decomposition": {"contention_percent": 0.4 * r}}
                minute += 1
                trial(folder, runtime, "config_%d" % c, k, value, minute, more)
    return folder


def stats(form, *arguments):
    outcome = rig.run("stats", *arguments, "-f", form)
    ok(outcome.code == 0, "stats -f %s" % form, outcome)
    return outcome.text


# ---- documents ------------------------------------------------------------------------------------


class Outline(html.parser.HTMLParser):
    """What a page is made of, and what is wrong with its nesting."""

    VOID = {"meta", "br", "hr", "img", "link"}
    OPTIONAL = {"li", "p", "thead", "tbody", "tr", "th", "td"}

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.wrong, self.tags, self.ids, self.refs = [], [], {}, [], []
        self.bare_svgs = 0
        self.feed(text)
        self.wrong += ["not closed: " + t for t in self.open if t not in self.OPTIONAL]

    def handle_starttag(self, tag, attributes):
        self.handle_startendtag(tag, attributes)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags[tag] = self.tags.get(tag, 0) + 1
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            if name in ("src", "href", "action") and not value.startswith("#"):
                self.refs.append(value)
            if name.startswith("on"):
                self.wrong.append("a handler: " + name)
        names = dict(attributes)
        if tag == "svg" and "svg" not in self.open:
            named = names.get("role") == "img" and "aria-labelledby" in names
            self.bare_svgs += not named and names.get("aria-hidden") != "true"

    def handle_endtag(self, tag):
        while self.open and self.open[-1] != tag and self.open[-1] in self.OPTIONAL:
            self.open.pop()
        if not self.open or self.open.pop() != tag:
            self.wrong.append("</%s>" % tag)


def check_page(text, name):
    page = Outline(text)
    ok(text.startswith("<!doctype html><html lang="), name + ": begins as HTML")
    equal(page.wrong, [], name + ": nesting")
    equal(page.refs, [], name + ": refers to nothing outside")
    ok("url(" not in text and "@import" not in text, name + ": loads nothing")
    equal(page.tags.get("script", 0), 0, name + ": has no script")
    equal(len(page.ids), len(set(page.ids)), name + ": ids are unique")
    equal(page.bare_svgs, 0, name + ": every chart has a text alternative, or is none")
    for labelled in re.findall(r"aria-labelledby='([^']*)'", text):
        ok(set(labelled.split()) <= set(page.ids), name + ": labels are there", labelled)
    return page


def check_picture(text, name):
    root = xml.etree.ElementTree.fromstring(text)
    space = "{http://www.w3.org/2000/svg}"
    equal(root.tag, space + "svg", name + ": is SVG")
    equal(root.get("role"), "img", name + ": role")
    ok(root.find(space + "title").text and root.find(space + "desc").text, name + ": title and desc")
    ids = {e.get("id") for e in root.iter()}
    for e in root.iter(space + "use"):
        ok(e.get("href", "")[1:] in ids, name + ": use of what is there", e.attrib)
    return root, space


@test
def page_and_picture():
    with rig.folder() as folder:
        study(folder, NAMES, 3, 4)
        page = stats("html", folder)
        check_page(page, "five runtimes")
        for words in ("Every run", "By configuration", "What the efficiency loses", "In the order of time",
                      "Tests", "Warnings", "chimera stats"):
            ok(words in page, "five runtimes: has " + words)
        ok("No chart: neither binaries" in page, "no sizes: says why there is no chart")
        ok(page.index("<h1>") < page.index("<table>") < page.index("Every run"), "answer first")
        ok("all 12 runs off this axis: 50.00" in page, "async-std is told of in words")
        root, space = check_picture(stats("svg", folder), "five runtimes, svg")
        dots = [e for e in root.iter(space + "circle") if e.get("cx", "").endswith("%")]
        equal(len(dots), 4 * 12, "svg: a dot for each run on the axis")


@test
def sizes_are_drawn():
    with rig.folder() as folder:
        study(folder, NAMES, 2, 4, of_ours=True)
        page = stats("html", folder)
        check_page(page, "ours")
        ok("binary on disk, kB" in page, "ours: size against consistency")
        ok("contention" in page and "binary bytes" in page, "ours: tables")


@test
def odd_results():
    cases = {
        "one run": ([98.0],),
        "equal": ([98.0] * 5, [98.0] * 5),
        "negative": ([-3.0, 2.0, 5.0], [-8.0, 1.0, 1.5]),
        "huge range": ([1.0, 2.0, 3.0, 1e17], [2.0, 2.5, 4.0, 1e-9]),
        "n = 1": ([97.0], [98.0], [99.0]),
    }
    for name, groups in cases.items():
        with rig.folder() as folder:
            for i, values in enumerate(groups):
                for k, value in enumerate(values):
                    trial(folder, "r%d" % i, "c", k + 1, value, i * 10 + k)
            check_page(stats("html", folder), name)
            check_picture(stats("svg", folder), name)


@test
def names_from_outside():
    with rig.folder() as folder:
        study(folder, AWKWARD, 2, 3, of_ours=True)
        rig.write(folder + "/<i>broken/metrics.json", "{")
        for text in (stats("html", folder), stats("svg", folder)):
            for tag in ("<script", "<b>", "<i>", "<img"):
                ok(tag not in text, "no %s of a name" % tag)
        page = check_page(stats("html", folder, "--metric", "efficiency_percent", "--metric",
                                "nowhere<u>"), "two metrics, one of them nowhere")
        equal(page.tags.get("u", 0), 0, "no <u> of a metric")


@test
def written_to_a_file():
    with rig.folder() as folder:
        study(folder + "/in", NAMES[:2], 1, 3)
        outcome = rig.run("stats", folder + "/in", "-f", "html", "-O", folder + "/page.html")
        equal((outcome.code, outcome.out), (0, b""), "-O")
        equal(rig.read(folder + "/page.html").decode()[:15], "<!doctype html>", "-O: the page")


# ---- in a browser -----------------------------------------------------------------------------------

MEASURE = """<script>
addEventListener('load', () => {
  const wide = innerWidth, covered = [], outside = [];
  document.querySelectorAll('details').forEach(d => d.open = true);
  const overflow = document.documentElement.scrollWidth - wide;
  for (const svg of document.querySelectorAll('svg[role=img]')) {
    const texts = [...svg.querySelectorAll('text')].filter(t => t.textContent.trim());
    const boxes = texts.map(t => t.getBoundingClientRect());
    boxes.forEach((a, i) => {
      if (a.right > wide + .5 || a.left < -.5) outside.push(texts[i].textContent);
      boxes.forEach((b, k) => {
        const x = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const y = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (k > i && x > .5 && y > 2.5) covered.push(texts[i].textContent + ' | ' + texts[k].textContent);
      });
    });
  }
  const style = getComputedStyle(document.body || document.documentElement);
  const heading = document.querySelector('h1'), table = document.querySelector('table');
  const result = document.createElement('pre');
  result.id = 'measured';
  result.textContent = JSON.stringify({
    wide, overflow, covered, outside, background: style.backgroundColor, colour: style.color,
    heading: heading.getBoundingClientRect().top, table: table.getBoundingClientRect().top,
    charts: document.querySelectorAll('svg[role=img]').length,
    scripts: document.scripts.length, pwned: window.pwned === undefined ? 0 : 1,
    small: Math.min(...[...document.querySelectorAll('svg text')].map(
      t => parseFloat(getComputedStyle(t).fontSize) * t.getScreenCTM().a)),
  });
  parent.document.body.append(result);
});
</script></body>"""


def browse(page, folder, width, dark, *more):
    profile = os.path.join(folder, "profile-%d-%d" % (width, dark))
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
               "--disable-dev-shm-usage", "--user-data-dir=" + profile, "--enable-logging=stderr",
               "--hide-scrollbars", "--window-size=%d,900" % max(width, 720),
               "--host-resolver-rules=MAP * ~NOTFOUND",
               "--blink-settings=preferredColorScheme=%d" % (0 if dark else 1), *more, "file://" + page]
    return subprocess.run(command, capture_output=True, timeout=120, stdin=subprocess.DEVNULL)


def measure(text, folder, name, width, dark):
    # In a frame: a window of the browser is never less than 500 pixels wide.
    page = os.path.join(folder, "measured.html")
    inner = html.escape(text.replace("</body>", MEASURE))
    rig.write(page, "<!doctype html><meta charset=utf-8><iframe width=%d height=900 style='border:0' "
                    "srcdoc=\"%s\"></iframe>" % (width, inner))
    outcome = browse(page, folder, width, dark, "--dump-dom")
    words = outcome.stderr.decode("utf-8", "replace")
    console = [line for line in words.splitlines() if "CONSOLE" in line]
    equal(console, [], name + ": nothing on the console")
    found = re.search(r'<pre id="measured">(.*?)</pre>', outcome.stdout.decode("utf-8", "replace"), re.S)
    if not ok(found, name + ": measured", words[-600:]):
        return None
    return json.loads(html.unescape(found.group(1)))


def check_view(text, folder, name, width, dark):
    name = "%s, %d px, %s" % (name, width, "dark" if dark else "light")
    m = measure(text, folder, name, width, dark)
    if m is None:
        return
    equal(m["wide"], width, name + ": width of the window")
    ok(m["overflow"] <= 0, name + ": no scrolling sideways", m["overflow"])
    equal(m["covered"], [], name + ": no label covers another")
    equal(m["outside"], [], name + ": no label is cut off")
    ok(m["charts"] >= 3, name + ": charts", m["charts"])
    ok(m["small"] >= 11, name + ": labels can be read", m["small"])
    equal((m["scripts"], m["pwned"]), (1, 0), name + ": no script but the measuring one")
    brightness = [sum(int(x) for x in re.findall(r"\d+", m[k])[:3]) for k in ("background", "colour")]
    ok((brightness[0] < 150 < 450 < brightness[1]) == dark
       and (brightness[1] < 150 < 450 < brightness[0]) != dark, name + ": colours", brightness)
    ok(m["heading"] < 200, name + ": the headline is on top", m["heading"])
    if width > 1000:
        ok(m["table"] < 700, name + ": the ranking is on the first screen", m["table"])


@test(alone=True)
def in_a_browser():
    if CHROMIUM is None:
        skip("reports in a browser", "chromium is not installed")
        return
    with rig.folder() as folder:
        pages = {
            "five runtimes": stats("html", study(folder + "/five", NAMES, 3, 4, of_ours=True)),
            "awkward names": stats("html", study(folder + "/awkward", AWKWARD, 2, 3, of_ours=True)),
            "forty runtimes": stats(
                "html", study(folder + "/forty", ["runtime-%d" % i for i in range(40)], 1, 3, of_ours=True)),
        }
        for name, text in pages.items():
            for width in (360, 1280):
                for dark in (False, True):
                    if name == "five runtimes" or dark == (width == 360):
                        check_view(text, folder, name, width, dark)
        picture = rig.write(folder + "/picture.svg", stats("svg", folder + "/five"))
        shot = folder + "/shot.png"
        outcome = browse(picture, folder, 720, False, "--screenshot=" + shot)
        ok(os.path.exists(shot) and os.path.getsize(shot) > 20000, "the picture is drawn",
           outcome.stderr.decode("utf-8", "replace")[-600:])


rig.main()
