"""What is done about a citizen is public, without saying about whom; and whoever would do it unseen is found out."""

from dataclasses import replace

from diptych.formats.tlog import tree
from diptych.formats.tlog.act import verify_act
from diptych.formats.tlog.entry import ActType, parse_entry
from diptych.formats.tlog.label import ChainElement
from diptych.formats.tlog.proof import verify_receipt
from diptych.roles.wallet.acts import Shown
from tests.log_world import POLICY, audited
from tests.roles.wallet.test_acts import by_officer, files, look
from tests.roles.wallet.test_recorded import Scene


def test_from_the_counter_to_the_proof_that_nothing_else_was_done() -> None:
    """Erika takes her documents, renews, and reads the log after midnight."""
    play = Scene()
    # At the counter her licence is approved; her wallet takes it, and with it a receipt for each batch.
    assert play.play.receive().refused == ()
    # Ten days later the short-lived proofs renew themselves. No officer is there; they are acts all the same.
    play.play.later(days=10)
    assert len(play.play.wallet.renew_due(now=play.play.now).documents) == 2
    # An officer suspends the licence: it was reported as stolen.
    by_officer(play)
    # Midnight. The log lists its labels, and the witnesses cosign that too.
    play.recorder.world.close_day()
    # Erika finds everything, the suspension as well, which nobody told her of; and that there is nothing else.
    found = look(play)
    assert [one.act_type.word for one in found.acts] == ["suspended", *["renewed"] * 2, *["issued"] * 3]
    assert [one.shown for one in found.acts] == [Shown.UNTOLD, *[Shown.PROVEN] * 5]
    assert found.tree is not None
    # Anybody verifies the whole log, and sees how much was done that day, and about nobody whom.
    report = audited(files(play.recorder.world))
    assert report.is_verified
    assert report.acts == {ActType.ISSUED: 3, ActType.RENEWED: 2, ActType.SUSPENDED: 1, ActType.LABEL_TREE: 1}
    everything = b"".join(files(play.recorder.world).values())
    assert b"Mustermann" not in everything
    chain = play.contents.chains()[0]
    assert chain.secret.reveal() not in everything


def test_one_document_is_shown_to_be_issued_in_public_without_the_others_of_its_batch() -> None:
    """A court asks whether this very copy was issued: the receipt, the act and a path say so, to anyone."""
    play = Scene()
    play.play.receive()
    (document,) = [one for one in play.contents.documents() if one.configuration_id == "driving-licence"]
    copies = [copy.issuer_signed.reveal() for copy in play.contents.copies(document.id)]
    (held,) = [one for one in play.acts if one.committed.act.details.reveal()["type"] == "driving-licence"]
    # What Erika hands over: one copy, its path in the batch, the act with its salt, the receipt.
    levels = tree.Levels.over(copies)
    path = tree.build_inclusion_proof(4, len(copies), levels.node)
    assert held.receipt is not None
    # What the court checks, under the public policy.
    entry = parse_entry(verify_receipt(held.receipt, policy=POLICY).entry)
    details = verify_act(held.committed, entry=entry).act.details.reveal()
    root, count = details["credentials"], details["count"]
    assert isinstance(root, bytes)
    assert isinstance(count, int)
    tree.verify_inclusion(tree.leaf_hash(copies[4]), index=4, proof=path, size=count, expected_root=root)


def test_an_issuer_that_would_rather_not_be_seen_hands_out_nothing_that_a_wallet_takes() -> None:
    """The defence removed: an issuer that records nothing. Its documents are genuine, and nobody takes them."""
    play = Scene()
    play.play.issuer_end.issuer = replace(play.play.town.issuer, log=None)
    assert {one.check for one in play.play.receive().refused} == {"wallet.receipt_missing"}
    assert play.held == {}


def test_who_has_no_element_of_the_chain_cannot_tell_two_acts_of_one_person_from_those_of_two() -> None:
    play = Scene()
    play.play.receive()
    play.play.receive()
    entries = [parse_entry(row) for row in play.recorder.world.store.entries(0, play.recorder.world.store.size())]
    labels = [entry.label for entry in entries]
    assert len(set(labels)) == len(labels)
    assert len({(entry.act_type, entry.day, entry.actor, entry.policy_hash) for entry in entries}) == 1
    # Whoever has the first element names every label, in order.
    for chain in play.contents.chains():
        mine = [ChainElement(chain.secret).at(number).label for number in range(3)]
        assert set(mine) <= set(labels)
