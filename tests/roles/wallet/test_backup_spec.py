"""docs/spec/wallet-backup.md is enough to open a backup: done here without our code."""

import os
from datetime import UTC, datetime

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from diptych.crypto.passphrase import DEFAULT_HARDNESS
from diptych.private import Secret
from diptych.roles.wallet.backup import Backup, seal_backup
from tests.play import Play

PASSPHRASE = "clé de sauvegarde"


def test_the_page_is_enough_to_open_a_backup() -> None:
    play = Play()
    play.receive()
    backup = Backup(play.now, False, play.store.read())
    file = seal_backup(backup, Secret(PASSPHRASE.encode()), hardness=DEFAULT_HARDNESS, entropy=os.urandom)

    name, memory_kib, iterations, lanes, salt, sealed = cbor2.loads(file)
    assert (name, memory_kib, iterations, lanes, len(salt)) == ("diptych wallet backup 1", 262_144, 3, 1, 16)
    work = Argon2id(salt=salt, length=32, iterations=iterations, lanes=lanes, memory_cost=memory_kib)
    key = work.derive(PASSPHRASE.encode("utf-8"))

    context = cbor2.dumps([name, memory_kib, iterations, lanes, salt])
    suite, nonce, commitment, ciphertext = sealed[0], sealed[1:13], sealed[13:45], sealed[45:]
    both = HKDF(hashes.SHA256(), 64, salt=nonce, info=b"diptych sealing 1" + context).derive(key)
    assert (suite, commitment) == (1, both[32:])
    plaintext = AESGCM(both[:32]).decrypt(nonce, ciphertext, None)
    assert len(plaintext) in (65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864)

    length = int.from_bytes(plaintext[:4], "big")
    assert set(plaintext[4 + length :]) <= {0}
    found = cbor2.loads(plaintext[4 : 4 + length])
    assert list(found) == ["made", "move", "entries"]
    assert (found["made"], found["move"]) == (datetime(2026, 6, 15, 9, 30, tzinfo=UTC), False)
    assert [tuple(entry[:2]) for entry in found["entries"]] == sorted(
        (key.kind.value, key.name) for key in backup.entries
    )
    assert {entry[0] for entry in found["entries"]} == {"trust", "grant", "document", "copy", "history"}
    licence = next(cbor2.loads(record) for kind, _, record in found["entries"] if kind == "document")
    assert len(licence) == 10
