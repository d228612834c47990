"""What the tests of the demo share: a demo that serves, and a page of it."""

import http.client
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil

PROJECT = Path(__file__).resolve().parents[2]
SECONDS = 24
PATIENCE = 120_000  # ms

HAS_TIMELINE_OF = """name => document.querySelector("#title").textContent.startsWith(name)
    && !document.querySelector("#track").hidden && document.querySelector("#rows tr")"""

# Takes the place of Python as what starts child processes: one trains, and one describes files.
STAND_IN = """\
import json, pathlib, shutil, sys, time
if sys.argv[1] == "genres":
    print("Training with", *sys.argv[2:])
    if not {model!r}:
        sys.exit("No luck today.")
    work = pathlib.Path({runs!r}, "synthetic-quick", "work", "11-champion")
    work.mkdir(parents=True)
    for bar in ({{"label": "extract", "done": 9}}, {{"label": "kernel ridge in 8", "done": 1}}):
        (work / "progress").write_text(json.dumps(bar | {{"total": 10}}) + "\\n")
        time.sleep(1)
    shutil.copytree({model!r}, {runs!r} + "/synthetic-quick/models/champion")
    sys.exit()
print('{{"ready": []}}', flush=True)
for line in sys.stdin:
    name = json.loads(line)["name"]
    if name.startswith("dies"):
        sys.exit()
    while name == "hangs":
        time.sleep(0.1)
    if name == "floods":
        print(json.dumps({{"sound": "x" * 50_000_000}}), flush=True)
    print('{{"sound": {{}}}}\\n{{"end": true}}', flush=True)
"""


class Server:
    """A demo that serves, and what it has printed."""

    def __init__(self, process):
        self.process, self.printed = process, []
        while not (self.printed and "?token=" in self.printed[-1]):
            self.printed.append(process.stdout.readline())
            assert self.printed[-1], process.communicate()
        self.address = self.printed[-1].split()[-1]
        self.port = urlsplit(self.address).port
        self.own = {"Host": f"127.0.0.1:{self.port}"}

    def request(self, path="/", method="GET", body=None, **headers):
        """Give status, headers and body of the response."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, self.own | headers)
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode()

    def enter(self):
        """Give the headers of who has the cookie."""
        address = urlsplit(self.address)
        _, headers, _ = self.request(f"/?{address.query}")
        cookie = headers["Set-Cookie"].partition(";")[0]
        return {"Cookie": cookie, "Origin": f"http://127.0.0.1:{self.port}"}

    def hearing(self):
        """Give the process that describes files."""
        (child,) = psutil.Process(self.process.pid).children()
        return child


@contextmanager
def serving(*options, before="", folder=None):
    """Serve the demo, in a Python that has executed some code before."""
    code = f"import sys\nfrom genres.__main__ import main\n{before}\nsys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "demo", "--no-browser", *map(str, options)]
    environment = os.environ | ({"TMPDIR": str(folder)} if folder else {})
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, cwd=PROJECT, env=environment, **pipes)
    try:
        yield Server(process)
    finally:
        process.terminate()
        process.communicate(timeout=30)


@contextmanager
def pretending(folder, model="", before="", place=None, python=None):
    """Serve the demo of a project without a model, with child processes that only pretend."""
    stand_in = folder / "stand_in.py"
    stand_in.write_text(STAND_IN.format(model=str(model), runs=str(folder)))
    before += f"""
import pathlib
from genres import project
from genres.demo import workers
project.RUNS = pathlib.Path({str(folder)!r})
workers.PYTHON = {python or (sys.executable, str(stand_in))!r}
workers.PATIENCE = 10
"""
    with serving(before=before, folder=place or folder) as server:
        yield server


def files_in_flight(folder):
    return list(folder.glob("genre-demo-*/*"))


@contextmanager
def opened(browser, address):
    """Open the page; fail if its script does."""
    page, faults = browser.new_page(), []
    page.set_default_timeout(PATIENCE)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: line.type == "error" and faults.append(line.text))
    page.goto(address)
    yield page
    page.close()
    assert not faults, faults


def drop(page, path):
    """Choose a file, and wait until its first timeline is there."""
    page.wait_for_selector("#drop")  # it is there when the page is ready for a file
    page.set_input_files("#file", path)
    page.wait_for_function(HAS_TIMELINE_OF, arg=path.name)
