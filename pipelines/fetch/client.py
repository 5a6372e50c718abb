"""HTTP as a fetch needs it: redirects looked at one by one, secrets for one host alone, passing failures told apart."""

from __future__ import annotations

import email.utils
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError

from medvision.pipelines.fetch.faults import FetchFault
from medvision.transforms.retries import PASSING_STATUS

REDIRECTS = 8
MOVED = {301, 302, 303, 307, 308}
CONNECT_SECONDS, SILENCE_SECONDS = 20.0, 60.0
"""A server that sends nothing for as long is given up, and asked again."""
LONGEST_RETRY_AFTER = 120.0
CUT = (requests.RequestException, HTTPError, ConnectionError, TimeoutError)
"""What a broken connection raises."""


class Passing(Exception):
    """The same request may succeed later.

    Attributes:
        code: Key of FAULTS, for when it does not.
        wait_seconds: What the server asks to wait, 0 where it does not.
    """

    def __init__(self, text: str, code: str = "unreachable", wait_seconds: float = 0.0) -> None:
        self.code = code
        self.wait_seconds = wait_seconds
        super().__init__(text)


@dataclass(frozen=True)
class Secret:
    """A token for one host; it is never shown, and never sent to another host."""

    value: str = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.value}"}


class Client:
    """One session of connections; used by several threads at once."""

    def __init__(self, silence_seconds: float = SILENCE_SECONDS) -> None:
        self.timeout = (CONNECT_SECONDS, silence_seconds)
        self.session = requests.Session()
        adapter = requests.adapters.HTTPAdapter(pool_connections=16, pool_maxsize=16)
        self.session.mount("https://", adapter)
        self.session.mount("http://", adapter)

    def open(self, url: str, headers: dict[str, str], secret: Secret | None = None) -> requests.Response:
        """The response to a GET, 200, 206 or 416, its body unread. Raises FetchFault, Passing."""
        home, asked = _host(url), shown(url)
        for _ in range(REDIRECTS + 1):
            extra = secret.headers if secret and _host(url) == home else {}
            sent = {"Accept-Encoding": "identity", **headers, **extra}
            try:
                answer = self.session.get(
                    url, headers=sent, stream=True, allow_redirects=False, timeout=self.timeout, auth=_no_netrc
                )
            except requests.exceptions.SSLError as error:
                raise FetchFault("unreachable", asked, "its certificate is not valid") from error
            except CUT as error:
                raise Passing(_why(error)) from error
            except ValueError as error:  # requests itself looks at where a redirect leads
                raise FetchFault("redirect_scheme", asked, "to no valid address") from error
            if answer.status_code not in MOVED:
                return _judged(answer, asked)
            answer.close()
            url = redirected(url, answer.headers.get("Location", ""), asked)
        raise FetchFault("redirect_loop", asked, f"more than {REDIRECTS} times")

    def json(self, method: str, url: str, secret: Secret | None = None, body: Any = None) -> Any:
        """The answer of a service, by one request without redirects. Raises FetchFault, Passing."""
        return self._service(method, url, secret, body)[0]

    def page(self, url: str, secret: Secret | None = None) -> tuple[Any, str]:
        """One page of a list, and the address of the next, "" for none. Raises FetchFault, Passing."""
        return self._service("GET", url, secret, None)

    def _service(self, method: str, url: str, secret: Secret | None, body: Any) -> tuple[Any, str]:
        headers = secret.headers if secret else {}
        try:
            answer = self.session.request(
                method, url, headers=headers, json=body, allow_redirects=False, timeout=self.timeout, auth=_no_netrc
            )
            answer = _judged(answer, shown(url))
            return answer.json(), str(answer.links.get("next", {}).get("url", ""))
        except requests.exceptions.JSONDecodeError as error:
            raise FetchFault("answered", shown(url), "no JSON") from error
        except requests.exceptions.SSLError as error:
            raise FetchFault("unreachable", shown(url), "its certificate is not valid") from error
        except CUT as error:
            raise Passing(_why(error)) from error
        except ValueError as error:  # as in `open`
            raise FetchFault("redirect_scheme", shown(url), "to no valid address") from error


def redirected(url: str, location: str, asked: str) -> str:
    """The address that a redirect from `url` leads to. Raises FetchFault."""
    try:
        target = urljoin(url, location)
        _host(target)
    except ValueError as error:
        raise FetchFault("redirect_scheme", asked, "to no valid address") from error
    check_redirect(url, target, asked)
    return target


def check_redirect(url: str, target: str, asked: str) -> None:
    """Raises FetchFault where a redirect leaves the web, or https."""
    scheme = urlsplit(target).scheme.lower()
    if scheme not in ("http", "https") or not urlsplit(target).hostname:
        raise FetchFault("redirect_scheme", asked, scheme)
    if urlsplit(url).scheme.lower() == "https" and scheme == "http":
        raise FetchFault("redirect_downgrade", asked)


def shown(url: str) -> str:
    """An address without user, query and fragment: they may hold a secret."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"


def _judged(answer: requests.Response, asked: str) -> requests.Response:
    status = answer.status_code
    if status in (200, 201, 206, 416):
        packed = answer.headers.get("Content-Encoding", "identity").lower() not in ("", "identity")
        if packed and "json" not in answer.headers.get("Content-Type", ""):
            answer.close()
            raise FetchFault("encoded", asked)
        return answer
    answer.close()
    if status in PASSING_STATUS:
        raise Passing(f"status {status}", "answered", _retry_after(answer.headers.get("Retry-After", "")))
    if status in (401, 403):
        raise FetchFault("denied", asked, f"status {status}")
    if status in (404, 410):
        raise FetchFault("not_found", asked, f"status {status}")
    raise FetchFault("answered", asked, f"status {status}")


def _why(error: BaseException) -> str:
    """In a few words; the library's own text holds the address, and with it what may be secret."""
    text = str(error)
    words = {"resolve": "its name cannot be resolved", "refused": "it refuses the connection"}
    return next((said for word, said in words.items() if word in text), type(error).__name__)


def _retry_after(text: str) -> float:
    """Seconds that the header asks for, as a number or as a date."""
    if text.isdecimal():
        return min(float(text), LONGEST_RETRY_AFTER)
    try:
        until = email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError):
        return 0.0
    return min(max(0.0, until - time.time()), LONGEST_RETRY_AFTER)


def _host(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme.lower(), (parts.hostname or "").lower(), parts.port


def _no_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """requests would put a login of ~/.netrc in place of ours."""
    return request
