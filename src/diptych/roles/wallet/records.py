"""How what the wallet holds is written down: CBOR, one array per record, for a store that seals it.

Reading is total, although only what this wallet sealed is ever read: `FormatError` says that another release wrote it.
"""

from collections.abc import Mapping
from datetime import datetime

from diptych.errors import FormatError
from diptych.formats.cbor import (
    CborKey,
    CborValue,
    TDate,
    as_array,
    as_bytes,
    as_tdate,
    as_text,
    as_text_map,
    as_unsigned,
    decode,
    encode,
)
from diptych.formats.tlog import act as tlog_act
from diptych.formats.tlog.act import CommittedAct
from diptych.formats.tlog.proof import parse_proof
from diptych.private import Personal, Secret
from diptych.roles.wallet.model import (
    Batch,
    Chain,
    Copy,
    Document,
    Event,
    Grant,
    HeldAct,
    HistoryEntry,
    Life,
    Names,
    Outcome,
    OwnRecord,
    Standing,
    Tokens,
    Trust,
)

CHECK = "wallet.record"


def encode_trust(trust: Trust) -> bytes:
    return encode([trust.issuers, trust.verifiers, trust.log])


def parse_trust(data: bytes) -> Trust:
    fields = as_array(decode(data), CHECK)
    if len(fields) == 2:  # written before there was a log
        fields = [*fields, None]
    issuers, verifiers, log = as_array(fields, CHECK, length=3)
    return Trust(as_bytes(issuers, CHECK), as_bytes(verifiers, CHECK), None if log is None else as_bytes(log, CHECK))


def encode_chain(chain: Chain) -> bytes:
    return encode([chain.grant_id, chain.secret.reveal()])


def parse_chain(data: bytes) -> Chain:
    grant_id, secret = _fields(data, 2)
    return Chain(as_text(grant_id, CHECK), Secret(as_bytes(secret, CHECK)))


def encode_own_record(record: OwnRecord) -> bytes:
    return encode([record.record_id, record.registry, record.content])


def parse_own_record(data: bytes) -> OwnRecord:
    record_id, registry, content = _fields(data, 3)
    return OwnRecord(as_bytes(record_id, CHECK), as_text(registry, CHECK), as_bytes(content, CHECK))


def encode_act(held: HeldAct) -> bytes:
    return encode(
        [
            held.grant_id,
            held.counter,
            held.committed.act.encode(),
            held.committed.salt.reveal(),
            None if held.receipt is None else held.receipt.encode(),
        ]
    )


def parse_act(data: bytes) -> HeldAct:
    grant_id, counter, act, salt, receipt = _fields(data, 5)
    return HeldAct(
        as_text(grant_id, CHECK),
        as_unsigned(counter, CHECK),
        CommittedAct(tlog_act.parse_act(as_bytes(act, CHECK)), Secret(as_bytes(salt, CHECK))),
        None if receipt is None else parse_proof(as_bytes(receipt, CHECK)),
    )


def encode_grant(grant: Grant) -> bytes:
    tokens: list[CborValue] | None = None
    if grant.tokens is not None:
        tokens = [
            grant.tokens.access_token.reveal(),
            TDate.of(grant.tokens.expires_at),
            _encode_secret(grant.tokens.refresh_token),
        ]
    return encode(
        [
            grant.id,
            grant.issuer,
            _encode_names(grant.issuer_names),
            list(grant.configuration_ids),
            list(grant.outstanding),
            grant.code_digest,
            _encode_secret(grant.code),
            _encode_secret(grant.tx_code),
            grant.dpop_key.reveal(),
            tokens,
            None if grant.renewable is None else list(grant.renewable),
        ]
    )


def parse_grant(data: bytes) -> Grant:
    identifier, issuer, names, ids, outstanding, digest, code, tx_code, key, tokens, renewable = _fields(data, 11)
    return Grant(
        id=as_text(identifier, CHECK),
        issuer=as_text(issuer, CHECK),
        issuer_names=_parse_names(names),
        configuration_ids=_parse_texts(ids),
        outstanding=_parse_texts(outstanding),
        code_digest=as_bytes(digest, CHECK),
        code=_parse_secret(code),
        tx_code=_parse_secret(tx_code),
        dpop_key=Secret(as_bytes(key, CHECK)),
        tokens=None if tokens is None else _parse_tokens(tokens),
        renewable=None if renewable is None else _parse_texts(renewable),
    )


def encode_batch(batch: Batch) -> bytes:
    return encode([batch.grant_id, batch.configuration_id, [key.reveal() for key in batch.device_keys]])


def parse_batch(data: bytes) -> Batch:
    grant_id, configuration_id, keys = _fields(data, 3)
    return Batch(
        as_text(grant_id, CHECK),
        as_text(configuration_id, CHECK),
        tuple(Secret(as_bytes(key, CHECK)) for key in as_array(keys, CHECK)),
    )


