"""The web page in a real browser: Debian's Chromium without a screen, and its API.

SCREENSHOTS=DIR keeps pictures of the page.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from ssh_tf.model.inference.result import DetectionResult
from ssh_tf.utils.errors import SSHError
from ssh_tf.utils.images import read_image, write_image
from ssh_tf.web.page import face_page, serve

SCORES = [0.9, 0.6, 0.3, 0.1]
PATIENCE = 60
"""Seconds for what the page is expected to show."""


class Finder:
    """Finds a face for each of `SCORES`; keeps what it was asked, and how many were asked at once."""

    def __init__(self):
        self.calls = []
        self.at_once = self.most_at_once = 0

    def __call__(self, file, size):
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.calls.append(size)
        try:
            image = read_image(file, max_pixels=10**6)
            time.sleep(0.2)
        finally:
            self.at_once -= 1
        rows = [[20 + 60 * n, 20, 60 + 60 * n, 70, score] for n, score in enumerate(SCORES)]
        return DetectionResult(image, np.array(rows, np.float32))


@pytest.fixture(scope="module")
def finder():
    return Finder()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    image = np.full((120, 300, 3), (40, 80, 160), np.uint8)
    cv2.circle(image, (40, 45), 20, (200, 220, 240), cv2.FILLED)
    write_image(folder / "good.jpg", image)
    (folder / "bad.jpg").write_bytes(b"no picture")
    write_image(folder / "large.png", np.zeros((1200, 1200, 3), np.uint8))
    (folder / "heavy.jpg").write_bytes((folder / "good.jpg").read_bytes() + bytes(3 * 10**6))
    return folder


@pytest.fixture(scope="module")
def address(finder, pictures):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    page = face_page(finder, ["fast", "accurate"], "fast", 0.5, [pictures / "good.jpg"])
    serve(page, "127.0.0.1", port, 2 * 10**6, blocking=False)
    yield f"http://127.0.0.1:{port}/"
    page.close()


@pytest.fixture(scope="module")
def browser(address, tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,1100"):
        options.add_argument(argument)
    downloads = tmp_path_factory.mktemp("downloads")
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    driver.downloads = downloads
    driver.get(address)
    until(lambda: driver.find_elements(By.CSS_SELECTOR, "input[type=file]"))
    yield driver
    if folder := os.environ.get("SCREENSHOTS"):
        driver.save_screenshot(str(Path(folder) / "end.png"))
    driver.quit()


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError("the page does not show what it should")


def upload(browser, path):
    clear = browser.find_elements(By.CSS_SELECTOR, "button[aria-label='Clear'], button[aria-label='Remove Image']")
    if clear:
        browser.execute_script("arguments[0].click()", clear[0])
    field = until(lambda: browser.find_elements(By.CSS_SELECTOR, "input[type=file]"))[0]
    field.send_keys(str(path))


def count(browser):
    return browser.find_element(By.ID, "count").text


def test_a_picture_is_dropped_and_its_faces_shown(browser, finder, pictures):
    upload(browser, pictures / "good.jpg")
    until(lambda: count(browser) == "2 faces")
    assert finder.calls == ["fast"]
    crops = until(lambda: browser.find_elements(By.CSS_SELECTOR, ".grid-container img, .thumbnail-item img"))
    assert len(crops) == 2
    if folder := os.environ.get("SCREENSHOTS"):
        time.sleep(2)
        browser.save_screenshot(str(Path(folder) / "faces.png"))


def test_the_threshold_moves_without_the_network(browser, finder):
    before = len(finder.calls)

    def typed():
        # Again and again: a page that is slow to draw itself anew loses what was typed meanwhile.
        with suppress(StaleElementReferenceException):
            field = browser.find_element(By.CSS_SELECTOR, "input[type=number]")
            field.send_keys(Keys.CONTROL, "a")
            field.send_keys("0.2", Keys.TAB)
        return count(browser) == "3 faces"

    until(typed)
    assert len(finder.calls) == before


def test_the_json_is_downloaded(browser):
    browser.find_element(By.ID, "save").click()
    file = browser.downloads / "faces.json"
    until(file.exists)
    content = json.loads(file.read_text())
    assert [face["score"] for face in content["faces"]] == [0.9, 0.6, 0.3]
    assert (content["width"], content["height"]) == (300, 120)


def test_another_size_runs_the_network(browser, finder):
    before = len(finder.calls)
    (choice,) = browser.find_elements(By.CSS_SELECTOR, "input[type=radio][value=accurate]")
    browser.execute_script("arguments[0].click()", choice)
    until(lambda: finder.calls[before:] == ["accurate"])


@pytest.mark.parametrize(
    ("name", "message"), [("bad.jpg", "not a picture"), ("large.png", "too many"), ("heavy.jpg", "size")]
)
def test_a_bad_picture_is_a_message(browser, pictures, name, message):
    upload(browser, pictures / name)
    toast = until(lambda: browser.find_elements(By.CSS_SELECTOR, ".toast-body, .toast-text"))
    until(lambda: message in " ".join(each.text for each in toast))
    assert str(pictures) not in " ".join(each.text for each in toast)
    for button in browser.find_elements(By.CSS_SELECTOR, ".toast-close"):
        browser.execute_script("arguments[0].click()", button)
    until(lambda: not browser.find_elements(By.CSS_SELECTOR, ".toast-body"))


def test_an_example_is_a_click(browser, finder):
    before = len(finder.calls)
    example = until(lambda: browser.find_elements(By.CSS_SELECTOR, "button.gallery-item, .gallery-item, tr.tr-body"))
    browser.execute_script("arguments[0].click()", example[0])
    until(lambda: len(finder.calls) > before)
    until(lambda: count(browser) == "3 faces")


def test_the_api_serves_visitors_in_turn(address, finder, pictures):
    client = Client(address, verbose=False)
    finder.most_at_once = 0
    jobs = [client.submit(handle_file(pictures / "good.jpg"), "fast", 0.5, api_name="/detect") for _ in range(3)]
    for job in jobs:
        assert [face["score"] for face in job.result()["faces"]] == [0.9, 0.6]
    assert finder.most_at_once == 1
    assert list(client.view_api(return_format="dict")["named_endpoints"]) == ["/detect"]


@pytest.mark.parametrize(
    ("size", "threshold", "message"),
    [
        *(("fast", threshold, "between 0.05 and 1") for threshold in (-1, 7, "x", None, [])),
        *((size, 0.5, "one of fast, accurate") for size in ("huge", "", None, 5)),
    ],
)
def test_what_programs_send_is_refused_in_words(address, pictures, capfd, size, threshold, message):
    client = Client(address, verbose=False)
    with pytest.raises(AppError, match=message):
        client.predict(handle_file(str(pictures / "good.jpg")), size, threshold, api_name="/detect")
    assert "Traceback" not in capfd.readouterr().err


def test_a_port_that_is_taken_is_one_line():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(SSHError, match=rf"^127\.0\.0\.1:{port}: the page cannot be there: Address already in use"):
            serve(None, "127.0.0.1", port, 1)


@pytest.mark.parametrize("host", ["nohost.invalid", "999.1.1.1", ".", "a" * 300, "a b", "\x1b[31m", "192.0.2.1.5"])
def test_a_host_that_is_none_is_one_line(host):
    with pytest.raises(SSHError, match="the page cannot be there: ") as caught:
        serve(None, host, 65536 if host == "999.1.1.1" else 7860, 1)
    assert "\n" not in str(caught.value)


ALONE = """
import sys
import time
from contextlib import suppress
import urllib.request

outside = set()


def note(event, arguments):
    if event in ("socket.getaddrinfo", "socket.connect"):
        address = arguments[0] if event == "socket.getaddrinfo" else arguments[1]
        host = address[0] if isinstance(address, tuple) else address
        if host not in ("127.0.0.1", "localhost", None):
            outside.add(str(host))


sys.addaudithook(note)
from ssh_tf.web.page import face_page, serve

page = face_page(lambda file, size: None, ["fast"], "fast", 0.5)
serve(page, "127.0.0.1", int(sys.argv[1]), 10**6, blocking=False)
urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/").read()
time.sleep(2)  # counts of users would be sent from threads
page.close()
print("outside", sorted(outside))
"""


def test_nothing_is_asked_of_other_machines():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if name != "GRADIO_ANALYTICS_ENABLED"}
    command = [sys.executable, "-c", ALONE, str(port)]
    done = subprocess.run(command, capture_output=True, check=True, text=True, env=environment)
    assert done.stdout.splitlines()[-1] == "outside []"
