"""The auditor's folder: the key that attests, the log it audits and records in, what it attested last.

auditor.key.pem  auditor.pub.pem   the key that attests (or a token's); its public half, for trustees and registry
log.policy  log.key.pem            the log, and the key that records in it: see `log_writer`
waiting.cbor                       an attestation that is on its way: for the auditor alone
attestation.cbor                   the last one, with the act that published it
"""

from pathlib import Path

from diptych.adapters import log_writer
from diptych.adapters.founding import founded
from diptych.adapters.keys import file, locations
from diptych.adapters.keys.pkcs11_uri import TokenAccess
from diptych.errors import FormatError, Unavailable
from diptych.formats import cbor
from diptych.formats.cbor import as_bytes
from diptych.formats.cose.statement import as_members
from diptych.formats.mandate.attestation import AUDIT_ATTESTATION
from diptych.formats.tlog.act import CommittedAct, parse_act
from diptych.formats.tlog.policy import Policy
from diptych.private import Secret
from diptych.protocols.certifying.standing import AttestationNews, parse_attestation_news
from diptych.roles.auditor.model import Waiting

KEY, PUBLIC_KEY, LOG_KEY = "auditor.key.pem", "auditor.pub.pem", "log.key.pem"
WAITING, LAST = "waiting.cbor", "attestation.cbor"
MAX_BYTES = 128 * 1024


def create(
    folder: Path,
    *,
    log_policy: Policy,
    log_url: str | None,
    settings: tuple[str, str],
    key: str | None,
    access: TokenAccess,
) -> None:
    """A new auditor's folder, whole or not at all; `Conflict` if something is there already.

    `settings` are the settings file's name and text, to which the keys' and the log's places are added.
    """
    with founded(folder, "auditor") as beside:
        location, signer = locations.make_signer(key, beside, access, file_name=KEY, label="diptych-auditor")
        file.write_public_key(beside / PUBLIC_KEY, signer.public_key)
        lines = log_writer.settings_text(key=location)
        lines += log_writer.join(beside, log_policy, url=log_url, key=key, key_file=LOG_KEY, access=access)
        (beside / settings[0]).write_text(settings[1] + lines, encoding="utf-8")


class BookFiles:
    """`AttestationBook` in the auditor's folder."""

    def __init__(self, folder: Path) -> None:
        self._waiting, self._last = folder / WAITING, folder / LAST

    def waiting(self) -> Waiting | None:
        data = _read(self._waiting)
        return None if data is None else parse_waiting(data)

    def keep(self, waiting: Waiting) -> None:
        file.replace_file(self._waiting, encode_waiting(waiting), mode=0o600)

    def last(self) -> AttestationNews | None:
        data = _read(self._last)
        return None if data is None else parse_attestation_news(data)

    def finish(self, news: AttestationNews) -> None:
        file.replace_file(self._last, news.encode())
        self._waiting.unlink(missing_ok=True)


def encode_waiting(waiting: Waiting) -> bytes:
    """The exact inverse of `parse_waiting`."""
    return cbor.encode(
        {
            "attestation": waiting.attestation.encode(),
            "act": waiting.committed.act.encode(),
            "salt": waiting.committed.salt.reveal(),
        }
    )


def parse_waiting(data: bytes) -> Waiting:
    """The attestation under way in a file, or `FormatError`."""
    members = as_members(cbor.decode(data), "auditor.waiting", ("attestation", "act", "salt"))
    attestation, act, salt = (as_bytes(member, "auditor.waiting") for member in members)
    found = Waiting(AUDIT_ATTESTATION.parse(attestation), CommittedAct(parse_act(act), Secret(salt)))
    if encode_waiting(found) != data:
        raise FormatError("auditor.waiting", "not the one encoding of an attestation under way")
    return found


def _read(path: Path) -> bytes | None:
    try:
        with path.open("rb") as opened:
            return opened.read(MAX_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unavailable("auditor.read", f"{path.name} cannot be read: {error.strerror}") from error