def encode_document(document: Document) -> bytes:
    claim_names: list[CborValue] = [
        [namespace, identifier, _encode_names(names)] for (namespace, identifier), names in document.claim_names.items()
    ]
    return encode(
        [
            document.id,
            document.grant_id,
            document.configuration_id,
            document.doc_type,
            document.issuer,
            _encode_names(document.names),
            claim_names,
            TDate.of(document.received_at),
            TDate.of(document.valid_from),
            TDate.of(document.valid_until),
        ]
    )


def parse_document(data: bytes) -> Document:
    (
        identifier,
        grant_id,
        configuration_id,
        doc_type,
        issuer,
        names,
        claim_names,
        received_at,
        valid_from,
        valid_until,
    ) = _fields(data, 10)
    described: dict[tuple[str, str], Names] = {}
    for item in as_array(claim_names, CHECK):
        namespace, element, called = as_array(item, CHECK, length=3)
        described[as_text(namespace, CHECK), as_text(element, CHECK)] = _parse_names(called)
    return Document(
        as_text(identifier, CHECK),
        as_text(grant_id, CHECK),
        as_text(configuration_id, CHECK),
        as_text(doc_type, CHECK),
        as_text(issuer, CHECK),
        _parse_names(names),
        described,
        as_tdate(received_at, CHECK),
        as_tdate(valid_from, CHECK),
        as_tdate(valid_until, CHECK),
    )


def encode_copy(copy: Copy) -> bytes:
    return encode(
        [
            copy.id,
            copy.document_id,
            copy.position,
            copy.issuer_signed.reveal(),
            copy.device_key.reveal(),
            copy.is_spent,
        ]
    )


def parse_copy(data: bytes) -> Copy:
    identifier, document_id, position, issuer_signed, device_key, is_spent = _fields(data, 6)
    if not isinstance(is_spent, bool):
        raise FormatError(CHECK, "expected true or false")
    return Copy(
        as_text(identifier, CHECK),
        as_text(document_id, CHECK),
        as_unsigned(position, CHECK),
        Personal(as_bytes(issuer_signed, CHECK)),
        Secret(as_bytes(device_key, CHECK)),
        is_spent,
    )


def encode_history_entry(entry: HistoryEntry) -> bytes:
    return encode(
        [
            entry.id,
            TDate.of(entry.at),
            entry.event.value,
            entry.outcome.value,
            entry.who.reveal(),
            entry.purpose.reveal(),
            list(entry.documents.reveal()),
            entry.mechanism,
            list(entry.learned.reveal()),
        ]
    )


def parse_history_entry(data: bytes) -> HistoryEntry:
    identifier, at, event, outcome, who, purpose, documents, mechanism, learned = _fields(data, 9)
    try:
        happened, ended = Event(as_text(event, CHECK)), Outcome(as_text(outcome, CHECK))
    except ValueError as error:
        raise FormatError(CHECK, "an event that this release does not know") from error
    return HistoryEntry(
        as_text(identifier, CHECK),
        as_tdate(at, CHECK),
        happened,
        ended,
        Personal(as_text(who, CHECK)),
        Personal(as_text(purpose, CHECK)),
        Personal(_parse_texts(documents)),
        None if mechanism is None else as_text(mechanism, CHECK),
        Personal(_parse_texts(learned)),
    )


def encode_standing(standing: Standing) -> bytes:
    return encode(
        [
            standing.life.value,
            _encode_moment(standing.since),
            _encode_moment(standing.backed_up_at),
            list(standing.unproven_grants),
        ]
    )


def parse_standing(data: bytes) -> Standing:
    life, since, backed_up_at, unproven = _fields(data, 4)
    try:
        found = Life(as_text(life, CHECK))
    except ValueError as error:
        raise FormatError(CHECK, "a standing that this release does not know") from error
    return Standing(found, _parse_moment(since), _parse_moment(backed_up_at), _parse_texts(unproven))


def whole_seconds(moment: datetime) -> datetime:
    """`moment` as it is written down."""
    return moment.replace(microsecond=0)


def _fields(data: bytes, count: int) -> list[CborValue]:
    return as_array(decode(data), CHECK, length=count)


def _encode_secret(secret: Secret | None) -> bytes | None:
    return None if secret is None else secret.reveal()


def _parse_secret(value: CborValue) -> Secret | None:
    return None if value is None else Secret(as_bytes(value, CHECK))


def _encode_moment(moment: datetime | None) -> TDate | None:
    return None if moment is None else TDate.of(moment)


def _parse_moment(value: CborValue) -> datetime | None:
    return None if value is None else as_tdate(value, CHECK)


def _parse_tokens(value: CborValue) -> Tokens:
    access_token, expires_at, refresh_token = as_array(value, CHECK, length=3)
    return Tokens(Secret(as_bytes(access_token, CHECK)), as_tdate(expires_at, CHECK), _parse_secret(refresh_token))


def _encode_names(names: Mapping[str, str]) -> dict[CborKey, CborValue]:
    return dict(names.items())


def _parse_names(value: CborValue) -> Names:
    return {language: as_text(name, CHECK) for language, name in as_text_map(value, CHECK).items()}


def _parse_texts(value: CborValue) -> tuple[str, ...]:
    return tuple(as_text(item, CHECK) for item in as_array(value, CHECK))
