"""What a role's folder needs to record in a public log: the log's policy, and a key that the log admits.

log.policy     whose signatures make a receipt (c2sp.org/tlog-policy), and where the log is
log.key.pem    the key that signs submissions, where it is not in a token
log.pub.pem    its public half, for the log's operator: `diptych log admit`

How acts come about is the role's business.
"""

import json
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx

from diptych.adapters.http.recorder import HttpRecorder
from diptych.adapters.keys import file, locations
from diptych.adapters.keys.pkcs11_uri import TokenAccess
from diptych.adapters.log_files import open_log_files
from diptych.errors import FormatError
from diptych.formats.tlog.entry import ActorClass, Entry
from diptych.formats.tlog.policy import Policy, parse_policy
from diptych.formats.tlog.proof import LogProof
from diptych.protocols.oauth.url import parse_url
from diptych.protocols.reading.states import PublicStates, StateStore
from diptych.protocols.recording.submission import writer_fingerprint

POLICY, PUBLIC_KEY = "log.policy", "log.pub.pem"
MAX_POLICY_BYTES = 1024 * 1024
ASKING_SECONDS = 5.0


def read_policy(path: Path) -> Policy:
    """The policy in a file, which names one log; `FormatError` otherwise."""
    try:
        with path.open("rb") as opened:
            policy = parse_policy(opened.read(MAX_POLICY_BYTES + 1))
    except OSError as error:
        raise FormatError("log.policy", f"the log's policy {path} cannot be read: {error.strerror}") from error
    origin_of(policy)
    return policy


def origin_of(policy: Policy) -> str:
    """The one log that a policy is about."""
    names = {log.key.name for log in policy.logs}
    if len(names) != 1:
        raise FormatError("log.policy", "the policy must be about one log: ask its operator for `policy`")
    return names.pop()


def address_of(policy: Policy, url: str | None) -> str:
    """Where the log takes acts: `url`, or what the policy's `log` line says."""
    found = url or next((log.url for log in policy.logs if log.url), None)
    if found is None:
        raise FormatError("log.address", "the policy does not say where the log is: give its URL, too")
    return parse_url(found.rstrip("/")).text


def join(folder: Path, policy: Policy, *, url: str | None, key: str | None, key_file: str, access: TokenAccess) -> str:
    """Put policy and a key into a role's folder; the lines for its settings, which are to be written last.

    `key` is a `pkcs11:` URI, or nothing for a file. Again after a failure, it takes the key that was made.
    """
    address = address_of(policy, url)
    if key is None and (folder / key_file).exists():
        location, signer = key_file, locations.open_signer(key_file, folder, access)
    else:
        location, signer = locations.make_signer(key, folder, access, file_name=key_file, label="diptych-log-writer")
    (folder / PUBLIC_KEY).unlink(missing_ok=True)
    file.write_public_key(folder / PUBLIC_KEY, signer.public_key)
    file.replace_file(folder / POLICY, policy.encode())
    return settings_text(log=address, log_policy=POLICY, log_key=location)


def settings_text(**values: object) -> str:
    """Lines of a settings file."""
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())


def open_recorder(
    folder: Path,
    policy: Policy,
    *,
    url: str | None,
    key: str,
    access: TokenAccess,
    seconds: float,
    tls: ssl.SSLContext | None = None,
) -> HttpRecorder:
    """The way into the log, with the role's key."""
    return HttpRecorder(
        address_of(policy, url),
        origin=origin_of(policy),
        signer=locations.open_signer(key, folder, access),
        policy=policy,
        seconds=seconds,
        tls=tls,
    )


def open_states(
    folder: Path,
    policy: Policy,
    *,
    actor: ActorClass,
    store: StateStore,
    record: Callable[[Sequence[Entry]], Sequence[LogProof]],
    url: str | None,
    key: str,
    access: TokenAccess,
) -> PublicStates:
    """How far the role has come in its log, which `record` leads to under the role's key."""
    writer = writer_fingerprint(locations.open_signer(key, folder, access).public_key)
    files = open_log_files(address_of(policy, url))
    return PublicStates(actor, store, record, policy, origin_of(policy), writer, files)


def takes_acts(address: str) -> bool:
    """Whether the log says that it does."""
    try:
        return httpx.get(address + "/ready", timeout=ASKING_SECONDS, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def names_in(settings: str) -> Sequence[str]:
    """Which of the settings about the log a settings file has already."""
    words = ("log", "log_policy", "log_key", "without_log")
    return [word for line in settings.splitlines() if (word := line.partition("=")[0].strip()) in words]
