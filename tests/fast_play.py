"""The town of `play` whose issuer signs for the fast suite too, with its real keys and epochs on disk."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from diptych.adapters.epoch_folder import Cores, EpochFolder, Published
from diptych.adapters.fast_suite_keys import CurrentProvingSigners, FastSuiteKeys
from diptych.adapters.http.epochs import HttpEpochs
from diptych.crypto.signing import SoftwareSigner, generate_signer
from diptych.formats.bbs_credential.epoch import LIST_PATH
from diptych.formats.bbs_credential.trust import FastSuiteTrust, encode_member
from diptych.formats.mdoc.trust import IssuerTrust, encode_trust
from diptych.private import Personal
from diptych.protocols.openid4vp import registration, request_object
from diptych.protocols.openid4vp.registration import Registration, VerifierTrust
from diptych.protocols.openid4vp.scope import pseudonym_scope
from diptych.protocols.reading.epochs import EpochsInLog
from diptych.protocols.reading.memory import MemoryLogFiles
from diptych.roles.issuer.enrolments import mark_enrolments
from diptych.roles.issuer.epochs import EpochLog
from diptych.roles.log.fakes import MemoryTileStore
from diptych.roles.verifier.fakes import FixedEpochs, MemoryVerifierStore
from diptych.roles.verifier.service import Result, Verifier, VerifierParty
from diptych.roles.wallet.epochs import Fetched
from diptych.roles.wallet.planning import Plan
from diptych.roles.wallet.presenting import Consent
from diptych.roles.wallet.service import Wallet
from tests.issuing import NOW
from tests.log_world import POLICY, World
from tests.play import VERIFIER_URL, Play, catalogue, policies
from tests.recording import RecordingInProcess

AGREED = Consent(agrees=True)


class LoggedEpochs:
    """The public log of a play, and how its readers see it."""

    def __init__(self, play: "FastPlay") -> None:
        self._play = play
        store = MemoryTileStore()
        self.recorder = RecordingInProcess(World(files=store, policy=POLICY, now=play.now))
        self.files = MemoryLogFiles(store.files)

    def fetch(self, wallet: Wallet | None = None) -> Fetched:
        """The wallet fetches its tokens, and looks into the log."""
        return (wallet or self._play.wallet).fetch_tokens(now=self._play.now, files=self.files)

    def verifiers_look(self) -> HttpEpochs:
        """A verifier's own look at the issuer's epochs and the log."""
        return HttpEpochs(self._play.issuer_end.fetch, EpochsInLog(self.files, POLICY))


class FastPlay(Play):
    """Everybody, and the fast suite. `folder` is the issuer's."""

    def __init__(self, folder: Path, **more: object) -> None:
        super().__init__(**more)  # type: ignore[arg-type]
        self.keys = FastSuiteKeys(folder, self.town.url)
        self.keys.ensure(catalogue(), entropy=self.town.entropy)
        self.epoch_folder = EpochFolder(folder, self.keys)
        self.epochs = FixedEpochs()
        self.epoch_log: EpochLog | None = None
        self.sign_for_the_fast_suite()
        self.take_trust()
        self.meet(self.fast_verifier())

    @property
    def public(self) -> FastSuiteTrust:
        public = self.keys.public()
        assert public is not None
        return public

    @property
    def trust(self) -> IssuerTrust:
        return replace(self.town.signers.trust(), fast_suite=encode_member(self.public))

    def sign_for_the_fast_suite(self) -> None:
        signers = CurrentProvingSigners(self.keys, catalogue(), lambda: self.now)
        self.town.issuer = replace(self.town.issuer, proving_signers=signers)
        self.issuer_end.issuer = self.town.issuer

    def take_trust(self, wallet: Wallet | None = None, log: bytes | None = None) -> None:
        """The wallet takes the issuer's trust file as it is now."""
        (wallet or self.wallet).set_trust(
            encode_trust(self.trust),
            registration.encode_trust(VerifierTrust((self.access.root,), (self.registrar.public_key,))),
            log,
        )

    def fast_verifier(self, name: str = "Café Utopia", signer: SoftwareSigner | None = None) -> Verifier:
        """A verifier that takes the fast suite, registered for every question."""
        signer = signer or generate_signer()
        leaf = self.access.reader(signer, name=name)
        registered = Registration(
            request_object.client_id(leaf),
            tuple(policy.registered_use() for policy in policies().values()),
            NOW - timedelta(days=1),
            NOW + timedelta(days=200),
        )
        return Verifier(
            url=VERIFIER_URL,
            party=VerifierParty(
                signer,
                (leaf,),
                registration.sign(registered, signer=self.registrar),
                pseudonym_scope((leaf,), (self.access.root,)),
            ),
            policies=policies(),
            trust=self.trust,
            store=MemoryVerifierStore(),
            proofs=self.proofs,
            entropy=self.town.entropy,
            stopwatch=lambda: 0.0,
            epochs=self.epochs,
        )

    def record_epochs(self) -> "LoggedEpochs":
        """From now on the issuer's epochs stand in a public log, which the wallet was told of."""
        found = LoggedEpochs(self)
        self.epoch_log = EpochLog(found.recorder, POLICY, found.files)
        self.take_trust(log=POLICY.encode())
        return found

    def publish(self, *, is_incident: bool = False, length: timedelta = timedelta(days=1)) -> Published:
        """The issuer publishes an epoch, a second later than whatever was before; verifiers learn of it."""
        self.later(seconds=1)
        found = self.epoch_folder.publish(
            self.town.store,
            now=self.now,
            length=length,
            ends_earlier=is_incident,
            workshop=Cores(1),
            entropy=self.town.entropy,
            stopwatch=lambda: 0.0,
            log=self.epoch_log,
        )
        root = self.epoch_folder.folder / "epochs"
        self.issuer_end.files = {
            f"/epochs/{path.relative_to(root)}": path.read_bytes() for path in root.glob("*/*") if path.is_file()
        }
        self.issuer_end.files[LIST_PATH] = (root / "epochs.json").read_bytes()
        self.epochs.listed = list(self.epoch_folder.listed(now=self.now))
        return found

    def revoke(self) -> None:
        """Every order is revoked."""
        store = self.town.store
        for order_id, _ in list(store.contents().enrolments):  # type: ignore[attr-defined]
            with store.transaction() as state:
                mark_enrolments(state, order_id, is_revoked=True)

    def answered(self, policy: str, wallet: Wallet | None = None) -> tuple[Plan, Result]:
        """Asked, agreed to, and answered; the plan and what the relying party learns."""
        asked = self.ask(policy)
        plan = (wallet or self.wallet).review(asked.link, now=self.now)
        (wallet or self.wallet).answer(plan, AGREED, now=self.now)
        return plan, self.result(asked)

    def pseudonym(self, wallet: Wallet | None = None) -> str:
        _, result = self.answered("same_customer", wallet)
        found = result.revealed["pseudonym"]
        assert isinstance(found, Personal)
        return str(found.reveal())
