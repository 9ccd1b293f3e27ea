"""A relying party's side of the verifier: ask a question, show its link, get the verdict (docs/verifier.md).

Nothing of OpenID4VP is needed here, and nothing of a document comes back but what the policy asks to see.
"""

from dataclasses import dataclass, field
from pathlib import Path

import httpx

from diptych.adapters.http.lines import JSON, HttpLine
from diptych.errors import Conflict, DiptychError, FormatError, Refused, Unavailable
from diptych.formats import base64url, strict_json
from diptych.formats.strict_json import Json
from diptych.private import Personal, Secret
from diptych.protocols.oauth.errors import printable
from diptych.protocols.oauth.url import parse_url

TIMEOUT_SECONDS = 15.0
LONGEST_WAIT_SECONDS = 50
MAX_ANSWER_BYTES = 256 * 1024
FINAL = ("accepted", "refused", "expired")
_FAMILIES: dict[int, type[DiptychError]] = {409: Conflict, 503: Unavailable}


@dataclass(frozen=True)
class Outcome:
    """How a question stands. `revealed` holds what the policy asked to see, and is given once."""

    id: str
    state: str
    policy: str
    check: str | None = None
    time: str | None = None
    mechanism: str | None = None
    verify_ms: int | None = None
    size: int | None = None
    revealed: dict[str, Personal[Json]] = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        """Whether the answer holds."""
        return self.state == "accepted"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will come."""
        return self.state in FINAL


@dataclass(frozen=True)
class Question:
    """One question put to one person: show `link`, or the picture at `qr`, and wait."""

    relying_party: "RelyingParty" = field(repr=False)
    id: str
    secret: Secret
    link: str
    qr: str
    expires_at: str

    def wait(self, seconds: float = 120.0) -> Outcome:
        """The verdict, as soon as there is one, or how it stands after that time."""
        left = seconds
        while True:
            pause = min(left, LONGEST_WAIT_SECONDS)
            outcome = self.relying_party.outcome(self.id, self.secret, wait_seconds=int(pause))
            left -= max(pause, 1.0)
            if outcome.is_final or left <= 0:
                return outcome

    def came_back(self, response_code: str) -> Outcome:
        """Same device: the verdict for the browser that came back to `return_uri` with this code."""
        return self.relying_party.outcome(self.id, self.secret, response_code=response_code)


class RelyingParty:
    """Asks the verifier at `url` with the key that its operator handed out (`relying-party.key`)."""

    def __init__(
        self,
        url: str,
        *,
        key: Secret | None = None,
        key_file: str | Path | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._url = parse_url(url).text.rstrip("/")
        self._key = _read_key(key_file) if key is None and key_file is not None else key
        self._line = HttpLine(transport)

    def ask(self, policy: str, *, return_uri: str | None = None) -> Question:
        """Ask. With `return_uri` the person's browser comes back there, on the same device."""
        if self._key is None:
            raise FormatError("relying_party.key", "asking needs the relying party's key")
        question: dict[str, Json] = {"policy": policy}
        if return_uri is not None:
            question["return_uri"] = return_uri
        members = self._call("/presentations", self._key, body=strict_json.encode(question))
        return Question(
            relying_party=self,
            id=strict_json.text(members, "id"),
            secret=Secret(base64url.decode(strict_json.text(members, "secret"))),
            link=strict_json.text(members, "link"),
            qr=strict_json.text(members, "qr"),
            expires_at=strict_json.text(members, "expires_at"),
        )

    def outcome(
        self, presentation_id: str, secret: Secret, *, wait_seconds: int = 0, response_code: str | None = None
    ) -> Outcome:
        """How a question stands, waiting for its verdict up to that long."""
        headers = {} if response_code is None else {"Response-Code": response_code}
        members = self._call(
            f"/presentations/{presentation_id}",
            secret,
            headers=headers,
            query={"wait": str(wait_seconds)},
            total_seconds=TIMEOUT_SECONDS + wait_seconds,
        )
        revealed = members.get("revealed")
        return Outcome(
            id=strict_json.text(members, "id"),
            state=strict_json.text(members, "state"),
            policy=strict_json.text(members, "policy"),
            check=_text(members.get("check")),
            time=_text(members.get("time")),
            mechanism=_text(members.get("mechanism")),
            verify_ms=_integer(members.get("verify_ms")),
            size=_integer(members.get("bytes")),
            revealed={name: Personal(value) for name, value in revealed.items()} if isinstance(revealed, dict) else {},
        )

    def _call(
        self,
        path: str,
        bearer: Secret,
        *,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
        total_seconds: float = TIMEOUT_SECONDS,
    ) -> dict[str, Json]:
        sent = {"Authorization": f"Bearer {base64url.encode(bearer.reveal())}", **(headers or {})}
        url = self._url + path
        # No redirects: the key and the secrets go to this verifier, and nowhere else.
        try:
            if body is None:
                answer = self._line.get(
                    url, accept=JSON, headers=sent, query=query, max_bytes=MAX_ANSWER_BYTES, total_seconds=total_seconds
                )
            else:
                sent |= {"Accept": JSON, "Content-Type": JSON}
                answer = self._line.post(
                    url, body, headers=sent, max_bytes=MAX_ANSWER_BYTES, total_seconds=total_seconds
                )
        except Unavailable as error:
            raise Unavailable("verifier.unreachable", f"the verifier at {self._url} did not answer") from error
        members = strict_json.parse_object(answer.body)
        if not 200 <= answer.status < 300:
            family = _FAMILIES.get(answer.status, Refused)
            check, said = _text(members.get("error")), _text(members.get("error_description"))
            raise family(printable(check or "verifier.refused"), printable(said or "the verifier refused"))
        return members


def _read_key(path: str | Path) -> Secret:
    try:
        return Secret(base64url.decode(Path(path).read_text(encoding="ascii").strip()))
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError("relying_party.key", "the relying party's key cannot be read") from error


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def _integer(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
