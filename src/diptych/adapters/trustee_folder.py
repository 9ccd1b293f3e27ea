"""The trustee's folder: its keys, whom it believes, its policy, its place in the trustee set.

trustee.key.pem  recipient.seeds     private keys: the one it signs with (or a token's), the one shares are sealed to
trustee.json                         name, URL and public keys, for the agency to name it in a trustee set
log-policy  agency.pem               the log it believes, the agency's certifying key
auditors/*.pem  courts/*.pem         whom its policy speaks of, by file name
policy.toml                          what it asks before it answers
months/                              the keys of its months: see `month_keys`
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from diptych.adapters.founding import founded
from diptych.adapters.keys import file, locations
from diptych.adapters.keys.pkcs11_uri import TokenAccess
from diptych.crypto import hpke
from diptych.crypto.hpke import HybridRecipient
from diptych.crypto.signing import PublicKey, Signer, encode_public_key, fingerprint, parse_public_key
from diptych.errors import FormatError, Unavailable
from diptych.formats import base64url, strict_json
from diptych.formats.strict_toml import only, parse_table
from diptych.formats.tlog.policy import parse_policy
from diptych.private import Secret
from diptych.protocols.lookup import policy_file as lookup_policy
from diptych.protocols.oauth.url import parse_url
from diptych.protocols.opening import policy_file as opening_policy
from diptych.roles.trustee import odds
from diptych.roles.trustee.service import TrusteePolicy

DATABASE = "trustee.db"
KEY, RECIPIENT, PUBLIC_FILE = "trustee.key.pem", "recipient.seeds", "trustee.json"
LOG_POLICY, AGENCY, POLICY = "log-policy", "agency.pem", "policy.toml"
AUDITORS, COURTS, MONTHS = "auditors", "courts", "months"
MAX_BYTES = 1024 * 1024

HOLDER_POLICY = """\
# What is asked here before anything is answered (docs/operations/trustee.md).
# A change counts from the next start on; have it logged (policy_changed) before it does.

waiting_hours = {waiting_hours}      # a new officer's, from the publication of the certificate
request_minutes = 60    # how long an opening request can be answered
delay_minutes = 10      # how long after it was made a request may become public
openings_a_day = {{ officer = 20, agency = 500 }}
audit = {{ since = {since}, grace_days = 30 }}

[legal_basis.reissue]           # the citizen is present and has lost their wallet
since = 2020-01-01

[legal_basis.correction]
since = 2020-01-01
role = "correct"

[legal_basis.citizen_request]   # a citizen asks for their own record: no lapsed audit holds that up
since = 2020-01-01
citizens_own = true

# [legal_basis.judicial]        # the court's key lies in courts/assizes.pem
# since = 2020-01-01
# courts = ["assizes"]
# max_deferral_days = 365
# approval = true
"""

DEFAULT_POLICY = (
    HOLDER_POLICY
    + """
[lookup.civil-status]
legal_bases = ["enrolment", "reissue", "correction", "citizen_request"]
officer_a_day = 200
agency_a_day = 20000

[quorum]                        # what the odds in `diptych trustee status` assume
loss_percent_a_year = 5         # of a hundred trustees, how many are lost for good in a year
days_to_replace = 30            # how long it takes, at most, to replace one
"""
)


@dataclass(frozen=True)
class TrusteeCard:
    """What a trustee hands to the agency, by a way that both trust."""

    name: str
    url: str
    signer: PublicKey
    recipient: bytes

    def encode(self) -> bytes:
        """The exact inverse of `parse_card`."""
        return strict_json.encode(
            {
                "name": self.name,
                "url": self.url,
                "signer": base64url.encode(encode_public_key(self.signer)),
                "recipient": base64url.encode(self.recipient),
            }
        )


def parse_card(data: bytes) -> TrusteeCard:
    """The card in a file, or `FormatError`."""
    members = strict_json.parse_object(data)
    recipient = base64url.decode(strict_json.text(members, "recipient"))
    hpke.check_public_key(recipient)
    return TrusteeCard(
        strict_json.text(members, "name"),
        parse_url(strict_json.text(members, "url")).text,
        parse_public_key(base64url.decode(strict_json.text(members, "signer"))),
        recipient,
    )


def create(
    folder: Path,
    *,
    name: str,
    url: str,
    agency_key: PublicKey,
    log_policy: bytes,
    policy: str,
    settings: Mapping[str, str],
    key: str | None,
    access: TokenAccess,
) -> TrusteeCard:
    """A new trustee's folder, whole or not at all; `Conflict` if something is there already.

    `settings` are the settings file's name and text, to which the key's place is added.
    """
    parse_policy(log_policy)
    with founded(folder, "trustee") as beside:
        location, signer = locations.make_signer(key, beside, access, file_name=KEY, label="diptych-trustee")
        recipient = hpke.generate_recipient()
        write_secret(beside / RECIPIENT, recipient.seeds())
        card = TrusteeCard(name, url, signer.public_key, recipient.public_key)
        (beside / PUBLIC_FILE).write_bytes(card.encode() + b"\n")
        (beside / LOG_POLICY).write_bytes(log_policy)
        file.write_public_key(beside / AGENCY, agency_key)
        for empty in (AUDITORS, COURTS, MONTHS):
            (beside / empty).mkdir(mode=0o700)
        (beside / POLICY).write_text(policy, encoding="utf-8")
        for settings_name, text in settings.items():
            (beside / settings_name).write_text(text + f'key = "{location}"\n', encoding="utf-8")
        read_policy(beside)
    return card


def read_policy(folder: Path) -> TrusteePolicy:
    """Whom the trustee believes and what it asks, from the files of its folder."""
    auditors, courts = (
        {path.stem: file.read_public_key(path) for path in sorted((folder / name).glob("*.pem"))}
        for name in (AUDITORS, COURTS)
    )
    table = parse_table(_read(folder / POLICY))
    only(table, (*opening_policy.MEMBERS, *lookup_policy.MEMBERS, *odds.MEMBERS), POLICY)
    holder = opening_policy.read_holder_policy(table, log=parse_policy(_read(folder / LOG_POLICY)), courts=courts)
    return TrusteePolicy(
        holder,
        lookup_policy.read_lookup_policies(table, waiting_time=holder.waiting_time),
        file.read_public_key(folder / AGENCY),
        {fingerprint(key): key for key in auditors.values()},
        odds.read_risk(table),
    )


def read_card(folder: Path) -> TrusteeCard:
    """What this trustee hands to the agency."""
    return parse_card(_read(folder / PUBLIC_FILE))


def read_signer(folder: Path, location: str, access: TokenAccess) -> Signer:
    """The key that the trustee signs with."""
    return locations.open_signer(location, folder, access)


def read_recipient(folder: Path) -> HybridRecipient:
    """The key that shares are sealed to."""
    text = file.read_secret(folder / RECIPIENT).reveal().decode("ascii", "replace")
    return hpke.load_recipient(Secret(base64url.decode(text)))


def write_secret(path: Path, secret: Secret) -> None:
    """A new file with a secret in its first line, for its owner alone; durable on return."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as opened:
        opened.write(base64url.encode(secret.reveal()) + "\n")
        opened.flush()
        os.fsync(opened.fileno())


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as opened:
            return opened.read(MAX_BYTES)
    except FileNotFoundError as error:
        raise FormatError("trustee.missing", f"there is no {path.name} there: run `init` first") from error
    except OSError as error:
        raise Unavailable("trustee.read", f"{path.name} cannot be read: {error.strerror}") from error
