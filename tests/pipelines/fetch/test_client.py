"""Redirects, secrets and passing failures of the HTTP client."""

import pytest
from faulty_web import web

from medvision.pipelines.fetch.client import Client, Passing, Secret, check_redirect, shown
from medvision.pipelines.fetch.faults import FetchFault

SECRET = Secret("token-of-one-host")


def test_a_secret_is_sent_to_its_host_alone():
    with web() as server, web() as other:
        there = other.serve("/data", b"data")
        url = server.serve("/start", b"", location="/next")
        server.serve("/next", b"", location=there)
        answer = Client().open(url, {}, SECRET)
        assert answer.raw.read() == b"data"
        assert [asked.headers.get("authorization") for asked in server.asked] == ["Bearer token-of-one-host"] * 2
        assert [asked.headers.get("authorization") for asked in other.asked] == [None]


def test_a_login_of_the_home_folder_is_not_sent(tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with web() as server:
        Client().open(server.serve("/a", b"a"), {}).close()
        assert "authorization" not in server.asked[0].headers


@pytest.mark.parametrize(
    ("start", "target", "code"),
    [
        ("https://a.org/x", "http://a.org/x", "redirect_downgrade"),
        ("HTTPS://a.org/x", "http://b.org/x", "redirect_downgrade"),
        ("https://a.org/x", "file:///etc/passwd", "redirect_scheme"),
        ("http://a.org/x", "ftp://a.org/x", "redirect_scheme"),
        ("http://a.org/x", "javascript:alert(1)", "redirect_scheme"),
        ("http://a.org/x", "http:///nowhere", "redirect_scheme"),
    ],
)
def test_redirects_that_are_not_followed(start, target, code):
    with pytest.raises(FetchFault) as fault:
        check_redirect(start, target, shown(start))
    assert fault.value.code == code


@pytest.mark.parametrize(
    "location", ["http://[a.org/", "http://me:word@[::1/x", "http://\xff\xfe.org/", "//a.org:port/"]
)
def test_a_redirect_to_what_is_no_address_is_a_fault_of_the_server(location):
    with web() as server:
        url = server.serve("/start", b"", location=location)
        for ask in (lambda: Client().open(url, {}), lambda: Client().open(url, {}, SECRET)):
            with pytest.raises((FetchFault, Passing)) as fault:
                ask()
            assert "word" not in str(fault.value)
        with pytest.raises(FetchFault):
            Client().json("GET", url)


def test_redirects_that_are_followed():
    check_redirect("http://a.org/x", "https://b.org/y", "")
    check_redirect("https://a.org/x", "HTTPS://b.org/y", "")


def test_no_secret_is_shown():
    assert shown("https://user:pass@a.org:8080/b?token=1#c") == "https://a.org:8080/b"
    assert "token-of" not in repr(SECRET)
    with web() as server, pytest.raises(FetchFault) as fault:
        Client().open(server.serve("/signed", b"", statuses=[404]) + "?X-Signature=secret", {}, SECRET)
    assert "secret" not in str(fault.value)
    assert str(fault.value).startswith(f"{server.url}/signed: the server has no such file")


def test_what_a_server_asks_to_wait_is_heard_within_bounds():
    with web() as server:
        for text, seconds in (("7", 7.0), ("999999", 120.0), ("Wed, 01 Jan 2020 00:00:00 GMT", 0.0), ("\xb2", 0.0)):
            url = server.serve(f"/{len(server.asked)}", b"", statuses=[429], retry_after=text)
            with pytest.raises(Passing) as passing:
                Client().open(url, {})
            assert (passing.value.wait_seconds, passing.value.code) == (seconds, "answered")
